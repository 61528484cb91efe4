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

/** w x h samples, to which `mean` is added, as width x height. */
export function enlarge(samples, w, h, mean, width, height) {
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
