/* A scan of maps, block by block (spec/symbol_maps.md, "Huffman"). */
#ifndef APERCU_MAP_SCAN_H
#define APERCU_MAP_SCAN_H

#include "choice.h"
#include "map_huffman.h"
#include "map_predict.h"

typedef struct {
    size_t width, blocks, first, end;
    const map_kind *maps;
    int kind;                /* MAP_PLAIN, or that of its only map */
    int everywhere;          /* whether every block has all its maps */
    int choice[MAP_MOST];    /* of each map, the latest count or selector before it; -1: none */
} scan;

static inline int start_scan(scan *s, size_t height, size_t width, const map_kind *maps, size_t n_maps, size_t first, size_t end)
{
    if (height < 1 || width < 1 || height > MAP_MOST_BLOCKS || width > MAP_MOST_BLOCKS || n_maps > MAP_MOST || first >= end || end > n_maps)
        return APERCU_ERROR_ARGUMENT;
    s->width = width;
    s->blocks = height * width;
    s->first = first;
    s->end = end;
    s->maps = maps;
    s->kind = maps[first].kind;
    int choice = -1;
    s->everywhere = 1;
    for (size_t m = 0; m < end; m++) {
        if (maps[m].kind < MAP_PLAIN || maps[m].kind > MAP_SELECTOR)
            return APERCU_ERROR_ARGUMENT;
        if (m >= first && maps[m].kind != MAP_PLAIN && end - first > 1)
            return APERCU_ERROR_ARGUMENT;
        s->choice[m] = choice;
        s->everywhere &= m < first || maps[m].present == -1;
        if (maps[m].kind == MAP_COUNT || maps[m].kind == MAP_SELECTOR)
            choice = (int)m;
    }
    return 0;
}

/* Blocks that are looked at together, map by map: their numbers in a map lie beside each other. */
enum { BLOCKS_AT_ONCE = 32 };

/* The numbers of a block that are not 0: which of its maps they belong to, counted from its first, and as `maps` has it. */
typedef struct {
    size_t n;
    uint8_t at[MAP_MOST], map[MAP_MOST];
    int32_t number[MAP_MOST];
} block_numbers;

static inline void add_number(block_numbers *to, uint8_t at, size_t m, int32_t number)
{
    to->at[to->n] = at;
    to->map[to->n] = (uint8_t)m;
    to->number[to->n] = number;
    to->n += number != 0;
}

/* Whether all of n values are smaller than this. */
static inline int all_below(const int16_t *values, size_t n, int32_t end)
{
    int32_t reached = 0;
    for (size_t i = 0; i < n; i++)
        reached |= (values[i] >= end) | (values[i] <= -end);
    return !reached;
}

static inline int32_t choice_of(const scan *s, size_t block, size_t m, const int16_t *symbols)
{
    int32_t chosen = s->choice[m] < 0 ? 0 : symbols[(size_t)s->choice[m] * s->blocks + block];
    return clamp32(chosen, 0, MAP_CHOICES - 1);
}

static inline int has_map(const scan *s, size_t block, size_t m, const int16_t *symbols)
{
    return (uint32_t)s->maps[m].present >> choice_of(s, block, m, symbols) & 1;
}

/* The symbols of a count in blocks that do not have it: what was chosen before. */
static inline void inherit(const scan *s, int16_t *symbols)
{
    if (s->kind != MAP_COUNT || s->everywhere)
        return;
    for (size_t block = 0; block < s->blocks; block++)
        if (!has_map(s, block, s->first, symbols))
            symbols[s->first * s->blocks + block] = (int16_t)choice_of(s, block, s->first, symbols);
}

/* The places in `symbols` of a block's maps that are present; returns their number. */
static inline size_t present(const scan *s, size_t block, const int16_t *symbols, size_t *places)
{
    size_t n = 0;
    for (size_t m = s->first; m < s->end; m++)
        if (has_map(s, block, m, symbols))
            places[n++] = m * s->blocks + block;
    return n;
}

static inline int32_t guess_of(const scan *s, size_t block, const int16_t *at)
{
    return s->kind == MAP_PREDICTED ? predict(at, block % s->width, block / s->width, s->width).guess : 0;
}

/* Bits of a number other than 0, and the word for it; a choice has no bits but its word. */
static inline uint32_t bits_of(const scan *s, int32_t number)
{
    uint32_t size = (uint32_t)(number < 0 ? -number : number);
    return s->kind == MAP_SELECTOR ? size : length_of(size);
}

static inline uint32_t extra_of(const scan *s, uint32_t bits)
{
    return s->kind == MAP_SELECTOR ? 0 : s->kind == MAP_COUNT ? bits - 1 : bits;
}

#endif
