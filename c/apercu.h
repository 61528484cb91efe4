/* apercu: whole files in C. Version 1 of the format (../spec/FORMAT.md): all codecs are read, apercu and taha2025 are written.
 *
 * C99 that allocates nothing, keeps no state of its own, and uses no floating point. All memory is the caller's. Pixels are
 * those of `apercu.decode`, bit for bit. A file from anyone is refused by a named error before memory is asked for it.
 *
 *     apc_file file;
 *     int fault = apc_open(&file, data, n_data, APC_MAX_PIXELS);      the head: sizes, bands, tiles, layers
 *     void *memory = malloc(apc_memory(&file));                       of one tile, whatever the size of the image
 *     fault = apc_decode(&file, apc_shipped_model(&file), memory, pixels, 0, APC_ALL_LAYERS);
 *
 * Functions that can fail return 0 or one of the errors below, which are negative.
 */
#ifndef APERCU_H
#define APERCU_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The errors of the format by the names that `apc_error_name` gives, and two of the caller's. */
enum {
    APC_CAPACITY = -1,            /* a buffer is too small */
    APC_TRUNCATED = -2,           /* the bytes end before the content does */
    APC_CORRUPT_STREAM = -3,      /* the content breaks a rule of the format */
    APC_ARGUMENT = -4,            /* the caller broke the contract of a function */
    APC_NOT_APERCU = -5,          /* the first bytes are not those of the format */
    APC_UNSUPPORTED_VERSION = -6, /* version 1 is read here */
    APC_UNKNOWN_MODEL = -7,       /* a model or a codec that is not read here */
    APC_MODEL_ERROR = -8,         /* the tables that the file was made with are not at hand */
    APC_TOO_LARGE = -9,           /* more pixels than the caller allows */
    APC_CHECKSUM_ERROR = -10      /* a checksum does not match */
};

enum { APC_GREY, APC_RGB, APC_RGBA, APC_SPECTRAL };

#define APC_MAX_PIXELS ((uint64_t)1 << 28) /* the limit of the reference */
#define APC_NO_LIMIT UINT64_MAX
#define APC_ALL_LAYERS 0
#ifdef APERCU_CODEC /* a build for one codec alone, apercu or taha2025, has no more */
#define APC_MOST_LAYERS 5
#else
#define APC_MOST_LAYERS 11
#endif
#define APC_BY_HAND 32767 /* in place of a quality: a setting of parameters */

/* The tables of a model, as a script writes them: see src/apercu/bridges/tables_c.py. */
typedef struct {
    uint8_t number;         /* of the registry; 0: a user's */
    uint8_t hash[8];        /* the first bytes of the SHA-256 of the numbers, little-endian */
    const uint8_t *weights; /* 270: of neighbours, by class, stage, orientation */
    const uint16_t *starts; /* 22,332: for each context the probability of a 0, and how much it counts for */
    const uint8_t *codes;   /* 8,119 of small tables, which have no starts; else NULL */
    const uint16_t *numbers; /* of codecs other than apercu, which have the above empty: the array as a file holds it */
    size_t n_numbers;
} apc_model;

extern const apc_model apc_model_1;  /* taha2025, Huffman codes */
extern const apc_model apc_model_2;  /* apercu */
extern const apc_model apc_model_3;  /* dct, range coder */
extern const apc_model apc_model_4;  /* dct, Huffman codes */
extern const apc_model apc_model_5;  /* predictive */
extern const apc_model apc_model_6;  /* stacked_ae, range coder */
extern const apc_model apc_model_7;  /* taha2025, range coder */
extern const apc_model apc_model_8;  /* stacked_ae, Huffman codes */
extern const apc_model apc_model_9;  /* rnn */
extern const apc_model apc_model_10; /* apercu, small tables, a fifth as large */

/* What the head of a file says. Points into its bytes, which have to stay. Read it, do not write to it. */
typedef struct {
    uint32_t width, height, bands;
    uint8_t interpretation; /* APC_GREY ... */
    uint8_t wide;           /* samples are uint16_t, not uint8_t */
    uint8_t axis;           /* grey: the image has an axis of one band */
    uint8_t model;          /* number of the registry; 0: a user's, whose hash follows */
    uint8_t hash[8];
    uint16_t quality_q8; /* quality in 1/256, 0 to 25,600 */
    int32_t step_q8;     /* quantiser step in 8-bit samples of an orthonormal transform, in 1/256 */
    uint32_t tile;       /* pixels a side of a tile; the longer side of the image where there is one tile */
    uint32_t n_tiles;
    uint32_t n_layers;

    const uint8_t *data; /* from here on of no use to others */
    size_t size, head_size;
    const struct apc_codec *codec;
    const uint8_t *levels;
    uint32_t by_hand[2];
    uint32_t head_checksum; /* of a file with a directory */
    uint8_t parts, writing, tables;
    struct {
        size_t length_at; /* of its first length in the directory */
        uint64_t begins;  /* its first segment, after the head */
    } layer[APC_MOST_LAYERS];
} apc_file;

typedef struct {
    uint32_t top, left, height, width; /* in pixels */
} apc_place;

/* Reads the head and the directory of the first `size` bytes of a file, which may still be on its way. An image of more
 * pixels than `max_pixels`, or more samples than four times as many, is refused (APC_TOO_LARGE). Of a file that is refused
 * nothing can be decoded: apc_memory says SIZE_MAX, and the others APC_ARGUMENT. */
int apc_open(apc_file *file, const uint8_t *data, size_t size, uint64_t max_pixels);

/* The shipped tables of a file; NULL: they are a user's. Takes all of the above into a program. */
const apc_model *apc_shipped_model(const apc_file *file);

/* Bytes of memory that decoding takes, 8-byte aligned, whatever the tile: for the largest. SIZE_MAX where they cannot be
 * addressed. */
size_t apc_memory(const apc_file *file);

/* The place of a tile, 0 to n_tiles - 1, row by row from the top left. */
apc_place apc_tile_place(const apc_file *file, uint32_t tile);

/* Whether a layer of a tile has arrived whole: 0, APC_TRUNCATED or APC_CHECKSUM_ERROR. Of a file of several segments, takes
 * time in proportion to the directory. */
int apc_segment(const apc_file *file, uint32_t tile, uint32_t layer, const uint8_t **segment, size_t *n_segment);

/* Decodes the first `n_layers` layers of a tile into `pixels`: interleaved samples, `row` samples from a row to the next.
 * Returns how many layers are shown. At the first fault of a layer those before it are shown, and `*fault` has the error; of a
 * tile without a sound first layer the middle of the range is shown and 0 returned. `fault` may be NULL. Negative where nothing
 * can be shown: APC_ARGUMENT, APC_MODEL_ERROR. */
int apc_decode_tile(const apc_file *file, const apc_model *model, void *memory, uint32_t tile, uint32_t n_layers, void *pixels,
                    size_t row, int *fault);

/* Decodes the image into `pixels`: interleaved samples, `row` samples from a row to the next; 0 means width * bands. The first
 * fault of what is read is returned; then pixels have no meaning. Other bytes than those that a task needs are not looked at: with
 * fewer layers, the later ones may be missing. */
int apc_decode(const apc_file *file, const apc_model *model, void *memory, void *pixels, size_t row, uint32_t n_layers);

/* The same of a damaged file, or of one whose end is still missing: shows of each tile the layers before the first fault, and
 * the middle of the range where there are none. `shown`, n_tiles bytes, receives how many layers each tile has; may be NULL.
 * Returns 0, or the first fault where no tile has a sound first layer. */
int apc_decode_damaged(const apc_file *file, const apc_model *model, void *memory, void *pixels, size_t row, uint32_t n_layers,
                       uint8_t *shown);

/* --- The other way */

/* An image to be encoded. */
typedef struct {
    uint32_t width, height; /* 1 to 65,535 */
    uint32_t bands;         /* 1, 3 for APC_RGB, 4 for APC_RGBA, any number up to 65,535 for APC_SPECTRAL */
    uint8_t interpretation; /* APC_GREY ... */
    uint8_t wide, axis;     /* as in apc_file */
    uint8_t n_layers;       /* 1 to 5 */
    uint16_t quality_q8;    /* 0 to 25,600: as apercu.encode(quality=quality_q8 / 256); or APC_BY_HAND */
    uint32_t tile;          /* pixels a side, 32, 64, ... 65,536; 0: one tile */
    const uint8_t *levels;  /* wide: an offset code and a range code for each level group (apc_level_codes); NULL: the full range */
    uint8_t codec;          /* of the registry: 1 is taha2025 by Huffman codes, 2, or 0, apercu */
    uint8_t tables;         /* taha2025, Huffman codes for latents: 0 the cheaper, 1 for all of a group, 2 for each */
    uint32_t by_hand[2];    /* where quality_q8 is APC_BY_HAND: taha2025's step_q3 and threshold_q4 */
} apc_image;

/* An encoder at work. The caller's, and of no use to others. */
typedef struct {
    int fault;     /* the first error */
    apc_file file; /* what will be read */
    const apc_model *model;
    void *memory;
    uint8_t *out;
    size_t capacity, begins, size;
    uint32_t next_tile;
} apc_encoder;

/* Bytes of memory that encoding takes, 8-byte aligned: of one tile, and 4 for each segment. SIZE_MAX where they cannot be
 * addressed, 0 for an image that cannot be. */
size_t apc_encode_memory(const apc_image *image);

/* Begins a file in `out`; then come the rows of tiles, from the top, and the end. Returns 0, APC_ARGUMENT, APC_MODEL_ERROR or
 * APC_CAPACITY. After an error, those that follow return it too and touch nothing, until a file is begun again: it is enough to
 * look at what the last returns. A file of several tiles with several layers is put in order at the end, for which `out` has to
 * have room for it twice; and always 32 bytes and 4 for each segment (layer of a tile) more than the file in the end.
 * `image->levels` are read until the end. */
int apc_encode_begin(apc_encoder *encoder, const apc_image *image, const apc_model *model, void *memory, uint8_t *out,
                     size_t capacity);
/* The next `tile` rows of pixels, fewer at the end: interleaved samples, `row` samples from a row to the next; 0 means
 * width * bands. Returns 0, APC_CAPACITY, or APC_ARGUMENT after the last. */
int apc_encode_strip(apc_encoder *encoder, const void *pixels, size_t row);
/* The size of the file, or an error; APC_ARGUMENT before the last row of tiles, or a second time. */
int64_t apc_encode_end(apc_encoder *encoder);
/* All of these for an image in memory: the size of the file, or an error. */
int64_t apc_encode(const apc_image *image, const apc_model *model, void *memory, const void *pixels, size_t row, uint8_t *out,
                   size_t capacity);

/* The codes of the narrowest levels from `low` or less up to `high` or more. */
void apc_level_codes(uint16_t low, uint16_t high, uint8_t codes[2]);

/* The error by its name in the format ("Truncated"), for messages. */
const char *apc_error_name(int error);

#ifdef __cplusplus
}
#endif
#endif
