import type { Bytes, DecodeOptions, Image } from "./index.js";

/** What is used of onnxruntime-web: `import * as ort from "onnxruntime-web"`. */
export interface Runtime {
  InferenceSession: { create(network: any): Promise<Session> };
  Tensor: new (type: any, data: any, sides: readonly number[]) => any;
}

export interface Session {
  readonly inputNames: readonly string[];
  readonly outputNames: readonly string[];
  run(given: any): Promise<any>;
}

/**
 * The image in a file, brought closer to what was encoded by the network of `apercu.decode(restore="cnn")`; within its
 * tolerance, not to the bit. `network`: the file cnn.onnx of the Python package (2 MB), as bytes, an address or a session.
 * Rejects with ApercuError, or with what the runtime says.
 */
export function restore(data: Bytes, options: Omit<DecodeOptions, "damaged"> & { ort: Runtime; network: Bytes | string | URL | Session }): Promise<Image>;
