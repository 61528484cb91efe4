// The tables of models: the small ones, which this file holds; larger ones, each a file of its own that is fetched when a picture
// names it; and those of users.
import { inflate, wordsOf } from "./inflate.js";
import { decoder } from "./own.js";

const { ApercuError } = decoder;
const read = async (file) => inflate((await file).default);
const SHIPPED = {
  2: async () => wordsOf(await read(import("./model-2.js"))),
  10: async () => expanded(await inflate($small)),
  p: async () => expanded(await read(import("./placeholders.js"))),
};
export const MODELS = [2, 10];
export const OF_PLACEHOLDERS = "p";
const loaded = {};

/** The numbers of a shipped model. */
export function shipped(number) {
  return (loaded[number] ??= SHIPPED[number]().catch((error) => {
    delete loaded[number]; // another time the network may be there
    throw error;
  }));
}

/** Key and numbers of the model that a file names; `given`: the file of a user's, as `apercu train` writes it. */
export async function modelOf(head, given) {
  if (head.model) return [head.model, await shipped(head.model)];
  if (!given) throw new ApercuError("ModelError");
  return (await import("./users.js")).modelOf(head.hash, given, expanded, (why) => {
    throw new ApercuError("ModelError", why);
  });
}

const AGES = [4, 11, 32, 91];
const PROBABILITIES = [25, 32, 41, 53, 68, 87, 111, 143, 184, 236, 302, 387, 497, 636, 815, 1042, 1333, 1701, 2168, 2758, 3500, 4427,
  5577, 6992, 8714, 10782, 13226, 16062, 19282, 22849, 26695, 30723];
// Weights and kinds of contexts of all bands: how many, and which of them no symbol has, those of class 1 in stage 1.
const KINDS = [[270, 135, 162], [6000, 3000, 3600], [2430, 1215, 1458], [1400, 700, 840], [960, 480, 720], [340], [34], [2]];

/** The numbers that small tables stand for (spec/apercu.md, "Small tables"); 0 for what is left out of them. */
export function expanded(bytes) {
  const numbers = new Uint16Array(22602);
  let at = 0, to = 0;
  for (const [kind, [n, from, end]] of KINDS.entries())
    for (let i = 0; i < n; i++) {
      const lost = (i >= from && i < end) || (kind === 1 && i % 3000 >= 1200 && i & 1) || (kind === 5 && i % 17 === 16) ||
        (kind === 6 && i % 17 < 2);
      const code = lost ? 0 : bytes[at++], place = code & 63;
      numbers[to++] = !kind ? code : place < 32 ? PROBABILITIES[place] : 65536 - PROBABILITIES[63 - place];
      if (kind) numbers[to++] = AGES[code >> 6];
    }
  return numbers;
}
