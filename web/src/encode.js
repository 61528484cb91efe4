// Pictures to files, by the encoder in C: see encode.d.ts.
import encoder from "./encoder.js";
import { inflate, wordsOf } from "./inflate.js";

const MODELS = [2, 10], N_WEIGHTS = 270, N_STARTS = 22332, MOST_QUALITY = 25600;
const STARTS = 8; // in `shared` of ../wasm/encoder.c, which begins with the place of the file
const FEW_BYTES = 2000, FIRST_SHARE = 0.58; // spec/apercu.md, "Settings"
// As src/apercu/codecs: in planes of more samples than these, an image has five layers, and tiles.
const MOST_KEPT = 2 ** 24, MOST_IN_A_TILE = 2 ** 25, LARGEST_TILE = 4096;
let started;

async function start() {
  const { instance } = await WebAssembly.instantiate(await inflate(encoder));
  return instance.exports;
}

const numbersOf = async (model) =>
  model === 2 ? wordsOf(await inflate((await import("./model-2.js")).default)) : (await import("./apercu.js")).tables({ model });

/** Samples as the encoder takes them: grey or RGB; of RGBA the colours. */
function samplesOf({ width, height, bands, data }) {
  if (!/^\[object Uint(8|8Clamped|16)Array\]$/.test(Object.prototype.toString.call(data)))
    throw new TypeError("data must be a Uint8Array, a Uint8ClampedArray or a Uint16Array");
  if (![width, height].every((side) => Number.isInteger(side) && side > 0)) throw new RangeError("width and height must be 1 or more");
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

function check({ quality, nBytes, layers, tile, model }) {
  if (!(quality >= 0 && quality <= 100)) throw new RangeError("quality must be 0 to 100");
  if (nBytes !== undefined && !(nBytes >= 0)) throw new RangeError("nBytes must be 0 or more");
  if (layers !== undefined && ![1, 2, 3, 4, 5].includes(layers)) throw new RangeError("layers must be 1 to 5");
  if (tile !== undefined && !(tile >= 32 && tile <= 65536 && Number.isInteger(Math.log2(tile))))
    throw new RangeError("tile must be a power of two from 32 to 65,536");
  if (!MODELS.includes(model)) throw new RangeError("model must be 2 or 10");
}

export async function encode(image, { quality = 50, nBytes, layers, tile, model = 2 } = {}) {
  check({ quality, nBytes, layers, tile, model });
  const samples = samplesOf(image), { width, height } = image, bands = samples.length / width / height;
  const [exports, numbers] = await Promise.all([(started ??= start()), numbersOf(model)]);
  const wide = samples instanceof Uint16Array, pixels = exports.b(samples.byteLength), { buffer } = exports.memory, at = exports.a() + STARTS;
  if (!pixels) throw new RangeError("the picture is too large");
  new Uint16Array(buffer, at, N_STARTS).set(numbers.subarray(N_WEIGHTS));
  new Uint8Array(buffer, at + 2 * N_STARTS, N_WEIGHTS).set(numbers.subarray(0, N_WEIGHTS));
  new Uint8Array(buffer, pixels).set(new Uint8Array(samples.buffer, samples.byteOffset, samples.byteLength));
  if (wide) exports.d(...samples.reduce(([low, high], v) => [Math.min(low, v), Math.max(high, v)], [65535, 0]));

  const inPlanes = width * height + (bands > 1 ? 2 * Math.ceil(width / 2) * Math.ceil(height / 2) : 0);
  const side = tile ?? (inPlanes > MOST_IN_A_TILE ? LARGEST_TILE : 0);
  const once = (q8, n) => {
    const size = exports.c(width, height, bands, +wide, q8, n, model, side);
    if (size < 0) throw new RangeError("the picture cannot be encoded");
    return size;
  };
  const file = (size) => new Uint8Array(exports.memory.buffer, new Uint32Array(exports.memory.buffer, exports.a(), 1)[0], size);
  const sized = (q8) => {
    if (layers || inPlanes > MOST_KEPT) return once(q8, layers ?? 5);
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

/** Where the first layer of a file ends, which has several. */
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
  const width = varint() + 1, height = varint() + 1;
  at += bytes[2] & 8 ? 4 : 2; // settings, levels
  const code = bytes[at++], layers = (code & 15) + 1, side = code >> 4 === 15 ? Math.max(width, height) : 32 << (code >> 4);
  const nTiles = Math.ceil(width / side) * Math.ceil(height / side), lengths = Array.from({ length: nTiles * layers }, varint);
  return at + 4 + lengths.slice(0, nTiles).reduce((sum, length) => sum + length + 4, 0);
}
