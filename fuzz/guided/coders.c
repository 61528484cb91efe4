/* The dual autoencoder with its Huffman codes, and the range coder alone: any bytes, and what is written comes back. */
#include "dual_ae.h"
#include "input.h"
#include "range_coder.h"
#include "tables.h"

enum { MOST_BLOCKS_A_SIDE = 9, MOST_PLANES = 4, MOST_BITS = 700, BYPASS = 65535 };

int64_t apercu_range_encode(const uint8_t *bits, const uint16_t *chosen, size_t n, size_t n_contexts,
                            const uint16_t *starts, range_context *workspace, uint8_t *out, size_t capacity);
int64_t apercu_range_decode(const uint8_t *data, size_t n_data, const uint16_t *chosen, size_t n, size_t n_contexts,
                            const uint16_t *starts, range_context *workspace, uint8_t *bits);

/* The shipped weights, or others at the limit of what a loader of weights lets through. */
static int16_t *take_weights(input *in)
{
    enum { N = 2 * DUAL_ROWS * DUAL_PIXELS };
    uint32_t kind = take(in) % 4, state = take(in) + 1;
    int16_t *weights = exact(N * sizeof *weights);
    memcpy(weights, SHIPPED_DUAL, sizeof SHIPPED_DUAL);
    for (int i = 0; kind && i < N; i++) {
        uint32_t random = next_random(&state) >> 8;
        /* Rows add up to less than 2^18, and a pixel's eight weights of G2's synthesis to less than 2^16. */
        int32_t most = kind == 2 ? (i % 2 ? 8191 : 0) : 4095;
        weights[i] = (int16_t)(kind == 3 ? (int32_t)(random % 8191) - 4095 : random & 1 ? most : -most);
    }
    return weights;
}

typedef struct {
    uint8_t *groups;
    int16_t *symbols;
    size_t n;
} blocks;

static void synthesise(const blocks *of, size_t across, size_t down, const int16_t *weights, int32_t step_q3)
{
    size_t stride = DUAL_BLOCK * across;
    int16_t *plane = exact(stride * DUAL_BLOCK * down * sizeof *plane);
    claim(apercu_dual_synthesise(of->groups, of->symbols, across, down, weights, step_q3, plane, stride) == 0,
          "any symbols are joined");
    use(plane, stride * DUAL_BLOCK * down * sizeof *plane);
    for (size_t i = 0; i < stride * DUAL_BLOCK * down; i++)
        claim(plane[i] >= -SAMPLE_LIMIT && plane[i] <= SAMPLE_LIMIT, "samples stay within their limits");
    free(plane);
}

void guided_dual_decode(input *in)
{
    size_t across[2] = {1 + take(in) % MOST_BLOCKS_A_SIDE}, down[2] = {1 + take(in) % MOST_BLOCKS_A_SIDE};
    size_t n_planes = 1 + take(in) % MOST_PLANES, size = in->left;
    across[1] = (across[0] + 1) / 2; /* of chroma */
    down[1] = (down[0] + 1) / 2;
    int32_t step_q3 = 1 + (int32_t)(take_number(in, 2) % 65535);
    int16_t *weights = take_weights(in);
    uint8_t *data = take_bytes(in, &size);
    size_t n_workspace = (size_t)apercu_dual_decoder_workspace();
    void *workspace = exact(n_workspace);
    blocks of[MOST_PLANES] = {{NULL, NULL, 0}};
    int64_t at = 0;
    for (size_t p = 0; p < n_planes && at >= 0; p++) {
        int half = n_planes >= 3 && (p == 1 || p == 2);
        of[p].n = across[half] * down[half];
        of[p].groups = exact(of[p].n);
        at = apercu_dual_get_groups(data, size, (uint64_t)at, of[p].n, of[p].groups);
    }
    for (size_t p = 0; p < n_planes && at >= 0; p++) {
        int half = n_planes >= 3 && (p == 1 || p == 2);
        size_t n_bytes = of[p].n * DUAL_LATENTS * sizeof(int16_t);
        use(of[p].groups, of[p].n);
        of[p].symbols = exact(n_bytes);
        at = apercu_dual_get_symbols(data, size, (uint64_t)at, of[p].groups, of[p].n, workspace, n_workspace,
                                     of[p].symbols);
        if (at < 0)
            break;
        use(of[p].symbols, n_bytes);
        synthesise(&of[p], across[half], down[half], weights, step_q3);
    }
    claim(at >= 0 ? (uint64_t)at <= 8 * (uint64_t)size : at == APERCU_ERROR_TRUNCATED || at == APERCU_ERROR_CORRUPT,
          "decoding says how it ended");
    for (size_t p = 0; p < n_planes; p++) {
        free(of[p].groups);
        free(of[p].symbols);
    }
    free(workspace);
    free(weights);
    free(data);
}

/* Groups and symbols from samples, as an encoder finds them, or at random; `latents` is NULL for those. */
static blocks take_blocks(input *in, size_t across, size_t down, const int16_t *weights, int32_t step_q3,
                          int16_t **latents)
{
    size_t n = across * down, stride = DUAL_BLOCK * across + take(in) % 3;
    uint32_t kind = take(in), state = take(in) + 1, spread = 1 + take_number(in, 2) % 32767;
    blocks of = {exact(n), exact(n * DUAL_LATENTS * sizeof(int16_t)), n};
    *latents = NULL;
    if (kind & 1) {
        for (size_t b = 0; b < n; b++) {
            of.groups[b] = kind & 2 ? (uint8_t)(take(in) & 1) : kind & 4 ? 1 : 0;
            for (int k = 0; k < DUAL_LATENTS; k++) {
                uint32_t number = in->left ? take(in) * 257 : next_random(&state) >> 8;
                int32_t symbol = (int32_t)(number % spread) - (int32_t)(kind & 8 ? spread / 2 : 0);
                of.symbols[b * DUAL_LATENTS + (size_t)k] =
                    (int16_t)(k == 0 || of.groups[b] ? clamp32(symbol, -16383, 16383) : 0);
            }
        }
        return of;
    }
    size_t n_samples = (DUAL_BLOCK * down - 1) * stride + DUAL_BLOCK * across;
    int16_t *plane = exact(n_samples * sizeof *plane);
    for (size_t i = 0; i < n_samples; i++) {
        int32_t number = (int32_t)(in->left ? take(in) * 32 : next_random(&state) >> 8 & 0x1fff);
        plane[i] = (int16_t)clamp32(kind & 2 ? number - 4096 : kind & 4 ? number % (int32_t)spread : number, -8191, 8191);
    }
    *latents = exact(n * DUAL_ROWS * sizeof(int16_t));
    uint32_t *mse_q4 = exact(n * sizeof *mse_q4);
    int64_t threshold_q4 = (int64_t)take_number(in, 3) - 1;
    claim(apercu_dual_analyse(plane, stride, across, down, weights, threshold_q4, *latents, mse_q4) == 0,
          "a plane is analysed");
    use(*latents, n * DUAL_ROWS * sizeof(int16_t));
    claim(apercu_dual_quantise(*latents, mse_q4, n, threshold_q4, step_q3, of.groups, of.symbols) == 0,
          "latents are quantised");
    free(plane);
    free(mse_q4);
    return of;
}

void guided_dual_encode(input *in)
{
    size_t across = 1 + take(in) % MOST_BLOCKS_A_SIDE, down = 1 + take(in) % MOST_BLOCKS_A_SIDE, n = across * down;
    int32_t step_q3 = 1 + (int32_t)(take_number(in, 2) % 65535);
    uint32_t how = take(in);
    int tables = (int)(how % 3);
    int16_t *weights = take_weights(in), *latents;
    size_t n_workspace = (size_t)apercu_dual_encoder_workspace(n), n_read = (size_t)apercu_dual_decoder_workspace();
    void *workspace = exact(n_workspace);
    blocks of = take_blocks(in, across, down, weights, step_q3, &latents);
    if (latents && how & 16) {
        int64_t cost;
        claim(apercu_dual_optimise(of.groups, latents, n, tables, how >> 5 & 1, step_q3, (int32_t)(how >> 6) * 5,
                                   workspace, n_workspace, of.symbols, &cost) == 0, "symbols are chosen");
        use(&cost, sizeof cost);
    }
    size_t capacity = 1 << 20, offset = take(in) % 8; /* bits that are in use already */
    uint8_t *out = exact(capacity);
    out[0] = 0;
    int64_t groups_end = apercu_dual_put_groups(of.groups, n, out, capacity, offset);
    claim(groups_end > 0, "groups are written");
    int64_t end = apercu_dual_put_symbols(of.groups, of.symbols, n, tables, workspace, n_workspace, out, capacity,
                                          (uint64_t)groups_end);
    claim(end >= 0, "symbols are written");
    size_t size = ((size_t)end + 7) / 8;
    for (size_t less = 0; less < 2 && size > less; less++) {
        uint8_t *small = exact(size - less);
        small[0] = 0;
        int64_t code = apercu_dual_put_groups(of.groups, n, small, size - less, offset);
        if (code >= 0)
            code = apercu_dual_put_symbols(of.groups, of.symbols, n, tables, workspace, n_workspace, small, size - less,
                                           (uint64_t)code);
        claim(less ? code == APERCU_ERROR_CAPACITY : code == end && !memcmp(small, out, size), "the capacity holds");
        free(small);
    }
    uint8_t *data = exact(size);
    memcpy(data, out, size);
    blocks again = {exact(n), exact(n * DUAL_LATENTS * sizeof(int16_t)), n};
    void *reading = exact(n_read);
    claim(apercu_dual_get_groups(data, size, offset, n, again.groups) == groups_end &&
              !memcmp(of.groups, again.groups, n), "the groups come back");
    claim(apercu_dual_get_symbols(data, size, (uint64_t)groups_end, again.groups, n, reading, n_read,
                                  again.symbols) == end &&
              !memcmp(of.symbols, again.symbols, n * DUAL_LATENTS * sizeof(int16_t)), "the symbols come back");
    free(reading);
    free(again.groups);
    free(again.symbols);
    free(data);
    free(out);
    free(of.groups);
    free(of.symbols);
    free(latents);
    free(workspace);
    free(weights);
}

void guided_range_coder(input *in)
{
    size_t n = take_number(in, 2) % MOST_BITS, n_contexts = take(in) % 9, with_starts = take(in) & 1, n_data;
    uint32_t state = take(in) + 1, likely = take(in);
    uint16_t *chosen = exact(n * sizeof *chosen), *starts = exact(4 * n_contexts * sizeof *starts);
    int sound = 1;
    for (size_t i = 0; i < 4 * n_contexts; i++) {
        static const uint16_t MOST[] = {65535, 128, 7, 7}, LEAST[] = {1, 2, 1, 1};
        uint32_t random = next_random(&state) >> 8, most = MOST[i % 4], least = LEAST[i % 4];
        starts[i] = (uint16_t)(random % 8 == 0 ? most : random % 8 == 1 ? least : least + random / 8 % (most - least + 1));
        if (with_starts && random % 1024 == 2)
            starts[i] = 0, sound = 0;
    }
    uint8_t *bits = exact(n), *back = exact(n);
    for (size_t i = 0; i < n; i++) {
        uint32_t random = next_random(&state) >> 8;
        chosen[i] = n_contexts && random % 8 ? (uint16_t)(random / 8 % n_contexts) : BYPASS;
        bits[i] = (uint8_t)((in->left && !(state & 7) ? take(in) & 1 : (random >> 4 & 255) < likely) & 1);
    }
    range_context *workspace = exact(n_contexts * sizeof *workspace);
    size_t capacity = 2 * n + n / 1024 + 16;
    uint8_t *out = exact(capacity);
    int64_t code = apercu_range_encode(bits, chosen, n, n_contexts, with_starts ? starts : NULL, workspace, out, capacity);
    claim(sound ? code >= 0 : code == APERCU_ERROR_ARGUMENT, "bits are written");
    if (sound) {
        size_t less = (size_t)code / 2;
        uint8_t *data = exact((size_t)code), *small = exact(less);
        memcpy(data, out, (size_t)code);
        use(data, (size_t)code);
        claim(apercu_range_decode(data, (size_t)code, chosen, n, n_contexts, with_starts ? starts : NULL, workspace,
                                  back) == 0 && !memcmp(bits, back, n), "the bits come back");
        int64_t short_of = apercu_range_encode(bits, chosen, n, n_contexts, with_starts ? starts : NULL, workspace,
                                               small, less);
        claim(short_of == APERCU_ERROR_CAPACITY || (code == 0 && short_of == 0), "the capacity holds");
        free(small);
        free(data);
        n_data = in->left;
        data = take_bytes(in, &n_data);
        code = apercu_range_decode(data, n_data, chosen, n, n_contexts, with_starts ? starts : NULL, workspace, back);
        claim(code == 0 || code == APERCU_ERROR_TRUNCATED || code == APERCU_ERROR_CORRUPT, "decoding says how it ended");
        use(back, n);
        free(data);
    }
    free(out);
    free(workspace);
    free(bits);
    free(back);
    free(chosen);
    free(starts);
}
