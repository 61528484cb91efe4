/* Known answers of the sample predictor. */
#ifndef APERCU_SELF_TEST_PREDICT_H
#define APERCU_SELF_TEST_PREDICT_H

#include "predict.h"
#include "self_test_draw.h"

#include <string.h>

enum { PREDICT_W = 67, PREDICT_H = 4, PREDICT_B = 3, PREDICT_ROWS = PREDICT_H * PREDICT_B };
enum { PREDICT_N = PREDICT_W * PREDICT_ROWS, PREDICT_CONTEXTS = 25080 };

typedef struct {
    uint64_t workspace[1 << 14];
    range_context started[PREDICT_CONTEXTS], contexts[PREDICT_CONTEXTS];
    uint32_t counts[65536];
    uint16_t starts[2 * PREDICT_CONTEXTS], samples[PREDICT_N], decoded[PREDICT_N], map[65536];
    int16_t taps[PREDICT_CLASSES * PREDICT_EXPERTS * PREDICT_INPUTS];
    uint8_t bytes[6 * PREDICT_N];
} predict_room;

/* Slopes that bands share, an edge, noise of the lowest bits and of all, and places where nothing happens. */
static inline void draw_bands(test *t, uint16_t *samples, int32_t top)
{
    for (int32_t i = 0; i < PREDICT_N; i++) {
        const int32_t x = i % PREDICT_W, y = i / PREDICT_W % PREDICT_H, b = i / (PREDICT_W * PREDICT_H);
        const int32_t noise = x / 8 % 3 == 0 ? 0 : x / 8 < 5 ? 6 : top;
        const int32_t v = (x * 9 + y * 5) * (b + 2) % (top / 2) + (x > 40 ? top / 3 : 0) + below(t, 1 + (uint32_t)noise);
        samples[i] = (uint16_t)clamp32(x > 60 ? top : v, 0, top);
    }
}

static inline void test_predict(test *t, predict_room *r)
{
    for (int32_t i = 0; i < PREDICT_CLASSES * PREDICT_EXPERTS * PREDICT_INPUTS; i++)
        r->taps[i] = (int16_t)(i % (3 * PREDICT_INPUTS) ? below(t, 800) - 400 : 1024);
    for (size_t i = 0; i < PREDICT_CONTEXTS; i++) {
        r->starts[2 * i] = (uint16_t)(i % 3 ? 32768 : 1 + below(t, 65535));
        r->starts[2 * i + 1] = (uint16_t)(2 + i % 60);
    }
    add(t, apercu_predict_start(r->starts, r->started));
    memset(r->counts, 0, sizeof r->counts);
    for (int run = 0; run < 2; run++) {
        const int32_t top = run ? 65535 : 255, tops[PREDICT_B] = {top, top, top};
        const predict_tile tile = {PREDICT_W, PREDICT_H, PREDICT_B, run ? 3 : 0, PREDICT_H - run, 1};
        int64_t n = 0;
        draw_bands(t, r->samples, top);
        apercu_predict_count(r->samples, PREDICT_N, r->counts);
        for (int32_t i = 0; i < PREDICT_N; i++) {
            add(t, r->counts[r->samples[i]]);
            r->map[r->samples[i]] = (uint16_t)(top - r->samples[i]);
        }
        apercu_predict_map(r->samples, PREDICT_N, r->map);
        for (int reading = 0; reading < 2; reading++) {
            uint64_t state[3] = {0};
            memcpy(r->contexts, r->started, sizeof r->contexts);
            memset(r->workspace, 0, sizeof r->workspace);
            for (int64_t first = 0; first < PREDICT_ROWS; first += 7) { /* two calls */
                const int64_t end = first + 7 < PREDICT_ROWS ? first + 7 : PREDICT_ROWS;
                const int32_t ends = end == PREDICT_ROWS;
                const int64_t code =
                    reading ? apercu_predict_decode(&tile, tops, r->taps, r->contexts, (uint8_t *)r->workspace,
                                                    sizeof r->workspace, r->decoded, first, end, r->bytes, (size_t)n,
                                                    state, ends)
                            : apercu_predict_encode(&tile, tops, r->taps, r->contexts, (uint8_t *)r->workspace,
                                                    sizeof r->workspace, r->samples, first, end, r->bytes,
                                                    sizeof r->bytes, state, ends);
                add(t, code);
                if (code < 0)
                    return;
                n = reading ? n : code;
            }
        }
        add_u8(t, r->bytes, (size_t)n);
        add_u16(t, r->decoded, PREDICT_N);
    }
}

#endif
