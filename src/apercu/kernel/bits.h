/* Bit output and input, most significant bit first, resumable at any bit of a buffer. */
#ifndef APERCU_BITS_H
#define APERCU_BITS_H

#include "api.h"

typedef struct {
    uint8_t *out;    /* NULL: only count the bits */
    size_t capacity; /* bytes */
    uint64_t n_bits; /* written so far */
    int overflow;    /* set once a bit did not fit */
} bit_writer;

/* A writer that goes on at bit `n_bits` of `out`; the bits before it are kept. */
static inline bit_writer bit_writer_at(uint8_t *out, size_t capacity, uint64_t n_bits)
{
    bit_writer w = {out, capacity, n_bits, 0};
    return w;
}

/* Writes the low `n` bits of `value`, n from 0 to 32; higher bits of `value` must be zero. */
static inline void put_bits(bit_writer *w, uint32_t value, unsigned n)
{
    uint64_t at = w->n_bits;
    w->n_bits += n;
    if (w->out == NULL || n == 0)
        return;
    if ((w->n_bits + 7) / 8 > w->capacity) {
        w->overflow = 1;
        return;
    }
    size_t byte = (size_t)(at / 8);
    unsigned used = (unsigned)(at % 8);
    /* 5 bytes hold any 32 bits at any of 8 offsets. */
    uint64_t word = (uint64_t)value << (40 - used - n);
    if (used == 0)
        w->out[byte] = 0;
    w->out[byte] |= (uint8_t)(word >> 32);
    for (unsigned done = 8; done < used + n; done += 8)
        w->out[++byte] = (uint8_t)(word >> (32 - done));
}

typedef struct {
    const uint8_t *data;
    size_t size;  /* bytes */
    uint64_t pos; /* in bits; may run past the end, where zeros are read: see bits_overrun */
} bit_reader;

/* The next 32 bits, left-aligned reading position kept; zeros stand past the end. */
static inline uint32_t peek32(const bit_reader *r)
{
    size_t byte = (size_t)(r->pos / 8);
    unsigned used = (unsigned)(r->pos % 8);
    uint64_t word = 0;
    if (byte + 5 <= r->size) {
        const uint8_t *p = r->data + byte;
        word = (uint64_t)p[0] << 32 | (uint64_t)p[1] << 24 | (uint64_t)p[2] << 16 | (uint64_t)p[3] << 8 | p[4];
    } else {
        for (unsigned i = 0; i < 5; i++)
            word = word << 8 | (byte + i < r->size ? r->data[byte + i] : 0u);
    }
    return (uint32_t)(word >> (8 - used));
}

/* Reads `n` bits, n from 0 to 32. */
static inline uint32_t get_bits(bit_reader *r, unsigned n)
{
    uint32_t value = n ? peek32(r) >> (32 - n) : 0;
    r->pos += n;
    return value;
}

static inline int bits_overrun(const bit_reader *r)
{
    return r->pos > (uint64_t)r->size * 8;
}

/* Exponential Golomb code of order k, k at most 8, of a value below 2^20: value + 2^k in binary, preceded by one zero
 * for every bit that it has beyond k + 1. */
static inline void put_exp_golomb(bit_writer *w, uint32_t value, unsigned k)
{
    uint32_t v = value + (1u << k);
    unsigned n = 0;
    while (v >> n)
        n++;
    put_bits(w, 0, n - k - 1);
    put_bits(w, v, n);
}

/* Returns the value, or -1 where more than 20 zeros lead. */
static inline int32_t get_exp_golomb(bit_reader *r, unsigned k)
{
    unsigned zeros = 0;
    while (zeros <= 20 && get_bits(r, 1) == 0)
        zeros++;
    if (zeros > 20)
        return -1;
    return (int32_t)((1u << (zeros + k) | get_bits(r, zeros + k)) - (1u << k));
}

#endif
