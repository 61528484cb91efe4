// What runs on the page and in its worker alike. build.mjs makes one function of this file and what it imports, whose text is
// the worker's script: so a page needs no second file, and whoever bundles it need not know.
import { decodeImage } from "./image.js";
import { wasmEngine } from "./wasm.js";

export { ApercuError } from "./errors.js";
export { readHead } from "./head.js";
export { decodePlaceholder, readPlaceholder } from "./placeholder.js";
export { decodeImage, wasmEngine };

/** Answers in a worker. A message has a module, or a file and the numbers of its model. */
export function serve(scope) {
  let engine;
  scope.onmessage = ({ data: { id, module, bytes, options, numbers } }) => {
    try {
      if (module) engine = wasmEngine(module);
      if (!bytes) return scope.postMessage({ id });
      engine.use(numbers);
      const image = decodeImage(engine, bytes, options);
      scope.postMessage({ id, image }, [image.data.buffer]);
    } catch ({ name, message }) {
      scope.postMessage({ id, error: { name, message } });
    }
  };
}
