"""The path of good settings that `quality` walks in taha2025: data of the specification, fitted by scripts/fit_path.py."""

PATH_KNOTS = (*((round(8 * 500 * (4 / 500) ** (i / 25)), min(round(16 * 0.045 * (500 * (4 / 500) ** (i / 25)) ** 2), 2000000)) for i in range(26)),)
"""(step_q3, threshold_q4) at quality 0, 4, 8, … 100; between two of them both go in a straight line."""
