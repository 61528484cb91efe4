/* Every function that others call runs here, with odd and even sizes, shorter and longer than vectors of 16 samples, and with
 * values of both signs up to the limits of 16 bits. */
#include "self_test.h"

#include "band_code.h"
#include "band_step.h"
#include "dual_ae.h"
#include "fill.h"
#include "self_test_draw.h"
#include "rotation.h"
#include "self_test_predict.h"
#include "wavelet.h"

#include <string.h>

#ifdef APERCU_COVERAGE /* which is to count what the fuzzer reaches */
int64_t apercu_self_test(uint8_t *workspace, size_t n_workspace)
{
    (void)workspace, (void)n_workspace;
    return 0;
}

int64_t apercu_self_test_workspace(void)
{
    return 0;
}
#else

/* As `known_answers` prints them, which is built with the kernel. A change of the coded output changes them; a faster kernel
 * does not. */
static const uint32_t KNOWN[TEST_PARTS] = {0x0AECCFF0, 0x0BD0D15B, 0x5DCE1316, 0x3C3FCA7E,
                                           0x71E38923, 0x868ED4EC, 0x776266BC, 0x0E6B8BB0, 0x30E35B32,
                                           0xAC97A7CD, 0x36C4AAB0};

/* An image of 67 x 7 pixels, in planes of even size. */
enum { WIDE = 67, HIGH = 7, PLANE_W = 72, PLANE_H = 8, PIXELS = WIDE * HIGH, SAMPLES = PLANE_W * PLANE_H, ROTATED = 200 };

typedef struct {
    uint8_t bytes[4 * PIXELS];
    uint16_t words[4 * PIXELS], others[4 * PIXELS];
    int16_t luma[SAMPLES], cb[SAMPLES / 4], cr[SAMPLES / 4], scratch[5 * PLANE_W];
} samples_room;

static void add_planes(test *t, const samples_room *r)
{
    add_i16(t, r->luma, SAMPLES);
    add_i16(t, r->cb, SAMPLES / 4);
    add_i16(t, r->cr, SAMPLES / 4);
}

static void test_samples(test *t, samples_room *r)
{
    for (size_t i = 0; i < 4 * PIXELS; i++) {
        r->bytes[i] = (uint8_t)below(t, 256);
        r->words[i] = (uint16_t)below(t, 65536);
    }
    for (size_t pitch = 1; pitch <= 4; pitch++) {
        size_t row = WIDE * pitch, n = pitch * PIXELS;
        apercu_load_u8(r->bytes, row, pitch, WIDE, HIGH, r->luma, PLANE_W, PLANE_H);
        add_i16(t, r->luma, SAMPLES);
        apercu_load_u16(r->words, row, pitch, WIDE, HIGH, 300, 40001, r->luma, PLANE_W, PLANE_H);
        add_i16(t, r->luma, SAMPLES);
        if (pitch >= 3) {
            apercu_rgb_to_ycc_u8(r->bytes, row, pitch, WIDE, HIGH, r->scratch, r->luma, PLANE_W, PLANE_H, r->cb, r->cr);
            add_planes(t, r);
            apercu_rgb_to_ycc_u16(r->words, row, pitch, WIDE, HIGH, 0, 65535, r->scratch, r->luma, PLANE_W, PLANE_H,
                                  r->cb, r->cr);
            add_planes(t, r);
        }
        draw(t, r->luma, SAMPLES, SAMPLE_LIMIT);
        draw(t, r->cb, SAMPLES / 4, SAMPLE_LIMIT);
        draw(t, r->cr, SAMPLES / 4, SAMPLE_LIMIT);
        apercu_store_u8(r->luma, PLANE_W, r->bytes, row, pitch, WIDE, HIGH);
        add_u8(t, r->bytes, n);
        apercu_store_u16(r->luma, PLANE_W, r->words, row, pitch, WIDE, HIGH, 300, 40001);
        add_u16(t, r->words, n);
        if (pitch >= 3) {
            apercu_ycc_to_rgb_u8(r->luma, PLANE_W, r->cb, r->cr, PLANE_W / 2, r->scratch, r->bytes, row, pitch, WIDE, HIGH);
            add_u8(t, r->bytes, n);
            apercu_ycc_to_rgb_u16(r->luma, PLANE_W, r->cb, r->cr, PLANE_W / 2, r->scratch, r->words, row, pitch, WIDE,
                                  HIGH, 0, 65535);
            add_u16(t, r->words, n);
        }
    }
    for (size_t n_bands = 2; n_bands <= 5; n_bands++) {
        int8_t matrix[25];
        int32_t levels[10];
        for (int i = 0; i < 25; i++)
            matrix[i] = (int8_t)(below(t, 256) - 128);
        for (int i = 0; i < 10; i += 2)
            levels[i] = below(t, 60000), levels[i + 1] = 1 + below(t, 65536);
        add(t, apercu_to_bands_u8(r->words, ROTATED, n_bands, matrix, levels, r->bytes));
        add_u8(t, r->bytes, ROTATED * n_bands);
        add(t, apercu_to_bands_u16(r->words, ROTATED, n_bands, matrix, levels, r->others));
        add_u16(t, r->others, ROTATED * n_bands);
    }
    add(t, apercu_squared_error_u8(r->bytes, WIDE, r->bytes + 2 * PIXELS, 2 * WIDE, WIDE, HIGH));
    add(t, apercu_squared_error_u16(r->words, WIDE, r->words + 2 * PIXELS, 2 * WIDE, WIDE, HIGH));
}

enum { LARGEST = 67 * 21, WIDEST = 135, WAVELET_ROOM = 8 * (WIDEST + 12) + LARGEST };

typedef struct {
    int16_t plane[LARGEST], bands[LARGEST], workspace[WAVELET_ROOM];
} wavelet_room;

static void test_wavelet(test *t, wavelet_room *r)
{
    static const uint8_t sizes[][2] = {{1, 1}, {2, 3}, {5, 4}, {8, 16}, {33, 9}, {67, 21}, {31, 34}, {WIDEST, 6}};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++)
        for (int run = 0; run < 3; run++) {
            size_t width = sizes[i][0], height = sizes[i][1], n = width * height;
            int chroma = run == 2;
            int32_t levels = WAVELET_LEVELS - chroma, centre = chroma ? 0 : 4080, step_q8 = run ? 4000 : 0;
            if (run)
                draw_picture(t, r->plane, width, height, centre, i % 2 ? 4080 : 60); /* with edges, or smooth */
            else
                draw(t, r->plane, n, SAMPLE_LIMIT);
            apercu_wavelet_analyse(r->plane, width, width, height, levels, centre, step_q8, chroma, r->workspace,
                                   WAVELET_ROOM, r->bands);
            add_i16(t, r->bands, n);
            if (!run)
                draw(t, r->bands, n, 32767); /* as a hostile file has them: sums wrap */
            apercu_wavelet_synthesise(r->bands, width, height, levels, centre, r->workspace, WAVELET_ROOM, r->plane,
                                      width);
            add_i16(t, r->plane, n);
        }
}

/* Luma, two planes of chroma, and one by itself. */
enum { N_PLANES = 4, LUMA_W = 37, LUMA_H = 26, CHROMA_W = 19, CHROMA_H = 13, ALONE_W = 9, ALONE_H = 34 };
enum { COEFFICIENTS = LUMA_W * LUMA_H + 2 * CHROMA_W * CHROMA_H + ALONE_W * ALONE_H };
enum { PLACES = 19 * 13 + 10 * 7 + 5 * 4 + 3 * 2 + 2 }; /* of luma and chroma at each stage */

typedef struct {
    range_context started[N_CONTEXTS], contexts[N_CONTEXTS];
    uint64_t workspace[3000];
    uint16_t starts[2 * N_CONTEXTS];
    uint8_t weights[BANDS_IN_ALL * PAST], bytes[2][2 * COEFFICIENTS], importance[PLACES];
    int16_t picture[LUMA_W * LUMA_H], coefficients[COEFFICIENTS], symbols[COEFFICIENTS];
    int16_t rows[8 * (LUMA_W + 12) + LUMA_W * LUMA_H];
} bands_room;

static void test_bands(test *t, bands_room *r)
{
    static const band_plane planes[N_PLANES] = {{LUMA_W, LUMA_H, 0, -1, 1, 0}, {CHROMA_W, CHROMA_H, 1, 0, 1, 0},
                                                {CHROMA_W, CHROMA_H, 1, 1, 1, 0}, {ALONE_W, ALONE_H, 0, -1, 0, 0}};
    static const int8_t first[] = {STAGES, 2}, last[] = {3, 1}; /* two streams */
    const int32_t step_q8 = 3000;
    int64_t n_bytes[2];
    for (int i = 0; i < N_CONTEXTS; i++) {
        r->starts[2 * i] = (uint16_t)(20000 + below(t, 40000));
        r->starts[2 * i + 1] = (uint16_t)(2 + i % 60);
    }
    for (int i = 0; i < BANDS_IN_ALL * PAST; i++)
        r->weights[i] = (uint8_t)(1 + below(t, 7));
    int16_t *at = r->coefficients;
    for (int p = 0; p < N_PLANES; p++) {
        size_t width = (size_t)planes[p].width, height = (size_t)planes[p].height;
        draw_picture(t, r->picture, width, height, 0, 4080);
        apercu_wavelet_analyse(r->picture, width, width, height, WAVELET_LEVELS - planes[p].chroma, 0,
                               planes[p].fitted ? step_q8 : 0, planes[p].chroma, r->rows, sizeof r->rows / sizeof *r->rows, at);
        at += width * height;
    }
    add(t, apercu_bands_start(r->starts, r->started));
    memcpy(r->contexts, r->started, sizeof r->contexts);
    memset(r->workspace, 0, sizeof r->workspace);
    memset(r->symbols, 0, sizeof r->symbols);
    for (int s = 0; s < 2; s++) {
        uint64_t state[3] = {0};
        n_bytes[s] = apercu_bands_encode(planes, N_PLANES, step_q8, r->weights, NULL, first[s], last[s], 0, N_PLANES,
                                         r->contexts, (uint8_t *)r->workspace, sizeof r->workspace, r->coefficients,
                                         r->symbols, r->bytes[s], sizeof r->bytes[s], state, 1);
        add(t, n_bytes[s]);
        if (n_bytes[s] < 0)
            return;
        add_u8(t, r->bytes[s], (size_t)n_bytes[s]);
    }
    add_i16(t, r->symbols, COEFFICIENTS);
    add(t, apercu_bands_dequantise(planes, N_PLANES, step_q8, r->symbols, r->coefficients));
    add_i16(t, r->coefficients, COEFFICIENTS);
    memcpy(r->contexts, r->started, sizeof r->contexts);
    memset(r->workspace, 0, sizeof r->workspace);
    memset(r->coefficients, 0, sizeof r->coefficients);
    for (int s = 0; s < 2; s++) {
        uint64_t state[3] = {0};
        add(t, apercu_bands_decode(planes, N_PLANES, step_q8, r->weights, first[s], last[s], 0, N_PLANES, r->contexts,
                                   (uint8_t *)r->workspace, sizeof r->workspace, r->bytes[s], (size_t)n_bytes[s],
                                   r->coefficients, state, 1));
    }
    add_i16(t, r->coefficients, COEFFICIENTS);
    for (int i = 0; i < PLACES; i++)
        r->importance[i] = (uint8_t)below(t, 256);
    memcpy(r->contexts, r->started, sizeof r->contexts);
    memset(r->workspace, 0, sizeof r->workspace);
    uint64_t state[3] = {0};
    n_bytes[0] = apercu_bands_encode(planes, N_PLANES - 1, step_q8, r->weights, r->importance, STAGES, 1, 0, N_PLANES - 1,
                                     r->contexts, (uint8_t *)r->workspace, sizeof r->workspace, r->coefficients, NULL,
                                     r->bytes[0], sizeof r->bytes[0], state, 1);
    add(t, n_bytes[0]);
    add_u8(t, r->bytes[0], n_bytes[0] < 0 ? 0 : (size_t)n_bytes[0]);
    for (int orientation = -1; orientation < ORIENTATIONS; orientation++)
        add(t, apercu_band_step(step_q8, 1, WAVELET_LEVELS - 1, orientation));
}

enum { BITS = 1500, SOME_CONTEXTS = 6, NO_CONTEXT = 65535 };

typedef struct {
    range_context contexts[SOME_CONTEXTS];
    uint16_t chosen[BITS];
    uint8_t bits[BITS], bytes[2 * BITS];
} range_room;

static void test_range_coder(test *t, range_room *r)
{
    static const uint16_t starts[4 * SOME_CONTEXTS] = {1,     2, 1, 7, 65535, 128, 7, 1, 32768, 3, 4, 7,
                                                       50000, 9, 2, 5, 9000,  64,  3, 3, 65000, 2, 6, 6};
    for (int run = 0; run < 2; run++) {
        for (int i = 0; i < BITS; i++) {
            int32_t context = below(t, SOME_CONTEXTS + 1);
            r->chosen[i] = (uint16_t)(context < SOME_CONTEXTS ? context : NO_CONTEXT);
            r->bits[i] = below(t, 8) > context;
        }
        int64_t n = apercu_range_encode(r->bits, r->chosen, BITS, SOME_CONTEXTS, run ? starts : NULL, r->contexts,
                                        r->bytes, sizeof r->bytes);
        add(t, n);
        if (n < 0)
            return;
        add_u8(t, r->bytes, (size_t)n);
        memset(r->bits, 0, sizeof r->bits);
        add(t, apercu_range_decode(r->bytes, (size_t)n, r->chosen, BITS, SOME_CONTEXTS, run ? starts : NULL, r->contexts,
                                   r->bits));
        add_u8(t, r->bits, BITS);
    }
}

enum { ACROSS = 7, DOWN = 5, BLOCKS = ACROSS * DOWN, BLOCK_PIXELS = BLOCKS * DUAL_PIXELS };

typedef struct {
    int16_t plane[BLOCK_PIXELS], weights[2 * DUAL_ROWS * DUAL_PIXELS], latents[BLOCKS * DUAL_ROWS],
        symbols[BLOCKS * DUAL_LATENTS];
    uint32_t mse_q4[BLOCKS];
    uint8_t groups[BLOCKS], bytes[64 * BLOCKS];
} dual_room;

static void test_dual_ae(test *t, dual_room *r)
{
    draw(t, r->weights, 2 * DUAL_ROWS * DUAL_PIXELS, 4000);
    draw_picture(t, r->plane, ACROSS * DUAL_BLOCK, DOWN * DUAL_BLOCK, 4080, 4080);
    for (int64_t threshold_q4 = -1; threshold_q4 <= 60000; threshold_q4 += 60001) {
        apercu_dual_analyse(r->plane, ACROSS * DUAL_BLOCK, ACROSS, DOWN, r->weights, threshold_q4, r->latents, r->mse_q4);
        add_i16(t, r->latents, BLOCKS * DUAL_ROWS);
        for (int b = 0; b < BLOCKS; b++)
            add(t, r->mse_q4[b]);
    }
    add(t, apercu_dual_quantise(r->latents, r->mse_q4, BLOCKS, 60000, 37, r->groups, r->symbols));
    add_u8(t, r->groups, BLOCKS);
    add_i16(t, r->symbols, BLOCKS * DUAL_LATENTS);
    add(t, apercu_dual_synthesise(r->groups, r->symbols, ACROSS, DOWN, r->weights, 37, r->plane, ACROSS * DUAL_BLOCK));
    add_i16(t, r->plane, BLOCK_PIXELS);
}

static void test_huffman(test *t, dual_room *r, uint8_t *workspace)
{
    size_t writing = (size_t)apercu_dual_encoder_workspace(BLOCKS), reading = (size_t)apercu_dual_decoder_workspace();
    for (int tables = DUAL_TABLES_CHEAPER; tables <= DUAL_TABLES_LATENT; tables++) {
        int64_t cost = 0, n_bits;
        for (int b = 0; b < BLOCKS; b++)
            r->mse_q4[b] = (uint32_t)below(t, 3);
        for (int i = 0; i < BLOCKS * DUAL_ROWS; i++) {
            int32_t latent = below(t, 4000) - 2000; /* small ones are frequent */
            r->latents[i] = (int16_t)(latent / (1 + below(t, 30)));
        }
        apercu_dual_quantise(r->latents, r->mse_q4, BLOCKS, 0, 37, r->groups, r->symbols);
        add(t, apercu_dual_optimise(r->groups, r->latents, BLOCKS, tables, 0, 37, 5, workspace, writing, r->symbols, &cost));
        add(t, cost);
        n_bits = apercu_dual_put_groups(r->groups, BLOCKS, r->bytes, sizeof r->bytes, 0);
        n_bits = apercu_dual_put_symbols(r->groups, r->symbols, BLOCKS, tables, workspace, writing, r->bytes,
                                         sizeof r->bytes, (uint64_t)n_bits);
        add(t, n_bits);
        if (n_bits < 0)
            return;
        add_u8(t, r->bytes, (size_t)(n_bits + 7) / 8);
        memset(r->groups, 0, sizeof r->groups);
        n_bits = apercu_dual_get_groups(r->bytes, sizeof r->bytes, 0, BLOCKS, r->groups);
        add_u8(t, r->groups, BLOCKS);
        add(t, apercu_dual_get_symbols(r->bytes, sizeof r->bytes, (uint64_t)n_bits, r->groups, BLOCKS, workspace,
                                       reading, r->symbols));
        add_i16(t, r->symbols, BLOCKS * DUAL_LATENTS);
    }
}

enum { FILL_W = 45, FILL_H = 19, FILL_BANDS = 3, FILL_SAMPLES = FILL_W * FILL_H * FILL_BANDS };

typedef struct {
    uint8_t workspace[4 * FILL_W * FILL_H], bytes[FILL_SAMPLES], weights[FILL_W * FILL_H];
    uint16_t words[FILL_SAMPLES];
} fill_room;

static void test_fill(test *t, fill_room *r)
{
    static const int32_t middles[FILL_BANDS] = {100, 20, 250};
    for (size_t n_bands = 1; n_bands <= FILL_BANDS; n_bands += 2) {
        for (size_t i = 0; i < FILL_SAMPLES; i++) {
            r->bytes[i] = (uint8_t)below(t, 256);
            r->words[i] = (uint16_t)below(t, 65536);
        }
        for (size_t y = 0; y < FILL_H; y++)
            for (size_t x = 0; x < FILL_W; x++) {
                int32_t kind = below(t, 30);
                uint8_t weight = x + y < 30 && x > 3 ? 0 : 255; /* an area, its rim, and single pixels */
                r->weights[y * FILL_W + x] = kind == 0 ? 0 : kind == 1 ? (uint8_t)below(t, 256) : weight;
            }
        add(t, apercu_fill_workspace(FILL_W, FILL_H));
        apercu_fill_u8(r->bytes, FILL_W * FILL_BANDS, FILL_BANDS, FILL_W, FILL_H, n_bands, r->weights, middles, r->workspace,
                       sizeof r->workspace);
        add_u8(t, r->bytes, FILL_SAMPLES);
        apercu_fill_u16(r->words, FILL_W * FILL_BANDS, FILL_BANDS, FILL_W, FILL_H, n_bands, r->weights, middles,
                        r->workspace, sizeof r->workspace);
        add_u16(t, r->words, FILL_SAMPLES);
    }
}

/* One part at a time. */
typedef union {
    samples_room samples;
    wavelet_room wavelet;
    bands_room bands;
    range_room range;
    dual_room dual;
    fill_room fill;
    predict_room predict;
    uint64_t aligned;
} room;

int64_t apercu_self_test_workspace(void)
{
    size_t most = sizeof(room) + (size_t)apercu_dual_encoder_workspace(BLOCKS) + (size_t)apercu_dual_decoder_workspace();
    most = most > self_test_maps_size() ? most : self_test_maps_size();
    return (int64_t)(most > self_test_mask_size() ? most : self_test_mask_size());
}

uint32_t self_test_sum(int part, uint8_t *workspace, size_t n_workspace)
{
    test t = {1, 2166136261u};
    room *r = (room *)(void *)workspace;
    if (n_workspace < (size_t)apercu_self_test_workspace())
        return 0;
    if (part == TEST_SAMPLES)
        test_samples(&t, &r->samples);
    if (part == TEST_WAVELET)
        test_wavelet(&t, &r->wavelet);
    if (part == TEST_BANDS)
        test_bands(&t, &r->bands);
    if (part == TEST_RANGE_CODER)
        test_range_coder(&t, &r->range);
    if (part == TEST_DUAL_AE)
        test_dual_ae(&t, &r->dual);
    if (part == TEST_HUFFMAN)
        test_huffman(&t, &r->dual, workspace + sizeof(room));
    if (part == TEST_FILL)
        test_fill(&t, &r->fill);
    if (part == TEST_MAPS)
        self_test_maps(&t, workspace);
    if (part == TEST_DCT)
        self_test_dct(&t, workspace);
    if (part == TEST_PREDICT)
        test_predict(&t, &r->predict);
    if (part == TEST_MASK)
        self_test_mask(&t, workspace);
    return t.sum;
}

uint32_t self_test_known(int part)
{
    return KNOWN[part];
}

int64_t apercu_self_test(uint8_t *workspace, size_t n_workspace)
{
    int64_t wrong = 0;
    if (n_workspace < (size_t)apercu_self_test_workspace())
        return APERCU_ERROR_CAPACITY;
    for (int part = 0; part < TEST_PARTS; part++)
        wrong |= (int64_t)(self_test_sum(part, workspace, n_workspace) != KNOWN[part]) << part;
    return wrong;
}
#endif
