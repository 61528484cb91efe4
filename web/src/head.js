// Bytes to what a head and its directory say, and to segments (spec/FORMAT.md, "Container"). The names of errors and their order
// are those of c/head.c.
import { refuse } from "./errors.js";

const BY_HAND = 32767, ONE_TILE = 15, MOST_LAYERS = 5;
const NAMES = ["grey", "rgb", "rgba", "spectral"];
const BANDS = [1, 3, 4];
// step_q8 of the qualities 0, 1600, 3200 … 12800, 13600, 14400 … 25600 (spec/apercu.md, "Path of apercu").
const STEPS = [262144, 185364, 131072, 92682, 65536, 46341, 32768, 23170, 16384, 12634, 9742, 7512, 5793, 4467, 3444, 2656, 2048,
  1579, 1218, 939, 724, 558, 431, 332, 256];

export function stepOfQuality(quality) {
  const d = quality < 12800 ? 1600 : 800, i = quality < 12800 ? 0 : 8;
  const above = Math.min(Math.floor((quality - i * 1600) / d), 15), p = quality - i * 1600 - above * d;
  return Math.floor((STEPS[i + above] * (d - p) + STEPS[i + above + 1] * p + (d >> 1)) / d);
}

let crcTable;

/** CRC-32/ISO-HDLC of bytes; `crc` is that of the bytes before. */
export function crc32(bytes, crc = 0) {
  crcTable ??= Uint32Array.from({ length: 256 }, (_, n) => {
    for (let bit = 0; bit < 8; bit++) n = n & 1 ? (n >>> 1) ^ 0xedb88320 : n >>> 1;
    return n;
  });
  crc = ~crc;
  for (const byte of bytes) crc = (crc >>> 8) ^ crcTable[(crc ^ byte) & 255];
  return ~crc >>> 0;
}

/** CRC-16/IBM-3740. */
function crc16(bytes) {
  let crc = 0xffff;
  for (const byte of bytes) {
    crc ^= byte << 8;
    for (let bit = 0; bit < 8; bit++) crc = (crc << 1) ^ (crc & 0x8000 ? 0x11021 : 0);
  }
  return crc & 0xffff;
}

const little = (bytes, at, n) => {
  let value = 0;
  while (n--) value = value * 256 + bytes[at + n];
  return value;
};

/**
 * What the first bytes of a file say; `bytes` may end anywhere after its head. `models`: the numbers of those that are read.
 * Raises ApercuError.
 */
export function readHead(bytes, maxPixels, models) {
  let at = 0;
  const take = (n) => {
    if (n > bytes.length - at) refuse("Truncated");
    return (at += n) - n;
  };
  const byte = () => bytes[take(1)];
  const corruptIf = (where) => where && refuse("CorruptStream");
  const varint = (largest) => {
    let value = 0;
    for (let shift = 0; ; shift += 7) {
      const next = byte(), goesOn = next > 127;
      value += (next & 127) * 2 ** shift;
      corruptIf(value > largest || (!next && shift) || (goesOn && shift + 7 >= 32 - Math.clz32(largest)));
      if (!goesOn) return value;
    }
  };
  if ((bytes.length && bytes[0] !== 0xae) || (bytes.length > 1 && bytes[1] !== 0x70)) refuse("NotApercu");
  take(2);
  const flags = byte();
  if (flags >> 4 !== 1) refuse("UnsupportedVersion");
  const head = { kind: flags & 3, interpretation: NAMES[flags & 3], wide: (flags >> 3) & 1, parts: (flags >> 2) & 1, model: byte() };
  if (head.model ? !models.includes(head.model) : byte() !== 2) refuse("UnknownModel");
  head.hash = head.model ? null : bytes.subarray(take(8), at);
  const width = (head.width = varint(65534) + 1), height = (head.height = varint(65534) + 1);
  const bands = (head.bands = BANDS[head.kind] || varint(65534) + 1);
  const word = little(bytes, take(2), 2);
  head.quality = word & 32767;
  head.axis = word >> 15;
  corruptIf((head.quality > 25600 && head.quality !== BY_HAND) || (head.axis && head.kind));
  const levels = at;
  for (let group = head.wide && [1, 1, 2, bands][head.kind]; group > 0; group--) {
    const codes = take(2);
    corruptIf(bytes[codes] > 208 || bytes[codes + 1] > 208 || !bytes[codes + 1]);
  }
  head.levels = bytes.subarray(levels, at);
  if (head.quality === BY_HAND) take(varint(255));
  head.tile = Math.max(width, height);
  head.nTiles = head.nLayers = 1;
  if (head.parts) {
    const code = byte(), tiling = code >> 4;
    corruptIf(tiling > 11 && tiling !== ONE_TILE);
    if (tiling !== ONE_TILE) head.tile = 32 << tiling;
    head.nTiles = Math.ceil(width / head.tile) * Math.ceil(height / head.tile);
    head.nLayers = (code & 15) + 1;
    const n = head.nTiles * head.nLayers;
    corruptIf(n < 2);
    if (n > bytes.length - at) refuse("Truncated");
    head.starts = new Float64Array(n + 1); // of segments, after the head
    for (let i = 0; i < n; i++) head.starts[i + 1] = head.starts[i] + varint(2 ** 28 - 1) + 4;
    head.checksum = crc32(bytes.subarray(0, at));
    if (little(bytes, take(4), 4) !== head.checksum) refuse("ChecksumError");
  }
  head.size = at;
  if (width * height > maxPixels || width * height * bands > 4 * maxPixels) refuse("TooLarge");
  corruptIf(head.nLayers > MOST_LAYERS || head.quality === BY_HAND);
  head.step = stepOfQuality(head.quality);
  return head;
}

/** The place of a tile, row by row from the top left. */
export function placeOf(head, tile) {
  const across = Math.ceil(head.width / head.tile);
  const top = Math.floor(tile / across) * head.tile, left = (tile % across) * head.tile;
  return { top, left, height: Math.min(head.tile, head.height - top), width: Math.min(head.tile, head.width - left) };
}

/** How many layers have arrived whole, of all tiles, in the first `n` bytes of a file. */
export function layersIn(head, n) {
  let layers = 0;
  while (layers < head.nLayers && head.starts?.[(layers + 1) * head.nTiles] <= n - head.size) layers++;
  return layers;
}

/** The bytes of a layer of a tile. Raises ApercuError where it is not whole. */
function segmentOf(head, bytes, layer, tile) {
  const { parts, size, starts } = head, index = layer * head.nTiles + tile, n = parts || head.width * head.height > 4096 ? 4 : 2;
  const begins = size + (parts && starts[index]), ends = parts ? size + starts[index + 1] - 4 : bytes.length - n;
  if (ends < begins || ends + n > bytes.length) refuse("Truncated");
  const segment = bytes.subarray(begins, ends), before = new Uint32Array([head.checksum, index]); // little-endian, as all that browsers run on
  const sum = parts ? crc32(segment, crc32(new Uint8Array(before.buffer))) : (n > 2 ? crc32 : crc16)(bytes.subarray(0, ends));
  if (little(bytes, ends, n) !== sum) refuse("ChecksumError");
  return segment;
}

/** How many bits a layer of a tile takes at least (spec/apercu.md, "What a segment can hold"). */
function leastBits(width, height, chroma, first, last) {
  let bits = 0;
  for (let stage = 1 + chroma; stage <= 5; stage++) {
    const groups = (side) => Math.ceil(side / (stage < 3 ? 4 : 1)), high = (side) => groups(side >> 1);
    const lowWidth = (width + 1) >> 1, lowHeight = (height + 1) >> 1, across = groups(lowWidth), down = groups(lowHeight);
    if (last <= stage && stage <= first) bits += (across + high(width)) * (down + high(height)) - across * down;
    width = lowWidth;
    height = lowHeight;
  }
  return first === 5 ? bits + width * height : bits;
}

/** The stages of a layer, from the coarsest to the finest. */
export function stagesOf(nLayers, layer) {
  return [layer ? nLayers - layer : 5, nLayers - layer];
}

/** Whether a segment of `n` bytes can hold a layer. */
export function hasRoom(head, width, height, layer, n) {
  const stages = stagesOf(head.nLayers, layer), colour = head.kind === 1 || head.kind === 2;
  let bits = leastBits(width, height, 0, ...stages) * (colour ? head.bands - 2 : head.bands);
  if (colour) bits += 2 * leastBits((width + 1) >> 1, (height + 1) >> 1, 1, ...stages);
  return bits <= (n + 5) * (head.model ? 2 ** 15 : 2 ** 19);
}

/**
 * The segments of each tile that are whole, up to the first that is not, whose error is beside them. Without `conceal`, raises
 * it, and what follows the last segment is an error too.
 */
export function segmentsOf(head, bytes, nLayers, conceal) {
  const tiles = Array.from({ length: head.nTiles }, (_, tile) => ({ place: placeOf(head, tile), segments: [] }));
  for (let layer = 0; layer < nLayers; layer++)
    for (const [index, tile] of tiles.entries()) {
      if (tile.fault) continue;
      try {
        const segment = segmentOf(head, bytes, layer, index);
        if (!hasRoom(head, tile.place.width, tile.place.height, layer, segment.length)) refuse("Truncated");
        tile.segments.push(segment);
      } catch (fault) {
        if (!conceal) throw fault;
        tile.fault = fault.name;
      }
    }
  if (!conceal && head.parts && nLayers === head.nLayers && bytes.length - head.size > head.starts.at(-1)) refuse("CorruptStream");
  return tiles;
}
