// <apercu-img>: see element.d.ts. Defining it is this file's effect.
import { averageColour, decodeStream, info, placeholderImage, placeholderInfo, toPNG, toRGBA } from "./apercu.js";

const STYLE = `:host{display:inline-block;max-width:100%;overflow:hidden;vertical-align:bottom}:host([hidden]){display:none}
canvas,img{display:block;width:100%;height:100%;object-fit:inherit}`;

const sheetOf = (css) => {
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(css);
  return sheet;
};
let shared;

/** Bytes of base64, of its variant for addresses, or of a data URI. */
function bytesOf(text) {
  const base64 = text.replace(/^data:[^,]*,/, "").replace(/-/g, "+").replace(/_/g, "/");
  return Uint8Array.from(atob(base64), (c) => c.charCodeAt(0));
}

export class ApercuImg extends (globalThis.HTMLElement ?? Object) {
  static observedAttributes = ["src", "placeholder", "strategy", "restore", "alt", "width", "height"];
  /** See element.d.ts. */
  static restorer;
  #root;
  #sheet;
  #shown; // canvas or img
  #work; // AbortController of what is on its way
  #colour = ""; // behind a placeholder
  #waiting = false; // until the attributes of this turn are all known
  naturalWidth = 0;
  naturalHeight = 0;
  complete = false;

  connectedCallback() {
    if (!this.#root) {
      this.#root = this.attachShadow({ mode: "open" });
      this.#sheet = sheetOf("");
      this.#root.adoptedStyleSheets = [(shared ??= sheetOf(STYLE)), this.#sheet];
    }
    this.#label();
    this.#begin();
  }

  disconnectedCallback() {
    this.#work?.abort();
  }

  attributeChangedCallback(name) {
    if (!this.#root || !this.isConnected) return;
    if (name === "alt") this.#label();
    else if (name === "width" || name === "height") this.#size();
    else this.#begin();
  }

  /** What those hear who do not see it: as with <img>, an empty alt makes it decoration. */
  #label() {
    const alt = this.getAttribute("alt"), decoration = alt === "";
    this.setAttribute("role", decoration ? "presentation" : "img");
    if (alt) this.setAttribute("aria-label", alt);
    else this.removeAttribute("aria-label");
  }

  /** The room that it takes, before a picture is there: by its attributes, else by the file, else by the placeholder. */
  #size(aspect) {
    const [width, height] = ["width", "height"].map((name) => parseInt(this.getAttribute(name)) || 0);
    const natural = this.naturalWidth / this.naturalHeight || aspect;
    const css = [`aspect-ratio:${width && height ? width / height : natural || "auto"}`];
    if (width) css.push(`width:${width}px`);
    else if (height) css.push(`height:${height}px`);
    else css.push(`width:${this.naturalWidth ? `${this.naturalWidth}px` : "100%"}`);
    if (this.#colour) css.push(`background-color:${this.#colour}`);
    this.#sheet.replaceSync(`:host{${css.join(";")}}`);
  }

  #begin() {
    if (this.#waiting) return;
    this.#waiting = true;
    queueMicrotask(() => {
      this.#waiting = false;
      if (this.isConnected) this.#load();
    });
  }

  async #load() {
    this.#work?.abort();
    const work = (this.#work = new AbortController()), { signal } = work, src = this.getAttribute("src");
    this.complete = false;
    this.naturalWidth = this.naturalHeight = 0;
    try {
      const before = this.#before(signal).catch((error) => this.#tell("error", { error }));
      if (src === null) return;
      if (this.getAttribute("loading") === "lazy") await this.#seen(signal);
      await this.#stream(src, signal, before);
    } catch (error) {
      if (!signal.aborted) this.#tell("error", { error });
    }
  }

  /** What is shown until there is a picture. */
  async #before(signal) {
    const text = this.getAttribute("placeholder");
    if (!text) return this.#size();
    const bytes = bytesOf(text), { aspect } = placeholderInfo(bytes), colour = averageColour(bytes);
    this.#colour = `rgb(${colour})`;
    this.#size(aspect);
    if (this.getAttribute("strategy") === "colour") return;
    const image = await placeholderImage(bytes);
    if (!signal.aborted && !this.naturalWidth) await this.#paint(image, signal);
  }

  #seen(signal) {
    return new Promise((resolve) => {
      const observer = new IntersectionObserver((entries) => entries.some((entry) => entry.isIntersecting) && (observer.disconnect(), resolve()), {
        rootMargin: "50%",
      });
      observer.observe(this);
      signal.addEventListener("abort", () => observer.disconnect());
    });
  }

  async #stream(src, signal, before) {
    const credentials = { anonymous: "same-origin", "use-credentials": "include" }[this.getAttribute("crossorigin")] ?? "same-origin";
    const response = await fetch(src, { signal, credentials });
    if (!response.ok) throw new Error(`${response.status} ${response.statusText}`);
    const restore = this.getAttribute("restore"), parts = [];
    const kept = response.body.pipeThrough(new TransformStream({ transform: (part, to) => (parts.push(part), to.enqueue(part)) }));
    let image;
    for await (image of decodeStream(kept, { damaged: this.getAttribute("damaged") ?? "raise" })) {
      if (signal.aborted) return;
      await before;
      this.naturalWidth = image.width;
      this.naturalHeight = image.height;
      this.#colour = "";
      this.#size();
      await this.#paint(image, signal);
      this.#tell("progress", { layers: image.layers });
    }
    if (restore && restore !== "none" && !signal.aborted) {
      const bytes = new Uint8Array(await new Blob(parts).arrayBuffer());
      if (!ApercuImg.restorer) throw new Error(`restore="${restore}": ApercuImg.restorer is not set`);
      await this.#paint(await ApercuImg.restorer(bytes, restore), signal);
    }
    if (signal.aborted) return;
    this.complete = true;
    this.#tell("load", { info: info(await new Blob(parts).arrayBuffer()) });
  }

  async #paint(image, signal) {
    const { width, height } = image;
    if (this.getAttribute("strategy") === "img") {
      const url = URL.createObjectURL(new Blob([await toPNG(image)], { type: "image/png" })), img = new Image(width, height);
      img.src = url;
      img.alt = "";
      await img.decode().finally(() => URL.revokeObjectURL(url));
      if (!signal.aborted) this.#put(img);
      return;
    }
    const pixels = new ImageData(image.bands === 4 && image.data instanceof Uint8ClampedArray ? image.data : await toRGBA(image), width, height);
    if (signal.aborted) return;
    const canvas = this.#shown?.localName === "canvas" ? this.#shown : document.createElement("canvas");
    if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
    canvas.getContext("2d").putImageData(pixels, 0, 0);
    this.#put(canvas);
  }

  #put(shown) {
    if (this.#shown !== shown) this.#root.replaceChildren((this.#shown = shown));
  }

  #tell(name, detail) {
    this.dispatchEvent(new CustomEvent(name, { detail }));
  }
}

if (globalThis.customElements && !customElements.get("apercu-img")) customElements.define("apercu-img", ApercuImg);
