// How much of what the network of restore="cnn" finds is added, a factor for each 8x8 samples: src/apercu/restore/trust.py, which
// says why, in JavaScript. Numbers are its own.
const STEPS = [16, 20], BUSY = [34, 80], DIAGONAL = 4, STEEP = [0.03, 0.09], HOLLOW = [1.3, 2], FEW = 0.02, RICH = [1, 2.5], LITTLE = 0.05;
const LIVELY = { 2: [[0.01, 0.035], null], 3: [[0.005, 0.02], [50, 100]], 4: [[0.05, 0.15], [181, 362]] };
const PEAK = 0.01, PEAK_STEP = 68, PEAK_FLOOR = 0.35, WAVES = [[1.15, 1.4], [190, 290]], LOUD = [[85, 110], [33, 45]];
const REACH = 16, NEAR = 8, LEAST_SIDE = 32;

const blocks = (side) => (side + 7) >> 3;
const ramp = (v, [low, high]) => Math.min(Math.max((v - low) / (high - low), 0), 1);
const logRamp = (step, [low, high]) => ramp(Math.log2(step), [Math.log2(low), Math.log2(high)]);

/** A number for each block of a plane. */
const field = ({ width, height }, make = () => 0) => {
  const down = blocks(height), across = blocks(width), values = new Float64Array(down * across);
  for (let i = 0; i < values.length; i++) values[i] = make(i);
  return { down, across, values };
};

/** Adds what each coefficient of level 1 to 4 counts for to the blocks that it stands for. */
function gather(plane, level, orientations, count) {
  const found = field(plane), { across, down, values } = found, levels = plane.bands.length / 3;
  for (const orientation of orientations) {
    const { width, height, out } = plane.bands[(levels - level) * 3 + orientation];
    for (let y = 0, i = 0; y < height; y++)
      for (let x = 0; x < width; x++, i++) {
        if (!out[i]) continue;
        const n = count(out[i]);
        if (level < 4) values[(y >> (3 - level)) * across + (x >> (3 - level))] += n;
        else
          for (let by = 2 * y; by < Math.min(2 * y + 2, down); by++)
            for (let bx = 2 * x; bx < Math.min(2 * x + 2, across); bx++) values[by * across + bx] += n;
      }
  }
  return found;
}

/** Of the blocks around each, `reach` to each side as far as there are any. */
function meanAround({ down, across, values }, reach) {
  const sums = new Float64Array((down + 1) * (across + 1)), out = new Float64Array(down * across);
  for (let y = 0; y < down; y++)
    for (let x = 0, row = 0; x < across; x++) {
      row += values[y * across + x];
      sums[(y + 1) * (across + 1) + x + 1] = sums[y * (across + 1) + x + 1] + row;
    }
  for (let y = 0; y < down; y++)
    for (let x = 0; x < across; x++) {
      const top = Math.max(y - reach, 0), bottom = Math.min(y + reach + 1, down), left = Math.max(x - reach, 0);
      const right = Math.min(x + reach + 1, across), at = (row, column) => sums[row * (across + 1) + column];
      out[y * across + x] = (at(bottom, right) - at(top, right) - at(bottom, left) + at(top, left)) / ((bottom - top) * (right - left));
    }
  return out;
}

const combined = (fields, make) => ({ ...fields[0], values: fields[0].values.map((_, i) => make(...fields.map(({ values }) => values[i]))) });

/** How surely there are waves of one period around each block, or drawings of hard contrast, 0 to 1. */
function drawnIn(plane, step) {
  const squares = [2, 3, 4].map((level) => {
    const each = [0, 1, 2].map((o) => gather(plane, level, [o], (v) => v * v));
    const whole = combined(each, (...of) => Math.floor(of.reduce((sum, v) => sum + (level === 2 ? Math.floor(v / 4) : v), 0) / 3));
    return meanAround(whole, REACH).map((v) => v / 1024);
  });
  const [finest, middle, coarse] = squares.map((values) => values.map((v) => v / step ** 2 + PEAK));
  const least = 1 / (PEAK_FLOOR + (step / PEAK_STEP) ** 1.7), [[usual, peaked], waveSteps] = WAVES, [loud, loudSteps] = LOUD;
  return finest.map((v, i) => {
    const waves = ramp(Math.max(middle[i] / v, coarse[i] / middle[i]), [1 + usual * least, 1 + peaked * least]);
    return Math.max(waves * (1 - logRamp(step, waveSteps)), ramp(squares[0][i], loud) * (1 - logRamp(step, loudSteps)));
  });
}

/** Factors for a plane, or for luma and the two of chroma that go with it, as bands.js has read them. */
export function trust([luma, ...pair], stepQ8) {
  const step = stepQ8 / 256, all = [0, 1, 2], one = () => 1;
  if (step <= STEPS[0] || Math.min(luma.width, luma.height) < LEAST_SIDE) return [luma, ...pair].map(() => field(luma));
  const levels = [1, 2, 3, 4].map((level) => gather(luma, level, all, one)), diagonal = gather(luma, 1, [2], one);
  const has = (...of) => meanAround(combined(of, (...n) => +n.some(Boolean)), REACH);
  const share = { 2: has(levels[0], levels[1]), 3: has(levels[2]), 4: has(levels[3]) };
  const busy = meanAround(combined([levels[0], diagonal], (n, d) => n + (DIAGONAL - 1) * d), 1), drawn = drawnIn(luma, step);
  const factors = field(luma, (i) => {
    const fall = { 2: share[2][i] / (share[3][i] + FEW), 3: share[3][i] / (share[4][i] + FEW) };
    let lively = 0;
    for (const [level, [shares, steps]] of Object.entries(LIVELY)) {
      const sure = ramp(share[level][i], shares) * (level === "3" ? ramp(fall[3], STEEP) : 1);
      lively = Math.max(lively, sure * (steps ? logRamp(step, steps) : 1));
    }
    const hollow = ramp(Math.max(fall[2], fall[3]), HOLLOW);
    return logRamp(step, STEPS) * lively * (1 - hollow) * (1 - ramp(9 * busy[i], BUSY)) * (1 - drawn[i]);
  });
  const finest = (plane) => combined([1, 2, 3].map((level) => gather(plane, level, all, one)), (a, b, c) => a + b + c);
  const nLuma = meanAround(finest(luma), NEAR).map((n) => n + LITTLE);
  const ofChroma = pair.map((plane) => {
    const around = meanAround(finest(plane), NEAR >> 1), across = blocks(plane.width);
    return field(luma, (i) => {
      const y = Math.floor(i / factors.across), n = around[(y >> 1) * across + ((i % factors.across) >> 1)];
      return factors.values[i] * (1 - ramp(n / nLuma[i], RICH));
    });
  });
  return [factors, ...ofChroma];
}
