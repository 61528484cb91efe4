/* Components of a scene to its bands (spec/rotation.md). */
#ifndef APERCU_ROTATION_H
#define APERCU_ROTATION_H

#include "api.h"

enum { ROTATION_MOST_BANDS = 64 };

/* Interleaved components, 2 to 64 a pixel, to as many bands. `matrix`, row by row: what component k adds to each band, with
 * 6 fraction bits. `levels`: the offset, 0 to 65536, and the range, 1 to 65536, of each band. */
APERCU_API int64_t apercu_to_bands_u8(const uint16_t *components, size_t n_pixels, size_t n_bands, const int8_t *matrix,
                                      const int32_t *levels, uint8_t *out);
APERCU_API int64_t apercu_to_bands_u16(const uint16_t *components, size_t n_pixels, size_t n_bands,
                                       const int8_t *matrix, const int32_t *levels, uint16_t *out);

#endif
