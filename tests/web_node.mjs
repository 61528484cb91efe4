// node web_node.mjs PACKAGE CASES: prints what each engine makes of the cases.
import { readFileSync } from "node:fs";
import { pathToFileURL } from "node:url";
import { run } from "./web_cases.mjs";

const [, , path, cases] = process.argv, apercu = await import(pathToFileURL(path)), found = {};
for (const engine of ["scalar", "simd", "javascript"]) {
  apercu.configure({ engine });
  found[engine] = await run(apercu, JSON.parse(readFileSync(cases)));
}
console.log(JSON.stringify(found));
