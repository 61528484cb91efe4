"""The settings for each quality of taha2025: data of the specification, see scripts/fit_path.py."""

ALL_G1 = 2_097_151
"""A threshold above the error of any block."""

PATH_KNOTS = (
    (0, 9600, ALL_G1),
    (64, 7121, ALL_G1),
    (128, 5282, ALL_G1),
    (192, 3918, ALL_G1),
    (256, 2907, ALL_G1),
    (320, 2156, ALL_G1),
    (384, 1599, ALL_G1),
    (448, 1186, ALL_G1),
    (511, 880, ALL_G1),
    (512, 2120, 20225),
    (640, 1725, 16624),
    (768, 1404, 13523),
    (896, 1143, 10218),
    (1024, 930, 7630),
    (1152, 757, 5338),
    (1280, 616, 3711),
    (1408, 501, 2508),
    (1536, 408, 1695),
    (1664, 332, 1146),
    (1792, 270, 775),
    (1920, 220, 524),
    (2048, 179, 354),
    (2176, 146, 239),
    (2304, 118, 162),
    (2432, 96, 109),
    (2560, 78, 74),
    (2688, 64, 51),
    (2816, 52, 35),
    (2944, 42, 24),
    (3072, 34, 17),
    (3200, 28, 12),
)
"""(quality in 1/32, step_q3, threshold_q4); linear between two knots.

Below quality 16, G1 codes all blocks: flags would cost one bit for each block, and a finer step is a better use of it.
At quality 16 both ways have about the same rate and PSNR, with steps of 110 and 265.
"""

PLAIN_FROM_Q5 = 512
PLAIN_KNOTS = (
    (512, 880, ALL_G1),
    (640, 474, ALL_G1),
    (768, 255, ALL_G1),
    (896, 137, ALL_G1),
    (1024, 74, ALL_G1),
    (1152, 40, ALL_G1),
    (1216, 29, ALL_G1),
    (3200, 1, ALL_G1),
)
"""G1 for all blocks, as variants 4 to 7 from quality 16 up: for smooth images, and for sizes between the two ways."""
