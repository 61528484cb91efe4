"use strict";

// Rate-distortion curves as SVG: the rate on a logarithmic axis, one line for a codec.

const SVG = "http://www.w3.org/2000/svg";
const MARGIN = { top: 12, right: 14, bottom: 34, left: 46 }; // page pixels
const HUES = 12; // colours in the style sheet; lines beyond are dashed

// The class names that give a codec its colour and dash.
function look(codec) {
  return `hue-${codec % HUES}${codec >= HUES ? " dashed" : ""}`;
}

function node(parent, name, attributes = {}, text = null) {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  if (text !== null) made.textContent = text;
  parent.append(made);
  return made;
}

// The points that no other of the same codec beats at an equal or lower rate, by rate.
function envelope(points, higherIsBetter) {
  const kept = [];
  for (const point of [...points].sort((a, b) => a.rate - b.rate)) {
    const best = kept.at(-1);
    if (!best || (higherIsBetter ? point.value > best.value : point.value < best.value)) kept.push(point);
  }
  return kept;
}

// Round values between two bounds, some `wanted` of them.
function ticksBetween(low, high, wanted) {
  const rough = (high - low) / wanted;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((factor) => factor * power).find((candidate) => candidate >= 0.7 * rough);
  const digits = Math.max(0, -Math.floor(Math.log10(step) + 1e-9));
  const ticks = [];
  for (let i = Math.ceil(low / step); i * step <= high; i++) {
    ticks.push({ value: i * step, label: (i * step).toFixed(Math.min(100, digits)) });
  }
  return ticks;
}

// 1, 2, 5, 10, … times powers of ten between two bounds.
function logTicks(low, high) {
  const ticks = [];
  for (let power = Math.floor(Math.log10(low)); power <= Math.log10(high); power++) {
    for (const factor of [1, 2, 5]) {
      const value = Number(`${factor}e${power}`);
      if (value >= low && value <= high) ticks.push({ value, label: String(value) });
    }
  }
  return ticks;
}

// The axes, the rate across and values up; {svg, drawn: where curves go, x, y: from a value to its place, plot: its box}.
function frame({ width, height, low, high, bottom, top, label, id = "plot" }) {
  const plot = {
    x: MARGIN.left,
    y: MARGIN.top,
    width: width - MARGIN.left - MARGIN.right,
    height: height - MARGIN.top - MARGIN.bottom,
  };
  const x = (rate) => plot.x + (Math.log(rate / low) / Math.log(high / low)) * plot.width;
  const y = (value) => plot.y + ((top - value) / (top - bottom)) * plot.height;

  const svg = document.createElementNS(SVG, "svg");
  for (const [key, value] of Object.entries({ width, height, viewBox: `0 0 ${width} ${height}`, role: "img" })) {
    svg.setAttribute(key, value);
  }
  svg.setAttribute("aria-label", label);
  const clip = node(node(svg, "defs"), "clipPath", { id });
  node(clip, "rect", plot);

  const grid = node(svg, "g", { class: "grid" });
  for (const tick of ticksBetween(bottom, top, 7)) {
    node(grid, "line", { x1: plot.x, x2: plot.x + plot.width, y1: y(tick.value), y2: y(tick.value) });
    node(grid, "text", { x: plot.x - 8, y: y(tick.value) + 4, "text-anchor": "end" }, tick.label);
  }
  for (const tick of logTicks(low, high)) {
    node(grid, "line", { x1: x(tick.value), x2: x(tick.value), y1: plot.y, y2: plot.y + plot.height });
    node(grid, "text", { x: x(tick.value), y: height - MARGIN.bottom + 16, "text-anchor": "middle" }, tick.label);
  }
  node(grid, "text", { x: plot.x + plot.width, y: height - 3, "text-anchor": "end" }, "bits per pixel");
  return { svg, drawn: node(svg, "g", { "clip-path": `url(#${id})` }), x, y, plot };
}

// Draw into `box`, in place of what is there.
//   curves: [{name, codec, points: [{rate, value}], external}]   codec: its place, which gives the colour
//   marks: [{rate, value, codec, chosen, label, choose}]   points that have a picture; a click calls `choose`
//   axis: {metric, unit, higherIsBetter}, chosen: the codec to be drawn strongest, label: what a reader hears
function drawCurves(box, { curves, marks, axis, chosen, label }) {
  const width = Math.max(260, box.clientWidth);
  const height = Math.round(Math.min(340, Math.max(220, width * 0.62)));
  const lines = curves.map((curve) => ({ ...curve, points: envelope(curve.points, axis.higherIsBetter) }));
  const rates = (marks.length ? marks : lines.flatMap((line) => line.points)).map((point) => point.rate);
  if (!rates.length) {
    box.replaceChildren();
    return;
  }
  const [low, high] = [Math.min(...rates) / 1.35, Math.max(...rates) * 1.35];
  const seen = [...marks, ...lines.flatMap((line) => line.points)].filter((p) => p.rate >= low && p.rate <= high);
  const values = seen.map((point) => point.value);
  const [least, most] = [Math.min(...values), Math.max(...values)];
  const slack = (most - least || Math.abs(most) || 1) * 0.07;
  const [bottom, top] = [least - slack, most + slack];
  const { svg, drawn, x, y } = frame({ width, height, low, high, bottom, top, label });
  for (const line of [...lines].sort((a, b) => (a.codec === chosen) - (b.codec === chosen))) {
    const path = line.points.map((p, i) => `${i ? "L" : "M"}${x(p.rate).toFixed(1)} ${y(p.value).toFixed(1)}`).join("");
    const names = ["curve", look(line.codec), ...(line.codec === chosen ? ["chosen"] : [])];
    if (line.external) names.push("external");
    const made = node(drawn, "path", { d: path, class: names.join(" ") });
    node(made, "title", {}, line.name);
  }
  for (const mark of [...marks].sort((a, b) => a.chosen - b.chosen)) {
    const group = node(svg, "g", { class: `mark ${look(mark.codec)}${mark.chosen ? " chosen" : ""}` });
    const spot = { cx: x(mark.rate), cy: y(mark.value) };
    node(group, "circle", { ...spot, r: 11, class: "hit" });
    if (mark.chosen) node(group, "circle", { ...spot, r: 8, class: "ring" });
    node(group, "circle", { ...spot, r: mark.codec === chosen ? 4 : 3 });
    node(group, "title", {}, mark.label);
    group.addEventListener("click", mark.choose);
  }
  box.replaceChildren(svg);
}
