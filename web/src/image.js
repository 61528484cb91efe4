// Files to images, tile by tile, whole or damaged; and placeholders. An engine has what WebAssembly or JavaScript does:
//
//     use(numbers)                               the numbers of a model
//     tile(head, width, height, segments)        pixels of a tile, or { fault, layer }
//     placeholder(shape, segment, width, height) pixels, RGBA, or { fault }
import { refuse } from "./errors.js";
import { readHead, segmentsOf } from "./head.js";

/** See `decode` in index.d.ts; `conceal` for damaged. */
export function decodeImage(engine, bytes, { maxPixels, layers, conceal, models }) {
  const head = readHead(bytes, maxPixels, models), { width, height, bands } = head;
  const nLayers = Math.min(layers, head.nLayers);
  const tiles = segmentsOf(head, bytes, nLayers, conceal);
  if (!tiles.some(({ segments }) => segments.length)) refuse(tiles[0].fault); // before memory is taken for what cannot be shown
  const data = new (head.wide ? Uint16Array : Uint8Array)(width * height * bands);
  const shown = new Uint8Array(head.nTiles);
  let firstFault;
  for (const [index, { place, segments, fault }] of tiles.entries()) {
    let n = segments.length, found;
    firstFault ??= n ? undefined : fault;
    while ((found = engine.tile(head, place.width, place.height, segments.slice(0, n))).fault) {
      if (!conceal || found.fault === "TooLarge") refuse(found.fault);
      n = found.layer;
      if (!n) firstFault ??= found.fault;
      if (!n && tiles.length === 1) refuse(firstFault); // nor is all of an image filled
    }
    shown[index] = n;
    const across = place.width * bands;
    for (let y = 0; y < place.height; y++)
      data.set(found.subarray(y * across, (y + 1) * across), ((place.top + y) * width + place.left) * bands);
  }
  if (!shown.some(Boolean)) refuse(firstFault);
  return { width, height, bands, interpretation: head.interpretation, data, shown, layers: Math.max(...shown) };
}
