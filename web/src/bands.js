// A stream to the coefficients of the bands of all planes (spec/apercu.md, "Bands").
import { bitIn, ended, get, overrun, plain, startStream } from "./range.js";

// Offsets of contexts, by kind (spec/apercu.md, "Bands").
const SIGN = 6000, MAGNITUDE = 8430, FLAG = 9830, LENGTH = 10790, SECOND = 11130, LOW_SIGN = 11164;
const MARGIN = 2, GROUP = 4;
const GAINS = [2246, 4053, 2690, 1149, 2053, 1508, 543, 980, 690, 269, 480, 336, 134, 239, 166], LOW_GAINS = [122, 244];
// Of all sums over neighbours: six weights of at most 64 times 15.
const BUCKETS = new Uint8Array(6 * 64 * 15 + 1);
[1, 3, 5, 8, 12, 19, 30, 47, 75].forEach((least, i) => BUCKETS.fill(i + 1, least));

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
      const lengths = LENGTH + (chroma * 10 + BUCKETS[Math.min(2 * spread, 75)]) * 17;
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
function addSmooth(sums, n, { width, stride, magnitudes: m }, y, weight, parent) {
  const end = Math.min(width, parent ? (n + 1) >> 1 : n);
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

/** What is around each sample of a row of groups, and its sum over the columns of each. `others`: see readBand. */
function lookAround({ around, columns, sums, width, weights }, others, top, down) {
  columns.fill(0);
  for (let y = 0; y < down; y++) {
    const at = y * width;
    sums.fill(0);
    for (let k = 0; k < others.length; k++) {
      const other = others[k], parent = k === 0, row = (top + y) >> (parent ? 1 : 0);
      if (other?.any && row < other.height) addSmooth(sums, width, other, row, weights[k < 2 ? 6 + 2 * k : 7], parent);
    }
    for (let x = 0; x < width; x++) {
      const sum = sums[x] >> 4, n = sum < 255 ? sum : 255;
      around[at + x] = n;
      columns[x >> 2] += n;
    }
  }
}

/** A symbol that is not 0, at `i` with margins and at `to` without; `near` is half of what is around it. */
function readSymbol({ signs, stride, magnitudes, number, out, step }, i, to, near) {
  const up = i - stride, pattern = 27 * signs[i - 1] + 9 * signs[up] + 3 * signs[up - 1] + signs[up + 1];
  const negative = bitIn(SIGN + number * 81 + pattern), magnitude = MAGNITUDE + (Math.floor(number / 3) * 10 + BUCKETS[near]) * 14 - 1;
  let q = 1;
  while (q <= 14 && bitIn(magnitude + q)) q++;
  if (q > 14) {
    let zeros = 0;
    while (zeros < 15 && !get(32768)) zeros++;
    q = Math.min(q + (1 << zeros) + plain(zeros) - 1, 32767);
  }
  out[to] = coefficientOf(q, negative, step);
  magnitudes[i] = Math.min(q, 15);
  signs[i] = 1 + negative;
}

/** A row of groups, whose flags are `now` from place 1 on; 1 where a symbol is not 0. */
function readGroups(band, top, down, now, above) {
  const { magnitudes: m, stride, around, columns, width, weights, number, flags } = band;
  const w0 = weights[0], w1 = weights[1], w2 = weights[2], w3 = weights[3], w4 = weights[4], w5 = weights[5];
  let any = 0;
  for (let left = 0, g = 1; left < width; left += GROUP, g++) {
    if (flags && !(now[g] = bitIn(flags + (now[g - 1] + 2 * above[g] + 4 * above[g + 1]) * 10 + BUCKETS[columns[g - 1] >> 3]))) continue;
    const end = left + GROUP < width ? left + GROUP : width;
    let has = 0;
    for (let y = 0; y < down; y++)
      for (let x = left; x < end; x++) {
        const i = (top + y + MARGIN) * stride + x + MARGIN, up = i - stride, context = around[y * width + x];
        const before = w0 * m[i - 1] + w1 * m[up] + w2 * m[up - 1] + w3 * m[up + 1] + w4 * m[i - 2] + w5 * m[up - stride];
        const must = flags && !has && y === down - 1 && x === end - 1;
        if (!must && !bitIn(((number * 10 + BUCKETS[context]) * 10 + BUCKETS[before]) * 2 + (flags ? has : 0))) continue;
        readSymbol(band, i, (top + y) * width + x, (before + context) >> 1);
        any = has = 1;
      }
  }
  return any;
}

// Functions are small, and hot loops not parts of others, since engines compile them while they run.
function readBand(numbers, plane, index, stage, step, companion) {
  const band = plane.bands[index], { width, height } = band, orientation = index % 3;
  if (!band.out.length) return;
  const number = (plane.chroma * 5 + stage - 1) * 3 + orientation, groups = Math.ceil(width / GROUP);
  Object.assign(band, { number, step, columns: new Uint16Array(groups), flags: 0 });
  if (stage < 3) band.flags = FLAG + ((plane.chroma * 2 + stage - 1) * 3 + orientation) * 80;
  band.weights = numbers.subarray(number * 9, number * 9 + 9);
  band.magnitudes = new Uint8Array(band.n);
  band.signs = new Uint8Array(band.n);
  band.around = new Uint8Array((width + 1) * GROUP);
  band.sums = new Uint32Array(width + 1);
  const others = [plane.bands[index - 3], companion?.bands[index], ...plane.bands.slice(index - orientation, index)]; // the parent first
  let above = new Uint8Array(groups + 2), now = new Uint8Array(groups + 2), any = 0;
  for (let top = 0; top < height; top += GROUP) {
    const down = Math.min(GROUP, height - top);
    lookAround(band, others, top, down);
    any |= readGroups(band, top, down, now, above);
    [above, now] = [now, above.fill(0)];
  }
  band.any = any > 0;
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
