/* Magnitudes of symbols, as contexts see them and as bits: what wavelet bands and maps of blocks have in common. */
#ifndef APERCU_MAGNITUDES_H
#define APERCU_MAGNITUDES_H

#include "range_coder.h"

enum {
    BUCKETS = 10,
    UNARY = 14,   /* magnitudes up to so many in unary, the rest by Exp-Golomb */
    MAG_MAX = 15, /* magnitudes that contexts see are held to it: 3 x 3 of them, weighted 16 in all, fit into a byte */
    MARGIN = 2    /* free places around the magnitudes of a band or a map */
};

/* Weighted sums of neighbours, in 1/16 of a magnitude, to buckets in steps of about 2/3 octave, which begin at
 * 0, 1, 3, 5, 8, 12, 19, 30, 47 and 75. */
APERCU_SMALL uint32_t bucket_of(uint32_t sum)
{
    static const uint8_t buckets[76] = {
        0, 1, 1, 2, 2, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 5, 5, 5, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 7, 7, 7, 7, 7, 7, 7, 7,
        7, 7, 7, 7, 7, 7, 7, 7, 7, 8, 8, 8, 8, 8, 8, 8, 8, 8, 8, 8, 8, 8, 8, 8, 8, 8, 8, 8, 8, 8, 8, 8, 8, 8, 8, 8, 8, 9};
    return buckets[sum < 75 ? sum : 75];
}

/* The magnitudes of a band or a map, with MARGIN zeros on every side; but the last place of a row of a band is 1 where the row has
 * a symbol. */
typedef struct {
    size_t width, height, stride;
    uint8_t *at; /* of row 0, column 0 */
} grid;

#endif
