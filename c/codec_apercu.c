/* The codec apercu: a wavelet, and its symbols by the kernel's coder (spec/apercu.md). */
#include "codec_apercu.h"
#include "band_small.h"
#include "band_step.h"
#include "rows.h"
#include "wavelet.h"

#include <string.h>

/* A build whose tables all have starts (APERCU_STARTS) has no code for small ones. */
#ifdef APERCU_STARTS
enum { HAS_STARTS = 1 };
#else
enum { HAS_STARTS = 0 };
#endif

enum { BITS_A_BYTE_LOG2 = 15, BITS_A_BYTE_OF_USERS_LOG2 = 19, BEYOND = 5 }; /* spec/apercu.md, "What a segment can hold" */
enum { FEW_PLANES = 4, COLOUR_ROWS = 8, MOST_WEIGHT = 64 /* so that sums over neighbours have 16 bits */ };

/* (quality in 1/256, step_q8), spec/apercu.md, "Path of apercu". */
static const knot PATH[] = {{0, 262144},   {1600, 185364}, {3200, 131072}, {4800, 92682}, {6400, 65536}, {8000, 46341}, {9600, 32768},
                            {11200, 23170}, {12800, 16384}, {13600, 12634}, {14400, 9742}, {15200, 7512}, {16000, 5793}, {16800, 4467},
                            {17600, 3444},  {18400, 2656},  {19200, 2048},  {20000, 1579}, {20800, 1218}, {21600, 939},  {22400, 724},
                            {23200, 558},   {24000, 431},   {24800, 332},   {25600, 256}};

int apc_codec_apercu_set(apc_file *file)
{
    file->step_q8 = (int32_t)on_path(PATH, file->quality_q8);
    return 0;
}

int levels_of_plane(const band_plane *plane)
{
    return WAVELET_LEVELS - plane->chroma;
}

/* The first layer holds the coarsest stages, every other one stage. */
static void stages_of(const apc_file *file, uint32_t layer, int *first, int *last)
{
    *last = (int)(file->n_layers - layer);
    *first = layer ? *last : STAGES;
}

/* --- Memory */
static size_t n_for_wavelet(const band_plane *plane)
{
    return wavelet_workspace((size_t)plane->width, (size_t)plane->height);
}

/* Where coefficients begin; planes and contexts are before them. */
static size_t planes_at(void)
{
    return aligned(N_CONTEXTS * sizeof(range_context));
}

static size_t coefficients_at(const apc_file *file)
{
    return planes_at() + aligned(file->bands * sizeof(band_plane));
}

APERCU_APART void map_memory(const apc_file *file, uint32_t width, uint32_t height, memory_map *map)
{
    band_plane some[FEW_PLANES];
    uint32_t few = file->bands < FEW_PLANES ? file->bands : FEW_PLANES;
    map->n_coefficients = 0;
    for (uint32_t i = 0; i < few; i++) {
        some[i] = plane_of(file, width, height, i);
        map->n_coefficients += n_samples(&some[i]);
    }
    map->n_workspace = (size_t)apercu_bands_workspace(some, few);
    if (file->bands > few) { /* all alike: each takes as much as the last of these */
        map->n_workspace += (file->bands - few) * (map->n_workspace - (size_t)apercu_bands_workspace(some, few - 1));
        map->n_coefficients += (file->bands - few) * n_samples(&some[0]);
    }
    map->contexts = 0;
    map->planes = planes_at();
    map->coefficients = coefficients_at(file);
    map->work = map->coefficients + aligned(map->n_coefficients * sizeof(int16_t));
}

typedef struct {
    range_context *contexts;
    band_plane *planes;
    int16_t *coefficients;
    memory_map map;
} parts;

static void parts_in(parts *p, const apc_file *file, const tile *t)
{
    map_memory(file, t->width, t->height, &p->map);
    p->contexts = (range_context *)(void *)(t->memory + p->map.contexts);
    p->planes = (band_plane *)(void *)(t->memory + p->map.planes);
    p->coefficients = (int16_t *)(void *)(t->memory + p->map.coefficients);
    for (uint32_t i = 0; i < file->bands; i++)
        p->planes[i] = plane_of(file, t->width, t->height, i);
}

void start_tile(const apc_model *model, range_context *contexts, uint8_t *work, size_t n_workspace)
{
    if (HAS_STARTS || model->starts)
        apercu_bands_start(model->starts, contexts);
    else
        for (int32_t i = 0; i < N_CONTEXTS; i++)
            contexts[i] = small_start(model->codes, i, 0);
    memset(work, 0, n_workspace);
}

/* --- Pixels to symbols */
/* What stands in `work` before the coder does: numbers of rows of samples, and behind them what they are made in. All components
 * of colour go through their wavelets side by side. */
static size_t n_rows(const apc_file *file, uint32_t width)
{
    return is_colour(file) ? COLOUR_ROWS * even((int32_t)width) : even((int32_t)width);
}

static int write_layers(const apc_file *file, const apc_model *model, const tile *t, const parts *p, uint8_t *out,
                        size_t capacity, uint32_t *lengths)
{
    start_tile(model, p->contexts, t->memory + p->map.work, p->map.n_workspace);
    for (uint32_t layer = 0; layer < file->n_layers; layer++) {
        int first, last;
        uint64_t state[3] = {0, 0, 0};
        stages_of(file, layer, &first, &last);
        int64_t n = apercu_bands_encode(p->planes, file->bands, file->step_q8, model->weights, NULL, first, last, 0,
                                        file->bands, p->contexts, t->memory + p->map.work, p->map.n_workspace, p->coefficients,
                                        NULL, out, capacity, state, 1);
        if (n < 0)
            return (int)n;
        if ((uint64_t)n + 4 > capacity)
            return APC_CAPACITY;
        lengths[layer] = (uint32_t)n;
        out += n + 4;
        capacity -= (size_t)n + 4;
    }
    return 0;
}

static void begin(const apc_file *file, wavelet_analysis *a, const band_plane *plane, int16_t *workspace, int16_t *coefficients)
{
    a->how = (wavelet_how){(size_t)plane->width, (size_t)plane->height, levels_of_plane(plane), plane->chroma ? 0 : CENTRE,
                       plane->fitted ? file->step_q8 : 0, plane->chroma};
    wavelet_begin(a, workspace, coefficients);
}

/* Apart, so that its state is off the stack when symbols are coded. */
APERCU_APART static void analyse_band(const apc_file *file, const tile *t, const parts *p, const void *pixels, size_t row,
                                        uint32_t band, int16_t *coefficients)
{
    const band_plane *of = &p->planes[band];
    int16_t *samples = (int16_t *)(void *)(t->memory + p->map.work);
    wavelet_analysis a;
    begin(file, &a, of, samples + n_rows(file, t->width), coefficients);
    for (size_t y = 0; y < (size_t)of->height; y++) {
        if (!is_wide(file)) {
            wavelet_push_u8(&a, (const uint8_t *)pixels + y * row + band, file->bands);
            continue;
        }
        fetch_band(file, t, pixels, y * row, 0, 1, band, (size_t)of->width, 1, samples);
        wavelet_push(&a, samples);
    }
    wavelet_end(&a);
}

APERCU_APART static void analyse_colour(const apc_file *file, const tile *t, const parts *p, const void *pixels, size_t row,
                                          int16_t *coefficients)
{
    wavelet_analysis planes[COLOUR_PLANES];
    int16_t *samples = (int16_t *)(void *)(t->memory + p->map.work), *workspace = samples + n_rows(file, t->width);
    size_t height = (size_t)p->planes[0].height, wide = even(p->planes[0].width);
    for (int i = 0; i < COLOUR_PLANES; i++) {
        const band_plane *of = &p->planes[i];
        begin(file, &planes[i], of, workspace, coefficients);
        workspace += wavelet_workspace((size_t)of->width, (size_t)of->height);
        coefficients += n_samples(of);
    }
    for (size_t y = 0; y < height; y += 2) {
        size_t n = height - y < 2 ? 1 : 2;
        fetch_colour(file, t, pixels, y * row, row, n, wide, 2, samples + 3 * wide, samples);
        for (size_t i = 0; i < n; i++)
            wavelet_push(&planes[0], samples + i * wide);
        wavelet_push(&planes[1], samples + 2 * wide);
        wavelet_push(&planes[2], samples + 2 * wide + wide / 2);
    }
    for (int i = 0; i < COLOUR_PLANES; i++)
        wavelet_end(&planes[i]);
}

#ifndef APERCU_SOLID
/* --- Alpha, chosen so that opaque or clear areas come back exactly so: see src/apercu/codecs/settled_alpha.py */
enum { EVERY = 4 /* samples in either direction is looked at */, CELL = (1 << STAGES) / EVERY, MOSTLY = 48, BEYOND_END = 2064, OF_END = 2040 };

/* Of the samples around one of LL, how many are `end`. */
static int share_at(const apc_file *file, const tile *t, const void *pixels, size_t row, size_t y, size_t x, int end)
{
    int n = 0;
    int64_t last_y = (t->height - 1) / EVERY, last_x = (t->width - 1) / EVERY;
    for (int i = 0; i < CELL * CELL; i++) {
        int64_t v = (int64_t)y * CELL + i / CELL - CELL / 2, u = (int64_t)x * CELL + i % CELL - CELL / 2;
        v = v < 0 ? 0 : v > last_y ? last_y : v;
        u = u < 0 ? 0 : u > last_x ? last_x : u;
        n += alpha_at(file, pixels, (size_t)v * EVERY * row + (size_t)u * EVERY * file->bands) == end;
    }
    return n;
}

/* Multiples of the step in place of the coefficients of LL: at an end of the range the next beyond it, which takes no more bits; of a
 * plane that is the same all over, else the nearest. The other bands of such a plane become 0. */
static void settle_alpha(const apc_file *file, const tile *t, const void *pixels, size_t row, int16_t *coefficients)
{
    int32_t value = value_of_alpha(file, t, pixels, row);
    int64_t step_q6 = band_step_q6(file->step_q8, 0, STAGES, -1);
    size_t w = ((size_t)t->width + (1 << STAGES) - 1) >> STAGES, h = ((size_t)t->height + (1 << STAGES) - 1) >> STAGES;
    if (value >= 0)
        memset(coefficients + w * h, 0, ((size_t)t->width * t->height - w * h) * sizeof *coefficients);
    for (size_t i = 0; i < w * h; i++) {
        int64_t low = coefficients[i], size = (low < 0 ? -low : low) * 64, n = (size + step_q6 / 2) / step_q6;
        int end = low > 0 ? FULL : 0, ends = value < 0 ? share_at(file, t, pixels, row, i / w, i % w, end) > MOSTLY : value == end;
        if (ends)
            n = (size * BEYOND_END + OF_END * step_q6 - 1) / (OF_END * step_q6);
        n = (n * step_q6 + 32) >> 6;
        n = n < 32767 ? n : 32767;
        if (ends || value >= 0)
            coefficients[i] = (int16_t)(low < 0 ? -n : low ? n : 0);
    }
}
#endif

size_t apc_codec_apercu_writing(const apc_file *file, uint32_t width, uint32_t height)
{
    memory_map map;
    band_plane first = plane_of(file, width, height, 0), second = plane_of(file, width, height, 1);
    size_t n = n_rows(file, width) + n_for_wavelet(&first) + (is_colour(file) ? 2 * n_for_wavelet(&second) : 0);
    map_memory(file, width, height, &map);
    return map.work + aligned(larger(map.n_workspace, sizeof(int16_t) * n));
}

int apc_codec_apercu_write(const apc_file *file, const apc_model *model, const tile *t, const void *pixels, size_t row, uint8_t *out,
                       size_t capacity, uint32_t *lengths)
{
    parts p;
    parts_in(&p, file, t);
    if (is_colour(file))
        analyse_colour(file, t, &p, pixels, row, p.coefficients);
    for (uint32_t band = 0; !is_colour(file) && band < file->bands; band++)
        analyse_band(file, t, &p, pixels, row, band, p.coefficients + band * n_samples(&p.planes[0]));
#ifndef APERCU_SOLID
    if (is_alpha(file, file->bands - 1)) {
        int16_t *alpha = p.coefficients + n_samples(&p.planes[0]) + 2 * n_samples(&p.planes[1]);
        analyse_band(file, t, &p, pixels, row, ALPHA, alpha);
        settle_alpha(file, t, pixels, row, alpha);
    }
#endif
    return write_layers(file, model, t, &p, out, capacity, lengths);
}

/* --- Symbols to planes */
int apc_codec_apercu_takes_tables(const apc_model *model)
{
    if (!model->weights)
        return 0;
    for (size_t i = 0; i < BANDS_IN_ALL * PAST; i++)
        if (model->weights[i] > MOST_WEIGHT)
            return 0;
    const uint16_t *start = model->starts; /* any codes are sound */
    for (size_t i = 0; start && i < N_CONTEXTS; i++, start += 2)
        if (start[0] < 1 || start[1] < 2 || start[1] > RANGE_OLD_AGE)
            return 0;
    return 1;
}

static uint64_t least_bits(const band_plane *plane, int first, int last)
{
    wavelet_layout layout;
    int levels = levels_of_plane(plane);
    wavelet_lay_out(&layout, (size_t)plane->width, (size_t)plane->height, levels);
    uint64_t bits = first == STAGES ? (uint64_t)layout.width[0] * layout.height[0] : 0;
    for (int i = 1; i < layout.n_bands; i++) {
        int stage = levels - (i - 1) / ORIENTATIONS + plane->chroma;
        size_t group = stage <= FLAGGED_STAGES ? GROUP : 1;
        if (last <= stage && stage <= first)
            bits += (uint64_t)((layout.width[i] + group - 1) / group) * ((layout.height[i] + group - 1) / group);
    }
    return bits;
}

int apc_codec_apercu_has_room(const apc_file *file, uint32_t width, uint32_t height, uint32_t layer, size_t n)
{
    int first, last;
    stages_of(file, layer, &first, &last);
    band_plane plane = plane_of(file, width, height, 0);
    uint64_t bits = least_bits(&plane, first, last) * (is_colour(file) ? file->bands - 2 : file->bands);
    if (is_colour(file)) {
        plane = plane_of(file, width, height, 1);
        bits += 2 * least_bits(&plane, first, last);
    }
    unsigned log2 = file->model == MODEL_OF_USER ? BITS_A_BYTE_OF_USERS_LOG2 : BITS_A_BYTE_LOG2;
    return bits > ((uint64_t)n + BEYOND) << log2 ? APC_TRUNCATED : 0;
}

void apc_codec_apercu_needs(const apc_file *file, uint32_t width, uint32_t height, tile_needs *needs)
{
    memory_map map;
    map_memory(file, width, height, &map);
    needs->kept = map.work;
    needs->reading = map.n_workspace;
    needs->scratch = wavelet_workspace(width, height);
}

int apc_codec_apercu_read(const apc_file *file, const apc_model *model, const tile *t, const tile_layers *layers,
                      uint32_t n_layers, uint32_t *faulty)
{
    range_context *contexts = (range_context *)(void *)t->memory;
    band_plane *planes = (band_plane *)(void *)(t->memory + planes_at());
    int16_t *coefficients = (int16_t *)(void *)(t->memory + coefficients_at(file));
    for (uint32_t i = 0; i < file->bands; i++)
        planes[i] = plane_of(file, t->width, t->height, i);
    start_tile(model, contexts, t->work, t->n_work);
    memset(coefficients, 0, (size_t)(t->work - (uint8_t *)coefficients));
    for (uint32_t layer = 0; layer < n_layers; layer++) {
        int first, last;
        uint64_t state[3] = {0, 0, 0};
        stages_of(file, layer, &first, &last);
        int64_t fault = apercu_bands_decode(planes, file->bands, file->step_q8, model->weights, first, last, 0, file->bands,
                                            contexts, t->work, t->n_work, layers->at[layer], layers->size[layer], coefficients,
                                            state, 1);
        if (fault) {
            *faulty = layer;
            return (int)fault; /* of the kernel, which has the same numbers */
        }
    }
    return 0;
}

void apc_codec_apercu_synthesise(const apc_file *file, const apc_model *model, const tile *t, uint32_t index, int16_t *scratch,
                             int16_t *plane)
{
    int chroma = is_colour(file) && (index == 1 || index == 2);
    size_t half_w = ((size_t)t->width + 1) / 2, half_h = ((size_t)t->height + 1) / 2;
    size_t w = chroma ? half_w : t->width, h = chroma ? half_h : t->height, before = index * w * h;
    (void)model;
    if (is_colour(file) && index)
        before = (size_t)t->width * t->height + (index - 1) * half_w * half_h;
    apercu_wavelet_synthesise((const int16_t *)(const void *)(t->memory + coefficients_at(file)) + before, w, h,
                              WAVELET_LEVELS - chroma, chroma ? 0 : CENTRE, scratch, wavelet_workspace(w, h), plane, w);
}

#ifndef APERCU_CODEC
const struct apc_codec apc_codec_apercu = APERCU_READ_AND_WRITTEN(apercu);
#endif
