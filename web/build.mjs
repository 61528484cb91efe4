// Makes dist/ of src/ and of what the Makefile has compiled: `make -C web`.
import { createRequire } from "node:module";
import { copyFileSync, existsSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { resolve } from "node:path";
import { promisify } from "node:util";

const BUILD = process.argv[2];
const ofBuild = createRequire(resolve(BUILD, "package.json"));
const { deflate } = ofBuild("@gfx/zopfli"), { build } = ofBuild("esbuild"), { minify } = ofBuild("terser");

const { codesOf } = await import("./src/codes.js");

const WEIGHTS = process.env.WEIGHTS ?? "../src/apercu/weights";
// The files of dist/, by what they are made of. Those that are not the first are fetched when they are wanted.
const FILES = { apercu: "index", element: "element", encode: "encode", fallback: "fallback", pictures: "pictures", restore: "restore", stream: "stream", users: "users" };
const APART = [...Object.keys(FILES), "simd", "encoder", "model-2", "placeholders"].map((name) => `./${name}.js`);

const deflated = async (bytes) => Buffer.from(await promisify(deflate)(bytes, { numiterations: 100 })).toString("base64");
const exported = async (bytes) => `export default "${await deflated(bytes)}";\n`;

/** One script of a file of src/ and what it imports. */
async function bundled(from, external) {
  const made = await build({ entryPoints: [`src/${from}.js`], bundle: true, format: "esm", target: "es2022", external, write: false });
  const options = { module: true, ecma: 2020, compress: { passes: 3, unsafe_arrows: true }, format: { comments: false } };
  return (await minify(made.outputFiles[0].text, options)).code;
}

/** The bytes of the array in a .npy file; none where there is no such file. */
function arrayIn(path) {
  if (!existsSync(path)) return Buffer.alloc(0);
  const file = readFileSync(path);
  return file.subarray(10 + file.readUInt16LE(8));
}

/** Of numbers of 16 bits all low bytes, then all high ones, which deflates better. */
function apart(bytes) {
  const n = bytes.length / 2;
  return Uint8Array.from(bytes, (_, i) => bytes[i < n ? 2 * i : 2 * (i - n) + 1]);
}

/** A function whose text is a script: what a bundled module exports, it returns. */
function asFunction(bundle) {
  const renamed = (names) => names.replace(/([\w$]+) as ([\w$]+)/g, "$2:$1");
  return `export default function(){${bundle.replace(/export\{(.*)\};?\s*$/, (_, names) => `return{${renamed(names)}}`)}}\n`;
}

rmSync("dist", { recursive: true, force: true });
mkdirSync("dist");
writeFileSync(`${BUILD}/decoder.js`, asFunction(await bundled("decoder", [])));
const small = codesOf(arrayIn(`${WEIGHTS}/apercu_small.npy`));
const scalar = await deflated(readFileSync(`${BUILD}/scalar.wasm`)), tables = await deflated(small);
writeFileSync("dist/simd.js", await exported(readFileSync(`${BUILD}/simd.wasm`)));
writeFileSync("dist/encoder.js", await exported(readFileSync(`${BUILD}/encoder.wasm`)));
writeFileSync("dist/placeholders.js", await exported(codesOf(arrayIn(`${WEIGHTS}/placeholder.npy`))));
writeFileSync("dist/model-2.js", await exported(apart(arrayIn(`${WEIGHTS}/apercu.npy`))));
for (const [to, from] of Object.entries(FILES))
  writeFileSync(`dist/${to}.js`, await bundled(from, APART.filter((name) => name !== `./${to}.js`)));
// First in the file, where what zlib makes of it has a code of its own: that saves a kilobyte.
const held = `const $scalar="${scalar}",$small="${tables}";`;
writeFileSync("dist/apercu.js", held + readFileSync("dist/apercu.js"));
for (const name of readdirSync("src").filter((name) => name.endsWith(".d.ts"))) copyFileSync(`src/${name}`, `dist/${name}`);
copyFileSync("../LICENSE", "dist/LICENSE");
