"""Data sets of tasks: folders by their layout, IDX files, and what is refused."""

import gzip
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from apercu.bench.tasks import idx
from apercu.bench.tasks.data import from_folder
from apercu.cli.streams import read_picture
from apercu.errors import FileFormatError, ImageError, OptionError

SUFFIXES = (".png", ".webp")


def save(path: Path, *, value=0, shape=(4, 6), mode=None):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.full(shape, value, np.uint8 if mode is None else mode)).save(path)


def load(folder, kind=None):
    return from_folder(folder, read_picture, SUFFIXES, kind)


def refused(said, folder, kind=None, error=OptionError):
    with pytest.raises(error, match=re.escape(said)):
        load(folder, kind)


def test_classes_are_numbered_by_name_and_other_files_passed_over(tmp_path):
    for part, n_each in (("train", 2), ("test", 1)):
        for value, name in enumerate(("ship", "cloud")):
            for number in range(n_each):
                save(tmp_path / part / name / f"{number}.png", value=10 * value + number, shape=(4, 6, 3))
    (tmp_path / "train" / "ship" / "notes.txt").write_text("no picture")
    found = load(tmp_path)
    assert (found.kind, found.classes) == ("classes", ("cloud", "ship"))
    assert found.train.names == ("train/cloud/0.png", "train/cloud/1.png", "train/ship/0.png", "train/ship/1.png")
    assert (found.train.truth, found.test.truth) == ([0, 0, 1, 1], [0, 1])
    assert [int(image[0, 0, 0]) for image in found.train.images] == [10, 11, 0, 1]


def test_a_folder_that_is_not_parted_is_parted_by_what_is_in_its_files_not_by_their_names(tmp_path):
    for name in ("a", "b"):
        for number in range(10):
            save(tmp_path / "one" / name / f"{number}.png", value=number)
            save(tmp_path / "two" / name / f"x{9 - number}.png", value=number)
    first, second = load(tmp_path / "one"), load(tmp_path / "two")
    assert (len(first.train.images), len(first.test.images), first.train.truth.count(0)) == (14, 6, 7)
    assert not {*first.train.names} & {*first.test.names}
    values = [sorted(int(image[0, 0]) for image in found.train.images[:7]) for found in (first, second)]
    assert values[0] == values[1] != list(range(7))


def test_equal_files_are_on_one_side(tmp_path):
    for name in ("a", "b"):
        for number in range(10):
            save(tmp_path / name / f"{number}.png", value=number // 5)
    found = load(tmp_path)
    sides = [{int(image[0, 0]) for image in split.images} for split in (found.train, found.test)]
    assert len(sides[0]) == len(sides[1]) == 1
    assert sides[0] != sides[1]


def test_pictures_that_are_on_both_sides_are_named_whatever_their_files(tmp_path):
    for part in ("train", "test"):
        save(tmp_path / part / "a" / f"{part}.png", value=1 if part == "train" else 2)
        save(tmp_path / part / "b" / f"{part}.png", value=3, shape=(4, 6) if part == "train" else (6, 4))
    assert load(tmp_path).seen() == []
    save(tmp_path / "train" / "b" / "other name.bmp", value=2)
    assert from_folder(tmp_path, read_picture, (*SUFFIXES, ".bmp")).seen() == ["test/a/test.png"]
    save(tmp_path / "bare" / "0.png")
    assert load(tmp_path / "bare").seen() == []


def test_what_is_wrong_with_classes_is_said(tmp_path):
    refused("no such folder", tmp_path / "absent")
    (tmp_path / "half" / "train").mkdir(parents=True)
    refused("no test/ beside it", tmp_path / "half", "classes")
    for part in ("train", "test"):
        save(tmp_path / "odd" / part / part / "0.png")
    refused("test, train in one of them only", tmp_path / "odd")
    for part in ("train", "test"):
        save(tmp_path / "one" / part / "ship" / "0.png")
    refused("two classes or more; there is only ship", tmp_path / "one")
    refused("two classes or more; there is none", tmp_path / "half" / "train", "classes")
    (tmp_path / "one" / "train" / "sea").mkdir()
    (tmp_path / "one" / "test" / "sea").mkdir()
    refused("the class sea has no pictures to train on", tmp_path / "one")
    save(tmp_path / "single" / "a" / "0.png")
    save(tmp_path / "single" / "b" / "0.png")
    refused("the class a has no pictures to train on", tmp_path / "single")
    refused("a folder cannot hold what this task needs (depth)", tmp_path / "one", "depth")


def test_pictures_of_other_depths_and_bands_are_refused(tmp_path):
    save(tmp_path / "deep" / "0.png", mode=np.uint16)
    refused("grey of 16 bits", tmp_path / "deep", error=ImageError)
    save(tmp_path / "clear" / "0.png", shape=(4, 6, 4))
    refused("rgba of 8 bits", tmp_path / "clear", error=ImageError)


def masks(folder, beside="labels"):
    for part in ("train", "test"):
        save(folder / part / "images" / "a.webp", shape=(4, 6, 3))
        save(folder / part / beside / "a.png", value=2 if part == "train" else 0)
    return folder


@pytest.mark.parametrize("beside", ["labels", "masks"])
def test_masks_go_by_the_names_of_their_pictures(tmp_path, beside):
    found = load(masks(tmp_path, beside))
    assert (found.kind, found.classes) == ("masks", ("0", "1", "2"))
    assert found.train.names == ("train/images/a.webp",)
    assert np.array_equal(found.train.truth[0], np.full((4, 6), 2))


@pytest.mark.parametrize(("highest", "taken"), [(10, False), (11, True), (12, False)])
def test_the_number_after_those_of_camvid_is_none_of_a_class_and_that_is_told(tmp_path, highest, taken):
    for part in ("train", "test"):
        save(tmp_path / part / "images" / "a.png", shape=(4, 26, 3))
        (tmp_path / part / "labels").mkdir()
        rows = np.tile(np.arange(26) % (highest + 1), (4, 1))
        Image.fromarray(np.where(rows == 3, 255, rows).astype(np.uint8)).save(tmp_path / part / "labels" / "a.png")
    found = load(tmp_path)
    assert len(found.classes) == (11 if taken else highest + 1)
    for split in (found.train, found.test):
        assert np.array_equal(split.truth[0] == 255, (rows == 3) | (taken & (rows == 11)))
    assert [("11, the highest number in these masks" in remark) for remark in found.remarks] == [True] * taken


def test_what_is_wrong_with_masks_is_said(tmp_path):
    refused("train/images and train/labels (or train/masks) are needed", tmp_path, "masks")
    save(masks(tmp_path / "size") / "test" / "labels" / "a.png", shape=(6, 4))
    refused("different sizes, 4 × 6 and 6 × 4", tmp_path / "size", error=ImageError)
    save(masks(tmp_path / "colour") / "test" / "labels" / "a.png", shape=(4, 6, 3))
    refused("a mask has one band of 8 bits", tmp_path / "colour", error=ImageError)
    save(masks(tmp_path / "same") / "train" / "labels" / "a.png", value=0)
    refused("numbered from 0 on; all masks together hold 0, and", tmp_path / "same")
    save(tmp_path / "same" / "test" / "labels" / "a.png", value=255)  # black and white
    refused("hold 0 and 255, and 255 is for pixels that have none", tmp_path / "same")
    save(masks(tmp_path / "absent") / "test" / "images" / "b.webp", shape=(4, 6, 3))
    refused("no mask for b.webp", tmp_path / "absent")
    save(masks(tmp_path / "twice") / "test" / "images" / "a.png", shape=(4, 6, 3))
    refused("a is there twice, with two endings", tmp_path / "twice")
    (tmp_path / "none" / "train" / "images").mkdir(parents=True)
    (tmp_path / "none" / "train" / "labels").mkdir()
    refused("no pictures in this folder", tmp_path / "none")


@pytest.mark.parametrize("beside", ["labels", "masks"])
def test_masks_are_no_classes(tmp_path, beside):
    refused(f"images and {beside} are pictures with masks", masks(tmp_path, beside), "classes")


def test_any_other_folder_is_of_pictures_that_are_all_for_testing(tmp_path):
    save(tmp_path / "b.png")
    save(tmp_path / "below" / "a.png")
    found = load(tmp_path)
    assert (found.kind, found.train, found.test.truth, found.classes) == ("pictures", None, None, ())
    assert found.test.names == ("b.png", "below/a.png")
    (tmp_path / "empty").mkdir()
    refused("no pictures in this folder", tmp_path / "empty")


def packed(*shape, values=None, magic=None):
    samples = np.arange(np.prod(shape)) % 251 if values is None else np.array(values)
    head = bytes((0, 0, 8, len(shape))) if magic is None else magic
    return head + b"".join(side.to_bytes(4, "big") for side in shape) + samples.astype(np.uint8).tobytes()


def digits(folder, stem, n_pictures, pack=lambda data: data, ending=""):
    folder.mkdir(exist_ok=True)
    (folder / f"{stem}-images-idx3-ubyte{ending}").write_bytes(pack(packed(n_pictures, 3, 2)))
    labels = packed(n_pictures, values=[number % 3 for number in range(n_pictures)])
    (folder / f"{stem}-labels-idx1-ubyte{ending}").write_bytes(pack(labels))
    return folder


def test_one_pair_of_idx_files_is_parted_and_two_are_train_and_test(tmp_path):
    one = load(digits(tmp_path / "one", "t10k", 10, gzip.compress, ".gz"))
    assert (one.kind, one.classes) == ("digits", ("0", "1", "2"))
    assert one.test.names == ("t10k/00000", "t10k/00005")
    assert one.test.truth == (0, 2)
    assert np.array_equal(one.test.images[1], np.arange(30, 36).reshape(3, 2))
    assert len(one.train.images) == 8
    two = load(digits(digits(tmp_path / "two", "train", 5), "t10k", 4))
    assert (len(two.train.images), len(two.test.images)) == (5, 4)


def test_idx_files_are_checked_before_memory_is_set_aside(tmp_path):
    path = tmp_path / "file"
    cases = {
        packed(2, 3, 2)[:-1]: "fewer samples than the 12",
        packed(2, 3, 2) + b"x": "more samples than the 12",
        packed(2, 3, 2)[:9]: "ends within its head",
        b"": "no IDX file",
        packed(6): "no IDX file of unsigned bytes in 3 dimensions",
        packed(2, 3, 2, magic=bytes((0, 0, 13, 3))): "no IDX file of unsigned bytes",
        bytes((0, 0, 8, 3)) + b"\xff" * 12: "declares 79,228,162,458,924,105,385,300,197,375 samples",
        bytes((0, 0, 8, 3)) + bytes(12): "declares 0 samples",
        gzip.compress(packed(2, 3, 2))[:-9]: "damaged gzip",
        b"\x1f\x8bnonsense": "damaged gzip",
    }
    for data, said in cases.items():
        path.write_bytes(data)
        with pytest.raises(FileFormatError, match=re.escape(said)):
            idx.read(path, 3)
    path.write_bytes(gzip.compress(packed(2, 3, 2)))
    assert idx.read(path, 3).shape == (2, 3, 2)


def test_what_is_wrong_with_digits_is_said(tmp_path):
    refused("no *images-idx3-ubyte", tmp_path, "digits")
    folder = digits(tmp_path / "odd", "t10k", 10)
    (folder / "t10k-labels-idx1-ubyte").write_bytes(packed(9))
    refused("10 pictures, and 9 labels", folder, error=ImageError)
    refused("one pair of IDX files is read", digits(digits(tmp_path / "three", "a", 10), "b", 10))
    refused("two classes or more are needed", digits(tmp_path / "few", "t10k", 1))
