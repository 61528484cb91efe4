"""Pages for a browser, from this machine: the files of folders, and pages of tests with a policy each."""

import itertools
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

TYPES = {
    ".css": "text/css",
    ".js": "text/javascript",
    ".mjs": "text/javascript",
    ".json": "application/json",
    ".html": "text/html",
}
STRICT = "default-src 'none'; script-src 'self'; connect-src 'self'; img-src data: blob:; style-src 'self'"
"""A policy without 'wasm-unsafe-eval', and without workers of the page's own making."""
POLICIES = {
    "strict": STRICT,
    "wasm": STRICT.replace("script-src 'self'", "script-src 'self' 'wasm-unsafe-eval'"),
    "worker": f"{STRICT}; worker-src blob:",
}
"""By the names of pages: nothing but files of their own, WebAssembly without a worker, and a worker without it."""
PAGE = b"""<!doctype html><html lang="en"><meta charset="utf-8"><title>Test</title><link rel="icon" href="data:,">"""


@contextmanager
def served(folders, gated=None):
    """The address of a server, and a gate. `folders`: by the first part of a path. /open is an empty page, and so are
    those of POLICIES. `gated`: by the name of a file, where it is cut in parts, each of which goes out when the gate is
    released once more."""
    gate = threading.Semaphore(0)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            first, _, rest = self.path.lstrip("/").partition("/")
            path = folders.get(first, Path("/nowhere")) / rest.partition("?")[0]
            if first == "open" or first in POLICIES:
                policy = {"Content-Security-Policy": POLICIES[first]} if first in POLICIES else {}
                self.answer(PAGE, "text/html", policy, [])
            elif path.is_file():
                type = TYPES.get(path.suffix, "application/octet-stream")
                self.answer(path.read_bytes(), type, {}, (gated or {}).get(path.name, []))
            else:
                self.send_error(404)

        def answer(self, content, type, headers, cuts):
            self.send_response(200)
            for name, value in {"Content-Type": type, "Content-Length": len(content), **headers}.items():
                self.send_header(name, str(value))
            self.end_headers()
            for start, end in itertools.pairwise([0, *cuts, len(content)]):
                if cuts:
                    gate.acquire(timeout=20)
                self.wfile.write(content[start:end])
                self.wfile.flush()

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}", gate
    finally:
        server.shutdown()
        server.server_close()
