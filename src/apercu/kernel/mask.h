/* Masks: one bit a pixel, exact (spec/mask.md). Outlines of areas are followed along pixel edges, each step predicted by the
 * straight line that the last ones lie on; what has no outlines worth following is coded pixel by pixel.
 *
 * Masks are bits, the first pixel of a byte in its highest one, each row in (width + 7) / 8 bytes, one mask after the
 * other. Width and height are 1 to 65,535, masks 1 to 65,535. */
#ifndef APERCU_MASK_H
#define APERCU_MASK_H

#include "api.h"

/* Bytes of workspace for both functions, or APERCU_ERROR_ARGUMENT. It is 8-byte aligned and may hold anything. */
APERCU_API int64_t apercu_mask_workspace(int32_t width, int32_t height);
/* Returns the number of bytes or an error; with a capacity of 0 (`out` may be NULL) the number that there would be, where it
 * is above 0: APERCU_ERROR_CAPACITY. */
APERCU_API int64_t apercu_mask_encode(const uint8_t *bits, int32_t width, int32_t height, int32_t n_masks, uint8_t *workspace,
                                      size_t n_workspace, uint8_t *out, size_t capacity);
/* The inverse: fills in `bits`, of which those past the width become 0. Returns 0, or APERCU_ERROR_TRUNCATED, _CORRUPT,
 * _CAPACITY or _ARGUMENT. Time is bounded by the pixels of all masks, whatever the data. */
APERCU_API int64_t apercu_mask_decode(const uint8_t *data, size_t n_data, int32_t width, int32_t height, int32_t n_masks,
                                      uint8_t *workspace, size_t n_workspace, uint8_t *bits);

#endif
