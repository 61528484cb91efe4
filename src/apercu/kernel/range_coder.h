/* Adaptive binary range coder: one bit at a time, each with its own probability (spec/FORMAT.md, "Range coder").
 *
 *     bytes   b0 b1 b2 ...   are a fraction v = 0.b0b1b2... in base 256, with zeros past the last byte
 *     coder   [low, low + range) is the interval of v that the bits so far leave open
 *     a 0     keeps the lower part of it, of the share p0 / 65536; a 1 keeps the upper part
 *
 * A few likely zeros therefore cost no byte at all. The functions are inline: a codec calls them next to its context
 * modelling, with the coder in a local variable. Range coding: G. N. N. Martin, 1979. Contexts that average a fast and
 * a slow estimate: as in H.266 (VVC). Here both begin faster still and slow down with age.
 */
#ifndef APERCU_RANGE_CODER_H
#define APERCU_RANGE_CODER_H

#include "range_context.h"

typedef struct {
    uint8_t *out; /* may be NULL where capacity is 0: then bytes are only counted */
    size_t capacity;
    size_t size;    /* bytes so far; those past the capacity were not written */
    uint32_t low;   /* in units of 256^-(size + 4) */
    uint32_t range; /* same unit; 2^24 .. 2^32 - 1 between bits */
} range_encoder;

static inline range_encoder range_encoder_at(uint8_t *out, size_t capacity)
{
    range_encoder e = {out, capacity, 0, 0, UINT32_MAX};
    return e;
}

/* Adds one to the number that the first `size` bytes spell. It is below 1 - 256^-size: the walk ends before out[0]. */
static inline void range_carry(uint8_t *out, size_t size)
{
    do
        out[--size]++;
    while (out[size] == 0);
}

/* Writes `bit` (0 or 1), of which a 0 has the probability p0 / 65536, p0 from 1 to 65535. */
APERCU_SMALL void range_put(range_encoder *e, uint32_t bit, uint32_t p0)
{
    uint32_t low = e->low, range = e->range, bound = (uint32_t)((uint64_t)range * p0 >> 16);
    if (bit) {
        low += bound;
        range -= bound;
        if (low < bound && e->size <= e->capacity)
            range_carry(e->out, e->size);
    } else {
        range = bound;
    }
    for (; range < 1u << 24; range <<= 8, low <<= 8) { /* twice at most, since no share is below 2^-16 */
        if (e->size < e->capacity)
            e->out[e->size] = (uint8_t)(low >> 24);
        e->size++;
    }
    e->low = low;
    e->range = range;
}

static inline void range_put_adaptive(range_encoder *e, range_context *c, uint32_t bit)
{
    range_put(e, bit, range_context_p0(c));
    range_context_learn(c, bit);
}

static inline void range_put_bypass(range_encoder *e, uint32_t bit)
{
    range_put(e, bit, RANGE_HALF);
}

/* Ends the stream in the fewest bytes. Returns their count or APERCU_ERROR_CAPACITY: before zeros are dropped from the
 * tail, up to RANGE_TAIL - RANGE_TAIL_LEAST bytes more than the count have to fit. */
static inline int64_t range_finish(range_encoder *e)
{
    size_t n_read = e->size + 4; /* by the decoder, after the last bit */
    if (e->low > UINT32_MAX - (e->range - 1)) {
        if (e->size <= e->capacity)
            range_carry(e->out, e->size);
    } else if (e->low) { /* range >= 2^24, so one more byte always reaches into the interval */
        if (e->size < e->capacity)
            e->out[e->size] = (uint8_t)((e->low + 0xFFFFFF) >> 24);
        e->size++;
    }
    if (e->size > e->capacity)
        return APERCU_ERROR_CAPACITY;
    while (e->size && e->out[e->size - 1] == 0 && n_read - (e->size - 1) <= RANGE_TAIL)
        e->size--;
    return (int64_t)e->size;
}

typedef struct {
    const uint8_t *data;
    size_t size;    /* bytes */
    size_t pos;     /* bytes read; runs past the end, where zeros are read */
    uint32_t code;  /* v - low, below range */
    uint32_t range; /* as the encoder's */
} range_decoder;

static inline uint32_t range_next_byte(range_decoder *d)
{
    uint32_t byte = d->pos < d->size ? d->data[d->pos] : 0;
    d->pos++;
    return byte;
}

/* `data` may be NULL where size is 0. */
static inline range_decoder range_decoder_at(const uint8_t *data, size_t size)
{
    range_decoder d = {data, size, 0, 0, UINT32_MAX};
    for (int i = 0; i < 4; i++)
        d.code = d.code << 8 | range_next_byte(&d);
    if (d.code == UINT32_MAX) /* which no encoder writes, and which would break code < range */
        d.code--;
    return d;
}

/* Reads a bit of which a 0 has the probability p0 / 65536, p0 from 1 to 65535. */
static inline uint32_t range_get(range_decoder *d, uint32_t p0)
{
    uint32_t bound = (uint32_t)((uint64_t)d->range * p0 >> 16);
    uint32_t bit = d->code >= bound;
    if (bit) {
        d->code -= bound;
        d->range -= bound;
    } else {
        d->range = bound;
    }
    while (d->range < 1u << 24) {
        d->code = d->code << 8 | range_next_byte(d);
        d->range <<= 8;
    }
    return bit;
}

static inline uint32_t range_get_adaptive(range_decoder *d, range_context *c)
{
    uint32_t bit = range_get(d, range_context_p0(c));
    range_context_learn(c, bit);
    return bit;
}

static inline uint32_t range_get_bypass(range_decoder *d)
{
    return range_get(d, RANGE_HALF);
}

/* True once more was read than any sound stream has: the bits since then are made up. May be asked at any time. */
static inline int range_overrun(const range_decoder *d)
{
    return d->pos > d->size && d->pos - d->size > RANGE_TAIL;
}

/* After the last bit: 0, APERCU_ERROR_TRUNCATED, or APERCU_ERROR_CORRUPT where bytes are left over. */
static inline int range_end(const range_decoder *d)
{
    if (range_overrun(d))
        return APERCU_ERROR_TRUNCATED;
    return d->pos < d->size + RANGE_TAIL_LEAST ? APERCU_ERROR_CORRUPT : 0;
}

/* Codes bits[0 .. n-1], each 0 or 1; bit i in context chosen[i], which is below n_contexts, or 65535 for none. `starts`: NULL,
 * or for each context p0, age, fast_shift, slow_shift as range_context_at takes them. `workspace` holds n_contexts contexts.
 * Returns the number of bytes, or APERCU_ERROR_CAPACITY or _ARGUMENT. */
APERCU_API int64_t apercu_range_encode(const uint8_t *bits, const uint16_t *chosen, size_t n, size_t n_contexts,
                                       const uint16_t *starts, range_context *workspace, uint8_t *out, size_t capacity);
/* The inverse: fills bits[0 .. n-1]. Returns 0, or APERCU_ERROR_TRUNCATED, _CORRUPT (bytes left over) or _ARGUMENT. */
APERCU_API int64_t apercu_range_decode(const uint8_t *data, size_t n_data, const uint16_t *chosen, size_t n,
                                       size_t n_contexts, const uint16_t *starts, range_context *workspace,
                                       uint8_t *bits);

#endif
