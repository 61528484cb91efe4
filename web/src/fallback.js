// The engine where WebAssembly is forbidden: a tile's bits to pixels in JavaScript alone (spec/apercu.md), exact as it is in C.
// What image.js says of an engine holds; functions stand in the order of the data's way.
import { stagesOf } from "./head.js";

// Offsets of contexts, by kind (spec/apercu.md, "Bands").
const SIGN = 6000, MAGNITUDE = 8430, FLAG = 9830, LENGTH = 10790, SECOND = 11130, LOW_SIGN = 11164, N_CONTEXTS = 11166;
const N_WEIGHTS = 270, MARGIN = 2, GROUP = 4;
const GAINS = [2246, 4053, 2690, 1149, 2053, 1508, 543, 980, 690, 269, 480, 336, 134, 239, 166], LOW_GAINS = [122, 244];
const BUCKETS = Uint8Array.from({ length: 76 }, (_, n) => [1, 3, 5, 8, 12, 19, 30, 47, 75].filter((least) => n >= least).length);
const LOG2 = Uint8Array.from({ length: 129 }, (_, n) => 31 - Math.clz32(n));

let numbers;
const fast = new Uint16Array(N_CONTEXTS), slow = new Uint16Array(N_CONTEXTS), age = new Uint8Array(N_CONTEXTS);

// --- Range decoder
let data, at;
const state = new Uint32Array(2), RANGE = 0, CODE = 1; // in an array, where 32 bits without a sign need no memory of their own

const nextByte = () => (at < data.length ? data[at++] : (at++, 0));

function startStream(segment) {
  data = segment;
  at = 0;
  state[RANGE] = 0xffffffff;
  for (let i = 0; i < 4; i++) state[CODE] = (state[CODE] << 8) | nextByte();
  if (state[CODE] === 0xffffffff) state[CODE]--;
}

function get(p0) {
  const range = state[RANGE], code = state[CODE];
  let bound = (Math.imul(range >>> 16, p0) + (Math.imul(range & 65535, p0) >>> 16)) >>> 0;
  const bit = code >= bound ? 1 : 0;
  let rest = code;
  if (bit) {
    rest -= bound;
    bound = range - bound;
  }
  while (bound < 0x1000000) {
    rest = ((rest << 8) | nextByte()) >>> 0;
    bound = (bound << 8) >>> 0;
  }
  state[RANGE] = bound;
  state[CODE] = rest;
  return bit;
}

function bitIn(c) {
  const f = fast[c], s = slow[c], shift = LOG2[age[c]], quick = shift < 4 ? shift : 4;
  if (age[c] < 128) age[c]++;
  if (get((f + s) >> 1)) {
    fast[c] = f - (f >> quick);
    slow[c] = s - (s >> shift);
    return 1;
  }
  fast[c] = f + ((65536 - f) >> quick);
  slow[c] = s + ((65536 - s) >> shift);
  return 0;
}

function plain(n) {
  let value = 0;
  while (n--) value = (value << 1) | get(32768);
  return value;
}

// --- Symbols
const bucket = (n) => BUCKETS[n > 75 ? 75 : n];
const clamp = (v, low, high) => (v < low ? low : v > high ? high : v);

const coefficientOf = (size, negative, step) => {
  const value = Math.min(Math.floor((size * step + 32) / 64), 32767);
  return negative ? -value : value;
};

function stepOf(step, chroma, gain) {
  return Math.max(4, Math.floor((step * gain * (chroma ? 154 : 256)) / 2 ** 18));
}

/** A plane and its bands, the coarsest first; each has its magnitudes and signs with a margin of zeros. */
function planeOf(width, height, chroma, companion) {
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

function readBand(plane, index, stage, step, companion) {
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

function startContexts() {
  for (let i = 0; i < N_CONTEXTS; i++) {
    fast[i] = slow[i] = numbers[N_WEIGHTS + 2 * i];
    age[i] = numbers[N_WEIGHTS + 2 * i + 1];
  }
}

/** Stages of all planes from a stream; the name of an error where it has one. */
function readStages(planes, step, first, last, segment) {
  startStream(segment);
  for (let stage = first; stage >= last; stage--)
    for (const plane of planes) {
      const { chroma } = plane, level = stage - chroma;
      if (stage === 5) readLow(plane, stepOf(step, chroma, LOW_GAINS[chroma]));
      for (let o = 0; level && o < 3; o++)
        readBand(plane, (5 - stage) * 3 + o, stage, stepOf(step, chroma, GAINS[(level - 1) * 3 + o]), planes[plane.companion]);
      if (at > data.length + 8) return "Truncated";
    }
  return at < data.length + 3 ? "CorruptStream" : undefined;
}

// --- Synthesis
/** n numbers from `to` on become x + m u + s ⌊u f / 2^16⌋, u the sum of those from `a` and from `b` on, modulo 2^16. */
function lift(samples, to, a, b, n, m, s, f) {
  for (let i = 0; i < n; i++) {
    const u = ((samples[a + i] + samples[b + i]) << 16) >> 16;
    samples[to + i] += m * u + s * ((u * f) >> 16);
  }
}

// Whether it is for the even or the odd samples, and the factors, of each step.
const STEPS = [[0, 0, -1, 29066], [1, -1, 1, 7671], [0, 0, 1, 3472], [1, 2, -1, 27123]];

function joinLevel(low, [hl, lh, hh], width, height) {
  const even = (width + 1) >> 1, odd = width >> 1, out = new Int16Array(width * height);
  for (let y = 0; y < height; y++) {
    const half = y >> 1, to = y * width;
    if (y & 1) out.set(lh.out.subarray(half * even, (half + 1) * even), to);
    else
      for (let x = 0, i = half * even; x < even; x++, i++) out[to + x] = low[i] + (low[i] >> 1) + ((low[i] * 873) >> 16);
    out.set((y & 1 ? hh : hl).out.subarray(half * odd, (half + 1) * odd), to + even);
  }
  if (height > 1)
    for (const [from, ...factors] of STEPS)
      for (let y = from; y < height; y += 2)
        lift(out, y * width, (y ? y - 1 : 1) * width, (y + 1 < height ? y + 1 : y - 1) * width, width, ...factors);
  const row = new Int16Array(width + 4), e = 0, o = even + 2; // even samples from e on, odd ones from o on, a place on either side
  for (let y = 0; y < height; y++) {
    const from = y * width;
    if (width > 1) {
      row.set(out.subarray(from, from + even));
      for (let x = 0; x < odd; x++) row[o + x] = 2 * out[from + even + x];
      for (const [ofOdd, ...factors] of STEPS)
        if (ofOdd) {
          row[e + even] = row[e + even - 1];
          lift(row, o, e, e + 1, odd, ...factors);
        } else {
          row[o - 1] = row[o];
          row[o + odd] = row[o + odd - 1];
          lift(row, e, o - 1, o, even, ...factors);
        }
      for (let x = 0; x < odd; x++) {
        out[from + 2 * x] = row[e + x];
        out[from + 2 * x + 1] = row[o + x];
      }
      if (even > odd) out[from + width - 1] = row[e + odd];
    }
  }
  return out;
}

function synthesise({ width, height, chroma, low, bands }) {
  let samples = low.out;
  for (let level = 5 - chroma; level; level--) {
    const shrunk = (side) => (side + (1 << (level - 1)) - 1) >> (level - 1);
    samples = joinLevel(samples, bands.slice(-3 * level), shrunk(width), shrunk(height));
  }
  for (let i = 0; i < samples.length; i++) samples[i] = clamp(2 * samples[i] + (chroma ? 0 : 4080), -8191, 8191);
  return samples;
}

// --- Pixels
const toByte = (v) => (clamp(v, 0, 8160) + 16) >> 5;
const red = (y, cr) => y + ((22970 * cr + 8192) >> 14);
const green = (y, cb, cr) => y - ((5638 * cb + 11700 * cr + 8192) >> 14);
const blue = (y, cb) => y + ((29032 * cb + 8192) >> 14);
const levelOf = (code) => (code < 16 ? code : (16 + (code % 16)) << ((code >> 4) - 1));

/** Row y of chroma at full size. */
function chromaRow(plane, half, halfHeight, y, width, out) {
  const near = y >> 1, beside = y & 1 ? near + 1 : near - 1, far = beside < 0 || beside >= halfHeight ? near : beside;
  const column = (x) => 3 * plane[near * half + x] + plane[far * half + x];
  let before = column(0), here = before;
  for (let x = 0; x < half; x++) {
    const next = x + 1 < half ? column(x + 1) : here;
    out[2 * x] = (3 * here + before + 8) >> 4;
    out[2 * x + 1] = (3 * here + next + 8) >> 4; // out has a place more
    before = here;
    here = next;
  }
}

function planesOf(kind, width, height, bands) {
  const half = (side) => (side + 1) >> 1, colour = kind === 1 || kind === 2;
  return Array.from({ length: bands }, (_, i) =>
    colour && (i === 1 || i === 2) ? planeOf(half(width), half(height), 1, i - 1) : planeOf(width, height, 0, colour ? -1 : i - 1),
  );
}

/** What makes samples of a band: bytes, or 16 bits by the levels of its group. */
function sampler(head, group) {
  if (!head.wide) return toByte;
  const offset = levelOf(head.levels[2 * group]), range = levelOf(head.levels[2 * group + 1]);
  return (v) => Math.min(offset + Math.floor((clamp(v, 0, 8160) * range + 4080) / 8160), 65535);
}

function pixelsOf(head, width, height, planes) {
  const { bands } = head, pixels = new (head.wide ? Uint16Array : Uint8Array)(width * height * bands);
  let band = 0, group = 0;
  if (head.kind === 1 || head.kind === 2) {
    const half = (width + 1) >> 1, [luma, cb, cr] = planes.map(synthesise), sample = sampler(head, group++);
    const cbRow = new Int16Array(2 * half), crRow = new Int16Array(2 * half);
    for (let y = 0, i = 0, to = 0; y < height; y++) {
      chromaRow(cb, half, (height + 1) >> 1, y, width, cbRow);
      chromaRow(cr, half, (height + 1) >> 1, y, width, crRow);
      for (let x = 0; x < width; x++, i++, to += bands) {
        pixels[to] = sample(red(luma[i], crRow[x]));
        pixels[to + 1] = sample(green(luma[i], cbRow[x], crRow[x]));
        pixels[to + 2] = sample(blue(luma[i], cbRow[x]));
      }
    }
    band = 3;
  }
  for (; band < bands; band++) {
    const plane = synthesise(planes[band]), sample = sampler(head, group++);
    for (let i = 0; i < plane.length; i++) pixels[i * bands + band] = sample(plane[i]);
  }
  return pixels;
}

// --- Placeholders
/** From which of n samples each of N is made, and the weights in 1/1024. */
function filters(n, N) {
  const d = 2 * N, whole = 2 * d * d * d;
  return Array.from({ length: N }, (_, r) => {
    const p = (2 * r + 1) * n - N, i = Math.floor(p / d), t = p - d * i;
    const weights = [t * (2 * t * d - t * t - d * d), 3 * t * t * t - 5 * t * t * d + 2 * d * d * d, t * (4 * t * d - 3 * t * t + d * d),
      t * t * (t - d)].map((w) => {
      let q = Math.floor(w / whole), rest = w - q * whole;
      for (let bit = 0; bit < 10; bit++) {
        rest *= 2; // below 2^53
        q = 2 * q + (rest >= whole ? 1 : 0);
        if (rest >= whole) rest -= whole;
      }
      return q;
    });
    weights[2 * t >= d ? 2 : 1] += 1024 - weights.reduce((a, b) => a + b);
    return { weights, from: weights.map((_, k) => clamp(i + k - 1, 0, n - 1)) };
  });
}

function enlarge(samples, w, h, mean, width, height) {
  const across = filters(w, width), out = new Int16Array(width * height);
  const wide = Array.from({ length: h }, (_, y) =>
    Float64Array.from(across, ({ weights, from }) =>
      weights.reduce((sum, weight, k) => sum + weight * clamp(samples[y * w + from[k]] + mean, -8160, 8160), 0),
    ),
  );
  for (const [y, { weights, from }] of filters(h, height).entries()) {
    const [a, b, c, d] = from.map((row) => wide[row]), [wa, wb, wc, wd] = weights;
    for (let x = 0; x < width; x++)
      out[y * width + x] = Math.floor((wa * a[x] + wb * b[x] + wc * c[x] + wd * d[x] + 2 ** 19) / 2 ** 20);
  }
  return out;
}

// --- The engine
export const engine = {
  use(given) {
    numbers = given;
  },
  tile(head, width, height, segments) {
    const planes = planesOf(head.kind, width, height, head.bands);
    if (segments.length) startContexts();
    for (const [layer, segment] of segments.entries()) {
      const fault = readStages(planes, head.step, ...stagesOf(head.nLayers, layer), segment);
      if (fault) return { fault, layer };
    }
    return pixelsOf(head, width, height, planes);
  },
  placeholder(shape, segment, width, height) {
    const planes = planesOf(shape.kind, shape.width, shape.height, shape.bands);
    startContexts();
    const fault = readStages(planes, shape.step, 5, 1, segment);
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

/** The inverse of deflate (RFC 1951), where the browser has none. */
export function inflate(bytes) {
  const out = [], order = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15];
  let bit = 0;
  const take = (n) => {
    let value = 0;
    for (let i = 0; i < n; i++, bit++) value |= ((bytes[bit >> 3] >> (bit & 7)) & 1) << i;
    return value;
  };
  /** For each length the number of code words, and symbols in their order. */
  const codeOf = (lengths) => {
    const counts = new Uint16Array(16), symbols = [];
    for (let n = 1; n < 16; n++) lengths.forEach((length, symbol) => length === n && (counts[n]++, symbols.push(symbol)));
    return { counts, symbols };
  };
  const next = ({ counts, symbols }) => {
    for (let n = 1, code = 0, first = 0, index = 0; n < 16; n++) {
      code |= take(1);
      if (code - first < counts[n]) return symbols[index + code - first];
      index += counts[n];
      first = (first + counts[n]) << 1;
      code <<= 1;
    }
  };
  const extended = (symbol, each, base) => {
    const extra = symbol < 2 * each ? 0 : Math.floor(symbol / each) - 1;
    return base + (symbol < 2 * each ? symbol : ((each + (symbol % each)) << extra) + take(extra));
  };
  for (let last = 0; !last; ) {
    last = take(1);
    const type = take(2);
    if (!type) {
      bit = (bit + 7) & -8;
      const n = take(16);
      take(16);
      for (let i = 0; i < n; i++) out.push(take(8));
      continue;
    }
    let lengths = [...Array(144).fill(8), ...Array(112).fill(9), ...Array(24).fill(7), ...Array(8).fill(8)], distances = Array(30).fill(5);
    if (type === 2) {
      const nLengths = take(5) + 257, nDistances = take(5) + 1, n = take(4) + 4, of = Array(19).fill(0);
      for (let i = 0; i < n; i++) of[order[i]] = take(3);
      const code = codeOf(of), all = [];
      while (all.length < nLengths + nDistances) {
        const symbol = next(code);
        if (symbol < 16) all.push(symbol);
        else {
          const repeated = symbol === 16 ? all.at(-1) : 0, n = symbol === 16 ? 3 + take(2) : symbol === 17 ? 3 + take(3) : 11 + take(7);
          all.push(...Array(n).fill(repeated));
        }
      }
      lengths = all.slice(0, nLengths);
      distances = all.slice(nLengths);
    }
    const codes = codeOf(lengths), places = codeOf(distances);
    for (let symbol; (symbol = next(codes)) !== 256; ) {
      if (symbol < 256) out.push(symbol);
      else {
        const n = symbol === 285 ? 258 : extended(symbol - 257, 4, 3), back = extended(next(places), 2, 1);
        for (let i = 0; i < n; i++) out.push(out[out.length - back]);
      }
    }
  }
  return Uint8Array.from(out);
}
