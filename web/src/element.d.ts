import type { Bytes, Image, Info } from "./index.js";

/**
 * <apercu-img src placeholder strategy restore alt width height loading damaged crossorigin>
 *
 * src: address of a file. It is painted each time that a layer has arrived.
 * placeholder: base64 or a data URI of a placeholder; shown before.
 * strategy: "canvas" (the default); "img", an <img> that one can save and drag; "colour": until the picture is there, the
 *     average colour of the placeholder alone.
 * restore: "cnn" and so on: what `ApercuImg.restorer` makes of the file is shown at last.
 * alt, width, height, loading="lazy", crossorigin: as of <img>. Without width and height, the placeholder gives
 *     the proportions, and its container the width, until the file tells its own. Where nothing can be shown, `alt` is.
 * damaged: "conceal" shows what is sound of a damaged file.
 *
 * Events: "progress" (detail: layers), "load" (detail: info) and "error" (detail: error); they do not bubble. An element that
 * leaves the page loads no further; one that has been loaded and is moved stays as it is.
 */
export class ApercuImg extends HTMLElement {
  /** The attributes; null removes one. */
  src: string;
  placeholder: string;
  strategy: string;
  restore: string;
  alt: string;
  damaged: string;
  loading: string;
  /** As of <img>: setting changes the attribute; what one gets is the size on the page. */
  get width(): number;
  set width(value: number | string | null);
  get height(): number;
  set height(value: number | string | null);
  readonly naturalWidth: number;
  readonly naturalHeight: number;
  readonly complete: boolean;
  /** Makes the picture of a file that an attribute `restore` asks for: see "apercu/restore". */
  static restorer?: (data: Bytes, restore: string) => Promise<Image>;
}

declare global {
  interface HTMLElementTagNameMap {
    "apercu-img": ApercuImg;
  }
}

export interface ApercuImgEvents {
  progress: CustomEvent<{ layers: number }>;
  load: CustomEvent<{ info: Info }>;
  error: CustomEvent<{ error: Error }>;
}
