/* Canonical Huffman codes over a run of consecutive integers, with their tables in the stream. */
#ifndef APERCU_HUFFMAN_H
#define APERCU_HUFFMAN_H

#include "bits.h"

enum {
    HUFFMAN_MAX_LENGTH = 16,   /* bits of the longest code word */
    HUFFMAN_MAX_COUNT = 32768, /* symbols of one table; symbols are int16 */
    HUFFMAN_FAST_BITS = 9
};

/* A code ready for writing, of the symbols lo .. lo + count - 1: flat, that is all words `flat_bits` long (none at all for a single
 * symbol), or listed, with `n` entries in `length` and `code`. An entry is of lo + its place; or of the symbol in `symbols`, which
 * ascend, where that is not NULL: so a wide range takes no more than the symbols that are used. */
typedef struct {
    int32_t lo;
    uint32_t count, n;
    const int16_t *symbols;
    int listed;
    uint32_t flat_bits;
    uint32_t *frequency;
    uint8_t *length;
    uint16_t *code;
    uint64_t cost; /* bits of the table and of all symbols together */
} huffman_encoder;

/* Scratch of huffman_plan, for as many entries as a code has. */
typedef struct {
    uint32_t *node;
    uint16_t *order;
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

/* Sorts numbers, or places of `by` by what is there. */
void huffman_sort(uint16_t *a, uint32_t n, const uint32_t *by);
/* The entry of a symbol among `symbols`; where it has none, another or `n`. */
uint32_t huffman_find(const huffman_encoder *h, int32_t symbol);
/* Chooses the cheaper kind of table for the frequencies, of which the first and the last are not zero. */
void huffman_plan(huffman_encoder *h, const huffman_scratch *scratch);
void huffman_put_table(bit_writer *w, const huffman_encoder *h);
/* Returns 0 or an error. */
int huffman_get_table(bit_reader *r, huffman_decoder *h, uint8_t *length_scratch);

static inline int32_t huffman_symbol(const huffman_encoder *h, uint32_t entry)
{
    return h->symbols ? h->symbols[entry] : h->lo + (int32_t)entry;
}

/* The entry of a symbol of lo .. lo + count - 1; see huffman_find. */
static inline uint32_t huffman_entry(const huffman_encoder *h, int32_t symbol)
{
    return h->symbols ? huffman_find(h, symbol) : (uint32_t)(symbol - h->lo);
}

static inline void huffman_put(bit_writer *w, const huffman_encoder *h, int32_t symbol)
{
    if (h->listed) {
        uint32_t i = huffman_entry(h, symbol);
        put_bits(w, h->code[i], h->length[i]);
    } else {
        put_bits(w, (uint32_t)(symbol - h->lo), h->flat_bits);
    }
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
