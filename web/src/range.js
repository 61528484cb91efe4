// The range decoder and its contexts (spec/FORMAT.md, "Range coder"), in integers of 32 bits.
const LOG2 = Uint8Array.from({ length: 129 }, (_, n) => 31 - Math.clz32(n));
const fast = new Uint16Array(11166), slow = new Uint16Array(11166), age = new Uint8Array(11166);
let data, at;
const state = new Uint32Array(2), RANGE = 0, CODE = 1; // in an array, where 32 bits without a sign need no memory of their own

const nextByte = () => (at < data.length ? data[at++] : (at++, 0));

export function startStream(segment) {
  data = segment;
  at = 0;
  state[RANGE] = 0xffffffff;
  for (let i = 0; i < 4; i++) state[CODE] = (state[CODE] << 8) | nextByte();
  if (state[CODE] === 0xffffffff) state[CODE]--;
}

export function get(p0) {
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

export function bitIn(c) {
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
export const overrun = () => (at > data.length + 8 ? "Truncated" : undefined);
export const ended = () => overrun() ?? (at < data.length + 3 ? "CorruptStream" : undefined);
