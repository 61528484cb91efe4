/* Prediction of samples: decoding of any bytes, and what is encoded comes back, each sample within its largest error. */
#include "input.h"
#include "predict_model.h"
#include "predict.h"

enum { MOST_SIDE = 90, MOST_BANDS = 5, MOST_SAMPLES = 4096 };

typedef struct {
    predict_tile tile;
    int32_t *tops;
    int16_t *taps;
    range_context *contexts;
    uint8_t *workspace;
    size_t n_workspace, n_samples;
    int64_t n_rows;
} coded;

/* Taps of any kind that a loader of tables lets through, and contexts that begin anywhere. */
static void take_tables(input *in, coded *c)
{
    enum { N_TAPS = PREDICT_CLASSES * PREDICT_EXPERTS * PREDICT_INPUTS };
    static const uint16_t EXTREMES[] = {1, 2, 255, 32768, 65280, 65534, 65535};
    uint32_t kind = take(in) % 4, state = take(in) + 1;
    c->taps = exact(N_TAPS * sizeof *c->taps);
    for (int i = 0; i < N_TAPS; i++) {
        int32_t most = kind == 3 ? (i % PREDICT_INPUTS == (int)(state % PREDICT_INPUTS) ? 8192 : 0) : 512;
        int32_t drawn = (int32_t)(next_random(&state) % (uint32_t)(2 * most + 1)) - most;
        c->taps[i] = (int16_t)(kind == 1 || kind == 3 ? (drawn < 0 ? -most : most) : drawn);
    }
    uint16_t *starts = exact(2 * N_CONTEXTS * sizeof *starts);
    for (size_t i = 0; i < N_CONTEXTS; i++) {
        uint32_t random = next_random(&state);
        starts[2 * i] = kind == 0 ? 32768 : kind == 1 ? EXTREMES[random % 7] : (uint16_t)(1 + random % 65535);
        starts[2 * i + 1] = (uint16_t)(2 + (random >> 16) % 127);
    }
    c->contexts = exact(N_CONTEXTS * sizeof *c->contexts);
    claim(apercu_predict_start(starts, c->contexts) == N_CONTEXTS, "sound tables are taken");
    free(starts);
}

static coded take_tile(input *in)
{
    coded c = {0};
    c.tile.width = 1 + (int32_t)(take(in) % MOST_SIDE);
    c.tile.height = 1 + (int32_t)(take(in) % MOST_SIDE) % (MOST_SAMPLES / c.tile.width);
    c.tile.n_bands = 1 + (int32_t)(take(in) % MOST_BANDS) % (MOST_SAMPLES / c.tile.width / c.tile.height);
    const uint32_t errors = take(in);
    c.tile.max_error = (int32_t)(errors & 1 ? take_number(in, 2) : errors >> 4);
    c.tile.coarser_from = (int32_t)(take(in) % ((uint32_t)c.tile.height + 1));
    c.tile.ends_from = (int32_t)((errors >> 1 & 7) % ((uint32_t)c.tile.n_bands + 1));
    c.tops = exact((size_t)c.tile.n_bands * sizeof *c.tops);
    for (int32_t b = 0; b < c.tile.n_bands; b++) {
        const uint32_t kind = take(in) % 4;
        c.tops[b] = kind == 0 ? 255 : kind == 1 ? 65535 : kind == 2 ? (int32_t)take_number(in, 2) : 0;
    }
    take_tables(in, &c);
    c.n_workspace = (size_t)apercu_predict_workspace(&c.tile);
    c.n_rows = (int64_t)c.tile.n_bands * c.tile.height;
    c.n_samples = (size_t)c.n_rows * (size_t)c.tile.width;
    return c;
}

static void free_tile(coded *c)
{
    free(c->tops);
    free(c->taps);
    free(c->contexts);
}

/* Decodes in calls of so many rows; `samples` is filled in. */
static int64_t decode(const coded *c, const uint8_t *data, size_t n_data, int64_t at_once, uint16_t *samples)
{
    range_context *contexts = exact(N_CONTEXTS * sizeof *contexts);
    uint8_t *workspace = exact_zeros(c->n_workspace);
    uint64_t state[3] = {0};
    int64_t code = 0;
    memcpy(contexts, c->contexts, N_CONTEXTS * sizeof *contexts);
    for (int64_t first = 0; first < c->n_rows && code == 0; first += at_once) {
        const int64_t end = first + at_once < c->n_rows ? first + at_once : c->n_rows;
        code = apercu_predict_decode(&c->tile, c->tops, c->taps, contexts, workspace, c->n_workspace, samples, first, end,
                                     data, n_data, state, end == c->n_rows);
    }
    for (size_t i = 0; i < N_CONTEXTS; i++)
        claim(contexts[i].fast && contexts[i].slow && contexts[i].age <= RANGE_OLD_AGE, "contexts stay in range");
    free(workspace);
    free(contexts);
    return code;
}

static void check_tops(const coded *c, const uint16_t *samples)
{
    const size_t plane = c->n_samples / (size_t)c->tile.n_bands;
    for (size_t i = 0; i < c->n_samples; i++)
        claim(samples[i] <= c->tops[i / plane], "samples stay within their range");
}

void guided_predict_decode(input *in)
{
    coded c = take_tile(in);
    const int64_t at_once = 1 + (int64_t)(take(in) % 64);
    size_t n_data = in->left;
    uint8_t *data = take_bytes(in, &n_data);
    uint16_t *samples = exact(c.n_samples * sizeof *samples), *again = exact(c.n_samples * sizeof *again);
    const int64_t code = decode(&c, data, n_data, c.n_rows, samples);
    claim(code == 0 || code == APERCU_ERROR_TRUNCATED || code == APERCU_ERROR_CORRUPT, "decoding says how it ended");
    claim(decode(&c, data, n_data, at_once, again) == code, "calls of any length end in the same way");
    if (code == 0) {
        use(samples, c.n_samples * sizeof *samples);
        claim(memcmp(samples, again, c.n_samples * sizeof *samples) == 0, "calls of any length make the same samples");
        check_tops(&c, samples);
    }
    free(samples);
    free(again);
    free(data);
    free_tile(&c);
}

void guided_predict_encode(input *in)
{
    coded c = take_tile(in);
    const uint32_t kind = take(in), state_at = take(in) + 1;
    const size_t plane = c.n_samples / (size_t)c.tile.n_bands;
    uint16_t *samples = exact(c.n_samples * sizeof *samples), *told = exact(c.n_samples * sizeof *told);
    uint32_t state = state_at;
    for (size_t i = 0; i < c.n_samples; i++) {
        const uint32_t top = (uint32_t)c.tops[i / plane], random = next_random(&state) >> 4;
        uint32_t v = in->left ? take(in) * (kind & 1 ? 257 : 1) : random;
        if (kind & 2)
            v = i % 3 ? samples[i - 1] : v;
        if (kind & 4)
            v = random & 1 ? 0 : top;
        samples[i] = (uint16_t)(v % (top + 1));
    }
    memcpy(told, samples, c.n_samples * sizeof *told);
    const size_t capacity = 64 + 10 * c.n_samples + 8 * N_CONTEXTS;
    uint8_t *out = exact(capacity), *workspace = exact_zeros(c.n_workspace);
    range_context *contexts = exact(N_CONTEXTS * sizeof *contexts);
    uint64_t at[3] = {0};
    memcpy(contexts, c.contexts, N_CONTEXTS * sizeof *contexts);
    if (kind & 8)
        claim(apercu_predict_encode(&c.tile, c.tops, c.taps, contexts, workspace, c.n_workspace - 1, told, 0, c.n_rows, out,
                                    capacity, at, 1) == APERCU_ERROR_CAPACITY, "too little memory is refused");
    memset(at, 0, sizeof at);
    const int64_t size = apercu_predict_encode(&c.tile, c.tops, c.taps, contexts, workspace, c.n_workspace, told, 0, c.n_rows,
                                               out, capacity, at, 1);
    claim(size >= 0, "samples are encoded");
    uint8_t *data = exact((size_t)size);
    memcpy(data, out, (size_t)size);
    if (size > 0) { /* one byte less of room is told */
        uint8_t *small = exact((size_t)size - 1);
        uint16_t *copy = exact(c.n_samples * sizeof *copy);
        memcpy(copy, samples, c.n_samples * sizeof *copy);
        memcpy(contexts, c.contexts, N_CONTEXTS * sizeof *contexts);
        memset(workspace, 0, c.n_workspace);
        memset(at, 0, sizeof at);
        claim(apercu_predict_encode(&c.tile, c.tops, c.taps, contexts, workspace, c.n_workspace, copy, 0, c.n_rows, small,
                                    (size_t)size - 1, at, 1) == APERCU_ERROR_CAPACITY, "the capacity holds");
        free(copy);
        free(small);
    }
    uint16_t *decoded = exact(c.n_samples * sizeof *decoded);
    claim(decode(&c, data, (size_t)size, c.n_rows, decoded) == 0, "what was encoded is read");
    for (size_t i = 0; i < c.n_samples; i++) {
        const int32_t off = decoded[i] - samples[i];
        claim(decoded[i] == told[i], "the encoder knows what a decoder makes");
        const int32_t y = (int32_t)(i % plane / (size_t)c.tile.width);
        claim((off < 0 ? -off : off) <= c.tile.max_error + (y >= c.tile.coarser_from), "every sample is within the largest error");
        const size_t band = i / plane;
        claim(band < (size_t)c.tile.ends_from || off == 0 || (samples[i] != 0 && samples[i] != c.tops[band]), "ends come back");
    }
    check_tops(&c, decoded);
    free(decoded);
    free(data);
    free(contexts);
    free(workspace);
    free(out);
    free(told);
    free(samples);
    free_tile(&c);
}
