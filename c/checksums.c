/* The two checksums of the format, four bits at a time: 96 bytes of tables. */
#include "inside.h"

/* CRC-32/ISO-HDLC, that of PNG; `crc` is 0 at first, or that of the bytes before. */
uint32_t crc32_of(uint32_t crc, const uint8_t *data, size_t n)
{
    static const uint32_t NIBBLES[16] = {0x00000000u, 0x1DB71064u, 0x3B6E20C8u, 0x26D930ACu, 0x76DC4190u, 0x6B6B51F4u,
                                         0x4DB26158u, 0x5005713Cu, 0xEDB88320u, 0xF00F9344u, 0xD6D6A3E8u, 0xCB61B38Cu,
                                         0x9B64C2B0u, 0x86D3D2D4u, 0xA00AE278u, 0xBDBDF21Cu};
    crc = ~crc;
    for (size_t i = 0; i < n; i++) {
        crc ^= data[i];
        crc = crc >> 4 ^ NIBBLES[crc & 15];
        crc = crc >> 4 ^ NIBBLES[crc & 15];
    }
    return ~crc;
}

int checksum_differs(uint32_t sum, const uint8_t *stored, size_t n)
{
#ifdef FUZZING_BUILD_MODE_UNSAFE_FOR_PRODUCTION
    (void)sum, (void)stored, (void)n;
    return 0;
#else
    for (size_t i = 0; i < n; i++)
        if (stored[i] != (uint8_t)(sum >> 8 * i))
            return 1;
    return 0;
#endif
}

void put_checksum(uint32_t sum, uint8_t *out, size_t n)
{
    for (size_t i = 0; i < n; i++)
        out[i] = (uint8_t)(sum >> 8 * i);
}

/* CRC-16/IBM-3740. */
uint16_t crc16_of(const uint8_t *data, size_t n)
{
    static const uint16_t NIBBLES[16] = {0x0000, 0x1021, 0x2042, 0x3063, 0x4084, 0x50A5, 0x60C6, 0x70E7,
                                         0x8108, 0x9129, 0xA14A, 0xB16B, 0xC18C, 0xD1AD, 0xE1CE, 0xF1EF};
    uint16_t crc = 0xFFFF;
    for (size_t i = 0; i < n; i++) {
        crc = (uint16_t)(crc << 4 ^ NIBBLES[(crc >> 12 ^ data[i] >> 4) & 15]);
        crc = (uint16_t)(crc << 4 ^ NIBBLES[(crc >> 12 ^ data[i]) & 15]);
    }
    return crc;
}
