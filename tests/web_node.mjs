// node web_node.mjs PACKAGE CASES: prints what each engine makes of the cases, and what other functions make of the last of them
// that are pictures.
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { pathToFileURL } from "node:url";
import { run } from "./web_cases.mjs";

const hash = (bytes) => createHash("sha256").update(bytes).digest("hex");

const [, , path, file] = process.argv, apercu = await import(pathToFileURL(path)), found = {};
const { encode } = await import(pathToFileURL(path.replace("apercu.js", "encode.js")));
const { restore } = await import(pathToFileURL(path.replace("apercu.js", "restore.js")));
const { cases, pictures, textured, encodings, waves } = JSON.parse(readFileSync(file));
for (const engine of ["scalar", "simd", "javascript"]) {
  apercu.configure({ engine });
  found[engine] = await run(apercu, cases);
}
apercu.configure({ engine: undefined });

async function* inPieces(bytes, n) {
  for (let at = 0; at < bytes.length; at += n) yield bytes.subarray(at, at + n);
}

async function streamed(bytes, options, n) {
  const layers = [];
  try {
    for await (const image of apercu.decodeStream(inPieces(bytes, n), options)) layers.push(image.layers);
  } catch (error) {
    layers.push(error.name);
  }
  return layers;
}

const all = async (items, make) => {
  const made = [];
  for (const item of items) made.push(await make(item));
  return made;
};
found.pictures = [];
for (const text of pictures) {
  const bytes = Buffer.from(text, "base64"), image = await apercu.decode(bytes), view = new Uint8Array(bytes);
  found.pictures.push({
    info: apercu.info(bytes),
    ofBuffer: (await apercu.decode(view.buffer)).data.length,
    url: image.interpretation === "spectral" ? null : await apercu.toDataURL(image),
    rgba: Buffer.from(await apercu.toRGBA(image)).toString("base64"),
    streamed: await streamed(bytes, {}, 3),
    two: await streamed(bytes, { layers: 2 }, 3),
    cut: await streamed(bytes.subarray(0, bytes.length - 2), {}, 3),
    concealed: await streamed(bytes.subarray(0, bytes.length - 2), { damaged: "conceal" }, 3),
    encoded: image.bands <= 3 ? await all(encodings, async (options) => hash(await encode(image, options))) : null,
    small: image.bands <= 3 ? (await encode(image, { nBytes: 200 })).length : null,
    once: await streamed(bytes, {}, bytes.length),
  });
}

found.large = await all(encodings, async (options) => hash(await encode({ width: 300, height: 220, bands: 3, data: Buffer.from(waves, "base64") }, options)));

const said = async (make) => {
  try {
    return typeof (await make());
  } catch ({ name }) {
    return name;
  }
};
const first = Buffer.from(pictures[0], "base64"), { decode, info, placeholderImage } = apercu;
found.refused = [
  await said(() => decode("text")),
  await said(() => decode(first, { layers: 0 })),
  await said(() => decode(first, { damaged: "fill" })),
  await said(() => decode(first, { maxPixels: 10 })),
  await said(() => info(first, { maxPixels: 10 })),
  await said(() => placeholderImage(new Uint8Array(20), { width: 0, height: 3 })),
  await said(() => placeholderImage(new Uint8Array(20), { width: 9000, height: 9000 })),
  await said(() => decode(first, { maxPixels: NaN })),
  await said(async () => (await apercu.decodeStream(first).next()).value),
  await said(async () => (await apercu.decodeStream(new Response(null)).next()).value),
];
const samples = Array.from({ length: 4 }, (_, i) => i);
found.notEncoded = [
  await said(() => encode({ width: 2, height: 2, bands: 1, data: samples })),
  await said(() => encode({ width: 2, height: 2, bands: 1, data: Float32Array.from(samples) })),
  await said(() => encode({ width: 1.6, height: 2.5, bands: 1, data: Uint8Array.from(samples) })),
  await said(() => encode({ width: 2, height: 2, bands: 1, data: Uint8Array.from(samples) }, { nBytes: NaN })),
];

// Bytes that are changed, or given away, while a picture is made of them; and a file that is followed by more without end.
const changed = Uint8Array.from(first), moved = Uint8Array.from(first), made = [decode(changed), decode(moved)];
changed.fill(0);
structuredClone(moved.buffer, { transfer: [moved.buffer] });
found.meanwhile = [await said(() => made[0]), await said(() => made[1])];
let nMore = 0;
async function* endless() {
  yield await encode({ width: 8, height: 8, bands: 1, data: new Uint8Array(64) }, { layers: 2 });
  for (; nMore < 100; nMore++) yield new Uint8Array(9);
}
found.endless = [await said(async () => { for await (const image of apercu.decodeStream(endless())) if (!image) return; }), nMore];

// Without a page there is the class, and nothing is defined; a stream that ends early says why.
const { ApercuImg } = await import(pathToFileURL(path.replace("apercu.js", "element.js")));
const broken = new AbortController(), cut = new ReadableStream({
  start(controller) {
    controller.enqueue(new Uint8Array(first.subarray(0, first.length >> 1)));
    broken.signal.addEventListener("abort", () => controller.error(broken.signal.reason));
  },
});
found.server = [typeof ApercuImg, await said(async () => {
  setTimeout(() => broken.abort(), 20);
  for await (const image of apercu.decodeStream(cut)) if (!image) return;
})];

// A network that gives back the planes that it is given.
const ort = { Tensor: class { constructor(_, data, sides) { Object.assign(this, { data, sides }); } } };
const network = {
  inputNames: ["planes"],
  outputNames: ["more"],
  run: async ({ planes: { data, sides: [, , down, across] } }) => ({ more: { data: data.subarray(0, 24 * down * across) } }),
};
found.restored = [];
for (const text of textured) {
  const { data } = await restore(Buffer.from(text, "base64"), { ort, network });
  found.restored.push(Buffer.from(data.buffer).toString("base64"));
}

// Where the browser cannot inflate.
delete globalThis.DecompressionStream;
const old = await import(`${pathToFileURL(path)}?old`);
found.old = await run(old, cases.slice(-60));
console.log(JSON.stringify(found));
