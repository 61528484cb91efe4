/* The numbers of a model's tables, taken one array after the other. */
#ifndef APERCU_NUMBERS_H
#define APERCU_NUMBERS_H

#include <stddef.h>
#include <stdint.h>

/* `fault` is set where there were too few numbers, and by whoever finds them unsound; `check`: whether that is looked at. */
typedef struct {
    const int16_t *numbers;
    size_t n, at;
    int fault, check;
} reader;

/* The next n numbers; after a fault a place of which nothing may be read. */
static inline const int16_t *take(reader *r, size_t n)
{
    static const int16_t none = 0;
    if (r->fault || n > r->n - r->at) {
        r->fault = 1;
        return &none;
    }
    r->at += n;
    return r->numbers + r->at - n;
}

static inline int64_t magnitude(int16_t number)
{
    return number < 0 ? -(int64_t)number : number;
}

#endif
