"""The fuzzer, for as long as a test may take, and the fuzzer itself put to the test."""

import os
import random
import re
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest

import apercu
import reference_bytes
import reference_decoder
from apercu.restore import by_name

ROOT = Path(__file__).parents[1]
MUTANTS = 2400
LEAST_COVERAGE = 90  # per cent of the kernel's lines


def fuzz(*options, program="run.py"):
    """What a program of `fuzz` printed, and its exit code."""
    command = [sys.executable, str(ROOT / "fuzz" / program), "--seed", "0", "--workers", "2", *map(str, options)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=dict(os.environ, PYTHONPATH=""))
    if done.returncode == 3:
        pytest.skip(done.stderr.strip())
    return done.stdout + done.stderr, done.returncode


def number(pattern, text):
    found = re.search(pattern, text)
    assert found, text
    return float(found[1])


@pytest.mark.timeout(900)  # a minute on two idle cores
@pytest.mark.slow
def test_no_mutant_breaks_the_decoder_under_sanitisers():
    text, code = fuzz("--mutants", MUTANTS)
    assert code == 0, text
    assert number(r"^(\d+) mutants", text) == MUTANTS
    assert number(r"good checksums: ([\d.]+)", text) >= 50
    assert number(r"reached the entropy decoder: ([\d.]+)", text) >= 50
    least = {"windows": 480, "layers": 72, "images": 48, "user models": 15, "broken models": 48}
    least |= {"pictures": 168, "restored": 48, "masks": 120, "scenes": 19, "packets": 120}
    for what, n in least.items():
        assert number(rf"(\d+) {what}", text) >= n, what


@pytest.mark.timeout(900)
@pytest.mark.slow
def test_a_fault_planted_in_each_reach_is_found():
    """Thousands of bands and tiles, windows, layers, models, options, packets, pictures; time, memory, warnings."""
    text, code = fuzz("--mutants", 5000, "--plant", "reach")  # the rarest are of restored pictures
    assert code == 0, text


@pytest.mark.slow
def test_a_planted_overflow_is_found():
    text, code = fuzz("--mutants", MUTANTS, "--plant")
    assert code == 0, text
    assert "heap-buffer-overflow" in text


@pytest.mark.slow
def test_the_fuzzer_reaches_the_kernel():
    text, code = fuzz("--mutants", 3000, "--coverage")
    assert code == 0, text
    assert number(r"line coverage of the kernel: ([\d.]+)", text) >= LEAST_COVERAGE


@pytest.mark.timeout(600)
@pytest.mark.slow
def test_fuzzing_by_coverage_finds_a_planted_overflow():
    text, code = fuzz("--seconds", 60, "--plant", program="guided.py")
    assert code == 0, text
    assert "heap-buffer-overflow" in text


@pytest.mark.timeout(900)
@pytest.mark.slow
@pytest.mark.parametrize("sanitiser", ["address", "memory", "address-32"])
def test_every_sanitiser_is_content_with_the_inputs_to_begin_with(sanitiser):
    text, code = fuzz("--seconds", 0, "--sanitiser", sanitiser, program="guided.py")
    assert code == 0, text
    assert number(r"^(\d+) inputs", text) > 200


def test_one_run_at_a_time_is_in_a_folder(mutate, tmp_path, capfd):
    """Two that build in the same one take each other's package away."""
    import build

    seen = []

    def second():
        with build.alone(tmp_path / "folder"):
            seen.append("second")

    with build.alone(tmp_path / "folder"):
        thread = threading.Thread(target=second)
        thread.start()
        said, end = "", time.monotonic() + 30
        while "this one begins when it ends" not in said and time.monotonic() < end:
            said += capfd.readouterr().err
            time.sleep(0.01)
        seen.append("first")
    thread.join(30)
    assert seen == ["first", "second"]


@pytest.fixture
def mutate(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "fuzz"))
    import mutate

    return mutate


def small_files(monkeypatch, tmp_path):
    import corpus

    corpus.write_model(tmp_path / "model.npy")
    seeds = [seed for seed in corpus.seeds(tmp_path / "model.npy") if not seed.name.startswith("many ")]
    return seeds, tmp_path / "model.npy"


@pytest.mark.slow
@pytest.mark.parametrize("first", range(0, 1200, 400))  # parts, for several processors
def test_mutants_mean_the_same_to_a_decoder_written_from_the_specification(mutate, monkeypatch, tmp_path, first):
    """The same pixels or the same error, mutant by mutant."""
    seeds, model = small_files(monkeypatch, tmp_path)
    weights = np.load(model)
    monkeypatch.setattr(apercu, "MAX_PIXELS", 1 << 16)
    decoded = 0
    for index in range(first, first + 400):
        data = mutate.mutant(random.Random(f"reference {index}"), seeds)
        try:
            wanted = reference_decoder.decode(data, weights, 1 << 16)
        except reference_bytes.Refused as error:
            with pytest.raises(getattr(apercu, type(error).__name__)):
                apercu.decode(data, model=model)
        else:
            found = apercu.decode(data, model=model)
            assert found.shape == wanted.shape
            assert np.array_equal(found, wanted), index
            decoded += 1
    assert decoded > 33


def test_a_case_depends_on_its_seed_alone(mutate, monkeypatch, tmp_path):
    seeds, _ = small_files(monkeypatch, tmp_path)

    def mutants(seed):
        return [mutate.mutant(random.Random(f"{seed} {index}"), seeds) for index in range(50)]

    assert mutants(1) == mutants(1)
    assert mutants(1) != mutants(2)


def test_repair_leaves_a_sound_file_alone(mutate, monkeypatch, tmp_path):
    for seed in small_files(monkeypatch, tmp_path)[0]:
        assert mutate.repair(seed.data) == seed.data, seed.name


def test_repair_makes_damage_pass_the_checksums(mutate, monkeypatch, tmp_path):
    """A third of the bytes of every file, each changed once: the repaired file is never refused for a checksum or for a
    length."""
    seeds, model = small_files(monkeypatch, tmp_path)
    refused = changed = 0
    for seed in seeds:
        before = apercu.decode(seed.data, model=model)
        for at in range(seed.header.head_size, len(seed.data), 3):
            damaged = bytearray(seed.data)
            damaged[at] ^= 0x55
            try:
                after = apercu.decode(mutate.repair(bytes(damaged)), model=model)
            except (apercu.CorruptStream, apercu.Truncated):
                refused += 1
            else:
                changed += not np.array_equal(before, after)
    assert refused > 100
    assert changed > 100


@pytest.mark.parametrize("codec", ["apercu", "rnn", "taha2025"])
def test_random_models_are_those_that_the_loader_takes(mutate, tmp_path, codec):
    import models
    from apercu.codecs.tables import of_user

    rng = random.Random(0)
    for _ in range(30):
        path = models.write(tmp_path / "model.npy", models.random_model(rng, codec))
        of_user(codec, path)


def test_errors_that_hide_a_fault_of_our_own_are_findings(mutate):
    import calls

    def hides():
        try:
            return np.zeros(1 << 50)
        except MemoryError as error:
            raise apercu.ModelError("no model") from error

    faults: list[str] = []
    assert isinstance(calls.call(faults, "hides", apercu.ModelError, hides), apercu.ModelError)
    assert "MemoryError" in faults.pop()
    calls.call(faults, "raises", apercu.ModelError, lambda: 1 // 0)
    assert "ZeroDivisionError" in faults.pop()
    calls.call(faults, "is slow", (), lambda: sum(range(10**6)), seconds=0.0)
    assert "more than 0.0 s" in faults.pop()
    assert faults == []


def test_the_networks_that_are_mutated_serve_each_restorer(mutate, tmp_path):
    pytest.importorskip("onnx", exc_type=ImportError)
    import network_cases

    file, found = network_cases.picture(), []
    for case in network_cases.seeds():
        (tmp_path / "network.onnx").write_bytes(case[1:])
        found.append(network_cases.RESTORERS[case[0]])
        picture = apercu.decode(file, restore=found[-1], network=tmp_path / "network.onnx")
        assert not np.array_equal(picture, apercu.decode(file))
    assert found == 2 * list(network_cases.RESTORERS) == 2 * list(by_name.RESTORERS)


@pytest.mark.skipif(sys.platform != "linux", reason="inotify is Linux's")
def test_files_that_a_network_opens_are_seen_and_folders_that_others_search_are_not(mutate, tmp_path):
    pytest.importorskip("onnx", exc_type=ImportError)
    import network_cases

    watch = network_cases.Watch(tmp_path / "inner")
    watch.opened()
    assert len([*tmp_path.rglob("*")]) == 7
    assert watch.opened() == set()
    (tmp_path / "canary.bin").read_bytes()
    (tmp_path / "inner/sub/canary.bin").read_bytes()
    assert watch.opened() == {"canary.bin"}


def test_memory_is_watched():
    """In a process of its own: the peak of this one may have been higher before."""
    code = "import calls, numpy; found = []; calls.call(found, 'a', (), numpy.ones, 300 << 20, 'u1'); print(found)"
    options = {"env": dict(os.environ, PYTHONPATH=str(ROOT / "fuzz")), "capture_output": True, "text": True}
    assert "MB of memory" in subprocess.run([sys.executable, "-c", code], check=True, **options).stdout


def test_segments_by_the_grammar_are_mostly_sound(mutate, monkeypatch, tmp_path):
    import segments
    from apercu.format.container import pack

    rng = random.Random(0)
    sound = 0
    seeds = [seed for seed in small_files(monkeypatch, tmp_path)[0] if seed.header.codec == "taha2025"]
    seeds = [seed for seed in seeds if len(seed.segments) == 1]
    for index in range(300):
        seed = seeds[index % len(seeds)]
        data = pack(seed.header, [segments.random_segment(rng, seed.header)])
        sound += not apercu.check(data)
    assert 100 < sound < 300
