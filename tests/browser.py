"""A headless Chromium for tests, over the DevTools protocol."""

import base64
import json
import os
import shutil
import subprocess
import time
from contextlib import contextmanager, suppress
from pathlib import Path

from websockets.sync.client import connect

NAMES = "chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome"
FLAGS = [
    "--headless=new",
    "--no-sandbox",  # which root may not have
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",  # of a container, which may be small
    "--remote-debugging-port=0",
]
DEADLINE = 20.0  # seconds
KEY_CODES = {"ArrowLeft": 37, "ArrowUp": 38, "ArrowRight": 39, "ArrowDown": 40, "Home": 36, "End": 35}
KEY_CODES |= {"Escape": 27, "Tab": 9, "Enter": 13, " ": 32}
SHIFT = 8


def executable():
    """The path of a Chromium or Chrome, or None."""
    return next(filter(None, map(shutil.which, NAMES)), None)


class Page:
    """One tab: what it says, and the pointer and the keys of its user."""

    def __init__(self, socket):
        self.socket = socket
        self.number = 0
        self.requests = []  # addresses
        self.complaints = []  # errors and warnings of the console, and exceptions
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")

    def call(self, method, **parameters):
        """Call the protocol; what happens meanwhile is noted."""
        self.number += 1
        self.socket.send(json.dumps({"id": self.number, "method": method, "params": parameters}))
        while True:
            message = json.loads(self.socket.recv(timeout=DEADLINE))
            if message.get("id") == self.number:
                assert "error" not in message, message
                return message["result"]
            self.note(message.get("method"), message.get("params"))

    def note(self, event, what):
        if event == "Network.requestWillBeSent":
            self.requests.append(what["request"]["url"])
        elif event == "Runtime.exceptionThrown":
            self.complaints.append(json.dumps(what["exceptionDetails"])[:2000])
        elif event == "Log.entryAdded" and what["entry"]["level"] in ("error", "warning"):
            self.complaints.append(what["entry"]["text"])
        elif event == "Runtime.consoleAPICalled" and what["type"] in ("error", "warning", "assert"):
            self.complaints.append(str(what["args"]))

    def size(self, width, height, *, dense=1, dark=False, phone=False):
        self.call(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=dense, mobile=phone
        )
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.call("Emulation.setEmulatedMedia", features=[scheme])

    def open(self, path):
        """Open a file; returns the seconds until its first pictures are drawn."""
        begun = time.monotonic()
        self.call("Page.navigate", url=Path(path).as_uri())
        self.settle()
        return time.monotonic() - begun

    def js(self, expression):
        """The value of a JavaScript expression, a promise's when it is one."""
        got = self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in got, got
        return got["result"].get("value")

    def wait(self, expression):
        """Wait until a JavaScript expression holds."""
        end = time.monotonic() + DEADLINE
        while not self.js(expression):
            assert time.monotonic() < end, f"still not so: {expression}; {self.complaints}"
            time.sleep(0.01)

    def settle(self):
        """Wait until the pictures that are chosen are drawn."""
        self.wait("document.querySelector('#stage')?.getAttribute('aria-busy') === 'false'")

    def key(self, *keys, shift=False):
        """Press and release keys, one after the other."""
        for key in keys:
            self.key_down(key, shift=shift)
            self.key_up(key)
        self.settle()

    def key_down(self, key, *, shift=False):
        code = KEY_CODES.get(key) or ord(key.upper())
        parameters = {"key": key, "windowsVirtualKeyCode": code, "modifiers": SHIFT if shift else 0}
        if text := "\r" if key == "Enter" else key if len(key) == 1 else "":
            parameters["text"] = text
        self.call("Input.dispatchKeyEvent", type="keyDown", **parameters)

    def key_up(self, key):
        code = KEY_CODES.get(key) or ord(key.upper())
        self.call("Input.dispatchKeyEvent", type="keyUp", key=key, windowsVirtualKeyCode=code)

    def centre(self, selector):
        """Where the middle of an element is, scrolled into view."""
        return self.js(
            f"(() => {{ const e = document.querySelector({json.dumps(selector)}); e.scrollIntoViewIfNeeded?.();"
            "const b = e.getBoundingClientRect(); return [b.x + b.width / 2, b.y + b.height / 2]; })()"
        )

    def pointer(self, kind, x, y):
        """Send "mousePressed", "mouseMoved" or "mouseReleased"."""
        button = {"button": "left", "buttons": 0 if kind == "mouseReleased" else 1, "clickCount": 1}
        self.call("Input.dispatchMouseEvent", type=kind, x=x, y=y, **button)

    def click(self, selector):
        x, y = self.centre(selector)
        self.pointer("mousePressed", x, y)
        self.pointer("mouseReleased", x, y)
        self.settle()

    def drag(self, start, end):
        self.pointer("mousePressed", *start)
        for share in (0.3, 0.7, 1):
            self.pointer("mouseMoved", *(a + share * (b - a) for a, b in zip(start, end, strict=True)))
        self.pointer("mouseReleased", *end)
        self.settle()

    def screenshot(self, path):
        Path(path).write_bytes(base64.b64decode(self.call("Page.captureScreenshot", format="png")["data"]))


@contextmanager
def opened(profile):
    """A tab of a browser of its own, whose user data lie in the folder `profile`, which is empty."""
    with open(Path(profile) / "browser.log", "wb") as log:
        command = [executable(), *FLAGS, f"--user-data-dir={profile}", "about:blank"]
        environment = os.environ | {"HOME": str(profile)}
        process = subprocess.Popen(command, stdout=log, stderr=log, stdin=subprocess.DEVNULL, env=environment)
    try:
        with connect(_address(Path(profile), process), max_size=None, proxy=None) as socket:
            yield Page(socket)
            with suppress(OSError):
                socket.send(json.dumps({"id": 0, "method": "Browser.close"}))
    finally:
        process.terminate()
        process.wait(DEADLINE)


def _address(profile, process):
    """The address of the browser's tab, once it listens."""
    end = time.monotonic() + DEADLINE
    port = profile / "DevToolsActivePort"
    while not (port.exists() and port.read_text().count("\n")):
        assert process.poll() is None, (profile / "browser.log").read_text(errors="replace")
        assert time.monotonic() < end, "the browser does not start"
        time.sleep(0.02)
    number, browser = port.read_text().split()
    with connect(f"ws://127.0.0.1:{number}{browser}", proxy=None) as socket:
        while True:
            socket.send(json.dumps({"id": 1, "method": "Target.getTargets"}))
            tabs = json.loads(socket.recv(timeout=DEADLINE))["result"]["targetInfos"]
            if tabs := [tab for tab in tabs if tab["type"] == "page"]:
                return f"ws://127.0.0.1:{number}/devtools/page/{tabs[0]['targetId']}"
