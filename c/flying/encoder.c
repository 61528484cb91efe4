/* A file from rows of tiles: head, directory, segments, checksums (spec/FORMAT.md, "Container"). */
#include "inside.h"

#include <string.h>

enum { MAX_SIDE = 65535, MAX_QUALITY_Q8 = 25600, MAX_LEVEL_CODE = 208, SMALL_PIXELS = 4096, ONE_TILE = 15 };
enum {
    GAP = 4, /* behind a segment, for its checksum */
    N_LEVELS = 2 * APERCU_WIDE * (APERCU_COLOUR ? 1 : APERCU_BANDS), /* bytes */
    HEAD_BYTES = 20 + N_LEVELS, /* besides lengths, at most */
    N_COSTS = 256,
    LOG_BITS = 19 /* with fewer, some costs are rounded the other way */
};

range_context apercu_contexts[N_CONTEXTS];
int16_t apercu_samples[N_SAMPLES];
union apercu_work apercu_work;
uint16_t apercu_costs[N_COSTS]; /* of bits, for the kernel's choice.h */

static uint32_t lengths[MOST_TILES * N_LAYERS]; /* of the layers of each tile */
static struct {
    uint32_t width, height, top, n_tiles; /* what has come: rows, and tiles */
    int32_t step_q8;
    uint16_t quality_q8;
    uint8_t *out, *begins, *at; /* the file; its segments, behind room for the head, which is known at the end; their end */
    size_t room;                /* from there on */
    int fault;                  /* the first, which all calls return until a file is begun again */
    uint8_t levels[N_LEVELS + 1];
} file;

static uint32_t least_of(uint32_t a, uint32_t b)
{
    return a < b ? a : b;
}

static uint32_t parts_of(uint32_t side)
{
    return (side + APERCU_TILE - 1) / APERCU_TILE;
}

/* -256 log2((i + 1/2) / 256), rounded. */
static void make_costs(void)
{
    for (uint32_t i = 0; i < N_COSTS; i++) {
        uint32_t power = 2 * i + 1, log2 = 31;
        for (; !(power >> 31); power <<= 1)
            log2--;
        for (int bit = 0; bit < LOG_BITS; bit++) { /* of the fraction: each squaring doubles the logarithm */
            power = (uint32_t)((uint64_t)power * power >> 32);
            log2 = 2 * log2 + (power >> 31);
            power <<= 1 - (power >> 31);
        }
        apercu_costs[i] = (uint16_t)(((9u << LOG_BITS) - log2 + (1u << (LOG_BITS - 9))) >> (LOG_BITS - 8));
    }
}

/* The step at a knot of the path (spec/apercu.md, "Path of apercu"): 0 to 8 are 6.25 of quality apart, 8 to 24 half of it. */
APERCU_APART static uint32_t step_at(uint32_t knot)
{
    enum { FIRST = 5 }; /* from here on steps have 16 bits; before it, they are twice those of the next but one */
    static const uint16_t PATH[] = {46341, 32768, 23170, 16384, 12634, 9742, 7512, 5793, 4467, 3444,
                                    2656,  2048,  1579,  1218,  939,   724,  558,  431,  332,  256};
    uint32_t twice = 0;
    for (; knot < FIRST; knot += 2)
        twice++;
    return (uint32_t)PATH[knot - FIRST] << twice;
}

static int32_t step_of_quality(uint32_t quality_q8)
{
    uint32_t knot = 0, apart = 1600;
    while (quality_q8 > apart) {
        quality_q8 -= apart;
        if (++knot == 8)
            apart = 800;
    }
    return (int32_t)((step_at(knot) * (apart - quality_q8) + step_at(knot + 1) * quality_q8 + apart / 2) / apart);
}

static int begin(uint32_t width, uint32_t height, uint16_t quality_q8, uint8_t *out, size_t capacity, const uint8_t *levels)
{
    uint32_t n_tiles = parts_of(width) * parts_of(height);
    if (width - 1 >= MAX_SIDE || height - 1 >= MAX_SIDE || quality_q8 > MAX_QUALITY_Q8 || n_tiles > MOST_TILES)
        return APERCU_BAD_CALL;
    for (size_t i = 0; i != N_LEVELS; i++) {
        file.levels[i] = levels ? levels[i] : i % 2 ? MAX_LEVEL_CODE : 0;
        if (file.levels[i] > MAX_LEVEL_CODE || (i % 2 && !file.levels[i]))
            return APERCU_BAD_CALL;
    }
    make_costs();
    file.width = width, file.height = height, file.top = file.n_tiles = 0;
    file.step_q8 = step_of_quality(quality_q8);
    file.quality_q8 = quality_q8;
    size_t n_head = HEAD_BYTES + 4 * N_LAYERS * n_tiles;
    file.out = out;
    file.begins = file.at = out + n_head;
    file.room = capacity - n_head;
    return n_head > capacity ? APERCU_TOO_SMALL : 0;
}

#if APERCU_WIDE
void apercu_level_codes(uint16_t low, uint16_t high, uint8_t codes[2])
{
    codes[0] = MAX_LEVEL_CODE;
    while (sample_level(codes[0]) > low)
        codes[0]--;
    int32_t offset = sample_level(codes[0]), range = high > offset ? high - offset : 1;
    codes[1] = 1;
    while (sample_level(codes[1]) < range)
        codes[1]++;
}

int apercu_begin(uint32_t width, uint32_t height, uint16_t quality_q8, uint8_t *out, size_t capacity, const uint8_t *levels)
{
    return file.fault = begin(width, height, quality_q8, out, capacity, levels);
}
#else
int apercu_begin(uint32_t width, uint32_t height, uint16_t quality_q8, uint8_t *out, size_t capacity)
{
    return file.fault = begin(width, height, quality_q8, out, capacity, NULL);
}
#endif

int apercu_strip(const apercu_sample *pixels, size_t row)
{
    row = row ? row : (size_t)file.width * APERCU_BANDS;
    if (file.fault)
        return file.fault;
    if (file.top >= file.height)
        return APERCU_BAD_CALL;
    uint32_t height = least_of(file.height - file.top, APERCU_TILE);
    for (uint32_t left = 0; left < file.width; left += APERCU_TILE) {
        uint32_t width = least_of(file.width - left, APERCU_TILE);
        apercu_analyse(width, height, pixels + left * APERCU_BANDS, row, file.step_q8, file.levels);
        memset(apercu_contexts, 0, sizeof apercu_contexts);
        memset(&apercu_work, 0, sizeof apercu_work);
        for (int layer = 0; layer < N_LAYERS; layer++) {
            int last = N_LAYERS - layer; /* the first layer has all coarser stages */
            int32_t n = apercu_write(width, height, file.step_q8, layer ? last : STAGES, last, file.at, file.room);
            if (n < 0 || file.room < (uint32_t)n + GAP)
                return file.fault = APERCU_TOO_SMALL;
            lengths[file.n_tiles * N_LAYERS + (uint32_t)layer] = (uint32_t)n;
            file.at += n + GAP;
            file.room -= (uint32_t)n + GAP;
        }
        file.n_tiles++;
    }
    file.top += APERCU_TILE;
    return 0;
}

/* --- The end */
static uint32_t crc32_of(uint32_t crc, const uint8_t *data, size_t n)
{
    for (crc = ~crc; n; n--) {
        crc ^= *data++;
        for (int bit = 0; bit < 8; bit++)
            crc = crc >> 1 ^ (crc & 1 ? 0xEDB88320u : 0);
    }
    return ~crc;
}

static uint32_t crc16_of(const uint8_t *data, size_t n)
{
    uint32_t crc = 0xFFFF;
    for (; n; n--) {
        crc ^= (uint32_t)*data++ << 8;
        for (int bit = 0; bit < 8; bit++)
            crc = crc << 1 ^ (crc & 0x8000 ? 0x11021u : 0);
    }
    return crc;
}

/* A number, its low bytes first; and one of 7 bits a byte. Return the end. */
APERCU_APART static uint8_t *put(uint8_t *at, uint32_t value, size_t n)
{
    for (; n; n--, value >>= 8)
        *at++ = (uint8_t)value;
    return at;
}

static uint8_t *put_varint(uint8_t *at, uint32_t value)
{
    for (; value > 127; value >>= 7)
        *at++ = (uint8_t)(value | 128);
    *at++ = (uint8_t)value;
    return at;
}

/* Returns its end; behind a directory there is a checksum. */
static uint8_t *put_head(int parts)
{
    uint8_t *at = put(file.out, 0x70AE, 2);
    *at++ = (uint8_t)(1 << 4 | APERCU_WIDE << 3 | parts << 2 | INTERPRETATION);
    *at++ = MODEL;
    at = put_varint(at, file.width - 1);
    at = put_varint(at, file.height - 1);
    if (IS_SPECTRAL)
        at = put_varint(at, APERCU_BANDS - 1);
    at = put(at, file.quality_q8, 2);
    memcpy(at, file.levels, N_LEVELS);
    at += N_LEVELS;
    if (parts) {
        *at++ = (uint8_t)((file.n_tiles == 1 ? ONE_TILE : TILE_CODE) << 4 | (N_LAYERS - 1));
        for (uint32_t layer = 0; layer < N_LAYERS; layer++)
            for (uint32_t tile = 0; tile < file.n_tiles; tile++)
                at = put_varint(at, lengths[tile * N_LAYERS + layer]);
        at = put(at, crc32_of(0, file.out, (size_t)(at - file.out)), 4);
    }
    return at;
}

/* From tile after tile to layer after layer: a copy behind them, and back. */
static int sort_segments(void)
{
    uint8_t *to = file.at;
    size_t size = (size_t)(file.at - file.begins);
    if (file.room < size)
        return APERCU_TOO_SMALL;
    for (uint32_t layer = 0; layer < N_LAYERS; layer++) {
        const uint8_t *at = file.begins;
        for (uint32_t i = 0; i < file.n_tiles * N_LAYERS; i++) {
            if (i % N_LAYERS == layer) {
                memcpy(to, at, lengths[i]);
                to += lengths[i] + GAP;
            }
            at += lengths[i] + GAP;
        }
    }
    memcpy(file.begins, file.at, size);
    return 0;
}

int32_t apercu_end(void)
{
    int parts = file.n_tiles * N_LAYERS > 1;
    if (file.fault)
        return file.fault;
    if (file.n_tiles == 0 || file.top < file.height)
        return APERCU_BAD_CALL;
    file.fault = APERCU_BAD_CALL; /* of all that follows */
    if (N_LAYERS > 1 && file.n_tiles > 1 && sort_segments())
        return file.fault = APERCU_TOO_SMALL;
    uint8_t *at = put_head(parts), before[8];
    memcpy(before, at - 4, 4); /* the checksum of the head */
    memmove(at, file.begins, (size_t)(file.at - file.begins));
    if (!parts) {
        size_t n = (size_t)(at - file.out) + lengths[0];
        at = file.width * file.height <= SMALL_PIXELS ? put(file.out + n, crc16_of(file.out, n), 2)
                                                       : put(file.out + n, crc32_of(0, file.out, n), 4);
        return (int32_t)(at - file.out);
    }
    uint32_t index = 0;
    for (uint32_t layer = 0; layer < N_LAYERS; layer++)
        for (uint32_t tile = 0; tile < file.n_tiles; tile++) {
            size_t n = lengths[tile * N_LAYERS + layer];
            put(before + 4, index++, 4);
            at = put(at + n, crc32_of(crc32_of(0, before, 8), at, n), GAP);
        }
    return (int32_t)(at - file.out);
}
