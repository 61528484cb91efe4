#include "decoder.h"
#include "wavelet.h"

#include <string.h>

enum { PLANES = 4 };

size_t placeholder_memory(const apc_file *file, size_t width)
{
    return PLANES * width * sizeof(int32_t) * (file->height + 1u); /* the last row: 5 of 16 bits */
}

int placeholder_decode(const apc_file *file, const apc_model *model, const int32_t *means, const uint8_t *segment,
                       size_t n_segment, uint8_t *memory, size_t width, size_t height, uint8_t *pixels)
{
    memory_map map;
    band_plane planes[PLANES];
    uint64_t state[3] = {0, 0, 0};
    map_memory(file, file->width, file->height, &map);
    int16_t *coefficients = (int16_t *)(void *)(memory + map.coefficients), *plane = (int16_t *)(void *)(memory + map.work);
    for (uint32_t i = 0; i < file->bands; i++)
        planes[i] = plane_of(file, file->width, file->height, i);
    start_tile(model, (range_context *)(void *)(memory + map.contexts), memory + map.work, map.n_workspace);
    memset(coefficients, 0, map.n_coefficients * sizeof *coefficients);
    int fault = (int)apercu_bands_decode(planes, file->bands, file->step_q8, model->weights, STAGES, 1, 0, file->bands,
                                         (range_context *)(void *)(memory + map.contexts), memory + map.work, map.n_workspace,
                                         segment, n_segment, coefficients, state, 1);
    if (fault)
        return fault;
    int32_t *at = (int32_t *)(void *)(memory + tile_memory(file, file->width, file->height));
    const int32_t *enlarged[PLANES];
    size_t n_rows[PLANES];
    for (uint32_t i = 0; i < file->bands; i++) {
        size_t w = (size_t)planes[i].width, h = n_rows[i] = (size_t)planes[i].height;
        apercu_wavelet_synthesise(coefficients, w, h, levels_of_plane(&planes[i]), planes[i].chroma ? 0 : CENTRE,
                                  plane + w * h, wavelet_workspace(w, h), plane, w);
        enlarge_across(plane, w, h, means[i], width, at);
        coefficients += w * h;
        enlarged[i] = at;
        at += width * h;
    }
    for (size_t y = 0; y < height; y++)
        enlarge_row(enlarged, n_rows, file->bands, width, y, height, (int16_t *)(void *)at, pixels + 4 * width * y);
    return 0;
}
