/** A refusal; `name` is that of the error in the format. */
export class ApercuError extends Error {
  constructor(name, message = `apercu: ${name}`) {
    super(message);
    this.name = name;
  }
}

export function refuse(name, message) {
  throw new ApercuError(name, message);
}
