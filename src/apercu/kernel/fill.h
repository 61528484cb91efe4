/* Samples that do not count, filled smoothly from those that do. */
#ifndef APERCU_FILL_H
#define APERCU_FILL_H

#include "api.h"

/* Bytes of workspace for an image, 4-byte aligned. */
APERCU_API int64_t apercu_fill_workspace(size_t width, size_t height);
/* The first `n_bands` components of a pixel-interleaved image, in place. `weights`, one a pixel, row after row, says how
 * much a pixel counts: 255 and it stays, 0 and it is replaced; in between it is drawn towards what is around it. Where
 * none counts, all samples of a component become its `middles`. */
APERCU_API int64_t apercu_fill_u8(uint8_t *image, size_t row_pitch, size_t pitch, size_t width, size_t height,
                                  size_t n_bands, const uint8_t *weights, const int32_t *middles, uint8_t *workspace,
                                  size_t n_workspace);
APERCU_API int64_t apercu_fill_u16(uint16_t *image, size_t row_pitch, size_t pitch, size_t width, size_t height,
                                   size_t n_bands, const uint8_t *weights, const int32_t *middles, uint8_t *workspace,
                                   size_t n_workspace);

#endif
