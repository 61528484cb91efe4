/* Outlines: closed paths along the edges of pixels, with what is set to the left. */
#ifndef APERCU_MASK_OUTLINE_H
#define APERCU_MASK_OUTLINE_H

#include "mask_line.h"
#include "mask_model.h"

enum { KEPT = 4096 }; /* steps that a new line may look back at */

/* What an outline is predicted from. */
typedef struct {
    line l;
    uint32_t past; /* the last moves: 1 on, 2 left, 3 right */
    uint64_t n_steps;
    uint8_t steps[KEPT];
} trail;

/* Takes a step. Where the line ends, a new one begins with as many of the last steps as are straight: at most half of those
 * of the old one, so that looking back takes a few operations a step, whatever the path. */
static inline void trail_add(trail *t, int32_t way)
{
    t->steps[t->n_steps++ % KEPT] = (uint8_t)way;
    if (t->n_steps == 1) {
        t->l = line_of(way);
        return;
    }
    if (line_add(&t->l, way))
        return;
    uint32_t most = least32((uint32_t)t->l.n_steps / 2 + 1, KEPT);
    most = t->n_steps < most ? (uint32_t)t->n_steps : most;
    line back = line_of(way);
    uint32_t n = 1;
    while (n < most && line_add(&back, t->steps[(t->n_steps - 1 - n) % KEPT]))
        n++;
    t->l = line_of(t->steps[(t->n_steps - n) % KEPT]);
    while (--n)
        line_add(&t->l, t->steps[(t->n_steps - n) % KEPT]);
}

static inline int inside(const room *r, int32_t x, int32_t y)
{
    return x >= 0 && y >= 0 && x < r->width && y < r->height;
}

static inline uint32_t bit_at(const room *r, const uint8_t *of, int64_t x, int64_t y)
{
    return of[(size_t)y * r->stride + (size_t)x / 8] >> (7 - x % 8) & 1;
}

static inline uint32_t octave(uint32_t v)
{
    return least32(log2_of(v), OCTAVES - 1);
}

/* Pixels ahead of a corner, to the left and to the right of each direction: offsets of x and y. */
static const int8_t LEFT_X[4] = {0, -1, -1, 0}, LEFT_Y[4] = {-1, -1, 0, 0};
static const int8_t RIGHT_X[4] = {0, 0, -1, -1}, RIGHT_Y[4] = {0, -1, -1, 0};

/* The direction that an outline takes at a corner: what is set stays left, and areas that touch there belong together. */
static inline int32_t find_way(const room *r, int32_t x, int32_t y, int32_t way)
{
    const int32_t left_x = x + LEFT_X[way], left_y = y + LEFT_Y[way], right_x = x + RIGHT_X[way], right_y = y + RIGHT_Y[way];
    if (inside(r, right_x, right_y) && bit_at(r, r->plane, right_x, right_y))
        return (way + 3) & 3;
    return inside(r, left_x, left_y) && bit_at(r, r->plane, left_x, left_y) ? way : (way + 1) & 3;
}

/* Codes the direction at a corner; `next` where it is written. */
APERCU_PART int32_t code_way(room *r, const trail *t, int32_t x, int32_t y, int32_t way, int32_t next, const int writing)
{
    const line *l = &t->l;
    const int32_t left = (way + 1) & 3, right = (way + 3) & 3;
    const int on_goes = inside(r, x + LEFT_X[way], y + LEFT_Y[way]), right_goes = inside(r, x + RIGHT_X[way], y + RIGHT_Y[way]);
    if (!on_goes && !right_goes)
        return left;
    int32_t expected = way, turn = NOWHERE;
    uint32_t kind = 0, along = (uint32_t)l->n_steps, period = 1;
    if (l->ways[1] != NOWHERE) {
        turn = l->ways[way == l->ways[0]];
        kind = 1;
        along = (uint32_t)l->a; /* one turn so far: the steps behind it and before it */
        period = (uint32_t)l->b;
        if (l->n_turns > 1) {
            const int first = line_class(l, l->ways[0]) == INSIDE;
            expected = l->ways[!first];
            kind = line_class(l, l->ways[first]) == WEAK ? 2 : 3;
            period = (uint32_t)(l->a + l->b);
            along = (uint32_t)l->n_steps / period;
        }
    }
    const uint32_t turns = expected != way, side = turn == NOWHERE ? 0 : turn == left ? 1 : 2;
    const uint32_t own = ((kind * 2 + turns) * OCTAVES + octave(along)) * OCTAVES + octave(period);
    const uint32_t past = (side * 2 + turns) * HISTORIES + t->past;
    uint32_t miss = expected == way ? !on_goes : expected == right ? !right_goes : 0;
    if (!miss)
        miss = code_double(r, MISS_AT + own, MISS_PAST_AT + past, writing && next != expected, writing);
    if (!miss)
        return expected;
    /* The likelier of the two that are left first. */
    const int32_t one = turns ? way : turn == right ? right : left, two = turns ? (expected + 2) & 3 : (one + 2) & 3;
    const int one_goes = one == way ? on_goes : one == right ? right_goes : 1, two_goes = two == right ? right_goes : 1;
    uint32_t other = !one_goes;
    if (one_goes && two_goes)
        other = code_double(r, OTHER_AT + own, OTHER_PAST_AT + past, writing && next == two, writing);
    return other ? two : one;
}

/* Follows an outline from a corner back to it, by at most `most` steps; flips the upright edges on its way. */
APERCU_PART int64_t code_outline(room *r, trail *t, int32_t x, int32_t y, int32_t way, int64_t most, const int writing)
{
    static const int8_t across[4] = {1, 0, -1, 0}, down[4] = {0, -1, 0, 1};
    const int32_t from_x = x, from_y = y;
    int64_t n = 0;
    t->n_steps = 0;
    t->past = 0;
    for (;;) {
        if (way == NORTH || way == SOUTH)
            r->edges[(size_t)(y - (way == NORTH)) * r->stride + (size_t)x / 8] ^= (uint8_t)(0x80 >> x % 8);
        x += across[way];
        y += down[way];
        trail_add(t, way);
        if (x == from_x && y == from_y)
            return n + 1;
        if (++n >= most)
            return APERCU_ERROR_CORRUPT;
        const int32_t next = code_way(r, t, x, y, way, writing ? find_way(r, x, y, way) : 0, writing);
        t->past = (t->past << 2 | (uint32_t)(next == way ? 1 : next == ((way + 1) & 3) ? 2 : 3)) % HISTORIES;
        way = next;
        if (!writing && range_overrun(&r->c.d))
            return APERCU_ERROR_TRUNCATED;
    }
}

/* Codes a number from 0 to 2^32 - 2: how many bits it has, with 1 added, behind the first, and these bits. `of` chooses among
 * two sets of contexts. */
APERCU_PART uint64_t code_gap(room *r, uint64_t gap, uint32_t of, const int writing)
{
    uint32_t length = 0, node = 1;
    while (writing && (gap + 1) >> length > 1)
        length++;
    of *= LENGTHS;
    for (uint32_t i = 6; i-- > 0;)
        node = node << 1 | code_adaptive(r, LENGTH_AT + of + node, length >> i & 1, writing);
    length = node - LENGTHS;
    if (length == 0 || length > 31)
        return length ? UINT64_MAX : 0;
    const uint64_t top = 2 | code_adaptive(r, TOP_AT + of + length, (gap + 1) >> (length - 1) & 1, writing);
    const uint32_t below = (uint32_t)((gap + 1) & (((uint64_t)1 << (length - 1)) - 1));
    return (top << (length - 1) | code_even(&r->c, below, length - 1, writing)) - 1;
}

/* Places of upright edges are counted through all rows, width + 1 in each. The first that is set from place `from` on, or
 * the number of all. */
static inline int64_t find_place(const room *r, const uint8_t *of, int64_t from)
{
    const int64_t row = (int64_t)r->width + 1;
    int64_t y = from / row, x = from % row;
    for (; y < r->height; y++, x = 0) {
        const uint8_t *at = of + (size_t)y * r->stride;
        while (x < row) {
            const uint32_t left = (uint32_t)at[x / 8] << x % 8 & 0xff;
            if (left)
                return y * row + x + 7 - (int64_t)log2_of(left);
            x = (x / 8 + 1) * 8;
        }
    }
    return row * r->height;
}

/* Codes the place where an outline begins, behind `at`; returns it, or APERCU_ERROR_CORRUPT. In a difference of two masks most
 * begin where the other mask has an edge, or one pixel left of it: only such places are counted then. */
APERCU_PART int64_t code_place(room *r, int64_t at, int64_t next, const int writing)
{
    const int64_t row = (int64_t)r->width + 1, n = row * r->height;
    uint64_t gap = (uint64_t)(next - at - 1);
    if (r->differs && code_adaptive(r, LIKELY_AT, writing && bit_at(r, r->likely, next % row, next / row), writing)) {
        int64_t place = find_place(r, r->likely, at + 1);
        for (gap = 0; writing && place < next; gap++)
            place = find_place(r, r->likely, place + 1);
        gap = code_gap(r, gap, 1, writing);
        for (; !writing && gap && place < n; gap--)
            place = find_place(r, r->likely, place + 1);
        return place < n ? place : APERCU_ERROR_CORRUPT;
    }
    gap = code_gap(r, gap, 0, writing);
    return gap < (uint64_t)(n - at - 1) ? at + 1 + (int64_t)gap : APERCU_ERROR_CORRUPT;
}

/* Codes all outlines. Writing, `edges` holds those of `plane`, and is emptied; reading, the edges are what comes out. */
APERCU_PART int64_t code_outlines(room *r, const int writing)
{
    const int64_t row = (int64_t)r->width + 1, n = row * r->height;
    int64_t most = n + (int64_t)r->width * (r->height + 1), at = -1; /* all edges there are */
    trail t;
    for (uint32_t more = 0;; more = 1) {
        const int64_t next = writing ? find_place(r, r->edges, at + 1) : 0;
        if (code_adaptive(r, MORE_AT + more, next == n, writing))
            return 0;
        at = code_place(r, at, next, writing);
        if (at < 0)
            return at;
        const int32_t x = (int32_t)(at % row), y = (int32_t)(at / row);
        /* South, if the pixel to the right of the edge is the one that is set. */
        uint32_t north = x == r->width;
        if (x > 0 && x < r->width)
            north = code_adaptive(r, SIDE_AT, writing && !bit_at(r, r->plane, x, y), writing);
        const int64_t steps = code_outline(r, &t, x, y + (int32_t)north, north ? NORTH : SOUTH, most, writing);
        if (steps < 0)
            return steps;
        most -= steps;
    }
}

#endif
