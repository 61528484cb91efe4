"""Tasks of the user's own: their mistakes, what they do to what they are given, the code that counts as theirs."""

import pickle
import re
import sys
from dataclasses import replace

import numpy as np
import pytest

from apercu.bench import peers
from apercu.bench.cache import Cache
from apercu.bench.plan import Plan
from apercu.bench.tasks import built_in, units
from apercu.bench.tasks.run import MOST_SEEDS, run
from apercu.errors import MissingExtra, OptionError
from tests import plain_task

DATA = plain_task.drawn(3, 2)
LEARN = "Nothing", "AScore", "Only"  # tasks that are trained
PLAN = Plan(("squares",), (0.5, 8.0), ("psnr",))


@pytest.fixture(autouse=True)
def codec_for_tests(monkeypatch):
    monkeypatch.setitem(peers.PEERS, "squares", plain_task.SQUARES)
    monkeypatch.setattr(units, "_networks", {})
    monkeypatch.setattr(units, "_found", {})


def go(folder, task, seeds=(0,), retrain=(), data=DATA):
    return run(data, task, PLAN, Cache(folder), seeds, retrain, jobs=1).report


@pytest.mark.parametrize(
    ("task", "said"),
    [
        ("nonsense", "no task 'nonsense'; there are classification"),
        ("tests.plain_task:absent", "no attribute"),
        ("tests.plain_task:not_a_number", "returned nan, not a finite number"),
        ("tests.plain_task:words", "returned a str, not a number"),
        ("tests.plain_task:fails", r"failed: ZeroDivisionError: of the user's own (plain_task.py, line "),
        ("tests.plain_task:changes_pictures", "failed: ValueError: assignment destination is read-only"),
        ("tests.plain_task:three", "not 3 parameters"),
        ("tests.plain_task:make_nothing", "returned a object, which has no score"),
        ("tests.plain_task:huge", "returned 1e+200, not a finite number, or one beyond 1e+100"),
        ("tests.plain_task:leaves", "failed: SystemExit: enough (plain_task.py, line "),
        ("tests.plain_task:ReturnsNothing", "retrain returned a NoneType, which has no score"),
        ("tests.plain_task:ReturnsAScore", "what it has learnt is a Bright, which has no retrain"),
        ("tests.plain_task:OneAndOnly", "retrain returned the task itself, which has to stay as it is"),
        ("tests.plain_task:FindsTooMuch", "truth_of returned 7 entries for 6 pictures"),
    ],
)
def test_mistakes_of_a_task_name_it(tmp_path, task, said):
    with pytest.raises(OptionError) as caught:
        go(tmp_path, task, retrain=("mixed",) if task.endswith(LEARN) else ())
    assert said in str(caught.value)
    assert task in str(caught.value)


def test_mistakes_of_a_call_are_told(tmp_path):
    def wrong(said, data=DATA, task="tests.plain_task:make", of=PLAN, **options):
        with pytest.raises(OptionError, match=said):
            run(data, task, of, Cache(tmp_path), jobs=1, **options)

    wrong("has no retrain", task="tests.plain_task:make_bright", retrain=["same"])
    wrong("needs pictures to train on", data=replace(DATA, train=None))
    wrong("retrain is some of same, mixed", retrain=["twice"])
    wrong("seeds are numbers", seeds=())
    wrong("seeds are numbers", seeds=(1, 1))
    wrong("1000 networks at most", seeds=range(MOST_SEEDS + 1))
    wrong("a codec and a rate", of=Plan(("squares",), (), ("psnr",)))


def test_masks_cannot_be_changed_by_a_task_also_where_they_came_from_another_process(tmp_path):
    masks = [np.full((32, 32), 1, np.uint8) for _ in DATA.test.images]
    masked = replace(DATA, kind="masks", train=None, test=replace(DATA.test, truth=masks))
    (tmp_path / "data").write_bytes(pickle.dumps(masked))
    task = "tests.plain_task:counts_from_one"
    for held in (masked, tmp_path / "data"):
        work = units.Work(task, held, "", PLAN, Cache(tmp_path))
        with pytest.raises(OptionError, match=r"counts_from_one failed: .*read-only"):
            units.score(work, [units.Unit(0, "originals", "originals")])


def test_lists_of_what_is_true_are_of_one_call(tmp_path):
    turned, plain = (
        go(tmp_path / name, f"tests.plain_task:{name}", (0, 1), ("mixed",)) for name in ("TurnsRound", "Nearest")
    )
    assert [one["score"] for one in turned["points"]] == [one["score"] for one in plain["points"]]
    assert turned["originals"]["mean"] > 0.7


def test_a_package_that_is_missing_is_named_with_its_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    for name in [name for name in sys.modules if name.startswith("apercu.lab.tasks")]:
        monkeypatch.delitem(sys.modules, name)
    with pytest.raises(MissingExtra, match=re.escape("torch: pip install 'apercu[machine]'")):
        built_in.maker_of("segmentation")


def test_a_package_changes_what_imports_it_and_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    def digests() -> list[str]:
        built_in.code_of.cache_clear()
        return [built_in.code_of(name) for name in ("classification", "text")]

    before, real = digests(), built_in._version
    monkeypatch.setattr(built_in, "_version", lambda package: "99" if package == "torch" else real(package))
    after = digests()
    built_in.code_of.cache_clear()
    assert after[0] != before[0]
    assert after[1] == before[1]


def test_a_module_beside_a_users_task_is_part_of_its_code(tmp_path, monkeypatch):
    """As in a process that has not loaded the task yet. A package is not imported to look what is in it."""
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.chdir(tmp_path)
    (tmp_path / "one_that_fails").mkdir()
    (tmp_path / "one_that_fails" / "__init__.py").write_text("raise RuntimeError('boom')")
    (tmp_path / "task_of_mine.py").write_text(
        "import beside_it\n\ndef score(images, truth):\n    import one_that_fails.deeper\n    return beside_it.ONE\n"
    )

    def digest(text: str) -> str:
        (tmp_path / "beside_it.py").write_text(text)
        built_in.code_of.cache_clear()
        return built_in.code_of("task_of_mine:score")

    assert digest("ONE = 1") == digest("ONE = 1") != digest("ONE = 2")
    digest("no Python (")  # which a task may leave aside


def test_so_is_one_beside_the_package_that_a_task_lies_in(tmp_path, monkeypatch):
    """Packages with and without __init__.py."""
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.chdir(tmp_path)
    for package in ("with_it", "without"):
        (tmp_path / package).mkdir()
        (tmp_path / package / "task.py").write_text(
            f"import near_{package}\n\ndef score(images, truth):\n    return near_{package}.ONE\n"
        )
    (tmp_path / "with_it" / "__init__.py").touch()

    def digest(package, text):
        (tmp_path / f"near_{package}.py").write_text(text)
        built_in.code_of.cache_clear()
        return built_in.code_of(f"{package}.task:score")

    for package in ("with_it", "without"):
        assert digest(package, "ONE = 1") == digest(package, "ONE = 1") != digest(package, "ONE = 2")
