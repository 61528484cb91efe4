"""The element of the npm package of web/, in a browser."""

import json

import numpy as np
import pytest

import apercu
from apercu.format.container import read_header
from tests import browser, web_files, web_package
from tests.page_case import original
from tests.web_server import served

pytestmark = web_package.NEEDED
needs_browser = pytest.mark.skipif(browser.executable() is None, reason="no Chromium here")


@pytest.fixture(scope="module")
def dist():
    """The folder of the built package."""
    return web_package.build()


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
            document.createElement('apercu-img'), {{ placeholder: '{text}', width: 200 }})))""")
        made = "[...document.body.children].filter((e) => e.shadowRoot.firstChild).length"
        page.wait(f"{made} > 3")
        page.js("new Promise((resolve) => setTimeout(resolve, 500))")
        assert page.js(made) < 40, "those far away wait"
        page.js("document.body.lastChild.scrollIntoView()")
        page.wait("!!document.body.lastChild.shadowRoot.firstChild")
        page.js("document.body.replaceChildren()")
        assert all("404" in said for said in page.complaints)


@needs_browser
def test_an_element_whose_attributes_change_shows_what_they_say(dist, tmp_path):
    pictures = original(1, (60, 80)), original(2, (50, 40))
    for name, picture in zip(("one", "other"), pictures, strict=True):
        (tmp_path / f"{name}.apc").write_bytes(apercu.encode(picture, quality=45))
    text = web_files.encoded(apercu.placeholder(pictures[0], 32))
    (tmp_path / "browser").mkdir()
    with (
        served({"dist": dist, "files": tmp_path}) as (address, _),
        browser.opened(tmp_path / "browser") as page,
    ):
        page.call("Page.navigate", url=f"{address}/open")
        page.wait("location.pathname === '/open' && document.readyState === 'complete'")
        page.js(ELEMENT)
        size = "(({ width, height }) => [width, height])(element.getBoundingClientRect())"
        colour, rest = "getComputedStyle(element).backgroundColor", "new Promise((resolve) => setTimeout(resolve, 50))"
        none = "rgba(0, 0, 0, 0)"
        assert shown(page, src="/files/one.apc")[-1][0] == "load"
        page.js("void (element.remove(), element.src = '/files/other.apc', document.body.append(element))")
        page.wait("said.at(-1)[0] === 'load' && element.naturalWidth === 40")
        page.js("void (element.src = '')")
        page.wait("said.at(-1)[0] === 'error'")
        assert page.js("said.at(-1)[1]") == "TypeError", "and not the page itself, which is no picture"
        assert shown(page, src="/files/one.apc")[-1][0] == "load"
        page.js("void (element.src = null)")
        page.js(rest)
        assert page.js("pixel(element)") is None, "no address, no picture"
        assert shown(page, src="/files/one.apc", placeholder=text, strategy="colour")[-1][0] == "load"
        page.js("void (element.src = '/files/none.apc')")
        page.wait("said.at(-1)[0] === 'error'")
        assert page.js(f"pixel(element) ?? {colour}") != none
        assert page.js("pixel(element)") is None, "the colour, and not another picture"
        page.js("void (element.removeAttribute('src'), element.placeholder = null)")
        page.js(rest)
        assert page.js(colour) == none
        page.js(f"void show({json.dumps({'placeholder': text, 'strategy': 'colour'})})")
        page.wait(f"{colour} !== {json.dumps(none)}")
        page.js("void (element.width = 100)")
        assert page.js(size) == [100, 75], "by the proportions of the placeholder"
        assert shown(page, placeholder="?", width="30", height="20")[-1][:2] == ["error", "InvalidCharacterError"]
        assert page.js(size) == [30, 20]
        assert all("404" in said for said in page.complaints)
