/* The parts of the codec apercu, for those who make pictures of what is on its way: placeholders (../web/wasm). */
#ifndef APERCU_CODEC_APERCU_H
#define APERCU_CODEC_APERCU_H

#include "inside.h"

/* Where each part of the memory of a tile begins. */
typedef struct {
    size_t contexts, planes, coefficients, work;
    size_t n_coefficients; /* of all planes */
    size_t n_workspace;    /* bytes of the coder, in `work`; before or after it, samples are there */
} memory_map;

void map_memory(const apc_file *file, uint32_t width, uint32_t height, memory_map *map);
int levels_of_plane(const band_plane *plane);
/* Contexts at their start, and zeros where the coder wants them. */
void start_tile(const apc_model *model, range_context *contexts, uint8_t *work, size_t n_workspace);

#endif
