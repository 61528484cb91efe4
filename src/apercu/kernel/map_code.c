/* Maps of symbols to bits and back, with the contexts of map_model.h (spec/symbol_maps.md).
 *
 * One walk serves both directions, as in band_code.c. */
#include "map_code.h"
#include "band_bits.h"
#include "choice.h"
#include "map_around.h"
#include "map_predict.h"

/* A map of a plane on its way through the coder. */
typedef struct {
    const map_kind *kind;
    size_t width, height;
    const int16_t *values; /* writing only */
    int16_t *symbols;
    const int16_t *beside; /* symbols of the companion's map, where that is a plane of the same size and the map is plain */
    grid own;
    const uint8_t *choices; /* of each block, counts held to 15: what says which maps are present */
    uint8_t *chosen;        /* a count's or a selector's own */
    const uint8_t *weights;
    range_context *contexts;
    uint16_t *around, *above; /* weighted sums for a row: of other maps; of the rows above */
    uint64_t reciprocal;   /* writing only, as is the price */
    int64_t price;
} place;

/* The rest of a magnitude beyond UNARY: Exp-Golomb of order 0, with contexts for its zeros. */
static inline uint32_t code_escape(coder *c, range_context *contexts, uint32_t number, const int writing)
{
    uint32_t length = 0, zeros = 0;
    if (writing)
        length = length_of(number + 1) - 1;
    while (zeros < MAP_ESCAPES && code_bit(c, &contexts[zeros], writing && zeros >= length, writing) == 0)
        zeros++;
    return (1u << zeros | code_plain(c, (number + 1) & ((1u << zeros) - 1), zeros, writing)) - 1;
}

/* A magnitude of 1 or more. */
static inline uint32_t code_magnitude(coder *c, range_context *unary, range_context *escape, uint32_t q,
                                      const int writing)
{
    uint32_t read = 1;
    while (read <= UNARY && code_bit(c, &unary[read - 1], read < q, writing))
        read++;
    return read > UNARY ? read + code_escape(c, escape, q - read, writing) : read;
}

/* The residual of least cost: of the nearest symbol, of the one next to it towards the guess, or none. */
static inline int32_t choose_residual(int64_t price, int32_t a, int32_t guess, const range_context *zero,
                                      const range_context *sign, const range_context *unary)
{
    int32_t nearest = floor_shift32(a + HALF_A_STEP, 8), best = 0;
    nearest = clamp32(nearest, -MAP_LARGEST_VALUE, MAP_LARGEST_VALUE);
    int64_t least = INT64_MAX;
    int32_t candidates[3] = {nearest - guess, 0, 0};
    candidates[1] = candidates[0] > 0 ? candidates[0] - 1 : candidates[0] < 0 ? candidates[0] + 1 : 0;
    for (int i = 0; i < 3; i++) {
        int32_t residual = candidates[i];
        uint32_t size = (uint32_t)(residual < 0 ? -residual : residual), bits = cost(zero, size > 0);
        if (size)
            bits += cost(sign, residual < 0) + cost_of_magnitude(unary, size);
        int64_t costs = squared((int64_t)a - 256 * (int64_t)(guess + residual)) + price * (int64_t)bits;
        if (costs < least)
            least = costs, best = residual;
    }
    return best;
}

/* A symbol of any kind but a selector's. */
static inline void code_symbol(coder *c, const place *p, size_t y, size_t x, const int kind, const int writing)
{
    size_t at = y * p->width + x;
    uint8_t *own = p->own.at + y * p->own.stride + x;
    uint32_t around = p->around[x], before = p->above[x];
    before = (before + (uint32_t)(p->weights[0] * own[-1] + p->weights[4] * own[-2])) >> 2;
    int32_t guess = 0, residual = 0;
    int pattern = 0;
    if (kind == MAP_PREDICTED) {
        prediction of = predict(p->symbols + at, x, y, p->width);
        guess = of.guess, pattern = of.pattern;
        around += p->weights[MAP_WITHIN] * (of.spread < 255 ? of.spread : 255);
    }
    around >>= 2;
    range_context *zero = p->contexts + MAP_ZERO + bucket_of(around) * BUCKETS + bucket_of(before);
    range_context *unary = p->contexts + MAP_MAGNITUDE + bucket_of((before + around) / 2) * UNARY;
    if (kind == MAP_PLAIN) {
        pattern = x ? sign_of(p->symbols[at - 1]) * 3 : 0;
        pattern = (pattern + (y ? sign_of(p->symbols[at - p->width]) : 0)) * 3;
        pattern += p->beside ? sign_of(p->beside[at]) : 0;
    }
    range_context *sign = p->contexts + MAP_SIGN + pattern;
    if (writing && kind == MAP_COUNT) {
        residual = p->values[at] > 0 ? p->values[at] : 0;
    } else if (writing) {
        int32_t value = p->values[at];
        uint32_t a = map_steps(value, p->reciprocal);
        if (kind == MAP_PREDICTED) {
            residual = choose_residual(p->price, value < 0 ? -(int32_t)a : (int32_t)a, guess, zero, sign, unary);
        } else if (a >= HALF_A_STEP) {
            residual = (int32_t)choose(p->price, a, value < 0, zero, sign, unary, 0);
            residual = value < 0 ? -residual : residual;
        }
    }
    uint32_t size = (uint32_t)(residual < 0 ? -residual : residual);
    if (!code_bit(c, zero, size > 0, writing)) {
        p->symbols[at] = (int16_t)guess;
        return;
    }
    uint32_t negative = kind == MAP_COUNT ? 0 : code_bit(c, sign, residual < 0, writing);
    size = code_magnitude(c, unary, p->contexts + MAP_ESCAPE, size, writing);
    int32_t symbol = guess + (negative ? -(int32_t)size : (int32_t)size);
    p->symbols[at] = (int16_t)clamp32(symbol, -MAP_LARGEST_VALUE, MAP_LARGEST_VALUE);
    *own = (uint8_t)(size < MAG_MAX ? size : MAG_MAX);
}

/* One of up to 16 choices. */
static inline void code_choice(coder *c, const place *p, size_t y, size_t x, const int writing)
{
    size_t at = y * p->width + x;
    uint32_t left = x ? 1u + p->chosen[at - 1] : 0, above = y ? 1u + p->chosen[at - p->width] : 0, read = 1;
    uint32_t value = writing ? (uint32_t)clamp32(p->values[at], 0, MAP_CHOICES - 1) : 0;
    range_context *contexts = p->contexts + (left * (MAP_CHOICES + 1) + above) * (MAP_CHOICES - 1) - 1;
    for (int bit = 3; bit >= 0; bit--)
        read = read << 1 | code_bit(c, &contexts[read], value >> bit & 1, writing);
    p->symbols[at] = (int16_t)(read - MAP_CHOICES);
}

/* A block that does not have a count has what was chosen before: who stops at one count has stopped at those after it. */
static inline void inherit(const place *p, size_t y, size_t x)
{
    uint8_t chosen = p->choices[y * p->width + x];
    p->symbols[y * p->width + x] = chosen;
    p->own.at[y * p->own.stride + x] = chosen < MAG_MAX ? chosen : MAG_MAX;
}

static inline void code_map(coder *whole, const place *given, int map, const map_grids *own, const map_grids *companion,
                            int halved, const int kind, const int writing)
{
    coder local = *whole, *c = &local; /* copies: otherwise stores of bytes might change them */
    const place of = *given, *p = &of;
    for (size_t y = 0; y < p->height; y++) {
        if (kind != MAP_SELECTOR) {
            map_around(p->around, p->kind, map, own, companion, halved, y, p->weights + MAP_WITHIN);
            map_above(p->above, &p->own, y, p->weights);
        }
        const uint8_t *choices = p->choices + y * p->width;
        for (size_t x = 0; x < p->width; x++) {
            if (!((uint32_t)p->kind->present >> choices[x] & 1)) {
                if (kind == MAP_COUNT)
                    inherit(p, y, x);
                else if (kind == MAP_SELECTOR)
                    p->chosen[y * p->width + x] = 0;
                continue;
            }
            if (kind == MAP_SELECTOR)
                code_choice(c, p, y, x, writing);
            else
                code_symbol(c, p, y, x, kind, writing);
            if (kind == MAP_SELECTOR || kind == MAP_COUNT) {
                int16_t symbol = p->symbols[y * p->width + x];
                p->chosen[y * p->width + x] = (uint8_t)(symbol < MAP_CHOICES - 1 ? symbol : MAP_CHOICES - 1);
            }
        }
    }
    *whole = local;
}

static inline void code_any(coder *c, const place *p, int map, const map_grids *own, const map_grids *companion,
                            int halved, const int writing)
{
    if (p->kind->kind == MAP_PLAIN)
        code_map(c, p, map, own, companion, halved, MAP_PLAIN, writing);
    else if (p->kind->kind == MAP_PREDICTED)
        code_map(c, p, map, own, companion, halved, MAP_PREDICTED, writing);
    else if (p->kind->kind == MAP_COUNT)
        code_map(c, p, map, own, companion, halved, MAP_COUNT, writing);
    else
        code_map(c, p, map, own, companion, halved, MAP_SELECTOR, writing);
}

/* Functions of their own, as in band_code.c. */
APERCU_APART static void write_map(coder *c, const place *p, int map, const map_grids *own, const map_grids *companion,
                                   int halved)
{
    code_any(c, p, map, own, companion, halved, 1);
}

APERCU_APART static void read_map(coder *c, const place *p, int map, const map_grids *own, const map_grids *companion,
                                  int halved)
{
    code_any(c, p, map, own, companion, halved, 0);
}

static int halves(const map_plane *a, const map_plane *b)
{
    return a->height == (b->height + 1) / 2 && a->width == (b->width + 1) / 2;
}

static int check_planes(const map_plane *planes, size_t n_planes)
{
    for (size_t p = 0; p < n_planes; p++) {
        const map_plane *a = &planes[p];
        if (a->width < 1 || a->height < 1 || a->width > MAP_MOST_BLOCKS || a->height > MAP_MOST_BLOCKS || a->chroma < 0 || a->chroma >= MAP_CLASSES || a->companion >= (int32_t)p)
            return APERCU_ERROR_ARGUMENT;
        const map_plane *b = a->companion < 0 ? a : &planes[a->companion];
        if ((a->height != b->height || a->width != b->width) && !halves(a, b))
            return APERCU_ERROR_ARGUMENT;
    }
    return 0;
}

static int check_maps(const map_kind *maps, size_t n_maps, size_t n_groups)
{
    if (n_maps < 1 || n_maps > MAP_MOST || n_groups < 1 || n_groups > MAP_MOST_GROUPS)
        return APERCU_ERROR_ARGUMENT;
    for (size_t m = 0; m < n_maps; m++) {
        if (maps[m].kind < MAP_PLAIN || maps[m].kind > MAP_SELECTOR || maps[m].group < 0 ||
            (size_t)maps[m].group >= n_groups)
            return APERCU_ERROR_ARGUMENT;
        for (int e = 0; e < MAP_EARLIER; e++)
            if (maps[m].earlier[e] >= (int32_t)m)
                return APERCU_ERROR_ARGUMENT;
    }
    return 0;
}

static size_t blocks_of(const map_plane *plane)
{
    return (size_t)plane->width * (size_t)plane->height;
}

static size_t grid_size(const map_plane *plane)
{
    return ((size_t)plane->width + 2 * MARGIN) * ((size_t)plane->height + 2 * MARGIN);
}

/* Bytes of a plane: magnitudes of every map, their totals, choices. */
static size_t plane_size(const map_plane *plane, size_t n_maps)
{
    return (n_maps + 1) * grid_size(plane) + blocks_of(plane);
}

int64_t apercu_maps_workspace(const map_plane *planes, size_t n_planes, size_t n_maps)
{
    if (check_planes(planes, n_planes) || n_maps < 1 || n_maps > MAP_MOST)
        return APERCU_ERROR_ARGUMENT;
    size_t size = 0, widest = 0;
    for (size_t p = 0; p < n_planes; p++) {
        size += plane_size(&planes[p], n_maps);
        widest = (size_t)planes[p].width > widest ? (size_t)planes[p].width : widest;
    }
    return (int64_t)(size + 2 * widest * sizeof(uint16_t));
}

static void place_grids(map_grids *grids, const map_plane *plane, uint8_t *start, size_t n_maps)
{
    size_t stride = (size_t)plane->width + 2 * MARGIN;
    for (size_t m = 0; m <= n_maps; m++) {
        grid g = {(size_t)plane->width, (size_t)plane->height, stride,
                  start + m * grid_size(plane) + MARGIN * stride + MARGIN};
        *(m < n_maps ? &grids->of_map[m] : &grids->total) = g;
    }
}

static inline int64_t walk(coder *c, const map_plane *planes, size_t n_planes, const map_kind *maps, size_t n_maps,
                           size_t n_groups, const uint8_t *weights, const int32_t *steps_q6, const int32_t *prices,
                           size_t first_map, size_t end_map, size_t first_plane, size_t end_plane, uint8_t *workspace,
                           size_t n_workspace, const int16_t *values, int16_t *symbols, const int writing)
{
    int64_t wanted = apercu_maps_workspace(planes, n_planes, n_maps);
    if (wanted < 0 || check_maps(maps, n_maps, n_groups) || first_map >= end_map || end_map > n_maps)
        return APERCU_ERROR_ARGUMENT;
    if (n_workspace < (size_t)wanted)
        return APERCU_ERROR_CAPACITY;
    map_grids own, companion;
    size_t start = 0, widest = 0, from = 0;
    for (size_t p = 0; p < n_planes; p++)
        widest = (size_t)planes[p].width > widest ? (size_t)planes[p].width : widest;
    uint16_t *around = (uint16_t *)(void *)workspace;
    start = 2 * widest * sizeof *around;
    const map_plane *reached = planes; /* the last companion; where its grids and symbols are */
    size_t there = start, beside = 0;
    for (size_t p = 0; p < n_planes; p++) {
        const map_plane *plane = &planes[p];
        size_t n = blocks_of(plane);
        if (p >= first_plane && p < end_plane) {
            const map_plane *other = plane->companion < 0 ? NULL : &planes[plane->companion];
            if (other && other < reached) /* otherwise on from the last companion: many planes take time in proportion */
                reached = planes, there = 2 * widest * sizeof *around, beside = 0;
            for (; other && reached < other; reached++) {
                there += plane_size(reached, n_maps);
                beside += n_maps * blocks_of(reached);
            }
            place_grids(&own, plane, workspace + start, n_maps);
            if (other)
                place_grids(&companion, other, workspace + there, n_maps);
            int same = other && other->width == plane->width && other->height == plane->height;
            uint8_t *choices = workspace + start + (n_maps + 1) * grid_size(plane);
            for (size_t m = first_map; m < end_map; m++) {
                const map_kind *kind = &maps[m];
                size_t class_group = (size_t)plane->chroma * n_groups + (size_t)kind->group, selectors = MAP_CLASSES * n_groups;
                place at = {kind, own.total.width, own.total.height, writing ? values + from + m * n : NULL, symbols + from + m * n,
                            same && kind->kind == MAP_PLAIN ? symbols + beside + m * n : NULL, own.of_map[m],
                            choices, choices, weights + class_group * MAP_WEIGHTS,
                            c->contexts + (kind->kind == MAP_SELECTOR
                                               ? selectors * MAP_GROUP + (size_t)plane->chroma * MAP_CHOICE
                                               : class_group * MAP_GROUP), around, around + widest, 0, 0};
                if (writing && kind->kind != MAP_COUNT && kind->kind != MAP_SELECTOR) {
                    size_t i = (size_t)plane->chroma * n_maps + m;
                    if (steps_q6[i] < 1 || prices[i] < 0 || prices[i] > 65535)
                        return APERCU_ERROR_ARGUMENT;
                    at.reciprocal = ((uint64_t)1 << 40) / (uint32_t)steps_q6[i];
                    at.price = prices[i];
                    write_map(c, &at, (int)m, &own, other ? &companion : NULL, other && !same);
                } else if (writing) {
                    write_map(c, &at, (int)m, &own, other ? &companion : NULL, other && !same);
                } else {
                    read_map(c, &at, (int)m, &own, other ? &companion : NULL, other && !same);
                    if (range_overrun(&c->d))
                        return APERCU_ERROR_TRUNCATED;
                }
                if (kind->kind == MAP_PLAIN)
                    add_to_total(&own.total, &own.of_map[m]);
            }
        }
        start += plane_size(plane, n_maps);
        from += n_maps * n;
    }
    return 0;
}

int64_t apercu_maps_encode(const map_plane *planes, size_t n_planes, const map_kind *maps, size_t n_maps, size_t n_groups,
                           const uint8_t *weights, const int32_t *steps_q6, const int32_t *prices, size_t first_map,
                           size_t end_map, size_t first_plane, size_t end_plane, range_context *contexts,
                           uint8_t *workspace, size_t n_workspace, const int16_t *values, int16_t *symbols, uint8_t *out,
                           size_t capacity, uint64_t *state, int32_t ends)
{
    coder c = {range_encoder_at(out, capacity), range_decoder_at(NULL, 0), contexts};
    if (state[2])
        c.e.size = (size_t)state[0], c.e.low = (uint32_t)state[1], c.e.range = (uint32_t)state[2];
    int64_t fault = walk(&c, planes, n_planes, maps, n_maps, n_groups, weights, steps_q6, prices, first_map, end_map,
                         first_plane, end_plane, workspace, n_workspace, values, symbols, 1);
    state[0] = c.e.size, state[1] = c.e.low, state[2] = c.e.range;
    return fault || !ends ? fault : range_finish(&c.e);
}

int64_t apercu_maps_decode(const map_plane *planes, size_t n_planes, const map_kind *maps, size_t n_maps, size_t n_groups,
                           const uint8_t *weights, size_t first_map, size_t end_map, size_t first_plane,
                           size_t end_plane, range_context *contexts, uint8_t *workspace, size_t n_workspace,
                           int16_t *symbols, const uint8_t *data, size_t n_data, uint64_t *state, int32_t ends)
{
    coder c = {range_encoder_at(NULL, 0), range_decoder_at(data, n_data), contexts};
    if (state[2])
        c.d.pos = (size_t)state[0], c.d.code = (uint32_t)state[1], c.d.range = (uint32_t)state[2];
    int64_t fault = walk(&c, planes, n_planes, maps, n_maps, n_groups, weights, NULL, NULL, first_map, end_map, first_plane,
                         end_plane, workspace, n_workspace, NULL, symbols, 0);
    state[0] = c.d.pos, state[1] = c.d.code, state[2] = c.d.range;
    return fault || !ends ? fault : range_end(&c.d);
}

int64_t apercu_maps_start(const uint16_t *starts, size_t n_groups, size_t selectors, range_context *contexts)
{
    if (n_groups < 1 || n_groups > MAP_MOST_GROUPS || selectors > 1)
        return APERCU_ERROR_ARGUMENT;
    size_t n = map_contexts(n_groups, selectors);
    for (size_t i = 0; i < n; i++) {
        const uint16_t *s = starts + 2 * i;
        if (s[0] < 1 || s[1] < 2 || s[1] > RANGE_OLD_AGE)
            return APERCU_ERROR_ARGUMENT;
        contexts[i] = range_context_at(s[0], s[1], RANGE_FAST_SHIFT, RANGE_SLOW_SHIFT);
    }
    return (int64_t)n;
}
