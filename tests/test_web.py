"""The npm package of web/: in Node and in a browser, held to the vectors and to the package."""

import base64
import hashlib
import io
import itertools
import json
import re
import shutil
import subprocess
import zlib
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
import pytest
from PIL import Image

import apercu
from apercu.format.container import Header, pack
from apercu.restore import networks
from tests import browser, web_files, web_package
from tests.page_case import original
from tests.web_package import WEB
from tests.web_server import served

TESTS = Path(__file__).parent
pytestmark = web_package.NEEDED
needs_browser = pytest.mark.skipif(browser.executable() is None, reason="no Chromium here")
ENGINES = "scalar", "simd", "javascript"
MOST_BYTES = {
    "apercu.js": 18_000,
    "simd.js": 15_000,
    "fallback.js": 8_000,
    "element.js": 2_500,
    "encode.js": 1_700,
    "encoder.js": 18_000,
    "model-2.js": 23_000,
    "placeholders.js": 5_500,
    "pictures.js": 1_500,
    "restore.js": 5_000,
    "stream.js": 2_000,
    "users.js": 800,
}
"""Of the files of the package, minified and compressed as servers do."""


@pytest.fixture(scope="module")
def dist():
    """The folder of the built package."""
    return web_package.build()


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Cases, and the folder of the file that lists them."""
    folder, cases = tmp_path_factory.mktemp("web"), web_files.cases()
    (folder / "cases.json").write_text(json.dumps(web_files.listed(cases)))
    told = {"cases": web_files.listed(cases), "pictures": web_files.pictures(), "textured": web_files.textured()}
    told |= {"encodings": web_files.ENCODINGS, "waves": web_files.encoded(web_files.waves().tobytes())}
    (folder / "node.json").write_text(json.dumps(told, default=web_files.encoded))
    return cases, folder


def gzipped(data):
    """Sizes by the program gzip and Apache, whose blocks are larger, and by nginx and bundlers; at two levels."""
    for level, memory in itertools.product((6, 9), (8, 9)):
        made = zlib.compressobj(level, wbits=31, memLevel=memory)
        yield len(made.compress(data) + made.flush())


def test_files_are_as_small_as_promised(dist):
    sizes = {path.name: max(gzipped(path.read_bytes())) for path in dist.glob("*.js")}
    assert {name for name, size in sizes.items() if size > MOST_BYTES[name]} == set()
    assert sizes["apercu.js"] > 9000  # nothing has been left out


@pytest.fixture(scope="module")
def node(dist, files):
    """What Node makes of all."""
    command = ["node", str(TESTS / "web_node.mjs"), str(dist / "apercu.js"), str(files[1] / "node.json")]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def test_node_makes_of_all_files_what_it_should(files, node):
    cases, _ = files
    for engine in ENGINES:
        assert web_files.differences(cases, node[engine]) == []
    assert web_files.differences(cases[-60:], node["old"]) == []


NOTHING = """
const { configure, decode } = await import(process.argv[1]);
for (const file of JSON.parse(process.argv[2])) {
  configure({ engine: "javascript", worker: false });
  const told = await decode(Buffer.from(file, "hex"), { damaged: "conceal" }).catch(({ name }) => name);
  console.log(told, process.cpuUsage().user);
}
"""


def test_a_file_of_which_nothing_can_be_shown_is_not_filled(dist):
    """Too short, and long enough but without sense; 121 million pixels of one tile."""
    header = Header(11_000, 11_000, 1, "grey", codec="apercu", model_id=2, quality_q8=12_800)
    files = json.dumps([pack(header, [bytes(range(256)) * n]).hex() for n in (0, 8)])
    command = ["node", "--input-type=module", "-e", NOTHING, str(dist / "apercu.js"), files]
    answers = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
    assert answers[::2] == ["Truncated"] * 2
    assert int(answers[-1]) < 3_000_000, "microseconds"


def test_what_a_file_says_and_how_it_is_handed_on(node):
    for data, found in zip(web_files.pictures(), node["pictures"], strict=True):
        told, pixels = apercu.info(data), apercu.decode(data)
        names = {"nBytes": "n_bytes"}
        assert {names.get(key, key): value for key, value in found["info"].items()}.items() <= told.items()
        assert found["ofBuffer"] == pixels.size
        if told["interpretation"] != "spectral":
            png = Image.open(io.BytesIO(base64.b64decode(found["url"].removeprefix("data:image/png;base64,"))))
            shown = pixels >> 8 if png.mode == "RGB" and pixels.dtype == np.uint16 else pixels  # as Pillow reads it
            assert np.array_equal(np.asarray(png), shown.squeeze())
        rgba = np.frombuffer(base64.b64decode(found["rgba"]), np.uint8).reshape(*pixels.shape[:2], 4)
        most = 255 if pixels.dtype == np.uint8 else int(pixels.max()) - int(pixels.min())
        least = 0 if pixels.dtype == np.uint8 else int(pixels.min())
        bands = np.atleast_3d(pixels)[:, :, [0, 1, 2] if told["bands"] > 2 else [0, 0, 0]].astype(int)
        assert np.abs(rgba[:, :, :3] - (bands - least) * 255 / most).max() <= 0.51
        alpha = pixels[:, :, 3] if told["interpretation"] == "rgba" else 255
        assert (rgba[:, :, 3] == alpha).all()


def test_pictures_while_they_arrive(node):
    for data, found in zip(web_files.pictures(), node["pictures"], strict=True):
        n = apercu.info(data)["layers"]
        layers = list(range(1, n + 1))
        assert found["streamed"] == layers
        assert found["two"] == layers[:2]
        why = "Truncated" if n > 1 else "ChecksumError"
        assert found["cut"] == [*layers[:-1], why]
        of_one_tile = apercu.info(data)["tiles"] == 1  # else others have all
        assert found["concealed"] == ([*layers[:-1], n - of_one_tile] if n > 1 else [why])
        assert found["once"] == [n]


def test_pictures_are_encoded_to_the_bytes_of_the_package(node):
    def wanted(pixels):
        models = {2: None, 10: "apercu_small"}
        for how in web_files.ENCODINGS:
            data = apercu.encode(pixels, **(how | {"model": models[how.get("model", 2)]}))
            assert apercu.info(data)["model"] == how.get("model", 2)
            yield hashlib.sha256(data).hexdigest()

    n = 0
    for data, found in zip(web_files.pictures(), node["pictures"], strict=True):
        if found["encoded"]:
            assert found["encoded"] == list(wanted(apercu.decode(data)))
            assert 150 <= found["small"] <= 200
            n += 1
    assert n == 4
    assert node["large"] == list(wanted(web_files.waves()))
    by_size = [how for how in web_files.ENCODINGS if "layers" not in how and "model" not in how]
    layers = {apercu.info(apercu.encode(web_files.waves(), **how))["layers"] for how in by_size}
    assert layers == {1, 4, 5}, "sizes decide"


def test_what_a_network_finds_is_added_as_in_the_package(node, monkeypatch):
    monkeypatch.setattr(networks, "network_of", lambda *_: lambda values: values[:, :24])
    changed = 0
    for data, found in zip(web_files.textured(), node["restored"], strict=True):
        wanted, plain = apercu.decode(data, restore="cnn").astype(int), apercu.decode(data)
        pixels = np.frombuffer(base64.b64decode(found), plain.dtype).reshape(plain.shape)
        changed += (wanted != plain).mean()
        assert np.abs(pixels - wanted).max() <= (1 if plain.dtype == np.uint8 else 20)
        assert (pixels != wanted).mean() < 0.005
    assert changed > len(node["restored"]) / 3


def test_what_is_refused(node):
    mistakes = ["TypeError", "RangeError", "RangeError", "TooLarge", "TooLarge", "RangeError", "RangeError"]
    assert node["refused"] == [*mistakes, "RangeError", "TypeError", "Truncated"]
    assert node["notEncoded"] == ["TypeError", "TypeError", "RangeError", "RangeError"]


def test_bytes_are_taken_when_they_are_given(node):
    assert node["meanwhile"] == ["object", "object"], "whatever becomes of them while a picture is made"


def test_a_stream_is_left_where_its_file_ends(node):
    assert node["endless"] == ["CorruptStream", 0]


def test_on_a_server_and_where_loading_is_aborted(node):
    assert node["server"] == ["function", "AbortError"]


def test_the_package_has_the_version_and_the_licence_of_the_project(dist):
    told = json.loads((WEB / "package.json").read_text())
    assert told["version"] == apercu.__version__
    assert (dist / "LICENSE").read_bytes() == (WEB.parent / "LICENSE").read_bytes()
    files = {path for entry in told["exports"].values() if isinstance(entry, dict) for path in entry.values()}
    assert all((WEB / path).is_file() for path in files)


def test_types(dist, tmp_path):
    """Of what users write, by the compiler of TypeScript."""
    compiler = WEB.parent / "build" / "web" / "types"
    command = ["npm", "install", "--silent", "--no-audit", "--no-fund", "--no-package-lock", "--prefix", compiler]
    if not (compiler / "node_modules" / "typescript").is_dir():
        compiler.mkdir(parents=True, exist_ok=True)
        if subprocess.run([*map(str, command), "typescript@5.9.3"], capture_output=True).returncode:
            pytest.skip("npm cannot fetch TypeScript")
    package = tmp_path / "node_modules" / "apercu"
    package.mkdir(parents=True)
    shutil.copy(WEB / "package.json", package)
    shutil.copytree(dist, package / "dist")
    shutil.copy(TESTS / "web_types.ts", tmp_path)
    options = ["--noEmit", "--strict", "--target", "es2022", "--module", "esnext", "--moduleResolution", "bundler"]
    tsc = [str(compiler / "node_modules" / "typescript" / "bin" / "tsc"), *options, "--lib", "es2022,dom,dom.iterable"]
    said = subprocess.run(["node", *tsc, "web_types.ts"], cwd=tmp_path, capture_output=True, text=True)
    assert said.stdout == ""
    assert said.returncode == 0


def loaded(page):
    """The names of the files that the page has loaded."""
    names = page.js("performance.getEntriesByType('resource').map((entry) => entry.name.split('/').pop())")
    return {name for name in names if name.endswith(".js")}


def run_all(page, address, path, engine="", n=None):
    """What a page makes of all cases, or of the first n."""
    page.call("Page.navigate", url=f"{address}/{path}")
    page.wait(f"location.pathname === '/{path}' && document.readyState === 'complete'")
    n = page.js(f"""(async () => {{
        const [apercu, {{ run }}] = await Promise.all([import('/dist/apercu.js'), import('/tests/web_cases.mjs')]);
        if ('{engine}') apercu.configure({{ engine: '{engine}' }});
        const cases = (await (await fetch('/files/cases.json')).json()).slice(0, {n or "undefined"});
        window.part = (start, end) => run(apercu, cases.slice(start, end));
        return cases.length;
    }})()""")
    return [line for start in range(0, n, 250) for line in page.js(f"part({start}, {start + 250})")]


@needs_browser
def test_a_browser_makes_of_all_files_what_it_should(dist, files, tmp_path):
    cases, folder = files
    (folder / "large.apc").write_bytes(apercu.encode(original(1, (512, 512)), quality=30))
    with served({"dist": dist, "tests": TESTS, "files": folder}) as (address, _), browser.opened(tmp_path) as page:
        for engine in "", "simd":
            assert web_files.differences(cases, run_all(page, address, "open", engine)) == []
            wanted = {"apercu.js", "model-2.js", "placeholders.js", "users.js"} | ({"simd.js"} if engine else set())
            assert loaded(page) == wanted, "small pictures take no more than this"
        assert page.complaints == []
        assert web_files.differences(cases, run_all(page, address, "strict")) == []
        assert loaded(page) == {"apercu.js", "model-2.js", "placeholders.js", "users.js", "fallback.js"}
        for path, file in ("wasm", set()), ("worker", {"fallback.js"}):
            assert web_files.differences(cases[:200], run_all(page, address, path, n=200)) == []
            assert loaded(page) == {"apercu.js", "model-2.js", "users.js"} | file
        assert all("Content Security Policy" in said for said in page.complaints)
        page.complaints.clear()
        page.call("Page.navigate", url=f"{address}/open")
        page.wait("location.pathname === '/open' && document.readyState === 'complete'")
        large = "(await fetch('/files/large.apc')).arrayBuffer()"
        page.js(f"(async () => (await import('/dist/apercu.js')).decode(await {large}).then(() => 0))()")
        assert loaded(page) == {"apercu.js", "model-2.js", "simd.js"}, "a large one takes the build with vectors"
        assert page.complaints == []


def captions(page):
    """The figures of the demonstration: bytes and decibels by name."""
    texts = page.js(
        "[...document.querySelectorAll('figcaption')].map((e) => [...e.children].map((c) => c.textContent))"
    )
    told = {name: re.fullmatch(r"([\d,]+) bytes, ([\d.]+) dB.*", said) for name, said in texts}
    return {name: (int(found[1].replace(",", "")), float(found[2])) for name, found in told.items() if found}


@needs_browser
def test_the_demonstration(dist, tmp_path):
    (tmp_path / "browser").mkdir()
    file = tmp_path / "picture.apc"
    file.write_bytes(apercu.encode(original(1), quality=40, layers=2))
    with served({"dist": dist, "demo": WEB / "demo"}) as (address, _), browser.opened(tmp_path / "browser") as page:
        page.call("Page.navigate", url=f"{address}/demo/index.html")
        page.settle()
        found = captions(page)
        assert {"apercu", "JPEG", "WebP"} <= set(found)
        told = page.js("document.querySelector('#missing').textContent")
        assert ("AVIF" in found) != (told == "This browser writes no AVIF.")
        n_bytes, psnr = found["apercu"]
        assert all(n <= n_bytes and less < psnr for name, (n, less) in found.items() if name != "apercu")
        page.js("document.querySelector('#small').scrollIntoView()")
        page.wait("document.querySelector('#small').shadowRoot.firstChild?.width === 128")
        page.js("{ const e = document.querySelector('#layers'); e.value = 1; e.dispatchEvent(new Event('input')); }")
        page.wait("document.querySelector('#shown').value.startsWith('1 of ')")
        assert captions(page)["apercu"][0] == n_bytes
        assert captions(page)["apercu"][1] < psnr - 3
        root = page.call("DOM.getDocument")["root"]["nodeId"]
        node = page.call("DOM.querySelector", nodeId=root, selector="#file")["nodeId"]
        page.call("DOM.setFileInputFiles", nodeId=node, files=[str(file)])
        page.wait("document.querySelector('#of-apercu canvas').width === 128 && !document.querySelector('#of-JPEG')")
        assert page.js("document.querySelector('#of-apercu span').textContent") == f"{file.stat().st_size:,} bytes"
        assert page.js("document.querySelector('#fault').textContent") == ""
        assert page.complaints == []
        assert {urlsplit(url).netloc for url in page.requests if url.startswith("http")} == {urlsplit(address).netloc}
