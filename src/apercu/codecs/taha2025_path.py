"""The path of good settings that `quality` walks in taha2025: data of the specification; scripts/fit_path.py says how good."""

ALL_G1 = 2_097_151
"""A threshold above the error of any block."""

PATH_KNOTS = (
    (0, 9600, ALL_G1),
    (64, 7037, ALL_G1),
    (128, 5158, ALL_G1),
    (192, 3781, ALL_G1),
    (256, 2771, ALL_G1),
    (320, 2031, ALL_G1),
    (384, 1489, ALL_G1),
    (448, 1091, ALL_G1),
    (511, 800, ALL_G1),
    (512, 2160, 20995),
    (640, 1756, 17071),
    (768, 1428, 13838),
    (896, 1161, 10443),
    (1024, 944, 7832),
    (1152, 768, 5472),
    (1280, 624, 3807),
    (1408, 507, 2568),
    (1536, 413, 1732),
    (1664, 335, 1169),
    (1792, 273, 789),
    (1920, 222, 533),
    (2048, 180, 360),
    (2176, 147, 243),
    (2304, 119, 164),
    (2432, 97, 110),
    (2560, 79, 75),
    (2688, 64, 51),
    (2816, 52, 35),
    (2944, 42, 24),
    (3072, 34, 17),
    (3200, 28, 12),
)
"""(quality in 1/32, step_q3, threshold_q4); between two knots both go in a straight line.

Below quality 16 all blocks are G1's: flags would cost a bit a block, and a finer step brings more for it. There the two ways
meet in rate and PSNR, with steps of 100 and 270.
"""
