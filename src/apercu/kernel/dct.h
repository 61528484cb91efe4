/* The DCT of blocks of 8 x 8 samples in integers, and its inverse (spec/dct.md, "Transform").
 *
 * Coefficients have 4 fraction bits of an orthonormal transform of samples of 8 bits; samples of a plane have 5. The rows of the
 * matrix are those of the DCT times 4096, rounded: a forward transform is within 1/8 of the exact one, plus 1 part in 4096. */
#ifndef APERCU_DCT_H
#define APERCU_DCT_H

#include "api.h"

enum {
    DCT_SIDE = 8,
    DCT_MAPS = 64,
    DCT_LIMIT = 8191,
    DCT_EXPECTED = 9,           /* maps after the first whose coefficients are expected from those of the first around */
    DCT_SUMS = 3,               /* weights of each */
    DCT_LARGEST_WEIGHT = 2047,  /* in 1/4096: no sum leaves 32 bits */
    DCT_LARGEST_LIMIT = 1 << 16 /* of apercu_dct_smooth */
};

/* The blocks of a plane of height x width blocks, `pitch` samples a row, to 64 maps, one after the other: map m holds the
 * coefficient order[m], 8 x (frequency down) + frequency across. Samples less `centre` are held to +-DCT_LIMIT. */
APERCU_API int64_t apercu_dct_analyse(const int16_t *plane, size_t pitch, size_t height, size_t width, int32_t centre,
                                      const uint8_t *order, int16_t *maps);
/* The inverse, for any coefficients; samples are held to +-DCT_LIMIT. */
APERCU_API int64_t apercu_dct_synthesise(const int16_t *maps, size_t height, size_t width, int32_t centre,
                                         const uint8_t *order, int16_t *plane, size_t pitch);

/* The coefficients that symbols stand for: |symbol| x step_q6 / 64, rounded, for each of 64 maps. */
APERCU_API int64_t apercu_dct_dequantise(const int16_t *symbols, size_t blocks, const int32_t *steps_q6, int16_t *maps);
/* Adds to maps 1 to DCT_EXPECTED what is expected of them, `sign` times (1 or -1), given map 0 of the block and of the eight
 * around it, the edge repeated. `weights`: [DCT_EXPECTED][DCT_SUMS], see spec/dct.md, "Expected coefficients". */
APERCU_API int64_t apercu_dct_expect(int16_t *maps, size_t height, size_t width, const uint8_t *order, const int16_t *weights,
                                     int32_t sign);
/* Smooths the edges between the blocks of a plane, by up to `limit` at the samples next to them. */
APERCU_API int64_t apercu_dct_smooth(int16_t *plane, size_t pitch, size_t height, size_t width, int32_t limit);

#endif
