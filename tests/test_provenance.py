"""How a picture was made: what `apercu.provenance` tells, and that the files carry it."""

import sys
from hashlib import sha256
from io import BytesIO
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image

import apercu
from apercu.bridges import batch, files
from apercu.cli.main import main
from apercu.errors import FileFormatError, ModelError, NotApercu, OptionError
from apercu.format.ids import NETWORKS
from scripts.pictures import scene, wide
from tests import made_up

IPTC = "http://cv.iptc.org/newscodes/digitalsourcetype/compositeWithTrainedAlgorithmicMedia"
NETWORK = "0123456789abcdef" * 4
SPACES = {
    "http://ns.adobe.com/xap/1.0/": "xmp",
    "http://iptc.org/std/Iptc4xmpExt/2008-02-29/": "Iptc4xmpExt",
    "http://purl.org/dc/elements/1.1/": "dc",
    "urn:apercu:provenance/": "apercu",
}
SENTENCE = (
    "Parts of this picture are generated: a neural network made up detail that its file does not hold "
    f"(apercu {apercu.__version__}, restore=made_up; network {NETWORK}, strength 0.5, seed 7)."
)
SAID = {
    "xmp:CreatorTool": f"apercu {apercu.__version__}",
    "Iptc4xmpExt:DigitalSourceType": IPTC,
    "Iptc4xmpExt:AISystemUsed": "apercu, restore=made_up",
    "Iptc4xmpExt:AISystemVersionUsed": f"{apercu.__version__}, network {NETWORK}",
    "apercu:restore": "made_up",
    "apercu:kind": "generative",
    "apercu:network": NETWORK,
    "apercu:strength": "0.5",
    "apercu:seed": "7",
    "apercu:software": f"apercu {apercu.__version__}",
    "dc:description": SENTENCE,
}
HOW = {"restore": "made_up", "amount": 0.5, "draw": 7}
PICTURE = scene(48, 64, 3, 3)


def said(packet):
    """The properties of an XMP packet, with the prefixes that their namespaces usually have."""
    root = ElementTree.fromstring(packet)
    assert root.tag == "{adobe:ns:meta/}xmpmeta"
    (description,) = root.iter("{http://www.w3.org/1999/02/22-rdf-syntax-ns#}Description")
    found = {}
    for each in description:
        space, _, name = each.tag[1:].partition("}")
        found[f"{SPACES[space]}:{name}"] = "".join(each.itertext()).strip()
    return found


@pytest.fixture(autouse=True)
def made_up_is_known():
    with made_up.known():
        yield


@pytest.fixture(scope="module")
def apc():
    return apercu.encode(PICTURE, quality=40)


def test_what_is_told(apc):
    software = f"apercu {apercu.__version__}"
    assert apercu.provenance(apc) == {"restore": "none", "kind": "exact", "software": software}
    network = NETWORKS["cnn"].sha256
    fidelity = {"restore": "cnn", "kind": "fidelity", "network": network, "software": software}
    assert apercu.provenance(bytearray(apc), restore="cnn") == fidelity
    generative = {"restore": "made_up", "kind": "generative", "network": NETWORK, "strength": 1.0, "seed": 0}
    assert apercu.provenance(apc, restore="made_up") == {**generative, "software": software}
    told = apercu.provenance(apc, restore="made_up", amount=0.25, draw=3)
    assert (told["strength"], told["seed"]) == (0.25, 3)


def test_of_the_generative_adversarial_network(apc):
    told = apercu.provenance(apc, restore="gan", seed=3)
    network = {"network": NETWORKS["gan"].sha256, "strength": 1.0, "seed": 3}
    assert told == {"restore": "gan", "kind": "generative", **network, "software": f"apercu {apercu.__version__}"}


@pytest.mark.parametrize("how", [{"restore": "made_up", "amount": 0}, {"restore": "gan", "strength": 0}])
def test_where_nothing_is_made_up_nothing_is_generated(apc, how):
    told = apercu.provenance(apc, **how)
    assert told["kind"] == "fidelity"
    assert told["network"] == (NETWORK if how["restore"] == "made_up" else NETWORKS["cnn"].sha256)


def test_the_network_is_the_one_that_is_used(apc, tmp_path):
    blocks = apercu.encode(PICTURE, codec="taha2025")
    assert apercu.provenance(blocks, restore="cnn")["network"] == NETWORKS["cnn_blocks"].sha256
    own = tmp_path / "own.onnx"
    own.write_bytes(b"a network of mine")
    digest = sha256(b"a network of mine").hexdigest()
    for network in (own, str(own)):
        assert apercu.provenance(apc, restore="cnn", network=network)["network"] == digest
    with pytest.raises(ModelError, match="cannot read"):
        apercu.provenance(apc, restore="cnn", network=tmp_path / "nowhere.onnx")
    with pytest.raises(ModelError, match="path of a file"):
        apercu.provenance(apc, restore="cnn", network=[1])
    with pytest.raises(
        ModelError, match="network of this restorer for files of the codec apercu is cnn, not cnn_blocks"
    ):
        apercu.provenance(apc, restore="cnn", network="cnn_blocks")
    with pytest.raises(ModelError, match="network of this restorer for files of the codec apercu is rnn, not cnn"):
        apercu.provenance(apc, restore="rnn", network="cnn")


def test_it_asks_for_no_extra(apc, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    assert apercu.provenance(apc, restore="cnn")["kind"] == "fidelity"


def test_what_is_refused(apc):
    for options, words in (
        ({"restore": "magic"}, "restore must be 'none' or 'cnn' or .*'made_up'"),
        ({"restore": "cnn", "draw": 1}, "draw goes with restore='made_up'"),
        ({"window": (0, 0, 1, 1)}, "^provenance has no option window$"),
    ):
        with pytest.raises(OptionError, match=words):
            apercu.provenance(apc, **options)
    with pytest.raises(OptionError, match="codec predictive"):
        apercu.provenance(apercu.encode(PICTURE, codec="predictive"), restore="cnn")
    for restore in ("none", "cnn"):
        with pytest.raises(NotApercu):
            apercu.provenance(b"no such file", restore=restore)


def packet_of(content, suffix):
    """The XMP of a file, and all else that it says of itself: the software, and the sentence."""
    if suffix == "tif":
        tags = pytest.importorskip("tifffile").TiffFile(BytesIO(content)).pages[0].tags
        return tags[700].value, tags[305].value, tags[270].value
    image = Image.open(BytesIO(content))
    image.load()
    texts = (image.text["Software"], image.text["Description"]) if suffix == "png" else ()
    exif = image.getexif()
    return image.info["xmp"], *(texts or (exif[305], exif[270]))


@pytest.mark.parametrize("suffix", ["png", "jpg", "webp", "tif"])
def test_pictures_of_8_bits_carry_it(apc, suffix):
    made = batch.decoded(apc, "a.apc", f".{suffix}", HOW)
    packet, software, sentence = packet_of(made.content, suffix)
    assert said(packet) == SAID
    assert (software, sentence) == (f"apercu {apercu.__version__}", SENTENCE)
    assert made.generated
    image, bands = files.read(BytesIO(made.content))
    assert (image.shape, bands) == ((48, 64, 3), "rgb")
    if suffix != "jpg":
        assert np.array_equal(image, apercu.decode(apc, **HOW))


@pytest.mark.parametrize(
    ("n_bands", "suffix"), [(3, "png"), (4, "png"), (1, "png"), (3, "tif"), (5, "tif"), (1, "tif")]
)
def test_pictures_of_16_bits_and_many_bands_carry_it(n_bands, suffix):
    for needed in ("tifffile", "imagecodecs"):
        pytest.importorskip(needed)
    data = apercu.encode(wide(scene(16, 24, n_bands), 100, 30000), quality=40)
    content = batch.decoded(data, "a.apc", f".{suffix}", HOW).content
    packet, software, sentence = packet_of(content, suffix)
    assert said(packet) == SAID
    assert (software, sentence) == (f"apercu {apercu.__version__}", SENTENCE)
    assert np.array_equal(files.read(BytesIO(content))[0], apercu.decode(data, **HOW).reshape(16, 24, -1).squeeze())


@pytest.mark.parametrize(("suffix", "n_bands"), [("ppm", 3), ("pgm", 1)])
def test_a_comment_says_it_where_there_is_nothing_else(suffix, n_bands):
    data = apercu.encode(scene(16, 24, n_bands), quality=40)
    content = batch.decoded(data, "a.apc", f".{suffix}", HOW).content
    first, second, third = content.split(b"\n")[:3]
    assert (first, second.decode(), third) == (b"P5" if n_bands == 1 else b"P6", f"# {SENTENCE}", b"24 16")
    assert np.array_equal(files.read(BytesIO(content))[0], apercu.decode(data, **HOW).squeeze())


def test_what_cannot_say_so_is_refused(apc, tmp_path, capsys):
    assert batch.decoded(apc, "a.apc", ".bmp", {}).content
    with pytest.raises(FileFormatError, match=r"^a\.bmp: \.bmp cannot say .* generated parts; use \.png or "):
        batch.decoded(apc, "a.apc", ".bmp", HOW, "a.bmp")
    (tmp_path / "a.apc").write_bytes(apc)
    assert main(["decode", str(tmp_path / "a.apc"), str(tmp_path / "a.bmp"), "--restore", "made_up"]) == 2
    assert not (tmp_path / "a.bmp").exists()
    assert capsys.readouterr().err.count("\n") == 1


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".webp", ".tif", ".bmp", ".ppm"])
def test_what_is_exact_is_written_as_ever(apc, suffix):
    plain = BytesIO()
    files.write(plain, apercu.decode(apc), "rgb", suffix)
    made = batch.decoded(apc, "a.apc", suffix, {"restore": "none"})
    assert made.content == plain.getvalue()
    assert not made.generated
    assert b"generated" not in made.content


def test_what_is_restored_says_how_and_claims_no_generation(apc):
    pytest.importorskip("onnxruntime")
    made = batch.decoded(apc, "a.apc", ".png", {"restore": "cnn"})
    packet, _, sentence = packet_of(made.content, "png")
    found = said(packet)
    assert set(found) == {"xmp:CreatorTool", "dc:description"} | {
        f"apercu:{name}" for name in ("restore", "kind", "network", "software")
    }
    assert (found["apercu:kind"], found["apercu:network"]) == ("fidelity", NETWORKS["cnn"].sha256)
    assert sentence.startswith("Restored by a neural network that was trained to come closer to the original (apercu")
    assert not made.generated


@pytest.mark.parametrize("cog", [False, True])
def test_geotiff_carries_it_beside_the_scene_s_tags(tmp_path, cog):
    rasterio = pytest.importorskip("rasterio")
    from apercu.bridges import geo

    source, out = tmp_path / "scene.tif", tmp_path / "out.tif"
    profile = {"driver": "GTiff", "height": 64, "width": 64, "count": 3, "dtype": "uint8", "photometric": "RGB"}
    place = rasterio.Affine(10, 0, 500000, 0, -10, 5000000)
    with rasterio.open(source, "w", **profile, crs="EPSG:32632", transform=place) as dataset:
        dataset.write(np.moveaxis(scene(64, 64, 3), -1, 0))
        dataset.update_tags(SENSOR="X", TIFFTAG_IMAGEDESCRIPTION="a field", TIFFTAG_SOFTWARE="another")
        dataset.update_tags(1, WAVELENGTH="665")
    data = geo.encode(source, quality=50)
    geo.decode(data, out, cog=cog, **HOW)
    with rasterio.open(out) as dataset:
        packet = dataset.tags(ns="xml:XMP")["xml:XMP"]
        tags = dataset.tags()
        assert np.array_equal(np.moveaxis(dataset.read(), 0, -1), apercu.decode(data, **HOW))
        assert (dataset.crs.to_epsg(), dataset.tags(1)["WAVELENGTH"]) == (32632, "665")
    assert said(packet) == SAID
    told = {name: tags[name] for name in ("SENSOR", "TIFFTAG_IMAGEDESCRIPTION", "TIFFTAG_SOFTWARE")}
    assert told == {
        "SENSOR": "X",
        "TIFFTAG_IMAGEDESCRIPTION": "a field",
        "TIFFTAG_SOFTWARE": f"apercu {apercu.__version__}",
    }
    with Image.open(out) as image:
        assert said(image.tag_v2[700]) == SAID
    # What is encoded again keeps it.
    again = tmp_path / "again.tif"
    geo.decode(geo.encode(out, quality=50), again)
    with rasterio.open(again) as dataset:
        assert said(dataset.tags(ns="xml:XMP")["xml:XMP"]) == SAID


def test_tags_of_a_file_take_no_label_away():
    """Whatever the case of their names, which GDAL does not heed."""
    from apercu.bridges import geo_metadata
    from apercu.bridges.label import label_of
    from apercu.format.chunks import Scene

    hostile = {
        (0, "XML:XMP"): {"XML:XMP": "<own/>"},
        (0, "xml:xmp"): {"xml:XMP": "<own/>"},
        (1, "Xml:Xmp"): {"a": "b"},
        (0, ""): {"tifftag_software": "another", "SENSOR": "X"},
        (0, "xml:OTHER"): {"xml:OTHER": "<other/>"},
    }
    told = {"restore": "gan", "kind": "generative", "network": NETWORK, "software": "apercu 1"}
    label = label_of(told)
    tags = geo_metadata.labelled(Scene(tags=hostile), label).tags
    assert tags == {
        (0, ""): {"TIFFTAG_IMAGEDESCRIPTION": label.sentence, "SENSOR": "X", "TIFFTAG_SOFTWARE": "apercu 1"},
        (0, "xml:OTHER"): {"xml:OTHER": "<other/>"},
        (0, "xml:XMP"): {"xml:XMP": label.xmp.decode()},
    }


def test_the_command_says_it_once(apc, tmp_path, capsysbinary, monkeypatch):
    for name in ("a.apc", "b.apc"):
        (tmp_path / name).write_bytes(apc)
    monkeypatch.chdir(tmp_path)
    for call in (["a.apc", "a.png"], ["a.apc", "-"], ["a.apc", "b.apc", "--out", "many"]):
        assert main(["decode", *call, "--restore", "made_up"]) == 0
        out, err = capsysbinary.readouterr()
        assert err.decode().startswith("parts of the output are generated")
        assert err.count(b"\n") == 1
        assert out[1:4] == (b"PNG" if call[1] == "-" else b"")
        assert main(["decode", *call, "--restore", "made_up", "--amount", "0"]) == 0
        assert capsysbinary.readouterr().err == b""
    assert said(packet_of((tmp_path / "many" / "b.png").read_bytes(), "png")[0])["apercu:kind"] == "fidelity"
