#include "huffman.h"
#include "map_scan.h"

#include <string.h>

typedef struct {
    huffman_encoder code;
    uint32_t frequency[WORDS], node[WORDS];
    uint16_t words[WORDS], order[WORDS];
    uint8_t lengths[WORDS];
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

static void walk_block(const scan *s, size_t n_maps, const block_numbers *of, sink *to, uint32_t *run)
{
    if (of->n && *run) {
        put_ends(to, *run);
        *run = 0;
    }
    uint32_t from = 0;
    for (size_t k = 0; k < of->n; k++) {
        int32_t number = of->number[k];
        uint32_t zeros = of->at[k] - from;
        for (; zeros >= 16; zeros -= 16)
            put_word(to, WORD_ZEROS, 0, 0);
        uint32_t size = (uint32_t)(number < 0 ? -number : number), bits = bits_of(s, number);
        uint32_t extra = extra_of(s, bits), low = extra ? size - (1u << (bits - 1)) : 0;
        if (extra == bits)
            low |= (uint32_t)(number < 0) << (bits - 1);
        put_word(to, WORD_SYMBOL + 16 * (bits - 1) + zeros, low, extra);
        from = of->at[k] + 1u;
    }
    if (from < n_maps) {
        to->ended++;
        if (++*run == (1u << WORD_ENDS) - 1) {
            put_ends(to, *run);
            *run = 0;
        }
    }
}

static void walk_scan(const scan *s, const int16_t *symbols, sink *to)
{
    uint32_t run = 0;
    block_numbers of[BLOCKS_AT_ONCE];
    uint8_t n_maps[BLOCKS_AT_ONCE];
    for (size_t start = 0; start < s->blocks; start += BLOCKS_AT_ONCE) {
        size_t n = s->blocks - start < BLOCKS_AT_ONCE ? s->blocks - start : BLOCKS_AT_ONCE;
        for (size_t b = 0; b < n; b++)
            n_maps[b] = 0, of[b].n = 0;
        for (size_t m = s->first; m < s->end; m++) {
            const int16_t *at = symbols + m * s->blocks + start;
            int none = s->everywhere && s->kind != MAP_PREDICTED && all_below(at, n, 1);
            for (size_t b = 0; none && b < n; b++)
                n_maps[b]++;
            for (size_t b = 0; !none && b < n; b++)
                if (has_map(s, start + b, m, symbols))
                    add_number(&of[b], n_maps[b]++, m, at[b] - guess_of(s, start + b, at + b));
        }
        for (size_t b = 0; b < n; b++)
            walk_block(s, n_maps[b], &of[b], to, &run);
    }
    if (run)
        put_ends(to, run);
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

/* The words from the first to the last that is used. */
static void plan_words(encoder_workspace *ws, const uint32_t *frequency)
{
    uint32_t lo = 0, end = WORDS;
    while (lo + 1 < WORDS && !frequency[lo])
        lo++;
    while (end > lo + 1 && !frequency[end - 1])
        end--;
    huffman_scratch scratch = {ws->node, ws->order};
    huffman_encoder code = {(int32_t)lo, end - lo, end - lo, NULL, 0, 0, ws->frequency, ws->lengths, ws->words, 0};
    memcpy(ws->frequency, frequency + lo, (end - lo) * sizeof *frequency);
    ws->code = code;
    huffman_plan(&ws->code, &scratch);
}

int64_t apercu_map_huffman_plan(const uint32_t *frequency, void *workspace, size_t n_workspace, uint8_t *lengths,
                                uint8_t *out, size_t capacity, uint64_t n_bits)
{
    if (n_workspace < sizeof(encoder_workspace))
        return APERCU_ERROR_CAPACITY;
    encoder_workspace *ws = workspace;
    plan_words(ws, frequency);
    memset(lengths, 0, WORDS);
    for (uint32_t i = 0; i < ws->code.count; i++)
        lengths[(uint32_t)ws->code.lo + i] = (uint8_t)(ws->code.listed ? ws->lengths[i] : ws->code.flat_bits);
    bit_writer w = bit_writer_at(out, capacity, n_bits);
    huffman_put_table(&w, &ws->code);
    return w.overflow ? APERCU_ERROR_CAPACITY : (int64_t)w.n_bits;
}

int64_t apercu_map_huffman_put(size_t height, size_t width, const map_kind *maps, size_t n_maps, size_t first, size_t end,
                               const int16_t *symbols, const uint32_t *frequency, void *workspace, size_t n_workspace,
                               uint8_t *out, size_t capacity, uint64_t n_bits)
{
    scan s;
    if (start_scan(&s, height, width, maps, n_maps, first, end))
        return APERCU_ERROR_ARGUMENT;
    if (n_workspace < sizeof(encoder_workspace))
        return APERCU_ERROR_CAPACITY;
    encoder_workspace *ws = workspace;
    plan_words(ws, frequency);
    bit_writer w = bit_writer_at(out, capacity, n_bits);
    sink to = {NULL, &w, &ws->code, 0};
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

/* The fault of what was read: past the end of the data it means nothing. */
static int64_t corrupt(const bit_reader *r)
{
    return bits_overrun(r) ? APERCU_ERROR_TRUNCATED : APERCU_ERROR_CORRUPT;
}

int64_t apercu_map_huffman_get(size_t height, size_t width, const map_kind *maps, size_t n_maps, size_t first, size_t end,
                               const uint8_t *data, size_t n_data, uint64_t table_at, uint64_t n_bits, void *workspace,
                               size_t n_workspace, int16_t *symbols)
{
    scan s;
    if (start_scan(&s, height, width, maps, n_maps, first, end))
        return APERCU_ERROR_ARGUMENT;
    int64_t fault = apercu_map_huffman_get_table(data, n_data, table_at, workspace, n_workspace);
    if (fault < 0)
        return fault;
    const huffman_decoder *code = &((const decoder_workspace *)workspace)->code;
    bit_reader r = {data, n_data, n_bits};
    inherit(&s, symbols);
    uint32_t run = 0;
    for (size_t block = 0; block < s.blocks; block++) {
        if (run && s.everywhere && s.kind != MAP_PREDICTED) { /* most blocks, in little time */
            run--;
            continue;
        }
        size_t places[MAP_MOST], n = present(&s, block, symbols, places), i = 0;
        while (i < n && !run) {
            int32_t word = huffman_get(&r, code);
            if (word < 0 || word >= WORDS)
                return corrupt(&r);
            if (word < WORD_ENDS) {
                run = (1u << word) + get_bits(&r, (unsigned)word);
            } else if (word == WORD_ZEROS) {
                i += 16;
            } else {
                uint32_t bits = (uint32_t)(word - WORD_SYMBOL) / 16 + 1, extra = extra_of(&s, bits);
                i += (uint32_t)(word - WORD_SYMBOL) % 16;
                if (i >= n)
                    return corrupt(&r);
                uint32_t low = get_bits(&r, extra), size = bits;
                if (s.kind == MAP_SELECTOR && size >= MAP_CHOICES)
                    return corrupt(&r);
                if (s.kind != MAP_SELECTOR)
                    size = 1u << (bits - 1) | (low & ((1u << (bits - 1)) - 1));
                int negative = extra == bits && low >> (bits - 1);
                int32_t symbol = guess_of(&s, block, symbols + places[i]) + (negative ? -(int32_t)size : (int32_t)size);
                if (symbol < -MAP_LARGEST_VALUE || symbol > MAP_LARGEST_VALUE)
                    return corrupt(&r);
                symbols[places[i++]] = (int16_t)symbol;
            }
            if (bits_overrun(&r))
                return APERCU_ERROR_TRUNCATED;
        }
        if (i > n)
            return corrupt(&r);
        if (i < n)
            run--;
        for (; s.kind == MAP_PREDICTED && i < n; i++)
            symbols[places[i]] = (int16_t)guess_of(&s, block, symbols + places[i]);
    }
    return run || bits_overrun(&r) ? corrupt(&r) : (int64_t)r.pos;
}
