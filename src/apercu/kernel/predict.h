/* Prediction of samples and coding of what it misses, lossless or within a largest error (spec/predictive.md). */
#ifndef APERCU_PREDICT_H
#define APERCU_PREDICT_H

#include "range_coder.h"

enum { PREDICT_CLASSES = 3, PREDICT_EXPERTS = 8, PREDICT_INPUTS = 16 };

/* What all calls for a tile agree on. Planes are uint16, one after the other in coded order, row by row. */
typedef struct {
    int32_t width, height; /* 1 to 65,535 */
    int32_t n_bands;       /* 1 to 65,535 */
    int32_t max_error;     /* 0 to 65,535 */
    int32_t coarser_from;  /* row of every band from which it is one more: 0 to height, which means none */
    int32_t ends_from;     /* encoder: the band from which samples of 0 and of the most stay that: 0 to n_bands */
} predict_tile;

/* Bytes of workspace, or APERCU_ERROR_ARGUMENT. It is 8-byte aligned and begins as zeros. */
APERCU_API int64_t apercu_predict_workspace(const predict_tile *tile);
/* Writes rows `first` to before `end`, counted through all bands, from where the call before ended. `samples` are those of
 * the tile, and become what a decoder makes of them. `tops`: the largest sample of each band, up to
 * 65,535. `taps`: [PREDICT_CLASSES][PREDICT_EXPERTS][PREDICT_INPUTS]. `state` is
 * zeros before the first call. Returns the number of bytes so far, after the last call (`ends`) the number of all, or an
 * error. */
APERCU_API int64_t apercu_predict_encode(const predict_tile *tile, const int32_t *tops, const int16_t *taps, range_context *contexts,
                                         uint8_t *workspace, size_t n_workspace, uint16_t *samples, int64_t first,
                                         int64_t end, uint8_t *out, size_t capacity, uint64_t *state, int32_t ends);
/* The inverse: fills in `samples`. Returns 0 or an error. */
APERCU_API int64_t apercu_predict_decode(const predict_tile *tile, const int32_t *tops, const int16_t *taps, range_context *contexts,
                                         uint8_t *workspace, size_t n_workspace, uint16_t *samples, int64_t first,
                                         int64_t end, const uint8_t *data, size_t n_data, uint64_t *state, int32_t ends);
/* Counts samples by value into `counts` of 65,536. */
APERCU_API int64_t apercu_predict_count(const uint16_t *samples, size_t n, uint32_t *counts);
/* Puts map[sample] in the place of each sample. */
APERCU_API int64_t apercu_predict_map(uint16_t *samples, size_t n, const uint16_t *map);
/* `starts`: for each context the probability of a 0 in 1/65536 and the bits it is trusted for. Returns their number. */
APERCU_API int64_t apercu_predict_start(const uint16_t *starts, range_context *contexts);

#endif
