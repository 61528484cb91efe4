import type { Image } from "./index.js";

export interface EncodeOptions {
  /** 0 to 100, 50 by default. */
  quality?: number;
  /** In place of `quality`: the highest one whose file has no more bytes. */
  nBytes?: number;
  /** 1 to 5. By default 1 of a file below 2,000 bytes, else 4 or 5. */
  layers?: number;
  /** Pixels a side of a tile: a power of two from 32 to 65,536. By default one tile holds up to 22 megapixels. */
  tile?: number;
  /**
   * The tables: 2, the default, or 10, the small ones, which "apercu" holds; so whoever shows such a file need not load those of
   * model 2. As the default and "apercu_small" in Python.
   */
  model?: 2 | 10;
}

/**
 * The file of a grey or RGB picture of 8 or 16 bits; of RGBA, alpha is left out. The bytes are those of
 * `apercu.encode(image, quality=…, layers=…, tile=…, model=…)` in Python. Rejects with RangeError. Runs on the thread that calls
 * it.
 */
export function encode(image: Omit<Image, "interpretation">, options?: EncodeOptions): Promise<Uint8Array<ArrayBuffer>>;
