// Small tables (spec/apercu.md, "Small tables") as models.js takes them.

// Weights and kinds of contexts of all bands: how many, and which of them no symbol has, those of class 1 in stage 1.
const KINDS = [[270, 135, 162], [6000, 3000, 3600], [2430, 1215, 1458], [1400, 700, 840], [960, 480, 720], [340], [34], [2]];

/**
 * A code for each weight and context, the one before for what is left out of tables; first those of zero with index 0. So it
 * deflates well.
 */
export function codesOf(bytes) {
  const codes = [];
  let at = 0;
  for (const [kind, [n, from, end]] of KINDS.entries())
    for (let i = 0; i < n; i++) {
      const lost = (i >= from && i < end) || (kind === 1 && i % 3000 >= 1200 && i & 1) || (kind === 5 && i % 17 === 16) ||
        (kind === 6 && i % 17 < 2);
      codes.push(lost ? undefined : bytes[at++]);
    }
  const zero = codes.splice(270, 6000);
  codes.splice(270, 0, ...zero.filter((_, i) => !(i & 1)), ...zero.filter((_, i) => i & 1));
  let last;
  return Uint8Array.from(codes, (code) => (last = code ?? last));
}
