// Makes dist/ of src/ and of what the Makefile has compiled: `make -C web`.
import { copyFileSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { deflateRawSync } from "node:zlib";
import { build } from "esbuild";

const WEIGHTS = "../src/apercu/weights/";
const COMMON = { bundle: true, minify: true, format: "esm", target: "es2022", legalComments: "none" };
// Files that are fetched when they are wanted; their names in src/ and in dist/ are the same.
const APART = ["./fallback.js", "./simd.js", "./model-2.js", "./png.js", "./stream.js", "./apercu.js"];

const text = (bytes) => `export default "${deflateRawSync(bytes, { level: 9 }).toString("base64")}";\n`;

/** The numbers of a .npy file of uint16: all low bytes, then all high ones, which deflates better. */
function tables(path) {
  const file = readFileSync(path), numbers = file.subarray(10 + file.readUInt16LE(8)), n = numbers.length / 2;
  return Uint8Array.from({ length: 2 * n }, (_, i) => numbers[i < n ? 2 * i : 2 * (i - n) + 1]);
}

rmSync("dist", { recursive: true, force: true });
mkdirSync("dist");
const inner = await build({ ...COMMON, entryPoints: ["src/decoder.js"], write: false });
const body = inner.outputFiles[0].text.replace(/export\{(.*)\};?\s*$/, (_, names) => `return{${names.replace(/([\w$]+) as ([\w$]+)/g, "$2:$1")}}`);
writeFileSync("build/decoder.js", `export default function(){${body}}\n`);
writeFileSync("build/scalar.js", text(readFileSync("build/scalar.wasm")));
writeFileSync("dist/simd.js", text(readFileSync("build/simd.wasm")));
writeFileSync("dist/model-2.js", text(tables(`${WEIGHTS}apercu.npy`)));
for (const [from, to] of [["index", "apercu"], ["fallback", "fallback"], ["png", "png"], ["stream", "stream"]])
  await build({ ...COMMON, entryPoints: [`src/${from}.js`], outfile: `dist/${to}.js`, external: APART.filter((name) => name !== `./${to}.js`) });
for (const name of readdirSync("src").filter((name) => name.endsWith(".d.ts"))) copyFileSync(`src/${name}`, `dist/${name}`);
