/* Samples of an image to the planes that are coded, and back.
 *
 * A plane holds int16 samples with 5 fraction bits of an 8-bit sample: 0 to 8160 for grey, colour components and bands,
 * signed around zero for chroma. */
#ifndef APERCU_SAMPLES_H
#define APERCU_SAMPLES_H

#include "api.h"

enum { SAMPLE_BITS = 5, SAMPLE_FULL = 8160 /* 255 << 5 */, SAMPLE_LIMIT = 8191 /* of any plane, either sign */ };

/* One component of a pixel-interleaved image into a plane of `plane_width` x `plane_height`, beyond the image its edge
 * again. `pitch` counts samples from a pixel to the next, `row_pitch` from a row to the next. */
APERCU_API int64_t apercu_load_u8(const uint8_t *image, size_t row_pitch, size_t pitch, size_t width, size_t height,
                                  int16_t *plane, size_t plane_width, size_t plane_height);
/* As above; a sample becomes (sample - offset) * 8160 / range, rounded, and is held within 0 to 8160. */
APERCU_API int64_t apercu_load_u16(const uint16_t *image, size_t row_pitch, size_t pitch, size_t width, size_t height,
                                   int32_t offset, int32_t range, int16_t *plane, size_t plane_width,
                                   size_t plane_height);
/* A plane, `stride` samples a row, into one component of an image. */
APERCU_API int64_t apercu_store_u8(const int16_t *plane, size_t stride, uint8_t *image, size_t row_pitch, size_t pitch,
                                   size_t width, size_t height);
APERCU_API int64_t apercu_store_u16(const int16_t *plane, size_t stride, uint16_t *image, size_t row_pitch,
                                    size_t pitch, size_t width, size_t height, int32_t offset, int32_t range);

/* Interleaved red, green and blue of an image to planes of luma, `plane_width` x `plane_height`, both even, and of
 * chroma at half size; ITU-R BT.601 in full range. Beyond the image its edge again. `scratch` holds 5 * plane_width
 * samples. */
APERCU_API int64_t apercu_rgb_to_ycc_u8(const uint8_t *image, size_t row_pitch, size_t pitch, size_t width,
                                        size_t height, int16_t *scratch, int16_t *luma, size_t plane_width,
                                        size_t plane_height, int16_t *cb, int16_t *cr);
APERCU_API int64_t apercu_rgb_to_ycc_u16(const uint16_t *image, size_t row_pitch, size_t pitch, size_t width,
                                         size_t height, int32_t offset, int32_t range, int16_t *scratch, int16_t *luma,
                                         size_t plane_width, size_t plane_height, int16_t *cb, int16_t *cr);
/* Luma, `width` x `height`, and chroma, ceil(width / 2) x ceil(height / 2), to interleaved red, green and blue in
 * place of three components of an image. Chroma is brought to full size by a triangle filter (weights 9, 3, 3, 1),
 * its edge repeated. `scratch` holds 3 * (width + 2) samples. */
APERCU_API int64_t apercu_ycc_to_rgb_u8(const int16_t *luma, size_t stride, const int16_t *cb, const int16_t *cr,
                                        size_t chroma_stride, int16_t *scratch, uint8_t *image, size_t row_pitch,
                                        size_t pitch, size_t width, size_t height);
APERCU_API int64_t apercu_ycc_to_rgb_u16(const int16_t *luma, size_t stride, const int16_t *cb, const int16_t *cr,
                                         size_t chroma_stride, int16_t *scratch, uint16_t *image, size_t row_pitch,
                                         size_t pitch, size_t width, size_t height, int32_t offset, int32_t range);

/* The sum of the squared differences of two images of `n_columns` samples a row, whose rows are so many samples apart; at
 * most 2^31 samples of 16 bits, so that the sum has 63. */
APERCU_API int64_t apercu_squared_error_u8(const uint8_t *a, size_t a_pitch, const uint8_t *b, size_t b_pitch,
                                           size_t n_columns, size_t n_rows);
APERCU_API int64_t apercu_squared_error_u16(const uint16_t *a, size_t a_pitch, const uint16_t *b, size_t b_pitch,
                                            size_t n_columns, size_t n_rows);

#endif
