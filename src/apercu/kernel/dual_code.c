/* Groups and symbols of the dual autoencoder to bits and back (spec/FORMAT.md, "Codec taha2025"). */
#include "dual_ae.h"
#include "huffman.h"

#include <string.h>

enum { MODE_BITS = 2, MODE_ALL_G1 = 0, MODE_ALL_G2 = 1, MODE_MIXED = 2 };

/* One table for G1, one for each latent of G2, one for all latents of G2. */
enum { TABLES = DUAL_LATENTS + 2, TABLE_G1 = 0, TABLE_LATENT = 1, TABLE_G2 = TABLES - 1 };

typedef struct {
    huffman_scratch scratch;
    huffman_encoder code[TABLES];
    uint32_t frequency[HUFFMAN_MAX_COUNT];
    uint16_t words[TABLES][HUFFMAN_MAX_COUNT];
    uint8_t lengths[TABLES][HUFFMAN_MAX_COUNT];
} encoder_workspace;

typedef struct {
    huffman_decoder code[1 + DUAL_LATENTS];
    uint8_t lengths[HUFFMAN_MAX_COUNT];
} decoder_workspace;

int64_t apercu_dual_workspace(void)
{
    return (int64_t)(sizeof(encoder_workspace) > sizeof(decoder_workspace) ? sizeof(encoder_workspace)
                                                                          : sizeof(decoder_workspace));
}

static size_t count_g2(const uint8_t *groups, size_t blocks)
{
    size_t n = 0;
    for (size_t b = 0; b < blocks; b++)
        n += groups[b];
    return n;
}

int64_t apercu_dual_put_groups(const uint8_t *groups, size_t blocks, uint8_t *out, size_t capacity, uint64_t n_bits)
{
    bit_writer w = bit_writer_at(out, capacity, n_bits);
    size_t n_g2 = count_g2(groups, blocks);
    put_bits(&w, n_g2 == 0 ? MODE_ALL_G1 : n_g2 == blocks ? MODE_ALL_G2 : MODE_MIXED, MODE_BITS);
    if (n_g2 != 0 && n_g2 != blocks)
        for (size_t b = 0; b < blocks; b++)
            put_bits(&w, groups[b], 1);
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
            return APERCU_ERROR_CORRUPT; /* one way only to say that all blocks are of one group */
    } else {
        memset(groups, mode == MODE_ALL_G2, blocks);
    }
    return bits_overrun(&r) ? APERCU_ERROR_TRUNCATED : (int64_t)r.pos;
}

/* Plans the code of latents `from` to `to` - 1 of the blocks of one group. */
static int plan(encoder_workspace *ws, int table, const uint8_t *groups, const int16_t *symbols, size_t blocks,
                int group, int from, int to)
{
    int32_t lo = INT16_MAX, hi = INT16_MIN;
    for (size_t b = 0; b < blocks; b++)
        for (int k = from; k < to && groups[b] == group; k++) {
            int32_t s = symbols[b * DUAL_LATENTS + (size_t)k];
            lo = s < lo ? s : lo;
            hi = s > hi ? s : hi;
        }
    if (hi - lo >= HUFFMAN_MAX_COUNT)
        return APERCU_ERROR_ARGUMENT;
    uint32_t count = (uint32_t)(hi - lo + 1);
    memset(ws->frequency, 0, count * sizeof *ws->frequency);
    for (size_t b = 0; b < blocks; b++)
        for (int k = from; k < to && groups[b] == group; k++)
            ws->frequency[symbols[b * DUAL_LATENTS + (size_t)k] - lo]++;
    huffman_plan(&ws->code[table], lo, count, ws->frequency, ws->lengths[table], ws->words[table], &ws->scratch);
    return 0;
}

int64_t apercu_dual_put_symbols(const uint8_t *groups, const int16_t *symbols, size_t blocks, int tables,
                                void *workspace, size_t workspace_size, uint8_t *out, size_t capacity, uint64_t n_bits)
{
    if (workspace_size < sizeof(encoder_workspace))
        return APERCU_ERROR_ARGUMENT;
    encoder_workspace *ws = workspace;
    bit_writer w = bit_writer_at(out, capacity, n_bits);
    size_t n_g2 = count_g2(groups, blocks);
    if (n_g2 < blocks) {
        if (plan(ws, TABLE_G1, groups, symbols, blocks, 0, 0, 1))
            return APERCU_ERROR_ARGUMENT;
        huffman_put_table(&w, &ws->code[TABLE_G1]);
    }
    int one_each = tables == DUAL_TABLES_LATENT;
    if (n_g2 > 0) {
        uint64_t cost_each = 0;
        for (int k = 0; k < DUAL_LATENTS && tables != DUAL_TABLES_GROUP; k++) {
            if (plan(ws, TABLE_LATENT + k, groups, symbols, blocks, 1, k, k + 1))
                return APERCU_ERROR_ARGUMENT;
            cost_each += ws->code[TABLE_LATENT + k].cost;
        }
        if (tables != DUAL_TABLES_LATENT && plan(ws, TABLE_G2, groups, symbols, blocks, 1, 0, DUAL_LATENTS))
            return APERCU_ERROR_ARGUMENT;
        if (tables == DUAL_TABLES_CHEAPER)
            one_each = cost_each < ws->code[TABLE_G2].cost;
        put_bits(&w, one_each ? 1 : 0, 1);
        for (int k = 0; k < (one_each ? DUAL_LATENTS : 1); k++)
            huffman_put_table(&w, &ws->code[one_each ? TABLE_LATENT + k : TABLE_G2]);
    }
    for (size_t b = 0; b < blocks; b++, symbols += DUAL_LATENTS) {
        if (groups[b])
            for (int k = 0; k < DUAL_LATENTS; k++)
                huffman_put(&w, &ws->code[one_each ? TABLE_LATENT + k : TABLE_G2], symbols[k]);
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
