#include "map_huffman.h"
#include "choice.h"
#include "huffman.h"
#include "map_predict.h"

#include <string.h>

enum {
    NO_WORD_Q8 = 17 * 256,  /* what a word that the table lacks is held to cost */
    LESS_THAN_HALF = 96     /* added where a symbol is rounded before it is chosen: 5/8 of a step become one */
};

typedef struct {
    huffman_scratch scratch;
    huffman_encoder code;
    uint8_t lengths[WORDS];
    uint16_t words[WORDS];
} encoder_workspace;

typedef struct {
    huffman_decoder code;
    uint8_t lengths[HUFFMAN_MAX_COUNT];
} decoder_workspace;

int64_t apercu_map_huffman_encoder_workspace(void)
{
    return (int64_t)sizeof(encoder_workspace);
}

int64_t apercu_map_huffman_decoder_workspace(void)
{
    return (int64_t)sizeof(decoder_workspace);
}

/* A scan on its way. */
typedef struct {
    size_t width, blocks, first, end;
    const map_kind *maps;
    int kind;                /* MAP_PLAIN, or that of its only map */
    int choice[MAP_MOST];    /* of each map, the latest count or selector before it; -1: none */
} scan;

static int start_scan(scan *s, size_t height, size_t width, const map_kind *maps, size_t n_maps, size_t first, size_t end)
{
    if (height < 1 || width < 1 || n_maps > MAP_MOST || first >= end || end > n_maps)
        return APERCU_ERROR_ARGUMENT;
    s->width = width;
    s->blocks = height * width;
    s->first = first;
    s->end = end;
    s->maps = maps;
    s->kind = maps[first].kind;
    int choice = -1;
    for (size_t m = 0; m < end; m++) {
        if (maps[m].kind < MAP_PLAIN || maps[m].kind > MAP_SELECTOR)
            return APERCU_ERROR_ARGUMENT;
        if (m >= first && maps[m].kind != MAP_PLAIN && end - first > 1)
            return APERCU_ERROR_ARGUMENT;
        s->choice[m] = choice;
        if (maps[m].kind == MAP_COUNT || maps[m].kind == MAP_SELECTOR)
            choice = (int)m;
    }
    return 0;
}

/* The places in `symbols` of a block's maps that are present; returns their number. */
static inline size_t present(const scan *s, size_t block, const int16_t *symbols, size_t *places)
{
    size_t n = 0;
    for (size_t m = s->first; m < s->end; m++) {
        int32_t chosen = s->choice[m] < 0 ? 0 : symbols[(size_t)s->choice[m] * s->blocks + block];
        if ((uint32_t)s->maps[m].present >> clamp32(chosen, 0, MAP_CHOICES - 1) & 1)
            places[n++] = m * s->blocks + block;
    }
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

/* Sends the words of a scan to `put`, each with its further bits. */
typedef struct {
    uint32_t *frequency; /* to count, or */
    bit_writer *writer;  /* to write */
    const huffman_encoder *code;
    uint64_t ended;      /* blocks that hold nothing more */
} sink;

static inline void put_word(sink *to, uint32_t word, uint32_t bits, uint32_t n_bits)
{
    if (to->frequency) {
        to->frequency[word]++;
    } else {
        huffman_put(to->writer, to->code, (int32_t)word);
        put_bits(to->writer, bits, n_bits);
    }
}

static void put_ends(sink *to, uint32_t run)
{
    uint32_t n = length_of(run) - 1;
    put_word(to, n, run - (1u << n), n);
}

static void walk_scan(const scan *s, const int16_t *symbols, sink *to)
{
    uint32_t run = 0;
    for (size_t block = 0; block < s->blocks; block++) {
        size_t places[MAP_MOST], n = present(s, block, symbols, places), last = n;
        int32_t numbers[MAP_MOST];
        for (size_t i = 0; i < n; i++)
            numbers[i] = symbols[places[i]] - guess_of(s, block, symbols + places[i]);
        while (last && numbers[last - 1] == 0)
            last--;
        if (last && run) {
            put_ends(to, run);
            run = 0;
        }
        uint32_t zeros = 0;
        for (size_t i = 0; i < last; i++) {
            if (numbers[i] == 0) {
                zeros++;
                continue;
            }
            for (; zeros >= 16; zeros -= 16)
                put_word(to, WORD_ZEROS, 0, 0);
            uint32_t size = (uint32_t)(numbers[i] < 0 ? -numbers[i] : numbers[i]), bits = bits_of(s, numbers[i]);
            uint32_t extra = extra_of(s, bits), low = extra ? size - (1u << (bits - 1)) : 0;
            if (extra == bits)
                low |= (uint32_t)(numbers[i] < 0) << (bits - 1);
            put_word(to, WORD_SYMBOL + 16 * (bits - 1) + zeros, low, extra);
            zeros = 0;
        }
        if (last < n) {
            to->ended++;
            if (++run == (1u << WORD_ENDS) - 1) {
                put_ends(to, run);
                run = 0;
            }
        }
    }
    if (run)
        put_ends(to, run);
}

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

int64_t apercu_map_huffman_count(size_t height, size_t width, const map_kind *maps, size_t n_maps, size_t first,
                                 size_t end, const int16_t *symbols, uint32_t *frequency)
{
    scan s;
    if (start_scan(&s, height, width, maps, n_maps, first, end))
        return APERCU_ERROR_ARGUMENT;
    sink to = {frequency, NULL, NULL, 0};
    walk_scan(&s, symbols, &to);
    return (int64_t)to.ended;
}

int64_t apercu_map_huffman_plan(const uint32_t *frequency, void *workspace, size_t n_workspace, uint8_t *lengths,
                                uint8_t *out, size_t capacity, uint64_t n_bits)
{
    if (n_workspace < sizeof(encoder_workspace))
        return APERCU_ERROR_CAPACITY;
    encoder_workspace *ws = workspace;
    uint32_t lo = 0, end = WORDS;
    while (lo + 1 < WORDS && !frequency[lo])
        lo++;
    while (end > lo + 1 && !frequency[end - 1])
        end--;
    memset(lengths, 0, WORDS);
    huffman_plan(&ws->code, (int32_t)lo, end - lo, frequency + lo, ws->lengths, ws->words, &ws->scratch);
    for (uint32_t i = lo; i < end; i++)
        lengths[i] = (uint8_t)(ws->code.listed ? ws->lengths[i - lo] : ws->code.flat_bits);
    bit_writer w = bit_writer_at(out, capacity, n_bits);
    huffman_put_table(&w, &ws->code);
    return w.overflow ? APERCU_ERROR_CAPACITY : (int64_t)w.n_bits;
}

int64_t apercu_map_huffman_put(size_t height, size_t width, const map_kind *maps, size_t n_maps, size_t first, size_t end,
                               const int16_t *symbols, const void *workspace, size_t n_workspace, uint8_t *out,
                               size_t capacity, uint64_t n_bits)
{
    scan s;
    if (start_scan(&s, height, width, maps, n_maps, first, end))
        return APERCU_ERROR_ARGUMENT;
    if (n_workspace < sizeof(encoder_workspace))
        return APERCU_ERROR_CAPACITY;
    bit_writer w = bit_writer_at(out, capacity, n_bits);
    sink to = {NULL, &w, &((const encoder_workspace *)workspace)->code, 0};
    walk_scan(&s, symbols, &to);
    return w.overflow ? APERCU_ERROR_CAPACITY : (int64_t)w.n_bits;
}

int64_t apercu_map_huffman_get_table(const uint8_t *data, size_t n_data, uint64_t n_bits, void *workspace,
                                     size_t n_workspace)
{
    if (n_workspace < sizeof(decoder_workspace))
        return APERCU_ERROR_CAPACITY;
    decoder_workspace *ws = workspace;
    bit_reader r = {data, n_data, n_bits};
    int fault = huffman_get_table(&r, &ws->code, ws->lengths);
    return fault ? fault : (int64_t)r.pos;
}

int64_t apercu_map_huffman_get(size_t height, size_t width, const map_kind *maps, size_t n_maps, size_t first, size_t end,
                               const void *workspace, size_t n_workspace, const uint8_t *data, size_t n_data,
                               uint64_t n_bits, int16_t *symbols)
{
    scan s;
    if (start_scan(&s, height, width, maps, n_maps, first, end))
        return APERCU_ERROR_ARGUMENT;
    if (n_workspace < sizeof(decoder_workspace))
        return APERCU_ERROR_CAPACITY;
    const huffman_decoder *code = &((const decoder_workspace *)workspace)->code;
    bit_reader r = {data, n_data, n_bits};
    uint32_t run = 0;
    for (size_t block = 0; block < s.blocks; block++) {
        size_t places[MAP_MOST], n = present(&s, block, symbols, places);
        size_t i = 0;
        while (i < n && !run) {
            int32_t word = huffman_get(&r, code);
            if (word < 0 || word >= WORDS)
                return APERCU_ERROR_CORRUPT;
            if (word < WORD_ENDS) {
                run = (1u << word) + get_bits(&r, (unsigned)word);
            } else if (word == WORD_ZEROS) {
                i += 16;
            } else {
                uint32_t bits = (uint32_t)(word - WORD_SYMBOL) / 16 + 1, extra = extra_of(&s, bits);
                i += (uint32_t)(word - WORD_SYMBOL) % 16;
                if (i >= n)
                    return APERCU_ERROR_CORRUPT;
                uint32_t low = get_bits(&r, extra), size = bits;
                if (s.kind == MAP_SELECTOR && size >= MAP_CHOICES)
                    return APERCU_ERROR_CORRUPT;
                if (s.kind != MAP_SELECTOR)
                    size = 1u << (bits - 1) | (low & ((1u << (bits - 1)) - 1));
                int negative = extra == bits && low >> (bits - 1);
                int32_t symbol = guess_of(&s, block, symbols + places[i]) + (negative ? -(int32_t)size : (int32_t)size);
                if (symbol < -MAP_LARGEST_VALUE || symbol > MAP_LARGEST_VALUE)
                    return APERCU_ERROR_CORRUPT;
                symbols[places[i++]] = (int16_t)symbol;
            }
            if (bits_overrun(&r))
                return APERCU_ERROR_TRUNCATED;
        }
        if (i > n)
            return APERCU_ERROR_CORRUPT;
        if (i < n)
            run--;
        for (; s.kind == MAP_PREDICTED && i < n; i++)
            symbols[places[i]] = (int16_t)guess_of(&s, block, symbols + places[i]);
    }
    return run ? APERCU_ERROR_CORRUPT : bits_overrun(&r) ? APERCU_ERROR_TRUNCATED : (int64_t)r.pos;
}
