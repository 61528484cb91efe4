"""The data sets that the package draws for tasks."""

from functools import cache

import numpy as np
import pytest

from apercu.bench.tasks import built_in, drawn, drawn_depth
from apercu.bench.tasks.drawn_action import ACTIONS


@cache
def made_of(task):
    return built_in.drawn(task)


@pytest.mark.parametrize("task", ["digits", "action", "depth"])
def test_is_the_same_on_every_call(task):
    assert made_of(task).digest() == built_in.drawn(task).digest()


@pytest.mark.parametrize("name", drawn.SCENES)
def test_a_scene_follows_from_its_seed(name):
    first, again, other = (drawn.SCENES[name](np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


@pytest.mark.parametrize("task", ["action", "classification", "depth", "digits", "segmentation"])
def test_what_is_tested_on_is_not_trained_on(task):
    made = made_of(task)
    of_train = {image.tobytes() for image in made.train.images}
    of_test = {image.tobytes() for image in made.test.images}
    assert len(of_train) == len(made.train.images)
    assert len(of_test) == len(made.test.images)
    assert not of_train & of_test
    for split in (made.train, made.test):
        assert len(set(split.names)) == len(split.images) == len(split.truth)
        assert all(image.dtype == np.uint8 for image in split.images)


@pytest.mark.parametrize("task", ["classification", "digits", "action"])
def test_every_class_has_as_many_pictures_as_the_others(task):
    made = made_of(task)
    for split in (made.train, made.test):
        counts = np.bincount(split.truth)
        assert len(counts) == len(made.classes)
        assert counts.min() == counts.max() > 0


def test_masks_have_all_classes_and_lie_where_their_classes_are():
    made = made_of("segmentation")
    for split in (made.train, made.test):
        masks, pictures = np.stack(split.truth), np.stack(split.images).astype(int)
        assert np.array_equal(np.unique(masks), np.arange(len(made.classes)))
        mean = [pictures[masks == number].mean(0) for number in range(len(made.classes))]
        grass, water, road, roof, tree = mean
        assert water.argmax() == 2  # blue
        assert grass.argmax() == tree.argmax() == 1  # green
        assert tree.sum() < grass.sum()
        assert np.ptp(road) < np.ptp(roof)


def test_depth_is_that_of_a_plane_floor_below_the_camera():
    made = made_of("depth")
    lowest = drawn_depth.HEIGHT - 0.5 - drawn_depth.HORIZON
    floor = drawn_depth.EYE * drawn_depth.FOCAL / lowest
    nearest = np.array([truth[-1].max() for truth in made.train.truth])
    assert np.allclose(nearest, floor, rtol=1e-5)  # in every scene some of the lowest row is floor
    for truth in made.train.truth:
        assert truth.dtype == np.float32
        assert len(np.unique(truth[0])) == 1 or truth[0].min() < truth[0].max() <= 12  # the wall is upright
        assert 1 < truth.min() < truth.max() <= 12


def test_a_strip_shows_motion():
    made = made_of("action")
    for image, number in zip(made.train.images, made.train.truth, strict=True):
        frames = image.reshape(2, 48, 3, 48, 3).swapaxes(1, 2).reshape(6, -1).astype(int)
        assert all(np.abs(frames[k + 1] - frames[k]).mean() > 0.2 for k in range(5)), made.classes[number]


def test_a_figure_comes_back_to_where_it_was_but_for_one_that_falls():
    for name, pose in ACTIONS.items():
        first, last = (np.hstack([np.ravel(part) for part in pose(time)]) for time in (0.0, 1 - 1e-9))
        assert np.allclose(first, last, atol=1e-6) == (name != "fall")
