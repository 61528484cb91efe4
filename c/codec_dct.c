/* The codec dct: a DCT of blocks of 8 x 8, means first, by the range coder or Huffman codes (spec/dct.md). */
#include "codec_apercu.h"
#include "dct.h"
#include "maps.h"

#include <string.h>

enum { RANGE = 3, HUFFMAN = 4, VARIANTS = 4, LAYERS = 2, N_GROUPS = 15, OWN_GROUPS = 3, SHARED_FROM = 6, LAST_GROUP = 14 };
enum { MOST_PRICE = 255, MOST_SMOOTHING = 4096, MOST_MATRIX = 4096, SIGNED = 32768 };
/* Numbers of the tables, in this order; then those of the maps. */
enum { N_PRICES = VARIANTS, N_SMOOTHING = 2 * VARIANTS, N_MATRIX = 2 * DCT_MAPS, N_EXPECTATIONS = 2 * DCT_EXPECTED * DCT_SUMS };
enum { SMOOTHING_AT = N_PRICES, MATRICES_AT = SMOOTHING_AT + N_SMOOTHING, EXPECTED_AT = MATRICES_AT + VARIANTS * N_MATRIX,
       MAPS_AT = EXPECTED_AT + N_EXPECTATIONS };
#define MOST_BYTES ((1u << 28) - 1) /* of a stream */

/* The list of maps, as JPEG orders them, and of each 8 x (frequency down) + frequency across. */
typedef struct {
    map_kind kinds[DCT_MAPS];
    uint8_t order[DCT_MAPS];
    map_list list;
} dct_maps;

static void list_maps(dct_maps *of)
{
    uint8_t index[DCT_MAPS], n = 0;
    for (int diagonal = 0; diagonal < 15; diagonal++)
        for (int k = 0; k <= diagonal; k++) {
            int down = diagonal % 2 ? k : diagonal - k;
            if (down < 8 && diagonal - down < 8) {
                index[8 * down + diagonal - down] = n;
                of->order[n++] = (uint8_t)(8 * down + diagonal - down);
            }
        }
    for (int m = 0; m < DCT_MAPS; m++) {
        static const int LIKE[5][2] = {{0, 1}, {1, 0}, {1, 1}, {0, 2}, {2, 0}};
        int down = of->order[m] / 8, across = of->order[m] % 8, sum = down + across, n_earlier = 0;
        int group = sum <= OWN_GROUPS ? m : SHARED_FROM + sum < LAST_GROUP ? SHARED_FROM + sum : LAST_GROUP;
        map_kind kind = {m ? MAP_PLAIN : MAP_PREDICTED, group, -1, {-1, -1, -1, -1}};
        for (int i = 0; i < 5 && n_earlier < MAP_EARLIER; i++) {
            int v = down - LIKE[i][0], u = across - LIKE[i][1];
            if (v >= 0 && u >= 0 && v + u > 0)
                kind.earlier[n_earlier++] = index[8 * v + u];
        }
        of->kinds[m] = kind;
    }
    map_list list = {of->kinds, DCT_MAPS, N_GROUPS, DCT_SIDE};
    of->list = list;
}

static int is_huffman(const apc_file *file)
{
    return file->codec->number == HUFFMAN;
}

static int set(apc_file *file)
{
    uint16_t quality_q8 = file->quality_q8;
    file->quality_q8 = (uint16_t)(quality_q8 - quality_q8 % VARIANTS);
    int fault = apc_codec_apercu_set(file);
    file->quality_q8 = quality_q8;
    return fault;
}

static int takes_tables(const apc_model *model)
{
    dct_maps of;
    const uint16_t *n = model->numbers;
    list_maps(&of);
    if (!n || model->n_numbers != MAPS_AT + maps_n_numbers(&of.list))
        return 0;
    for (int i = 0; i < MAPS_AT; i++) {
        int32_t expected = (int32_t)n[i] - SIGNED;
        if (i < SMOOTHING_AT ? n[i] < 1 || n[i] > MOST_PRICE
            : i < MATRICES_AT ? n[i] > MOST_SMOOTHING
            : i < EXPECTED_AT ? n[i] < 1 || n[i] > MOST_MATRIX
                              : expected < -DCT_LARGEST_WEIGHT || expected > DCT_LARGEST_WEIGHT)
            return 0;
    }
    return maps_takes_tables(&of.list, n + MAPS_AT);
}

/* Of one layer a segment has both streams, behind the length of the first. */
static int has_room(const apc_file *file, uint32_t width, uint32_t height, uint32_t layer, size_t n)
{
    dct_maps of;
    uint64_t least = file->n_layers == 1;
    list_maps(&of);
    for (uint32_t stream = 0; stream < LAYERS; stream++)
        if (file->n_layers == 1 || stream == layer)
            least += is_huffman(file) ? maps_least_huffman(file, &of.list, width, height)
                                      : maps_least(file, &of.list, width, height, stream ? DCT_MAPS - 1 : 1);
    return n < least ? APC_TRUNCATED : 0;
}

static void needs(const apc_file *file, uint32_t width, uint32_t height, tile_needs *needs)
{
    dct_maps of;
    list_maps(&of);
    maps_needs(file, &of.list, width, height, is_huffman(file), needs);
    needs->scratch = (size_t)(width + DCT_SIDE) * (height + DCT_SIDE); /* more than colours take */
}

static int read(const apc_file *file, const apc_model *model, const tile *t, const tile_layers *layers, uint32_t n_layers,
                uint32_t *faulty)
{
    dct_maps of;
    const uint8_t *data[LAYERS] = {layers->at[0], n_layers > 1 ? layers->at[1] : NULL};
    size_t n[LAYERS] = {layers->size[0], n_layers > 1 ? layers->size[1] : 0};
    uint32_t n_streams = file->n_layers == 1 ? LAYERS : n_layers, length = 0;
    *faulty = 0;
    list_maps(&of);
    if (file->n_layers == 1) {
        size_t at = 0;
        int fault = head_varint(layers->at[0], layers->size[0], &at, MOST_BYTES, &length);
        if (fault || length > layers->size[0] - at)
            return fault ? fault : APC_TRUNCATED;
        data[0] += at, n[0] = length;
        data[1] = data[0] + length, n[1] = layers->size[0] - at - length;
    }
    maps_start(file, &of.list, t, is_huffman(file) ? NULL : model->numbers + MAPS_AT);
    for (uint32_t stream = 0; stream < n_streams; stream++) {
        uint32_t first = stream, end = stream ? DCT_MAPS : 1; /* the means, then all other maps */
        int fault = is_huffman(file) ? maps_read_huffman(file, &of.list, t, first, end, data[stream], n[stream])
                                     : maps_read(file, &of.list, t, first, end, data[stream], n[stream]);
        if (fault) {
            *faulty = file->n_layers == 1 ? 0 : stream;
            return fault;
        }
    }
    return 0;
}

static void synthesise(const apc_file *file, const apc_model *model, const tile *t, uint32_t index, int16_t *scratch, int16_t *plane)
{
    dct_maps of;
    int32_t steps[DCT_MAPS];
    int16_t weights[DCT_EXPECTED * DCT_SUMS];
    list_maps(&of);
    map_plane size = maps_plane(file, &of.list, t, index);
    size_t class = (size_t)size.chroma, h = (size_t)size.height, w = (size_t)size.width, variant = file->quality_q8 % VARIANTS;
    const uint16_t *matrix = model->numbers + MATRICES_AT + variant * N_MATRIX + class * DCT_MAPS;
    const uint16_t *expected = model->numbers + EXPECTED_AT + class * DCT_EXPECTED * DCT_SUMS;
    for (int m = 0; m < DCT_MAPS; m++) {
        int64_t step = (int64_t)file->step_q8 * matrix[m] >> 6;
        steps[m] = (int32_t)(step > 1 ? step : 1);
    }
    for (int i = 0; i < DCT_EXPECTED * DCT_SUMS; i++)
        weights[i] = (int16_t)((int32_t)expected[i] - SIGNED);
    apercu_dct_dequantise(maps_symbols(file, &of.list, t, index), h * w, steps, scratch);
    apercu_dct_expect(scratch, h, w, of.order, weights, 1);
    apercu_dct_synthesise(scratch, h, w, size.chroma ? 0 : CENTRE, of.order, plane, w * DCT_SIDE);
    apercu_dct_smooth(plane, w * DCT_SIDE, h, w,
                      (int32_t)((int64_t)file->step_q8 * model->numbers[SMOOTHING_AT + 2 * variant + class] >> 14));
}

const struct apc_codec apc_codec_dct = {RANGE, LAYERS, DCT_SIDE, 0, 0, set, takes_tables, has_room, needs, read, synthesise, NULL, NULL};
const struct apc_codec apc_codec_dct_huffman = {HUFFMAN, LAYERS, DCT_SIDE, 0, 0, set, takes_tables, has_room, needs, read, synthesise,
                                            NULL, NULL};
