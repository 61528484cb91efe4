// Models of users, which are the page's own files: as `apercu train` writes them (.npy), or their numbers alone.
import { codesOf } from "./codes.js";

const N_WEIGHTS = 270, N_NUMBERS = 22602, N_SMALL = 8362;

/**
 * The numbers of the model in `given`, which has to be the one whose hash a file names. `expanded`: makes numbers of small
 * tables.
 */
export async function modelOf(hash, given, expanded, ApercuError) {
  const refuse = (why) => {
    throw new ApercuError("ModelError", why);
  };
  if (!given) refuse();
  const file = new Uint8Array(given.buffer ?? given, given.byteOffset ?? 0, given.byteLength);
  const isNpy = file[0] === 0x93 && file[1] === 0x4e;
  const bytes = file.slice(isNpy ? 10 + file[8] + 256 * file[9] : 0);
  if (bytes.length !== 2 * N_NUMBERS && bytes.length !== N_SMALL) refuse("no tables of the codec apercu");
  if (!globalThis.crypto?.subtle) refuse("a user's tables are compared with their hash, for which the page must come by https");
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  if (hash.some((byte, i) => byte !== digest[i])) refuse("other tables than the file's");
  const numbers = bytes.length === N_SMALL ? expanded(codesOf(bytes)) : new Uint16Array(bytes.buffer);
  for (const [i, number] of numbers.entries()) {
    const sound = i < N_WEIGHTS ? number <= 64 : i % 2 ? number >= 2 && number <= 128 : number;
    if (!sound) refuse("the tables hold a number that is out of range");
  }
  return numbers;
}
