// Which engine decodes, and where: WebAssembly, or JavaScript where the page forbids it; in a worker, or on the page's thread where
// it forbids that. Small pictures take what this file holds; for the first large one, the build with vectors is fetched.
import { inflate } from "./inflate.js";
import { decoder, makeDecoder } from "./own.js";

const { ApercuError, decodeImage, wasmEngine } = decoder;
const LARGE = 2 ** 18; // pixels
// The type of a function that returns a vector: valid where there are any.
const VECTOR = [0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 123];
let wanted = { worker: true }, started;

/** See index.d.ts. */
export function configure(options) {
  wanted = { ...wanted, ...options };
  started?.then(({ stop }) => stop?.());
  started = undefined;
}

/** What `start` returns, from the first call on. */
export function engine() {
  return (started ??= start(wanted).catch((error) => {
    started = undefined; // another time the network may be there
    throw error;
  }));
}

const compiled = async (text) => WebAssembly.compile(await inflate(text));
const withVectors = async () => compiled((await import("./simd.js")).default);

/** `local()`: the engine of the page's thread. `run`: decodes a file of so many pixels, wherever. */
async function start({ engine: name, worker }) {
  const module = name === "javascript" ? null : await (name === "simd" ? withVectors() : compiled($scalar)).catch(() => null);
  if (!module) {
    const { engine } = await import("./fallback.js");
    return onThisThread(() => engine);
  }
  let own, better = name || !WebAssembly.validate(Uint8Array.from(VECTOR)) || null;
  const local = () => (own ??= wasmEngine(module));
  const starting = Promise.resolve(worker && inWorker(module)).then((away) => away || onThisThread(local));
  return {
    local,
    stop: async () => (await starting).stop?.(),
    async run(pixels, ...file) {
      const { run, use } = await starting;
      if (pixels >= LARGE) await (better ??= withVectors().then(use).catch(() => {})); // else as it is
      return run(pixels, ...file);
    },
  };
}

function onThisThread(local) {
  let engine;
  return {
    local,
    use: (module) => (engine = wasmEngine(module)),
    run: async (pixels, bytes, options, numbers) => {
      (engine ?? local()).use(numbers);
      return decodeImage(engine ?? local(), bytes, options);
    },
  };
}

/** A worker that has the module, or nothing where none may start. */
async function inWorker(module) {
  let worker, script, last = 0, ready = false;
  try {
    script = URL.createObjectURL(new Blob([`(${makeDecoder})().serve(self)`]));
    worker = new Worker(script, { name: "apercu" });
  } catch {
    return;
  }
  const waiting = new Map();
  const ask = (message, moved = []) =>
    new Promise((resolve, reject) => {
      waiting.set(++last, { resolve, reject });
      worker.postMessage({ id: last, ...message }, moved);
    });
  worker.onmessage = ({ data: { id, image, error } }) => {
    const { resolve, reject } = waiting.get(id);
    waiting.delete(id);
    if (error) reject(new ApercuError(error.name, error.message));
    else resolve(image);
  };
  const stop = () => {
    worker.terminate();
    for (const { reject } of waiting.values()) reject(new Error("the worker has ended"));
    waiting.clear();
  };
  worker.onerror = (event) => {
    event.preventDefault();
    stop();
    if (ready) started = undefined; // another will take its place
  };
  try {
    await ask({ module });
    ready = true;
  } catch {
    return;
  } finally {
    URL.revokeObjectURL(script);
  }
  const run = (pixels, bytes, options, numbers) => ask({ bytes, options, numbers }, [bytes.buffer]);
  return { run, stop, use: (module) => ask({ module }) };
}
