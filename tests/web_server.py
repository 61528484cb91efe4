"""Pages for a browser, from this machine: the files of folders, and pages of tests with a policy each."""

import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

TYPES = {".js": "text/javascript", ".mjs": "text/javascript", ".json": "application/json", ".html": "text/html"}
STRICT = "default-src 'none'; script-src 'self'; connect-src 'self'; img-src data: blob:; style-src 'self'"
"""A policy without 'wasm-unsafe-eval', and without workers of the page's own making."""
PAGE = b'<!doctype html><html lang="en"><meta charset="utf-8"><title>Test</title><link rel="icon" href="data:,"><body></body></html>'


@contextmanager
def served(folders):
    """The address of a server. `folders`: by the first part of a path. /open and /strict are empty pages; /slow/N/… is a file that
    comes in pieces of N bytes, a twentieth of a second apart."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            first, _, rest = self.path.lstrip("/").partition("/")
            pieces = 0
            if first == "slow":
                pieces, (first, _, rest) = int(rest.partition("/")[0]), rest.partition("/")[2].partition("/")
            path = folders.get(first, Path("/nowhere")) / rest.partition("?")[0]
            if first in ("open", "strict"):
                self.answer(PAGE, "text/html", {"Content-Security-Policy": STRICT} if first == "strict" else {})
            elif path.is_file():
                self.answer(path.read_bytes(), TYPES.get(path.suffix, "application/octet-stream"), {}, pieces)
            else:
                self.send_error(404)

        def answer(self, content, type, headers, piece=0):
            self.send_response(200)
            for name, value in {"Content-Type": type, "Content-Length": len(content), **headers}.items():
                self.send_header(name, str(value))
            self.end_headers()
            for at in range(0, len(content), piece or len(content)):
                self.wfile.write(content[at : at + (piece or len(content))])
                self.wfile.flush()
                if piece:
                    threading.Event().wait(0.05)

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
