/* The planes of a tile, and where it lies. */
#include "inside.h"

band_plane plane_of(const apc_file *file, uint32_t width, uint32_t height, uint32_t index)
{
    int chroma = is_colour(file) && (index == 1 || index == 2);
    band_plane plane = {(int32_t)width, (int32_t)height, chroma, (int32_t)index - 1, is_writing(file) & !is_alpha(file, index), 0};
    if (chroma)
        plane.width = (plane.width + 1) / 2, plane.height = (plane.height + 1) / 2;
    else if (is_colour(file))
        plane.companion = -1;
    return plane;
}

size_t even(int32_t side)
{
    return ((size_t)side + 1) & ~(size_t)1;
}

size_t n_samples(const band_plane *plane)
{
    return (size_t)plane->width * (size_t)plane->height;
}

apc_place apc_tile_place(const apc_file *file, uint32_t tile)
{
    uint32_t across = (file->width + file->tile - 1) / file->tile;
    uint32_t top = tile / across * file->tile, left = tile % across * file->tile;
    apc_place place = {top, left, file->height - top < file->tile ? file->height - top : file->tile,
                       file->width - left < file->tile ? file->width - left : file->tile};
    return place;
}
