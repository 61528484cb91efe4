"""What a network says of the pictures that are shown: what is kept of it, and what it becomes on the page."""

import io

import numpy as np
import pytest
from PIL import Image

from apercu.bench import peers
from apercu.bench.cache import Cache
from apercu.bench.plan import Plan
from apercu.bench.plots import COLOURS
from apercu.bench.tasks import said, shown, units
from apercu.bench.tasks.data import DataSet, Split, spread
from apercu.bench.tasks.run import run
from apercu.errors import OptionError
from tests import plain_task

TELLING = "tests.plain_task:make_telling"
RATES = (0.05, 0.5)
PLAN = Plan(("squares",), RATES, ("psnr",))
DATA = plain_task.drawn()


@pytest.fixture(autouse=True)
def codecs_for_tests(monkeypatch):
    monkeypatch.setitem(peers.PEERS, "squares", plain_task.SQUARES)
    monkeypatch.setattr(units, "_networks", {})
    monkeypatch.setattr(units, "_found", {})


def go(folder, task=TELLING, data=DATA, seeds=(3, 4)):
    return run(data, task, PLAN, Cache(folder), seeds, jobs=1)


def names(records):
    return [record["said"]["class"] for record in records]


def test_it_is_what_the_first_network_that_knows_originals_finds(tmp_path):
    found = go(tmp_path).told
    network = plain_task.make(3).retrain(DATA.train.images, DATA.train.truth)
    places = spread(DATA)
    originals = [DATA.test.images[place] for place in places]
    blurred = [image.reshape(8, 4, 8, 4).mean(axis=(1, 3)).astype(np.uint8) for image in originals]
    blurred = [image.repeat(4, axis=0).repeat(4, axis=1) for image in blurred]
    assert sorted(found) == [said.ORIGINAL, ("squares", 0.05), ("squares", 0.5)]
    assert names(found[said.ORIGINAL]) == network.named(originals)
    assert names(found["squares", 0.5]) == network.named(blurred) != network.named(originals)
    truth = [DATA.test.truth[place] for place in places]
    assert [record["truth"]["class"] for record in found["squares", 0.5]] == truth
    right = [record["right"] for record in found["squares", 0.5]]
    assert right == [one == other for one, other in zip(network.named(blurred), truth, strict=True)]
    assert set(right) == {True, False}


def test_it_is_kept_and_not_asked_again(tmp_path, monkeypatch):
    whole, asked, said_by = go(tmp_path).told, [], plain_task.Telling.said

    def interrupted(self, images):
        asked.append(1)
        if len(asked) == 2:
            raise KeyboardInterrupt
        return said_by(self, images)

    monkeypatch.setattr(plain_task.Telling, "said", interrupted)
    with pytest.raises(KeyboardInterrupt):
        go(tmp_path / "parts")
    assert go(tmp_path / "parts").told == whole
    assert len(asked) == 4  # of three, the one that was interrupted twice
    assert go(tmp_path / "parts").told == whole
    assert len(asked) == 4


def test_the_page_has_it_beside_each_picture_that_arrived(tmp_path):
    result = go(tmp_path)
    found = shown.pictures(DATA, PLAN, Cache(tmp_path), result.told)
    name = found.images[0]["name"]
    records = {key: records[0] for key, records in result.told.items()}
    assert found.originals[name]["truth"] == {"words": DATA.classes[DATA.test.truth[spread(DATA)[0]]]}
    assert found.originals[name]["said"]["words"] == DATA.classes[records[said.ORIGINAL]["said"]["class"]]
    assert "note" not in found.originals[name]
    assert (name, "squares", 0.05) not in found.pictures
    right = records["squares", 0.5]["right"]
    verdict = {"verdict": "right" if right else "wrong", "good": right}
    words = DATA.classes[records["squares", 0.5]["said"]["class"]]
    assert found.pictures[name, "squares", 0.5]["said"] == {"words": words, **verdict}


def test_a_task_that_does_not_tell_has_pictures_alone(tmp_path):
    result = go(tmp_path, "tests.plain_task:make")
    assert result.told == {}
    found = shown.pictures(DATA, PLAN, Cache(tmp_path), result.told)
    assert {"said", "truth"}.isdisjoint({*found.originals["test/0"], *found.pictures["test/0", "squares", 0.5]})
    assert found.originals["test/0"]["note"] == "truth: fine"


@pytest.mark.parametrize(
    ("entries", "told"),
    [
        (lambda images: [0], "said returned 1 entries for 8 pictures"),
        (lambda images: [None for _ in images], "said returned a NoneType"),
        (lambda images: [-1 for _ in images], "said returned a int"),
        (lambda images: [True for _ in images], "said returned a bool"),
        (lambda images: [np.zeros((5, 5)) for _ in images], "mask or a map of the picture's size"),
        (lambda images: [np.full((32, 32), 256) for _ in images], "said returned int64, (32, 32)"),
        (lambda images: [["1234"] for _ in images], "said returned a list"),
        (lambda images: [[(0, 0, 1, np.inf)] for _ in images], "said returned a list"),
        (lambda images: 1 / 0, "failed: ZeroDivisionError"),
        (lambda images: images[0].fill(0), "failed: ValueError: assignment destination is read-only"),
    ],
)
def test_mistakes_name_the_task(tmp_path, monkeypatch, entries, told):
    monkeypatch.setattr(plain_task.Telling, "said", lambda self, images: entries(images))
    with pytest.raises(OptionError) as caught:
        go(tmp_path, seeds=(0,))
    assert TELLING in str(caught.value)
    assert told in str(caught.value)


def drawn_over(put):
    return np.asarray(Image.open(io.BytesIO(put["webp"])).convert("RGBA"))


def test_a_mask_is_in_the_colours_of_its_legend_and_void_is_not_drawn():
    mask = np.array([[0, 0, 1, 1], [1, 1, 13, 255]], np.int64)
    record = {"said": said.pack(mask, (2, 4)), "truth": said.pack(mask > 0, (2, 4))}
    legend = said.legend([record], ("a\x1b", "b"))
    assert [name for name, _ in legend["classes"]] == ["a\\x1b", "b", "13"]
    put = said.put(record["said"], ("a", "b"), legend)
    assert put["words"] == "b 50 %, a 25 %, 13 12 %"
    pixels = drawn_over(put)
    colours = ["#" + bytes(pixel[:3].tolist()).hex() for pixel in (pixels[0, 0], pixels[0, 2], pixels[1, 2])]
    assert colours == [colour for _, colour in legend["classes"]]
    assert len(set(colours)) == 3
    assert pixels[:, :, 3].tolist() == [[255] * 4, [255, 255, 255, 0]]
    assert said.put(record["truth"], ("a", "b"), legend)["words"] == "b 75 %, a 25 %"  # of truth or not


def test_maps_are_in_one_scale_that_of_the_truth():
    near, far = np.array([[1.0, 2.0, np.nan]]), np.array([[2.0, 9.0, 3.0]])
    record = {"said": said.pack(far, (1, 3)), "truth": said.pack(near, (1, 3))}
    legend = said.legend([record], ())
    assert (legend["low"], legend["high"]) == (1, 2)
    true, found = (said.put(record[of], (), legend) for of in ("truth", "said"))
    assert (true["words"], found["words"]) == ("1 to 2", "2 to 9")
    assert drawn_over(true)[0, :2, :3].tolist() != drawn_over(found)[0, :2, :3].tolist()
    assert drawn_over(true)[0, 1].tolist() == drawn_over(found)[0, 0].tolist() == drawn_over(found)[0, 1].tolist()
    assert "#" + bytes(drawn_over(true)[0, 0, :3].tolist()).hex() == legend["ramp"][0]
    assert drawn_over(true)[0, 2, 3] == 0
    empty = said.pack(np.full((2, 2), np.inf), (2, 2))
    assert said.put(empty, (), legend) == {"words": "nothing"}
    assert said.legend([{"said": far, "truth": empty} | {"said": said.pack(far, (1, 3))}], ())["low"] == 2


def test_classes_with_high_numbers_have_colours_of_their_own():
    mask = np.array([[0, 100, 200, 254]], np.uint8)
    legend = said.legend([{"said": said.pack(mask, (1, 4)), "truth": None}], ())
    colours = [colour for _, colour in legend["classes"]]
    assert colours == [f"#{colour.lstrip('#').lower()}" for colour in COLOURS[:4]]
    pixels = drawn_over(said.put(said.pack(mask, (1, 4)), (), legend))
    assert ["#" + bytes(pixel[:3].tolist()).hex() for pixel in pixels[0]] == colours
    many = said.legend([{"said": said.pack(np.arange(150)[None], (1, 150)), "truth": None}], ())
    assert len({colour for _, colour in many["classes"]}) == 36
    assert said.put(said.pack(np.full((1, 2), 255), (1, 2)), (), legend)["words"] == "nothing"


def test_what_is_kept_is_of_the_window_that_is_shown():
    mask = np.zeros((600, 700), np.uint8)
    mask[:44] = mask[:, :94] = 7
    assert said.put(said.pack(mask, mask.shape), (), {})["words"] == "0 100 %"


def test_boxes_agree_in_place_and_text():
    true = said.pack([((0, 0, 10, 10), "one"), ((20, 0, 30, 10), "two")], (40, 40))
    cases = [
        ([((0, 0, 10, 9), "one"), ((20, 0, 30, 10), "two")], "2 of 2", True),
        ([((0, 0, 10, 10), "ome"), ((20, 0, 30, 10), "two")], "1 of 2", False),
        ([((0, 0, 10, 10), "one"), ((20, 0, 30, 10), "two"), ((0, 30, 9, 40), "!")], "2 of 2, 1 more", False),
        ([], "0 of 2", False),
    ]
    for found, verdict, good in cases:
        record = {"said": said.pack(found, (40, 40)), "truth": true}
        record |= said.verdict(record["said"], true, (), lambda: None)
        assert said.judged(record) == {"verdict": verdict, "good": good}
    nothing = said.pack([], (40, 40))
    assert said.judged(said.verdict(nothing, nothing, (), lambda: None)) == {"verdict": "right", "good": True}
    assert said.put(nothing, (), {}) == {"words": "none found", "boxes": []}
    assert said.put(true, (), {})["words"] == "one · two"
    plain = said.pack(np.array([[0, 0, 4.04, 5]]), (40, 40))
    assert said.put(plain, (), {}) == {"words": "1 found", "boxes": [[0.0, 0.0, 4.0, 5.0, ""]]}


def test_names_agree_however_they_are_told():
    classes = ("field", "sea")
    text, number, mask = (said.pack(one, (1, 1)) for one in ("sea", 1, np.zeros((1, 1), np.uint8)))
    assert said.verdict(text, number, classes, lambda: None) == {"right": True}
    assert said.verdict(text, said.pack(0, (1, 1)), classes, lambda: None) == {"right": False}
    assert said.verdict(text, mask, classes, lambda: None) == said.verdict(text, None, classes, lambda: None) == {}
    unknown = said.pack(3, (1, 1))  # which is told as "3", as the class of another number is
    assert said.verdict(unknown, said.pack(2, (1, 1)), ("1", "2", "3"), lambda: None) == {"right": False}
    assert said.judged(said.verdict(mask, mask, classes, lambda: 0.416)) == {"verdict": "score 0.42"}
    assert said.judged(said.verdict(mask, mask, classes, lambda: None)) == {}


class Agreeing:
    """Finds the brightest column, and agrees with itself; of an only picture that is dark it has no score."""

    def truth_of(self, originals):
        return self.said(originals)

    def score(self, images, truth):
        if max(image.max() for image in images) < 50:
            raise OptionError("too dark")
        return 1.0

    def said(self, images):
        return [[(int(image.mean(axis=0).argmax()), 0, 32, 32)] for image in images]


def make_agreeing(seed):
    return Agreeing()


class Masking(Agreeing):
    truth_of = None

    def said(self, images):
        return [image // 128 for image in images]


def make_masking(seed):
    return Masking()


def test_what_is_found_in_the_original_is_the_truth_of_what_agrees(tmp_path):
    bare = DataSet("pictures", (), None, Split(DATA.test.names, DATA.test.images, None))
    found = go(tmp_path, f"{__name__}:make_agreeing", bare, (0,)).told
    assert {record["truth"] for records in found.values() for record in records} == {None}
    assert all("same" not in record for record in found[said.ORIGINAL])
    assert {record["expected"] for record in found["squares", 0.5]} == {1}


def test_a_picture_that_has_no_score_by_itself_stops_nothing(tmp_path):
    images = [*DATA.test.images[:2], DATA.test.images[2] // 8]
    masks = [image // 128 for image in images]
    dark = DataSet("masks", ("0", "1"), None, Split(("a", "b", "c"), images, masks))
    found = go(tmp_path, f"{__name__}:make_masking", dark, (0,)).told
    assert [record["score"] for record in found[said.ORIGINAL]] == [1.0, 1.0, None]
