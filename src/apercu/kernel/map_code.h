/* Symbols of the maps of a tile's planes to bytes and back (spec/symbol_maps.md).
 *
 * Planes lie one after the other in `values` and `symbols`, each as its maps, each row by row. A stream holds some maps of all
 * planes, from first_map to before end_map: plane after plane, and in each map after map. `contexts` and `workspace` go on from
 * one stream of a tile to the next: contexts begin as apercu_maps_start leaves them, workspace as zeros. */
#ifndef APERCU_MAP_CODE_H
#define APERCU_MAP_CODE_H

#include "map_model.h"

/* `starts`: for each context the probability of a 0 in 1/65536 and the bits it is trusted for. `selectors`: 1 where a map is
 * one, else 0. Returns the number of contexts, or an error. */
APERCU_API int64_t apercu_maps_start(const uint16_t *starts, size_t n_groups, size_t selectors, range_context *contexts);
APERCU_API int64_t apercu_maps_workspace(const map_plane *planes, size_t n_planes, size_t n_maps);
/* Chooses symbols for rate and distortion together and writes them. `steps_q6`, of each map for each class, 1 or more: a
 * symbol stands for so many 1/64 of `values`. `prices`, laid out like them, 0 to 65535: of 1/256 bit, in 2^-16 squared steps;
 * 0 takes the nearest. Counts and selectors have neither: their values are the symbols. `symbols` receives them, and begins as
 * zeros. Returns bytes or an error.
 *
 * A call codes the planes from first_plane to before end_plane. A stream may be coded in several calls, plane after plane, so
 * that a caller can do other things in between. `state`, three numbers, is what one call passes on to the next; it begins as
 * zeros. `ends`: whether this is the last call of the stream; the others return 0. */
APERCU_API int64_t apercu_maps_encode(const map_plane *planes, size_t n_planes, const map_kind *maps, size_t n_maps,
                                      size_t n_groups, const uint8_t *weights, const int32_t *steps_q6,
                                      const int32_t *prices, size_t first_map, size_t end_map, size_t first_plane,
                                      size_t end_plane, range_context *contexts, uint8_t *workspace, size_t n_workspace,
                                      const int16_t *values, int16_t *symbols, uint8_t *out, size_t capacity,
                                      uint64_t *state, int32_t ends);
/* The inverse; `symbols` begins as zeros. Returns 0 or an error. */
APERCU_API int64_t apercu_maps_decode(const map_plane *planes, size_t n_planes, const map_kind *maps, size_t n_maps,
                                      size_t n_groups, const uint8_t *weights, size_t first_map, size_t end_map,
                                      size_t first_plane, size_t end_plane, range_context *contexts, uint8_t *workspace,
                                      size_t n_workspace, int16_t *symbols, const uint8_t *data, size_t n_data,
                                      uint64_t *state, int32_t ends);

#endif
