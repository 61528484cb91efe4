#include "decoder.h"
#include "wavelet.h"

#include <string.h>

enum { SIDE = 128, MOST = SIDE * SIDE, PLANES = 4, SYNTHESIS = 8 * (SIDE + 12) + MOST / 2 };
/* Contexts, then coefficients, then what the coder takes; after it, there, scratch of the synthesis, a plane, enlarged planes. */
enum { COEFFICIENTS = N_CONTEXTS * sizeof(range_context), CODER = COEFFICIENTS + PLANES * MOST * sizeof(int16_t) };

static void planes_of(const placeholder *p, band_plane *planes)
{
    for (uint32_t i = 0; i < p->bands; i++) {
        int chroma = i == 1 || i == 2;
        band_plane plane = {(int32_t)(p->width + chroma) >> chroma, (int32_t)(p->height + chroma) >> chroma, chroma,
                            chroma ? (int32_t)i - 1 : -1, 0, 0};
        planes[i] = plane;
    }
}

size_t placeholder_memory(const placeholder *p, size_t width)
{
    band_plane planes[PLANES];
    planes_of(p, planes);
    size_t coder = (size_t)apercu_bands_workspace(planes, p->bands), pictures = sizeof(int16_t) * (SYNTHESIS + MOST);
    pictures += PLANES * width * sizeof(int32_t) * (p->height + 1);
    return CODER + ((coder > pictures ? coder : pictures) + 7) / 8 * 8;
}

int placeholder_decode(const placeholder *p, const uint16_t *numbers, const uint8_t *segment, size_t n_segment, uint8_t *memory,
                       size_t width, size_t height, uint8_t *pixels)
{
    band_plane planes[PLANES];
    uint8_t weights[BANDS_IN_ALL * PAST];
    uint64_t state[3] = {0, 0, 0};
    range_context *contexts = (range_context *)(void *)memory;
    int16_t *coefficients = (int16_t *)(void *)(memory + COEFFICIENTS), *work = (int16_t *)(void *)(memory + CODER);
    planes_of(p, planes);
    size_t n_work = (size_t)apercu_bands_workspace(planes, p->bands);
    for (size_t i = 0; i < sizeof weights; i++)
        weights[i] = (uint8_t)numbers[i];
    apercu_bands_start(numbers + sizeof weights, contexts);
    memset(coefficients, 0, PLANES * MOST * sizeof(int16_t));
    memset(work, 0, n_work);
    int fault = (int)apercu_bands_decode(planes, p->bands, p->step_q8, weights, STAGES, 1, 0, p->bands, contexts,
                                         (uint8_t *)work, n_work, segment, n_segment, coefficients, state, 1);
    if (fault)
        return fault;
    int16_t *plane = work + SYNTHESIS;
    int32_t *at = (int32_t *)(void *)(plane + MOST);
    const int32_t *enlarged[PLANES];
    uint32_t n_rows[PLANES];
    for (uint32_t i = 0; i < p->bands; i++) {
        size_t w = (size_t)planes[i].width, h = (size_t)planes[i].height;
        apercu_wavelet_synthesise(coefficients, w, h, WAVELET_LEVELS - planes[i].chroma, planes[i].chroma ? 0 : 4080, work,
                                  SYNTHESIS, plane, w);
        enlarge_across(plane, w, h, p->mean[i], width, at);
        coefficients += w * h;
        enlarged[i] = at;
        n_rows[i] = (uint32_t)h;
        at += width * h;
    }
    for (size_t y = 0; y < height; y++)
        enlarge_row(enlarged, n_rows, p->bands, width, y, height, (int16_t *)(void *)at, pixels + 4 * width * y);
    return 0;
}
