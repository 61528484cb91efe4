/* The segments of a tile to its pixels, by a codec's parts. */
#include "inside.h"
#include "samples.h"

/* Where planes are while they are shown. */
typedef struct {
    tile_needs needs;
    size_t work, size; /* bytes: where it begins, and all */
    size_t n_shown;    /* numbers, of the planes that are shown together */
} tile_map;

/* A side of a plane as a codec makes it. */
static size_t made(const apc_file *file, size_t side)
{
    size_t block = OF_CODEC(file, block) ? OF_CODEC(file, block) : 1;
    (void)file;
    return (side + block - 1) / block * block;
}

static void map_tile(const apc_file *file, uint32_t width, uint32_t height, tile_map *map)
{
    OF_CODEC(file, needs)(file, width, height, &map->needs);
    map->work = aligned(map->needs.kept);
    map->n_shown = made(file, width) * made(file, height);
    if (is_colour(file))
        map->n_shown += 2 * made(file, (width + 1) / 2) * made(file, (height + 1) / 2);
    map->size = map->work + aligned(larger(map->needs.reading, sizeof(int16_t) * (map->n_shown + map->needs.scratch)));
}

size_t tile_memory(const apc_file *file, uint32_t width, uint32_t height)
{
    tile_map map;
    if (!can_be_addressed(file, width, height))
        return SIZE_MAX;
    map_tile(file, width, height, &map);
    return map.size;
}

size_t apc_memory(const apc_file *file)
{
    return file->n_tiles ? tile_memory(file, side_of_tile(file, file->width), side_of_tile(file, file->height)) : SIZE_MAX;
}

static void store(const apc_file *file, const tile *t, const int16_t *plane, size_t stride, void *pixels, size_t row,
                  uint32_t band)
{
    size_t w = t->width, h = t->height;
    uint32_t group = group_of(file, band);
    if (is_wide(file))
        apercu_store_u16(plane, stride, (uint16_t *)pixels + band, row, file->bands, w, h, offset_of(file, group),
                         range_of(file, group));
    else
        apercu_store_u8(plane, stride, (uint8_t *)pixels + band, row, file->bands, w, h);
}

/* The same of samples that are those of the image. */
static void store_as_they_are(const apc_file *file, const tile *t, const uint16_t *samples, void *pixels, size_t row, uint32_t band)
{
    for (size_t y = 0; y < t->height; y++)
        for (size_t x = 0, at = y * row + band; x < t->width; x++, at += file->bands)
            if (is_wide(file))
                ((uint16_t *)pixels)[at] = *samples++;
            else
                ((uint8_t *)pixels)[at] = (uint8_t)*samples++;
}

static void store_colour(const apc_file *file, const tile *t, const int16_t *luma, const int16_t *cb, const int16_t *cr,
                         int16_t *scratch, void *pixels, size_t row)
{
    size_t w = t->width, h = t->height, stride = made(file, w), half = made(file, (w + 1) / 2);
    if (is_wide(file))
        apercu_ycc_to_rgb_u16(luma, stride, cb, cr, half, scratch, pixels, row, file->bands, w, h, offset_of(file, 0),
                              range_of(file, 0));
    else
        apercu_ycc_to_rgb_u8(luma, stride, cb, cr, half, scratch, pixels, row, file->bands, w, h);
}

int tile_decode(const apc_file *file, const apc_model *model, void *memory, uint32_t width, uint32_t height,
                const tile_layers *layers, uint32_t n_layers, void *pixels, size_t row, uint32_t *faulty)
{
    tile_map map;
    map_tile(file, width, height, &map);
    tile t = {width, height, memory, (uint8_t *)memory + map.work, map.needs.reading};
    int fault = n_layers ? OF_CODEC(file, read)(file, model, &t, layers, n_layers, faulty) : 0;
    if (fault)
        return fault;
    int16_t *samples = (int16_t *)(void *)t.work, *scratch = samples + map.n_shown, *plane = samples;
    size_t n_luma = made(file, width) * made(file, height), n_half = (map.n_shown - n_luma) / 2;
    for (uint32_t band = 0; band < file->bands; band++) {
        int chroma = is_colour(file) && (band == 1 || band == 2);
        size_t n = chroma ? n_half : n_luma;
        if (n_layers)
            OF_CODEC(file, synthesise)(file, model, &t, band, scratch, plane);
        else
            for (size_t i = 0; i < n; i++)
                plane[i] = chroma ? 0 : CENTRE;
        if (n_layers && !OF_CODEC(file, block)) {
            store_as_they_are(file, &t, (const uint16_t *)samples, pixels, row, band);
            continue;
        }
        plane += n;
        if (is_colour(file) && band + 1 < COLOUR_PLANES)
            continue;
        plane = samples;
        if (is_colour(file) && band + 1 == COLOUR_PLANES)
            store_colour(file, &t, samples, samples + n_luma, samples + n_luma + n_half, scratch, pixels, row);
        else
            store(file, &t, samples, made(file, width), pixels, row, band);
    }
    return 0;
}
