/* Maps of symbols, one for each latent or frequency of the blocks of a plane, and their contexts (spec/symbol_maps.md). */
#ifndef APERCU_MAP_MODEL_H
#define APERCU_MAP_MODEL_H

#include "magnitudes.h"

enum {
    MAP_PLAIN,     /* signed */
    MAP_PREDICTED, /* signed, coded less what the symbols around predict */
    MAP_COUNT,     /* not negative */
    MAP_SELECTOR   /* 0 .. 15: a choice without order */
};

enum {
    MAP_CLASSES = 2, /* of planes: 0 luma, alpha, other bands; 1 chroma */
    MAP_MOST = 128,  /* maps of a plane */
    MAP_MOST_GROUPS = 64,
    MAP_MOST_BLOCKS = 1 << 20, /* of a side of a plane */
    MAP_EARLIER = 4, /* maps that a map names as those most like it */
    MAP_CHOICES = 16,
    MAP_SIGNS = 27,
    MAP_ESCAPES = 16, /* zeros before a number of Exp-Golomb, and the last of them */
    MAP_TOTAL_MAX = 63,
    MAP_WITHIN = 6,  /* weights of magnitudes of the map itself: W, N, NW, NE, WW, NN */
    MAP_AROUND = 12, /* of other maps: see map_around.h */
    MAP_WEIGHTS = MAP_WITHIN + MAP_AROUND,
    MAP_LARGEST_WEIGHT = 90, /* in 1/64: no sum leaves 16 bits */
    MAP_LARGEST_VALUE = 32767
};

/* Offsets into the contexts of a group of maps; those of class 1 follow all of class 0, those of selectors all groups. */
enum {
    MAP_ZERO = 0, /* [BUCKETS around][BUCKETS within] */
    MAP_SIGN = MAP_ZERO + BUCKETS * BUCKETS,
    MAP_MAGNITUDE = MAP_SIGN + MAP_SIGNS,              /* [BUCKETS][UNARY] */
    MAP_ESCAPE = MAP_MAGNITUDE + BUCKETS * UNARY,      /* [MAP_ESCAPES] */
    MAP_GROUP = MAP_ESCAPE + MAP_ESCAPES,
    MAP_CHOICE = (MAP_CHOICES + 1) * (MAP_CHOICES + 1) * (MAP_CHOICES - 1) /* [left][above][bits so far] */
};

/* A plane in blocks, as the caller describes it. */
typedef struct {
    int32_t height, width; /* blocks */
    int32_t chroma;        /* class */
    int32_t companion;     /* an earlier plane of the same size, or of twice that, rounded up; -1: none */
} map_plane;

/* A map, the same in all planes. */
typedef struct {
    int32_t kind;
    int32_t group;   /* which contexts and weights */
    int32_t present; /* bit s: in blocks where the latest count or selector before it is s, counts held to 15. -1: in all */
    int32_t earlier[MAP_EARLIER]; /* maps before it; -1: none */
} map_kind;

/* `selectors`: whether there are contexts for them, 1 or 0. */
static inline size_t map_contexts(size_t n_groups, size_t selectors)
{
    return MAP_CLASSES * (n_groups * MAP_GROUP + selectors * MAP_CHOICE);
}

#endif
