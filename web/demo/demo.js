// The page: a picture by apercu beside what the browser's own encoders make of it in as many bytes.
import { averageColour, decode, info, placeholderInfo, toRGBA } from "../dist/apercu.js";
import "../dist/element.js";
import { encode } from "../dist/encode.js";
import { scene } from "./scene.js";

const MOST_SIDE = 1024, OTHERS = { JPEG: "image/jpeg", WebP: "image/webp", AVIF: "image/avif" }, SCALES = [1, 2, 4, 8];
const SAMPLE = "S0s2b3Zk/PsK0C66R0EnTqhkoB5fYZcuiAfz/+dA"; // of scene.js
const $ = (id) => document.getElementById(id);
const numbers = new Intl.NumberFormat("en");
const asked = new URLSearchParams(location.search); // ?ort=FOLDER&network=FILE&avif=FOLDER: see ../README.md
let restorer, avif; // promises
let original = null, file = null, turn = 0; // a canvas, and what is shown of it; changes that come meanwhile

const pixelsOf = (canvas) => canvas.getContext("2d", { willReadFrequently: true }).getImageData(0, 0, canvas.width, canvas.height).data;

function canvasOf(width, height, draw) {
  const canvas = Object.assign(document.createElement("canvas"), { width, height });
  draw(canvas.getContext("2d", { willReadFrequently: true }));
  return canvas;
}

function psnr(a, b) {
  let sum = 0, n = 0;
  for (let i = 0; i < a.length; i++)
    if (i % 4 < 3) {
      sum += (a[i] - b[i]) ** 2;
      n++;
    }
  return 10 * Math.log10(255 ** 2 / (sum / n));
}

/** Puts a figure in its place, or takes it away. */
function show(name, canvas, note) {
  const id = `of-${name.replace(/\W+/g, "-")}`;
  let figure = $(id);
  if (!canvas) return figure?.remove();
  if (!figure) {
    figure = Object.assign(document.createElement("figure"), { id });
    figure.append(document.createElement("canvas"), document.createElement("figcaption"));
    $("stage").append(figure);
  }
  figure.firstChild.replaceWith(canvas);
  canvas.setAttribute("role", "img");
  canvas.setAttribute("aria-label", `${name}: ${note}`);
  const title = Object.assign(document.createElement("b"), { textContent: name }), said = document.createElement("span");
  said.textContent = note;
  figure.lastChild.replaceChildren(title, said);
}

const told = (n, canvas, truth) => `${numbers.format(n)} bytes${truth ? `, ${psnr(pixelsOf(truth), pixelsOf(canvas)).toFixed(2)} dB` : ""}`;

/** AVIF by @jsquash/avif, where the page was opened with its folder. */
async function startAvif() {
  const folder = new URL(asked.get("avif"), location), load = (file) => import(`${folder}/${file}`);
  const [{ default: start }, { defaultOptions }] = await Promise.all([load("codec/enc/avif_enc.js"), load("meta.js")]);
  const encoder = await start({ noInitialRun: true });
  return (canvas, quality) => {
    const made = encoder.encode(new Uint8Array(pixelsOf(canvas).buffer), canvas.width, canvas.height, { ...defaultOptions, quality });
    return new Blob([made], { type: "image/avif" });
  };
}

/** A file of a type and a quality of 0 to 100; null where nothing here writes it. */
async function blobOf(canvas, type, quality) {
  const blob = await new Promise((resolve) => canvas.toBlob(resolve, type, quality / 100));
  if (blob?.type === type) return blob;
  return type === OTHERS.AVIF && asked.has("avif") ? (await (avif ??= startAvif()))(canvas, quality) : null;
}

/** The best picture of a type in at most n bytes, of any of several sizes, or null; undefined where nothing here writes it. `isLate()` ends it. */
async function inBytes(original, type, n, isLate) {
  const truth = pixelsOf(original), { width, height } = original;
  let best = null;
  for (const scale of SCALES) {
    const small = canvasOf(Math.ceil(width / scale), Math.ceil(height / scale), (context) => {
      context.imageSmoothingQuality = "high";
      context.drawImage(original, 0, 0, context.canvas.width, context.canvas.height);
    });
    let low = 0, high = 100, found = null;
    while (low <= high) {
      const middle = (low + high) >> 1, blob = await blobOf(small, type, middle);
      if (!blob || isLate()) return;
      if (blob.size <= n) {
        found = blob;
        low = middle + 1;
      } else high = middle - 1;
    }
    if (!found) continue;
    const bitmap = await createImageBitmap(found);
    const canvas = canvasOf(width, height, (context) => {
      context.imageSmoothingQuality = "high";
      context.drawImage(bitmap, 0, 0, width, height);
    });
    const quality = psnr(truth, pixelsOf(canvas));
    if (!best || quality > best.quality) best = { canvas, quality, size: found.size, scale };
    if (low > 60) break; // a smaller one would not be better
  }
  return best;
}

/** restore="cnn", where the page was opened with a runtime and a network. */
async function startRestorer() {
  const folder = new URL(asked.get("ort"), location), [ort, { restore }] = await Promise.all([import(`${folder}/ort.wasm.min.mjs`), import("../dist/restore.js")]);
  ort.env.wasm.wasmPaths = `${folder}/`;
  ort.env.wasm.numThreads = 1;
  const network = await ort.InferenceSession.create(String(new URL(asked.get("network"), location)));
  return (data, layers) => restore(data, { ort, network, layers });
}

async function canvasOfImage(image) {
  const pixels = new ImageData(await toRGBA(image), image.width, image.height);
  return canvasOf(image.width, image.height, (context) => context.putImageData(pixels, 0, 0));
}

/** Shows the file by apercu, and then what others make of so many bytes. */
async function paint() {
  const mine = ++turn, layers = $("layers"), said = info(file), truth = original;
  layers.max = said.layers;
  layers.disabled = said.layers === 1;
  const n = Math.min(Number(layers.value), said.layers), image = await decode(file, { layers: n });
  if (mine !== turn) return;
  const canvas = await canvasOfImage(image), shown = file;
  $("size").value = `${numbers.format(said.nBytes)} bytes, ${said.bpp.toFixed(3)} bits a pixel`;
  $("shown").value = `${n} of ${said.layers}`;
  show("Original", truth, truth && `${numbers.format(truth.width)} × ${numbers.format(truth.height)}`);
  show("apercu", canvas, told(said.nBytes, canvas, truth));
  if (asked.has("ort")) {
    const restored = await canvasOfImage(await (await (restorer ??= startRestorer()))(shown, n));
    if (mine !== turn) return;
    show("apercu, restored", restored, told(said.nBytes, restored, truth));
  }
  const missing = [];
  for (const [name, type] of Object.entries(OTHERS)) {
    const other = truth && (await inBytes(truth, type, said.nBytes, () => mine !== turn));
    if (mine !== turn) return;
    const scaled = other?.scale > 1 ? `, at 1/${other.scale} of its size` : "";
    show(name, other?.canvas, other && told(other.size, other.canvas, truth) + scaled);
    if (truth && !other) missing.push(other === null ? `No ${name} has so few bytes.` : `This browser writes no ${name}.`);
  }
  $("missing").textContent = missing.join(" ");
  $("stage").setAttribute("aria-busy", "false");
}

async function encodeAndPaint() {
  $("stage").setAttribute("aria-busy", "true");
  const truth = original, { width, height } = truth, quality = Number($("quality").value);
  const made = await encode({ width, height, bands: 4, data: pixelsOf(truth) }, { quality, model: 10 });
  if (truth !== original) return;
  file = made;
  await paint();
}

async function take(blob) {
  $("fault").textContent = "";
  $("stage").setAttribute("aria-busy", "true");
  try {
    const bytes = new Uint8Array(await blob.arrayBuffer());
    if (bytes[0] === 0xae && bytes[1] === 0x70) {
      await decode(bytes);
      [file, original] = [bytes, null];
      $("quality").disabled = true;
      await paint();
      return;
    }
    const bitmap = await createImageBitmap(blob), scale = Math.min(1, MOST_SIDE / Math.max(bitmap.width, bitmap.height));
    original = canvasOf(Math.round(bitmap.width * scale), Math.round(bitmap.height * scale), (context) => {
      context.imageSmoothingQuality = "high";
      context.drawImage(bitmap, 0, 0, context.canvas.width, context.canvas.height);
    });
    $("quality").disabled = false;
    await encodeAndPaint();
  } catch (error) {
    $("fault").textContent = `${error.name}: ${error.message}`;
    $("stage").setAttribute("aria-busy", "false");
  }
}

function showPlaceholder() {
  const text = $("text").value.trim();
  try {
    const bytes = Uint8Array.from(atob(text), (c) => c.charCodeAt(0)), { width, height, kind } = placeholderInfo(bytes);
    $("told").value = `${bytes.length} bytes: ${kind}, ${width} × ${height}, on average rgb(${averageColour(bytes).join(", ")})`;
    $("small").setAttribute("placeholder", text);
  } catch (error) {
    $("told").value = text ? error.message : "";
  }
}

const queued = (task) => {
  let running = false, again = false;
  return async () => {
    if (running) return void (again = true);
    running = true;
    do {
      again = false;
      await task();
    } while (again);
    running = false;
  };
};
$("quality").addEventListener("input", queued(encodeAndPaint));
$("layers").addEventListener("input", queued(paint));
$("text").addEventListener("input", showPlaceholder);
$("open").addEventListener("click", () => $("file").click());
$("file").addEventListener("change", ({ target }) => target.files[0] && take(target.files[0]));
for (const name of ["dragover", "dragleave", "drop"])
  addEventListener(name, (event) => {
    event.preventDefault();
    document.body.classList.toggle("over", name === "dragover");
    if (name === "drop" && event.dataTransfer.files[0]) take(event.dataTransfer.files[0]);
  });
$("text").value = SAMPLE;
showPlaceholder();
original = scene();
await encodeAndPaint();
