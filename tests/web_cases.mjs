// Files through the package, in Node or in a page: what test_web.py compares.

const bytesOf = (text) => Uint8Array.from(atob(text), (c) => c.charCodeAt(0));

async function digest(data) {
  const sum = await crypto.subtle.digest("SHA-256", data);
  return [...new Uint8Array(sum)].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

async function outcome(make) {
  try {
    const image = await make(), { width, height, bands, data } = image;
    return [height, width, bands, data.constructor.name, await digest(data), ...(image.shown ?? [])].join(" ");
  } catch (error) {
    return error.name;
  }
}

/** For each case what `decode`, or `placeholderImage`, makes of it: a line of numbers, or the name of the error. */
export async function run(apercu, cases) {
  const found = [];
  for (const { data, model, options, placeholder } of cases) {
    const bytes = bytesOf(data), given = { ...options, model: model ? bytesOf(model) : undefined };
    if (placeholder) {
      const make = async () => ({ ...(await apercu.placeholderImage(bytes, options)), shown: apercu.averageColour(bytes) });
      found.push(await outcome(make));
    } else found.push(await outcome(() => apercu.decode(bytes, given)));
  }
  return found;
}
