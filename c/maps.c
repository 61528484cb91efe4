/* Streams of symbol maps to symbols. */
#include "maps.h"
#include "map_huffman.h"

#include <string.h>

enum { BITS_A_BYTE_LOG2 = 19, BEYOND = 5, TABLE_BITS = 10, END_BITS = 14, MOST_ENDED = (1 << 15) - 1, FEW = 4 };

static map_plane plane_in_blocks(const apc_file *file, const map_list *list, uint32_t width, uint32_t height, uint32_t index)
{
    band_plane of = plane_of(file, width, height, index);
    int32_t side = (int32_t)list->side;
    map_plane plane = {(of.height + side - 1) / side, (of.width + side - 1) / side, of.chroma, of.companion};
    return plane;
}

map_plane maps_plane(const apc_file *file, const map_list *list, const tile *t, uint32_t index)
{
    return plane_in_blocks(file, list, t->width, t->height, index);
}

static size_t blocks_of(const map_plane *plane)
{
    return (size_t)plane->height * (size_t)plane->width;
}

static size_t blocks_before(const apc_file *file, const map_list *list, uint32_t width, uint32_t height, uint32_t index)
{
    size_t n = 0;
    for (uint32_t i = 0; i < index; i++) {
        map_plane plane = plane_in_blocks(file, list, width, height, i);
        if (!is_colour(file)) /* all alike */
            return index * blocks_of(&plane);
        n += blocks_of(&plane);
    }
    return n;
}

size_t maps_blocks_before(const apc_file *file, const map_list *list, const tile *t, uint32_t index)
{
    return blocks_before(file, list, t->width, t->height, index);
}

/* --- Memory: symbols and planes are kept; weights, contexts and the coder's workspace are not. */
static size_t symbols_size(const apc_file *file, const map_list *list, uint32_t width, uint32_t height)
{
    return aligned(blocks_before(file, list, width, height, file->bands) * list->n_maps * sizeof(int16_t));
}

static int has_selectors(const map_list *list)
{
    for (uint32_t m = 0; m < list->n_maps; m++)
        if (list->kinds[m].kind == MAP_SELECTOR)
            return 1;
    return 0;
}

static size_t n_weights(const map_list *list)
{
    return (size_t)MAP_CLASSES * list->n_groups * MAP_WEIGHTS;
}

static size_t n_contexts(const map_list *list)
{
    return map_contexts(list->n_groups, (size_t)has_selectors(list));
}

static size_t contexts_at(const map_list *list)
{
    return aligned(n_weights(list));
}

static size_t workspace_at(const map_list *list)
{
    return contexts_at(list) + aligned(n_contexts(list) * sizeof(range_context));
}

static size_t workspace_size(const apc_file *file, const map_list *list, uint32_t width, uint32_t height)
{
    map_plane some[FEW];
    uint32_t few = file->bands < FEW ? file->bands : FEW;
    for (uint32_t i = 0; i < few; i++)
        some[i] = plane_in_blocks(file, list, width, height, i);
    size_t n = (size_t)apercu_maps_workspace(some, few, list->n_maps);
    if (file->bands > few) /* all alike: each takes as much as the last of these */
        n += (file->bands - few) * (n - (size_t)apercu_maps_workspace(some, few - 1, list->n_maps));
    return n;
}

void maps_needs(const apc_file *file, const map_list *list, uint32_t width, uint32_t height, int huffman, tile_needs *needs)
{
    needs->kept = symbols_size(file, list, width, height) + file->bands * sizeof(map_plane);
    needs->reading = huffman ? (size_t)apercu_map_huffman_decoder_workspace()
                             : workspace_at(list) + workspace_size(file, list, width, height);
    needs->scratch = n_for_colour(width);
}

int16_t *maps_symbols(const apc_file *file, const map_list *list, const tile *t, uint32_t index)
{
    return (int16_t *)(void *)t->memory + maps_blocks_before(file, list, t, index) * list->n_maps;
}

static map_plane *planes_of(const apc_file *file, const map_list *list, const tile *t)
{
    return (map_plane *)(void *)(t->memory + symbols_size(file, list, t->width, t->height));
}

/* --- Tables: weights, then of each context its probability and its age */
size_t maps_n_numbers(const map_list *list)
{
    return n_weights(list) + 2 * n_contexts(list);
}

int maps_takes_tables(const map_list *list, const uint16_t *numbers)
{
    for (size_t i = 0; i < n_weights(list); i++)
        if (numbers[i] > MAP_LARGEST_WEIGHT)
            return 0;
    const uint16_t *start = numbers + n_weights(list);
    for (size_t i = 0; i < n_contexts(list); i++, start += 2)
        if (start[0] < 1 || start[1] < 2 || start[1] > RANGE_OLD_AGE)
            return 0;
    return 1;
}

/* --- Streams */
void maps_start(const apc_file *file, const map_list *list, const tile *t, const uint16_t *numbers)
{
    map_plane *planes = planes_of(file, list, t);
    memset(t->memory, 0, symbols_size(file, list, t->width, t->height));
    for (uint32_t i = 0; i < file->bands; i++)
        planes[i] = maps_plane(file, list, t, i);
    if (!numbers)
        return;
    for (size_t i = 0; i < n_weights(list); i++)
        t->work[i] = (uint8_t)numbers[i];
    apercu_maps_start(numbers + n_weights(list), list->n_groups, (size_t)has_selectors(list),
                      (range_context *)(void *)(t->work + contexts_at(list)));
    memset(t->work + workspace_at(list), 0, workspace_size(file, list, t->width, t->height));
}

int maps_read(const apc_file *file, const map_list *list, const tile *t, uint32_t first, uint32_t end, const uint8_t *data, size_t n)
{
    uint64_t state[3] = {0, 0, 0};
    return (int)apercu_maps_decode(planes_of(file, list, t), file->bands, list->kinds, list->n_maps, list->n_groups, t->work, first,
                                   end, 0, file->bands, (range_context *)(void *)(t->work + contexts_at(list)),
                                   t->work + workspace_at(list), workspace_size(file, list, t->width, t->height),
                                   maps_symbols(file, list, t, 0), data, n, state, 1);
}

/* A scan is a run of plain maps, or one other map; in each scan planes of a class share a table. */
static uint32_t end_of_scan(const map_list *list, uint32_t first, uint32_t end)
{
    uint32_t m = first + 1;
    while (m < end && list->kinds[first].kind == MAP_PLAIN && list->kinds[m].kind == MAP_PLAIN)
        m++;
    return m;
}

int maps_read_huffman(const apc_file *file, const map_list *list, const tile *t, uint32_t first, uint32_t end, const uint8_t *data,
                      size_t n)
{
    const map_plane *planes = planes_of(file, list, t);
    size_t n_workspace = (size_t)apercu_map_huffman_decoder_workspace();
    int64_t at = 0;
    for (uint32_t scan = first, after; scan < end; scan = after) {
        after = end_of_scan(list, scan, end);
        for (int32_t class = 0; class < MAP_CLASSES; class++) {
            int64_t table = at;
            int16_t *symbols = maps_symbols(file, list, t, 0);
            for (uint32_t i = 0, any = 0; i < file->bands; i++) {
                const map_plane *plane = &planes[i];
                if (plane->chroma == class && !any++)
                    at = apercu_map_huffman_get_table(data, n, (uint64_t)at, t->work, n_workspace);
                if (plane->chroma == class && at >= 0)
                    at = apercu_map_huffman_get((size_t)plane->height, (size_t)plane->width, list->kinds, list->n_maps, scan, after,
                                                data, n, (uint64_t)table, (uint64_t)at, t->work, n_workspace, symbols);
                if (at < 0)
                    return (int)at;
                symbols += blocks_of(plane) * list->n_maps;
            }
        }
    }
    return (uint64_t)(at + 7) / 8 != n || (at % 8 && data[n - 1] & 0xFF >> at % 8) ? APC_CORRUPT_STREAM : 0;
}

/* --- What a stream can hold */
uint64_t maps_least(const apc_file *file, const map_list *list, uint32_t width, uint32_t height, uint32_t n_maps)
{
    uint64_t bits = (uint64_t)blocks_before(file, list, width, height, file->bands) * n_maps;
    uint64_t n = (bits + (1u << BITS_A_BYTE_LOG2) - 1) >> BITS_A_BYTE_LOG2;
    return n > BEYOND ? n - BEYOND : 0;
}

uint64_t maps_least_huffman(const apc_file *file, const map_list *list, uint32_t width, uint32_t height)
{
    uint64_t bits = TABLE_BITS;
    for (uint32_t i = 0; i < file->bands; i++) {
        map_plane plane = plane_in_blocks(file, list, width, height, i);
        size_t n = blocks_of(&plane), rest = n % MOST_ENDED;
        bits += (uint64_t)END_BITS * (n / MOST_ENDED);
        for (; rest > 1; rest >>= 1)
            bits++;
    }
    return (bits + 7) / 8;
}
