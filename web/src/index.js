// The package's functions: see index.d.ts.
import { configure, engine } from "./engines.js";
import { MODELS, OF_PLACEHOLDERS, modelOf, shipped } from "./models.js";
import { decoder } from "./own.js";

const { decodePlaceholder, readHead, readPlaceholder } = decoder;
const MAX_PIXELS = 2 ** 28, MOST_LAYERS = 5, MAX_PLACEHOLDER_PIXELS = 2 ** 24;
export const { ApercuError } = decoder;
export { configure };

function bytesOf(data) {
  if (data?.byteLength === undefined) throw new TypeError("data must be a Uint8Array or an ArrayBuffer");
  return new Uint8Array(data.buffer ?? data, data.byteOffset, data.byteLength); // an ArrayBuffer of another page, too
}

function checked({ layers = MOST_LAYERS, damaged = "raise", maxPixels = MAX_PIXELS }) {
  if (!(Number.isInteger(layers) && layers > 0)) throw new RangeError("layers must be 1 or more");
  if (!(maxPixels >= 0)) throw new RangeError("maxPixels must be 0 or more");
  if (damaged !== "raise" && damaged !== "conceal") throw new RangeError('damaged must be "raise" or "conceal"');
  return { layers, conceal: damaged === "conceal", maxPixels, models: MODELS };
}

export function info(data, { maxPixels = Infinity } = {}) {
  const bytes = bytesOf(data), head = readHead(bytes, maxPixels, MODELS), { width, height, bands, interpretation, model } = head;
  return {
    width, height, bands, interpretation, dtype: head.wide ? "uint16" : "uint8", codec: "apercu", model, version: 1,
    quality: head.quality / 256, step: head.step / 256, tiles: head.nTiles, layers: head.nLayers, nBytes: bytes.length,
    bpp: (8 * bytes.length) / (width * height),
  };
}

export async function decode(data, options = {}) {
  const bytes = bytesOf(data).slice(), how = checked(options); // whoever calls may change his own meanwhile
  const head = readHead(bytes, how.maxPixels, MODELS);
  const [numbers, { run }] = await Promise.all([modelOf(head, options.model), engine()]);
  return run(head.width * head.height, bytes, how, numbers);
}

export async function* decodeStream(source, options = {}) {
  const how = checked(options);
  yield* (await import("./stream.js")).streamed(source, how, (bytes, layers) => decode(bytes, { ...options, layers }));
}

export function placeholderInfo(data) {
  const { kind, aspect, colour, shape } = readPlaceholder(bytesOf(data));
  return { kind, aspect, colour, width: shape.width, height: shape.height };
}

export function averageColour(data) {
  return readPlaceholder(bytesOf(data)).colour;
}

export async function placeholderImage(data, { width, height } = {}) {
  if ((width ?? height) !== undefined) {
    if (![width, height].every((n) => Number.isInteger(n) && n >= 1 && n <= 65535) || width * height > MAX_PLACEHOLDER_PIXELS)
      throw new RangeError("sides must be 1 to 65,535, pixels at most 2^24");
  }
  const bytes = bytesOf(data).slice();
  readPlaceholder(bytes);
  const [numbers, { local }] = await Promise.all([shipped(OF_PLACEHOLDERS), engine()]);
  local().use(numbers);
  return { bands: 4, interpretation: "rgba", ...decodePlaceholder(local(), bytes, width, height) };
}

/** The numbers of the model of a file, for restore.js, or of { model: its number }, for encode.js. */
export async function tables(data, { model, maxPixels = MAX_PIXELS } = {}) {
  return modelOf(data.model ? data : readHead(bytesOf(data), maxPixels, MODELS), model);
}

// Large or seldom wanted: files of their own.
const pictures = (name) => async (image) => (await import("./pictures.js"))[name](image);
export const toRGBA = /* @__PURE__ */ pictures("toRGBA");
export const toPNG = /* @__PURE__ */ pictures("toPNG");
export const toDataURL = /* @__PURE__ */ pictures("toDataURL");
