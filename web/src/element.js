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

const SLICE = 8, waiting = new Map(); // milliseconds; elements that are to be seen, and what they wait with
let observer, last = Promise.resolve(), begun = 0;

/** Elements near what is seen of the page, by one observer for all. */
const observing = () =>
  (observer ??= new IntersectionObserver(
    (entries) => {
      for (const { isIntersecting, target } of entries)
        if (isIntersecting) {
          waiting.get(target)?.();
          forget(target);
        }
    },
    { rootMargin: "50%" },
  ));

function forget(element) {
  waiting.delete(element);
  observer?.unobserve(element);
}

/** What many elements do one after the other, with pauses in which the page can do something else. */
function inTurn(task) {
  const made = last.then(async () => {
    if (performance.now() - begun > SLICE) {
      await new Promise((resolve) => setTimeout(resolve));
      begun = performance.now();
    }
    return task();
  });
  last = made.catch(() => {});
  return made;
}

const TEXTS = ["src", "placeholder", "strategy", "restore", "alt", "damaged"], LENGTHS = ["width", "height"];

export class ApercuImg extends (globalThis.HTMLElement ?? Object) {
  static observedAttributes = [...TEXTS, ...LENGTHS, "crossorigin"];
  /** See element.d.ts. */
  static restorer;
  #root;
  #sheet;
  #shown; // canvas or img
  #work; // AbortController of what is on its way
  #colour = ""; // behind a placeholder
  #aspect; // of a placeholder
  #waiting = false; // until the attributes of this turn are all known
  #near; // a promise: see #seen
  #latest; // picture that is being painted
  #own = {}; // attributes that the page has left to this element
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
    if (!this.complete) this.#begin(); // else it has only been moved
  }

  disconnectedCallback() {
    this.#work?.abort();
  }

  attributeChangedCallback(name) {
    if (!this.#root) return;
    if (name === "alt") this.#label();
    else if (LENGTHS.includes(name)) this.#size();
    else {
      this.complete = false; // it loads when it is on the page again
      this.#begin();
    }
  }

  /** What those hear who do not see it: as with <img>, an empty alt makes it decoration. */
  #label() {
    const alt = this.getAttribute("alt");
    this.#say("role", alt === "" ? "presentation" : "img");
    this.#say("aria-label", alt || null);
  }

  /** An attribute that the page has not set. */
  #say(name, value) {
    if (this.getAttribute(name) !== (this.#own[name] ?? null)) return;
    this.#own[name] = value;
    if (value === null) this.removeAttribute(name);
    else this.setAttribute(name, value);
  }

  /** The room that it takes, before a picture is there: by its attributes, else by the file, else by the placeholder. */
  #size() {
    const [width, height] = ["width", "height"].map((name) => Math.max(parseInt(this.getAttribute(name)) || 0, 0));
    const natural = this.naturalWidth / this.naturalHeight || this.#aspect;
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
      this.#before(signal).catch((error) => signal.aborted || this.#tell("error", { error }));
      if (src === null) return;
      if (!src) throw new TypeError("src is empty"); // which is the page's own address
      if (this.getAttribute("loading") === "lazy") await this.#seen(signal);
      await this.#stream(src, signal);
    } catch (error) {
      if (signal.aborted) return;
      if (!this.naturalWidth && !this.getAttribute("placeholder")) this.#put(this.getAttribute("alt")); // as <img> does
      this.#tell("error", { error });
    }
  }

  /** What is shown until there is a picture. */
  async #before(signal) {
    const text = this.getAttribute("placeholder"), onlyColour = this.getAttribute("strategy") === "colour";
    this.#colour = "";
    this.#aspect = undefined;
    this.#size();
    if (text ? onlyColour : !this.hasAttribute("src")) this.#put(); // no longer another picture
    if (!text) return;
    const bytes = bytesOf(text), colour = averageColour(bytes);
    this.#aspect = placeholderInfo(bytes).aspect;
    this.#colour = `rgb(${colour})`;
    this.#size();
    if (onlyColour) return;
    await this.#seen(signal);
    await inTurn(async () => {
      if (signal.aborted || this.naturalWidth) return;
      const image = await placeholderImage(bytes);
      if (!signal.aborted && !this.naturalWidth) await this.#paint(image, signal);
    });
  }

  /** Until it is near what is seen of the page. */
  #seen(signal) {
    return (this.#near ??= new Promise((resolve) => {
      waiting.set(this, resolve);
      observing().observe(this);
      signal.addEventListener("abort", () => {
        forget(this);
        this.#near = undefined;
      });
    }));
  }

  async #stream(src, signal) {
    const credentials = { anonymous: "same-origin", "use-credentials": "include" }[this.getAttribute("crossorigin")] ?? "same-origin";
    const response = await fetch(src, { signal, credentials });
    if (!response.ok) throw new Error(`${response.status} ${response.statusText}`);
    const restore = this.getAttribute("restore"), parts = [];
    const kept = response.body.pipeThrough(new TransformStream({ transform: (part, to) => (parts.push(part), to.enqueue(part)) }));
    let image;
    for await (image of decodeStream(kept, { damaged: this.getAttribute("damaged") ?? "raise" })) {
      if (signal.aborted) return;
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
    const { width, height } = image, mine = (this.#latest = image), isLate = () => signal.aborted || mine !== this.#latest;
    if (this.getAttribute("strategy") === "img") {
      const url = URL.createObjectURL(new Blob([await toPNG(image)], { type: "image/png" })), img = new Image(width, height);
      img.src = url;
      img.alt = "";
      await img.decode().finally(() => URL.revokeObjectURL(url));
      if (!isLate()) this.#put(img);
      return;
    }
    const pixels = new ImageData(image.bands === 4 && image.data instanceof Uint8ClampedArray ? image.data : await toRGBA(image), width, height);
    if (isLate()) return;
    const canvas = this.#shown?.localName === "canvas" ? this.#shown : document.createElement("canvas");
    if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
    canvas.getContext("2d").putImageData(pixels, 0, 0);
    this.#put(canvas);
  }

  #put(shown) {
    if (this.#shown === shown) return;
    this.#shown = shown;
    this.#root.replaceChildren(...(shown ? [shown] : []));
  }

  #tell(name, detail) {
    this.dispatchEvent(new CustomEvent(name, { detail }));
  }
}

// Attributes as properties, which frameworks set.
for (const name of [...TEXTS, ...LENGTHS, "loading"])
  Object.defineProperty(ApercuImg.prototype, name, {
    get() {
      return LENGTHS.includes(name) ? Math.round(this.getBoundingClientRect()[name]) : (this.getAttribute(name) ?? "");
    },
    set(value) {
      if (value === null || value === undefined) this.removeAttribute(name);
      else this.setAttribute(name, value);
    },
    enumerable: true,
  });

if (globalThis.customElements && !customElements.get("apercu-img")) customElements.define("apercu-img", ApercuImg);
