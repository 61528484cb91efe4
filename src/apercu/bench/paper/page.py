"""Tables 3 to 5 and of the claim, ours beside the paper's, and the page that holds all tables and figures."""

from collections.abc import Mapping, Sequence

from apercu.bench.paper import published
from apercu.bench.paper.claim import RATES, RIVALS, Curve, gain, gains_of_paper, verdict
from apercu.bench.paper.points import Point
from apercu.bench.paper.table import Cell, Table

MATCHED_PERCENT = 5.0
PUBLISHED, PER_LATENT, PATH, FITTED = "as published", "table per latent", "default path", "fitted to the image"


def sizes_table(image: str, found: Mapping[tuple[str, int], Sequence[Point | None]]) -> Table:
    """Table 3, 4 or 5: `found` holds, by way and outputs, the smallest file at each of the paper's PSNRs."""
    number = published.TABLE_OF_SIZES[image]
    columns = [("PSNR", ".2f"), ("outputs", "d"), ("paper, bits", ",d")]
    for way in (PUBLISHED, PER_LATENT):
        columns += [(f"{way}: bits", ",d"), (f"{way}: ± %", "+.1f"), (f"{way}: dB", ".2f")]
    for way in (PATH, FITTED):
        columns += [(f"{way}: bits", ",d"), (f"{way}: ± %", "+.1f")]
    table = Table(f"table{number}", f"Table {number}: {image}, smallest file at equal PSNR", columns)
    unmatched = []
    for index, (decibels, *sizes) in enumerate(published.SIZES[image]):
        for outputs, bits in zip(published.OUTPUTS, sizes, strict=True):
            if bits is None:
                continue
            cells: list[Cell] = [decibels, outputs, int(bits)]
            for way in (PUBLISHED, PER_LATENT, PATH, FITTED):
                points = found.get((way, outputs))
                point = points[index] if points else None
                more = None if point is None else 100 * (point.n_bits / bits - 1)
                cells += [point.n_bits if point else None, more]
                if way in (PUBLISHED, PER_LATENT):
                    cells.append(point.psnr if point else None)
                asked = PUBLISHED if outputs == published.OUTPUTS[-1] else PER_LATENT
                if way == asked and (more is None or more > MATCHED_PERCENT):
                    unmatched.append(
                        f"{decibels:.2f} dB with {outputs} ({'not reached' if more is None else f'{more:+.1f} %'})"
                    )
            table.rows.append(cells)
    if unmatched:
        table.notes.append(
            f"Not matched: more than {MATCHED_PERCENT:g} % above the paper's bits at {', '.join(unmatched)}. "
            + _training_set(table)
        )
    else:
        table.notes.append(f"Every size is matched to {MATCHED_PERCENT:g} %, or smaller than the paper's.")
    return table


def _training_set(table: Table) -> str:
    """How far weights fitted to the very image would go, over the rows of eight outputs."""
    headings = [heading for heading, _ in table.columns]
    bits, fitted = headings.index(f"{PUBLISHED}: bits"), headings.index(f"{FITTED}: bits")
    both = [(row[bits], row[fitted]) for row in table.rows]
    apart = [100 * (1 - less / more) for more, less in both if isinstance(more, int) and isinstance(less, int)]
    if not apart:
        return ""
    return (
        f"Weights fitted to this very image would save {min(apart):.1f} to {max(apart):.1f} % with eight outputs (the "
        "paper trains on a set that holds it); what is left of the difference lies with the copy of the image, and "
        "with what the paper leaves open."
    )


def claim_table(curves: Mapping[str, Mapping[str, Curve]]) -> Table:
    """The codec less JPEG in dB at some rates, and where it is better: `curves` by image, then by codec."""
    columns = [("image", ""), ("codec", ""), ("against", ""), ("which reaches down to", ".3f")]
    columns += [(f"{rate:.2f} bpp", "+.2f") for rate in RATES]
    columns += [("better, bpp", ""), ("better at every rate below 0.22", "")]
    table = Table("claim", 'The claim "better than JPEG below 0.22 bpp": PSNR less JPEG\'s, dB', columns)
    for image, of_image in curves.items():
        for codec, curve in of_image.items():
            for rival in RIVALS.values():
                if codec in RIVALS.values() or not curve:
                    continue
                theirs = of_image[rival]
                found = verdict(curve, theirs)
                gains = [gain(curve, theirs, rate) for rate in RATES]
                row: list[Cell] = [image, codec, rival, theirs[0].bpp, *gains, str(found)]
                table.rows.append([*row, "yes" if found.holds else "no"])
    return table


def paper_claim_table(curves: Mapping[str, Mapping[str, Curve]]) -> Table:
    """The paper's own points of eight outputs, held against JPEG on our copies of the images."""
    columns = [("image", ""), ("bpp", ".4f"), *((f"less {rival}, dB", "+.2f") for rival in RIVALS.values())]
    table = Table("paper_points", "The paper's own points (eight outputs) less JPEG's PSNR at the same rate", columns)
    for image, of_image in curves.items():
        gains = [gains_of_paper(image, of_image[rival]) for rival in RIVALS.values()]
        for (rate, first), (_, second) in zip(*gains, strict=True):
            table.rows.append([image, rate, first, second])
    table.notes.append("A dash: JPEG has no file so small, at full size.")
    return table


def answer(claim: Table, own: Table) -> list[str]:
    """The claim's answer in plain words, from the two tables."""
    lines = []
    codecs = list(dict.fromkeys(str(row[1]) for row in claim.rows))
    for codec in codecs:
        kept = []
        for rival in RIVALS.values():
            verdicts = [row[-1] for row in claim.rows if row[1:3] == [codec, rival]]
            kept.append(f"on {verdicts.count('yes')} of {len(verdicts)} images against {rival}")
        lines.append(f"In short, {codec}: the claim holds {', '.join(kept)}")
    for codec in codecs:
        for rival in RIVALS.values():
            rows = [row for row in claim.rows if row[1:3] == [codec, rival]]
            holding = [str(row[0]) for row in rows if row[-1] == "yes"]
            failing = [f"{row[0]} (better at {row[-2]} bpp)" for row in rows if row[-1] == "no"]
            told = f"holds on {', '.join(holding)}" if holding else "holds on no image"
            lines.append(f"{codec}, against {rival}: {told}" + (f"; fails on {'; '.join(failing)}" if failing else ""))
    for column, rival in enumerate(RIVALS.values(), 2):
        known = [(row[0], row[1], row[column]) for row in own.rows]
        gains = [(image, rate, more) for image, rate, more in known if isinstance(more, float)]
        behind = [f"{image} at {rate:.3f} bpp ({more:+.2f} dB)" for image, rate, more in gains if more <= 0]
        lines.append(
            f"the paper's own points, against {rival}: better at {len(gains) - len(behind)} of {len(gains)}"
            + (f", not on {', '.join(behind)}" if behind else "")
        )
    return lines


def page(
    head: Sequence[str], tables: Sequence[Table], answers: Sequence[str], figures: Sequence[tuple[str, str, str]]
) -> str:
    """The page, as Markdown; figures are (title, text, file name)."""
    parts = ["# The codec of Taha et al. 2025, reproduced", "", f"The paper: {published.CITATION}.", ""]
    parts += [f"- {line}" for line in head]
    parts += ["", "## Is it better than JPEG below 0.22 bits per pixel?", "", *(f"- {line}." for line in answers)]
    parts += ["", "## Tables", ""]
    for table in tables:
        parts += [table.markdown(), ""]
    parts += ["## Figures", ""]
    for title, text, name in figures:
        parts += [f"### {title}", "", *([text, ""] if text else []), f"![{title}]({name})", ""]
    return "\n".join(parts)
