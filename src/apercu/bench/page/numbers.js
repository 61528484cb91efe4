"use strict";

// What stands beside the pictures: the table of numbers, the curves and the BD-rates.

const FAR_BELOW = 4; // a file so many times smaller than its rate has no place in the curves

function bytesOf(dtype) {
  return dtype === "uint16" ? 2 : 1;
}

function number(value, digits = 4) {
  if (value === null || value === undefined) return "–";
  return typeof value === "number" ? String(Number(value.toPrecision(digits))) : value;
}

function metricText(value, metric) {
  return typeof value === "number" ? (metric.unit === "dB" ? value.toFixed(2) : value.toPrecision(4)) : number(value);
}

function writeNumbers(left, right) {
  find("head-left").textContent = left ? leftName() : "";
  find("head-right").textContent = DATA.codecs[state.codec];
  const { width, height, bands, dtype } = DATA.images[state.image];
  const whole = width * height * bands * bytesOf(dtype);
  const raw = state.against === ORIGINAL && left ? { n_bytes: whole, bpp: (8 * whole) / (width * height) } : null;
  const records = [raw ?? left?.point, right?.point];
  const rows = [];
  const row = (head, cells, best = -1) => {
    const made = element("tr", {}, element("th", { scope: "row" }, head));
    cells.forEach((text, i) => made.append(element("td", { className: i === best ? "best" : "" }, text)));
    rows.push(made);
  };
  const none = [state.against === ORIGINAL ? "–" : "no file", "no file"];
  row("bytes", records.map((r, i) => (r ? r.n_bytes.toLocaleString("en-GB") : none[i])));
  row("bits per pixel", records.map((r) => number(r?.bpp)));
  if (records.some((r) => r?.level)) {
    row("setting", records.map((r) => (r?.level ?? "–") + (r?.scale ? ` at 1/${r.scale} size` : "")));
  }
  DATA.metrics.forEach((metric, i) => {
    const values = records.map((r) => r?.metrics?.[metric.name]);
    if (values.every((value) => value === undefined)) return;
    const better = metric.higher_is_better ? values[0] > values[1] : values[0] < values[1];
    const decided = values.every((value) => typeof value === "number") && values[0] !== values[1];
    const unit = element("span", { className: "unit" }, metric.unit ? ` ${metric.unit}` : "");
    const head = element("span", {}, find("curves-section").hidden ? metric.name : chooser(metric.name, i), unit);
    row(head, values.map((value) => metricText(value, metric)), decided ? Number(!better) : -1);
  });
  for (const [key, text] of [["encode_s", "encoding"], ["decode_s", "decoding"]]) {
    if (!records.some((r) => r?.[key])) continue;
    row(text, records.map((r) => (r?.[key] ? `${number(1000 * r[key], 3)} ms` : "–")));
  }
  find("numbers").tBodies[0].replaceChildren(...rows);
}

// A button that shows a metric in the curves.
function chooser(name, metric) {
  const onclick = () => choose({ metric });
  const button = element("button", { type: "button", title: "Show in the curves", onclick }, name);
  button.setAttribute("aria-pressed", metric === state.metric);
  return button;
}

function writeCurves() {
  const metric = DATA.metrics[state.metric];
  if (!metric) return;
  const names = [...DATA.codecs, ...DATA.others];
  const value = (record) => record.metrics[metric.name];
  const usable = (record) => typeof value(record) === "number" && record.bpp > 0;
  const curves = DATA.points[state.image].map((records, codec) => ({
    name: names[codec],
    codec,
    points: records.filter(usable).map((record) => ({ rate: record.bpp, value: value(record) })),
    external: DATA.external.includes(names[codec]),
  }));
  const marks = [];
  DATA.codecs.forEach((name, codec) => DATA.rates.forEach((_, rate) => {
    const point = entry(state.image, codec, rate)?.point;
    if (!point || !usable(point)) return;
    // Codecs whose files are far smaller than what was asked for would squeeze all others into a corner.
    const asked = DATA.rates[rate];
    if (typeof asked === "number" && point.bpp < asked / FAR_BELOW) return;
    const chosen = codec === state.codec && rate === state.rate;
    const label = `${name}, ${number(point.bpp)} bits per pixel, ${metric.name} ${metricText(value(point), metric)}`;
    marks.push({ rate: point.bpp, value: value(point), codec, chosen, label, choose: () => choose({ codec, rate }) });
  }));
  const chosen = marks.find((mark) => mark.chosen);
  find("curves-title").textContent = `${metric.name}${metric.unit ? `, ${metric.unit},` : ""} against rate`;
  drawCurves(find("curves"), {
    curves,
    marks,
    axis: { metric: metric.name, unit: metric.unit, higherIsBetter: metric.higher_is_better },
    chosen: state.codec,
    label: `${metric.name} against rate, ${DATA.images[state.image].name}; chosen: ${chosen?.label ?? "none"}`,
  });
}

function signed(percent) {
  return `${percent > 0 ? "+" : ""}${percent.toFixed(1)} %`.replace("-", "−");
}

function writeBdRates() {
  const metric = DATA.metrics[state.metric]?.name;
  const table = DATA.bd_rate[metric];
  find("bd-section").hidden = !table || !Object.keys(table).length;
  if (find("bd-section").hidden) return;
  const known = (cell) => typeof cell?.mean === "number";
  const measured = Object.entries(table).filter(([, cells]) => Object.values(cells).some(known));
  const order = [...DATA.codecs, ...DATA.others];
  const columns = order.filter((name) => measured.some(([, cells]) => known(cells[name])));
  const head = element("tr", {}, element("th"), ...columns.map((name) => element("th", { scope: "col" }, name)));
  const rows = measured.map(([name, cells]) => {
    const row = element("tr", {}, element("th", { scope: "row" }, name));
    for (const column of columns) {
      const cell = cells[column];
      const text = known(cell) ? signed(cell.mean) : "–";
      const title = cell ? `${cell.images} images, ${number(100 * cell.overlap, 3)} % overlap` : "";
      row.append(element("td", { title }, text));
    }
    return row;
  });
  find("bd-title").textContent = `BD-rate by ${metric}, all images`;
  find("bd").replaceChildren(element("thead", {}, head), element("tbody", {}, ...rows));
}
