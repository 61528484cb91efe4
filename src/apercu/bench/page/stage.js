"use strict";

// The two pictures, one over the other on a canvas: divider, flip, difference, zoom.

const ZOOMS = [1, 2, 4, 8]; // page pixels for a pixel of the picture; "fit" shows all of it
const GRIP = 22; // page pixels to either side of the divider in which a pointer takes hold of it

// Fill a canvas with what `mix` makes of each colour sample of two pictures of one size.
function mixed(canvas, left, right, mix) {
  const { width, height } = sizeOf(right);
  canvas.width = width;
  canvas.height = height;
  const context = canvas.getContext("2d", { willReadFrequently: true });
  const samples = (picture) => {
    context.clearRect(0, 0, width, height);
    context.drawImage(picture, 0, 0);
    return context.getImageData(0, 0, width, height);
  };
  const [before, made] = [samples(left).data, samples(right)];
  for (let i = 0; i < before.length; i++) {
    made.data[i] = i % 4 === 3 ? 255 : mix(before[i], made.data[i]); // clamped by the array
  }
  context.putImageData(made, 0, 0);
}

// Of an image or a canvas.
function sizeOf(picture) {
  return { width: picture.naturalWidth ?? picture.width, height: picture.naturalHeight ?? picture.height };
}

class Stage {
  // `changed` is called after the stage has changed its own state: zoom, divider or picture.
  constructor(element, changed) {
    this.element = element;
    this.changed = changed;
    this.canvas = element.querySelector("canvas");
    this.divider = element.querySelector("[role=slider]");
    this.tags = [...element.querySelectorAll(".tag")];
    this.context = this.canvas.getContext("2d");
    this.left = null;
    this.right = null;
    this.marks = [null, null]; // what is drawn over either picture: a function of a context and the picture's place
    this.mode = "divide";
    this.held = false; // the left picture is shown whole
    this.gain = 4;
    this.split = 0.5; // share of what is visible of the picture
    this.zoom = null; // "fit" or one of ZOOMS; null: as large as shows all of it, until the user chooses
    this.centre = null; // of the view, in pixels of the picture
    this.difference = { of: null, canvas: document.createElement("canvas") };
    this.takePointers();
    new ResizeObserver(() => this.draw()).observe(element);
  }

  // Set the pictures (images that are loaded, canvases, or null); a new size puts the view back in the middle.
  show(left, right) {
    const old = this.size();
    this.left = left;
    this.right = right;
    const size = this.size();
    if (!old || !size || old.width !== size.width || old.height !== size.height) this.centre = null;
    this.draw();
  }

  size() {
    const picture = this.right ?? this.left;
    return picture && sizeOf(picture);
  }

  comparing() {
    return this.left !== null && this.right !== null;
  }

  // Page pixels for a pixel of the picture.
  scale() {
    const { width, height } = this.size();
    const fit = Math.min(this.element.clientWidth / width, this.element.clientHeight / height);
    if (typeof this.zoom === "number") return this.zoom;
    const steps = ZOOMS.filter((step) => step <= fit);
    return this.zoom === null && steps.length ? steps.at(-1) : fit;
  }

  setZoom(zoom, x = this.element.clientWidth / 2, y = this.element.clientHeight / 2) {
    if (!this.size()) return;
    const { scale: before, x: originX, y: originY } = this.geometry();
    const [fixedX, fixedY] = [(x - originX) / before, (y - originY) / before];
    this.zoom = zoom;
    const after = this.scale();
    this.centre = {
      x: fixedX + (this.element.clientWidth / 2 - x) / after,
      y: fixedY + (this.element.clientHeight / 2 - y) / after,
    };
    this.draw();
  }

  zoomBy(direction, x, y) {
    if (!this.size()) return;
    const scale = this.scale();
    const steps = direction > 0 ? ZOOMS.filter((step) => step > scale) : ZOOMS.filter((step) => step < scale);
    const next = direction > 0 ? steps[0] : steps.at(-1);
    if (next !== undefined) this.setZoom(next, x, y);
    else if (direction < 0) this.setZoom("fit");
  }

  // Move the view by page pixels.
  pan(x, y) {
    if (!this.size()) return;
    const scale = this.scale();
    const { centre } = this.geometry();
    this.centre = { x: centre.x + x / scale, y: centre.y + y / scale };
    this.draw();
  }

  setSplit(share) {
    this.split = Math.min(1, Math.max(0, share));
    this.draw();
  }

  // Where the picture lies on the stage: its top left corner and the centre of the view, kept inside the picture.
  geometry() {
    const [width, height] = [this.element.clientWidth, this.element.clientHeight];
    const size = this.size();
    const scale = this.scale();
    const within = (value, stage, whole) => {
      const half = stage / scale / 2;
      return whole <= 2 * half ? whole / 2 : Math.min(whole - half, Math.max(half, value));
    };
    const centre = {
      x: within(this.centre?.x ?? size.width / 2, width, size.width),
      y: within(this.centre?.y ?? size.height / 2, height, size.height),
    };
    const [x, y] = [Math.round(width / 2 - centre.x * scale), Math.round(height / 2 - centre.y * scale)];
    const [first, last] = [Math.max(0, x), Math.min(width, x + size.width * scale)];
    const larger = size.width * scale > width + 1 || size.height * scale > height + 1;
    return { width, height, scale, centre, x, y, first, last, larger, at: first + this.split * (last - first) };
  }

  draw() {
    const dense = window.devicePixelRatio || 1;
    const [width, height] = [this.element.clientWidth, this.element.clientHeight];
    this.canvas.width = Math.round(width * dense);
    this.canvas.height = Math.round(height * dense);
    this.divider.hidden = true;
    this.tags.forEach((tag) => (tag.hidden = true));
    if (!this.size() || !width || !height) return;
    const place = this.geometry();
    this.centre = place.centre;
    this.element.dataset.larger = place.larger;
    const whole = this.whole();
    if (whole) {
      const marks = whole === this.difference.canvas ? null : this.marks[this.held || !this.right ? 0 : 1];
      this.paint(whole, marks, place, dense, 0, width);
    } else {
      this.paint(this.left, this.marks[0], place, dense, 0, place.at);
      this.paint(this.right, this.marks[1], place, dense, place.at, width);
      this.divider.hidden = false;
      this.divider.style.left = `${place.at}px`;
      this.divider.setAttribute("aria-valuenow", Math.round(100 * this.split));
      this.divider.setAttribute("aria-valuetext", `${Math.round(100 * this.split)} % left picture`);
    }
    this.tags[0].hidden = whole ? whole !== this.left : place.at - place.first < 40;
    this.tags[1].hidden = whole ? whole !== this.right : place.last - place.at < 40;
    this.changed();
  }

  // The one picture to be seen, or null where the divider parts two.
  whole() {
    if (!this.comparing()) return this.right ?? this.left;
    if (this.held) return this.left;
    if (this.mode === "flip") return this.right;
    return this.mode === "difference" ? this.differing() : null;
  }

  paint(picture, marks, place, dense, first, last) {
    const { context } = this;
    const size = this.size();
    context.setTransform(dense, 0, 0, dense, 0, 0);
    context.save();
    context.beginPath();
    context.rect(first, 0, last - first, place.height);
    context.clip();
    context.imageSmoothingEnabled = place.scale * dense < 1;
    context.imageSmoothingQuality = "high";
    context.drawImage(picture, place.x, place.y, size.width * place.scale, size.height * place.scale);
    marks?.(context, place);
    context.restore();
  }

  // The absolute difference of the pictures, times the gain; computed once for a pair.
  differing() {
    const { of: known, canvas } = this.difference;
    if (known && known[0] === this.left && known[1] === this.right && known[2] === this.gain) return canvas;
    mixed(canvas, this.left, this.right, (left, right) => this.gain * Math.abs(left - right));
    this.difference.of = [this.left, this.right, this.gain];
    return canvas;
  }

  takePointers() {
    const { element } = this;
    let move = null; // what a moving pointer does
    const at = (event) => {
      const box = element.getBoundingClientRect();
      return { x: event.clientX - box.left - element.clientLeft, y: event.clientY - box.top - element.clientTop };
    };
    const begin = (event) => {
      if (event.button !== 0 || !this.size()) return;
      const place = this.geometry();
      let last = at(event);
      const divide = (now) => this.setSplit((now.x - place.first) / (place.last - place.first));
      const dividing = this.whole() === null;
      if (dividing && (Math.abs(last.x - place.at) <= GRIP || !place.larger)) {
        move = divide;
        if (Math.abs(last.x - place.at) > GRIP) divide(last);
      } else {
        if (this.mode === "flip" && !place.larger) this.hold(true);
        move = (now) => {
          this.pan(last.x - now.x, last.y - now.y);
          last = now;
        };
      }
      element.setPointerCapture(event.pointerId);
    };
    const end = () => {
      move = null;
      this.hold(false);
    };
    element.addEventListener("pointerdown", begin);
    element.addEventListener("pointermove", (event) => move?.(at(event)));
    element.addEventListener("pointerup", end);
    element.addEventListener("pointercancel", end);
    element.addEventListener(
      "wheel",
      (event) => {
        if (!event.ctrlKey) return;
        event.preventDefault();
        const { x, y } = at(event);
        this.zoomBy(-Math.sign(event.deltaY), x, y);
      },
      { passive: false },
    );
  }

  hold(held) {
    if (held === this.held) return;
    this.held = held;
    this.draw();
  }
}
