/* Rows of pixels to rows of planes, for encoders. */
#ifndef APERCU_ROWS_H
#define APERCU_ROWS_H

#include "inside.h"
#include "samples.h"

/* `n` rows of pixels from `at` on to `high` of luma, `wide` samples each, which lie one after the other, and half as many of Cb and Cr
 * behind them, of half the size; beyond the pixels their edge again. `wide` and `high` are even. `scratch` holds 5 * wide numbers. */
static inline void fetch_colour(const apc_file *file, const tile *t, const void *pixels, size_t at, size_t row, size_t n,
                                size_t wide, size_t high, int16_t *scratch, int16_t *luma)
{
    int16_t *cb = luma + wide * high, *cr = cb + wide * high / 4;
    if (is_wide(file))
        apercu_rgb_to_ycc_u16((const uint16_t *)pixels + at, row, file->bands, t->width, n, offset_of(file, 0),
                              range_of(file, 0), scratch, luma, wide, high, cb, cr);
    else
        apercu_rgb_to_ycc_u8((const uint8_t *)pixels + at, row, file->bands, t->width, n, scratch, luma, wide, high, cb, cr);
}

/* The same of one band that is no colour. */
static inline void fetch_band(const apc_file *file, const tile *t, const void *pixels, size_t at, size_t row, size_t n,
                              uint32_t band, size_t wide, size_t high, int16_t *out)
{
    if (is_wide(file)) {
        uint32_t group = group_of(file, band);
        apercu_load_u16((const uint16_t *)pixels + at + band, row, file->bands, t->width, n, offset_of(file, group),
                        range_of(file, group), out, wide, high);
    } else {
        apercu_load_u8((const uint8_t *)pixels + at + band, row, file->bands, t->width, n, out, wide, high);
    }
}

#endif
