// Planes of placeholders at any size (spec/PLACEHOLDER.md, "Enlarging").
import { clamp } from "./bands.js";

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

/** Rows of w samples, to which `mean` is added, as rows of as many as there are filters. */
function enlargeAcross(samples, w, h, mean, across) {
  const wide = new Float64Array(across.length * h), n = across.length;
  for (const [x, { weights: [wa, wb, wc, wd], from: [a, b, c, d] }] of across.entries())
    for (let y = 0, at = 0, i = x; y < h; y++, at += w, i += n) {
      const before = clamp(samples[at + a] + mean, -8160, 8160), here = clamp(samples[at + b] + mean, -8160, 8160);
      const next = clamp(samples[at + c] + mean, -8160, 8160), last = clamp(samples[at + d] + mean, -8160, 8160);
      wide[i] = wa * before + wb * here + wc * next + wd * last;
    }
  return wide;
}

/** A row of n of four others, which begin at a, b, c and d. */
function enlargeDown(wide, n, a, b, c, d, wa, wb, wc, wd, out, at) {
  for (let x = 0; x < n; x++)
    out[at + x] = Math.floor((wa * wide[a + x] + wb * wide[b + x] + wc * wide[c + x] + wd * wide[d + x] + 2 ** 19) / 2 ** 20);
}

/** w x h samples, to which `mean` is added, as width x height. */
export function enlarge(samples, w, h, mean, width, height) {
  const wide = enlargeAcross(samples, w, h, mean, filters(w, width)), out = new Int16Array(width * height);
  for (const [y, { weights, from }] of filters(h, height).entries())
    enlargeDown(wide, width, ...from.map((row) => row * width), ...weights, out, y * width);
  return out;
}
