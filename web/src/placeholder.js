// Placeholders (spec/PLACEHOLDER.md): the head in four bytes; the rest is an engine's.
import { refuse } from "./errors.js";
import { hasRoom, stepOfQuality } from "./head.js";

const KINDS = ["grey", "rgb", "rgba"];

/** Of the longer side: 4, 8 and so on to 32 in steps of 4, then in steps of 8 to 64 and of 16 to 128. */
const sideOf = (code) => (code < 4 ? 4 * code + 4 : ((code & 3) + 5) << ((code >> 2) + 1));

/** See index.d.ts; `shape` is what an engine takes. */
export function readPlaceholder(bytes) {
  if (bytes.length < 4) refuse("Truncated");
  const head = ((bytes[0] << 24) | (bytes[1] << 16) | (bytes[2] << 8) | bytes[3]) >>> 0;
  const bits = (at, n) => (head >>> at) & ((1 << n) - 1);
  const kind = bits(30, 2), portrait = bits(29, 1), sixteenths = 16 - bits(25, 4);
  if (kind === 3) refuse("NotApercu");
  if (bytes.length > 300) refuse("CorruptStream");
  const luma = Math.floor((8160 * bits(10, 5) + 15) / 31);
  const [cb, cr] = kind ? [192 * (bits(5, 5) - 16), 192 * (bits(0, 5) - 16)] : [0, 0];
  const scaled = (longer) => {
    const shorter = Math.max((longer * sixteenths + 8) >> 4, 1);
    return portrait ? { width: shorter, height: longer } : { width: longer, height: shorter };
  };
  const sample = (v) => (Math.min(Math.max(v, 0), 8160) + 16) >> 5;
  return {
    kind: KINDS[kind],
    aspect: portrait ? sixteenths / 16 : 16 / sixteenths,
    colour: [luma + ((22970 * cr + 8192) >> 14), luma - ((5638 * cb + 11700 * cr + 8192) >> 14), luma + ((29032 * cb + 8192) >> 14)].map(
      sample,
    ),
    scaled,
    shape: {
      ...scaled(sideOf(bits(21, 4))),
      kind,
      bands: [1, 3, 4][kind],
      step: stepOfQuality(4800 + 250 * bits(15, 6)),
      mean: [luma - 4080, cb, cr, 0],
    },
  };
}

/** Pixels, RGBA, of a size, by default 128 along the longer side. */
export function decodePlaceholder(engine, bytes, width, height) {
  const { shape, scaled } = readPlaceholder(bytes), segment = bytes.subarray(4);
  if (!width && !height) ({ width, height } = scaled(128));
  if (!hasRoom({ ...shape, nLayers: 1, model: 2 }, shape.width, shape.height, 0, segment.length)) refuse("Truncated");
  const data = engine.placeholder(shape, segment, width, height);
  if (data.fault) refuse(data.fault);
  return { width, height, data: data.slice() };
}
