/** The inverse of deflate (RFC 1951), where the browser has none. */
export function inflated(bytes) {
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
