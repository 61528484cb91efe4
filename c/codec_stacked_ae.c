/* The codec stacked_ae: the mean of each block, one of several experts, and its latents (spec/stacked_ae.md). */
#include "maps.h"
#include "numbers.h"

#include <string.h>

enum { RANGE = 6, HUFFMAN = 8, LAYERS = 2, N_FIRST = 2, AROUND = 10, ONE = 128, MOST = 32767, WHITE = 130560, WEIGHT_BITS = 12 };
enum { SMALL_SIDE = 8, LARGE_SIDE = 28, MOST_PIXELS = LARGE_SIDE * LARGE_SIDE, MOST_WIDTH = 256, MOST_EXPERTS = 8, MOST_LATENTS = 32 };
enum { MOST_LEAST_STEP = 255, N_LEVELS = 12, N_MAGNITUDES = 16, N_HEAD = 6, CHROMA_STEP_Q4 = 8, MOST_MAPS = N_FIRST + MOST_LATENTS };

static const knot PATH[] = {{0, 32768},    {1600, 23170}, {3200, 16384}, {4800, 11585}, {6400, 8192},  {8000, 5793},
                            {9600, 4096},  {11200, 2896}, {12800, 2048}, {14400, 1448}, {16000, 1024}, {17600, 724},
                            {19200, 512},  {20800, 362},  {22400, 256},  {24000, 181},  {25600, 160}};

/* The tables, of whose networks a decoder takes the lower halves, and the maps that follow from them. */
typedef struct {
    int32_t side, least_step, n_features, first, second, n_experts;
    int32_t n_latents[MOST_EXPERTS];
    const int16_t *decoders[MOST_EXPERTS], *features;
    const uint16_t *of_maps;
    map_kind kinds[MOST_MAPS];
    map_list list;
} stacked;

/* --- Tables */
/* Whether the sums of a layer stay within 32 bits; `straight`, of so many inputs more, and `biases` may be NULL. */
static int is_sound(const int16_t *weights, size_t n_in, const int16_t *straight, size_t n_straight, const int16_t *biases, size_t n_out)
{
    for (size_t j = 0; j < n_out; j++) {
        int64_t sum = 0;
        for (size_t i = 0; i < n_in; i++)
            sum += magnitude(weights[i * n_out + j]);
        for (size_t i = 0; straight && i < n_straight; i++)
            sum += magnitude(straight[i * n_out + j]);
        sum = sum * MOST + (1 << (WEIGHT_BITS - 1)) + (biases ? magnitude(biases[j]) << WEIGHT_BITS : 0);
        if (sum >= (int64_t)1 << 31)
            return 0;
    }
    return 1;
}

/* Three layers of these widths, and the weights straight past them. */
static const int16_t *take_stack(reader *r, const size_t widths[4])
{
    const int16_t *weights[3], *biases[3], *begins = r->numbers + r->at;
    for (int i = 0; i < 3; i++) {
        weights[i] = take(r, widths[i] * widths[i + 1]);
        biases[i] = take(r, widths[i + 1]);
    }
    const int16_t *straight = take(r, widths[0] * widths[3]);
    for (int i = 0; r->check && i < 3 && !r->fault; i++)
        r->fault = !is_sound(weights[i], widths[i], i == 2 ? straight : NULL, widths[0], biases[i], widths[i + 1]);
    return begins;
}

static void take_costs(reader *r, size_t n)
{
    const int16_t *costs = take(r, n);
    for (size_t i = 0; r->check && i < n && !r->fault; i++)
        r->fault = costs[i] < 0;
}

static void list_maps(stacked *of)
{
    int32_t m = of->n_latents[of->n_experts - 1];
    map_kind means = {MAP_PREDICTED, 0, -1, {-1, -1, -1, -1}}, experts = {MAP_SELECTOR, 1, -1, {-1, -1, -1, -1}};
    of->kinds[0] = means;
    of->kinds[1] = experts;
    for (int32_t k = 0; k < m; k++) {
        map_kind latent = {MAP_PLAIN, N_FIRST + k, 0, {-1, -1, -1, -1}};
        for (int i = 0; i < of->n_experts; i++)
            latent.present |= (of->n_latents[i] > k) << i;
        for (int i = 0; i < MAP_EARLIER && 1 + k - i >= N_FIRST; i++)
            latent.earlier[i] = 1 + k - i;
        of->kinds[N_FIRST + k] = latent;
    }
    map_list list = {of->kinds, (uint32_t)(N_FIRST + m), (uint32_t)(N_FIRST + m), (uint32_t)of->side};
    of->list = list;
}

/* What an array holds; `check`: whether it is sound, too. Returns 0 where it holds no tables. */
static int unpack(const apc_model *model, stacked *of, int check)
{
    reader r = {(const int16_t *)(const void *)model->numbers, model->n_numbers, 0, !model->numbers, check};
    int32_t *const heads[N_HEAD] = {&of->side, &of->least_step, &of->n_features, &of->first, &of->second, &of->n_experts};
    for (int i = 0; i < N_HEAD; i++)
        *heads[i] = *take(&r, 1);
    if (r.fault || (of->side != SMALL_SIDE && of->side != LARGE_SIDE) || of->least_step < 1 || of->least_step > MOST_LEAST_STEP ||
        of->n_features < 0 || of->n_features > MOST_WIDTH || of->first < 1 || of->first > MOST_WIDTH || of->second < 1 ||
        of->second > MOST_WIDTH || of->n_experts < 1 || of->n_experts > MOST_EXPERTS)
        return 0;
    for (int i = 0; i < of->n_experts; i++) {
        of->n_latents[i] = *take(&r, 1);
        if (of->n_latents[i] < (i ? of->n_latents[i - 1] : 0) || of->n_latents[i] > MOST_LATENTS)
            return 0;
    }
    if (r.fault || of->n_latents[of->n_experts - 1] == 0)
        return 0;
    size_t n_pixels = (size_t)of->side * (size_t)of->side, n_features = (size_t)of->n_features, inputs = n_features ? n_features : n_pixels;
    const int16_t *forward = take(&r, n_pixels * n_features);
    of->features = take(&r, n_features * n_pixels);
    if (check && n_features && !r.fault)
        r.fault = !is_sound(forward, n_pixels, NULL, 0, NULL, n_features) || !is_sound(of->features, n_features, NULL, 0, NULL, n_pixels);
    for (int i = 0; i < of->n_experts; i++) {
        size_t m = (size_t)of->n_latents[i], first = (size_t)of->first, second = (size_t)of->second;
        const size_t encoder[4] = {inputs + AROUND, first, second, m}, decoder[4] = {m + AROUND, second, first, inputs};
        take_stack(&r, encoder);
        of->decoders[i] = take_stack(&r, decoder);
    }
    take_costs(&r, (size_t)N_LEVELS * (size_t)of->n_experts);
    for (int i = 0; i < of->n_experts; i++)
        take_costs(&r, (size_t)N_LEVELS * (size_t)of->n_latents[i] * N_MAGNITUDES);
    of->of_maps = model->numbers + r.at;
    list_maps(of);
    return !r.fault && (!check || (r.n - r.at == maps_n_numbers(&of->list) && maps_takes_tables(&of->list, of->of_maps)));
}

static int takes_tables(const apc_model *model)
{
    stacked of;
    return unpack(model, &of, 1);
}

/* --- Settings, and what a tile takes */
static int set(apc_file *file)
{
    file->step_q8 = (int32_t)on_path(PATH, file->quality_q8) << 3;
    return 0;
}

/* Before the tables are known: with as many latents, in blocks as small, as can be; or of blocks that may be large. */
static void unknown(stacked *of, int32_t side)
{
    of->side = side;
    of->n_experts = 1;
    of->n_latents[0] = MOST_LATENTS;
    list_maps(of);
}

static int is_huffman(const apc_file *file)
{
    return file->codec->number == HUFFMAN;
}

static int has_room(const apc_file *file, uint32_t width, uint32_t height, uint32_t layer, size_t n)
{
    stacked of;
    unknown(&of, file->model == MODEL_OF_USER ? LARGE_SIDE : SMALL_SIDE);
    uint64_t least = is_huffman(file) ? maps_least_huffman(file, &of.list, width, height) : maps_least(file, &of.list, width, height, N_FIRST);
    return layer == 0 && (n < 1 || n < least) ? APC_TRUNCATED : 0;
}

static void needs(const apc_file *file, uint32_t width, uint32_t height, tile_needs *needs)
{
    stacked of;
    unknown(&of, SMALL_SIDE);
    maps_needs(file, &of.list, width, height, is_huffman(file), needs);
}

/* --- Symbols */
static int check_experts(const apc_file *file, const stacked *of, const tile *t)
{
    for (uint32_t i = 0; i < file->bands; i++) {
        map_plane plane = maps_plane(file, &of->list, t, i);
        size_t n = (size_t)plane.height * (size_t)plane.width;
        const int16_t *numbers = maps_symbols(file, &of->list, t, i) + n;
        for (size_t b = 0; b < n; b++)
            if (numbers[b] > of->n_experts)
                return APC_CORRUPT_STREAM;
    }
    return 0;
}

static int read(const apc_file *file, const apc_model *model, const tile *t, const tile_layers *layers, uint32_t n_layers,
                uint32_t *faulty)
{
    stacked of;
    unpack(model, &of, 0);
    maps_start(file, &of.list, t, is_huffman(file) ? NULL : of.of_maps);
    for (uint32_t layer = 0; layer < n_layers; layer++) {
        uint32_t first = layer ? N_FIRST : 0, end = layer || file->n_layers == 1 ? of.list.n_maps : N_FIRST;
        int fault = is_huffman(file) ? maps_read_huffman(file, &of.list, t, first, end, layers->at[layer], layers->size[layer])
                                     : maps_read(file, &of.list, t, first, end, layers->at[layer], layers->size[layer]);
        fault = fault || layer ? fault : check_experts(file, &of, t);
        if (fault) {
            *faulty = layer;
            return fault;
        }
    }
    return 0;
}

/* --- Networks: numbers have 7 fraction bits, weights 12; sums fit in 32 bits */
static void add_products(const int32_t *x, size_t n_in, const int16_t *weights, size_t n_out, int32_t *sums)
{
    for (size_t i = 0; i < n_in; i++, weights += n_out)
        for (size_t j = 0; x[i] && j < n_out; j++)
            sums[j] += x[i] * weights[j];
}

static void begin_sums(const int16_t *biases, size_t n, int32_t *sums)
{
    for (size_t j = 0; j < n; j++)
        sums[j] = (biases ? biases[j] * (1 << WEIGHT_BITS) : 0) + (1 << (WEIGHT_BITS - 1));
}

static void round_sums(int32_t *sums, size_t n, int leaky)
{
    for (size_t j = 0; j < n; j++) {
        int32_t y = clamp32(floor_shift32(sums[j], WEIGHT_BITS), -MOST, MOST);
        sums[j] = leaky && y < 0 ? floor_shift32(y, 2) : y;
    }
}

/* What an expert makes of its inputs, of `pixels`. */
static void decode_block(const stacked *of, int expert, const int32_t *inputs, int32_t *pixels)
{
    int32_t first[MOST_WIDTH], second[MOST_WIDTH], features[MOST_WIDTH];
    size_t n = (size_t)of->n_latents[expert] + AROUND, h2 = (size_t)of->second, h1 = (size_t)of->first;
    size_t n_pixels = (size_t)of->side * (size_t)of->side, n_out = of->n_features ? (size_t)of->n_features : n_pixels;
    const int16_t *at = of->decoders[expert];
    int32_t *out = of->n_features ? features : pixels;
    begin_sums(at + n * h2, h2, second);
    add_products(inputs, n, at, h2, second);
    round_sums(second, h2, 1);
    at += n * h2 + h2;
    begin_sums(at + h2 * h1, h1, first);
    add_products(second, h2, at, h1, first);
    round_sums(first, h1, 1);
    at += h2 * h1 + h1;
    begin_sums(at + h1 * n_out, n_out, out);
    add_products(first, h1, at, n_out, out);
    at += h1 * n_out + n_out;
    add_products(inputs, n, at, n_out, out);
    round_sums(out, n_out, 0);
    if (of->n_features) {
        begin_sums(NULL, n_pixels, pixels);
        add_products(features, n_out, of->features, n_pixels, pixels);
        round_sums(pixels, n_pixels, 0);
    }
}

/* What a block sees besides its latents: the means around it less its own, its own, and white; in 8 steps. */
static void look_around(const int16_t *means, size_t w, size_t h, size_t x, size_t y, int32_t step_q5, int32_t out[AROUND])
{
    int32_t c = means[y * w + x];
    int n = 0;
    for (int i = 0; i < 9; i++) {
        size_t v = i / 3 == 0 ? (y ? y - 1 : 0) : i / 3 == 2 && y + 1 < h ? y + 1 : y;
        size_t u = i % 3 == 0 ? (x ? x - 1 : 0) : i % 3 == 2 && x + 1 < w ? x + 1 : x;
        if (i != 4)
            out[n++] = clamp32(ONE / 8 * (means[v * w + u] - c), -MOST, MOST);
    }
    out[n++] = clamp32(ONE / 8 * c, -MOST, MOST);
    out[n] = clamp32(WHITE / step_q5, -MOST, MOST);
}

static int64_t floor_division(int64_t a, int64_t b)
{
    return a >= 0 ? a / b : -((-a + b - 1) / b);
}

static void synthesise(const apc_file *file, const apc_model *model, const tile *t, uint32_t index, int16_t *scratch, int16_t *plane)
{
    stacked of;
    int32_t drawn[MOST_PIXELS], inputs[MOST_LATENTS + AROUND];
    (void)scratch;
    unpack(model, &of, 0);
    map_plane size = maps_plane(file, &of.list, t, index);
    band_plane whole = plane_of(file, t->width, t->height, index);
    size_t w = (size_t)size.width, h = (size_t)size.height, n = w * h, side = (size_t)of.side;
    int32_t step_q5 = file->step_q8 >> 3, low = size.chroma ? -FULL / 2 : 0, high = size.chroma ? FULL / 2 : FULL;
    const int16_t *means = maps_symbols(file, &of.list, t, index);
    step_q5 = size.chroma ? (step_q5 * CHROMA_STEP_Q4 + 8) / 16 : step_q5;
    step_q5 = step_q5 < 32 * of.least_step ? 32 * of.least_step : step_q5;
    for (size_t b = 0; b < n; b++) {
        size_t x = b % w, y = b / w;
        int expert = means[n + b];
        int64_t level = floor_division(2 * (int64_t)means[b] * step_q5 + of.side, 2 * (int64_t)of.side);
        memset(drawn, 0, sizeof drawn);
        if (expert < of.n_experts) {
            for (int k = 0; k < of.n_latents[expert]; k++)
                inputs[k] = clamp32(means[(size_t)(N_FIRST + k) * n + b] * ONE, -MOST, MOST);
            look_around(means, w, h, x, y, step_q5, inputs + of.n_latents[expert]);
            decode_block(&of, expert, inputs, drawn);
        }
        for (size_t i = 0; i < side * side; i++) {
            size_t v = y * side + i / side, u = x * side + i % side;
            int64_t sample = level + floor_shift32((int32_t)(drawn[i] * step_q5 + ONE / 2), 7);
            if (v < (size_t)whole.height && u < (size_t)whole.width)
                plane[v * (size_t)whole.width + u] = (int16_t)(sample < low ? low : sample > high ? high : sample);
        }
    }
}

const struct apc_codec apc_codec_stacked_ae = {RANGE, LAYERS, 1, 0, 0, set, takes_tables, has_room, needs, read, synthesise, NULL, NULL};
const struct apc_codec apc_codec_stacked_ae_huffman = {HUFFMAN, LAYERS, 1, 0, 0, set, takes_tables, has_room, needs, read, synthesise,
                                                   NULL, NULL};
