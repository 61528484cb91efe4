/* The codec rnn: means of places of 16 x 16, then step by step a few bits, which a recurrent network draws (spec/rnn.md). */
#include "maps.h"
#include "numbers.h"

#include <string.h>

enum { NUMBER = 9, STEPS = 10, LAYERS = 1 + STEPS, SIDE = 16, WINDOW = 24, REACH = 4, ONE = 512, ONE_LOG2 = 9 };
enum { MOST_WIDTH = 256, MOST_BITS = 8, LARGEST_SCALE = 16383, LARGEST_MEAN = 255, MOST_FEATURE = 2 * ONE, MOST_DRAWN = 16 * ONE - 1 };
enum { MOST_SEEN = 4 * ONE - 1, LARGEST_SUM = (1 << 24) - (1 << 22), N_HEAD = 5, ALIKE = 2, MOST_MAPS = 1 + STEPS * (1 + MOST_BITS) };

static const knot PATH[] = {{0, 16384},   {1600, 12363}, {3200, 9329},  {4800, 7039},  {6400, 5312}, {8000, 4008},
                            {9600, 3025}, {11200, 2282}, {12800, 1722}, {14400, 1300}, {16000, 981}, {17600, 740},
                            {19200, 558}, {20800, 421},  {22400, 318},  {24000, 240},  {25600, 181}};

/* The tables, of which a decoder takes its own networks, and the maps that follow from them. */
typedef struct {
    int32_t n_features, n_encoder, n_units, n_wide, n_bits;
    const int16_t *scales, *starts, *inputs, *states, *biases, *wide, *marks, *offsets, *drawn;
    const uint16_t *of_maps;
    map_kind kinds[MOST_MAPS];
    map_list list;
} networks;

/* --- Tables */
/* `times` matrices, whose sums stay within 2^24 with inputs up to `bound`; 0: any. */
static const int16_t *take_matrix(reader *r, size_t times, size_t n_in, size_t n_out, int32_t bound)
{
    const int16_t *weights = take(r, times * n_in * n_out);
    for (size_t i = 0; r->check && bound && !r->fault && i < times * n_out; i++) {
        int64_t sum = 0;
        for (size_t k = 0; k < n_in; k++)
            sum += magnitude(weights[(i / n_out * n_in + k) * n_out + i % n_out]);
        r->fault = sum > LARGEST_SUM / bound;
    }
    return weights;
}

/* Numbers from `least` to `most`. */
static const int16_t *take_within(reader *r, size_t n, int32_t least, int32_t most)
{
    const int16_t *numbers = take(r, n);
    for (size_t i = 0; r->check && i < n && !r->fault; i++)
        r->fault = numbers[i] < least || numbers[i] > most;
    return numbers;
}

static void list_maps(networks *of)
{
    int32_t bits = of->n_bits;
    map_kind means = {MAP_PREDICTED, 0, -1, {-1, -1, -1, -1}};
    of->kinds[0] = means;
    for (int32_t step = 0; step < STEPS; step++) {
        int32_t stops = 1 + step * (1 + bits), before = stops - 1 - bits;
        map_kind stop = {MAP_COUNT, 1 + step, step ? 1 : -1, {step ? before : -1, -1, -1, -1}};
        of->kinds[stops] = stop;
        for (int32_t bit = 0; bit < bits; bit++) {
            int32_t own = stops + 1 + bit, n = 0;
            map_kind kind = {MAP_PLAIN, 1 + STEPS + bits * (step < ALIKE ? step : ALIKE) + bit, 1, {-1, -1, -1, -1}};
            if (step)
                kind.earlier[n++] = own - 1 - bits;
            for (int32_t k = own - 1; k > stops && k >= own - 3 && n < MAP_EARLIER; k--)
                kind.earlier[n++] = k;
            of->kinds[own] = kind;
        }
    }
    map_list list = {of->kinds, (uint32_t)(1 + STEPS * (1 + bits)), (uint32_t)(1 + STEPS + bits * (1 + ALIKE)), SIDE};
    of->list = list;
}

/* What an array holds; `check`: whether it is sound, too. Returns 0 where it holds no tables. */
static int unpack(const apc_model *model, networks *of, int check)
{
    reader r = {(const int16_t *)(const void *)model->numbers, model->n_numbers, 0, !model->numbers, check};
    int32_t *const heads[N_HEAD] = {&of->n_features, &of->n_encoder, &of->n_units, &of->n_wide, &of->n_bits};
    for (int i = 0; i < N_HEAD; i++) {
        *heads[i] = *take(&r, 1);
        if (*heads[i] < 1 || *heads[i] > (i + 1 < N_HEAD ? MOST_WIDTH : MOST_BITS))
            return 0;
    }
    size_t f = (size_t)of->n_features, e = (size_t)of->n_encoder, d = (size_t)of->n_units, u = (size_t)of->n_wide, b = (size_t)of->n_bits;
    of->scales = take_within(&r, 2 * STEPS, 1, LARGEST_SCALE);
    take_within(&r, 2 * e, -ONE, ONE);
    of->starts = take_within(&r, 2 * d, -ONE, ONE);
    take_matrix(&r, 1, WINDOW * WINDOW, f, MOST_SEEN);
    take_matrix(&r, 1, f, 3 * e, MOST_FEATURE);
    take_matrix(&r, 1, e + d, 3 * e, ONE);
    take(&r, STEPS * 3 * e);
    take_matrix(&r, STEPS, f + e, b, MOST_FEATURE);
    take(&r, STEPS * b);
    of->inputs = take_matrix(&r, 1, 9 * b, 3 * d, 1);
    of->states = take_matrix(&r, 1, 9 * d, 3 * d, ONE);
    of->biases = take(&r, STEPS * 3 * d);
    of->wide = take_matrix(&r, 1, d, u, ONE);
    of->marks = take(&r, STEPS * b * u);
    of->offsets = take(&r, STEPS * u);
    of->drawn = take_matrix(&r, 1, u, WINDOW * WINDOW, MOST_FEATURE);
    of->of_maps = model->numbers + r.at;
    list_maps(of);
    return !r.fault && (!check || (r.n - r.at == maps_n_numbers(&of->list) && maps_takes_tables(&of->list, of->of_maps)));
}

static int takes_tables(const apc_model *model)
{
    networks of;
    return unpack(model, &of, 1);
}

/* --- Settings, and what a tile takes */
static int set(apc_file *file)
{
    file->step_q8 = (int32_t)on_path(PATH, file->quality_q8) << 3; /* which no decoder needs */
    return 0;
}

static void unknown(networks *of)
{
    of->n_bits = MOST_BITS;
    list_maps(of);
}

static int has_room(const apc_file *file, uint32_t width, uint32_t height, uint32_t layer, size_t n)
{
    networks of;
    unknown(&of);
    uint64_t least = layer < 2 ? maps_least(file, &of.list, width, height, file->n_layers == 1 ? 2 : 1) : 0;
    return n < least || (layer == 0 && n < 1) ? APC_TRUNCATED : 0;
}

/* Numbers of 16 bits: of states, before and after a step, in a frame of places; and of a canvas of 32 bits. */
static size_t n_states(size_t w, size_t h, size_t units)
{
    return (w + 2) * (h + 2) * units;
}

static size_t n_canvas(size_t w, size_t h)
{
    return 2 * SIDE * (w + 1) * SIDE * (h + 1);
}

static void needs(const apc_file *file, uint32_t width, uint32_t height, tile_needs *needs)
{
    networks of;
    size_t w = ((size_t)width + SIDE - 1) / SIDE, h = ((size_t)height + SIDE - 1) / SIDE;
    unknown(&of);
    maps_needs(file, &of.list, width, height, 0, needs);
    needs->scratch += n_canvas(w, h) + 2 * n_states(w, h, MOST_WIDTH) + 2; /* 2: the canvas begins at an even number */
}

/* --- Symbols */
static int check_bits(const apc_file *file, const networks *of, const tile *t, uint32_t first, uint32_t end)
{
    for (uint32_t i = 0; i < file->bands; i++) {
        map_plane plane = maps_plane(file, &of->list, t, i);
        size_t n = (size_t)plane.height * (size_t)plane.width;
        const int16_t *symbols = maps_symbols(file, &of->list, t, i);
        for (size_t b = first * n; b < end * n; b++)
            if (symbols[b] < 0 || symbols[b] > 1)
                return APC_CORRUPT_STREAM;
    }
    return 0;
}

/* Steps of layers that are missing: all places stop before them. */
static void stop_from(const apc_file *file, const networks *of, const tile *t, uint32_t step)
{
    for (uint32_t i = 0; i < file->bands; i++) {
        map_plane plane = maps_plane(file, &of->list, t, i);
        size_t n = (size_t)plane.height * (size_t)plane.width;
        for (uint32_t s = step; s < STEPS; s++) {
            int16_t *stops = maps_symbols(file, &of->list, t, i) + (1 + s * (1 + (size_t)of->n_bits)) * n;
            for (size_t b = 0; b < n; b++)
                stops[b] = 1;
        }
    }
}

static int read(const apc_file *file, const apc_model *model, const tile *t, const tile_layers *layers, uint32_t n_layers,
                uint32_t *faulty)
{
    networks of;
    unpack(model, &of, 0);
    maps_start(file, &of.list, t, of.of_maps);
    for (uint32_t layer = 0; layer < n_layers; layer++) {
        uint32_t each = 1 + (uint32_t)of.n_bits, first = layer ? 1 + (layer - 1) * each : 0;
        uint32_t end = layer + 1 == file->n_layers ? of.list.n_maps : 1 + layer * each;
        int fault = maps_read(file, &of.list, t, first, end, layers->at[layer], layers->size[layer]);
        fault = fault ? fault : check_bits(file, &of, t, first ? first : 1, end);
        if (fault) {
            *faulty = layer;
            return fault;
        }
    }
    if (n_layers < file->n_layers)
        stop_from(file, &of, t, n_layers - 1);
    return 0;
}

/* --- Networks: numbers have 9 fraction bits, and sums stay below 2^24 */
static int32_t rounded(int32_t sum)
{
    return floor_shift32(sum + ONE / 2, ONE_LOG2);
}

static void add_products(const int16_t *x, size_t n_in, const int16_t *weights, size_t n_out, int32_t *sums)
{
    for (size_t i = 0; i < n_in; i++, weights += n_out)
        for (size_t j = 0; x[i] && j < n_out; j++)
            sums[j] += x[i] * weights[j];
}

/* What a plane is drawn with: maps, states in a frame of places, and a canvas. */
typedef struct {
    const networks *of;
    const int16_t *maps;
    size_t w, h;
    int16_t *before, *after;
    int32_t *canvas;
    int32_t step;
} drawing;

static size_t place_of(const drawing *d, size_t x, size_t y)
{
    return ((y + 1) * (d->w + 2) + x + 1) * (size_t)d->of->n_units;
}

static int goes_on(const drawing *d, size_t b, int32_t step)
{
    return d->maps[(size_t)(1 + step * (1 + d->of->n_bits)) * d->w * d->h + b] == 0;
}

/* What the bits of a place are worth; of one that does not go on, nothing. */
static void bits_at(const drawing *d, size_t x, size_t y, int16_t *worth)
{
    size_t b = y * d->w + x, n = d->w * d->h;
    int goes = x < d->w && y < d->h && goes_on(d, b, d->step);
    for (size_t k = 0; k < (size_t)d->of->n_bits; k++)
        worth[k] = goes ? (int16_t)(2 * d->maps[((size_t)(2 + d->step * (1 + d->of->n_bits)) + k) * n + b] - 1) : 0;
}

/* A GRU over the places around. */
static void move(const drawing *d, size_t x, size_t y)
{
    const networks *of = d->of;
    int32_t from_inputs[3 * MOST_WIDTH], from_states[3 * MOST_WIDTH];
    size_t units = (size_t)of->n_units, bits = (size_t)of->n_bits;
    for (size_t j = 0; j < 3 * units; j++)
        from_inputs[j] = of->biases[(size_t)d->step * 3 * units + j], from_states[j] = 0;
    for (size_t i = 0; i < 9; i++) {
        int16_t worth[MOST_BITS];
        size_t u = x + i % 3 - 1, v = y + i / 3 - 1; /* beyond the plane they wrap, which is beyond it too */
        bits_at(d, u, v, worth);
        add_products(worth, bits, of->inputs + i * bits * 3 * units, 3 * units, from_inputs);
        add_products(d->before + place_of(d, x, y) + (i / 3) * (d->w + 2) * units + (i % 3) * units - (d->w + 3) * units, units,
                     of->states + i * units * 3 * units, 3 * units, from_states);
    }
    for (size_t j = 0; j < 3 * units; j++)
        from_states[j] = rounded(from_states[j]);
    int16_t *after = d->after + place_of(d, x, y);
    const int16_t *state = d->before + place_of(d, x, y);
    for (size_t j = 0; j < units; j++) {
        int32_t update = clamp32(floor_shift32(from_inputs[j] + from_states[j] + 2 * ONE, 2), 0, ONE);
        int32_t reset = clamp32(floor_shift32(from_inputs[units + j] + from_states[units + j] + 2 * ONE, 2), 0, ONE);
        int32_t candidate = clamp32(from_inputs[2 * units + j] + rounded(reset * from_states[2 * units + j]), -ONE, ONE);
        after[j] = (int16_t)(state[j] + rounded(update * (candidate - state[j])));
    }
}

static void draw(const drawing *d, size_t x, size_t y, int32_t scale)
{
    const networks *of = d->of;
    int32_t sums[WINDOW * WINDOW] = {0}, wide[MOST_WIDTH] = {0};
    int16_t features[MOST_WIDTH], worth[MOST_BITS];
    size_t units = (size_t)of->n_units, n_wide = (size_t)of->n_wide, bits = (size_t)of->n_bits, stride = SIDE * (d->w + 1);
    bits_at(d, x, y, worth);
    add_products(d->after + place_of(d, x, y), units, of->wide, n_wide, wide);
    for (size_t j = 0; j < n_wide; j++) {
        int32_t sum = of->offsets[(size_t)d->step * n_wide + j] + rounded(wide[j]);
        for (size_t k = 0; k < bits; k++)
            sum += worth[k] * of->marks[((size_t)d->step * bits + k) * n_wide + j];
        features[j] = (int16_t)clamp32(sum, 0, MOST_FEATURE);
    }
    add_products(features, n_wide, of->drawn, WINDOW * WINDOW, sums);
    for (size_t i = 0; i < WINDOW * WINDOW; i++) {
        int32_t sample = clamp32(rounded(sums[i]), -MOST_DRAWN, MOST_DRAWN) * scale;
        d->canvas[(SIDE * y + i / WINDOW) * stride + SIDE * x + i % WINDOW] += rounded(sample);
    }
}

/* The nearest two of `n` places along an axis to sample `i`, and their weights out of 32. */
static void between(size_t i, size_t n, size_t *own, size_t *other, int32_t *weight)
{
    int32_t within = (int32_t)(i % SIDE);
    *own = i / SIDE;
    *other = within < SIDE / 2 ? (*own ? *own - 1 : 0) : *own + 1 < n ? *own + 1 : *own;
    *weight = within < SIDE / 2 ? 17 + 2 * within : 47 - 2 * within;
}

/* Before the first step: linear between the middles of places, and beyond the whole places the nearest sample. */
static void begin(const drawing *d, int chroma)
{
    size_t wide = SIDE * d->w, high = SIDE * d->h, stride = SIDE * (d->w + 1);
    int32_t middle = chroma ? 0 : 32, of_one = chroma ? 64 : 128;
    for (size_t y = 0; y < SIDE * (d->h + 1); y++)
        for (size_t x = 0; x < stride; x++) {
            size_t v = y < REACH ? 0 : y - REACH < high ? y - REACH : high - 1, u = x < REACH ? 0 : x - REACH < wide ? x - REACH : wide - 1;
            size_t rows[2], columns[2];
            int32_t down, across, sum = 0;
            between(v, d->h, &rows[0], &rows[1], &down);
            between(u, d->w, &columns[0], &columns[1], &across);
            for (int i = 0; i < 4; i++) {
                int32_t level = (clamp32(d->maps[rows[i / 2] * d->w + columns[i % 2]], -LARGEST_MEAN, LARGEST_MEAN) + middle) * of_one;
                sum += level * (i / 2 ? 32 - down : down) * (i % 2 ? 32 - across : across);
            }
            d->canvas[y * stride + x] = floor_shift32(sum + 512, 10);
        }
}

static void synthesise(const apc_file *file, const apc_model *model, const tile *t, uint32_t index, int16_t *scratch, int16_t *plane)
{
    networks of;
    unpack(model, &of, 0);
    map_plane size = maps_plane(file, &of.list, t, index);
    band_plane whole = plane_of(file, t->width, t->height, index);
    size_t w = (size_t)size.width, h = (size_t)size.height, units = (size_t)of.n_units, n = n_states(w, h, units);
    scratch += (size_t)scratch % sizeof(int32_t) ? 1 : 0;
    int16_t *states = scratch + n_canvas(w, h);
    drawing d = {&of, maps_symbols(file, &of.list, t, index), w, h, states, states + n, (int32_t *)(void *)scratch, 0};
    memset(states, 0, n * sizeof *states);
    for (size_t b = 0; b < w * h; b++)
        memcpy(d.before + place_of(&d, b % w, b / w), of.starts + (size_t)size.chroma * units, units * sizeof *states);
    begin(&d, size.chroma);
    for (int going = 1; d.step < STEPS && going; d.step++) {
        going = 0;
        memcpy(d.after, d.before, n * sizeof *states);
        for (size_t b = 0; b < w * h; b++)
            if (goes_on(&d, b, d.step)) {
                move(&d, b % w, b / w);
                draw(&d, b % w, b / w, of.scales[size.chroma * STEPS + d.step]);
                going = 1;
            }
        int16_t *before = d.before;
        d.before = d.after, d.after = before;
    }
    int32_t low = size.chroma ? -FULL / 2 : 0, high = size.chroma ? FULL / 2 : FULL;
    for (size_t y = 0; y < (size_t)whole.height; y++)
        for (size_t x = 0; x < (size_t)whole.width; x++)
            plane[y * (size_t)whole.width + x] = (int16_t)clamp32(d.canvas[(y + REACH) * SIDE * (w + 1) + x + REACH], low, high);
}

const struct apc_codec apc_codec_rnn = {NUMBER, LAYERS, 1, 0, 0, set, takes_tables, has_room, needs, read, synthesise, NULL, NULL};
