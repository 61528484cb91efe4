/* The DCT of blocks of 8 x 8 samples in integers, and its inverse (spec/dct.md, "Transform").
 *
 * Coefficients have 4 fraction bits of an orthonormal transform of samples of 8 bits; samples of a plane have 5. The rows of the
 * matrix are those of the DCT times 4096, rounded: a forward transform is within 1/8 of the exact one, plus 1 part in 4096. */
#ifndef APERCU_DCT_H
#define APERCU_DCT_H

#include "api.h"

enum { DCT_SIDE = 8, DCT_MAPS = 64, DCT_LIMIT = 8191 };

/* The blocks of a plane of height x width blocks, `pitch` samples a row, to 64 maps, one after the other: map m holds the
 * coefficient order[m], 8 x (frequency down) + frequency across. Samples less `centre` are held to +-DCT_LIMIT. */
APERCU_API int64_t apercu_dct_analyse(const int16_t *plane, size_t pitch, size_t height, size_t width, int32_t centre,
                                      const uint8_t *order, int16_t *maps);
/* The inverse, for any coefficients; samples are held to +-DCT_LIMIT. */
APERCU_API int64_t apercu_dct_synthesise(const int16_t *maps, size_t height, size_t width, int32_t centre,
                                         const uint8_t *order, int16_t *plane, size_t pitch);

#endif
