// Pictures to files, by the encoder in C: see encode.d.ts.
import encoder from "./encoder.js";
import { inflate, wordsOf } from "./inflate.js";

const MODEL = 2, N_WEIGHTS = 270, N_STARTS = 22332, MOST_QUALITY = 25600;
const STARTS = 8; // in `shared` of ../wasm/encoder.c, which begins with the place of the file
const FEW_BYTES = 2000, FIRST_SHARE = 0.58; // spec/apercu.md, "Settings"
let started;

async function start() {
  const [bytes, numbers] = await Promise.all([inflate(encoder), import("./model-2.js").then(({ default: text }) => inflate(text))]);
  const { instance } = await WebAssembly.instantiate(bytes), { exports } = instance, words = wordsOf(numbers), at = exports.a();
  new Uint16Array(exports.memory.buffer, at + STARTS, N_STARTS).set(words.subarray(N_WEIGHTS));
  new Uint8Array(exports.memory.buffer, at + STARTS + 2 * N_STARTS, N_WEIGHTS).set(words.subarray(0, N_WEIGHTS));
  return exports;
}

/** Samples as the encoder takes them: grey or RGB; of RGBA the colours. */
function samplesOf({ width, height, bands, data }) {
  if (data.length !== width * height * bands) throw new RangeError("data must have width * height * bands samples");
  if (bands === 1 || bands === 3) return data;
  if (bands !== 4) throw new RangeError("bands must be 1, 3 or 4");
  const out = new (data instanceof Uint16Array ? Uint16Array : Uint8Array)(width * height * 3);
  for (let i = 0, to = 0; i < data.length; i += 4) {
    out[to++] = data[i];
    out[to++] = data[i + 1];
    out[to++] = data[i + 2];
  }
  return out;
}

export async function encode(image, { quality = 50, nBytes, layers } = {}) {
  if (!(quality >= 0 && quality <= 100)) throw new RangeError("quality must be 0 to 100");
  if (layers !== undefined && ![1, 2, 3, 4, 5].includes(layers)) throw new RangeError("layers must be 1 to 5");
  const exports = await (started ??= start()), samples = samplesOf(image), { width, height } = image;
  const wide = samples instanceof Uint16Array, pixels = exports.b(samples.byteLength);
  if (!pixels) throw new RangeError("the picture is too large");
  new Uint8Array(exports.memory.buffer, pixels).set(new Uint8Array(samples.buffer, samples.byteOffset, samples.byteLength));
  if (wide) exports.d(...samples.reduce(([low, high], v) => [Math.min(low, v), Math.max(high, v)], [65535, 0]));

  const once = (q8, n) => {
    const size = exports.c(width, height, samples.length / width / height, +wide, q8, n, MODEL);
    if (size < 0) throw new RangeError("the picture cannot be encoded");
    return size;
  };
  const file = (size) => new Uint8Array(exports.memory.buffer, new Uint32Array(exports.memory.buffer, exports.a(), 1)[0], size);
  const sized = (q8) => {
    if (layers) return once(q8, layers);
    let size = once(q8, 1);
    if (size < FEW_BYTES) return size;
    size = once(q8, 4);
    return firstLayerOf(file(size)) <= FIRST_SHARE * size ? size : once(q8, 5);
  };
  if (nBytes === undefined) return file(sized(Math.round(quality * 256))).slice();
  let low = 0, high = MOST_QUALITY;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (sized(middle) <= nBytes) low = middle;
    else high = middle - 1;
  }
  const size = sized(low);
  if (size > nBytes) throw new RangeError(`no file of this picture has ${nBytes} bytes`);
  return file(size).slice();
}

/** Where the first layer of a file of one tile ends. */
function firstLayerOf(bytes) {
  let at = 4;
  const varint = () => {
    let value = 0, shift = 0, byte;
    do {
      byte = bytes[at++];
      value += (byte & 127) * 2 ** shift;
      shift += 7;
    } while (byte > 127);
    return value;
  };
  varint(); // sides
  varint();
  at += bytes[2] & 8 ? 4 : 2; // settings, levels
  const layers = (bytes[at++] & 15) + 1, [first] = Array.from({ length: layers }, varint);
  return at + 4 + first + 4;
}
