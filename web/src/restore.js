// restore="cnn" in the page, by onnxruntime-web: see restore.d.ts. Squares, margins and channels are those of
// src/apercu/restore/squares.py and cnn.py.
import { tables } from "./apercu.js";
import { planesOfTile } from "./fallback.js";
import { readHead, segmentsOf } from "./head.js";
import { pixelsOf } from "./synthesis.js";
import { trust } from "./trust.js";

const SQUARE = 512, MARGIN = 32, OUT = 24, HALF = 4080, FULL = 8160, MAX_PIXELS = 2 ** 28, CODECS = [2, 10];
// Of luma and chroma: pixels a sample, samples a side of what its channels hold, and the first of these.
const KINDS = [{ scale: 1, size: 4, first: 0 }, { scale: 2, size: 2, first: 16 }, { scale: 2, size: 2, first: 20 }];

/** Calls `each` for the samples of a window of pixels, with the place of each in the plane and in the channels of a square. */
function walk(kind, window, seen, plane, down, across, each) {
  const { scale, size, first } = KINDS[kind], begin = (n) => Math.floor(n / scale), end = (n) => Math.ceil(n / scale);
  for (let y = begin(window.top); y < end(window.bottom); y++)
    for (let x = begin(window.left); x < end(window.right); x++) {
      const v = y - begin(seen.top), h = x - begin(seen.left), channel = first + (v % size) * size + (h % size);
      const row = Math.min(y, end(seen.bottom) - 1), column = Math.min(x, end(seen.right) - 1); // beyond, the edge is repeated
      each(row * plane.width + column, (channel * down + Math.floor(v / size)) * across + Math.floor(h / size), y, x);
    }
}

/** Adds what the network finds to the samples of planes that go through it together. */
async function improve(planes, stepQ8, session, Tensor) {
  const { width, height } = planes[0], factors = trust(planes, stepQ8), before = planes.map(({ samples }) => samples.slice());
  for (let top = 0; top < height; top += SQUARE)
    for (let left = 0; left < width; left += SQUARE) {
      const square = { top, left, bottom: Math.min(top + SQUARE, height), right: Math.min(left + SQUARE, width) };
      if (!factors.some((of) => anyIn(of, square))) continue;
      const seen = {
        top: Math.max(top - MARGIN, 0), left: Math.max(left - MARGIN, 0),
        bottom: Math.min(square.bottom + MARGIN, height), right: Math.min(square.right + MARGIN, width),
      };
      const [down, across] = [seen.bottom - seen.top, seen.right - seen.left].map((side) => 2 * Math.ceil(side / 8));
      const padded = { ...seen, bottom: seen.top + 4 * down, right: seen.left + 4 * across };
      const values = new Float32Array((OUT + 1) * down * across);
      planes.forEach((plane, kind) =>
        walk(kind, padded, seen, plane, down, across, (from, to) => (values[to] = before[kind][from] / HALF - (kind ? 0 : 1))),
      );
      values.fill((Math.log2(stepQ8 / 256) - 6) / 3, OUT * down * across); // what the network is told of the step
      const given = new Tensor("float32", values, [1, OUT + 1, down, across]);
      const { data } = (await session.run({ [session.inputNames[0]]: given }))[session.outputNames[0]];
      planes.forEach((plane, kind) => {
        const of = factors[kind], side = 8 / KINDS[kind].scale;
        walk(kind, square, seen, plane, down, across, (at, from, y, x) => {
          const factor = of.values[Math.floor(y / side) * of.across + Math.floor(x / side)];
          plane.samples[at] = Math.min(Math.max(Math.round(plane.samples[at] + HALF * factor * data[from]), -FULL), FULL);
        });
      });
    }
}

function anyIn({ values, across }, { top, left, bottom, right }) {
  for (let y = top >> 3; y < Math.ceil(bottom / 8); y++)
    for (let x = left >> 3; x < Math.ceil(right / 8); x++) if (values[y * across + x]) return true;
  return false;
}

/** The session of a network, which is one already, or its bytes, or its address. */
async function sessionOf(ort, network) {
  if (typeof network.run === "function") return network;
  return ort.InferenceSession.create(ArrayBuffer.isView(network) || network instanceof ArrayBuffer ? network : String(network));
}

export async function restore(data, { ort, network, ...options }) {
  const bytes = new Uint8Array(data.buffer ?? data, data.byteOffset ?? 0, data.byteLength);
  const head = readHead(bytes, options.maxPixels ?? MAX_PIXELS, CODECS), { width, height, bands, interpretation } = head;
  const nLayers = Math.min(options.layers ?? head.nLayers, head.nLayers), tiles = segmentsOf(head, bytes, nLayers, false);
  const [numbers, session] = await Promise.all([tables(bytes, options), sessionOf(ort, network)]);
  const out = new (head.wide ? Uint16Array : Uint8Array)(width * height * bands), colour = head.kind === 1 || head.kind === 2;
  for (const { place, segments } of tiles) {
    const planes = planesOfTile(numbers, head, place.width, place.height, segments);
    if (colour) await improve(planes.slice(0, 3), head.step, session, ort.Tensor);
    else for (const plane of planes) await improve([plane], head.step, session, ort.Tensor);
    const pixels = pixelsOf(head, place.width, place.height, planes.map(({ samples }) => samples)), across = place.width * bands;
    for (let y = 0; y < place.height; y++)
      out.set(pixels.subarray(y * across, (y + 1) * across), ((place.top + y) * width + place.left) * bands);
  }
  return { width, height, bands, interpretation, data: out };
}
