/* The codec taha2025 by the range coder: groups and symbols as symbol maps (spec/taha2025.md, "Range coding"). */
#include "codec_taha2025.h"
#include "maps.h"

enum { NUMBER = 7, N_FIRST = 2, N_DETAILS = DUAL_LATENTS - 1, N_MAPS = N_FIRST + N_DETAILS, N_SUMS = 4 };
enum { EXPECTED_AT = TAHA2025_WEIGHTS, MAPS_AT = EXPECTED_AT + 2 * N_DETAILS * N_SUMS };
enum { MOST_EXPECTED = 2047, MOST_GUESS = 16383, MOST_SYMBOL = 32767, OF_G2 = 1 << 1 /* a block whose flag is 1 */ };

/* First symbols, flags, and details of blocks of G2, each of which is like those before it. */
static const map_kind KINDS[N_MAPS] = {
    {MAP_PREDICTED, 0, -1, {-1, -1, -1, -1}}, {MAP_COUNT, 1, -1, {-1, -1, -1, -1}},     {MAP_PLAIN, 2, OF_G2, {-1, -1, -1, -1}},
    {MAP_PLAIN, 3, OF_G2, {2, -1, -1, -1}},   {MAP_PLAIN, 4, OF_G2, {3, 2, -1, -1}},    {MAP_PLAIN, 5, OF_G2, {4, 3, 2, -1}},
    {MAP_PLAIN, 6, OF_G2, {5, 4, 3, 2}},      {MAP_PLAIN, 7, OF_G2, {6, 5, 4, 3}},      {MAP_PLAIN, 8, OF_G2, {7, 6, 5, 4}}};
static const map_list LIST = {KINDS, N_MAPS, N_MAPS, DUAL_BLOCK};

int taha2025_takes_tables_of_range(const apc_model *model)
{
    const int16_t *numbers = (const int16_t *)(const void *)model->numbers;
    if (!numbers || model->n_numbers != MAPS_AT + maps_n_numbers(&LIST) || !taha2025_takes_weights(numbers))
        return 0;
    for (int i = EXPECTED_AT; i < MAPS_AT; i++)
        if (numbers[i] < -MOST_EXPECTED || numbers[i] > MOST_EXPECTED)
            return 0;
    return maps_takes_tables(&LIST, model->numbers + MAPS_AT);
}

static int has_room(const apc_file *file, uint32_t width, uint32_t height, uint32_t layer, size_t n)
{
    (void)layer;
    return n < 1 || n < maps_least(file, &LIST, width, height, N_FIRST) ? APC_TRUNCATED : 0;
}

static void needs(const apc_file *file, uint32_t width, uint32_t height, tile_needs *needs)
{
    size_t most = ((size_t)width + DUAL_BLOCK - 1) / DUAL_BLOCK * (((size_t)height + DUAL_BLOCK - 1) / DUAL_BLOCK);
    maps_needs(file, &LIST, width, height, 0, needs);
    needs->scratch = larger(n_for_colour(width), most * (DUAL_LATENTS + 1)); /* symbols and groups of a plane */
}

static int read(const apc_file *file, const apc_model *model, const tile *t, const tile_layers *layers, uint32_t n_layers,
                uint32_t *faulty)
{
    (void)n_layers;
    *faulty = 0;
    maps_start(file, &LIST, t, model->numbers + MAPS_AT);
    int fault = maps_read(file, &LIST, t, 0, N_MAPS, layers->at[0], layers->size[0]);
    for (uint32_t i = 0; i < file->bands && !fault; i++) {
        map_plane plane = maps_plane(file, &LIST, t, i);
        size_t n = (size_t)plane.height * (size_t)plane.width;
        const int16_t *flags = maps_symbols(file, &LIST, t, i) + n;
        for (size_t b = 0; b < n && !fault; b++)
            fault = flags[b] > 1 ? APC_CORRUPT_STREAM : 0;
    }
    return fault;
}

/* What is expected of the details of a block at (x, y), from the first symbols around it, the edge repeated. */
static void guess(const int16_t *first, size_t w, size_t h, size_t x, size_t y, const int16_t *expected, int32_t guesses[N_DETAILS])
{
    const int16_t *at = first + y * w + x;
    int32_t c = at[0], n = y ? *(at - w) : c, s = y + 1 < h ? at[w] : c, west = x ? at[-1] : c, e = x + 1 < w ? at[1] : c;
    int32_t sums[N_SUMS] = {n - s, west - e, n + s - 2 * c, west + e - 2 * c};
    for (int k = 0; k < N_DETAILS; k++) {
        int32_t sum = 0;
        for (int i = 0; i < N_SUMS; i++)
            sum += expected[k * N_SUMS + i] * sums[i];
        guesses[k] = clamp32(floor_shift32(sum + 2048, 12), -MOST_GUESS, MOST_GUESS);
    }
}

static void synthesise(const apc_file *file, const apc_model *model, const tile *t, uint32_t index, int16_t *scratch, int16_t *plane)
{
    map_plane size = maps_plane(file, &LIST, t, index);
    band_plane of = plane_of(file, t->width, t->height, index);
    size_t w = (size_t)size.width, h = (size_t)size.height, n = w * h;
    const int16_t *maps = maps_symbols(file, &LIST, t, index);
    const int16_t *expected = (const int16_t *)(const void *)model->numbers + EXPECTED_AT + (size_t)size.chroma * N_DETAILS * N_SUMS;
    uint8_t *groups = (uint8_t *)(scratch + n * DUAL_LATENTS);
    for (size_t b = 0; b < n; b++) {
        int16_t *symbols = scratch + b * DUAL_LATENTS;
        int32_t guesses[N_DETAILS] = {0};
        groups[b] = (uint8_t)maps[n + b];
        symbols[0] = maps[b];
        if (groups[b])
            guess(maps, w, h, b % w, b / w, expected, guesses);
        for (size_t k = 0; k < N_DETAILS; k++)
            symbols[1 + k] = groups[b] ? (int16_t)clamp32(maps[(N_FIRST + k) * n + b] + guesses[k], -MOST_SYMBOL, MOST_SYMBOL) : 0;
    }
    taha2025_show(file, model, &of, groups, scratch, plane);
}

const struct apc_codec apc_codec_taha2025_range = {
    NUMBER, apc_codec_taha2025_most_layers, apc_codec_taha2025_block, apc_codec_taha2025_n_by_hand, apc_codec_taha2025_most_by_hand,
    apc_codec_taha2025_set, taha2025_takes_tables_of_range, has_room, needs, read, synthesise, NULL, NULL};
