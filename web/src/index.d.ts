/** Bytes of a file or of a placeholder. */
export type Bytes = Uint8Array | ArrayBuffer;

export type ErrorName =
  | "NotApercu" | "UnsupportedVersion" | "UnknownModel" | "Truncated" | "CorruptStream" | "ChecksumError" | "TooLarge" | "ModelError";

/** A refusal, by the name that the format has for it. */
export class ApercuError extends Error {
  name: ErrorName;
}

export interface Info {
  width: number;
  height: number;
  bands: number;
  interpretation: "grey" | "rgb" | "rgba" | "spectral";
  dtype: "uint8" | "uint16";
  codec: "apercu";
  /** Number of the registry; 0: a user's. */
  model: number;
  version: 1;
  /** 0 to 100. */
  quality: number;
  /** Of the quantiser, in 8-bit samples of an orthonormal transform. */
  step: number;
  tiles: number;
  layers: number;
  nBytes: number;
  /** Bits per pixel. */
  bpp: number;
}

export interface Image {
  width: number;
  height: number;
  bands: number;
  interpretation: "grey" | "rgb" | "rgba" | "spectral";
  /** Interleaved samples, row by row. */
  data: Uint8Array | Uint8ClampedArray | Uint16Array;
}

export interface Decoded extends Image {
  data: Uint8Array<ArrayBuffer> | Uint16Array<ArrayBuffer>;
  /** How many layers each tile shows, row by row from the top left. */
  shown: Uint8Array<ArrayBuffer>;
  /** The most of them. */
  layers: number;
}

export interface DecodeOptions {
  /** Shows so many layers, 1 or more; all by default. Later ones may be missing. */
  layers?: number;
  /**
   * "raise": a fault refuses the file. "conceal": each tile shows the layers before its first fault, the middle of the range
   * where there are none; a file without a sound first layer in any tile is refused.
   */
  damaged?: "raise" | "conceal";
  /** Refuses larger images (TooLarge), or those of more than four times as many samples; 2^28 by default. */
  maxPixels?: number;
  /** Of a file of a user's model: that model, as `apercu train` writes it. */
  model?: Bytes;
}

/** What the head of a file says; of a file that is still on its way, too. Raises ApercuError. */
export function info(data: Bytes, options?: { maxPixels?: number }): Info;

/** The image in a file. Rejects with ApercuError. */
export function decode(data: Bytes, options?: DecodeOptions): Promise<Decoded>;

/**
 * The image each time that a layer of all its tiles has arrived, and at last the whole one. `source`: a Response, its body, or
 * chunks of bytes. Layers that arrive together are shown together. Rejects with ApercuError.
 */
export function decodeStream(
  source: Response | ReadableStream<Uint8Array> | AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  options?: DecodeOptions,
): AsyncGenerator<Decoded, void, undefined>;

export interface PlaceholderInfo {
  kind: "grey" | "rgb" | "rgba";
  /** Width by height. */
  aspect: number;
  /** Red, green and blue of the average, 0 to 255. */
  colour: [number, number, number];
  /** Of the shrunk picture. */
  width: number;
  height: number;
}

/** What the first four bytes of a placeholder say. Raises ApercuError. */
export function placeholderInfo(data: Bytes): PlaceholderInfo;

/** Red, green and blue of the average of a placeholder, 0 to 255. Raises ApercuError. */
export function averageColour(data: Bytes): [number, number, number];

export interface RGBA {
  width: number;
  height: number;
  bands: 4;
  interpretation: "rgba";
  data: Uint8ClampedArray<ArrayBuffer>;
}

/**
 * The picture of a placeholder, of any size; by default 128 pixels along the longer side, which a
 * page can show larger. Rejects with ApercuError.
 */
export function placeholderImage(data: Bytes, size?: { width: number; height: number }): Promise<RGBA>;

/**
 * Pixels as a canvas takes them. 16 bits are shown from the smallest to the largest sample, of spectral images the first three
 * bands, or the first if there are two.
 */
export function toRGBA(image: Image): Promise<Uint8ClampedArray<ArrayBuffer>>;

/** A grey, RGB or RGBA image as a PNG file, of 8 or 16 bits. */
export function toPNG(image: Image): Promise<Uint8Array<ArrayBuffer>>;

/** The same as a data URI. */
export function toDataURL(image: Image): Promise<string>;

/**
 * For those who compare: which decoder runs, and whether in a worker. By default it is WebAssembly, with vectors ("simd") from
 * 2^18 pixels on, and "javascript" where the page's policy forbids it; and a worker where the policy allows one.
 */
export function configure(options: { engine?: "simd" | "scalar" | "javascript" | undefined; worker?: boolean }): void;

/** The tables of the model of a file, as numbers: for "apercu/restore". */
export function tables(data: Bytes, options?: DecodeOptions): Promise<Uint16Array>;
