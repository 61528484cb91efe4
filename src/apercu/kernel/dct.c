#include "dct.h"

/* 2048 cos(k pi / 16), k from 1 to 7. */
enum { C1 = 2009, C2 = 1892, C3 = 1703, C4 = 1448, C5 = 1138, C6 = 784, C7 = 400 };
enum { DOWN_SHIFT = 10, ACROSS_SHIFT = 15, UP_SHIFT = 11, BACK_SHIFT = 12 };

static const int32_t EVEN[4][4] = {{C4, C4, C4, C4}, {C2, C6, -C6, -C2}, {C4, -C4, -C4, C4}, {C6, -C2, C2, -C6}};
static const int32_t ODD[4][4] = {{C1, C3, C5, C7}, {C3, -C7, -C1, -C5}, {C5, -C1, C7, C3}, {C7, -C5, C3, -C1}};

/* Eight transforms beside each other: of the columns of `in`, whose sums stay below 2^31. */
static inline void forward(int32_t in[DCT_SIDE][DCT_SIDE], int32_t out[DCT_SIDE][DCT_SIDE], unsigned shift)
{
    for (int k = 0; k < 4; k++)
        for (int x = 0; x < DCT_SIDE; x++) {
            int32_t even = 0, odd = 0;
            for (int i = 0; i < 4; i++) {
                even += EVEN[k][i] * (in[i][x] + in[7 - i][x]);
                odd += ODD[k][i] * (in[i][x] - in[7 - i][x]);
            }
            out[2 * k][x] = floor_shift32(even + (1 << (shift - 1)), shift);
            out[2 * k + 1][x] = floor_shift32(odd + (1 << (shift - 1)), shift);
        }
}

static inline void inverse(int32_t in[DCT_SIDE][DCT_SIDE], int32_t out[DCT_SIDE][DCT_SIDE], unsigned shift)
{
    for (int i = 0; i < 4; i++)
        for (int x = 0; x < DCT_SIDE; x++) {
            int32_t even = 1 << (shift - 1), odd = 0;
            for (int k = 0; k < 4; k++) {
                even += EVEN[k][i] * in[2 * k][x];
                odd += ODD[k][i] * in[2 * k + 1][x];
            }
            out[i][x] = floor_shift32(even + odd, shift);
            out[7 - i][x] = floor_shift32(even - odd, shift);
        }
}

static inline void transpose(int32_t in[DCT_SIDE][DCT_SIDE], int32_t out[DCT_SIDE][DCT_SIDE])
{
    for (int y = 0; y < DCT_SIDE; y++)
        for (int x = 0; x < DCT_SIDE; x++)
            out[x][y] = in[y][x];
}

static int check_order(const uint8_t *order)
{
    for (int m = 0; m < DCT_MAPS; m++)
        if (order[m] >= DCT_MAPS)
            return APERCU_ERROR_ARGUMENT;
    return 0;
}

APERCU_VECTORISED static void analyse(const int16_t *plane, size_t pitch, size_t height, size_t width, int32_t centre,
                                      const uint8_t *order, int16_t *maps)
{
    int32_t a[DCT_SIDE][DCT_SIDE], b[DCT_SIDE][DCT_SIDE];
    for (size_t block = 0; block < height * width; block++) {
        const int16_t *in = plane + block / width * DCT_SIDE * pitch + block % width * DCT_SIDE;
        for (size_t y = 0; y < DCT_SIDE; y++)
            for (size_t x = 0; x < DCT_SIDE; x++)
                a[y][x] = clamp32(in[y * pitch + x] - centre, -DCT_LIMIT, DCT_LIMIT);
        forward(a, b, DOWN_SHIFT);
        transpose(b, a);
        forward(a, b, ACROSS_SHIFT);
        for (size_t m = 0; m < DCT_MAPS; m++) /* b is [across][down] */
            maps[m * height * width + block] = (int16_t)clamp32(b[order[m] % 8][order[m] / 8], -32767, 32767);
    }
}

APERCU_VECTORISED static void synthesise(const int16_t *maps, size_t height, size_t width, int32_t centre,
                                         const uint8_t *order, int16_t *plane, size_t pitch)
{
    int32_t a[DCT_SIDE][DCT_SIDE] = {{0}}, b[DCT_SIDE][DCT_SIDE];
    for (size_t block = 0; block < height * width; block++) {
        for (size_t m = 0; m < DCT_MAPS; m++)
            a[order[m] / 8][order[m] % 8] = clamp32(maps[m * height * width + block], -32767, 32767);
        inverse(a, b, UP_SHIFT);
        transpose(b, a);
        inverse(a, b, BACK_SHIFT);
        int16_t *out = plane + block / width * DCT_SIDE * pitch + block % width * DCT_SIDE;
        for (size_t y = 0; y < DCT_SIDE; y++)
            for (size_t x = 0; x < DCT_SIDE; x++)
                out[y * pitch + x] = (int16_t)clamp32(b[x][y] + centre, -DCT_LIMIT, DCT_LIMIT);
    }
}

int64_t apercu_dct_analyse(const int16_t *plane, size_t pitch, size_t height, size_t width, int32_t centre,
                           const uint8_t *order, int16_t *maps)
{
    if (check_order(order) || centre < -DCT_LIMIT || centre > DCT_LIMIT)
        return APERCU_ERROR_ARGUMENT;
    analyse(plane, pitch, height, width, centre, order, maps);
    return 0;
}

int64_t apercu_dct_synthesise(const int16_t *maps, size_t height, size_t width, int32_t centre, const uint8_t *order,
                              int16_t *plane, size_t pitch)
{
    if (check_order(order) || centre < -DCT_LIMIT || centre > DCT_LIMIT)
        return APERCU_ERROR_ARGUMENT;
    synthesise(maps, height, width, centre, order, plane, pitch);
    return 0;
}
