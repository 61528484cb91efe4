"""The npm package of web/: in Node and in a browser, held to the vectors and to the package."""

import fcntl
import gzip
import json
import shutil
import subprocess
from pathlib import Path

import pytest

import apercu
from tests import browser, web_files
from tests.page_case import original
from tests.web_server import served

TESTS = Path(__file__).parent
WEB = TESTS.parent / "web"
TOOLS = "clang", "wasm-ld", "node", "npm", "make"
MISSING = [tool for tool in TOOLS if shutil.which(tool) is None]
pytestmark = pytest.mark.skipif(bool(MISSING), reason=f"not here: {', '.join(MISSING)}")
needs_browser = pytest.mark.skipif(browser.executable() is None, reason="no Chromium here")
ENGINES = "scalar", "simd", "javascript"
MOST_BYTES = {
    "apercu.js": 18_000,
    "simd.js": 14_500,
    "fallback.js": 8_000,
    "element.js": 2_500,
    "model-2.js": 23_000,
    "pictures.js": 1_500,
    "stream.js": 2_000,
    "users.js": 600,
}
"""Of the files of the package, minified and compressed by zlib."""


@pytest.fixture(scope="module")
def dist():
    """The folder of the built package."""
    (WEB / "build").mkdir(exist_ok=True)
    with open(WEB / "build" / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # several processes test at once
        made = subprocess.run(["make", "-s", "-C", str(WEB)], capture_output=True, text=True)
    if "node_modules/.stamp" in made.stderr:
        pytest.skip("npm cannot fetch what the package is built with")
    assert made.returncode == 0, made.stderr
    return WEB / "dist"


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Cases, and the folder of the file that lists them."""
    folder, cases = tmp_path_factory.mktemp("web"), web_files.cases()
    (folder / "cases.json").write_text(web_files.listed(cases))
    return cases, folder


def test_files_are_as_small_as_promised(dist):
    sizes = {path.name: len(gzip.compress(path.read_bytes(), 9)) for path in dist.glob("*.js")}
    assert {name for name, size in sizes.items() if size > MOST_BYTES[name]} == set()
    assert sizes["apercu.js"] > 9000  # nothing has been left out


def test_node_makes_of_all_files_what_it_should(dist, files):
    cases, folder = files
    command = ["node", str(TESTS / "web_node.mjs"), str(dist / "apercu.js"), str(folder / "cases.json")]
    found = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    assert sorted(found) == sorted(ENGINES)
    for engine in ENGINES:
        assert web_files.differences(cases, found[engine]) == []


def loaded(page):
    """The names of the files that the page has loaded."""
    names = page.js("performance.getEntriesByType('resource').map((entry) => entry.name.split('/').pop())")
    return {name for name in names if name.endswith(".js")}


def run_all(page, address, path, engine=""):
    """What a page makes of all cases."""
    page.call("Page.navigate", url=f"{address}/{path}")
    page.wait(f"location.pathname === '/{path}' && document.readyState === 'complete'")
    return page.js(f"""(async () => {{
        const [apercu, {{ run }}] = await Promise.all([import('/dist/apercu.js'), import('/tests/web_cases.mjs')]);
        if ('{engine}') apercu.configure({{ engine: '{engine}' }});
        return run(apercu, await (await fetch('/files/cases.json')).json());
    }})()""")


@needs_browser
def test_a_browser_makes_of_all_files_what_it_should(dist, files, tmp_path):
    cases, folder = files
    (folder / "large.apc").write_bytes(apercu.encode(original(1, (512, 512)), quality=30))
    with served({"dist": dist, "tests": TESTS, "files": folder}) as address, browser.opened(tmp_path) as page:
        for engine in "", "simd":
            assert web_files.differences(cases, run_all(page, address, "open", engine)) == []
            wanted = {"apercu.js", "model-2.js", "users.js"} | ({"simd.js"} if engine else set())
            assert loaded(page) == wanted, "small pictures take no more than this"
        assert page.complaints == []
        assert web_files.differences(cases, run_all(page, address, "strict")) == []
        assert loaded(page) == {"apercu.js", "model-2.js", "users.js", "fallback.js"}
        assert all("Content Security Policy" in said for said in page.complaints)
