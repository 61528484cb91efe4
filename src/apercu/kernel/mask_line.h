/* Digital straight lines: whether a path of unit steps along pixel edges is one, step by step, in integers.
 *
 * A path whose steps all go one of two ways, A or B, is a straight line if all its points obey
 * least <= a x - b y < least + a + b, where x and y count the steps of A and of B. The line that is kept has the smallest
 * a + b. I. Debled-Rennesson and J.-P. Reveilles: A linear algorithm for segmentation of digital curves, 1995. */
#ifndef APERCU_MASK_LINE_H
#define APERCU_MASK_LINE_H

#include "api.h"

enum { EAST, NORTH, WEST, SOUTH, NOWHERE };
enum { INSIDE, WEAK, STRONG }; /* a step keeps the line, changes its slope, ends it */

typedef struct {
    int32_t x, y;
} line_point;

typedef struct {
    int32_t ways[2];  /* A, that of the first step, and B, NOWHERE as long as all were alike */
    int32_t n_steps, n_turns, last;
    int32_t a, b;
    int64_t least, here; /* here: a x - b y of the last point */
    line_point end;
    line_point upper[2], lower[2]; /* points on either side of the line: the first and the last */
} line;

static inline line line_of(int32_t way)
{
    line l = {{way, NOWHERE}, 1, 0, way, 0, 1, 0, 0, {1, 0}, {{0, 0}, {1, 0}}, {{0, 0}, {1, 0}}};
    return l;
}

static inline int line_class(const line *l, int32_t way)
{
    if (way == l->ways[0]) {
        const int64_t over = l->here + l->a - (l->least + l->a + l->b);
        return over < 0 ? INSIDE : over == 0 ? WEAK : STRONG;
    }
    if (l->ways[1] == NOWHERE)
        return (way ^ l->ways[0]) & 1 ? WEAK : STRONG;
    if (way != l->ways[1])
        return STRONG;
    const int64_t under = l->least - (l->here - l->b);
    return under <= 0 ? INSIDE : under == 1 ? WEAK : STRONG;
}

/* The slope from `from` to the end. */
static inline void line_turn(line *l, line_point from)
{
    l->a = l->end.y - from.y;
    l->b = l->end.x - from.x;
    l->here = (int64_t)l->a * l->end.x - (int64_t)l->b * l->end.y;
}

/* Takes a step; 0 where that ends the line, which then stays as it was. */
static inline int line_add(line *l, int32_t way)
{
    const int class = line_class(l, way);
    if (class == STRONG)
        return 0;
    if (way != l->ways[0])
        l->ways[1] = way;
    if (way == l->ways[0])
        l->end.x++, l->here += l->a;
    else
        l->end.y++, l->here -= l->b;
    l->n_steps++;
    l->n_turns += way != l->last;
    l->last = way;
    if (class == WEAK && l->here < l->least) {
        l->upper[1] = l->end;
        l->lower[0] = l->lower[1];
        line_turn(l, l->upper[0]);
        l->least = l->here;
    } else if (class == WEAK) {
        l->lower[1] = l->end;
        l->upper[0] = l->upper[1];
        line_turn(l, l->lower[0]);
        l->least = l->here - l->a - l->b + 1;
    } else {
        if (l->here == l->least)
            l->upper[1] = l->end;
        if (l->here == l->least + l->a + l->b - 1)
            l->lower[1] = l->end;
    }
    return 1;
}

#endif
