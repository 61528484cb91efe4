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

/** The numbers of the model that a file names; `given`: the file of a user's, as `apercu train` writes it. */
export async function modelOf(head, given) {
  if (head.model) return shipped(head.model);
  return (await import("./users.js")).modelOf(head.hash, given, expanded, ApercuError);
}

const AGES = [4, 11, 32, 91];
const PROBABILITIES = [25, 32, 41, 53, 68, 87, 111, 143, 184, 236, 302, 387, 497, 636, 815, 1042, 1333, 1701, 2168, 2758, 3500, 4427,
  5577, 6992, 8714, 10782, 13226, 16062, 19282, 22849, 26695, 30723];

/** The numbers that codes stand for, as codes.js has put them in order. */
export function expanded(codes) {
  return new Uint16Array(22602).map((_, i) => {
    const context = (i - 270) >> 1, at = context < 6000 ? (context >> 1) + 3000 * (context & 1) : context;
    if (context < 0) return codes[i];
    const code = codes[270 + at], place = code & 63;
    return i & 1 ? AGES[code >> 6] : place < 32 ? PROBABILITIES[place] : 65536 - PROBABILITIES[63 - place];
  });
}
