/* Wavelet bands: decoding of any bytes, and what is encoded comes back; planes of every layout, in layers.
 *
 * A decoded tile goes on to its samples, as in a whole decoder. */
#include "band_code.h"
#include "band_step.h"
#include "input.h"
#include "tables.h" /* the shipped ones, which guided.py writes as C */
#include "tile.h"

enum { MOST_SIDE = 80, MOST_SAMPLES = 1 << 14, MOST_PLANES = 1500, MOST_STEP = 262144 };

/* `tile` without planes where the layout is none that the coder takes. */
static void take_layout(input *in, tile *t)
{
    uint32_t kind = take(in) % LAYOUTS, n = 1 + take_number(in, 2) % MOST_PLANES;
    int32_t width = 1 + (int32_t)(take(in) % MOST_SIDE), height = 1 + (int32_t)(take(in) % MOST_SIDE);
    t->layout = kind;
    t->width = (size_t)width;
    t->height = (size_t)height;
    t->n_planes = kind == GREY ? 1 : kind == RGB ? 3 : kind == RGBA ? 4 : kind == ANY ? 1 + n % 12 : n;
    while ((size_t)width * (size_t)height * t->n_planes > MOST_SAMPLES)
        t->n_planes = 1 + t->n_planes / 2;
    if ((kind == RGB && t->n_planes < 3) || (kind == RGBA && t->n_planes < 4))
        t->layout = SPECTRAL;
    t->planes = exact_zeros(t->n_planes * sizeof *t->planes);
    for (size_t p = 0; p < t->n_planes; p++) {
        band_plane *plane = &t->planes[p];
        int chroma = (t->layout == RGB || t->layout == RGBA) && (p == 1 || p == 2);
        plane->width = chroma ? (width + 1) / 2 : width;
        plane->height = chroma ? (height + 1) / 2 : height;
        plane->chroma = chroma;
        plane->companion = chroma || (t->layout == SPECTRAL && p) ? (int32_t)p - 1 : -1;
        if (kind == ANY) { /* most are of a size that a companion can have; some break the contract */
            uint32_t how = take(in);
            plane->chroma = how & 1;
            plane->companion = (int32_t)(take(in) % (t->n_planes + 2)) - 1;
            if (how & 2)
                plane->width = (width + 1) / 2, plane->height = (height + 1) / 2;
            if ((how & 0xf0) == 0xf0)
                plane->width = (int32_t)take(in) - 8, plane->chroma = (int32_t)take(in) - 1;
        }
    }
}

static void free_layout(tile *t)
{
    free(t->planes);
}

/* The shipped tables, or a user's at the ends of what a loader of tables lets through. */
static void take_tables(input *in, uint8_t *weights, range_context *contexts)
{
    static range_context shipped[N_CONTEXTS];
    uint32_t kind = take(in) % 6, state = take(in) + 1;
    memcpy(weights, SHIPPED_WEIGHTS, sizeof SHIPPED_WEIGHTS);
    if (!shipped[0].age)
        claim(apercu_bands_start(SHIPPED_STARTS, shipped) == N_CONTEXTS, "the shipped tables are taken");
    memcpy(contexts, shipped, sizeof shipped);
    if (kind < 3)
        return;
    uint16_t *starts = exact(2 * N_CONTEXTS * sizeof *starts);
    static const uint16_t EXTREMES[] = {1, 2, 255, 32768, 65280, 65534, 65535, 1};
    for (size_t i = 0; i < BANDS_IN_ALL * PAST; i++)
        weights[i] = (uint8_t)(kind == 3 ? 64 : next_random(&state) % 65);
    for (size_t i = 0; i < N_CONTEXTS; i++) {
        uint32_t random = next_random(&state);
        starts[2 * i] = kind == 5 ? (uint16_t)(1 + random % 65535) : EXTREMES[kind == 3 ? state % 7 : random % 8];
        starts[2 * i + 1] = (uint16_t)(kind == 3 ? 128 : 2 + (random >> 16) % 127);
    }
    claim(apercu_bands_start(starts, contexts) == N_CONTEXTS, "sound tables are taken");
    free(starts);
}

static void check_contexts(const range_context *contexts)
{
    for (size_t i = 0; i < N_CONTEXTS; i++)
        claim(contexts[i].fast && contexts[i].slow && contexts[i].age <= RANGE_OLD_AGE, "contexts stay in range");
}

static int32_t first_stage(int layer, int layers)
{
    return layer == 0 ? STAGES : layers - layer;
}

static void check_coefficients(const tile *t, const int16_t *symbols, const int16_t *coefficients, int32_t step_q8)
{
    size_t from = 0;
    for (size_t p = 0; p < t->n_planes; p++) {
        const band_plane *plane = &t->planes[p];
        int levels = WAVELET_LEVELS - plane->chroma;
        wavelet_layout layout;
        wavelet_lay_out(&layout, (size_t)plane->width, (size_t)plane->height, levels);
        for (int i = 0; i < layout.n_bands; i++) {
            int level = i ? levels - (i - 1) / 3 : levels;
            int32_t step_q6 = band_step_q6(step_q8, plane->chroma, level, i ? (i - 1) % 3 : -1);
            for (size_t k = layout.start[i]; k < layout.start[i] + layout.width[i] * layout.height[i]; k++)
                claim(coefficients[from + k] == coefficient_of(symbols[from + k], step_q6),
                      "coefficients are what the symbols stand for");
        }
        from += (size_t)plane->width * (size_t)plane->height;
    }
}

typedef struct {
    range_context *contexts;
    uint8_t *workspace;
    size_t n_workspace;
    int16_t *values;
} state;

static state new_state(const range_context *contexts, size_t n_workspace, size_t n_samples)
{
    state s = {exact(N_CONTEXTS * sizeof *contexts), exact_zeros(n_workspace), n_workspace,
               exact_zeros(n_samples * sizeof(int16_t))};
    memcpy(s.contexts, contexts, N_CONTEXTS * sizeof *contexts);
    return s;
}

static void free_state(state *s)
{
    free(s->contexts);
    free(s->workspace);
    free(s->values);
}

static int64_t decode(const tile *t, state *s, const uint8_t *weights, int32_t step_q8, int layer, int layers,
                      const uint8_t *data, size_t n_data)
{
    uint64_t state[3] = {0};
    return apercu_bands_decode(t->planes, t->n_planes, step_q8, weights, first_stage(layer, layers), layers - layer, 0,
                               t->n_planes, s->contexts, s->workspace, s->n_workspace, data, n_data, s->values, state, 1);
}

static size_t n_samples_of(const tile *t)
{
    size_t n = 0;
    for (size_t p = 0; p < t->n_planes; p++)
        n += (size_t)t->planes[p].width * (size_t)t->planes[p].height;
    return n;
}

/* What the input begins with. */
typedef struct {
    tile t;
    uint8_t *weights;
    range_context *contexts;
    uint32_t step, how; /* any numbers of 24 and of 8 bits */
    int layers;
    int64_t wanted; /* bytes of workspace, or the error for planes that break the contract */
} setting;

static void take_setting(input *in, setting *s)
{
    take_layout(in, &s->t);
    s->weights = exact(sizeof SHIPPED_WEIGHTS);
    s->contexts = exact(N_CONTEXTS * sizeof *s->contexts);
    s->step = take_number(in, 3);
    s->how = take(in);
    s->layers = 1 + (int)(take(in) % STAGES);
    take_tables(in, s->weights, s->contexts);
    s->wanted = apercu_bands_workspace(s->t.planes, s->t.n_planes);
}

static void free_setting(setting *s)
{
    free(s->contexts);
    free(s->weights);
    free_layout(&s->t);
}

void guided_bands_decode(input *in)
{
    setting s;
    take_setting(in, &s);
    tile *t = &s.t;
    int32_t step_q8 = (int32_t)(s.step % (MOST_STEP + 1));
    if (s.wanted < 0) {
        claim(t->layout == ANY, "planes of an image are taken");
        uint64_t state[3] = {0};
        claim(apercu_bands_decode(t->planes, t->n_planes, step_q8, s.weights, 5, 1, 0, t->n_planes, s.contexts, NULL, 0,
                                  NULL, 0, NULL, state, 1) ==
                  APERCU_ERROR_ARGUMENT, "planes that break the contract are refused");
        free_setting(&s);
        return;
    }
    size_t n_samples = n_samples_of(t);
    size_t n_workspace = (size_t)s.wanted;
    state both[] = {new_state(s.contexts, n_workspace, n_samples), new_state(s.contexts, n_workspace, n_samples)};
    int n_states = s.how & 1 && step_q8 ? 2 : 1;
    if (s.how & 2 && s.wanted > 0) {
        both[0].n_workspace--;
        claim(decode(t, &both[0], s.weights, step_q8, 0, s.layers, NULL, 0) == APERCU_ERROR_CAPACITY,
              "too little memory is refused");
        both[0].n_workspace++;
    }
    for (int layer = 0; layer < s.layers; layer++) {
        size_t n_data = layer + 1 < s.layers ? take_number(in, 2) : in->left;
        uint8_t *data = take_bytes(in, &n_data);
        int64_t code = decode(t, &both[0], s.weights, step_q8, layer, s.layers, data, n_data);
        claim(code == 0 || code == APERCU_ERROR_TRUNCATED || code == APERCU_ERROR_CORRUPT, "decoding says how it ended");
        if (n_states == 2)
            claim(decode(t, &both[1], s.weights, 0, layer, s.layers, data, n_data) == code,
                  "symbols end in the same way");
        free(data);
        if (code)
            break;
    }
    use(both[0].values, n_samples * sizeof(int16_t));
    if (n_states == 2) {
        check_coefficients(t, both[1].values, both[0].values, step_q8);
        int16_t *made = exact(n_samples * sizeof *made);
        claim(apercu_bands_dequantise(t->planes, t->n_planes, step_q8, both[1].values, made) == 0 &&
                  !memcmp(made, both[0].values, n_samples * sizeof *made), "symbols are dequantised as they are decoded");
        free(made);
    }
    if (s.how & 8)
        check_contexts(both[0].contexts);
    if (t->layout != ANY)
        guided_tile_to_image(in, t, both[0].values, (s.how & 4) != 0);
    free_state(&both[0]);
    free_state(&both[1]);
    free_setting(&s);
}

/* Coefficients as the transform makes them, fitted to the step, or any numbers. */
static int16_t *take_coefficients(input *in, tile *t, int32_t step_q8, int any)
{
    size_t n_samples = n_samples_of(t), from = 0;
    uint32_t kind = take(in), state = take(in) + 1;
    int16_t *coefficients = exact(n_samples * sizeof *coefficients);
    for (size_t i = 0; any && i < n_samples; i++) {
        uint32_t random = next_random(&state);
        int32_t value = in->left > 1 ? (int32_t)take_number(in, 2) - 32768 : (int32_t)(random >> 8 & 0xffff) - 32768;
        coefficients[i] = (int16_t)(random % 16 < kind % 16 ? value / (1 << (kind >> 4)) : 0);
    }
    for (size_t p = 0; !any && p < t->n_planes; p++) {
        band_plane *plane = &t->planes[p];
        plane->fitted = kind & 1;
        plane->one_price = kind >> 1 & 1;
        guided_analyse_plane(in, plane, step_q8, kind, &state, coefficients + from);
        from += (size_t)plane->width * (size_t)plane->height;
    }
    return coefficients;
}

/* What errors count for at each place of an image's planes; NULL: all alike, as of any other planes. */
static uint8_t *take_importance(input *in, const tile *t, int some)
{
    if (!some || t->layout == ANY)
        return NULL;
    size_t n_places = 0;
    for (int stage = 1; stage <= STAGES; stage++)
        n_places += (size_t)((t->planes[0].width + (1 << stage) - 1) >> stage) *
                    (size_t)((t->planes[0].height + (1 << stage) - 1) >> stage);
    uint8_t *importance = exact(n_places);
    uint32_t state = take(in) + 1;
    for (size_t i = 0; i < n_places; i++)
        importance[i] = (uint8_t)(next_random(&state) >> 8);
    return importance;
}

void guided_bands_encode(input *in)
{
    setting s;
    take_setting(in, &s);
    tile *t = &s.t;
    int32_t step_q8 = 1 + (int32_t)(s.step % MOST_STEP);
    int layers = s.layers;
    if (s.wanted >= 0) {
        size_t n_samples = n_samples_of(t);
        int16_t *coefficients = take_coefficients(in, t, step_q8, s.how & 1);
        uint8_t *importance = take_importance(in, t, s.how >> 4 & 1);
        int16_t *copy = exact(n_samples * sizeof *copy);
        memcpy(copy, coefficients, n_samples * sizeof *copy);
        size_t n_workspace = (size_t)apercu_bands_workspace(t->planes, t->n_planes); /* what is fitted takes more */
        state writer = new_state(s.contexts, n_workspace, n_samples);
        state reader = new_state(s.contexts, n_workspace, n_samples);
        state again = new_state(s.contexts, n_workspace, n_samples);
        size_t capacity = 64 + 40 * n_samples; /* a sample: 17 bits in contexts of 16 bits each, and 31 in bypass */
        for (int layer = 0; layer < layers; layer++) {
            uint8_t *out = exact(capacity);
            uint64_t state[3] = {0}, state_again[3] = {0};
            int64_t n = apercu_bands_encode(t->planes, t->n_planes, step_q8, s.weights, importance,
                                            first_stage(layer, layers), layers - layer, 0, t->n_planes, writer.contexts,
                                            writer.workspace, n_workspace, coefficients, writer.values, out, capacity,
                                            state, 1);
            claim(n >= 0, "there is room for any symbols");
            use(out, (size_t)n);
            size_t less = (size_t)n / 2 + (layer % 2 ? (size_t)n / 2 + 6 : 0); /* every other time enough */
            uint8_t *second = exact(less);
            int64_t m = 0;
            for (int32_t stage = first_stage(layer, layers); !m && stage >= layers - layer; stage--)
                for (size_t plane = 0; !m && plane < t->n_planes; plane++)
                    m = apercu_bands_encode(t->planes, t->n_planes, step_q8, s.weights, importance, stage, stage, plane,
                                            plane + 1, again.contexts, again.workspace, n_workspace, copy, NULL, second,
                                            less, state_again,
                                            stage == layers - layer && plane + 1 == t->n_planes);
            claim(layer % 2 ? m == n && !memcmp(out, second, (size_t)n) : m == APERCU_ERROR_CAPACITY || m == n,
                  "the capacity holds, and symbols need not be kept");
            uint8_t *data = exact((size_t)n);
            memcpy(data, out, (size_t)n);
            claim(decode(t, &reader, s.weights, 0, layer, layers, data, (size_t)n) == 0, "what is encoded is sound");
            free(data);
            free(out);
            free(second);
        }
        claim(!memcmp(writer.values, reader.values, n_samples * sizeof(int16_t)), "the symbols come back");
        free_state(&writer);
        free_state(&reader);
        free_state(&again);
        free(importance);
        free(copy);
        free(coefficients);
    }
    free_setting(&s);
}
