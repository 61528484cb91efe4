// The engine that WebAssembly is: see image.js, and ../wasm/decoder.c for what the exports do.
const ERRORS = { 2: "Truncated", 3: "CorruptStream", 9: "TooLarge" }; // of c/apercu.h; a model's numbers are checked before
const MOST_KEPT = 2 ** 26; // bytes of memory that is kept for the next picture

// The order of `shared` in decoder.c, in 32-bit words.
const SIZES = 0, PIXELS = 5, FAULTY = 6, MEANS = 7, STARTS = 11;
const N_WEIGHTS = 270, N_STARTS = 22332;

export function wasmEngine(module) {
  let numbers, exports, words;

  const start = () => {
    if (exports && exports.memory.buffer.byteLength <= MOST_KEPT) return;
    exports = new WebAssembly.Instance(module).exports;
    if (numbers) use(numbers);
  };
  const look = () => (words = new Int32Array(exports.memory.buffer, exports.a(), STARTS));
  const use = (given) => {
    numbers = given;
    const at = look().byteOffset + 4 * STARTS;
    new Uint16Array(words.buffer, at, N_STARTS).set(numbers.subarray(N_WEIGHTS));
    new Uint8Array(words.buffer, at + 2 * N_STARTS, N_WEIGHTS).set(numbers.subarray(0, N_WEIGHTS));
  };
  const put = (parts) => {
    const at = exports.b(parts.reduce((n, part) => n + part.length, 0));
    let next = at;
    look();
    if (at)
      for (const part of parts) {
        new Uint8Array(words.buffer, next).set(part);
        next += part.length;
      }
    return at;
  };
  const outcome = (code, Samples, n) => {
    look();
    return code ? { fault: ERRORS[-code], layer: words[FAULTY] } : new Samples(words.buffer, words[PIXELS] >>> 0, n);
  };

  start();
  return {
    use,
    tile(head, width, height, segments) {
      start();
      if (!put([...segments, head.levels])) return { fault: "TooLarge" };
      words.set(segments.map(({ length }) => length), SIZES);
      exports.c(head.kind + 4 * head.wide + (head.model ? 0 : 8), head.bands, width, height, head.step, head.nLayers);
      return outcome(exports.d(segments.length), head.wide ? Uint16Array : Uint8Array, width * height * head.bands);
    },
    placeholder(shape, segment, width, height) {
      start();
      if (!put([segment])) return { fault: "TooLarge" };
      words.set(shape.mean, MEANS);
      exports.c(shape.kind, shape.bands, shape.width, shape.height, shape.step, 1);
      return outcome(exports.e(segment.length, width, height), Uint8ClampedArray, width * height * 4);
    },
  };
}
