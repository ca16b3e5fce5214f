"""A browser without a window, to see what a page does."""

import json
import shutil
import subprocess
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

NAMES = ("chromium", "chromium-browser", "google-chrome")
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--use-gl=angle",
    "--use-angle=swiftshader",
    "--enable-unsafe-swiftshader",
    # No other name resolves: a page that asks for something from elsewhere does not get it.
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
    "--window-size=1200,900",
)
PATIENCE_S = 90
WATCH = """<script>window.errors = [];
addEventListener("error", (event) => errors.push(event.message));
addEventListener("unhandledrejection", (event) => errors.push(String(event.reason)));</script>"""
ASK = """<script>addEventListener("load", async () => {
  let found;
  try { found = await (async () => { %s })(); }
  catch (error) { found = {thrown: String(error)}; }
  fetch("/found", {method: "POST", body: JSON.stringify({...found, errors: window.errors})});
});</script>"""


def browser() -> str | None:
    """Return the browser's program, None where there is none."""
    return next(filter(None, map(shutil.which, NAMES)), None)


def probe(page: Path, script: str, profile: Path, width: int | None = None) -> dict[str, Any]:
    """Open a page, run a script in it, and return what the script gives.

    The script is the body of an async function. What the page throws comes back as ``errors``,
    and what it asks the server for, beside itself, as ``requests``. With a width, the page lies in
    a frame of as many pixels, since no window of the browser is as narrow as a phone.
    """
    html = page.read_text(encoding="utf-8").replace("<head>", f"<head>{WATCH}", 1)
    # The last one: the code of the viewer, which is part of the page, has one as well.
    before, end, after = html.rpartition("</body>")
    html = before + ASK % script + end + after
    with Server(html, width) as server:
        command = [str(browser()), *FLAGS, f"--user-data-dir={profile}"]
        address = f"http://127.0.0.1:{server.server_port}/"
        process = subprocess.Popen(
            [*command, address], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        try:
            server.answered.join(PATIENCE_S)
        finally:
            process.terminate()
            process.wait(20)
    assert server.found is not None, f"no answer from the page in {PATIENCE_S} s"
    return server.found


class Server(HTTPServer):
    """Serves one page until something is posted."""

    def __init__(self, html: str, width: int | None = None) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.timeout = 1
        self.pages, self.found, self.requests = {"/": html.encode()}, None, []
        if width is not None:
            frame = f'<iframe src="/framed" style="width:{width}px;height:800px;border:0">'
            self.pages = {"/": frame.encode(), "/framed": html.encode()}
        self.over = False
        self.answered = Thread(target=self._serve, daemon=True)
        self.answered.start()

    def _serve(self) -> None:
        while self.found is None and not self.over:
            self.handle_request()

    def __exit__(self, *about: object) -> None:
        self.over = True
        self.answered.join(5)
        super().__exit__(*about)


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        """Give the page; note everything else."""
        is_page = self.path in self.server.pages
        if not is_page and self.path != "/favicon.ico":
            self.server.requests.append(self.path)
        self.send_response(200 if is_page else 404)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.end_headers()
        if is_page:
            self.wfile.write(self.server.pages[self.path])

    def do_POST(self) -> None:
        """Take what the script found."""
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(204)
        self.end_headers()
        self.server.found = {**json.loads(body), "requests": self.server.requests}

    def log_message(self, *about: object) -> None:
        """Say nothing."""
