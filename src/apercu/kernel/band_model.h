/* The contexts of the coder of wavelet bands, and their order (spec/apercu.md, "Bands"). */
#ifndef APERCU_BAND_MODEL_H
#define APERCU_BAND_MODEL_H

#include "magnitudes.h"

enum {
    CLASSES = 2, /* 0: luma, alpha, other bands; 1: chroma */
    STAGES = 5,  /* coarse to fine; stage t holds level t of class 0 and level t - 1 of class 1 */
    FLAGGED_STAGES = 2, /* the finest stages say for every group whether anything in it is not zero */
    ORIENTATIONS = 3,
    GROUP = 4, /* coefficients a side of a group */
    SIGN_PATTERNS = 81,
    LENGTHS = 17, /* bits of a residual of LL */
    PAST = 9,     /* weights of a band: W, N, NW, NE, WW, NN, parents, sisters, companion */
    SOURCE_WEIGHTS = 6, /* the first of parents */
    PARENT = 0, /* the bands that predict one: parents, two sisters, the companion; source i has weight (i + 1) / 2 of them */
    SISTER = 1,
    COMPANION = 3,
    SOURCES = 4
};

/* Offsets into the array of contexts, by kind. */
enum {
    BANDS_IN_ALL = CLASSES * STAGES * ORIENTATIONS,
    ZERO_CONTEXTS = 0, /* [band][BUCKETS around][BUCKETS before][group has a coefficient already: 2] */
    SIGN_CONTEXTS = ZERO_CONTEXTS + BANDS_IN_ALL * BUCKETS * BUCKETS * 2, /* [band][SIGN_PATTERNS] */
    MAG_CONTEXTS = SIGN_CONTEXTS + BANDS_IN_ALL * SIGN_PATTERNS,          /* [class, stage][BUCKETS][UNARY] */
    FLAG_CONTEXTS = MAG_CONTEXTS + CLASSES * STAGES * BUCKETS * UNARY,    /* [class][stage][orientation][8][BUCKETS] */
    LOW_CONTEXTS = FLAG_CONTEXTS + CLASSES * FLAGGED_STAGES * ORIENTATIONS * 8 * BUCKETS, /* [class][BUCKETS][LENGTHS] */
    LOW_TOP_CONTEXTS = LOW_CONTEXTS + CLASSES * BUCKETS * LENGTHS, /* [class][LENGTHS]: the second bit of a residual */
    LOW_SIGN_CONTEXTS = LOW_TOP_CONTEXTS + CLASSES * LENGTHS,      /* [class] */
    N_CONTEXTS = LOW_SIGN_CONTEXTS + CLASSES
};

/* A plane on its way through the coder, as the caller describes it. */
typedef struct {
    int32_t width, height;
    int32_t chroma;    /* class */
    int32_t companion; /* an earlier plane of the same class, or luma for chroma, whose bands predict; -1: none */
    int32_t fitted;    /* writing only: 1 if apercu_wavelet_analyse made its coefficients for the step of the coder */
    int32_t one_price; /* writing only: 1 if a bit has one price in all stages, which is best for PSNR */
} band_plane;

typedef struct {
    const int16_t *coefficients; /* writing only */
    int16_t *decoded; /* writing only: what the symbols stand for, in place of the coefficients, or NULL */
    int16_t *out; /* writing: the symbols, or NULL; reading: the coefficients that they stand for */
    grid own;
    const grid *sources[SOURCES]; /* bands that predict it; NULL where there is none */
    uint8_t *around; /* weighted sums of what is known of other bands, for a row of groups, `around_stride` a row */
    size_t around_stride;
    uint8_t *signs;   /* 0: none, 1: plus, 2: minus; of the row above a row of groups and of its rows, `signs_stride` a row */
    size_t signs_stride;
    uint8_t *flags;   /* of a row of groups */
    uint8_t *any;     /* writing only: a byte a column, whether it may hold a symbol in this row of groups */
    uint8_t *scratch; /* of look_around */
    const uint8_t *weights;
    int row;         /* class * STAGES + stage - 1 */
    int band;        /* row * ORIENTATIONS + orientation */
    int flagged;     /* index of the first flag context, or -1 */
    int32_t step_q6;
    uint32_t reciprocal; /* writing only */
    int32_t price;       /* writing only: see band_choice.h */
    const uint8_t *importance; /* writing only: see band_code.h, at this stage; NULL: everything counts alike */
    size_t importance_stride;
} band;

#endif
