"""Reads the documentation site that `make docs` wrote, as its visitors do: in Chromium where that is, wide, narrow and dark."""

import html
import json
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
LOOKED_AT = ("index.html", "right.html", "options.html", "benchmarks.html", "cli.html", "reference/pipelines.html")
VIEWS = {"wide": ("1280,900",), "narrow": ("500,900",), "dark": ("1280,900", "--blink-settings=preferredColorScheme=0")}
SCRIPT = """<script>
addEventListener("load", () => setTimeout(() => {
  const lost = [...document.querySelectorAll("pre > code, table")].filter((box) => {
    for (let outer = box; outer; outer = outer.parentElement) {
      if (outer.scrollWidth <= outer.clientWidth + 1) continue;
      if (["auto", "scroll"].includes(getComputedStyle(outer).overflowX)) return false;
      if (outer === document.documentElement || getComputedStyle(outer).overflowX === "hidden") return true;
    }
    return false;
  }).map((box) => box.textContent.slice(0, 60));
  const ground = (kind) => [...document.querySelectorAll(".language-" + kind + " pre > code")].map(
    (code) => getComputedStyle(code).backgroundColor);
  document.title = JSON.stringify({
    lost, input: ground("python"), output: ground("text"), wide: document.documentElement.scrollWidth > innerWidth,
    broken: [...document.images].filter((one) => one.offsetWidth && !one.naturalWidth).map((one) => one.src),
    paper: getComputedStyle(document.body).backgroundColor});
}, 800));
</script>"""


def written(site: Path) -> list[str]:
    """What is wrong with the pages as they were written."""
    wrong = []
    settings = (ROOT / "tools" / "zensical.toml").read_text(encoding="utf-8")
    cargo = (ROOT / "Cargo.toml").read_text(encoding="utf-8")
    version = re.search(r'^version = "(.+)"', cargo, re.MULTILINE)
    repository = re.search(r'^repo_url = "(.+)"', settings, re.MULTILINE)
    assert version is not None
    assert repository is not None
    for page in re.findall(r'"([\w/]+)\.md"', settings):
        path = site / f"{page}.html"
        text = path.read_text(encoding="utf-8") if path.exists() else ""
        wrong += [f"{page}: no link to {repository[1]}"] if f'href="{repository[1]}"' not in text else []
        wrong += [f"{page}: no version {version[1]}"] if f"fastpost {version[1]}" not in text else []
    reference = (site / "reference" / "pipelines.html").read_text(encoding="utf-8")
    first = reference.partition('id="fastpost.accelerate"')[0]
    wrong += ["fastpost.pipeline begins with its overloads"] if first.count("doc-signature") != 1 else []
    for name in ("pipelines.onnx.OnnxTokenClassificationPipeline", "pipelines.onnx.OnnxQuestionAnsweringPipeline"):
        wrong += [f"no {name}.__call__"] if f'id="fastpost.{name}.__call__"' not in reference else []
    return wrong


def seen(site: Path, page: str, size: str, *more: str) -> dict:
    """What Chromium makes of a page."""
    with tempfile.TemporaryDirectory() as profile:
        path = (site / page).with_suffix(".looked-at.html")  # beside the page, for its links
        text = (site / page).read_text(encoding="utf-8")
        path.write_text(text.replace("</body>", SCRIPT + "</body>"), encoding="utf-8")
        command = [
            *(CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={profile}"),
            *(f"--window-size={size}", "--virtual-time-budget=5000", *more, "--dump-dom", path.as_uri()),
        ]
        done = subprocess.run(command, capture_output=True, timeout=180)
        path.unlink()
    title = re.search(r"<title>(.*?)</title>", done.stdout.decode(), re.DOTALL)
    assert title is not None, done.stderr.decode()
    return json.loads(html.unescape(title[1]))


def looked_at(site: Path) -> list[str]:
    """What is wrong with the pages as they are shown."""
    wrong, papers = [], {}
    for page in LOOKED_AT:
        for name, view in VIEWS.items():
            found = seen(site, page, *view)
            papers[name] = found["paper"]
            wrong += [f"{page}, {name}: the page is wider than the window"] if found["wide"] else []
            wrong += [f"{page}, {name}: the end of {text!r} can't be reached" for text in found["lost"]]
            wrong += [f"{page}, {name}: {source} is not shown" for source in found["broken"]]
            if set(found["input"]) & set(found["output"]):
                wrong.append(f"{page}, {name}: input and output look alike")
    if papers["dark"] == papers["wide"]:
        wrong.append("dark is as light as light")
    return wrong


def main() -> int:
    """Looks at the site in the folder that is named; 1 if something is wrong with it."""
    site = Path(sys.argv[1]).resolve()
    wrong = written(site)
    if CHROMIUM is None:
        print("not looked at: Chromium is absent")
    else:
        wrong += looked_at(site)
    print("\n".join(wrong) or f"{len(list(site.rglob('*.html')))} pages")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
