// A stream to the coefficients of the bands of all planes (spec/apercu.md, "Bands").
import { bitIn, ended, get, overrun, plain, startStream } from "./range.js";

// Offsets of contexts, by kind (spec/apercu.md, "Bands").
const SIGN = 6000, MAGNITUDE = 8430, FLAG = 9830, LENGTH = 10790, SECOND = 11130, LOW_SIGN = 11164;
const MARGIN = 2, GROUP = 4;
const GAINS = [2246, 4053, 2690, 1149, 2053, 1508, 543, 980, 690, 269, 480, 336, 134, 239, 166], LOW_GAINS = [122, 244];
const BUCKETS = Uint8Array.from({ length: 76 }, (_, n) => [1, 3, 5, 8, 12, 19, 30, 47, 75].filter((least) => n >= least).length);

const bucket = (n) => BUCKETS[n > 75 ? 75 : n];
export const clamp = (v, low, high) => (v < low ? low : v > high ? high : v);

const coefficientOf = (size, negative, step) => {
  const value = Math.min(Math.floor((size * step + 32) / 64), 32767);
  return negative ? -value : value;
};

function stepOf(step, chroma, gain) {
  return Math.max(4, Math.floor((step * gain * (chroma ? 154 : 256)) / 2 ** 18));
}

/** A plane and its bands, the coarsest first; each has its magnitudes and signs with a margin of zeros. */
export function planeOf(width, height, chroma, companion) {
  const bands = [], sizes = [];
  let w = width, h = height;
  for (let level = 1; level <= 5 - chroma; level++) {
    const lowW = (w + 1) >> 1, lowH = (h + 1) >> 1;
    sizes.unshift([w - lowW, lowH], [lowW, h - lowH], [w - lowW, h - lowH]);
    w = lowW;
    h = lowH;
  }
  const low = { width: w, height: h, out: new Int16Array(w * h) };
  for (const [width, height] of sizes) {
    const stride = width + 2 * MARGIN, n = stride * (height + 2 * MARGIN);
    bands.push({ width, height, stride, any: false, out: new Int16Array(width * height), n });
  }
  return { width, height, chroma, companion, low, bands };
}

function readLow({ low: { width, height, out }, chroma }, step) {
  const symbols = new Int32Array(width * height);
  for (let y = 0, i = 0; y < height; y++)
    for (let x = 0; x < width; x++, i++) {
      const w0 = x ? symbols[i - 1] : 0, n = y ? symbols[i - width] : w0, nw = x && y ? symbols[i - width - 1] : n, w = x ? w0 : n;
      const spread = Math.abs(n - nw) + Math.abs(w - nw), most = Math.max(n, w), least = Math.min(n, w);
      const lengths = LENGTH + (chroma * 10 + bucket(2 * spread)) * 17;
      let k = 0, size = 0;
      while (k < 16 && bitIn(lengths + k)) k++;
      if (k) size = 1;
      if (k > 1) size = ((2 | bitIn(SECOND + chroma * 17 + k)) << (k - 2)) | plain(k - 2);
      if (k && bitIn(LOW_SIGN + chroma)) size = -size;
      symbols[i] = clamp(clamp(n + w - nw, least, most) + size, -32768, 32767);
      out[i] = coefficientOf(Math.abs(symbols[i]), symbols[i] < 0, step);
    }
}

/** Adds a row of smoothed magnitudes of another band; where it is the parent, each to two columns. */
function addSmooth(sums, n, other, y, weight, parent) {
  if (!other?.any || y >= other.height) return;
  const { stride, magnitudes: m } = other, end = Math.min(other.width, parent ? (n + 1) >> 1 : n);
  let i = (y + MARGIN) * stride + MARGIN;
  let before = m[i - 1 - stride] + 2 * m[i - 1] + m[i - 1 + stride], here = m[i - stride] + 2 * m[i] + m[i + stride];
  for (let x = 0; x < end; x++) {
    i++;
    const next = m[i - stride] + 2 * m[i] + m[i + stride], sum = weight * (before + 2 * here + next);
    before = here;
    here = next;
    if (parent) {
      sums[2 * x] += sum;
      sums[2 * x + 1] += sum; // there is room for one more
    } else sums[x] += sum;
  }
}

function readBand(numbers, plane, index, stage, step, companion) {
  const band = plane.bands[index], { width, height, stride, out } = band, orientation = index % 3;
  if (!out.length) return;
  const number = (plane.chroma * 5 + stage - 1) * 3 + orientation;
  const weights = numbers.subarray(number * 9, number * 9 + 9), [w0, w1, w2, w3, w4, w5] = weights;
  const magnitudes = (band.magnitudes = new Uint8Array(band.n)), signs = new Uint8Array(band.n);
  const groups = Math.ceil(width / GROUP), flagged = stage < 3;
  const flags = FLAG + ((plane.chroma * 2 + stage - 1) * 3 + orientation) * 80;
  const around = new Uint8Array((width + 1) * GROUP), sums = new Uint32Array(width + 1), columns = new Uint16Array(groups);
  let above = new Uint8Array(groups + 2), now = new Uint8Array(groups + 2); // flags of groups, from place 1 on
  for (let top = 0; top < height; top += GROUP) {
    const down = Math.min(GROUP, height - top);
    columns.fill(0);
    for (let y = 0; y < down; y++) {
      sums.fill(0);
      addSmooth(sums, width, plane.bands[index - 3], (top + y) >> 1, weights[6], true);
      for (let sister = index - orientation; sister < index; sister++) addSmooth(sums, width, plane.bands[sister], top + y, weights[7]);
      addSmooth(sums, width, companion?.bands[index], top + y, weights[8]);
      for (let x = 0; x < width; x++) columns[x >> 2] += around[y * width + x] = Math.min(sums[x] >> 4, 255);
    }
    for (let g = 0; g < groups; g++) {
      const left = g * GROUP, across = Math.min(GROUP, width - left);
      let has = 0;
      if (flagged && !(now[g + 1] = bitIn(flags + (now[g] + 2 * above[g + 1] + 4 * above[g + 2]) * 10 + bucket(columns[g] >> 3)))) continue;
      for (let y = 0; y < down; y++)
        for (let x = left; x < left + across; x++) {
          const i = (top + y + MARGIN) * stride + x + MARGIN, up = i - stride, context = around[y * width + x];
          const before = w0 * magnitudes[i - 1] + w1 * magnitudes[up] + w2 * magnitudes[up - 1] + w3 * magnitudes[up + 1] +
            w4 * magnitudes[i - 2] + w5 * magnitudes[up - stride];
          const must = flagged && !has && y === down - 1 && x === left + across - 1;
          const zero = ((number * 10 + bucket(context)) * 10 + bucket(before)) * 2 + (flagged ? has : 0);
          if (!must && !bitIn(zero)) continue;
          const pattern = 27 * signs[i - 1] + 9 * signs[up] + 3 * signs[up - 1] + signs[up + 1];
          const negative = bitIn(SIGN + number * 81 + pattern);
          const magnitude = MAGNITUDE + ((plane.chroma * 5 + stage - 1) * 10 + bucket((before + context) >> 1)) * 14 - 1;
          let q = 1;
          while (q <= 14 && bitIn(magnitude + q)) q++;
          if (q > 14) {
            let zeros = 0;
            while (zeros < 15 && !get(32768)) zeros++;
            q = Math.min(q + (1 << zeros) + plain(zeros) - 1, 32767);
          }
          out[(top + y) * width + x] = coefficientOf(q, negative, step);
          magnitudes[i] = Math.min(q, 15);
          signs[i] = 1 + negative;
          has = 1;
          band.any = true;
        }
    }
    [above, now] = [now, above.fill(0)];
  }
}

/** Stages of all planes from a stream; the name of an error where it has one. */
export function readStages(numbers, planes, step, first, last, segment) {
  startStream(segment);
  for (let stage = first; stage >= last; stage--)
    for (const plane of planes) {
      const { chroma } = plane, level = stage - chroma;
      if (stage === 5) readLow(plane, stepOf(step, chroma, LOW_GAINS[chroma]));
      for (let o = 0; level && o < 3; o++)
        readBand(numbers, plane, (5 - stage) * 3 + o, stage, stepOf(step, chroma, GAINS[(level - 1) * 3 + o]), planes[plane.companion]);
      const fault = overrun();
      if (fault) return fault;
    }
  return ended();
}
