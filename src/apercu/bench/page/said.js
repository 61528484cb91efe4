"use strict";

// What a network says of the pictures: in words below them, and drawn over them. Only in the report of a task.

const OPACITY = { mask: 0.5, map: 0.85 };
const BOX = "#ffd60a"; // on a dark line, so that it is seen on any picture
const GROUND = "rgb(20 22 25 / 80%)";
const TEXT_SIZE = 11; // page pixels

function beginSaid() {
  if (DATA.images.every(({ said }) => !said)) return;
  find("said-section").hidden = false;
  find("said-by").textContent = `What ${DATA.task.teller} makes of this picture`;
  find("over").onchange = refresh;
  const { classes = [], ramp, low, high } = DATA.task.legend;
  for (const [name, colour] of classes) {
    const swatch = element("i", { className: "square" });
    swatch.style.background = colour;
    find("colours").append(element("li", {}, swatch, name));
  }
  if (!ramp) return;
  const scale = element("i", { className: "ramp" });
  scale.style.background = `linear-gradient(to right, ${ramp.join(", ")})`;
  find("colours").append(element("li", {}, `${number(low, 3)} `, scale, ` ${number(high, 3)}`));
}

function canBeDrawn(said) {
  return said?.over !== undefined || said?.boxes !== undefined;
}

// What can be drawn on either side: on an original what is true of it, else what is found there.
function overPictures(left, right) {
  const { truth, said } = DATA.images[state.image];
  const first = state.against !== ORIGINAL ? left?.said : canBeDrawn(truth) ? truth : said;
  const both = [first, part() === "generated" ? right?.said : undefined];
  return both.map((one) => (canBeDrawn(one) ? one : undefined));
}

// How that is drawn: a function of a context and the place of the picture on the stage; null for nothing.
function marksOf(said, over) {
  if (!said || !find("over").checked) return null;
  const [top, left] = DATA.images[state.image].window;
  return (context, { x, y, scale, width, height }) => {
    if (over) {
      context.globalAlpha = OPACITY[said.map ? "map" : "mask"];
      context.imageSmoothingEnabled = false;
      context.drawImage(over, x, y, over.naturalWidth * scale, over.naturalHeight * scale);
      context.globalAlpha = 1;
    }
    for (const [x1, y1, x2, y2, text] of said.boxes ?? []) {
      const box = { x: x + (x1 - left) * scale, y: y + (y1 - top) * scale, w: (x2 - x1) * scale, h: (y2 - y1) * scale };
      drawBox(context, box, text, width, height);
    }
  };
}

function drawBox(context, { x, y, w, h }, text, width, height) {
  for (const [line, colour] of [[4, GROUND], [2, BOX]]) {
    context.lineWidth = line;
    context.strokeStyle = colour;
    context.strokeRect(x, y, w, h);
  }
  if (!text) return;
  context.font = `${TEXT_SIZE}px system-ui, sans-serif`;
  const wide = context.measureText(text).width + 6;
  const [left, top] = [Math.min(Math.max(0, x), width - wide), Math.min(y + h + 2, height - TEXT_SIZE - 5)];
  context.fillStyle = GROUND;
  context.fillRect(left, top, wide, TEXT_SIZE + 5);
  context.fillStyle = "#fff";
  context.textBaseline = "top";
  context.fillText(text, left + 3, top + 3);
}

// [name, what is said] of what is true, of the original, and of the pictures that are chosen.
function sayings(left, right) {
  const { truth, said } = DATA.images[state.image];
  if (!said) return [];
  const of = (codec, side) => [`${DATA.codecs[codec]}, ${number(DATA.rates[state.rate], 3)} bpp`,
    side ? side.said : { words: "nothing arrived" }];
  return [
    ...(truth ? [["truth", truth]] : []),
    ["original", said],
    ...(state.against >= 0 && state.against !== state.codec ? [of(state.against, left)] : []),
    of(state.codec, right),
  ];
}

// All that in words, for the picture's description.
function sayingsText(left, right) {
  return sayings(left, right).map(([name, { words, verdict }]) => `; ${name}: ${words}${verdict ? `, ${verdict}` : ""}`)
    .join("");
}

function writeSaid(left, right) {
  const rows = sayings(left, right).map(([name, { words, verdict, good }]) => {
    const sign = good === undefined ? "" : good ? "✓ " : "✗ ";
    const judged = element("td", { className: good === undefined ? "" : good ? "good" : "bad" },
      element("span", { ariaHidden: "true" }, sign), verdict ?? "");
    return element("tr", {}, element("th", { scope: "row" }, name), element("td", {}, words), judged);
  });
  find("said").tBodies[0].replaceChildren(...rows);
  const [first, second] = overPictures(left, right);
  const { truth } = DATA.images[state.image];
  const found = "what the network finds";
  const both = first && second && first === truth ? `what is true on the left, ${found} on the right` : found;
  find("over-said").textContent = `Over the pictures: ${first === truth && !second ? "what is true" : both}`;
  find("over-field").hidden = !first && !second;
  find("colours").hidden = !find("colours").children.length || find("over-field").hidden || !find("over").checked;
}
