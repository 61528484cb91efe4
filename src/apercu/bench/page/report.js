"use strict";

// What is chosen, and everything that follows from it.

const DATA = JSON.parse(document.getElementById("data").textContent);
const GAINS = [2, 4, 8, 16, 32];
const MODES = ["divide", "flip", "difference"];
const MOST_LOADED = 48; // pictures kept as images
const ORIGINAL = -1; // in place of a codec on the left
const DIVIDER_STEP = 0.02;
const PAN_STEP = 64; // page pixels
const CODEC_KEYS = "123456789abdehijkloqruwxyz"; // of the codecs in turn; other letters have a use of their own

const find = (id) => document.getElementById(id);
const shown = new Map(); // by image, codec and rate: {picture, point, sent, said}
for (const [image, codec, rate, picture, point, sent] of DATA.pictures) {
  shown.set(`${image} ${codec} ${rate}`, { picture, point, sent });
}
for (const [image, codec, rate, said] of DATA.said) shown.get(`${image} ${codec} ${rate}`).said = said;
const loaded = new Map(); // picture -> promise of an image
const state = { image: 0, codec: 0, rate: 0, against: ORIGINAL, metric: 0, part: PARTS.indexOf("generated") };
const stage = new Stage(find("stage"), followStage);
let turn = 0; // of `refresh`: what an older one was waiting for is no longer wanted

function entry(image, codec, rate) {
  return shown.get(`${image} ${codec} ${rate}`);
}

// The image of a picture in the page, decoded when it is first asked for.
function load(picture) {
  if (picture === undefined || picture === null) return null;
  if (!loaded.has(picture)) {
    const image = new Image();
    image.src = `data:image/webp;base64,${find(`picture-${picture}`).textContent}`;
    loaded.set(picture, image.decode().then(() => image));
    if (loaded.size > MOST_LOADED) loaded.delete(loaded.keys().next().value);
  }
  return loaded.get(picture);
}

function element(name, properties = {}, ...children) {
  const made = Object.assign(document.createElement(name), properties);
  made.append(...children);
  return made;
}

function press(group, chosen) {
  [...group.querySelectorAll("button")].forEach((button, i) => button.setAttribute("aria-pressed", i === chosen));
}

function leftName() {
  if (state.against === SENT) return SENT_NAME;
  return state.against === ORIGINAL ? "original" : DATA.codecs[state.against];
}

// What is seen of the picture on the right; "generated" also of one that was made in any other way.
function part() {
  return entry(state.image, state.codec, state.rate)?.sent === undefined ? "generated" : PARTS[state.part];
}

function rightName() {
  return { sent: SENT_NAME, invented: INVENTED_NAME }[part()] ?? DATA.codecs[state.codec];
}

// The picture and the record on either side; undefined where there is none.
function sides() {
  const right = entry(state.image, state.codec, state.rate);
  if (state.against === SENT) return { left: sentOf(right), right };
  if (state.against !== ORIGINAL) return { left: entry(state.image, state.against, state.rate), right };
  const { original } = DATA.images[state.image];
  return { left: original === undefined ? undefined : { picture: original }, right };
}

// Why a codec has no file here: what was left out and says so, or that all are larger.
function absence() {
  const codec = DATA.codecs[state.codec];
  const limit = DATA.rates[state.rate];
  const size = typeof limit === "number" ? `${number(limit, 3)} bits per pixel` : limit;
  const start = `${codec} on ${DATA.images[state.image].name}: `;
  const reasons = DATA.points[state.image][state.codec].length ? []
    : DATA.left_out.filter((reason) => reason.startsWith(start)).map((reason) => reason.slice(start.length));
  return `${codec} has no file of at most ${size} here${reasons.length ? `: ${reasons[0]}` : ""}.`;
}

// Show what `state` says.
async function refresh() {
  const mine = ++turn;
  const { left, right } = sides();
  find("stage").setAttribute("aria-busy", "true");
  writeChoice(left, right);
  writeNumbers(left, right);
  writeCurves();
  writeBdRates();
  writeTask();
  writeSaid(left, right);
  const over = overPictures(left, right);
  const pictures = [left?.picture, right?.picture, part() === "generated" ? null : right.sent,
    ...over.map((said) => said?.over)];
  const [leftImage, rightImage, sentImage, ...overImages] = await Promise.all(pictures.map(load));
  if (mine !== turn) return;
  const absent = find("absent");
  absent.hidden = right !== undefined;
  absent.textContent = absence();
  stage.marks = over.map((said, i) => marksOf(said, overImages[i]));
  if (part() === "invented") stage.show(null, inventionOf(sentImage, rightImage, stage.gain));
  else stage.show(leftImage === sentImage ? null : leftImage, sentImage ?? rightImage);
  writeLegend(part() === "invented");
  writeHow();
  writeCaption();
  const { name } = DATA.images[state.image];
  const rate = right ? ` at ${number(right.point.bpp)} bits per pixel` : " absent";
  const what = `${name}: left ${left ? leftName() : "absent"}, right ${rightName()}${rate}${sayingsText(left, right)}`;
  find("canvas").setAttribute("aria-label", what);
  find("status").textContent = what;
  find("stage").setAttribute("aria-busy", "false");
}

function tag(name, side) {
  return side?.point && name !== INVENTED_NAME ? `${name} · ${number(side.point.bpp, 3)} bpp` : name;
}

function writeChoice(left, right) {
  find("image").value = state.image;
  find("against").value = state.against;
  press(find("codecs"), state.codec);
  press(find("rates"), state.rate);
  [...find("rates").children].forEach((button, rate) => {
    button.classList.toggle("absent", !entry(state.image, state.codec, rate));
  });
  [...find("codecs").children].forEach((button, codec) => {
    const absent = !entry(state.image, codec, state.rate);
    button.classList.toggle("absent", absent);
    button.title = absent ? "no file at this rate" : "";
  });
  const original = find("against").querySelector(`[value="${ORIGINAL}"]`);
  original.disabled = DATA.images[state.image].original === undefined;
  const sent = find("against").querySelector(`[value="${SENT}"]`);
  if (sent) sent.disabled = right?.sent === undefined;
  press(find("parts"), state.part);
  find("parts").hidden = right?.sent === undefined;
  writeTag("tag-left", tag(leftName(), left), kindOf(state.against));
  writeTag("tag-right", tag(rightName(), right), part() === "sent" ? undefined : kindOf(state.codec));
}

function writeCaption() {
  const { name, width, height, bands, dtype, window: part, note } = DATA.images[state.image];
  const said = [`${name}: ${width} × ${height} pixels`, `${bands} band${bands === 1 ? "" : "s"}`];
  if (dtype !== "uint8") said.push(`${8 * bytesOf(dtype)} bits`);
  if (part && (part[2] < height || part[3] < width)) {
    const [top, left, rows, columns] = part;
    said.push(`shown: ${columns} × ${rows} from column ${left}, row ${top}; the numbers are of the whole picture`);
  }
  if (note) said.push(note);
  find("caption").textContent = said.join(" · ");
}

// Change the state, as {image, codec, rate, against, metric}.
function choose(change) {
  Object.assign(state, change);
  const known = againsts();
  if (!known.includes(state.against)) {
    state.against = known[0] >= 0 ? (state.codec + 1) % DATA.codecs.length : known[0] ?? ORIGINAL;
  }
  return refresh();
}

// What can be shown on the left.
function againsts() {
  return [
    ...(DATA.images[state.image].original === undefined ? [] : [ORIGINAL]),
    ...(entry(state.image, state.codec, state.rate)?.sent === undefined ? [] : [SENT]),
    ...(DATA.codecs.length > 1 ? DATA.codecs.keys() : []),
  ];
}

// The place `by` further on in a list, which is a ring.
function step(list, now, by) {
  return (now + by + list.length) % list.length;
}

function nextRate(by) {
  const rate = state.rate + by;
  if (rate >= 0 && rate < DATA.rates.length) choose({ rate });
}

function nextAgainst() {
  if (find("against-field").hidden) return; // nothing to choose from
  const sides = againsts();
  choose({ against: sides[step(sides, sides.indexOf(state.against), 1)] });
}

function setMode(mode) {
  stage.mode = mode;
  stage.draw();
}

function setGain(gain) {
  stage.gain = gain;
  if (part() === "invented") refresh();
  else stage.draw();
}

function nextPart() {
  if (!find("parts").hidden) choose({ part: step(PARTS, state.part, 1) });
}

// The controls follow the stage.
function followStage() {
  const comparing = stage.comparing();
  press(find("modes"), MODES.indexOf(stage.mode));
  press(find("gains"), GAINS.indexOf(stage.gain));
  const scale = stage.scale();
  press(find("zooms"), 1 + ZOOMS.indexOf(stage.zoom === "fit" ? null : scale));
  find("modes").hidden = !comparing;
  find("hold").hidden = !comparing || stage.mode === "difference";
  find("hold").setAttribute("aria-pressed", stage.held);
  find("gains").hidden = part() !== "invented" && (!comparing || stage.mode !== "difference");
}

const KEYS = {
  ArrowUp: () => nextRate(1),
  ArrowDown: () => nextRate(-1),
  ArrowLeft: () => stage.setSplit(stage.split - DIVIDER_STEP),
  ArrowRight: () => stage.setSplit(stage.split + DIVIDER_STEP),
  Home: () => stage.setSplit(0),
  End: () => stage.setSplit(1),
  n: () => choose({ image: step(DATA.images, state.image, 1) }),
  p: () => choose({ image: step(DATA.images, state.image, -1) }),
  ",": () => choose({ codec: step(DATA.codecs, state.codec, -1) }),
  ".": () => choose({ codec: step(DATA.codecs, state.codec, 1) }),
  c: nextAgainst,
  f: () => stage.hold(true),
  v: () => setMode(MODES[step(MODES, MODES.indexOf(stage.mode), 1)]),
  s: nextPart,
  g: () => setGain(GAINS[step(GAINS, GAINS.indexOf(stage.gain), 1)]),
  t: nextTrained,
  m: () => DATA.metrics.length && choose({ metric: step(DATA.metrics, state.metric, 1) }),
  "+": () => stage.zoomBy(1),
  "=": () => stage.zoomBy(1),
  "-": () => stage.zoomBy(-1),
  0: () => stage.setZoom("fit"),
  "?": () => find("help").showModal(),
};

const PANS = { ArrowUp: [0, -1], ArrowDown: [0, 1], ArrowLeft: [-1, 0], ArrowRight: [1, 0] };

function onKey(event) {
  if (event.ctrlKey || event.altKey || event.metaKey || find("help").open) return;
  if (event.target.tagName === "SELECT") return; // its arrows and letters are its own
  const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
  if (event.shiftKey && PANS[key]) {
    stage.pan(...PANS[key].map((by) => by * PAN_STEP));
  } else if (key.length === 1 && CODEC_KEYS.slice(0, DATA.codecs.length).includes(key)) {
    choose({ codec: CODEC_KEYS.indexOf(key) });
  } else if (Object.hasOwn(KEYS, key)) {
    KEYS[key]();
  } else {
    return;
  }
  event.preventDefault();
}

function addButtons(group, labels, choose) {
  labels.forEach((label, i) => {
    const button = element("button", { type: "button", onclick: () => choose(i) });
    button.append(...[label].flat());
    group.append(button);
  });
}

function begin() {
  DATA.images.forEach(({ name }, i) => find("image").append(element("option", { value: i, textContent: name })));
  find("against").append(element("option", { value: ORIGINAL, textContent: "original" }));
  find("against").append(element("option", { value: SENT, textContent: SENT_NAME }));
  DATA.codecs.forEach((name, i) => find("against").append(element("option", { value: i, textContent: name })));
  const swatch = (codec) => element("i", { className: `swatch ${look(codec)}` });
  addButtons(find("codecs"), DATA.codecs.map((name, i) => [swatch(i), name]), (codec) => choose({ codec }));
  [...find("codecs").children].slice(0, CODEC_KEYS.length).forEach((button, codec) => {
    button.dataset.key = CODEC_KEYS[codec];
    button.setAttribute("aria-keyshortcuts", CODEC_KEYS[codec]);
  });
  if (DATA.rates.some((rate) => typeof rate === "string")) {
    find("rate-label").textContent = DATA.rates.some(Number) ? "Rate, bits per pixel, or size" : "Size of the file";
  }
  addButtons(find("rates"), DATA.rates.map((rate) => number(rate, 3)), (rate) => choose({ rate }));
  addButtons(find("gains"), GAINS.map((gain) => `×${gain}`), (i) => setGain(GAINS[i]));
  const zooms = ["fit", ...ZOOMS];
  addButtons(find("zooms"), ["Fit", ...ZOOMS.map((zoom) => `${zoom}×`)], (i) => stage.setZoom(zooms[i]));
  DATA.others.forEach((name, i) => find("others").append(element("li", {}, swatch(DATA.codecs.length + i), name)));
  const environment = Object.entries(DATA.environment).map(([what, version]) => `${what} ${version}`);
  find("environment").textContent = find("environment").title = environment.join(" · ");

  find("image").onchange = (event) => choose({ image: Number(event.target.value) });
  find("against").onchange = (event) => choose({ against: Number(event.target.value) });
  find("image-previous").onclick = KEYS.p;
  find("image-next").onclick = KEYS.n;
  [...find("modes").children].forEach((button) => (button.onclick = () => setMode(button.dataset.mode)));
  [...find("parts").children].forEach((button, i) => (button.onclick = () => choose({ part: i })));
  find("help-button").onclick = KEYS["?"];
  find("hold").onpointerdown = () => stage.hold(true);
  find("hold").onpointerup = find("hold").onpointerleave = () => stage.hold(false);
  find("hold").addEventListener("keydown", (event) => event.key === " " && stage.hold(true));
  document.addEventListener("keydown", onKey);
  document.addEventListener("keyup", (event) => "fF ".includes(event.key) && stage.hold(false));
  window.addEventListener("blur", () => stage.hold(false));
  const hasOriginal = DATA.images.some(({ original }) => original !== undefined);
  const hasSent = DATA.pictures.some(([, , , , , sent]) => sent !== undefined);
  if (!hasSent) find("against").querySelector(`[value="${SENT}"]`).remove();
  find("image-field").hidden = DATA.images.length < 2;
  find("codec-field").hidden = DATA.codecs.length < 2;
  find("against-field").hidden = DATA.codecs.length < 2 && !(hasOriginal && hasSent);
  find("rate-field").hidden = DATA.rates.length < 2;
  find("curves-section").hidden = DATA.points.flat(2).length < 2;
  document.body.classList.toggle("alone", DATA.codecs.length < 2 && !hasOriginal && !hasSent);
  const first = DATA.rates.findIndex((_, rate) => entry(0, 0, rate));
  const fill = () => document.body.style.setProperty("--choice", `${find("choice").offsetHeight}px`);
  new ResizeObserver(fill).observe(find("choice")); // the pictures take what it leaves of the window
  new ResizeObserver(writeCurves).observe(find("curves-section"));
  beginTask();
  beginSaid();
  choose({ rate: Math.max(first, Math.min(DATA.rates.length - 1, Math.floor(DATA.rates.length / 2))) });
}

begin();
