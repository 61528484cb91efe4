/* Pixels one by one, each in the context of those around it; eight at once in areas without any change. */
#ifndef APERCU_MASK_PIXELS_H
#define APERCU_MASK_PIXELS_H

#include "mask_model.h"

/* Codes a row of `plane`. */
APERCU_PART void code_row(room *shared, int32_t y, const int writing)
{
    room r = *shared;
    uint8_t *row = r.plane + (size_t)y * r.stride;
    const uint8_t *up = row - r.stride, *above = up - r.stride;
    uint32_t before = 0;
    for (int32_t x = 0; x < r.width; x += 8) {
        const int32_t i = x / 8;
        const uint32_t ups = (uint32_t)*(up + i - 1) << 16 | (uint32_t)up[i] << 8 | up[i + 1];
        const uint32_t aboves = (uint32_t)*(above + i - 1) << 16 | (uint32_t)above[i] << 8 | above[i + 1];
        const uint32_t n = least32((uint32_t)(r.width - x), 8), of_group = 0xffu << (8 - n) & 0xff;
        const uint32_t colour = before & 1, flat = colour ? 0xffffff : 0, wanted = writing ? row[i] : 0;
        uint32_t now = before;
        if (ups == flat && (before & 7) == (flat & 7) &&
            !code_adaptive(&r, GROUP_AT + 2 * colour + (aboves == flat), wanted != (flat & of_group), writing)) {
            now = flat & 0xff;
        } else {
            for (uint32_t bit = 8; bit-- > 8 - n;) {
                const uint32_t around = (aboves >> (bit + 7) & 7) << 8 | (ups >> (bit + 6) & 31) << 3 | (now & 7);
                now = now << 1 | code_adaptive(&r, PIXEL_AT + around, wanted >> bit & 1, writing);
            }
            now = now << (8 - n) & 0xff;
        }
        before = now;
        row[i] = (uint8_t)(now & of_group);
    }
    *shared = r;
}

static inline int64_t code_pixels(room *r, const int writing)
{
    for (int32_t y = 0; y < r->height; y++) {
        code_row(r, y, writing);
        if (!writing && range_overrun(&r->c.d))
            return APERCU_ERROR_TRUNCATED;
    }
    return 0;
}

#endif
