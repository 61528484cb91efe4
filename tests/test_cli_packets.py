"""`apercu packetise` and `apercu assemble`: files, folders, several images, and what they say."""

from array import array
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import apercu
from apercu.bridges.packets import packetise
from apercu.bridges.packets.packet import Layout, Packet, pack, read
from apercu.bridges.packets.records import packets_in
from apercu.cli.main import main
from apercu.format.container import pack as pack_file
from apercu.format.container import put_varint, read_header
from command import is_one_line, run
from every_codec import scene
from limits import within


@pytest.fixture
def files(tmp_path, monkeypatch):
    """Two apercu files in the folder in which the test runs."""
    monkeypatch.chdir(tmp_path)
    images = {"a.apc": scene(200, 260, 3), "b.apc": scene(60, 90)[:, :, 0]}
    found = {name: apercu.encode(image, quality=50, tile=64, layers=4) for name, image in images.items()}
    for name, data in found.items():
        (tmp_path / name).write_bytes(data)
    return found


def test_there_and_back(files, tmp_path, capsys):
    assert main(["packetise", "a.apc"]) == 0
    said = capsys.readouterr()
    packet = (tmp_path / "a.pkt").read_bytes()[:64]
    assert said.out == ""
    assert said.err.startswith(f"a.pkt: image {int.from_bytes(packet[1:3], 'little')}, ")
    assert "may be lost" in said.err
    assert main(["assemble", "a.pkt", "back.apc"]) == 0
    assert (tmp_path / "back.apc").read_bytes() == files["a.apc"]
    assert "whole" in capsys.readouterr().err


@pytest.mark.parametrize(("parity", "share"), [("0", 0), ("10%", 0.1), ("0.5", 0.5), ("100%", 1)])
def test_options(files, tmp_path, parity, share):
    assert main(["packetise", "a.apc", "a.pkt", "--size", "64", "--parity", parity, "--id", "9"]) == 0
    data = (tmp_path / "a.pkt").read_bytes()
    size = next(size for size in range(10, 65) if len(data) % size == 0 and _is_packet(data[:size]))
    n = len(data) // size
    n_alone = len(files["a.apc"]) / (64 - 9)
    assert n_alone * (1 + share) <= n <= n_alone * (1 + share) + 2 + n_alone / 10  # the head takes more
    assert all(read(data[at : at + size]).image_id == 9 for at in range(0, len(data), size))


def _is_packet(data):
    try:
        read(data)
    except apercu.FormatError:
        return False
    return True


def test_folders_and_several_images(files, tmp_path, capsys):
    assert main(["packetise", "a.apc", "--out", "sent/deep", "--size", "64", "--id", "1"]) == 0
    assert main(["packetise", "b.apc", "b.pkt", "--size", "64", "--id", "2"]) == 0
    sent = sorted(path.name for path in (tmp_path / "sent/deep").iterdir())
    assert sent[0] == "a-01.pkt"
    (tmp_path / "sent/deep" / sent[3]).unlink()
    (tmp_path / "sent" / "notes.txt").write_text("not a packet")
    capsys.readouterr()
    assert main(["assemble", "sent", "b.pkt", "--out", "got"]) == 0
    assert {path.name: path.read_bytes() for path in (tmp_path / "got").iterdir()} == {
        "1.apc": files["a.apc"],
        "2.apc": files["b.apc"],
    }
    assert f"{len(sent) - 1} of {len(sent)} packets" in capsys.readouterr().err
    assert main(["assemble", "sent", "b.pkt", "b2.apc", "--id", "2"]) == 0
    assert (tmp_path / "b2.apc").read_bytes() == files["b.apc"]


def test_losses_are_told_and_shown(files, tmp_path, capsys):
    assert main(["packetise", "a.apc", "a.pkt", "--size", "96"]) == 0
    data = (tmp_path / "a.pkt").read_bytes()
    size = next(size for size in range(10, 97) if len(data) % size == 0 and _is_packet(data[:size]))
    (tmp_path / "cut.pkt").write_bytes(data[: size * read(data[:size]).layout.strong])
    capsys.readouterr()
    assert main(["assemble", "cut.pkt", "cut.apc"]) == 0
    assert "bytes are missing (apercu check names the faults)" in capsys.readouterr().err
    assert main(["check", "cut.apc"]) == 1
    assert main(["decode", "cut.apc", "cut.png", "--damaged", "fill"]) == 0
    shown = np.asarray(Image.open(tmp_path / "cut.png"))
    assert np.array_equal(shown, apercu.decode((tmp_path / "cut.apc").read_bytes(), damaged="fill"))


def test_standard_streams(files):
    packets = run("packetise", "-", "-", "--size", "80", stdin=files["b.apc"])
    assert packets.returncode == 0
    back = run("assemble", "-", "-", stdin=b"a radio's log " + packets.stdout)
    assert back.stdout == files["b.apc"]


def test_several_images_in_turn(files, tmp_path, capsys):
    assert main(["packetise", "a.apc", "b.apc", "both.pkt", "--size", "64"]) == 0
    said = capsys.readouterr().err.splitlines()
    assert [line.startswith("both.pkt: image ") for line in said] == [True, True]
    assert main(["assemble", "both.pkt", "--out", "got"]) == 0
    got = {path.read_bytes() for path in (tmp_path / "got").iterdir()}
    assert got == set(files.values())
    ids = [read(packet).image_id for packet in packets_in((tmp_path / "both.pkt").read_bytes())]
    few = min(ids, key=ids.count)
    places = [place for place, number in enumerate(ids) if number == few]
    assert max(b - a for a, b in pairwise(places)) <= len(ids) // len(places) + 2


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["packetise", "-"], "1 file was given"),
        (["packetise", "a.apc", "b.apc", "x", "--id", "3"], "of several, each has its own"),
        (["packetise", "a.apc", "./a.apc", "x"], "of another"),
        (["packetise", "a.apc", "b.apc", "b.apc"], "is the input"),
        (["packetise"], "no files were given"),
        (["packetise", "a.apc", "b.apc", "--out", "x"], "one file at a time"),
        (["packetise", "a.apc", "x", "--size", "20"], "size must be 48 to 1024"),
        (["packetise", "a.apc", "x", "--parity", "200%"], "parity must be"),
        (["packetise", "a.apc", "x", "--parity", "some"], "is no share"),
        (["packetise", "a.apc", "x", "--id", "65536"], "image_id must be"),
        (["packetise", "a.apc", "a.apc"], "is the input"),
        (["packetise", "none.apc", "x"], "none.apc"),
        (["assemble", "a.apc"], "give IN ... OUT.apc"),
        (["assemble", "a.apc", "x"], "there is no packet in a.apc"),
        (["assemble", "empty", "x"], "empty holds no files"),
        (["assemble", "none.pkt", "x"], "none.pkt"),
    ],
)
def test_mistakes(files, tmp_path, capsys, arguments, says):
    (tmp_path / "empty").mkdir()
    assert main(arguments) == 2
    said = capsys.readouterr().err
    assert is_one_line(said)
    assert says in said
    assert not (tmp_path / "x").exists()


def test_one_of_several_has_to_be_named(files, tmp_path, capsys):
    for name in ("a", "b"):
        assert main(["packetise", f"{name}.apc", f"{name}.pkt", "--id", str(ord(name))]) == 0
    capsys.readouterr()
    assert main(["assemble", "a.pkt", "b.pkt", "x"]) == 2
    assert "images 97, 98 are mixed" in capsys.readouterr().err
    assert main(["assemble", "a.pkt", "x", "--id", "98"]) == 2
    assert "no packet of image 98" in capsys.readouterr().err


def test_an_image_that_cannot_be_made_does_not_keep_back_the_others(files, tmp_path, capsys):
    assert main(["packetise", "a.apc", "a.pkt", "--id", "1", "--size", "64"]) == 0
    assert main(["packetise", "b.apc", "b.pkt", "--id", "2", "--size", "64"]) == 0
    tail = (tmp_path / "a.pkt").read_bytes()[-200:]
    (tmp_path / "a.pkt").write_bytes(tail)
    capsys.readouterr()
    assert main(["assemble", "a.pkt", "b.pkt", "--out", "got"]) == 2
    assert "image 1: too few packets arrived" in capsys.readouterr().err
    assert [path.name for path in (tmp_path / "got").iterdir()] == ["2.apc"]


def test_images_are_made_one_at_a_time(tmp_path, monkeypatch):
    """A packet is enough for a file that is 47 times as long, and strangers may send one of each of 65,536 images."""
    monkeypatch.chdir(tmp_path)
    header = replace(read_header(apercu.encode(scene(64, 64, 3), quality=40, layers=2)), lengths=array("I"))
    file = pack_file(header, [bytes(47_000), b""])
    start = bytes([64, 64]) + put_varint(len(file)) + file
    layout, n_images = Layout(1, 1, 3, 1015), 100
    forged = [pack(Packet(image_id, layout, 0, 0, start[: layout.n_bytes])) for image_id in range(n_images)]
    Path("forged.pkt").write_bytes(b"".join(forged))
    with within(2 << 20):
        assert main(["assemble", "forged.pkt", "--out", "got"]) == 0
    assert sum(path.stat().st_size for path in Path("got").iterdir()) == n_images * len(file)


def test_an_output_that_was_forgotten_costs_no_file(files, tmp_path, capsys):
    """The last file takes its place: the next image, or the next reception, of which there is no other copy."""
    assert main(["packetise", "a.apc"]) == main(["packetise", "b.apc"]) == 0
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    capsys.readouterr()
    for arguments, says in (
        (["packetise", "a.apc", "b.apc"], "b.apc is an apercu file"),
        (["assemble", "a.pkt", "b.pkt"], "b.pkt is there, and no apercu file"),
    ):
        assert main(arguments) == 2
        assert says in capsys.readouterr().err
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before
    assert main(["packetise", "a.apc", "b.pkt"]) == main(["assemble", "b.pkt", "b.apc"]) == 0
    Path("empty").touch()
    assert main(["assemble", "b.pkt", "empty"]) == main(["assemble", "b.pkt", "/dev/null"]) == 0


def test_packets_of_two_files_are_not_called_whole(tmp_path, monkeypatch, capsys):
    """A number that is used again, with the same layout."""
    monkeypatch.chdir(tmp_path)
    files = [apercu.encode(scene(200, 260, 3, seed=seed), n_bytes=3000, layers=4) for seed in (1, 2)]
    one, other = (packetise(file, 128, 0.25, image_id=7) for file in files)
    assert read(one[0]).layout == read(other[0]).layout
    Path("mixed.pkt").write_bytes(b"".join(one[:20] + other[20:]))
    assert main(["assemble", "mixed.pkt", "x.apc"]) == 0
    said = capsys.readouterr().err
    assert "32 of 32 packets, but no sound file: the checksum does not match" in said
    assert "whole" not in said


def test_what_was_assembled_is_not_decoded(tmp_path, monkeypatch, capsys):
    """A packet may hold a picture that takes a gigabyte."""
    monkeypatch.chdir(tmp_path)
    large = apercu.encode(np.zeros((1024, 1024), np.uint8), quality=1)
    Path("large.pkt").write_bytes(b"".join(packetise(large)))
    with within(1 << 20):
        assert main(["assemble", "large.pkt", "large.apc"]) == 0
    assert "whole" in capsys.readouterr().err


def test_a_folder_does_not_mix_packets_of_now_and_before(files, tmp_path, capsys):
    """Those that more were made of would count."""
    assert main(["packetise", "a.apc", "--out", "D", "--size", "64"]) == 0
    assert main(["packetise", "b.apc", "--out", "D"]) == 0
    assert main(["packetise", "a.apc", "--out", "D", "--size", "64", "--id", "5"]) == 0
    before = {path: path.read_bytes() for path in Path("D").iterdir()}
    capsys.readouterr()
    assert main(["packetise", "a.apc", "--out", "D", "--size", "1024"]) == 2
    assert "D holds packets from before, such as a-01.pkt; delete them" in capsys.readouterr().err
    assert {path: path.read_bytes() for path in Path("D").iterdir()} == before
