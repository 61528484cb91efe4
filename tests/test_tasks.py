"""A run of a task: pairs, controls, retraining, what is kept, and the mistakes of users' tasks."""

import json
from dataclasses import replace

import numpy as np
import pytest

from apercu.bench import peers
from apercu.bench.cache import Cache
from apercu.bench.images import drawn as picture
from apercu.bench.metrics import psnr
from apercu.bench.plan import Plan
from apercu.bench.tasks import coding, units
from apercu.bench.tasks.report import draw, points_csv
from apercu.bench.tasks.run import run
from apercu.bench.tasks.tables import tables
from apercu.bench.tasks.units import SHUFFLED, Unit
from tests import plain_task

TASK = "tests.plain_task:make"
RATES = (0.05, 0.5, 8.0)
DATA = plain_task.drawn()


@pytest.fixture(autouse=True)
def codecs_for_tests(monkeypatch):
    monkeypatch.setitem(peers.PEERS, "squares", plain_task.SQUARES)
    monkeypatch.setitem(peers.PEERS, "all-grey", plain_task.ALL_GREY)
    monkeypatch.setattr(units, "_networks", {})
    monkeypatch.setattr(units, "_found", {})


def plan(*codecs, rates=RATES):
    return Plan(codecs, rates, ("psnr",))


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(peers.PEERS, "squares", plain_task.SQUARES)
        patch.setitem(peers.PEERS, "all-grey", plain_task.ALL_GREY)
        store = Cache(tmp_path_factory.mktemp("kept"))
        both = plan("squares", "all-grey")
        return run(DATA, TASK, both, store, retrain=("same", "mixed"), jobs=1, drawn=True).report


def point(report, codec, rate, trained="originals"):
    (found,) = [
        one for one in report["points"] if (one["codec"], one["rate"], one["trained"]) == (codec, rate, trained)
    ]
    return found


def test_scores_are_those_of_pictures_with_their_own_truth(report):
    """By hand: without the run, and with pairs that are swapped, which have to be found out."""
    base = plain_task.make(0).retrain(DATA.train.images, DATA.train.truth)
    by_hand = base.score(DATA.test.images, DATA.test.truth)
    assert report["originals"]["by_seed"][0] == by_hand > 0.8
    assert point(report, "squares", 8.0)["score"]["by_seed"][0] == by_hand
    blurred = [image.reshape(8, 4, 8, 4).mean(axis=(1, 3)).astype(np.uint8) for image in DATA.test.images]
    blurred = [image.repeat(4, axis=0).repeat(4, axis=1) for image in blurred]
    assert point(report, "squares", 0.5)["score"]["by_seed"][0] == base.score(blurred, DATA.test.truth)


def test_swapped_pairs_are_found_out(tmp_path):
    """Each picture with the truth of the next: here of another class. Test pictures first, then those to train on."""
    for part in ("test", "train"):
        split = getattr(DATA, part)
        swapped = replace(DATA, **{part: replace(split, truth=[*split.truth[1:], split.truth[0]])})
        found = run(swapped, TASK, plan("squares"), Cache(tmp_path), (0,), jobs=1).report
        assert found["originals"]["mean"] < 0.2


def test_shuffled_truth_and_grey_pictures_score_chance(report):
    assert report["controls"]["shuffled"]["low"] < plain_task.CHANCE < report["controls"]["shuffled"]["high"]
    assert report["controls"]["shuffled"]["mean"] < report["originals"]["low"]
    assert report["controls"]["grey"]["mean"] == pytest.approx(plain_task.CHANCE)


def test_a_codec_that_returns_grey_scores_chance_and_nothing_brings_it_back(report):
    for rate in RATES:
        assert point(report, "all-grey", rate)["score"]["mean"] == pytest.approx(plain_task.CHANCE)
        assert point(report, "all-grey", rate)["missing"] == 0
    shares = [one["share"]["mean"] for one in report["recovered"] if one["codec"] == "all-grey"]
    assert shares == pytest.approx([0] * 6)


def test_retraining_brings_back_part_of_the_loss_and_the_share_says_how_much(report):
    exact, compressed = report["originals"]["mean"], point(report, "squares", 0.5)["score"]["mean"]
    for how in ("same", "mixed"):
        retrained = point(report, "squares", 0.5, how)["score"]["mean"]
        assert compressed < retrained <= exact + 0.05
        (share,) = [
            one["share"] for one in report["recovered"]
            if (one["codec"], one["rate"], one["trained"]) == ("squares", 0.5, how)
        ]  # fmt: skip
        assert share["mean"] == pytest.approx((retrained - compressed) / (exact - compressed))
        assert share["low"] < share["mean"] < share["high"]
    (loss,) = [one["loss"] for one in report["losses"] if (one["codec"], one["rate"]) == ("squares", 0.5)]
    assert loss["mean"] == pytest.approx(exact - compressed)
    assert loss["low"] > 0


def test_networks_also_go_on_to_learn_from_originals_for_as_long(tmp_path, monkeypatch, report):
    learnt = []

    def retrain(self, images, truth, learn=plain_task.Nearest.retrain):
        learnt.append((bool(self.means), [image.tobytes() for image in images]))
        found = learn(self, images, truth)
        return found if self.means else replace(found, means=found.means[::-1])  # it takes two goes

    monkeypatch.setattr(plain_task.Nearest, "retrain", retrain)
    found = run(DATA, TASK, plan("squares"), Cache(tmp_path), (0,), ("mixed",), jobs=1).report
    originals = [image.tobytes() for image in DATA.train.images]
    tested = {image.tobytes() for image in DATA.test.images}
    assert not any(tested.intersection(images) for _, images in learnt)
    assert [first for first, images in learnt if images == originals] == [False, True]
    assert len(learnt) == 3
    decodes = {rate: [coding.decoded(image, "squares", rate, plan("squares"), Cache(tmp_path)).tobytes()
                      for image in DATA.train.images] for rate in RATES}  # fmt: skip
    mixed = [[rate for rate in RATES if decodes[rate][place] == image] for place, image in enumerate(learnt[-1][1])]
    assert all(mixed)
    assert {rate for rates in mixed for rate in rates} == {*RATES}
    assert found["originals"]["mean"] < 0.5
    assert found["further"]["mean"] == report["originals"]["by_seed"][0]  # this task begins anew each time
    for rate in RATES:
        longer = point(report, "squares", rate)["score"]["by_seed"][0]
        assert point(found, "squares", rate, "further")["score"]["mean"] == longer
        (loss,) = [one["loss"]["mean"] for one in found["losses"] if (one["rate"], one["trained"]) == (rate, "further")]
        assert loss == found["further"]["mean"] - longer
        for one in found["recovered"]:
            if (one["rate"], one["of"]) == (rate, "further"):
                mixed = point(found, "squares", rate, "mixed")["score"]["mean"]
                assert one["share"]["mean"] == pytest.approx((mixed - longer) / loss)
    assert {one["rate"] for one in found["recovered"] if one["of"] == "further"} >= {0.05, 0.5}


def test_where_a_codec_has_no_file_so_small_grey_stands_for_it_and_the_report_counts_it(report):
    nothing = point(report, "squares", 0.05)
    assert (nothing["missing"], nothing["bpp"], nothing["psnr"]) == (len(DATA.test.images), None, None)
    assert nothing["score"]["mean"] == report["controls"]["grey"]["mean"]
    assert point(report, "squares", 0.5)["missing"] == 0
    assert point(report, "squares", 0.5)["bpp"] == 0.5


def test_the_report_is_json_and_says_what_was_done(report):
    assert json.loads(json.dumps(report, allow_nan=False)) == report
    told = report["task"]
    assert (told["name"], told["n_test"], told["n_train"], told["seeds"], told["drawn"]) == (
        TASK,
        24,
        24,
        [0, 1, 2, 3, 4],
        True,
    )
    assert len(report["points"]) == 2 * 3 * 3
    assert report["further"] is None  # since this task begins anew each time, it would say the same again
    assert all(len(one["score"]["by_seed"]) == 5 for one in report["points"])


def test_an_interrupted_run_goes_on_and_makes_nothing_twice(tmp_path, monkeypatch, report):
    both, calls = plan("squares", "all-grey"), []
    learn, encode, most = plain_task.Nearest.retrain, peers.file_of, [10**9]

    def counted(kind, function):
        def call(*arguments):
            calls.append(kind)
            if len(calls) > most[0]:
                raise KeyboardInterrupt
            return function(*arguments)

        return call

    monkeypatch.setattr(plain_task.Nearest, "retrain", counted("retrain", learn))
    monkeypatch.setattr(peers, "file_of", counted("encode", encode))

    def go(folder):
        calls.clear()
        monkeypatch.setattr(units, "_networks", {})
        return run(DATA, TASK, both, Cache(folder), retrain=("same", "mixed"), jobs=1).report

    whole = go(tmp_path / "whole")
    all_calls = len(calls)
    assert calls.count("retrain") == 5 * (2 + 2 * 3 + 2)
    interrupted = 0
    for after in (50, 150, 12, 20):
        most[0] = after
        with pytest.raises(KeyboardInterrupt):
            go(tmp_path / "parts")
        interrupted += len(calls)
    most[0] = 10**9
    assert go(tmp_path / "parts") == whole
    # What an interruption stops is made again: of a picture, the four levels; of a network, itself.
    assert all_calls <= interrupted + len(calls) <= all_calls + 4 * 5
    assert go(tmp_path / "parts") == whole
    assert calls == []
    assert {**whole, "task": None} == {**report, "task": None, "environment": whole["environment"]}


def test_results_do_not_depend_on_the_number_of_processes(tmp_path):
    small = plain_task.drawn(3, 2)
    ours = plan("apercu:dct/none", "jpeg", rates=(0.4, 6.0))
    task = "tests.plain_task:make_telling"
    both = [run(small, task, ours, Cache(tmp_path / str(jobs)), (0, 1), ("mixed",), jobs) for jobs in (1, 2)]
    for one in both:
        one.report.pop("environment")
    assert both[0].report == both[1].report
    assert both[0].told == both[1].told
    assert len(both[0].told) == 1 + 2 * 2


def test_a_task_that_cannot_be_kept_nor_tallied_has_the_same_scores(tmp_path, report):
    how = {"retrain": ("same", "mixed"), "jobs": 1}
    found = run(DATA, "tests.plain_task:make_forgetful", plan("squares"), Cache(tmp_path), **how).report
    assert found["originals"]["low"] != report["originals"]["low"]
    for one in found["points"]:
        known = point(report, one["codec"], one["rate"], one["trained"])
        assert one["score"]["by_seed"] == known["score"]["by_seed"]


def test_the_best_file_of_a_peer_is_kept_and_restored_pictures_have_the_exact_ones_file(tmp_path):
    store, image = Cache(tmp_path), picture(512, 512)[216:280, 56:120]
    wanted = plan("jpeg", "apercu:apercu/none", "apercu:apercu/cnn", rates=(0.3, 2.0))
    assert coding.summary(image, "jpeg", wanted, store)[0] == (None, None)
    jpeg, most = peers.PEERS["jpeg"], 2.0 * image.size / 8
    below = []
    for scale in jpeg.scales:
        files = [peers.file_of(jpeg, image, level, scale) for level in jpeg.levels_for(image, scale)]
        decodes = [(data, peers.array_of(jpeg, data, image.shape, scale)) for data in files if len(data) <= most]
        below += [(psnr(image, decode), len(data)) for data, decode in decodes]
    n_bytes, quality = coding.summary(image, "jpeg", wanted, store)[1]
    assert quality == max(below)[0] > min(below)[0] + 3
    assert (quality, n_bytes) in below
    exact, restored = (coding.summary(image, f"apercu:apercu/{how}", wanted, store) for how in ("none", "cnn"))
    assert [n for n, _ in exact] == [n for n, _ in restored]
    pictures = [coding.decoded(image, codec, 0.3, wanted, store) for codec in wanted.codecs]
    assert all(picture.shape == image.shape and picture.dtype == np.uint8 for picture in pictures)
    assert np.all(pictures[0] == coding.NOTHING)
    assert not np.array_equal(pictures[1], pictures[2])
    assert np.array_equal(pictures[2], coding.decoded(image, "apercu:apercu/cnn", 0.3, wanted, Cache(tmp_path / "new")))


def test_a_task_without_labels_agrees_with_itself_on_originals(tmp_path):
    found = run(DATA, "tests.plain_task:make_bright", plan("squares"), Cache(tmp_path), jobs=1).report
    assert found["originals"] == {"mean": 1.0, "low": 1.0, "high": 1.0, "by_seed": [1.0]}
    assert found["task"]["seeds"] == [0]
    assert 0.5 < point(found, "squares", 0.5)["score"]["mean"] <= 1
    assert found["controls"]["shuffled"]["mean"] < 0.9


def test_a_score_alone_is_a_task_and_originals_are_the_truth_of_pictures(tmp_path):
    bare = replace(DATA, kind="pictures", train=None, test=replace(DATA.test, truth=None))
    found = run(bare, "tests.plain_task:brightness", plan("squares"), Cache(tmp_path), jobs=1).report
    assert found["originals"]["mean"] == 0
    assert -1 < point(found, "squares", 0.5)["score"]["mean"] < 0
    assert found["controls"]["shuffled"]["mean"] < 0


def test_names_of_classes_that_are_no_text_are_written_as_what_can_be_seen(tmp_path):
    odd = replace(DATA, classes=("<script>", "two\nlines", "\udcff\x1b"))  # as folders with such bytes are read
    found = run(odd, "tests.plain_task:make_bright", plan("squares", rates=(8.0,)), Cache(tmp_path), jobs=1).report
    assert found["task"]["classes"] == ["<script>", "two\\nlines", "\\xff\\x1b"]
    assert json.dumps(found, ensure_ascii=False).encode()


@pytest.mark.parametrize("n_pictures", [2, 3, 12])
def test_no_picture_keeps_its_own_truth_when_it_is_shuffled(n_pictures):
    for seed in range(5):
        others = units._others(list(range(n_pictures)), DATA.test.images[:n_pictures], seed)
        assert [*others] == sorted(others.values()) == list(range(n_pictures))
        assert all(place != other for place, other in others.items())


def test_a_mask_of_a_picture_of_another_size_is_brought_to_the_size_by_its_nearest_samples():
    masks = [np.repeat([[1, 2]], 6, axis=0).astype(np.uint8), np.array([[3, 4, 5, 6], [7, 8, 9, 10]], np.uint8)]
    images = [np.zeros((*mask.shape, 3), np.uint8) for mask in masks]
    others = units._others(masks, images, 0)
    assert np.array_equal(others[0], np.repeat([[3, 5], [7, 9]], 3, axis=0))
    assert np.array_equal(others[1], [[1, 1, 2, 2]] * 2)
    # What is no array of the picture's size stays as it is, and bands are not mixed.
    assert np.array_equal(units._others([masks[0], np.arange(3)], images, 0)[0], np.arange(3))
    assert units._others(images, images, 0).keys() == {0, 1}
    assert units._others([images[0], masks[1]], images, 0) == {}


def test_with_one_picture_there_is_no_truth_of_another_and_the_report_says_so(tmp_path):
    one = replace(DATA, test=type(DATA.test)(*(part[:1] for part in (DATA.test.names, DATA.test.images, [0]))))
    found = run(one, TASK, plan("squares"), Cache(tmp_path), (0, 1), jobs=1).report
    assert found["controls"].keys() == {"grey"}
    assert "chance, not known, since there is no other picture to take the truth of; grey" in tables(found)
    assert b"truth of other pictures" not in draw(found)["curves.svg"]
    assert "shuffled" not in points_csv(found)


def test_a_changed_picture_or_truth_is_another_data_set():
    other = replace(DATA, test=replace(DATA.test, truth=[*DATA.test.truth[:-1], 0]))
    darker = [DATA.test.images[0] // 2, *DATA.test.images[1:]]
    sets = [DATA, other, replace(DATA, test=replace(DATA.test, images=darker)), replace(DATA, train=None)]
    assert len({one.digest() for one in sets}) == 4
    (first, second), bare = DATA.test.images[:2], replace(DATA, train=replace(DATA.train, truth=None))
    parted = [
        replace(bare, train=type(DATA.test)((), images[:n], None), test=type(DATA.test)((), images[n:], None))
        for images, n in (([first, second, first], 1), ([first, second, first], 2))
    ]
    assert parted[0].digest() != parted[1].digest()  # the same pictures, one of them on the other side
    assert Unit(0, "originals", SHUFFLED).learning == Unit(0, "originals", "coded", "squares", 0.5).learning


def test_what_a_network_has_learnt_from_is_in_what_it_is_kept_under(tmp_path):
    def key(how, codec="squares", rate=0.5, rates=RATES):
        work = units.Work(TASK, DATA, "", plan("squares", "all-grey", rates=rates), Cache(tmp_path))
        return json.dumps(units._key(work, Unit(0, how, "originals", codec, rate)))

    fewer = {"rates": RATES[:2]}
    assert len({key("originals"), key("further"), key("same"), key("mixed")}) == 4
    assert key("originals") == key("originals", "all-grey", 0.05, **fewer)
    assert key("further") == key("further", "all-grey", 0.05, **fewer)
    assert key("same") == key("same", **fewer)
    assert len({key("same"), key("same", rate=0.05), key("same", "all-grey")}) == 3
    assert key("mixed") == key("mixed", rate=0.05)
    assert len({key("mixed"), key("mixed", **fewer), key("mixed", "all-grey")}) == 3
