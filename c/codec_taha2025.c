/* The codec taha2025: one of two autoencoders for each block of 8 x 8, by Huffman codes (spec/taha2025.md). */
#include "codec_taha2025.h"
#include "rows.h"

#include <string.h>

enum { PLACES = 8, VARIANTS = 8, FROM_PLACE = 512, CHROMA_STEP_Q4 = 8, CHROMA_THRESHOLD_Q4 = 6, LEAST_BITS = 12 };
enum { ALL_G1 = apc_codec_taha2025_most_by_hand, MOST_STEP = 65535 };

/* Places are qualities in 1/32; spec/taha2025.md, "Path of taha2025". */
static const knot STEPS[] = {{0, 9600},    {64, 7121},   {128, 5282}, {192, 3918}, {256, 2907}, {320, 2156}, {384, 1599}, {448, 1186},
                             {511, 880},   {512, 2120},  {640, 1725}, {768, 1404}, {896, 1143}, {1024, 930}, {1152, 757}, {1280, 616},
                             {1408, 501},  {1536, 408},  {1664, 332}, {1792, 270}, {1920, 220}, {2048, 179}, {2176, 146}, {2304, 118},
                             {2432, 96},   {2560, 78},   {2688, 64},  {2816, 52},  {2944, 42},  {3072, 34},  {3200, 28}};
static const knot THRESHOLDS[] = {{0, ALL_G1},  {511, ALL_G1}, {512, 20225}, {640, 16624}, {768, 13523}, {896, 10218}, {1024, 7630},
                                  {1152, 5338}, {1280, 3711},  {1408, 2508}, {1536, 1695}, {1664, 1146}, {1792, 775},  {1920, 524},
                                  {2048, 354},  {2176, 239},   {2304, 162},  {2432, 109},  {2560, 74},   {2688, 51},   {2816, 35},
                                  {2944, 24},   {3072, 17},    {3200, 12}};
static const knot PLAIN_STEPS[] = {{512, 880}, {640, 474}, {768, 255}, {896, 137}, {1024, 74}, {1152, 40}, {1216, 29}, {3200, 1}};

typedef struct {
    int32_t step_q3, threshold_q4;
    int32_t price_q4; /* what an encoder holds a bit to cost, in 1/16 of the squared step; 0: symbols are rounded */
} setting;

static setting setting_of(const apc_file *file)
{
    static const uint8_t TIMES[] = {1, 2, 3, 1}, OVER[] = {1, 3, 2, 1}; /* of the threshold, variants 0 to 3 */
    static const uint8_t PRICES[2][VARIANTS] = {{1, 0, 2, 3, 4, 5, 6, 8}, {2, 2, 2, 0, 1, 0, 2, 3}};
    if (apc_codec_taha2025_n_by_hand && file->quality_q8 == BY_HAND) {
        setting s = {(int32_t)file->by_hand[0], (int32_t)file->by_hand[1], 0};
        return s;
    }
    uint32_t place = file->quality_q8 / PLACES, variant = file->quality_q8 % VARIANTS;
    int high = place >= FROM_PLACE, plain = high && variant >= 4;
    setting s = {(int32_t)on_path(plain ? PLAIN_STEPS : STEPS, place), ALL_G1, PRICES[high][variant]};
    if (!plain && high) {
        uint32_t threshold = on_path(THRESHOLDS, place) * TIMES[variant] / OVER[variant];
        s.threshold_q4 = (int32_t)(threshold < ALL_G1 ? threshold : ALL_G1);
    }
    return s;
}

static setting of_plane(const apc_file *file, const band_plane *plane)
{
    setting s = setting_of(file);
    if (plane->chroma) {
        s.step_q3 = (s.step_q3 * CHROMA_STEP_Q4 + 8) / 16;
        s.step_q3 = s.step_q3 ? s.step_q3 : 1;
        s.threshold_q4 = s.threshold_q4 == ALL_G1 ? ALL_G1 : s.threshold_q4 * CHROMA_THRESHOLD_Q4 / 16;
    }
    return s;
}

int apc_codec_taha2025_set(apc_file *file)
{
    setting s = setting_of(file);
    file->step_q8 = s.step_q3 << 5;
    return s.step_q3 < 1 || s.step_q3 > MOST_STEP ? APC_CORRUPT_STREAM : 0;
}

/* --- Blocks */
static size_t across(const band_plane *plane)
{
    return ((size_t)plane->width + DUAL_BLOCK - 1) / DUAL_BLOCK;
}

static size_t down(const band_plane *plane)
{
    return ((size_t)plane->height + DUAL_BLOCK - 1) / DUAL_BLOCK;
}

static size_t n_blocks(const band_plane *plane)
{
    return across(plane) * down(plane);
}

/* Of all planes before this one. */
static size_t blocks_before(const apc_file *file, uint32_t width, uint32_t height, uint32_t index)
{
    size_t n = 0;
    for (uint32_t i = 0; i < index; i++) {
        band_plane plane = plane_of(file, width, height, i);
        if (!is_colour(file)) /* all alike */
            return index * n_blocks(&plane);
        n += n_blocks(&plane);
    }
    return n;
}

static const int16_t *weights_of(const apc_model *model)
{
    return (const int16_t *)(const void *)model->numbers;
}

#ifndef APERCU_SMALL_ENCODER
static uint32_t magnitude(int16_t weight)
{
    return (uint32_t)(weight < 0 ? -(int32_t)weight : weight);
}

/* Bounds that keep the kernel's sums within 32 bits. */
int taha2025_takes_weights(const int16_t *weights)
{
    for (int row = 0; row < 2 * DUAL_ROWS; row++) {
        uint32_t sum = 0;
        for (int i = 0; i < DUAL_PIXELS; i++)
            sum += magnitude(weights[row * DUAL_PIXELS + i]);
        if (sum >= 1u << 18)
            return 0;
    }
    for (int i = 0; i < DUAL_PIXELS; i++) {
        uint32_t sum = 0;
        for (int row = DUAL_ROWS + 1; row < 2 * DUAL_ROWS; row++)
            sum += magnitude(weights[row * DUAL_PIXELS + i]);
        if (sum >= 1u << 16)
            return 0;
    }
    return 1;
}

int apc_codec_taha2025_takes_tables(const apc_model *model)
{
#ifndef APERCU_CODEC
    if (taha2025_takes_tables_of_range(model))
        return 1;
#endif
    return model->numbers && model->n_numbers == TAHA2025_WEIGHTS && taha2025_takes_weights(weights_of(model));
}

/* --- Symbols to planes */
int apc_codec_taha2025_has_room(const apc_file *file, uint32_t width, uint32_t height, uint32_t layer, size_t n)
{
    (void)width, (void)height, (void)layer;
    return n < ((uint64_t)LEAST_BITS * file->bands + 7) / 8 ? APC_TRUNCATED : 0;
}

/* What is kept of a tile: symbols, then groups. */
void apc_codec_taha2025_needs(const apc_file *file, uint32_t width, uint32_t height, tile_needs *needs)
{
    needs->kept = blocks_before(file, width, height, file->bands) * (DUAL_LATENTS * sizeof(int16_t) + 1);
    needs->reading = (size_t)apercu_dual_decoder_workspace();
    needs->scratch = n_for_colour(width);
}

static int16_t *symbols_of(const tile *t)
{
    return (int16_t *)(void *)t->memory;
}

static uint8_t *groups_of(const apc_file *file, const tile *t)
{
    return t->memory + blocks_before(file, t->width, t->height, file->bands) * DUAL_LATENTS * sizeof(int16_t);
}

int apc_codec_taha2025_read(const apc_file *file, const apc_model *model, const tile *t, const tile_layers *layers,
                        uint32_t n_layers, uint32_t *faulty)
{
    const uint8_t *data = layers->at[0];
    size_t size = layers->size[0];
    int64_t n_bits = 0;
    int16_t *symbols = symbols_of(t);
    uint8_t *groups = groups_of(file, t);
    (void)model, (void)n_layers;
    *faulty = 0;
    for (int part = 0; part < 2; part++) {
        size_t at = 0;
        for (uint32_t i = 0; i < file->bands; i++) {
            band_plane plane = plane_of(file, t->width, t->height, i);
            size_t n = n_blocks(&plane);
            n_bits = part == 0 ? apercu_dual_get_groups(data, size, (uint64_t)n_bits, n, groups + at)
                               : apercu_dual_get_symbols(data, size, (uint64_t)n_bits, groups + at, n, t->work,
                                                         (size_t)apercu_dual_decoder_workspace(), symbols + at * DUAL_LATENTS);
            if (n_bits < 0)
                return (int)n_bits; /* of the kernel, which has the same numbers */
            at += n;
        }
    }
    if ((uint64_t)(n_bits + 7) / 8 != size || (n_bits % 8 && data[size - 1] & 0xFF >> n_bits % 8))
        return APC_CORRUPT_STREAM; /* data follow the last symbol */
    return 0;
}

void taha2025_show(const apc_file *file, const apc_model *model, const band_plane *of, const uint8_t *groups, const int16_t *symbols,
                   int16_t *plane)
{
    apercu_dual_synthesise(groups, symbols, across(of), down(of), weights_of(model), of_plane(file, of).step_q3, plane,
                           across(of) * DUAL_BLOCK);
}

void apc_codec_taha2025_synthesise(const apc_file *file, const apc_model *model, const tile *t, uint32_t index, int16_t *scratch,
                               int16_t *plane)
{
    band_plane of = plane_of(file, t->width, t->height, index);
    size_t before = blocks_before(file, t->width, t->height, index);
    (void)scratch;
    taha2025_show(file, model, &of, groups_of(file, t) + before, symbols_of(t) + before * DUAL_LATENTS, plane);
}
#endif

/* --- Pixels to symbols */
/* Where an encoder has what it knows of a tile: of all blocks errors, latents, symbols, groups; of a plane at a time other symbols and
 * groups, which may take their place. In `work`, rows of samples, and later the coder's workspace. */
typedef struct {
    size_t n_workspace, work, mse_q4, latents, symbols, other_symbols, groups, other_groups, size;
} memory_map;

/* Samples of rows of blocks: of luma two and of chroma one each, with what makes them; or of one band. */
static size_t n_rows(const apc_file *file, uint32_t width)
{
    size_t wide = ((size_t)width + 15) / 16 * 16;
    return is_colour(file) ? (16 + 8 + 5) * wide : DUAL_BLOCK * wide;
}

static void map_memory(const apc_file *file, uint32_t width, uint32_t height, memory_map *map)
{
    band_plane first = plane_of(file, width, height, 0); /* no other plane is larger */
    size_t n = blocks_before(file, width, height, file->bands), most = n_blocks(&first);
    map->n_workspace = (size_t)apercu_dual_encoder_workspace(most);
    map->work = 0;
    map->mse_q4 = aligned(larger(map->n_workspace, n_rows(file, width) * sizeof(int16_t)));
    map->latents = map->mse_q4 + n * sizeof(uint32_t);
    map->symbols = map->latents + n * DUAL_ROWS * sizeof(int16_t);
    map->other_symbols = map->symbols + n * DUAL_LATENTS * sizeof(int16_t);
    map->groups = map->other_symbols + most * DUAL_LATENTS * sizeof(int16_t);
    map->other_groups = map->groups + n;
    map->size = aligned(map->other_groups + most);
}

size_t apc_codec_taha2025_writing(const apc_file *file, uint32_t width, uint32_t height)
{
    memory_map map;
    map_memory(file, width, height, &map);
    return map.size;
}

/* The blocks of a plane, and what is known of them. */
typedef struct {
    size_t n;
    setting how;
    int chroma;
    const uint32_t *mse_q4;
    const int16_t *latents;
    int16_t *symbols;
    uint8_t *groups;
} blocks;

static blocks blocks_of(const apc_file *file, const tile *t, const memory_map *map, uint32_t index)
{
    band_plane plane = plane_of(file, t->width, t->height, index);
    size_t before = blocks_before(file, t->width, t->height, index);
    blocks of = {n_blocks(&plane), of_plane(file, &plane), plane.chroma, (const uint32_t *)(const void *)(t->memory + map->mse_q4) + before,
                 (const int16_t *)(const void *)(t->memory + map->latents) + before * DUAL_ROWS,
                 (int16_t *)(void *)(t->memory + map->symbols) + before * DUAL_LATENTS, t->memory + map->groups + before};
    return of;
}

/* Rows of blocks of a plane from block row `y` on. */
static void analyse_rows(const apc_file *file, const apc_model *model, const tile *t, const memory_map *map, uint32_t index,
                         size_t y, size_t rows, const int16_t *samples, size_t stride)
{
    band_plane plane = plane_of(file, t->width, t->height, index);
    size_t wide = across(&plane), before = blocks_before(file, t->width, t->height, index) + y * wide;
    rows = down(&plane) - y < rows ? down(&plane) - y : rows;
    apercu_dual_analyse(samples, stride, wide, rows, weights_of(model), of_plane(file, &plane).threshold_q4,
                        (int16_t *)(void *)(t->memory + map->latents) + before * DUAL_ROWS,
                        (uint32_t *)(void *)(t->memory + map->mse_q4) + before);
}

static void analyse(const apc_file *file, const apc_model *model, const tile *t, const memory_map *map, const void *pixels,
                    size_t row)
{
    int16_t *samples = (int16_t *)(void *)(t->memory + map->work);
    size_t wide = ((size_t)t->width + 15) / 16 * 16, h = t->height;
    for (size_t y = 0; is_colour(file) && y < h; y += 16) {
        int16_t *cb = samples + 16 * wide, *cr = cb + 4 * wide;
        fetch_colour(file, t, pixels, y * row, row, h - y < 16 ? h - y : 16, wide, 16, cr + 4 * wide, samples);
        analyse_rows(file, model, t, map, 0, y / 8, 2, samples, wide);
        analyse_rows(file, model, t, map, 1, y / 16, 1, cb, wide / 2);
        analyse_rows(file, model, t, map, 2, y / 16, 1, cr, wide / 2);
    }
    for (uint32_t band = is_colour(file) ? COLOUR_PLANES : 0; band < file->bands; band++)
        for (size_t y = 0; y < h; y += 8) {
            fetch_band(file, t, pixels, y * row, row, h - y < 8 ? h - y : 8, band, wide, 8, samples);
            analyse_rows(file, model, t, map, band, y / 8, 1, samples, wide);
        }
}

/* --- Symbols for rate and distortion */
static int choose(const apc_file *file, const tile *t, const memory_map *map, const blocks *of)
{
    const setting *how = &of->how;
    apercu_dual_quantise(of->latents, of->mse_q4, of->n, how->threshold_q4, how->step_q3, of->groups, of->symbols);
    if (!how->price_q4)
        return 0;
    size_t n_g2 = 0;
    int64_t cost, other_cost;
    uint8_t *workspace = t->memory + map->work, *groups = t->memory + map->other_groups;
    int16_t *symbols = (int16_t *)(void *)(t->memory + map->other_symbols);
    int fault = (int)apercu_dual_optimise(of->groups, of->latents, of->n, file->tables, of->chroma, how->step_q3, how->price_q4,
                                          workspace, map->n_workspace, of->symbols, &cost);
    for (size_t i = 0; i < of->n; i++)
        n_g2 += of->groups[i];
    if (fault || n_g2 == 0 || 4 * n_g2 >= of->n)
        return fault;
    /* Flags take one bit for each block: of a plane that hardly uses G2, G1 for all blocks may be less. */
    apercu_dual_quantise(of->latents, of->mse_q4, of->n, ALL_G1, how->step_q3, groups, symbols);
    fault = (int)apercu_dual_optimise(groups, of->latents, of->n, file->tables, of->chroma, how->step_q3, how->price_q4,
                                      workspace, map->n_workspace, symbols, &other_cost);
    if (!fault && other_cost < cost) {
        memcpy(of->groups, groups, of->n);
        memcpy(of->symbols, symbols, of->n * DUAL_LATENTS * sizeof *symbols);
    }
    return fault;
}

#ifndef APERCU_SOLID
/* Blocks of alpha that are opaque all over, or are to be: G1's brightest, which is that after decoding. */
static void settle_alpha(const apc_file *file, const tile *t, const memory_map *map, const blocks *of, const void *pixels, size_t row)
{
    int16_t *samples = (int16_t *)(void *)(t->memory + map->work);
    size_t wide = ((size_t)t->width + 15) / 16 * 16, n = ((size_t)t->width + 7) / 8;
    int32_t step = of->how.step_q3, most = (DUAL_LATENT_LIMIT + step - 1) / step;
    int all = value_of_alpha(file, t, pixels, row) == FULL;
    most = most < DUAL_LATENT_LIMIT - 1 ? most : DUAL_LATENT_LIMIT - 1;
    for (size_t y = 0; y < t->height; y += 8) {
        fetch_band(file, t, pixels, y * row, row, t->height - y < 8 ? t->height - y : 8, ALPHA, wide, 8, samples);
        for (size_t x = 0; x < n; x++) {
            size_t block = y / 8 * n + x;
            int opaque = 1, latent = of->latents[block * DUAL_ROWS];
            for (size_t i = 0; i < DUAL_PIXELS && opaque; i++)
                opaque = samples[i / 8 * wide + 8 * x + i % 8] == FULL;
            if (!opaque && !all)
                continue;
            of->groups[block] = 0;
            of->symbols[block * DUAL_LATENTS] = (int16_t)(latent < 0 ? -most : latent ? most : 0);
        }
    }
}
#endif

int apc_codec_taha2025_write(const apc_file *file, const apc_model *model, const tile *t, const void *pixels, size_t row,
                         uint8_t *out, size_t capacity, uint32_t *lengths)
{
    memory_map map;
    int64_t n_bits = 0;
    map_memory(file, t->width, t->height, &map);
    analyse(file, model, t, &map, pixels, row);
    for (uint32_t i = 0; i < file->bands && n_bits >= 0; i++) {
        blocks of = blocks_of(file, t, &map, i);
        int fault = choose(file, t, &map, &of);
        if (fault)
            return fault;
#ifndef APERCU_SOLID
        if (is_alpha(file, i))
            settle_alpha(file, t, &map, &of, pixels, row);
#endif
        n_bits = apercu_dual_put_groups(of.groups, of.n, out, capacity, (uint64_t)n_bits);
    }
    for (uint32_t i = 0; i < file->bands && n_bits >= 0; i++) {
        blocks of = blocks_of(file, t, &map, i);
        n_bits = apercu_dual_put_symbols(of.groups, of.symbols, of.n, file->tables, t->memory + map.work, map.n_workspace, out,
                                         capacity, (uint64_t)n_bits);
    }
    if (n_bits < 0)
        return (int)n_bits;
    lengths[0] = (uint32_t)((n_bits + 7) / 8);
    return (size_t)lengths[0] + 4 > capacity ? APC_CAPACITY : 0;
}

#ifndef APERCU_CODEC
const struct apc_codec apc_codec_taha2025 = APERCU_READ_AND_WRITTEN(taha2025);
#endif
