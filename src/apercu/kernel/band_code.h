/* Symbols of the bands of a tile's planes to bytes and back (spec/apercu.md, "Bands").
 *
 * A stage is a level of all planes, 5 the coarsest, which begins with LL; stages first_stage down to last_stage are one
 * stream. `contexts` and `workspace` go on from one stream of a tile to the next: contexts begin as
 * apercu_bands_start leaves them, workspace as zeros. Planes lie one after the other in `coefficients` and `symbols`,
 * each as wavelet_layout says. */
#ifndef APERCU_BAND_CODE_H
#define APERCU_BAND_CODE_H

#include "band_model.h"

APERCU_API int64_t apercu_bands_start(const uint16_t *starts, range_context *contexts);
APERCU_API int64_t apercu_bands_workspace(const band_plane *planes, size_t n_planes);
/* Chooses symbols for rate and distortion together and writes them. The coefficients of fitted planes change at the border.
 * `symbols` receives them, and begins as zeros; if it is NULL, those of LL replace its coefficients, since each is predicted
 * from those before it, and the others are not kept. Returns bytes or an error.
 *
 * `importance`: what an error counts for, in 1/256, less 1, so that 255 is all. For each stage, the coarsest first, a grid of
 * the places of its bands, as many as LH has columns and HL has rows; the same for all planes, which have the size of the
 * first or, of chroma, half of it. NULL: everything counts alike, as with 255 everywhere. LL is as it is without.
 *
 * A call codes the planes from first_plane to before end_plane in each of its stages. A stream may be coded in several
 * calls, so that a caller can do other things in between: all planes of a stage in order, then the next stage. `state`,
 * three numbers, is what one call passes on to the next; it begins as zeros. `ends`: whether this is the last call of the
 * stream; the others return 0. */
APERCU_API int64_t apercu_bands_encode(const band_plane *planes, size_t n_planes, int32_t step_q8,
                                       const uint8_t *weights, const uint8_t *importance, int32_t first_stage,
                                       int32_t last_stage, size_t first_plane, size_t end_plane, range_context *contexts,
                                       uint8_t *workspace, size_t n_workspace, int16_t *coefficients, int16_t *symbols,
                                       uint8_t *out, size_t capacity, uint64_t *state, int32_t ends);
/* The inverse; `coefficients` receives what the symbols stand for (where step_q8 is 0: the symbols themselves), and begins
 * as zeros. Returns 0 or an error. */
APERCU_API int64_t apercu_bands_decode(const band_plane *planes, size_t n_planes, int32_t step_q8,
                                       const uint8_t *weights, int32_t first_stage, int32_t last_stage,
                                       size_t first_plane, size_t end_plane, range_context *contexts, uint8_t *workspace,
                                       size_t n_workspace, const uint8_t *data, size_t n_data, int16_t *coefficients,
                                       uint64_t *state, int32_t ends);

#endif
