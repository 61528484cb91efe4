"use strict";

// What networks make of the pictures: their score against the rate, and a table of it. Only in the report of a task.

const TASK_HEIGHT = 360; // page pixels, at most
const APART = 5; // page pixels, from one codec's mark to the next's, so that no interval hides another
const WIDEST = 40; // page pixels, for the marks of all codecs at a rate
const SLACK = 0.06; // of the range of values, above and below
const task = { trained: 0, sort: null, falling: false };

// The ways in which networks were trained, in the order of the buttons.
function ways() {
  return Object.keys(DATA.task.trained);
}

function taskPoints() {
  return DATA.task.points.filter((point) => point.trained === ways()[task.trained]);
}

function beginTask() {
  if (!DATA.task) return;
  find("task-section").hidden = false;
  find("task-said").textContent = DATA.task.said;
  find("sampled").textContent = DATA.task.sampled;
  find("trained-field").hidden = !DATA.task.learns;
  addButtons(find("trained"), Object.values(DATA.task.trained), setTrained);
  for (const id of ["task-key", "task-key-said", "said-retrained"]) find(id).hidden = ways().length < 2;
  find("said-instead").hidden = !DATA.task.further;
  new ResizeObserver(writeTaskCurve).observe(find("task-section"));
}

function setTrained(trained) {
  task.trained = trained;
  writeTask();
}

function nextTrained() {
  if (DATA.task) setTrained(step(ways(), task.trained, 1));
}

function writeTask() {
  if (!DATA.task) return;
  press(find("trained"), task.trained);
  writeTaskCurve();
  writeScores();
  writeEnough();
}

// From which rate on each codec leaves enough of the score, which may be none.
function writeEnough() {
  const { said, rates } = DATA.task.enough;
  const codecs = rates.filter(([trained]) => trained === ways()[task.trained]);
  const each = codecs.map(([, codec, rate]) => `${DATA.codecs[codec]} from ${number(DATA.rates[rate], 3)} bpp on`);
  find("enough").textContent = `${said}: ${each.join("; ") || "nowhere"}.`;
}

// A score with as many decimals as its interval has a use for, which ends where no score is higher or lower.
function scoreText(entry) {
  if (!entry) return "–";
  const [mean, low, high] = entry;
  const reach = low === null ? [] : [mean - low, high - mean].map((value) => Number(value.toFixed(9)));
  const size = Math.abs(Math.max(0, ...reach) || mean);
  const digits = size < 0.0095 ? 3 : size < 10 ? 2 : size < 100 ? 1 : 0;
  const [below, above] = reach.map((value) => fixed(value, digits));
  const said = !reach.length ? "" : below === above ? ` ±${below}` : ` −${below} +${above}`;
  return fixed(mean, digits) + said;
}

function shareText(entry) {
  if (!entry) return "–";
  const [mean, low, high] = entry.map((value) => (value === null ? null : 100 * value));
  return `${fixed(mean, 0)} %${low === null ? "" : ` ±${fixed((high - low) / 2, 0)}`}`;
}

// With a minus as long as a plus, and none before zero.
function fixed(value, digits) {
  return (Number(value.toFixed(digits)) || 0).toFixed(digits).replace("-", "−");
}

function writeTaskCurve() {
  const box = find("task-curve");
  const points = taskPoints();
  const reaches = ({ score: [mean, low, high] }) => [low ?? mean, high ?? mean];
  const retrained = ways()[task.trained] === "originals" ? "" : " retrained";
  const further = retrained && DATA.task.further ? [DATA.task.further] : [];
  const lines = [...DATA.task.levels, ...further];
  const levels = lines.map(([name, score]) => ({ name, score }));
  // Of all ways of training, so that lines can be compared when another is chosen. Chance is drawn without interval.
  const values = [...[...DATA.task.points, levels[0]].flatMap(reaches), ...levels.map(({ score }) => score[0])];
  const [least, most] = [Math.min(...values), Math.max(...values)];
  const slack = (most - least || Math.abs(most) || 1) * SLACK;
  const width = Math.max(260, box.clientWidth);
  const trained = Object.values(DATA.task.trained)[task.trained];
  const { svg, drawn, x, y, plot } = frame({
    width,
    height: Math.round(Math.min(TASK_HEIGHT, Math.max(240, width * 0.62))),
    low: Math.min(...DATA.rates) / 1.35,
    high: Math.max(...DATA.rates) * 1.35,
    bottom: least - slack,
    top: most + slack,
    label: `${DATA.task.score} against rate${DATA.task.learns ? `, ${trained}` : ""}; originals `
      + scoreText(levels[0].score),
    id: "task-plot",
  });
  levels.forEach((level, i) => writeLevel(svg, drawn, level, i, y, plot));
  const apart = Math.min(APART, WIDEST / DATA.codecs.length);
  const place = (point) => x(DATA.rates[point.rate]) + apart * (point.codec - (DATA.codecs.length - 1) / 2);
  const inTurn = [...DATA.codecs.keys()].sort((a, b) => (a === state.codec) - (b === state.codec));
  for (const codec of inTurn) {
    const line = points.filter((point) => point.codec === codec);
    const chosen = codec === state.codec ? " chosen" : "";
    const path = line.map((p, i) => `${i ? "L" : "M"}${place(p).toFixed(1)} ${y(p.score[0]).toFixed(1)}`).join("");
    const made = node(drawn, "path", { d: path, class: `curve ${look(codec)}${chosen}${retrained}` });
    node(made, "title", {}, DATA.codecs[codec]);
    for (const point of line) writeScore(svg, point, place(point), y, retrained);
  }
  box.replaceChildren(svg);
}

// A level line with its name: the originals with their band, what is chance, or originals after further training.
function writeLevel(svg, drawn, { name, score: [mean, low, high] }, number, y, plot) {
  const [x1, x2] = [plot.x, plot.x + plot.width];
  if (number === 0 && low !== null) {
    node(drawn, "rect", { x: x1, y: y(high), width: plot.width, height: y(low) - y(high), class: "band" });
  }
  node(drawn, "line", { x1, x2, y1: y(mean), y2: y(mean), class: number ? "level chance" : "level" });
  const right = number > 1; // names of lines that may lie at the height of another
  const spot = { x: right ? x2 - 4 : x1 + 4, y: y(mean) - 4, "text-anchor": right ? "end" : "start" };
  node(svg, "text", { ...spot, class: "level-name" }, name);
}

// A point with its interval; a click chooses its codec and rate.
function writeScore(svg, point, across, y, retrained) {
  const { codec, rate, score: [mean, low, high] } = point;
  const chosen = codec === state.codec && rate === state.rate;
  const group = node(svg, "g", { class: `mark ${look(codec)}${chosen ? " chosen" : ""}${retrained}` });
  const spot = { cx: across, cy: y(mean) };
  node(group, "circle", { ...spot, r: 9, class: "hit" });
  if (chosen) node(group, "circle", { ...spot, r: 8, class: "ring" });
  if (low !== null) {
    const ends = { y1: y(low), y2: y(high) };
    node(group, "line", { x1: across, x2: across, ...ends, class: "whisker" });
    for (const end of Object.values(ends)) {
      node(group, "line", { x1: across - 3, x2: across + 3, y1: end, y2: end, class: "whisker" });
    }
  }
  node(group, "circle", { ...spot, r: codec === state.codec ? 4 : 3 });
  node(group, "title", {}, `${DATA.codecs[codec]}, ${DATA.rates[rate]} bits per pixel: ${scoreText(point.score)}`);
  group.addEventListener("click", () => choose({ codec, rate }));
}

// The columns of the table: heading, what it sorts by, and the text of a cell.
function columns() {
  const lost = taskPoints().some((point) => point.loss);
  const missing = DATA.task.points.some((point) => point.missing);
  return [
    { name: "codec", value: (point) => point.codec },
    { name: "bpp", value: (point) => DATA.rates[point.rate], text: (point) => number(DATA.rates[point.rate], 3) },
    { name: "score", value: (point) => point.score[0], text: (point) => scoreText(point.score) },
    ...(lost
      ? [{ name: "loss", value: (point) => point.loss[0], text: (point) => scoreText(point.loss) }]
      : [shareColumn("recovered", "recovered"),
         ...(DATA.task.further ? [shareColumn("instead of originals", "recovered_further")] : [])]),
    ...(missing ? [{ name: "no file", value: (point) => point.missing, text: missingText }] : []),
  ];
}

function shareColumn(name, of) {
  return { name, value: (point) => point[of]?.[0], text: (point) => shareText(point[of]) };
}

function missingText({ missing }) {
  return missing ? `${number((100 * missing) / DATA.task.n_test, 2)} %` : "–";
}

function writeScores() {
  const all = columns();
  const sorted = all.find(({ name }) => name === task.sort);
  const head = element("tr", {}, ...all.map((column) => {
    const onclick = () => sortBy(column.name);
    const cell = element("th", { scope: "col" }, element("button", { type: "button", onclick }, column.name));
    if (column === sorted) cell.setAttribute("aria-sort", task.falling ? "descending" : "ascending");
    return cell;
  }));
  const points = taskPoints();
  if (sorted) {
    const value = (point) => sorted.value(point) ?? -Infinity; // what has none comes last, or first
    points.sort((a, b) => (task.falling ? -1 : 1) * (value(a) - value(b) || 0));
  }
  const rows = points.map((point) => {
    const { codec, rate } = point;
    const chosen = codec === state.codec && rate === state.rate;
    const button = element("button", { type: "button" }, element("i", { className: `swatch ${look(codec)}` }),
      DATA.codecs[codec]);
    button.setAttribute("aria-pressed", chosen);
    const cells = all.slice(1).map(({ text }) => element("td", {}, text(point)));
    const onclick = () => choose({ codec, rate });
    const name = element("th", { scope: "row" }, button);
    return element("tr", { className: chosen ? "chosen" : "", onclick }, name, ...cells);
  });
  const focused = focusIn(find("scores"));
  find("scores").tHead.replaceChildren(head);
  find("scores").tBodies[0].replaceChildren(...rows);
  if (focused >= 0) find("scores").querySelectorAll("button")[focused]?.focus();
}

// Which button of an element has the focus, which is lost when it is written anew; -1 for none.
function focusIn(box) {
  return [...box.querySelectorAll("button")].indexOf(document.activeElement);
}

// Sort by a column; again, the other way round.
function sortBy(name) {
  task.falling = task.sort === name ? !task.falling : false;
  task.sort = name;
  writeScores();
}
