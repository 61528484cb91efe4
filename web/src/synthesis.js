// Coefficients to planes (spec/apercu.md, "Synthesis"), and planes to samples (spec/FORMAT.md, "Planes").
import { clamp, planeOf } from "./bands.js";

/** n numbers from `to` on become x + m u + s ⌊u f / 2^16⌋, u the sum of those from `a` and from `b` on, modulo 2^16. */
function lift(samples, to, a, b, n, m, s, f) {
  for (let i = 0; i < n; i++) {
    const u = ((samples[a + i] + samples[b + i]) << 16) >> 16;
    samples[to + i] += m * u + s * ((u * f) >> 16);
  }
}

/** Every other row, from row `first` on. */
function liftRows(samples, first, width, height, m, s, f) {
  for (let y = first; y < height; y += 2)
    lift(samples, y * width, (y ? y - 1 : 1) * width, (y + 1 < height ? y + 1 : y - 1) * width, width, m, s, f);
}

// Whether it is for the even or the odd samples, and the factors, of each step.
const STEPS = [[0, 0, -1, 29066], [1, -1, 1, 7671], [0, 0, 1, 3472], [1, 2, -1, 27123]];

/** A low-pass row at its size again. */
function unscale(low, from, out, to, n) {
  for (let i = 0; i < n; i++) {
    const v = low[from + i];
    out[to + i] = v + (v >> 1) + ((v * 873) >> 16);
  }
}

/** Even and odd samples of a row, lifted, to their places. */
function interleave(row, odds, n, out, from) {
  for (let x = 0; x < n; x++) {
    out[from + 2 * x] = row[x];
    out[from + 2 * x + 1] = row[odds + x];
  }
}

/** A row whose even samples are followed by its odd ones, which are halved. `row` has them from 0 and from o on, a place on either side. */
function joinRow(out, from, width, row) {
  const even = (width + 1) >> 1, odd = width >> 1, o = even + 2;
  row.set(out.subarray(from, from + even));
  for (let x = 0; x < odd; x++) row[o + x] = 2 * out[from + even + x];
  for (const [ofOdd, m, s, f] of STEPS)
    if (ofOdd) {
      row[even] = row[even - 1];
      lift(row, o, 0, 1, odd, m, s, f);
    } else {
      row[o - 1] = row[o];
      row[o + odd] = row[o + odd - 1];
      lift(row, 0, o - 1, o, even, m, s, f);
    }
  interleave(row, o, odd, out, from);
  if (even > odd) out[from + width - 1] = row[odd];
}

function joinLevel(low, [hl, lh, hh], width, height) {
  const even = (width + 1) >> 1, odd = width >> 1, out = new Int16Array(width * height), row = new Int16Array(width + 4);
  for (let y = 0; y < height; y++) {
    const half = y >> 1, to = y * width;
    if (y & 1) out.set(lh.out.subarray(half * even, (half + 1) * even), to);
    else unscale(low, half * even, out, to, even);
    out.set((y & 1 ? hh : hl).out.subarray(half * odd, (half + 1) * odd), to + even);
  }
  if (height > 1) for (const [first, m, s, f] of STEPS) liftRows(out, first, width, height, m, s, f);
  for (let y = 0; width > 1 && y < height; y++) joinRow(out, y * width, width, row);
  return out;
}

/** The samples of a plane. */
export function synthesise({ width, height, chroma, low, bands }) {
  let samples = low.out;
  for (let level = 5 - chroma; level; level--) {
    const shrunk = (side) => (side + (1 << (level - 1)) - 1) >> (level - 1);
    samples = joinLevel(samples, bands.slice(-3 * level), shrunk(width), shrunk(height));
  }
  for (let i = 0; i < samples.length; i++) samples[i] = clamp(2 * samples[i] + (chroma ? 0 : 4080), -8191, 8191);
  return samples;
}

export const toByte = (v) => (v + 16) >> 5; // for arrays that clamp
export const red = (y, cr) => y + ((22970 * cr + 8192) >> 14);
export const green = (y, cb, cr) => y - ((5638 * cb + 11700 * cr + 8192) >> 14);
export const blue = (y, cb) => y + ((29032 * cb + 8192) >> 14);
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

export function planesOf(kind, width, height, bands) {
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

/** A row of colours; `sample`: what makes samples of them. */
function colourRow(luma, i, cbRow, crRow, width, sample, pixels, to, bands) {
  for (let x = 0; x < width; x++, to += bands) {
    const y = luma[i + x], cb = cbRow[x], cr = crRow[x];
    pixels[to] = sample(red(y, cr));
    pixels[to + 1] = sample(green(y, cb, cr));
    pixels[to + 2] = sample(blue(y, cb));
  }
}

/** Interleaved samples; `planes`: their samples, one plane after the other. */
export function pixelsOf(head, width, height, planes) {
  const { bands } = head, pixels = new (head.wide ? Uint16Array : Uint8ClampedArray)(width * height * bands);
  let band = 0, group = 0;
  if (head.kind === 1 || head.kind === 2) {
    const half = (width + 1) >> 1, [luma, cb, cr] = planes, sample = sampler(head, group++);
    const cbRow = new Int16Array(2 * half), crRow = new Int16Array(2 * half);
    for (let y = 0; y < height; y++) {
      chromaRow(cb, half, (height + 1) >> 1, y, width, cbRow);
      chromaRow(cr, half, (height + 1) >> 1, y, width, crRow);
      colourRow(luma, y * width, cbRow, crRow, width, sample, pixels, y * width * bands, bands);
    }
    band = 3;
  }
  for (; band < bands; band++) {
    const plane = planes[band], sample = sampler(head, group++);
    for (let i = 0; i < plane.length; i++) pixels[i * bands + band] = sample(plane[i]);
  }
  return head.wide ? pixels : new Uint8Array(pixels.buffer);
}
