/* The parts of the self test that are about blocks: maps of symbols through both coders, and the DCT. */
#include "self_test_draw.h"

#include "dct.h"
#include "map_code.h"
#include "map_huffman.h"

#include <string.h>

#ifndef APERCU_COVERAGE /* see self_test.c */

enum { PLANES = 4, MAPS = 8, GROUPS = 5, HIGH = 7, WIDE = 11, HALF_HIGH = 4, HALF_WIDE = 6 };
enum { SYMBOLS = MAPS * (2 * HIGH * WIDE + 2 * HALF_HIGH * HALF_WIDE) };
enum { CONTEXTS = MAP_CLASSES * (GROUPS * MAP_GROUP + MAP_CHOICE), BYTES = 9 * SYMBOLS, BLOCKS = 15 };

/* Every kind of map, in every block and in some. */
static const map_kind KINDS[MAPS] = {
    {MAP_PREDICTED, 0, -1, {-1, -1, -1, -1}}, {MAP_SELECTOR, 0, -1, {-1, -1, -1, -1}},
    {MAP_PLAIN, 1, 6, {-1, -1, -1, -1}},      {MAP_COUNT, 2, -1, {0, -1, -1, -1}},
    {MAP_COUNT, 2, 3, {3, -1, -1, -1}},       {MAP_PLAIN, 3, 0xFFFE, {2, 0, -1, -1}},
    {MAP_PLAIN, 3, 0xFFF8, {5, 2, 0, 3}},     {MAP_PREDICTED, 4, 1, {0, -1, -1, -1}}};
static const map_plane SIZES[PLANES] = {
    {HIGH, WIDE, 0, -1}, {HALF_HIGH, HALF_WIDE, 1, 0}, {HALF_HIGH, HALF_WIDE, 1, 1}, {HIGH, WIDE, 0, 0}};

typedef struct {
    range_context started[CONTEXTS], contexts[CONTEXTS];
    uint64_t workspace[1200], huffman[75000];
    uint16_t starts[2 * CONTEXTS];
    int32_t steps[MAP_CLASSES * MAPS], prices[MAP_CLASSES * MAPS];
    uint32_t frequency[WORDS];
    uint8_t weights[MAP_CLASSES * GROUPS * MAP_WEIGHTS], bytes[BYTES], lengths[WORDS];
    int16_t values[SYMBOLS], symbols[SYMBOLS];
} maps_room;

typedef struct {
    int16_t plane[BLOCKS * DCT_MAPS], maps[BLOCKS * DCT_MAPS], symbols[BLOCKS * DCT_MAPS];
} dct_room;

size_t self_test_maps_size(void)
{
    return sizeof(maps_room) > sizeof(dct_room) ? sizeof(maps_room) : sizeof(dct_room);
}

static void start(test *t, maps_room *r)
{
    for (size_t i = 0; i < CONTEXTS; i++) {
        r->starts[2 * i] = (uint16_t)(20000 + below(t, 40000));
        r->starts[2 * i + 1] = (uint16_t)(2 + i % 60);
    }
    for (size_t i = 0; i < sizeof r->weights; i++)
        r->weights[i] = (uint8_t)(1 + below(t, 7));
    for (size_t i = 0; i < MAP_CLASSES * MAPS; i++) {
        r->steps[i] = 64 * (20 + below(t, 100));
        r->prices[i] = 13 + below(t, 26);
    }
    for (size_t i = 0; i < SYMBOLS; i++)
        r->values[i] = (int16_t)(below(t, 3) ? below(t, 61) - 30 : below(t, 60) ? below(t, 401) - 200 : below(t, 65535) - 32767);
    add(t, apercu_maps_start(r->starts, GROUPS, 1, r->started));
}

static void test_range(test *t, maps_room *r)
{
    static const size_t first[] = {0, 3}, end[] = {3, MAPS};
    size_t at = 0, n_bytes[2];
    for (int writing = 1; writing >= 0; writing--) {
        memcpy(r->contexts, r->started, sizeof r->contexts);
        memset(r->workspace, 0, sizeof r->workspace);
        memset(r->symbols, 0, sizeof r->symbols);
        uint8_t *workspace = (uint8_t *)r->workspace, *bytes = r->bytes;
        for (int s = 0; s < 2; s++) {
            uint64_t state[3] = {0};
            int64_t n = writing ? apercu_maps_encode(SIZES, PLANES, KINDS, MAPS, GROUPS, r->weights, r->steps, r->prices,
                                                     first[s], end[s], 0, PLANES, r->contexts, workspace,
                                                     sizeof r->workspace, r->values, r->symbols, bytes, BYTES - at, state, 1)
                                : apercu_maps_decode(SIZES, PLANES, KINDS, MAPS, GROUPS, r->weights, first[s], end[s], 0,
                                                     PLANES, r->contexts, workspace, sizeof r->workspace, r->symbols, bytes,
                                                     n_bytes[s], state, 1);
            add(t, n);
            if (n < 0)
                return;
            if (writing)
                n_bytes[s] = (size_t)n, at += (size_t)n;
            bytes += n_bytes[s];
        }
        add_i16(t, r->symbols, SYMBOLS);
    }
    add_u8(t, r->bytes, at);
}

static void test_scan(test *t, maps_room *r, size_t first, size_t end)
{
    const size_t room = sizeof r->huffman;
    int32_t cost = 0;
    memset(r->lengths, 0, sizeof r->lengths);
    for (int pass = 0; pass < 2; pass++) {
        add(t, apercu_map_huffman_choose(HIGH, WIDE, KINDS, MAPS, first, end, r->steps, r->prices, pass ? r->lengths : NULL,
                                         cost, r->values, r->symbols));
        memset(r->frequency, 0, sizeof r->frequency);
        add(t, apercu_map_huffman_count(HIGH, WIDE, KINDS, MAPS, first, end, r->symbols, r->frequency));
        add(t, apercu_map_huffman_plan(r->frequency, r->huffman, room, r->lengths, NULL, 0, 3));
        cost = 300;
    }
    memset(r->bytes, 0, sizeof r->bytes);
    int64_t after = apercu_map_huffman_plan(r->frequency, r->huffman, room, r->lengths, r->bytes, BYTES, 0);
    add(t, after);
    if (after < 0)
        return;
    int64_t n = apercu_map_huffman_put(HIGH, WIDE, KINDS, MAPS, first, end, r->symbols, r->frequency, r->huffman, room,
                                       r->bytes, BYTES, (uint64_t)after);
    add(t, n);
    add_u8(t, r->bytes, sizeof r->bytes);
    add_i16(t, r->symbols, MAPS * HIGH * WIDE);
    memset(r->symbols + first * HIGH * WIDE, 0, (end - first) * HIGH * WIDE * sizeof *r->symbols);
    add(t, apercu_map_huffman_get_table(r->bytes, BYTES, 0, r->huffman, room));
    add(t, apercu_map_huffman_get(HIGH, WIDE, KINDS, MAPS, first, end, r->bytes, BYTES, 0, (uint64_t)after, r->huffman, room,
                                  r->symbols));
    add_i16(t, r->symbols, MAPS * HIGH * WIDE);
}

void self_test_maps(test *t, void *room)
{
    static const size_t scans[][2] = {{0, 1}, {1, 2}, {2, 3}, {3, 4}, {4, 5}, {5, 7}, {7, 8}};
    maps_room *r = room;
    start(t, r);
    test_range(t, r);
    memset(r->symbols, 0, sizeof r->symbols);
    if (apercu_map_huffman_encoder_workspace() > (int64_t)sizeof r->huffman ||
        apercu_map_huffman_decoder_workspace() > (int64_t)sizeof r->huffman)
        return;
    for (size_t s = 0; s < sizeof scans / sizeof *scans; s++)
        test_scan(t, r, scans[s][0], scans[s][1]);
}

void self_test_dct(test *t, void *room)
{
    static const size_t heights[] = {3, 1, 5}, widths[] = {5, 15, 3};
    static const int32_t limits[] = {32767, 4080, 300};
    dct_room *r = room;
    uint8_t order[DCT_MAPS];
    int16_t weights[DCT_EXPECTED * DCT_SUMS];
    int32_t steps[DCT_MAPS];
    for (size_t m = 0; m < DCT_MAPS; m++) {
        order[m] = (uint8_t)(m * 37 % DCT_MAPS);
        steps[m] = 1 + below(t, 60000);
        steps[m] <<= below(t, 9);
    }
    for (size_t run = 0; run < 3; run++) {
        size_t pitch = widths[run] * DCT_SIDE;
        draw(t, r->plane, BLOCKS * DCT_MAPS, limits[run]);
        draw(t, r->symbols, BLOCKS * DCT_MAPS, limits[run] / 3);
        draw(t, weights, DCT_EXPECTED * DCT_SUMS, DCT_LARGEST_WEIGHT);
        apercu_dct_analyse(r->plane, pitch, heights[run], widths[run], (int32_t)run * 2000, order, r->maps);
        add_i16(t, r->maps, BLOCKS * DCT_MAPS);
        apercu_dct_expect(r->maps, heights[run], widths[run], order, weights, -1);
        add_i16(t, r->maps, BLOCKS * DCT_MAPS);
        apercu_dct_dequantise(r->symbols, BLOCKS, steps, r->maps);
        add_i16(t, r->maps, BLOCKS * DCT_MAPS);
        apercu_dct_expect(r->maps, heights[run], widths[run], order, weights, 1);
        apercu_dct_synthesise(r->maps, heights[run], widths[run], (int32_t)run * 2000, order, r->plane, pitch);
        add_i16(t, r->plane, BLOCKS * DCT_MAPS);
        apercu_dct_smooth(r->plane, pitch, heights[run], widths[run], 1 + (int32_t)run * 600);
        add_i16(t, r->plane, BLOCKS * DCT_MAPS);
    }
}
#endif
