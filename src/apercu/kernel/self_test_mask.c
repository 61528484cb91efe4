/* The part of the self test that is about masks: outlines, differences of masks, and pixels. */
#include "mask.h"
#include "self_test_draw.h"

#include <string.h>

#ifndef APERCU_COVERAGE /* see self_test.c */

enum { WIDE = 93, HIGH = 61, MASKS = 5, ROW = (WIDE + 7) / 8, BYTES = MASKS * HIGH * ROW, ROOM = 260000 };

typedef struct {
    uint64_t workspace[ROOM / 8];
    uint8_t bits[BYTES], back[BYTES], bytes[4 * BYTES];
} mask_room;

size_t self_test_mask_size(void)
{
    return sizeof(mask_room);
}

/* A slanted area with points in it, two times the same, then slightly changed, noise, and an area with holes. */
static void draw_masks(test *t, uint8_t *bits)
{
    memset(bits, 0, BYTES);
    for (int32_t m = 0; m < MASKS; m++)
        for (int32_t y = 0; y < HIGH; y++)
            for (int32_t x = 0; x < WIDE; x++) {
                int set = 4 * x + y < 90 + (m == 2) || 5 * y - x > 240 || (x * 37 + y * 91) % 701 == 0;
                if (m == 3)
                    set = below(t, 3) == 0;
                if (m == 4)
                    set = (x - 40) * (x - 40) + 2 * (y - 30) * (y - 30) < 900 && (x / 9 + y / 7) % 3;
                bits[(m * HIGH + y) * ROW + x / 8] |= (uint8_t)((unsigned)set << (7 - x % 8));
            }
}

void self_test_mask(test *t, void *room)
{
    mask_room *r = room;
    const int64_t n_workspace = apercu_mask_workspace(WIDE, HIGH);
    draw_masks(t, r->bits);
    if (n_workspace > ROOM)
        return;
    int64_t n = apercu_mask_encode(r->bits, WIDE, HIGH, MASKS, (uint8_t *)r->workspace, sizeof r->workspace, r->bytes, sizeof r->bytes);
    add(t, n);
    if (n < 0)
        return;
    add_u8(t, r->bytes, (size_t)n);
    memset(r->back, 0xff, BYTES);
    add(t, apercu_mask_decode(r->bytes, (size_t)n, WIDE, HIGH, MASKS, (uint8_t *)r->workspace, sizeof r->workspace, r->back));
    add_u8(t, r->back, BYTES);
}
#endif
