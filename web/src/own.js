// The decoder of the page's own thread, and the function that makes it, whose text is the worker's script.
import makeDecoder from "../../build/web/decoder.js";

export { makeDecoder };
export const decoder = /* @__PURE__ */ makeDecoder();
