// The engine where WebAssembly is forbidden: a tile's bits to pixels in JavaScript alone (spec/apercu.md), exact as it is in C. What
// image.js says of an engine holds.
import { readStages } from "./bands.js";
import { enlarge } from "./enlarge.js";
import { ApercuError } from "./errors.js";
import { stagesOf } from "./head.js";
import { startContexts } from "./range.js";
import { blue, green, pixelsOf, planesOf, red, synthesise, toByte } from "./synthesis.js";

export { inflated } from "./inflated.js";
const N_WEIGHTS = 270;
let numbers;

/** The planes of a tile, each with its coefficients, and its samples beside them. Raises ApercuError. */
export function planesOfTile(tables, head, width, height, segments) {
  const planes = planesOf(head.kind, width, height, head.bands);
  if (segments.length) startContexts(tables.subarray(N_WEIGHTS));
  for (const [layer, segment] of segments.entries()) {
    const fault = readStages(tables, planes, head.step, ...stagesOf(head.nLayers, layer), segment);
    if (fault) throw Object.assign(new ApercuError(fault), { layer });
  }
  for (const plane of planes) plane.samples = synthesise(plane);
  return planes;
}

export const engine = {
  use(given) {
    numbers = given;
  },
  tile(head, width, height, segments) {
    try {
      return pixelsOf(head, width, height, planesOfTile(numbers, head, width, height, segments).map(({ samples }) => samples));
    } catch (error) {
      if (!(error instanceof ApercuError)) throw error;
      return { fault: error.name, layer: error.layer };
    }
  },
  placeholder(shape, segment, width, height) {
    const planes = planesOf(shape.kind, shape.width, shape.height, shape.bands);
    startContexts(numbers.subarray(N_WEIGHTS));
    const fault = readStages(numbers, planes, shape.step, 5, 1, segment);
    if (fault) return { fault };
    const [a, b, c, alpha] = planes.map((plane, i) => enlarge(synthesise(plane), plane.width, plane.height, shape.mean[i], width, height));
    const out = new Uint8ClampedArray(width * height * 4).fill(255);
    for (let i = 0, to = 0; i < a.length; i++) {
      const [y, cb, cr] = [a[i], b?.[i] ?? 0, c?.[i] ?? 0];
      out[to++] = toByte(red(y, cr));
      out[to++] = toByte(green(y, cb, cr));
      out[to++] = toByte(blue(y, cb));
      if (alpha) out[to] = toByte(alpha[i]);
      to++;
    }
    return out;
  },
};
