/* The code tables of an encoder of the dual autoencoder: symbols to frequencies to codes. */
#ifndef APERCU_DUAL_TABLES_H
#define APERCU_DUAL_TABLES_H

#include "dual_ae.h"
#include "huffman.h"

#include <string.h>

/* Table 0 is G1's, 1 to 8 are those of G2's latents, 9 serves all latents of G2. */
enum { TABLE_G1 = 0, TABLE_LATENT = 1, TABLE_G2 = 1 + DUAL_LATENTS, TABLES = 2 + DUAL_LATENTS };

/* Entries of all tables lie one after the other: as many as the range of a table has symbols, or where that is less, as there are
 * symbols to code. */
typedef struct {
    huffman_encoder code[TABLES];
    huffman_scratch scratch;
    uint32_t *frequency;
    int16_t *symbols;
    uint16_t *words;
    uint8_t *lengths;
} encoder_workspace;

/* Room for it ahead of the entries: of 64-bit pointers, so that sizes are the same on every machine; in an encoder for one
 * machine, what it takes there. */
#ifdef APERCU_SMALL_ENCODER
enum { WORKSPACE_ROOM = sizeof(encoder_workspace) };
#else
enum { WORKSPACE_ROOM = 688 };
typedef char workspace_has_room[sizeof(encoder_workspace) <= WORKSPACE_ROOM ? 1 : -1];
#endif

static size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* Entries of the largest table, that of all latents of G2; and of all tables together: most where all blocks are of G2, or, of very
 * many blocks, where G1 has some too. */
static size_t most_of_one(size_t blocks)
{
    return smaller(DUAL_LATENTS * smaller(blocks, HUFFMAN_MAX_COUNT), HUFFMAN_MAX_COUNT);
}

static size_t most_of_all(size_t blocks)
{
    size_t of_g2 = smaller(blocks, HUFFMAN_MAX_COUNT);
    return DUAL_LATENTS * of_g2 + most_of_one(blocks) + smaller(blocks - of_g2, HUFFMAN_MAX_COUNT);
}

static encoder_workspace *lay_out(void *workspace, size_t blocks)
{
    encoder_workspace *ws = workspace;
    size_t n = most_of_all(blocks), n_one = most_of_one(blocks);
    ws->frequency = (uint32_t *)(void *)(ws + 1);
    ws->scratch.node = ws->frequency + n;
    ws->symbols = (int16_t *)(void *)(ws->scratch.node + n_one);
    ws->words = (uint16_t *)(void *)(ws->symbols + n);
    ws->scratch.order = ws->words + n;
    ws->lengths = (uint8_t *)(void *)(ws->scratch.order + n_one);
    return ws;
}

/* Sorts `n` numbers, which are symbols + BIAS, and puts the different ones into the entries of a table, with a frequency of 0. */
enum { BIAS = 32768 };
static void list_symbols(huffman_encoder *h, uint16_t *numbers, uint32_t n, int16_t *symbols)
{
    huffman_sort(numbers, n, NULL);
    h->n = 0;
    for (uint32_t i = 0; i < n; i++)
        if (i == 0 || numbers[i] != numbers[i - 1]) {
            h->frequency[h->n] = 0;
            symbols[h->n++] = (int16_t)((int32_t)numbers[i] - BIAS);
        }
    h->symbols = symbols;
}

/* The symbols of a table whose range is too wide. */
static void list_table(encoder_workspace *ws, int table, const uint8_t *groups, const int16_t *symbols, size_t blocks,
                       int16_t *out)
{
    huffman_encoder *h = &ws->code[table];
    uint16_t *numbers = ws->scratch.order;
    uint32_t n = 0;
    int group = table != TABLE_G1;
    for (size_t b = 0; b < blocks && table != TABLE_G2; b++)
        if ((groups[b] != 0) == group)
            numbers[n++] = (uint16_t)(symbols[b * DUAL_LATENTS + (size_t)(table - group)] + BIAS);
    for (int k = TABLE_LATENT; k < TABLE_G2 && table == TABLE_G2; k++)
        for (uint32_t i = 0; i < ws->code[k].n; i++)
            if (ws->code[k].frequency[i])
                numbers[n++] = (uint16_t)(huffman_symbol(&ws->code[k], i) + BIAS);
    list_symbols(h, numbers, n, out);
    for (size_t b = 0; b < blocks && table != TABLE_G2; b++)
        if ((groups[b] != 0) == group)
            h->frequency[huffman_entry(h, symbols[b * DUAL_LATENTS + (size_t)(table - group)])]++;
}

/* Gives a table its entries, behind those before it, for `most` symbols to code; where there are fewer than its range has, they are
 * still to be listed. Returns whether they are. */
static int begin_table(encoder_workspace *ws, int table, int32_t lo, int32_t hi, size_t most, size_t *at)
{
    huffman_encoder h = {lo, hi < lo ? 0 : (uint32_t)(hi - lo + 1), 0, NULL, 0, 0, ws->frequency + *at, ws->lengths + *at,
                         ws->words + *at, 0};
    int whole = h.count <= smaller(most, HUFFMAN_MAX_COUNT);
    h.n = whole ? h.count : 0;
    memset(h.frequency, 0, h.n * sizeof *h.frequency);
    *at += whole ? h.count : most;
    ws->code[table] = h;
    return !whole;
}

/* Plans the codes of G1, of each latent of G2 and, where `one_for_all`, of all of them together. A table that no block
 * needs has a count of zero. Returns 0 or an error. */
static int plan(encoder_workspace *ws, const uint8_t *groups, const int16_t *symbols, size_t blocks, int one_for_all)
{
    int32_t lo[TABLES], hi[TABLES];
    size_t n_g2 = 0, at = 0;
    for (int t = 0; t < TABLES; t++) {
        lo[t] = INT16_MAX;
        hi[t] = INT16_MIN;
    }
    const int16_t *s = symbols;
    for (size_t b = 0; b < blocks; b++, s += DUAL_LATENTS) {
        int first = groups[b] ? TABLE_LATENT : TABLE_G1, n = groups[b] ? DUAL_LATENTS : 1;
        n_g2 += groups[b] != 0;
        for (int k = 0; k < n; k++) {
            lo[first + k] = s[k] < lo[first + k] ? s[k] : lo[first + k];
            hi[first + k] = s[k] > hi[first + k] ? s[k] : hi[first + k];
        }
    }
    for (int k = TABLE_LATENT; k < TABLE_G2 && one_for_all; k++) {
        lo[TABLE_G2] = lo[k] < lo[TABLE_G2] ? lo[k] : lo[TABLE_G2];
        hi[TABLE_G2] = hi[k] > hi[TABLE_G2] ? hi[k] : hi[TABLE_G2];
    }
    /* Symbols come from latents below the limit; beyond it, tables could reach further than a decoder accepts. */
    for (int t = 0; t < TABLES; t++)
        if (lo[t] <= hi[t] && (lo[t] <= -DUAL_LATENT_LIMIT || hi[t] >= DUAL_LATENT_LIMIT))
            return APERCU_ERROR_ARGUMENT;
    int to_list[TABLES];
    size_t begins[TABLES];
    for (int t = 0; t < TABLES; t++) {
        begins[t] = at;
        to_list[t] = begin_table(ws, t, lo[t], hi[t], t == TABLE_G1 ? blocks - n_g2 : t == TABLE_G2 ? DUAL_LATENTS * n_g2 : n_g2, &at);
    }
    s = symbols;
    for (size_t b = 0; b < blocks; b++, s += DUAL_LATENTS) {
        int first = groups[b] ? TABLE_LATENT : TABLE_G1, n = groups[b] ? DUAL_LATENTS : 1;
        for (int k = 0; k < n; k++)
            if (!to_list[first + k])
                ws->code[first + k].frequency[s[k] - lo[first + k]]++;
    }
    for (int t = 0; t < TABLES; t++)
        if (to_list[t])
            list_table(ws, t, groups, symbols, blocks, ws->symbols + begins[t]);
    huffman_encoder *all = &ws->code[TABLE_G2];
    for (int k = TABLE_LATENT; k < TABLE_G2 && all->count; k++)
        for (uint32_t i = 0; i < ws->code[k].n; i++)
            if (ws->code[k].frequency[i])
                all->frequency[huffman_entry(all, huffman_symbol(&ws->code[k], i))] += ws->code[k].frequency[i];
    for (int t = 0; t < TABLES; t++)
        if (ws->code[t].count)
            huffman_plan(&ws->code[t], &ws->scratch);
    return 0;
}

#endif
