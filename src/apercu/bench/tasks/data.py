"""What a task is measured on: pictures with what is true of each, for testing, and others for training.

Folders are read by their layout, which tells the kind:

classes   FOLDER/train/CLASS/*, FOLDER/test/CLASS/*; or FOLDER/CLASS/*, of which 70 % of each class are for training
masks     FOLDER/train/images/*, FOLDER/train/labels/* (or masks/*), and the same in test; a mask has its picture's
          name. 255 stands for no class, and so does 11 where no number is higher, as in CamVid
digits    *images-idx3-ubyte and *labels-idx1-ubyte, plain or .gz
pictures  any other folder with pictures; all are for testing, and nothing is said of them
"""

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from typing import Any

import numpy as np

from apercu.bench.tasks import idx
from apercu.bench.tasks.task import Images, Truth
from apercu.errors import ImageError, OptionError
from apercu.stages.colour import Samples

KINDS = ("classes", "masks", "digits", "pictures")
"""The kinds that a folder can hold; a drawn set may be of another."""
Read = Callable[[str], tuple[Samples, str]]
"""From a file to its samples and what its bands are, as `apercu.bridges.files.read`."""
MOST_SHOWN = 8
"""Test pictures that a report shows."""
_TRAIN_SHARE = 0.7  # of the pictures of a class, where a folder is not parted
_TEST_EVERY = 5  # of digits: the first and the second half of the usual files are by different hands
_MASK_FOLDERS = ("labels", "masks")
_NO_CLASS = 255  # in a mask, as in PASCAL VOC and Cityscapes
_AFTER_CAMVID = 11  # "void", after CamVid's eleven classes
_IDX_IMAGES, _IDX_LABELS = "images-idx3-ubyte", "labels-idx1-ubyte"


@dataclass(frozen=True)
class Split:
    """Pictures for one purpose.

    names: of the pictures, each once. images: uint8, (H, W) or (H, W, 3). truth: one entry for each picture: a class's
    number, a mask (H, W) uint8, or what else a task takes; None where nothing is known of them.
    """

    names: tuple[str, ...]
    images: Images
    truth: Truth | None


@dataclass(frozen=True)
class DataSet:
    """A data set. kind: one of `KINDS`, or another word. classes: their names, in the order of their numbers. remarks:
    what was taken to be so, to be told."""

    kind: str
    classes: tuple[str, ...]
    train: Split | None
    test: Split
    remarks: tuple[str, ...] = ()

    def digest(self) -> str:
        """SHA-256 of all that results depend on: pictures and truth, not names."""
        found = hashlib.sha256(repr((self.kind, len(self.classes), self.train is None)).encode())
        for split in (self.train, self.test):
            if split is not None:
                found.update(repr((len(split.images), split.truth is None)).encode())
                for image in split.images:
                    _add(found, image)
                for entry in split.truth if split.truth is not None else ():
                    _add(found, entry)
        return found.hexdigest()

    def seen(self) -> list[str]:
        """Names of test pictures that are among those to train on too, sample for sample."""
        train = {_of_picture(image) for image in self.train.images} if self.train is not None else set()
        return [
            name
            for name, image in zip(self.test.names, self.test.images, strict=True)
            if train and _of_picture(image) in train
        ]


def _of_picture(image: Samples) -> bytes:
    found = hashlib.sha256()
    _add(found, image)
    return found.digest()


def spread(data: DataSet, most: int = MOST_SHOWN) -> list[int]:
    """Places of up to `most` test pictures, in order: of each class in turn where there are classes, else evenly."""
    n_pictures, truth = len(data.test.images), data.test.truth
    if data.classes and truth is not None and all(is_class(entry, data.classes) for entry in truth):
        of_classes = [[place for place, entry in enumerate(truth) if entry == number]
                      for number in range(len(data.classes))]  # fmt: skip
        in_turn = [place for row in zip_longest(*of_classes) for place in row if place is not None]
        return sorted(in_turn[:most])
    n_shown = min(most, n_pictures)
    return [number * n_pictures // n_shown for number in range(n_shown)]


def is_class(entry: Any, classes: Sequence[str]) -> bool:
    """Whether what is true of a picture is the number of its class."""
    return isinstance(entry, int) and 0 <= entry < len(classes)


def _add(digest: Any, value: Any) -> None:
    if isinstance(value, np.ndarray):
        digest.update(repr((value.shape, value.dtype.str)).encode())
        digest.update(np.ascontiguousarray(value).data)
    else:
        digest.update(json.dumps(value, default=repr, sort_keys=True).encode())


def from_folder(folder: Path, read: Read, suffixes: Sequence[str], kind: str | None = None) -> DataSet:
    """Read a data set; see this module for how a folder has to look.

    suffixes: of the files that are pictures, ".png" and so on. kind: one of `KINDS`; None for what the layout tells.

    Raises OptionError where the folder is not laid out so, ImageError for a picture that is not grey or RGB of 8 bits
    and for a mask that does not fit its picture, FileFormatError, OSError, and what `read` raises.
    """
    if not folder.is_dir():
        raise OptionError(f"{folder}: no such folder")
    if kind is not None and kind not in KINDS:
        raise OptionError(f"{folder}: a folder cannot hold what this task needs ({kind}); leave it out for a drawn set")
    found = kind or _kind_of(folder, suffixes)
    readers = {"classes": _classes, "masks": _masks, "digits": _digits, "pictures": _pictures}
    return readers[found](folder, read, suffixes)


def _kind_of(folder: Path, suffixes: Sequence[str]) -> str:
    if _idx_files(folder):
        return "digits"
    if (folder / "train" / "images").is_dir():
        return "masks"
    parted = (folder / "train").is_dir() and (folder / "test").is_dir()
    if parted or (not _files(folder, suffixes) and len(_folders(folder)) > 1):
        return "classes"
    return "pictures"


def _folders(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.is_dir() and not path.name.startswith("."))


def _files(folder: Path, suffixes: Sequence[str]) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.suffix.lower() in suffixes and path.is_file())


def _picture(path: Path, read: Read) -> Samples:
    image, bands = read(str(path))
    if image.dtype != np.uint8 or bands not in ("grey", "rgb"):
        raise ImageError(f"{path}: {bands} of {8 * image.dtype.itemsize} bits; tasks take grey and RGB of 8 bits")
    return image


def _split(folder: Path, paths: Sequence[Path], truth: Truth | None, read: Read) -> Split:
    names = tuple(path.relative_to(folder).as_posix() for path in paths)
    return Split(names, [_picture(path, read) for path in paths], truth)


def _classes(folder: Path, read: Read, suffixes: Sequence[str]) -> DataSet:
    parts = [folder / name for name in ("train", "test")]
    if all(part.is_dir() for part in parts):
        by_part = [{path.name: _files(path, suffixes) for path in _folders(part)} for part in parts]
        if by_part[0].keys() != by_part[1].keys():
            odd = sorted(by_part[0].keys() ^ by_part[1].keys())
            raise OptionError(f"{folder}: train and test have different classes: {', '.join(odd)} in one of them only")
    elif any(part.is_dir() for part in parts):
        there = next(part.name for part in parts if part.is_dir())
        raise OptionError(f"{folder}: there is {there}/, but no {'test' if there == 'train' else 'train'}/ beside it")
    else:
        by_part = [{}, {}]
        for path in _folders(folder):
            by_part[0][path.name], by_part[1][path.name] = _parted(_files(path, suffixes))
    classes = tuple(sorted(by_part[0]))
    if any(set(classes) == {"images", masks} for masks in _MASK_FOLDERS):
        raise OptionError(
            f"{folder}: {' and '.join(classes)} are pictures with masks, as segmentation takes, not classes"
        )
    if len(classes) < 2:
        there = f"there is only {classes[0]}" if classes else "there is none"
        raise OptionError(f"{folder}: a folder for each class is needed, of two classes or more; {there}")
    for part, by_class in zip(parts, by_part, strict=True):
        for name, files in by_class.items():
            if not files:
                raise OptionError(f"{folder}: the class {name} has no pictures to {part.name} on")
    train, test = (
        _split(
            folder,
            [path for name in classes for path in by_class[name]],
            [number for number, name in enumerate(classes) for _ in by_class[name]],
            read,
        )
        for by_class in by_part
    )
    return DataSet("classes", classes, train, test)


def _parted(files: Sequence[Path]) -> tuple[list[Path], list[Path]]:
    """Files to train and to test on, by what is in them; equal ones are on one side."""
    digests = {file: hashlib.sha256(file.read_bytes()).digest() for file in files}
    ordered = sorted(files, key=lambda file: digests[file])
    n_train = min(round(_TRAIN_SHARE * len(files)), len(files) - 1)
    while 0 < n_train < len(files) and digests[ordered[n_train]] == digests[ordered[n_train - 1]]:
        n_train -= 1
    return sorted(ordered[:n_train]), sorted(ordered[n_train:])


def _masks(folder: Path, read: Read, suffixes: Sequence[str]) -> DataSet:
    train, test = (_masked(folder, part, read, suffixes) for part in ("train", "test"))
    there = np.unique(np.concatenate([np.unique(mask) for split in (train, test) for mask in split.truth or ()]))
    labels = there[there != _NO_CLASS]
    remarks: tuple[str, ...] = ()
    if labels.max(initial=0) == _AFTER_CAMVID:
        train, test = _without(_AFTER_CAMVID, train), _without(_AFTER_CAMVID, test)
        remarks = (
            f"{folder}: {_AFTER_CAMVID}, the highest number in these masks, is taken for pixels without a class, as in "
            f"CamVid; give a class of this number another one",
        )
        labels = labels[labels != _AFTER_CAMVID]
    if len(labels) < 2:
        raise OptionError(
            f"{folder}: two classes or more are needed, numbered from 0 on; all masks together hold "
            f"{' and '.join(map(str, there))}, and {_NO_CLASS} is for pixels that have none"
        )
    return DataSet("masks", tuple(str(number) for number in range(int(labels[-1]) + 1)), train, test, remarks)


def _without(number: int, split: Split) -> Split:
    masks = [np.where(mask == number, np.uint8(_NO_CLASS), mask) for mask in split.truth or ()]
    return Split(split.names, split.images, masks)


def _masked(folder: Path, part: str, read: Read, suffixes: Sequence[str]) -> Split:
    pictures = folder / part / "images"
    beside = next((folder / part / name for name in _MASK_FOLDERS if (folder / part / name).is_dir()), None)
    if not pictures.is_dir() or beside is None:
        raise OptionError(f"{folder}: {part}/images and {part}/labels (or {part}/masks) are needed")
    paths = _files(pictures, suffixes)
    if not paths:
        raise OptionError(f"{pictures}: no pictures in this folder")
    masks = {path.stem: path for path in _files(beside, suffixes)}
    for where, given in ((pictures, paths), (beside, _files(beside, suffixes))):
        if twice := [stem for stem, n in Counter(path.stem for path in given).items() if n > 1]:
            raise OptionError(f"{where}: {twice[0]} is there twice, with two endings")
    if absent := [path.name for path in paths if path.stem not in masks]:
        raise OptionError(f"{beside}: no mask for {absent[0]}" + (f" and {len(absent) - 1} more" * (len(absent) > 1)))
    split = _split(folder, paths, None, read)
    found = []
    for path, image in zip(paths, split.images, strict=True):
        mask, bands = read(str(masks[path.stem]))
        if bands != "grey" or mask.dtype != np.uint8:
            raise ImageError(f"{masks[path.stem]}: a mask has one band of 8 bits: the class's number at each pixel")
        if mask.shape != image.shape[:2]:
            sizes = " and ".join(f"{size[1]} × {size[0]}" for size in (mask.shape, image.shape))
            raise ImageError(f"{masks[path.stem]}: the mask and its picture have different sizes, {sizes}")
        found.append(mask)
    return Split(split.names, split.images, found)


def _idx_files(folder: Path) -> dict[str, tuple[Path, Path]]:
    """Files of pictures with the files of their labels, by what their names begin with: train, t10k."""
    pairs = {}
    for ending in (".gz", ""):
        for path in sorted(folder.glob(f"*{_IDX_IMAGES}{ending}")):
            labels = path.with_name(path.name.replace(_IDX_IMAGES, _IDX_LABELS))
            if labels.is_file():
                pairs[path.name.partition(_IDX_IMAGES)[0].strip("-.")] = path, labels
    return pairs


def _digits(folder: Path, read: Read, suffixes: Sequence[str]) -> DataSet:
    pairs = _idx_files(folder)
    if not pairs:
        raise OptionError(f"{folder}: no *{_IDX_IMAGES} with *{_IDX_LABELS} beside it, plain or .gz")
    rows = {name: _numbered(name, *pair) for name, pair in pairs.items()}
    if len(rows) == 2 and "train" in rows:
        train = rows.pop("train")
        (test,) = rows.values()
    elif len(rows) == 1:
        (every,) = rows.values()
        train = [row for number, row in enumerate(every) if number % _TEST_EVERY]
        test = every[::_TEST_EVERY]
    else:
        raise OptionError(f"{folder}: one pair of IDX files is read, or train beside another, not {', '.join(rows)}")
    if len({label for _, _, label in train}) < 2:
        raise OptionError(f"{folder}: pictures of two classes or more are needed to train on")
    highest = max(label for _, _, label in (*train, *test))
    splits = [Split(*map(tuple, zip(*part, strict=True))) for part in (train, test)]
    return DataSet("digits", tuple(str(number) for number in range(highest + 1)), splits[0], splits[1])


def _numbered(name: str, pictures: Path, beside: Path) -> list[tuple[str, Samples, int]]:
    images, labels = idx.read(pictures, 3), idx.read(beside, 1)
    if len(images) != len(labels):
        raise ImageError(f"{pictures}: {len(images)} pictures, and {len(labels)} labels beside it")
    names = [f"{name}/{number:05}" for number in range(len(images))]
    return list(zip(names, images, labels.tolist(), strict=True))


def _pictures(folder: Path, read: Read, suffixes: Sequence[str]) -> DataSet:
    paths = sorted(path for path in folder.rglob("*") if path.suffix.lower() in suffixes and path.is_file())
    if not paths:
        raise OptionError(f"{folder}: no pictures in this folder ({' '.join(suffixes)})")
    return DataSet("pictures", (), None, _split(folder, paths, None, read))
