// node web_fuzz.mjs PACKAGE FILES N SEED: what three engines make of mutants of files and of placeholders; prints how many ended
// how, and those of which they made different things.
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { pathToFileURL } from "node:url";

const [, , path, list, n, seed] = process.argv, ENGINES = ["scalar", "simd", "javascript"];
const { files, placeholders } = JSON.parse(readFileSync(list)), url = pathToFileURL(path);
const packages = await Promise.all(ENGINES.map((engine) => import(`${url}?${engine}`)));
packages.forEach(({ configure }, i) => configure({ engine: ENGINES[i] }));

let state = Number(seed);
const random = (below) => {
  state = (Math.imul(state, 1664525) + 1013904223) | 0;
  return Math.floor(((state >>> 0) / 2 ** 32) * below);
};

function mutant(bytes) {
  const out = Buffer.from(bytes);
  for (let i = 1 + random(3); i; i--) {
    const at = random(random(2) ? out.length : Math.min(out.length, 24));
    out[at] = random(2) ? out[at] ^ (1 << random(8)) : random(256);
  }
  return random(8) ? out : out.subarray(0, random(out.length));
}

/** Mends the checksum of a file of one segment, so that its content is read. */
function mended({ crc32 }, bytes) {
  const out = Buffer.from(bytes);
  if (out.length > 20 && !(out[2] & 4)) out.writeUInt32LE(crc32(out.subarray(0, -4)), out.length - 4);
  return out;
}

async function outcome(make) {
  try {
    const { width, height, data } = await make();
    return `${width} ${height} ${createHash("sha256").update(new Uint8Array(data.buffer)).digest("hex")}`;
  } catch ({ name }) {
    return name;
  }
}

const crc32 = (bytes) => {
  let crc = ~0;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0xedb88320 : crc >>> 1;
  }
  return ~crc >>> 0;
};

const counts = {}, different = [];
for (let i = 0; i < Number(n); i++) {
  const small = i % 3 === 2, from = small ? placeholders : files;
  let bytes = mutant(Buffer.from(from[random(from.length)], "base64"));
  if (!small && random(2)) bytes = mended({ crc32 }, bytes);
  const options = small ? { width: 1 + random(60), height: 1 + random(60) } : { maxPixels: 2 ** 16, damaged: random(2) ? "raise" : "conceal" };
  const found = [];
  for (const { decode, placeholderImage } of packages) found.push(await outcome(() => (small ? placeholderImage : decode)(bytes, options)));
  const name = found[0].includes(" ") ? "shown" : found[0];
  counts[name] = (counts[name] ?? 0) + 1;
  if (found.some((each) => each !== found[0])) different.push([bytes.toString("base64"), options, found]);
}
console.log(JSON.stringify({ counts, different: different.slice(0, 5) }));
