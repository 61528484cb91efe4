/* The codec predictive: samples as they are, each predicted from those before it (spec/predictive.md). */
#include "inside.h"
#include "predict.h"

#include <string.h>

enum { NUMBER = 5, MOST_ERROR = 65535, FULL_SPAN = 255, SQUARE_SHARE = 128 * FULL_SPAN };
enum { HELD_LOG2 = 13, HELD_OF_USER_LOG2 = 19, BEYOND_END = 5, N_CONTEXTS_HERE = 25080, MOST_TAPS = 8192, N_VALUES = 65536 };
enum { N_TAPS = PREDICT_CLASSES * PREDICT_EXPERTS * PREDICT_INPUTS };

/* (quality in 1/256, the largest error of samples of 8 bits in 1/256), spec/predictive.md, "Path of predictive". */
static const knot PATH[] = {{0, 32768},    {2304, 28160}, {4864, 23040}, {7680, 16384}, {10496, 11520}, {12544, 8192},
                            {14464, 5888}, {16128, 4096}, {17664, 2816}, {18688, 2048}, {19712, 1536},  {20992, 1024},
                            {21760, 768},  {22528, 512},  {23808, 256},  {25600, 0}};

/* The largest error of samples of 8 bits, with 24 fraction bits. */
static int64_t error_q24(uint32_t quality_q8)
{
    const knot *k = PATH;
    while (quality_q8 > k[1].place)
        k++;
    int64_t d = k[1].place - k[0].place, p = (int64_t)quality_q8 - k[0].place;
    return ((k[0].value * (d - p) + k[1].value * p) << 16) / d;
}

static int set(apc_file *file)
{
    int64_t error_q8 = file->quality_q8 == BY_HAND ? 256 * (int64_t)file->by_hand[0] : error_q24(file->quality_q8) >> 16;
    file->step_q8 = (int32_t)(2 * error_q8 + 256);
    return 0;
}

/* The largest range of a level group. */
static int32_t span_of(const apc_file *file)
{
    int32_t span = 0;
    for (uint32_t group = 0; group < n_level_groups(file); group++)
        span = range_of(file, group) > span ? range_of(file, group) : span;
    return is_wide(file) ? span : FULL_SPAN;
}

/* What all calls of the kernel agree on. */
static predict_tile tile_of(const apc_file *file, uint32_t width, uint32_t height)
{
    predict_tile of = {(int32_t)width, (int32_t)height, (int32_t)file->bands, (int32_t)file->by_hand[0], (int32_t)height, (int32_t)file->bands};
    if (file->quality_q8 != BY_HAND) {
        int64_t error = error_q24(file->quality_q8), more = span_of(file) - FULL_SPAN;
        error += (error * error >> 24) * (more > 0 ? more : 0) / SQUARE_SHARE;
        of.max_error = (int32_t)(error >> 24);
        of.coarser_from = (int32_t)height - (int32_t)((int64_t)height * (error & ((1 << 24) - 1)) >> 24);
    }
    return of;
}

static int takes_tables(const apc_model *model)
{
    if (!model->numbers || model->n_numbers != N_TAPS + 2 * N_CONTEXTS_HERE)
        return 0;
    const int16_t *taps = (const int16_t *)(const void *)model->numbers;
    for (int i = 0, sum = 0; i < N_TAPS; i++) {
        sum = i % PREDICT_INPUTS ? sum : 0;
        sum += taps[i] < 0 ? -taps[i] : taps[i];
        if (sum > MOST_TAPS)
            return 0;
    }
    const uint16_t *start = model->numbers + N_TAPS;
    for (int i = 0; i < N_CONTEXTS_HERE; i++, start += 2)
        if (start[0] < 1 || start[1] < 2 || start[1] > RANGE_OLD_AGE)
            return 0;
    return 1;
}

static int has_room(const apc_file *file, uint32_t width, uint32_t height, uint32_t layer, size_t n)
{
    (void)layer;
    uint64_t n_samples = (uint64_t)width * height * file->bands;
    return n_samples > ((uint64_t)n + BEYOND_END) << (file->model ? HELD_LOG2 : HELD_OF_USER_LOG2) ? APC_TRUNCATED : 0;
}

/* --- Memory: samples in coded order are kept; of what reading takes, contexts come first. */
static size_t tops_at(void)
{
    return N_CONTEXTS_HERE * sizeof(range_context);
}

static size_t values_at(const apc_file *file)
{
    return tops_at() + aligned(file->bands * sizeof(int32_t));
}

static size_t workspace_at(const apc_file *file)
{
    return values_at(file) + N_VALUES * sizeof(uint16_t);
}

static void needs(const apc_file *file, uint32_t width, uint32_t height, tile_needs *needs)
{
    predict_tile of = tile_of(file, width, height);
    needs->kept = (size_t)width * height * file->bands * sizeof(uint16_t);
    needs->reading = workspace_at(file) + (size_t)apercu_predict_workspace(&of);
    needs->scratch = n_for_colour(width);
}

/* --- Maps: bands of which most values are not used have a list of those that are, in runs of equal gaps */
typedef struct {
    const uint8_t *data;
    size_t n, at; /* numbers of 16 bits */
    int fault;
} numbers;

static uint32_t take(numbers *of)
{
    if (of->fault || of->at >= of->n) {
        of->fault = of->fault ? of->fault : APC_TRUNCATED;
        return 0;
    }
    const uint8_t *two = of->data + 2 * of->at++;
    return (uint32_t)two[0] | (uint32_t)two[1] << 8;
}

/* A map: its band in coded order, and its number of values; into `values` if that is not NULL. */
static uint32_t take_map(numbers *of, const apc_file *file, const int32_t *tops, int64_t before, uint32_t *n_values, uint16_t *values)
{
    uint32_t band = take(of), value = take(of), n_runs = take(of), n = 1;
    uint64_t last = value;
    if (!of->fault && n_runs > (of->n - of->at) / 2)
        of->fault = APC_TRUNCATED;
    if (!of->fault && (band >= file->bands || (int64_t)band <= before))
        of->fault = APC_CORRUPT_STREAM;
    if (values)
        values[0] = (uint16_t)value;
    for (uint32_t run = 0; run < n_runs && !of->fault; run++) {
        uint32_t gap = take(of), times = take(of);
        last += (uint64_t)gap * times;
        if (gap == 0 || times == 0 || last > (uint32_t)tops[band])
            of->fault = APC_CORRUPT_STREAM;
        for (uint32_t i = 0; values && i < times && !of->fault; i++)
            value += gap, values[n + i] = (uint16_t)value;
        n += of->fault ? 0 : times;
    }
    if (!of->fault && last > (uint32_t)tops[band])
        of->fault = APC_CORRUPT_STREAM;
    *n_values = n;
    return band;
}

/* Of bands with maps, a sample is a place in a list: at the most so many less one. Returns 0 or a fault; *n_bytes that maps take. */
static int take_maps(const apc_file *file, const uint8_t *data, size_t n, int32_t *tops, size_t *n_bytes)
{
    if (n < 1)
        return APC_TRUNCATED;
    if (data[0] > 1)
        return APC_CORRUPT_STREAM;
    numbers of = {data + 1, (n - 1) / 2, 0, 0};
    int64_t before = -1;
    uint32_t n_maps = data[0] ? take(&of) + 1 : 0;
    for (uint32_t i = 0; i < n_maps && !of.fault; i++) {
        uint32_t n_values, band = take_map(&of, file, tops, before, &n_values, NULL);
        if (of.fault)
            break;
        tops[band] = (int32_t)n_values - 1;
        before = band;
    }
    *n_bytes = 1 + 2 * of.at;
    return of.fault;
}

/* Places to values, of maps that were sound. */
static void undo_maps(const apc_file *file, const tile *t, const uint8_t *data, size_t n)
{
    numbers of = {data + 1, (n - 1) / 2, 0, 0};
    uint16_t *values = (uint16_t *)(void *)(t->work + values_at(file));
    int32_t *tops = (int32_t *)(void *)(t->work + tops_at());
    size_t n_samples = (size_t)t->width * t->height;
    uint32_t n_maps = data[0] ? take(&of) + 1 : 0;
    for (uint32_t i = 0; i < file->bands; i++)
        tops[i] = is_wide(file) ? 65535 : 255;
    for (uint32_t i = 0; i < n_maps; i++) {
        uint32_t n_values;
        memset(values, 0, N_VALUES * sizeof *values);
        uint32_t band = take_map(&of, file, tops, -1, &n_values, values);
        apercu_predict_map((uint16_t *)(void *)t->memory + band * n_samples, n_samples, values);
    }
}

static int read(const apc_file *file, const apc_model *model, const tile *t, const tile_layers *layers, uint32_t n_layers,
                uint32_t *faulty)
{
    predict_tile of = tile_of(file, t->width, t->height);
    range_context *contexts = (range_context *)(void *)t->work;
    int32_t *tops = (int32_t *)(void *)(t->work + tops_at());
    size_t n_workspace = (size_t)apercu_predict_workspace(&of), at = 0;
    uint64_t state[3] = {0, 0, 0};
    int has_maps = of.max_error == 0 && of.coarser_from == of.height;
    (void)n_layers;
    *faulty = 0;
    for (uint32_t i = 0; i < file->bands; i++)
        tops[i] = is_wide(file) ? 65535 : 255;
    int fault = has_maps ? take_maps(file, layers->at[0], layers->size[0], tops, &at) : 0;
    if (fault)
        return fault;
    apercu_predict_start(model->numbers + N_TAPS, contexts);
    memset(t->work + workspace_at(file), 0, n_workspace);
    fault = (int)apercu_predict_decode(&of, tops, (const int16_t *)(const void *)model->numbers, contexts, t->work + workspace_at(file),
                                       n_workspace, (uint16_t *)(void *)t->memory, 0, (int64_t)of.n_bands * of.height,
                                       layers->at[0] + at, layers->size[0] - at, state, 1);
    if (!fault && has_maps)
        undo_maps(file, t, layers->at[0], layers->size[0]);
    return fault;
}

/* Samples of a band; of colours, green was coded first. */
static void synthesise(const apc_file *file, const apc_model *model, const tile *t, uint32_t index, int16_t *scratch, int16_t *plane)
{
    size_t n = (size_t)t->width * t->height;
    (void)model, (void)scratch;
    if (is_colour(file) && index < 2)
        index = 1 - index;
    memcpy(plane, t->memory + index * n * sizeof *plane, n * sizeof *plane);
}

const struct apc_codec apc_codec_predictive = {NUMBER, 1, 0, 1, MOST_ERROR, set, takes_tables, has_room, needs, read, synthesise, NULL, NULL};
