// The tables of models: shipped ones, each a file of its own that is fetched when a picture names it, and those of users.
import { decoder } from "./own.js";
import { inflate } from "./inflate.js";

const { ApercuError } = decoder;
const N_WEIGHTS = 270, N_NUMBERS = 22602;
const SHIPPED = { 2: () => import("./model-2.js") };
export const MODELS = Object.keys(SHIPPED).map(Number);
export const OF_PLACEHOLDERS = 2;
const loaded = {};

/** The numbers of a shipped model. */
export function shipped(number) {
  return (loaded[number] ??= SHIPPED[number]()
    .then(async ({ default: text }) => joined(await inflate(text)))
    .catch((error) => {
      delete loaded[number]; // another time the network may be there
      throw error;
    }));
}

/** Numbers from their low bytes and then their high ones. */
function joined(bytes) {
  return Uint16Array.from({ length: bytes.length / 2 }, (_, i) => bytes[i] | (bytes[i + bytes.length / 2] << 8));
}

/** Key and numbers of the model that a file names; `given`: the file of a user's, as `apercu train` writes it. */
export async function modelOf(head, given) {
  if (head.model) return [head.model, await shipped(head.model)];
  if (!given) throw new ApercuError("ModelError");
  const numbers = numbersOf(given), digest = new Uint8Array(await crypto.subtle.digest("SHA-256", numbers));
  if (head.hash.some((byte, i) => byte !== digest[i])) throw new ApercuError("ModelError", "other tables than the file's");
  for (const [i, number] of numbers.entries()) {
    const sound = i < N_WEIGHTS ? number <= 64 : i % 2 ? number >= 2 && number <= 128 : number;
    if (!sound) throw new ApercuError("ModelError", "the tables hold a number that is out of range");
  }
  return [String(digest.subarray(0, 8)), numbers];
}

function numbersOf(given) {
  const bytes = new Uint8Array(given), isNpy = bytes[0] === 0x93 && bytes[1] === 0x4e; // else the numbers alone
  const numbers = bytes.slice(isNpy ? 10 + bytes[8] + 256 * bytes[9] : 0);
  if (numbers.length !== 2 * N_NUMBERS) throw new ApercuError("ModelError", "no tables of the codec apercu");
  return new Uint16Array(numbers.buffer);
}
