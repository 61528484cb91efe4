/* Bits to pixels, as the page calls it. The container is read by JavaScript, which the page needs in any case: ../src/head.js. */
#ifndef APERCU_WASM_DECODER_H
#define APERCU_WASM_DECODER_H

#include "codec_apercu.h"

/* --- placeholder.c */
/* Bytes of memory that enlarging a picture takes to `width` columns, besides that of its tile. */
size_t placeholder_memory(const apc_file *file, size_t width);
/* Pixels of `width` x `height`, RGBA, of the shrunk picture of a placeholder, which is like a file of one tile
 * (../../spec/PLACEHOLDER.md). `means` are added to the planes. Returns 0 or an error. */
int placeholder_decode(const apc_file *file, const apc_model *model, const int32_t *means, const uint8_t *segment,
                       size_t n_segment, uint8_t *memory, size_t width, size_t height, uint8_t *pixels);

/* --- enlarge.c */
/* Enlarges a plane of w x h samples, to which `mean` is added, across: `out` has `width` numbers for each of its rows. */
void enlarge_across(const int16_t *plane, size_t w, size_t h, int32_t mean, size_t width, int32_t *out);
/* Row `y` of `height` of such planes to pixels, RGBA. `scratch` holds 5 * width numbers. */
void enlarge_row(const int32_t *const *planes, const size_t *n_rows, size_t n_planes, size_t width, size_t y, size_t height,
                 int16_t *scratch, uint8_t *out);

#endif
