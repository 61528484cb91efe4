"use strict";

// How a picture was made: exactly, restored or generated; and what of a generated one was sent, and what was invented.

const SENT = -2; // in place of a codec on the left: the exact decode of the file on the right
const PARTS = ["sent", "generated", "invented"]; // what is seen of a picture with generated parts
const SENT_NAME = "sent, exact";
const INVENTED_NAME = "what was invented";
const BADGES = { fidelity: "Restored", generative: "Generated" };
const MEANINGS = {
  fidelity: "A network that was trained to come closer to the original has changed this picture.",
  generative: "Parts of this picture are made up: detail that the file does not hold. What the file says, the picture " +
    "keeps to.",
};
const invention = { of: null, canvas: document.createElement("canvas"), said: "" };

function kindOf(codec) {
  return DATA.provenance[codec]?.kind;
}

// The exact decode of the file on the right, as an entry; undefined where it is not in the page.
function sentOf(right) {
  if (right?.sent === undefined) return undefined;
  const { bpp, n_bytes, level, scale } = right.point;
  return { picture: right.sent, point: { bpp, n_bytes, level, scale, metrics: {} } };
}

// What was invented, on a canvas: mid-grey where the picture is as it was sent.
function inventionOf(sent, made, gain) {
  const { of: known, canvas } = invention;
  if (known && known[0] === sent && known[1] === made && known[2] === gain) return canvas;
  let [squares, most] = [0, 0];
  mixed(canvas, sent, made, (before, after) => {
    const change = after - before;
    squares += change * change;
    most = Math.max(most, Math.abs(change));
    return 128 + gain * change;
  });
  const { width, height } = sizeOf(made);
  const rms = Math.sqrt(squares / (3 * width * height));
  invention.said = `In what is shown, ${number(rms, 2)} grey levels in the root mean square, ${most} at most.`;
  invention.of = [sent, made, gain];
  return canvas;
}

// The badge below the pictures, with all that is known; hidden of exact pictures and of peers.
function writeHow() {
  const how = DATA.provenance[state.codec];
  find("how").hidden = !BADGES[how?.kind];
  if (find("how").hidden) return;
  const exact = part() === "sent";
  find("how-badge").replaceChildren(...(exact ? [] : [badgeOf(how.kind)]));
  find("how-said").textContent = exact ? "What was sent, decoded exactly: nothing is made up here." : MEANINGS[how.kind];
  find("how-all").replaceChildren(
    ...Object.entries(how).flatMap(([name, value]) => [
      element("dt", {}, name), element("dd", {}, name === "network" ? `SHA-256 ${value}` : String(value)),
    ]),
  );
}

function badgeOf(kind) {
  return element("b", { className: `badge ${kind}`, title: MEANINGS[kind] }, BADGES[kind]);
}

// The name that stands in a corner of a picture.
function writeTag(id, text, kind) {
  find(id).replaceChildren(...(BADGES[kind] ? [badgeOf(kind), " "] : []), text);
}

// The grey levels that the map of what was invented stands for; hidden where that is not shown.
function writeLegend(shown) {
  find("legend").hidden = !shown;
  const reach = Math.round(127 / stage.gain);
  find("legend-low").textContent = `−${reach}`;
  find("legend-high").textContent = `+${reach}`;
  const said = "grey levels. Mid-grey is as it was sent; what is brighter or darker was invented.";
  find("legend-said").textContent = shown ? `${said} ${invention.said}` : "";
}
