// The range decoder and its contexts (spec/FORMAT.md, "Range coder"), in integers of 32 bits.
const LOG2 = Uint8Array.from({ length: 129 }, (_, n) => 31 - Math.clz32(n));
const fast = new Uint16Array(11166), slow = new Uint16Array(11166), age = new Uint8Array(11166);
let data, at, size;
const state = new Int32Array(2), RANGE = 0, CODE = 1, SIGN = -0x80000000; // numbers without a sign, as engines hold them in 32 bits

const ZEROS = 16; // behind a segment, since a sound one is read a little further; whoever reads on gets zeros, too, but slowly

const nextByte = () => data[at++];

export function startStream(segment) {
  size = segment.length;
  data = new Uint8Array(size + ZEROS);
  data.set(segment);
  at = 0;
  state[RANGE] = -1;
  for (let i = 0; i < 4; i++) state[CODE] = (state[CODE] << 8) | nextByte();
  if (state[CODE] === -1) state[CODE]--;
}

export function get(p0) {
  let range = state[RANGE], code = state[CODE], bit = 0;
  const bound = (Math.imul(range >>> 16, p0) + (Math.imul(range & 65535, p0) >>> 16)) | 0;
  if ((code ^ SIGN) >= (bound ^ SIGN)) {
    code = (code - bound) | 0;
    range = (range - bound) | 0;
    bit = 1;
  } else range = bound;
  while (!(range & 0xff000000)) {
    code = (code << 8) | nextByte();
    range <<= 8;
  }
  state[RANGE] = range;
  state[CODE] = code;
  return bit;
}

export function bitIn(c) {
  const f = fast[c], s = slow[c], n = age[c], shift = LOG2[n], quick = shift < 4 ? shift : 4;
  if (n < 128) age[c] = n + 1;
  if (get((f + s) >> 1)) {
    fast[c] = f - (f >> quick);
    slow[c] = s - (s >> shift);
    return 1;
  }
  fast[c] = f + ((65536 - f) >> quick);
  slow[c] = s + ((65536 - s) >> shift);
  return 0;
}

/** A number of n bits that no context predicts. */
export function plain(n) {
  let value = 0;
  while (n--) value = (value << 1) | get(32768);
  return value;
}

/** Contexts as they are before the first symbol; `starts`: of each its probability and age. */
export function startContexts(starts) {
  for (let i = 0; i < age.length; i++) {
    fast[i] = slow[i] = starts[2 * i];
    age[i] = starts[2 * i + 1];
  }
}

/** The name of an error, while a stream is read and at its end. */
export const overrun = () => (at > size + 8 ? "Truncated" : undefined);
export const ended = () => overrun() ?? (at < size + 3 ? "CorruptStream" : undefined);
