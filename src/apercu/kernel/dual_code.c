/* Groups and symbols of the dual autoencoder to bits and back (spec/taha2025.md, "Segment"). */
#include "dual_tables.h"

#include <string.h>

enum { MODE_BITS = 2, MODE_ALL_G1 = 0, MODE_ALL_G2 = 1, MODE_MIXED = 2 };

typedef struct {
    huffman_decoder code[1 + DUAL_LATENTS];
    uint8_t lengths[HUFFMAN_MAX_COUNT];
} decoder_workspace;

int64_t apercu_dual_encoder_workspace(size_t blocks)
{
    size_t an_entry = sizeof(uint32_t) + sizeof(int16_t) + sizeof(uint16_t) + 1;
    size_t n = WORKSPACE_ROOM + most_of_all(blocks) * an_entry + most_of_one(blocks) * (sizeof(uint32_t) + sizeof(uint16_t));
    return (int64_t)((n + 7) & ~(size_t)7);
}

int64_t apercu_dual_decoder_workspace(void)
{
    return (int64_t)sizeof(decoder_workspace);
}

static size_t count_g2(const uint8_t *groups, size_t blocks)
{
    size_t n = 0;
    for (size_t b = 0; b < blocks; b++)
        n += groups[b] != 0;
    return n;
}

int64_t apercu_dual_put_groups(const uint8_t *groups, size_t blocks, uint8_t *out, size_t capacity, uint64_t n_bits)
{
    bit_writer w = bit_writer_at(out, capacity, n_bits);
    size_t n_g2 = count_g2(groups, blocks);
    put_bits(&w, n_g2 == 0 ? MODE_ALL_G1 : n_g2 == blocks ? MODE_ALL_G2 : MODE_MIXED, MODE_BITS);
    if (n_g2 != 0 && n_g2 != blocks)
        for (size_t b = 0; b < blocks; b++)
            put_bits(&w, groups[b] != 0, 1);
    return w.overflow ? APERCU_ERROR_CAPACITY : (int64_t)w.n_bits;
}

int64_t apercu_dual_get_groups(const uint8_t *data, size_t size, uint64_t n_bits, size_t blocks, uint8_t *groups)
{
    bit_reader r = {data, size, n_bits};
    uint32_t mode = get_bits(&r, MODE_BITS);
    if (mode > MODE_MIXED)
        return APERCU_ERROR_CORRUPT;
    if (mode == MODE_MIXED) {
        if (r.pos + blocks > (uint64_t)size * 8)
            return APERCU_ERROR_TRUNCATED;
        for (size_t b = 0; b < blocks; b++)
            groups[b] = (uint8_t)get_bits(&r, 1);
        size_t n_g2 = count_g2(groups, blocks);
        if (n_g2 == 0 || n_g2 == blocks)
            return APERCU_ERROR_CORRUPT; /* there is only one way to write that all blocks are of one group */
    } else {
        memset(groups, mode == MODE_ALL_G2, blocks);
    }
    return bits_overrun(&r) ? APERCU_ERROR_TRUNCATED : (int64_t)r.pos;
}

/* Bits of a symbol, or -1 where the code has no word for it. */
static int32_t word_length(const huffman_encoder *h, int32_t symbol)
{
    if (symbol < h->lo || symbol >= h->lo + (int32_t)h->count)
        return -1;
    if (!h->listed)
        return (int32_t)h->flat_bits;
    uint32_t i = huffman_entry(h, symbol);
    if (h->symbols && (i == h->n || h->symbols[i] != symbol))
        return -1;
    return h->length[i] ? h->length[i] : -1;
}

/* Bits of the shortest word of a listed code; others have no lengths. */
static int32_t shortest_word(const huffman_encoder *h)
{
    uint8_t least = HUFFMAN_MAX_LENGTH;
    for (uint32_t i = 0; i < h->n && h->listed; i++)
        if (h->length[i] && h->length[i] < least)
            least = h->length[i];
    return least;
}

/* The symbol that costs least, 16 times the squared error plus `bit_price` a bit, among those near the latent and zero.
 * `symbol` is the nearest: where its word is as short as any, and in a flat code, nothing else can cost less. */
static int16_t cheapest(const huffman_encoder *h, int32_t shortest, int32_t latent, int32_t symbol, int32_t step_q3,
                        int64_t bit_price)
{
    if (!h->listed || h->length[huffman_entry(h, symbol)] == shortest)
        return (int16_t)symbol;
    int32_t size = latent < 0 ? -latent : latent, near = symbol < 0 ? -symbol : symbol;
    int32_t candidates[] = {near, near - 1, near - 2, near + 1, 0};
    int64_t least = INT64_MAX;
    int32_t best = symbol;
    for (unsigned i = 0; i < sizeof candidates / sizeof candidates[0]; i++) {
        int32_t value = latent < 0 ? -candidates[i] : candidates[i];
        int32_t bits = candidates[i] < 0 ? -1 : word_length(h, value);
        if (bits < 0)
            continue;
        int64_t error = size - (int64_t)candidates[i] * step_q3;
        int64_t cost = 16 * error * error + bit_price * bits;
        if (cost < least) {
            least = cost;
            best = value;
        }
    }
    return (int16_t)best;
}

/* What coding each latent (0: G1's, 1 to 8: G2's) takes off the squared error of all blocks, against zeros. */
static void gains(const uint8_t *groups, const int16_t *latents, const int16_t *symbols, size_t blocks, int32_t step_q3,
                  int64_t sum[DUAL_ROWS])
{
    memset(sum, 0, DUAL_ROWS * sizeof *sum);
    for (size_t b = 0; b < blocks; b++, latents += DUAL_ROWS, symbols += DUAL_LATENTS) {
        int first = groups[b] ? TABLE_LATENT : TABLE_G1, n = groups[b] ? DUAL_LATENTS : 1;
        for (int k = 0; k < n; k++) {
            /* z^2 - (z - v)^2 = v (2 z - v) */
            int64_t value = (int64_t)symbols[k] * step_q3;
            sum[first + k] += value * (2 * latents[first + k] - value);
        }
    }
}

/* Sets a latent to zero in all blocks, which takes no bits and gains nothing, where that costs less than coding it. */
static void drop_if_cheaper(const encoder_workspace *ws, const uint8_t *groups, int16_t *symbols, size_t blocks,
                            int table, int64_t bit_price, int64_t *gain)
{
    huffman_encoder none = {0};
    bit_writer w = bit_writer_at(NULL, 0, 0);
    huffman_put_table(&w, &none);
    int64_t saved = (int64_t)ws->code[table].cost - (int64_t)w.n_bits;
    if (16 * *gain > bit_price * saved)
        return;
    *gain = 0;
    int group = table != TABLE_G1;
    for (size_t b = 0; b < blocks; b++)
        if (groups[b] == group)
            symbols[b * DUAL_LATENTS + (size_t)(table - group)] = 0;
}

static uint64_t cost_of_each(const encoder_workspace *ws)
{
    uint64_t cost = 0;
    for (int t = TABLE_LATENT; t < TABLE_G2; t++)
        cost += ws->code[t].cost;
    return cost;
}

int64_t apercu_dual_optimise(const uint8_t *groups, const int16_t *latents, size_t blocks, int tables, int drop_g1,
                             int32_t step_q3, int32_t bit_price_q4, void *workspace, size_t workspace_size,
                             int16_t *symbols, int64_t *cost)
{
    if (workspace_size < (size_t)apercu_dual_encoder_workspace(blocks) || step_q3 < 1 || step_q3 > 65535 || bit_price_q4 < 0 ||
        bit_price_q4 > 16)
        return APERCU_ERROR_ARGUMENT;
    encoder_workspace *ws = lay_out(workspace, blocks);
    int64_t bit_price = (int64_t)step_q3 * step_q3 * bit_price_q4;
    int each = tables != DUAL_TABLES_GROUP;
    if (plan(ws, groups, symbols, blocks, !each))
        return APERCU_ERROR_ARGUMENT;
    int32_t shortest[TABLES];
    for (int t = 0; t < TABLES; t++)
        shortest[t] = shortest_word(&ws->code[t]);
    for (size_t b = 0; b < blocks; b++) {
        const int16_t *z = latents + b * DUAL_ROWS;
        int16_t *s = symbols + b * DUAL_LATENTS;
        int first = groups[b] ? TABLE_LATENT : TABLE_G1, n = groups[b] ? DUAL_LATENTS : 1;
        for (int k = 0; k < n; k++) {
            int t = groups[b] && !each ? TABLE_G2 : first + k;
            s[k] = cheapest(&ws->code[t], shortest[t], z[first + k], s[k], step_q3, bit_price);
        }
    }
    if (plan(ws, groups, symbols, blocks, 0))
        return APERCU_ERROR_ARGUMENT;
    int64_t gain[DUAL_ROWS];
    gains(groups, latents, symbols, blocks, step_q3, gain);
    for (int t = drop_g1 ? TABLE_G1 : TABLE_LATENT; t < (each ? TABLE_G2 : TABLE_LATENT); t++)
        if (ws->code[t].count)
            drop_if_cheaper(ws, groups, symbols, blocks, t, bit_price, &gain[t]);

    if (plan(ws, groups, symbols, blocks, tables != DUAL_TABLES_LATENT))
        return APERCU_ERROR_ARGUMENT;
    size_t n_g2 = count_g2(groups, blocks);
    uint64_t bits = n_g2 != 0 && n_g2 != blocks ? blocks : 0, bits_each = cost_of_each(ws);
    uint64_t bits_group = ws->code[TABLE_G2].count ? ws->code[TABLE_G2].cost : bits_each;
    bits += ws->code[TABLE_G1].cost;
    bits += !each || (tables == DUAL_TABLES_CHEAPER && bits_group < bits_each) ? bits_group : bits_each;
    *cost = bit_price * (int64_t)bits;
    for (int t = TABLE_G1; t < TABLE_G2; t++)
        *cost -= 16 * gain[t];
    return 0;
}

int64_t apercu_dual_put_symbols(const uint8_t *groups, const int16_t *symbols, size_t blocks, int tables,
                                void *workspace, size_t workspace_size, uint8_t *out, size_t capacity, uint64_t n_bits)
{
    if (workspace_size < (size_t)apercu_dual_encoder_workspace(blocks))
        return APERCU_ERROR_ARGUMENT;
    encoder_workspace *ws = lay_out(workspace, blocks);
    bit_writer w = bit_writer_at(out, capacity, n_bits);
    if (plan(ws, groups, symbols, blocks, tables != DUAL_TABLES_LATENT))
        return APERCU_ERROR_ARGUMENT;
    if (ws->code[TABLE_G1].count)
        huffman_put_table(&w, &ws->code[TABLE_G1]);
    int each = tables == DUAL_TABLES_LATENT ||
               (tables == DUAL_TABLES_CHEAPER && cost_of_each(ws) < ws->code[TABLE_G2].cost);
    if (ws->code[TABLE_LATENT].count) {
        put_bits(&w, each ? 1 : 0, 1);
        for (int k = 0; k < (each ? DUAL_LATENTS : 1); k++)
            huffman_put_table(&w, &ws->code[each ? TABLE_LATENT + k : TABLE_G2]);
    }
    for (size_t b = 0; b < blocks; b++, symbols += DUAL_LATENTS) {
        if (groups[b])
            for (int k = 0; k < DUAL_LATENTS; k++)
                huffman_put(&w, &ws->code[each ? TABLE_LATENT + k : TABLE_G2], symbols[k]);
        else
            huffman_put(&w, &ws->code[TABLE_G1], symbols[0]);
    }
    return w.overflow ? APERCU_ERROR_CAPACITY : (int64_t)w.n_bits;
}

int64_t apercu_dual_get_symbols(const uint8_t *data, size_t size, uint64_t n_bits, const uint8_t *groups,
                                size_t blocks, void *workspace, size_t workspace_size, int16_t *symbols)
{
    if (workspace_size < sizeof(decoder_workspace))
        return APERCU_ERROR_ARGUMENT;
    decoder_workspace *ws = workspace;
    bit_reader r = {data, size, n_bits};
    size_t n_g2 = count_g2(groups, blocks);
    if (n_g2 < blocks) {
        int fault = huffman_get_table(&r, &ws->code[0], ws->lengths);
        if (fault)
            return fault;
    }
    size_t each = 0; /* 1: table 1 + k serves latent k; 0: table 1 serves all */
    if (n_g2 > 0) {
        each = get_bits(&r, 1);
        for (size_t k = 0; k < (each ? DUAL_LATENTS : 1); k++) {
            int fault = huffman_get_table(&r, &ws->code[1 + k], ws->lengths);
            if (fault)
                return fault;
        }
    }
    memset(symbols, 0, blocks * DUAL_LATENTS * sizeof *symbols);
    for (size_t b = 0; b < blocks; b++, symbols += DUAL_LATENTS) {
        if (groups[b])
            for (size_t k = 0; k < DUAL_LATENTS; k++)
                symbols[k] = (int16_t)huffman_get(&r, &ws->code[1 + each * k]);
        else
            symbols[0] = (int16_t)huffman_get(&r, &ws->code[0]);
        if (bits_overrun(&r))
            return APERCU_ERROR_TRUNCATED;
    }
    return (int64_t)r.pos;
}
