// What users write, for the compiler of TypeScript alone: tests/test_web.py.
import * as apercu from "apercu";
import { ApercuImg } from "apercu/element";
import { encode } from "apercu/encode";
import { restore, type Runtime } from "apercu/restore";

declare const ort: Runtime;

export async function all(data: Uint8Array, response: Response): Promise<string> {
  const image = await apercu.decode(data, { layers: 2, damaged: "conceal", maxPixels: 1e6, model: data.buffer as ArrayBuffer });
  const samples: Uint8Array | Uint16Array = image.data, shown: Uint8Array = image.shown;
  for await (const part of apercu.decodeStream(response)) console.log(part.layers, part.width);
  const [red]: [number, number, number] = apercu.averageColour(data), { aspect } = apercu.placeholderInfo(data);
  const small = await apercu.placeholderImage(data, { width: 64, height: 48 });
  const pixels = new ImageData(await apercu.toRGBA(image), image.width, image.height);
  console.log(samples.length, shown.length, red, aspect, small.data, pixels, apercu.info(data).dtype === "uint8");
  ApercuImg.restorer = (bytes) => restore(bytes, { ort, network: "/cnn.onnx" });
  const element: ApercuImg = document.createElement("apercu-img");
  console.log(element.naturalWidth, await encode(small, { nBytes: 300 }));
  try {
    apercu.configure({ engine: "javascript", worker: false });
  } catch (error) {
    if (error instanceof apercu.ApercuError && error.name === "Truncated") throw error;
  }
  // @ts-expect-error: no such choice
  await apercu.decode(data, { damaged: "fill" });
  // @ts-expect-error: no such error
  console.log(new apercu.ApercuError().name === "NoSuchError");
  return apercu.toDataURL(image);
}
