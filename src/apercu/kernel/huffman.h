/* Canonical Huffman codes over a run of consecutive integers, with their tables in the stream. */
#ifndef APERCU_HUFFMAN_H
#define APERCU_HUFFMAN_H

#include "bits.h"

enum {
    HUFFMAN_MAX_LENGTH = 16,   /* bits of the longest code word */
    HUFFMAN_MAX_COUNT = 32768, /* symbols of one table; symbols are int16 */
    HUFFMAN_FAST_BITS = 9
};

/* A code ready for writing: flat, that is all words `flat_bits` long (none at all for a single symbol), or listed,
 * with `count` entries in `length` and `code`. */
typedef struct {
    int32_t lo;
    uint32_t count;
    int listed;
    uint32_t flat_bits;
    uint8_t *length;
    uint16_t *code;
    uint64_t cost; /* bits of the table and of all symbols together */
} huffman_encoder;

/* Scratch of huffman_plan, for up to HUFFMAN_MAX_COUNT symbols. */
typedef struct {
    uint64_t key[HUFFMAN_MAX_COUNT];
    uint32_t node[HUFFMAN_MAX_COUNT];
} huffman_scratch;

/* A code ready for reading. */
typedef struct {
    int32_t lo;
    int listed;
    uint32_t flat_bits;
    uint32_t first[HUFFMAN_MAX_LENGTH + 1];  /* first code word of each length, left-aligned to 32 bits */
    uint32_t offset[HUFFMAN_MAX_LENGTH + 1]; /* where that length's symbols begin in `sorted` */
    uint32_t longest;
    uint32_t fast[1 << HUFFMAN_FAST_BITS]; /* symbol << 8 | length, or 0 where the code word is longer */
    uint16_t sorted[HUFFMAN_MAX_COUNT];
} huffman_decoder;

/* Chooses the cheaper kind of table for these frequencies of lo .. lo + count - 1. */
void huffman_plan(huffman_encoder *h, int32_t lo, uint32_t count, const uint32_t *frequency, uint8_t *length,
                  uint16_t *code, huffman_scratch *scratch);
void huffman_put_table(bit_writer *w, const huffman_encoder *h);
/* Returns 0 or an error. */
int huffman_get_table(bit_reader *r, huffman_decoder *h, uint8_t *length_scratch);

static inline void huffman_put(bit_writer *w, const huffman_encoder *h, int32_t symbol)
{
    uint32_t i = (uint32_t)(symbol - h->lo);
    if (h->listed)
        put_bits(w, h->code[i], h->length[i]);
    else
        put_bits(w, i, h->flat_bits);
}

static inline int32_t huffman_get(bit_reader *r, const huffman_decoder *h)
{
    if (!h->listed)
        return h->lo + (int32_t)get_bits(r, h->flat_bits);
    uint32_t word = peek32(r);
    uint32_t entry = h->fast[word >> (32 - HUFFMAN_FAST_BITS)];
    if (entry) {
        r->pos += entry & 255;
        return h->lo + (int32_t)(entry >> 8);
    }
    /* The code is complete, so some length fits; canonical words of one length are consecutive. */
    unsigned n = HUFFMAN_FAST_BITS + 1;
    while (n < h->longest && word >= h->first[n + 1])
        n++;
    r->pos += n;
    return h->lo + (int32_t)h->sorted[h->offset[n] + ((word - h->first[n]) >> (32 - n))];
}

#endif
