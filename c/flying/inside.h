/* What the files of the encoder share. Calls go from left to right:
 *
 *     encoder.c  apercu_begin ...  -> tile.c   pixels to coefficients  -> the kernel
 *                                  -> bands.c  coefficients to bytes   -> contexts.c
 */
#ifndef APERCU_INSIDE_H
#define APERCU_INSIDE_H

#include "band_model.h"
#include "encoder.h"
#include "kind.h"
#include "wavelet.h"

enum { IS_SPECTRAL = (int)INTERPRETATION == 3 };

extern const uint8_t apercu_weights[BANDS_IN_ALL * PAST]; /* tables.c */

/* The memory of a tile. */
extern range_context apercu_contexts[N_CONTEXTS];
extern int16_t apercu_samples[N_SAMPLES]; /* coefficients of its planes, one plane after the other */
extern union apercu_work {
    uint64_t aligned;
    uint8_t bytes[N_WORK];
    int16_t numbers[N_WORK / 2];
} apercu_work;

/* What a code in the levels of 16-bit samples stands for. */
static inline int32_t sample_level(uint8_t code)
{
    return code < 16 ? code : (16 + code % 16) << (code / 16 - 1);
}

/* Pixels of a tile, rows `row` samples apart, to apercu_samples. `levels`: of the file. */
void apercu_analyse(uint32_t width, uint32_t height, const apercu_sample *pixels, size_t row, int32_t step_q8,
                    const uint8_t *levels);

/* Codes stages `first` to `last` of it, for which contexts and work begin as zeros. Returns bytes, or APERCU_TOO_SMALL. */
int32_t apercu_write(uint32_t width, uint32_t height, int32_t step_q8, int first, int last, uint8_t *out, size_t capacity);

#endif
