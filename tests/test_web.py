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
from apercu.format.container import read_header
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
    told |= {"encodings": web_files.ENCODINGS}
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
    large = web_files.drawn(300, 220)
    assert node["large"] == list(wanted(large))
    layers = [apercu.info(apercu.encode(large, quality=quality))["layers"] for quality in (5, 30, 70)]
    assert len(set(layers)) > 1, "the sizes decide"


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
    assert node["refused"] == mistakes


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


ELEMENT = """(async () => {
    await import('/dist/element.js');
    const { ApercuImg } = await import('/dist/element.js'), said = window.said = [];
    window.show = (attributes) => new Promise((resolve) => {
        const element = window.element = document.createElement('apercu-img');
        said.length = 0;
        for (const name of ['progress', 'load', 'error'])
            element.addEventListener(name, (event) => {
                const { layers, error, info } = event.detail, { width, height } = element.getBoundingClientRect();
                said.push([name, layers ?? error?.name ?? info.layers, width, height, pixel(element)]);
                if (name !== 'progress') resolve(said);
            });
        for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
        document.body.replaceChildren(element);
    });
    window.pixel = ({ shadowRoot: { firstChild: shown } }) => {
        if (!shown?.localName) return null;
        const width = shown.naturalWidth || shown.width, height = shown.naturalHeight || shown.height;
        const canvas = Object.assign(document.createElement('canvas'), { width, height });
        canvas.getContext('2d').drawImage(shown, 0, 0);
        return [shown.localName, ...canvas.getContext('2d').getImageData(width >> 1, 3, 1, 1).data];
    };
})()"""


def shown(page, **attributes):
    """What an element says of a picture, until it is there."""
    return page.js(f"show({json.dumps(attributes)})")


@needs_browser
def test_the_element_paints_a_picture_as_its_layers_arrive(dist, tmp_path):
    picture = original(1, (180, 240))
    data, placeholder = apercu.encode(picture, quality=45, layers=4), apercu.placeholder(picture, 32)
    header = read_header(data)
    ends = (header.head_size + np.cumsum(np.array(header.lengths) + 4)).tolist()
    (tmp_path / "gated.apc").write_bytes(data)
    (tmp_path / "wrong.apc").write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    text = web_files.encoded(placeholder)
    red, green, blue = apercu.placeholder_info(placeholder)["colour"]
    (tmp_path / "browser").mkdir()

    def wanted(name, layers, width, height, tag="canvas", n=None):
        return [name, layers, width, height, [tag, *apercu.decode(data, layers=n)[3, 120].tolist(), 255]]

    with (
        served({"dist": dist, "files": tmp_path}, {"gated.apc": ends[:3]}) as (address, gate),
        browser.opened(tmp_path / "browser") as page,
    ):
        for path in "open", "strict":
            page.call("Page.navigate", url=f"{address}/{path}")
            page.wait(f"location.pathname === '/{path}' && document.readyState === 'complete'")
            page.js(ELEMENT)
            while gate.acquire(blocking=False):
                pass
            page.js(f"void show({json.dumps({'src': '/files/gated.apc', 'placeholder': text, 'alt': 'Squares'})})")
            page.wait("pixel(element)")
            of = apercu.placeholder_image(placeholder, (96, 128))[3, 64].tolist()
            assert page.js("pixel(element)") == ["canvas", *of, 255]
            for n in 1, 2, 3, 4:
                gate.release()
                page.wait(f"said.length >= {n}")
                assert page.js(f"said[{n - 1}]") == wanted("progress", n, 240, 180, n=n)
            page.wait("said.length >= 5")
            assert page.js("said[4]") == wanted("load", 4, 240, 180)
            assert page.js("[element.getAttribute('role'), element.getAttribute('aria-label')]") == ["img", "Squares"]
            assert page.js("[element.naturalWidth, element.naturalHeight, element.complete]") == [240, 180, True]
            for _ in range(5 * len(ends)):
                gate.release()
            said = shown(page, src="/files/gated.apc", strategy="img", width="120", alt="")
            assert said[-1] == wanted("load", 4, 120, 90, "img")
            assert page.js("element.getAttribute('role')") == "presentation"
            assert [line[:2] for line in shown(page, src="/files/wrong.apc")][-1] == ["error", "ChecksumError"]
            assert shown(page, src="/files/wrong.apc", damaged="conceal")[-1] == wanted("load", 4, 240, 180, n=3)
            assert shown(page, src="/files/none.apc")[-1][:2] == ["error", "Error"]
        assert shown(page, src="/files/gated.apc", restore="cnn")[-1][:2] == ["error", "Error"]  # by whom is not said
        page.js("""(async () => { (await import('/dist/element.js')).ApercuImg.restorer = async (bytes, name) => {
            const { decode } = await import('/dist/apercu.js'), image = await decode(bytes);
            image.data.fill(name === 'cnn' ? 9 : 0);
            return image; }})()""")
        assert shown(page, src="/files/gated.apc", restore="cnn")[-1][4] == ["canvas", 9, 9, 9, 255]
        page.js("document.body.style.paddingTop = '9000px'")
        page.js(
            f"void show({json.dumps({'src': '/files/gated.apc', 'loading': 'lazy', 'width': '60', 'height': '45'})})"
        )
        page.js("new Promise((resolve) => setTimeout(resolve, 300))")
        assert page.js("said.length") == 0
        page.js("element.scrollIntoView()")
        page.wait("said.at(-1)?.[0] === 'load'")
        page.js("document.body.style.paddingTop = ''")
        page.js("document.body.style.width = '200px'")
        page.js(f"void show({json.dumps({'placeholder': text, 'strategy': 'colour', 'width': '100'})})")
        page.wait("getComputedStyle(element).backgroundColor !== 'rgba(0, 0, 0, 0)'")
        assert page.js("getComputedStyle(element).backgroundColor") == f"rgb({red}, {green}, {blue})"
        assert page.js("element.getBoundingClientRect().height") == 75
        page.js(f"void show({json.dumps({'placeholder': text})})")
        page.wait("pixel(element)")
        assert page.js("element.getBoundingClientRect().height") == 150


@needs_browser
def test_the_element_is_as_web_developers_expect(dist, tmp_path):
    picture = original(1, (60, 80))
    (tmp_path / "picture.apc").write_bytes(apercu.encode(picture, quality=45))
    text = web_files.encoded(apercu.placeholder(picture, 32))
    (tmp_path / "browser").mkdir()
    with (
        served({"dist": dist, "files": tmp_path}) as (address, _),
        browser.opened(tmp_path / "browser") as page,
    ):
        page.call("Page.navigate", url=f"{address}/open")
        page.wait("location.pathname === '/open' && document.readyState === 'complete'")
        page.js(ELEMENT)
        assert shown(page, src="/files/picture.apc", **{"aria-label": "Of the page"})[-1][0] == "load"
        assert page.js("[element.getAttribute('aria-label'), element.width, element.height]") == ["Of the page", 80, 60]
        n = "performance.getEntriesByType('resource').filter(({ name }) => name.endsWith('.apc')).length"
        assert page.js(n) == 1
        page.js("document.body.append(document.createElement('p'), element)")  # moved: it stays as it is
        page.js("new Promise((resolve) => setTimeout(resolve, 100))")
        assert page.js(f"[{n}, element.complete, pixel(element)[0]]") == [1, True, "canvas"]
        page.js("void (element.width = 40, element.alt = 'Squares', element.src = '/files/none.apc')")
        page.wait("said.at(-1)[0] === 'error'")
        shown_text = (
            "[element.shadowRoot.textContent, element.shadowRoot.children.length, element.getAttribute('width')]"
        )
        assert page.js(shown_text) == ["Squares", 0, "40"], "another picture's pixels are no longer there"
        page.js("void (element.src = '/files/picture.apc', element.width = null)")
        page.wait("said.at(-1)[0] === 'load'")
        assert page.js("[element.hasAttribute('width'), element.src]") == [False, "/files/picture.apc"]
        page.js(f"""document.body.replaceChildren(...Array.from({{ length: 100 }}, () => Object.assign(
            document.createElement('apercu-img'), {{ placeholder: '{text}', width: 400 }})))""")
        made = "[...document.body.children].filter((e) => e.shadowRoot.firstChild).length"
        page.wait(f"{made} > 3")
        page.js("new Promise((resolve) => setTimeout(resolve, 500))")
        assert page.js(made) < 40, "those far away wait"
        page.js("document.body.lastChild.scrollIntoView()")
        page.wait("!!document.body.lastChild.shadowRoot.firstChild")
        page.js("document.body.replaceChildren()")
        assert all("404" in said for said in page.complaints)


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
        n_bytes, psnr = found["apercu"]
        assert all(n <= n_bytes and less < psnr for name, (n, less) in found.items() if name != "apercu")
        assert page.js("document.querySelector('#small').shadowRoot.firstChild.width") == 128
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
