"""The report of a run of a task, made up, and the pictures of its page."""

import numpy as np

from apercu.bench.shown import lossless
from apercu.bench.tasks import said
from apercu.bench.tasks.shown import Pictures

APERCU, CNN, JPEG = "apercu:apercu/none", "apercu:apercu/cnn", "=jpeg"
CODECS = [APERCU, CNN, JPEG]
RATES = [0.05, 0.1, 0.2]
NAMES = ["field/1", "sea/<b>2"]
SCORES = {APERCU: (0.7, 0.8, 0.85), CNN: (0.72, 0.82, 0.86), JPEG: (0.3, 0.7, 0.8)}
REGAINED = {"originals": 0.0, "further": 0.2, "same": 0.8, "mixed": 0.6}  # of the loss
ORIGINALS = 0.9
FURTHER = 0.93


def interval(mean, half):
    """An interval, as reports have it."""
    return {"mean": mean, "low": mean - half, "high": mean + half, "by_seed": [mean - half / 2, mean + half / 2]}


def report(retrained=("same", "mixed")):
    """Three codecs at three rates; JPEG has no file for two pictures at the lowest."""
    learnt = {"originals": ORIGINALS, **({"further": FURTHER} if retrained else {})}
    trained = (*learnt, *retrained)

    def score(how, codec, rate):
        found = SCORES[codec][RATES.index(rate)]
        return found + REGAINED[how] * (ORIGINALS - found)

    def share(how, base, codec, rate):
        known = score(base, codec, rate)
        return (score(how, codec, rate) - known) / (learnt[base] - known)

    places = [(codec, rate) for codec in CODECS for rate in RATES]
    return {
        "version": 1,
        "task": {
            "name": "classification", "score": "share of pictures whose class is found",
            "higher_is_better": True, "kind": "classes", "n_test": 140, "n_train": 300, "classes": ["field", "sea"],
            "learns": True, "n_seen": 0, "seeds": [0, 1, 2, 3, 4], "drawn": False,
        },
        "rates": RATES,
        "codecs": CODECS,
        "labels": {APERCU: "apercu, exact", CNN: "apercu, restored (cnn)", JPEG: "=jpeg"},
        "originals": interval(ORIGINALS, 0.02),
        "further": interval(FURTHER, 0.02) if retrained else None,
        "controls": {"shuffled": interval(0.14, 0.02), "grey": interval(0.14, 0.0)},
        "points": [
            {"codec": codec, "rate": rate, "trained": how, "score": interval(score(how, codec, rate), 0.03),
             "bpp": 0.97 * rate, "psnr": 25.5, "missing": 2 if (codec, rate) == (JPEG, 0.05) else 0}
            for how in trained for codec, rate in places
        ],
        "losses": [{"codec": codec, "rate": rate, "trained": how,
                    "loss": interval(learnt[how] - score(how, codec, rate), 0.012)}
                   for how in learnt for codec, rate in places],
        "kept": [{"codec": codec, "rate": rate, "trained": how,
                  "share": interval(score(how, codec, rate) / ORIGINALS, 0.04)}
                 for how in trained for codec, rate in places],
        "relative": [
            {"codec": codec, "rate": rate, "to": JPEG, "share": interval(
                (ORIGINALS - SCORES[codec][at]) / (ORIGINALS - SCORES[JPEG][at]), 0.04)}
            for codec in (APERCU, CNN) for at, rate in enumerate(RATES)
        ],
        "recovered": [{"codec": codec, "rate": rate, "trained": how, "of": base,
                       "share": interval(share(how, base, codec, rate), 0.1)}
                      for how in retrained for base in learnt for codec, rate in places],
        "restoration": [
            {"codec": CNN, "exact": APERCU, "rate": rate, "trained": how,
             "difference": interval(score(how, CNN, rate) - score(how, APERCU, rate), 0.01)}
            for how in ("originals", *retrained) for rate in RATES
        ],
        "environment": {"apercu": "0.1.0"},
    }  # fmt: skip


def pictures():
    """Two pictures, in all codecs and rates but JPEG's lowest."""
    y, x = np.mgrid[:96, :128]
    originals = [np.uint8(40 + 50 * number + (x + y) // 4 + 40 * ((x // 16 + y // 16) % 2)) for number in range(2)]
    found = Pictures(
        [{"name": name, "width": 128, "height": 96, "bands": 1, "dtype": "uint8"} for name in NAMES],
        {name: {"webp": lossless(image), "window": (0, 0, 96, 128), "note": f"truth: {name[:5]}"}
         for name, image in zip(NAMES, originals, strict=True)},
        {},
        {APERCU: {"kind": "exact"}, CNN: {"kind": "fidelity"}},
    )  # fmt: skip
    for name, image in zip(NAMES, originals, strict=True):
        for number, codec in enumerate(CODECS):
            for at, rate in enumerate(RATES):
                if (codec, rate) == (JPEG, RATES[0]):
                    continue
                step = 32 >> at
                point = {"image": name, "codec": codec, "n_bytes": round(rate * 1536), "bpp": rate, "scale": 1,
                         "metrics": {"psnr": 25 + 3 * at - number}}  # fmt: skip
                webp = lossless(np.uint8(image // step * step + step // 2 + number))
                found.pictures[name, codec, rate] = {"webp": webp, "point": point}
    return found


EVIL = "<img src=x onerror=alert(1)> & <b>sea</b>"
MASK = np.repeat(np.uint8([0, 1]), 48)[:, None].repeat(128, axis=1)
"""Class 0 above, 1 below; all of class 1 in truth."""


def told_pictures():
    """The same, with a mask over all pictures of the first, whose truth is known, and words and a box at the second."""
    found, (masked, worded) = pictures(), NAMES
    record = {"said": said.pack(MASK, MASK.shape), "truth": said.pack(MASK | 1, MASK.shape), "score": 0.5}
    found.legend.update(said.legend([record], ["field", EVIL]))
    over, truth = (said.put(record[of], ["field", EVIL], found.legend) for of in ("said", "truth"))
    found.originals[masked] |= {"truth": truth, "said": {**over, "verdict": "score 0.50"}}
    found.originals[worded] |= {"truth": {"words": EVIL}, "said": {"words": EVIL, "verdict": "right", "good": True}}
    box = said.put(said.pack([((16, 16, 64, 48), EVIL)], MASK.shape), [], {})
    for (name, codec, _), entry in found.pictures.items():
        wrong = {"words": "field", "verdict": "wrong", "good": False}
        entry["said"] = over if name == masked else {**box, "verdict": "0 of 1"} if codec == CNN else wrong
    return found
