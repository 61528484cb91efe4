"""The numbers of the paper of Taha et al. 2025, for comparison with ours.

H. Taha, L. A. Elrefaei, H. Akah, M. Abdelrasoul, "Efficient Image Compression Technique for Low Bit Rate Requirements",
Fayoum University Journal of Engineering 8(2), 2025, doi 10.21608/fuje.2025.314170.1091; licence CC BY 4.0. Copied as
printed, averages included.
"""

CITATION = (
    "H. Taha, L. A. Elrefaei, H. Akah, M. Abdelrasoul, *Efficient Image Compression Technique for Low Bit Rate "
    "Requirements*, Fayoum University Journal of Engineering 8(2), 2025, doi 10.21608/fuje.2025.314170.1091 (CC BY 4.0)"
)
IMAGES = ("lena", "boat", "goldhill")
SIZE = (512, 512)  # height and width of the images
CLAIMED_BPP = 0.22
"""Below it, says the paper, its codec is better than JPEG."""
FIGURES = {"lena": (7, 8), "boat": (9, 10), "goldhill": (11, 12)}
"""The curves of an image, and its pictures."""

TABLE_1 = {
    "elu": (90.65, 160.13, 115.12, 121.97),
    "relu": (283.52, 191.61, 191.85, 222.33),
    "sigmoid": (133.62, 172.95, 136.1, 147.56),
    "swish": (92.15, 160.29, 115.85, 122.76),
    "linear": (90.86, 172.0, 119.62, 127.5),
    "none": (91.3, 159.3, 114.48, 121.7),
}
"""Mean squared error of the four-layer network with four latents, by activation: three images and their average."""

TABLE_2 = {
    2: (282.28, 386.56, 262.67, 310.5),
    4: (280.93, 382.37, 263.37, 308.89),
    6: (286.16, 383.23, 261.41, 310.27),
    8: (280.56, 382.05, 286.8, 316.47),
}
"""Mean squared error with one latent, by number of layers: three images and their average."""
TABLE_2_PARAMETERS = {2: 128, 4: 1040, 6: 2320, 8: 5392}

OUTPUTS = (4, 6, 8)
"""Latents of the second autoencoder in the columns of Tables 3 to 5."""
SIZES: dict[str, tuple[tuple[float, int | None, int | None, int], ...]] = {
    "lena": (
        (24.2443, 18986, 19727, 20240),
        (26.4703, 24990, 26655, 27722),
        (27.3229, 30487, 30497, 31740),
        (28.2432, None, 37082, 36941),
        (28.8857, None, None, 42102),
        (29.2576, None, None, 48195),
    ),
    "boat": (
        (23.3364, 22761, 24320, 24911),
        (25.1009, 29843, 31280, 32571),
        (25.5879, 38574, 33802, 35074),
        (26.0329, None, 36718, 37483),
        (26.8229, None, 47068, 43268),
        (27.4565, None, None, 52263),
        (27.6304, None, None, 57533),
    ),
    "goldhill": (
        (24.1494, 19938, 20506, 21095),
        (25.0726, 23360, 24973, 25687),
        (25.2949, 24286, 26233, 27052),
        (26.1554, 30093, 31712, 32777),
        (26.8182, 40805, 37638, 38344),
        (26.8673, 43133, 37849, 38646),
        (27.4289, None, 46340, 45043),
        (27.9007, None, None, 53228),
        (28.076, None, None, 58189),
        (28.1162, None, None, 59641),
    ),
}
"""Tables 3, 4 and 5: PSNR in dB, and the file in bits with 4, 6 and 8 outputs, None where the table has no number."""
TABLE_OF_SIZES = {"lena": 3, "boat": 4, "goldhill": 5}
