"""constants; see below"""
BANDS = 3
"""HL, LH and HH."""
LEVELS = 3
"""Of the wavelet of luma, from this one to the finest, 1."""
GIVEN = 2 + 4 * BANDS + 4
NOISE = 4
SHARP = 10, 6, 4
"""Of levels 1 to 3: what is missing is denoised in 1/SHARP of a quantiser's step, in which it deviates by 1 or less."""
