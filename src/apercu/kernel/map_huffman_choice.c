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
        if (!lengths || !prices[m])
            continue;
        int64_t least = INT64_MAX;
        int32_t towards = nearest > guess ? nearest - 1 : nearest < guess ? nearest + 1 : guess;
        int32_t candidates[3] = {nearest, towards, guess};
        for (int i = 0; i < 3; i++) {
            int32_t residual = candidates[i] - guess;
            uint32_t bits = residual ? bits_of(s, residual) : 0;
            int64_t cost = as_bits(squared((int64_t)a - 256 * (int64_t)candidates[i]), prices[m]);
            cost += residual ? word_cost(lengths, WORD_SYMBOL + 16 * (bits - 1), bits) : end_q8;
            if (cost < least)
                least = cost, *at = (int16_t)candidates[i];
        }
    }
}

/* The symbols of a block of least cost: which maps hold one, by dynamic programming over the last of them, and how large. */
static void choose_block(const scan *s, const size_t *places, size_t n, const uint64_t *reciprocals, const int32_t *prices,
                         const uint8_t *lengths, int32_t end_q8, const int16_t *values, int16_t *symbols)
{
    int64_t zero[MAP_MOST + 1], best[MAP_MOST]; /* cost of zeros before a map; of all up to a symbol */
    uint8_t before[MAP_MOST], at[MAP_MOST];     /* the symbol before it, 255 for none; which maps may hold one */
    uint16_t chosen[MAP_MOST];
    size_t n_at = 0;
    zero[0] = 0;
    for (size_t i = 0; i < n; i++) {
        size_t m = places[i] / s->blocks;
        uint32_t a = map_steps(values[places[i]], reciprocals[m]);
        zero[i + 1] = zero[i] + as_bits(squared(a), prices[m]);
        if (a < HALF_A_STEP)
            continue;
        size_t most = (a + HALF_A_STEP) >> 8;
        best[n_at] = INT64_MAX;
        for (size_t q = most > 1 ? most - 1 : 1; q <= most; q++) {
            uint32_t bits = length_of((uint32_t)q);
            int64_t own = as_bits(squared((int64_t)a - ((int64_t)q << 8)), prices[m]);
            for (size_t j = 0; j <= n_at; j++) { /* after symbol j - 1 */
                size_t from = j ? at[j - 1] + 1u : 0, zeros = i - from;
                int64_t cost = (j ? best[j - 1] : 0) + zero[i] - zero[from] + own;
                cost += (int64_t)(zeros / 16) * word_cost(lengths, WORD_ZEROS, 0);
                cost += word_cost(lengths, WORD_SYMBOL + 16 * (bits - 1) + (uint32_t)zeros % 16, bits);
                if (cost < best[n_at]) {
                    best[n_at] = cost;
                    before[n_at] = (uint8_t)(j ? j - 1 : 255);
                    chosen[n_at] = (uint16_t)q;
                }
            }
        }
        at[n_at++] = (uint8_t)i;
    }
    int64_t least = zero[n] + end_q8;
    size_t last = 255;
    for (size_t j = 0; j < n_at; j++) {
        int64_t cost = best[j] + zero[n] - zero[at[j] + 1] + (at[j] + 1u < n ? end_q8 : 0);
        if (cost < least)
            least = cost, last = j;
    }
    for (size_t i = 0; i < n; i++)
        symbols[places[i]] = 0;
    for (; last != 255; last = before[last]) {
        size_t place = places[at[last]];
        symbols[place] = (int16_t)(values[place] < 0 ? -(int32_t)chosen[last] : (int32_t)chosen[last]);
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
    for (size_t block = 0; block < s.blocks; block++) {
        size_t places[MAP_MOST], n = present(&s, block, symbols, places);
        if (s.kind == MAP_PLAIN && priced) {
            choose_block(&s, places, n, reciprocals, prices, lengths, end_q8, values, symbols);
            continue;
        }
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
