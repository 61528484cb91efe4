/* An encoder's choice of the symbols of a scan, for rate and distortion together, against the lengths of Huffman codes. */
#include "map_scan.h"

enum {
    NO_WORD_Q8 = 17 * 256, /* what a word that the table lacks is held to cost */
    LESS_THAN_HALF = 96    /* added where a symbol is rounded before it is chosen: 5/8 of a step become one */
};

/* The cost of a word in 1/256 bit, with the bits that follow it. */
static inline int64_t word_cost(const uint8_t *lengths, uint32_t word, uint32_t extra)
{
    return (lengths[word] ? lengths[word] * 256 : NO_WORD_Q8) + extra * 256;
}

/* Squared error in 2^-16 squared steps as 1/256 bits. */
static inline int64_t as_bits(int64_t error, int64_t price)
{
    return error / price;
}

/* The residuals of a predicted map, one after the other. */
static void choose_predicted(const scan *s, const uint64_t *reciprocals, const int32_t *prices, const uint8_t *lengths,
                             int32_t end_q8, const int16_t *values, int16_t *symbols)
{
    size_t m = s->first;
    for (size_t block = 0; block < s->blocks; block++) {
        size_t place, n = present(s, block, symbols, &place);
        if (!n)
            continue;
        int16_t *at = symbols + place;
        int32_t guess = guess_of(s, block, at), value = values[place], a = (int32_t)map_steps(value, reciprocals[m]);
        a = value < 0 ? -a : a;
        int32_t nearest = clamp32(floor_shift32(a + HALF_A_STEP, 8), -MAP_LARGEST_VALUE, MAP_LARGEST_VALUE);
        *at = (int16_t)nearest;
        if (!lengths || !prices[m] || nearest == guess)
            continue;
        int64_t least = INT64_MAX;
        int32_t towards = nearest > guess ? nearest - 1 : nearest < guess ? nearest + 1 : guess;
        int32_t candidates[3] = {nearest, towards, guess};
        for (int i = 0; i < (towards == guess ? 2 : 3); i++) {
            int32_t residual = candidates[i] - guess;
            uint32_t bits = residual ? bits_of(s, residual) : 0;
            int64_t cost = as_bits(squared((int64_t)a - 256 * (int64_t)candidates[i]), prices[m]);
            cost += residual ? word_cost(lengths, WORD_SYMBOL + 16 * (bits - 1), bits) : end_q8;
            if (cost < least)
                least = cost, *at = (int16_t)candidates[i];
        }
    }
}

/* The symbols of a block of least cost: which of its maps hold one, by dynamic programming over the last of them, and how
 * large. `may`: the maps that may, and how many 1/256 steps they hold. Costs are those beyond what a block of zeros costs. */
static void choose_block(const scan *s, size_t block, size_t n_maps, const block_numbers *may, const int32_t *prices,
                         const uint8_t *lengths, int32_t end_q8, const int16_t *values, int16_t *symbols)
{
    int64_t best[MAP_MOST], least = end_q8; /* of all up to a symbol; of the block */
    uint8_t before[MAP_MOST], last = 255;   /* the symbol before it, 255 for none */
    uint16_t chosen[MAP_MOST];
    for (size_t k = 0; k < may->n; k++) {
        int32_t price = prices[may->map[k]];
        uint32_t a = (uint32_t)may->number[k], at = may->at[k], most = (a + HALF_A_STEP) >> 8;
        int64_t of_zero = as_bits(squared(a), price);
        best[k] = INT64_MAX;
        for (uint32_t q = most > 1 ? most - 1 : 1; q <= most; q++) {
            uint32_t bits = length_of(q);
            int64_t own = as_bits(squared((int64_t)a - ((int64_t)q << 8)), price) - of_zero;
            for (size_t j = 0; j <= k; j++) { /* after symbol j - 1 */
                uint32_t zeros = j ? at - may->at[j - 1] - 1u : at;
                int64_t cost = (j ? best[j - 1] : 0) + own + (int64_t)(zeros / 16) * word_cost(lengths, WORD_ZEROS, 0);
                cost += word_cost(lengths, WORD_SYMBOL + 16 * (bits - 1) + zeros % 16, bits);
                if (cost < best[k]) {
                    best[k] = cost;
                    before[k] = (uint8_t)(j ? j - 1 : 255);
                    chosen[k] = (uint16_t)q;
                }
            }
        }
        int64_t cost = best[k] + (at + 1 < n_maps ? end_q8 : 0);
        if (cost < least)
            least = cost, last = (uint8_t)k;
    }
    for (; last != 255; last = before[last]) {
        size_t place = may->map[last] * s->blocks + block;
        symbols[place] = (int16_t)(values[place] < 0 ? -(int32_t)chosen[last] : (int32_t)chosen[last]);
    }
}

/* The symbols of plain maps, each block by itself. */
static void choose_plain(const scan *s, const uint64_t *reciprocals, const int32_t *prices, const uint8_t *lengths,
                         int32_t end_q8, const int16_t *values, int16_t *symbols)
{
    block_numbers may[BLOCKS_AT_ONCE];
    uint8_t n_maps[BLOCKS_AT_ONCE];
    for (size_t start = 0; start < s->blocks; start += BLOCKS_AT_ONCE) {
        size_t n = s->blocks - start < BLOCKS_AT_ONCE ? s->blocks - start : BLOCKS_AT_ONCE;
        for (size_t b = 0; b < n; b++)
            n_maps[b] = 0, may[b].n = 0;
        for (size_t m = s->first; m < s->end; m++) {
            const int16_t *from = values + m * s->blocks + start;
            int16_t *to = symbols + m * s->blocks + start;
            int32_t least = (int32_t)(((((uint64_t)HALF_A_STEP << 26) - 1) / reciprocals[m]) + 1); /* that may become one */
            int none = s->everywhere && all_below(from, n, least);
            for (size_t b = 0; none && b < n; b++)
                n_maps[b]++, to[b] = 0;
            for (size_t b = 0; !none && b < n; b++) {
                if (!has_map(s, start + b, m, symbols))
                    continue;
                uint32_t a = map_steps(from[b], reciprocals[m]);
                add_number(&may[b], n_maps[b]++, m, a < HALF_A_STEP ? 0 : (int32_t)a);
                to[b] = 0;
            }
        }
        for (size_t b = 0; b < n; b++)
            choose_block(s, start + b, n_maps[b], &may[b], prices, lengths, end_q8, values, symbols);
    }
}

int64_t apercu_map_huffman_choose(size_t height, size_t width, const map_kind *maps, size_t n_maps, size_t first,
                                  size_t end, const int32_t *steps_q6, const int32_t *prices, const uint8_t *lengths,
                                  int32_t end_q8, const int16_t *values, int16_t *symbols)
{
    scan s;
    uint64_t reciprocals[MAP_MOST];
    if (start_scan(&s, height, width, maps, n_maps, first, end) || end_q8 < 0)
        return APERCU_ERROR_ARGUMENT;
    inherit(&s, symbols);
    int priced = lengths != NULL;
    for (size_t m = first; m < end; m++) {
        if (steps_q6[m] < 1 || prices[m] < 0 || prices[m] > 65535)
            return APERCU_ERROR_ARGUMENT;
        reciprocals[m] = ((uint64_t)1 << 40) / (uint32_t)steps_q6[m];
        priced &= prices[m] > 0;
    }
    if (s.kind == MAP_PREDICTED) {
        choose_predicted(&s, reciprocals, prices, lengths, end_q8, values, symbols);
        return 0;
    }
    if (s.kind == MAP_PLAIN && priced) {
        choose_plain(&s, reciprocals, prices, lengths, end_q8, values, symbols);
        return 0;
    }
    for (size_t block = 0; block < s.blocks; block++) {
        size_t places[MAP_MOST], n = present(&s, block, symbols, places);
        for (size_t i = 0; i < n; i++) {
            int32_t value = values[places[i]], most = s.kind == MAP_SELECTOR ? MAP_CHOICES - 1 : MAP_LARGEST_VALUE;
            size_t m = places[i] / s.blocks;
            int32_t size = (int32_t)((map_steps(value, reciprocals[m]) + (prices[m] ? LESS_THAN_HALF : HALF_A_STEP)) >> 8);
            if (s.kind == MAP_PLAIN)
                value = value < 0 ? -size : size;
            symbols[places[i]] = (int16_t)clamp32(value, s.kind == MAP_PLAIN ? -most : 0, most);
        }
    }
    return 0;
}
