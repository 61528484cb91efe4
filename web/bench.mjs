// node bench.mjs PICTURE.apc PLACEHOLDER: times in milliseconds, of each engine on the page's thread, of the built package.
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

const [, , picture, placeholder, engine] = process.argv, RUNS = 60;
const fixed = (ms) => ms.toFixed(2).padStart(8);

/** Of many: the least, the middle, and the processor's time of one, which other programs do not lengthen. */
async function warm(task) {
  const times = [], before = process.cpuUsage();
  for (let i = 0; i < RUNS; i++) {
    const begun = performance.now();
    await task();
    times.push(performance.now() - begun);
  }
  const { user, system } = process.cpuUsage(before);
  times.sort((a, b) => a - b);
  return [times[0], times[RUNS >> 1], (user + system) / 1000 / RUNS];
}

if (engine) {
  const data = readFileSync(picture), small = readFileSync(placeholder), begun = performance.now(), before = process.cpuUsage();
  const { configure, decode, placeholderImage } = await import("./dist/apercu.js");
  configure({ engine, worker: false });
  await decode(data);
  const cold = performance.now() - begun, { user, system } = process.cpuUsage(before);
  for (let i = 0; i < RUNS; i++) await decode(data).then(() => placeholderImage(small)); // until all is compiled for good
  const of = [await warm(() => decode(data)), await warm(() => placeholderImage(small))];
  console.log(engine.padEnd(12), ...[cold, (user + system) / 1000, ...of.flat()].map(fixed));
} else {
  console.log(`${"".padEnd(12)} cold: all, processor    picture: least, middle, processor    placeholder: the same`);
  for (const name of ["simd", "scalar", "javascript"])
    process.stdout.write(execFileSync(process.execPath, [fileURLToPath(import.meta.url), picture, placeholder, name]));
}
