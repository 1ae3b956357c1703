"""Opens a page in headless Chromium and reports which characters are in colour, what runs and what is fetched."""

import html
import json
import re
import shutil
import subprocess
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


def in_browser(test):
    """Marks a test that is skipped where Chromium is absent."""
    return pytest.mark.browser(pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium")(test))


HOSTILE = (
    "<script>ran.push('script')</script>"
    "<img src='http://leak.example/picture.png' onerror=\"ran.push('image')\">"
    "<svg onload=\"ran.push('svg')\"></svg>"
    "<link rel=stylesheet href='http://leak.example/sheet.css'>"
    "<style>@import url(http://leak.example/more.css);body{background:url(http://leak.example/ground.png)}</style>"
    "</style></title></div></mark></bdi>\"'><iframe src='http://leak.example/frame.html'></iframe>&lt;b&gt;"
)
"""Tells `ran` that it ran, and asks for files, where it is not escaped."""

BEFORE = "<script>const ran = [];</script>"
SCRIPT = """<script>
addEventListener("load", () => setTimeout(() => {
  const fetched = performance.getEntriesByType("resource").map((entry) => entry.name);
  const found = [...document.querySelectorAll(".fp-text, .fp-pair")].map((block) => {
    const walker = document.createTreeWalker(block, NodeFilter.SHOW_TEXT);
    const coloured = [], tags = [], hidden = [], gaps = [], apart = [];
    let text = "", node, last = null;
    while ((node = walker.nextNode())) {
      const parent = node.parentElement, style = getComputedStyle(parent);
      if (parent.closest(".fp-names, .fp-" + HIDDEN)) continue;
      const tag = parent.closest(".fp-tag");
      const box = document.createRange(); box.selectNodeContents(node);
      if (tag) {
        tags.push([node.data, getComputedStyle(tag).color, getComputedStyle(tag).backgroundColor]);
        const place = box.getClientRects()[0];
        if (last) gaps.push(place.bottom - last.bottom);
        const whole = tag.getBoundingClientRect();
        if (last) apart.push(Math.max(whole.left - last.right, last.left - whole.right));
        last = null;
        continue;
      }
      if (parent.closest(".fp-sr")) { hidden.push([parent.offsetWidth, parent.offsetHeight]); continue; }
      const from = [...text].length;
      text += node.data;
      last = [...box.getClientRects()].at(-1);
      if (style.backgroundColor !== "rgba(0, 0, 0, 0)" || style.backgroundImage !== "none")
        coloured.push([from, [...text].length, style.color, style.backgroundColor, box.getBoundingClientRect().x,
                       box.getBoundingClientRect().width]);
    }
    const selection = getSelection();
    selection.selectAllChildren(block);
    const copied = selection.toString();
    selection.removeAllRanges();
    return {text, coloured, tags, hidden, gaps, apart, copied};
  });
  const page = getComputedStyle(document.querySelector(".fastpost"));
  const wide = document.documentElement.scrollWidth > innerWidth;
  document.body.textContent = JSON.stringify(
    {found, ran, fetched, wide, title: document.title, ink: page.color, paper: page.backgroundColor});
}, 300));
</script>"""


@contextmanager
def proxy():
    """A proxy that answers nothing and records each request, and its address."""
    asked = []

    class Handler(BaseHTTPRequestHandler):
        def refuse(self):
            asked.append(self.requestline)
            self.send_error(404)

        do_GET = do_POST = do_HEAD = do_CONNECT = refuse  # noqa: N815  # names that http.server looks for

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield asked, f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def opened(folder, page, *, dark=False, lines="second"):
    """Opens a page in Chromium and returns what it shows and does.

    Args:
        folder: an empty one.
        page: the HTML, with one `</body>`.
        dark: whether the reader has chosen dark.
        lines: which line to read where each text is shown twice: "first" or "second".

    Returns:
        `found`: for each text, its characters, which of them are in colour, its tags and what only a screen reader says; `ran` and
        `fetched`: what HOSTILE ran and which addresses the page requested; `asked`: the requests that the proxy saw;
        `wide`: whether the page is wider than the window; `title`; `ink` and `paper`, the colours of text and ground.
    """
    assert page.count("</body>") == page.count("<body") == 1
    script = SCRIPT.replace("HIDDEN", json.dumps({"first": "second"}.get(lines, "first")))
    page = re.sub("(<body[^>]*>)", lambda tag: tag[1] + BEFORE, page).replace("</body>", script + "</body>")
    path = folder / "opened.html"
    path.write_text(page, encoding="utf-8", newline="")
    with proxy() as (asked, address):
        command = [
            *(CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking"),
            *(f"--user-data-dir={folder / 'profile'}", f"--proxy-server={address}", "--virtual-time-budget=5000"),
            *(["--blink-settings=preferredColorScheme=0"] if dark else []),
        ]
        done = subprocess.run([*command, "--dump-dom", path.as_uri()], capture_output=True, timeout=180)
    body = re.search(r"<body[^>]*>(.*)</body>", done.stdout.decode(), re.DOTALL)
    assert body is not None, done.stderr.decode()
    return {**json.loads(html.unescape(body[1])), "asked": [line for line in asked if "leak.example" in line]}
