// Images for others: as RGBA, which a canvas takes; as PNG of 8 or 16 bits, by what deflates in the browser and in Node.
import { crc32 } from "./head.js";
import { through } from "./inflate.js";

/** Pixels as a canvas takes them: see index.d.ts. */
export function toRGBA({ width, height, bands, interpretation, data }) {
  const out = new Uint8ClampedArray(width * height * 4).fill(255), colour = bands > 2, n = interpretation === "rgba" ? 4 : 3;
  let least = 0, scale = 1;
  if (data instanceof Uint16Array) {
    let most = 0;
    least = 65535;
    for (let i = 0; i < data.length; i++)
      if (n === 3 || i % 4 < 3) {
        if (data[i] < least) least = data[i];
        if (data[i] > most) most = data[i];
      }
    scale = 255 / Math.max(most - least, 1);
  }
  for (let i = 0, from = 0, to = 0; i < width * height; i++, from += bands, to += 4) {
    for (let c = 0; c < 3; c++) out[to + c] = (data[colour ? from + c : from] - least) * scale;
    if (n === 4) out[to + 3] = data instanceof Uint16Array ? data[from + 3] / 257 : data[from + 3];
  }
  return out;
}

const TYPES = { grey: 0, rgb: 2, rgba: 6 };

/** The predictions of the five filters of PNG, of the bytes to the left, above, and above to the left. */
const FILTERS = [
  () => 0,
  (a) => a,
  (a, b) => b,
  (a, b) => (a + b) >> 1,
  (a, b, c) => {
    const pa = Math.abs(b - c), pb = Math.abs(a - c), pc = Math.abs(a + b - 2 * c);
    return pa <= pb && pa <= pc ? a : pb <= pc ? b : c;
  },
];

/** Rows, each with the filter that leaves the least. */
function filtered(rows, n, height, pixel) {
  const out = new Uint8Array((n + 1) * height), tried = new Uint8Array(n + 1);
  for (let y = 0; y < height; y++) {
    const at = y * n;
    let least = Infinity;
    for (const [type, predict] of FILTERS.entries()) {
      let sum = 0;
      tried[0] = type;
      for (let x = 0; x < n; x++) {
        const a = x < pixel ? 0 : rows[at + x - pixel], b = y ? rows[at + x - n] : 0, c = y && x >= pixel ? rows[at + x - n - pixel] : 0;
        const rest = (tried[x + 1] = rows[at + x] - predict(a, b, c));
        sum += Math.abs((rest << 24) >> 24);
      }
      if (sum < least) {
        least = sum;
        out.set(tried, y * (n + 1));
      }
    }
  }
  return out;
}

function chunk(name, content) {
  const out = new Uint8Array(content.length + 12), view = new DataView(out.buffer);
  view.setUint32(0, content.length);
  out.set([...name].map((c) => c.charCodeAt(0)), 4);
  out.set(content, 8);
  view.setUint32(content.length + 8, crc32(out.subarray(4, content.length + 8)));
  return out;
}

export async function toPNG({ width, height, bands, interpretation, data }) {
  if (!(interpretation in TYPES)) throw new RangeError("PNG holds grey, rgb and rgba only");
  const wide = data instanceof Uint16Array, pixel = bands * (wide ? 2 : 1);
  const rows = wide ? new Uint8Array(data.length * 2) : data;
  if (wide) data.forEach((sample, i) => rows.set([sample >> 8, sample], 2 * i));
  const head = new Uint8Array(13), view = new DataView(head.buffer);
  view.setUint32(0, width);
  view.setUint32(4, height);
  head.set([wide ? 16 : 8, TYPES[interpretation]], 8);
  const packed = await through(new CompressionStream("deflate"), filtered(rows, width * pixel, height, pixel));
  const parts = [Uint8Array.of(137, 80, 78, 71, 13, 10, 26, 10), chunk("IHDR", head), chunk("IDAT", packed), chunk("IEND", [])];
  return new Uint8Array(await new Blob(parts).arrayBuffer());
}

export async function toDataURL(image) {
  const bytes = await toPNG(image);
  let text = "";
  for (let i = 0; i < bytes.length; i += 8192) text += String.fromCharCode(...bytes.subarray(i, i + 8192));
  return `data:image/png;base64,${btoa(text)}`;
}
