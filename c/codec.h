/* What a codec is to the library: these functions, in a file of its own, and a row in codecs.c. */
#ifndef APERCU_CODEC_H
#define APERCU_CODEC_H

#include "apercu.h"

#define choose_codec apc_choose_codec
#define is_written apc_is_written
#define on_path apc_on_path

typedef struct {
    const uint8_t *at[APC_MOST_LAYERS];
    size_t size[APC_MOST_LAYERS];
} tile_layers;

/* A tile at work. */
typedef struct {
    uint32_t width, height; /* in pixels */
    uint8_t *memory;        /* what the codec keeps until all planes are shown, or all that it takes to write */
    uint8_t *work;          /* what it takes to read symbols, and behind `memory`; then samples of planes are there */
    size_t n_work;          /* bytes of it, for symbols */
} tile;

/* What reading a tile takes. */
typedef struct {
    size_t kept, reading; /* bytes of `memory` and of `work` */
    size_t scratch;       /* numbers that making a plane takes, and no less than n_for_colour */
} tile_needs;

struct apc_codec {
    uint8_t number; /* of the registry, with its entropy coder */
    uint8_t most_layers;
    uint8_t block;         /* samples a side of a block: planes are made in whole ones; 0: samples of the image are */
    uint8_t n_by_hand;     /* parameters of a setting that is made by hand; 0: none is */
    uint32_t most_by_hand; /* the largest of them */

    /* The setting that a quality or parameters make: file->step_q8. Returns 0 or APC_CORRUPT_STREAM. */
    int (*set)(apc_file *file);
    /* Whether these numbers of a user's are tables of the codec. */
    int (*takes_tables)(const apc_model *model);
    /* Whether a segment of `n` bytes can hold a layer of a tile of this size; else APC_TRUNCATED. */
    int (*has_room)(const apc_file *file, uint32_t width, uint32_t height, uint32_t layer, size_t n);
    void (*needs)(const apc_file *file, uint32_t width, uint32_t height, tile_needs *needs);
    /* The symbols of the first layers. Returns 0 or a fault, and then in *faulty the layer that has it. */
    int (*read)(const apc_file *file, const apc_model *model, const tile *t, const tile_layers *layers, uint32_t n_layers,
                uint32_t *faulty);
    /* A plane of them, in rows of whole blocks. */
    void (*synthesise)(const apc_file *file, const apc_model *model, const tile *t, uint32_t index, int16_t *scratch,
                       int16_t *plane);

    /* The inverse. Bytes of `memory` that write takes; where that is NULL, the codec is read alone. */
    size_t (*writing)(const apc_file *file, uint32_t width, uint32_t height);
    /* All layers of interleaved samples into `out`, each before a gap of 4 bytes for its checksum. Returns 0 or a fault;
     * `lengths` receives the bytes of each. */
    int (*write)(const apc_file *file, const apc_model *model, const tile *t, const void *pixels, size_t row, uint8_t *out,
                 size_t capacity, uint32_t *lengths);
};

/* A build for one codec alone (APERCU_CODEC, its name) calls functions by their names, and has no table. */
#ifdef APERCU_CODEC
#define APERCU_JOINED(codec, what) apc_codec_##codec##_##what
#define APERCU_NAMED(codec, what) APERCU_JOINED(codec, what)
#define OF_CODEC(file, what) APERCU_NAMED(APERCU_CODEC, what)
#else
#define OF_CODEC(file, what) ((file)->codec->what)
#endif

#define APERCU_FUNCTIONS(codec) \
    int apc_codec_##codec##_set(apc_file *file); \
    int apc_codec_##codec##_takes_tables(const apc_model *model); \
    int apc_codec_##codec##_has_room(const apc_file *file, uint32_t width, uint32_t height, uint32_t layer, size_t n); \
    void apc_codec_##codec##_needs(const apc_file *file, uint32_t width, uint32_t height, tile_needs *needs); \
    int apc_codec_##codec##_read(const apc_file *file, const apc_model *model, const tile *t, const tile_layers *layers, \
                             uint32_t n_layers, uint32_t *faulty); \
    void apc_codec_##codec##_synthesise(const apc_file *file, const apc_model *model, const tile *t, uint32_t index, \
                                    int16_t *scratch, int16_t *plane); \
    size_t apc_codec_##codec##_writing(const apc_file *file, uint32_t width, uint32_t height); \
    int apc_codec_##codec##_write(const apc_file *file, const apc_model *model, const tile *t, const void *pixels, size_t row, \
                              uint8_t *out, size_t capacity, uint32_t *lengths)

/* The struct of a codec that is read and written. */
#define APERCU_READ_AND_WRITTEN(codec) \
    {apc_codec_##codec##_number, apc_codec_##codec##_most_layers, apc_codec_##codec##_block, apc_codec_##codec##_n_by_hand, \
     apc_codec_##codec##_most_by_hand, apc_codec_##codec##_set, apc_codec_##codec##_takes_tables, \
     apc_codec_##codec##_has_room, apc_codec_##codec##_needs, apc_codec_##codec##_read, apc_codec_##codec##_synthesise, \
     apc_codec_##codec##_writing, apc_codec_##codec##_write}

enum { apc_codec_apercu_number = 2, apc_codec_apercu_most_layers = 5, apc_codec_apercu_block = 1, apc_codec_apercu_n_by_hand = 0,
       apc_codec_apercu_most_by_hand = 0 };
enum { apc_codec_taha2025_number = 1, apc_codec_taha2025_most_layers = 1, apc_codec_taha2025_block = 8, apc_codec_taha2025_most_by_hand = 2097151 };
#ifdef APERCU_SMALL_ENCODER /* which is told a quality */
enum { apc_codec_taha2025_n_by_hand = 0 };
#else
enum { apc_codec_taha2025_n_by_hand = 2 };
#endif
APERCU_FUNCTIONS(apercu);
APERCU_FUNCTIONS(taha2025);

/* --- codecs.c */
/* Gives a file the codec of a number of the registry; 0 or APC_UNKNOWN_MODEL. */
#ifdef APERCU_CODEC
static inline int choose_codec(apc_file *file, uint8_t number)
{
    (void)file;
    return number == OF_CODEC(file, number) ? 0 : APC_UNKNOWN_MODEL;
}
#else
int choose_codec(apc_file *file, uint8_t number);
int is_written(const apc_file *file);
#endif
/* The codec of a shipped model. */
static inline uint8_t codec_of_model(uint8_t model)
{
    return model == 10 ? apc_codec_apercu_number : model; /* the number of any other model is that of its codec, too */
}

/* --- head.c */
/* A path: what a place stands for is in a straight line between two knots, rounded. */
typedef struct {
    uint16_t place;
    uint32_t value;
} knot;

uint32_t on_path(const knot *path, uint32_t place);

#endif
