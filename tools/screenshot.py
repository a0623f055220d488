"""Picture a page in headless Chromium, at the widths and in the colour schemes asked for.

    python tools/screenshot.py report.html out/ --width 1440 390 --scheme light dark

Needs Chromium: `apt-get install chromium` on Debian, or CHROMIUM=/path/to/it. For the
typefaces of the pictures in the docs: `apt-get install fonts-inter fonts-urw-base35
fonts-jetbrains-mono fonts-noto-core fonts-noto-cjk`.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path


def find_chromium() -> str | None:
    """The browser that CHROMIUM names, or the first one on the path."""
    names = [os.environ.get("CHROMIUM", ""), "chromium", "chromium-browser", "google-chrome"]
    return next((path for name in names if name and (path := shutil.which(name))), None)


def run_chromium(browser: str, url: str, *options: str) -> str:
    """What headless Chromium prints for a page, with a profile of its own and no network."""
    with tempfile.TemporaryDirectory() as profile:
        command = [
            browser,
            "--headless=new",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-dev-shm-usage",
            "--no-first-run",
            "--hide-scrollbars",
            "--host-resolver-rules=MAP * ~NOTFOUND",
            f"--user-data-dir={profile}",
            *options,
            url,
        ]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def measure(browser: str, page: Path, width: int) -> tuple[int, int]:
    """Width and height in px that the page takes in a frame of the given width.

    The page runs no script, so a frame around it is asked.
    """
    with tempfile.TemporaryDirectory() as folder:
        frame = Path(folder) / "frame.html"
        frame.write_text(
            f"<iframe id=f src='{page.resolve().as_uri()}' "
            f"style='width:{width}px;height:800px;border:0'></iframe>"
            "<script>f.onload=()=>{const e=f.contentDocument.documentElement;"
            "document.title=e.scrollWidth+'x'+e.scrollHeight}</script>"
        )
        dom = run_chromium(
            browser,
            frame.as_uri(),
            "--allow-file-access-from-files",
            "--virtual-time-budget=9000",
            "--dump-dom",
        )
    match = re.search(r"<title>(\d+)x(\d+)</title>", dom)
    if not match:
        raise SystemExit(f"{page}: the browser did not lay the page out")
    return int(match[1]), int(match[2])


def picture(browser: str, page: Path, out: Path, width: int, height: int, scheme: str) -> None:
    """One PNG of the page; `scheme` is light or dark."""
    dark = (
        ["--blink-settings=preferredColorScheme=0"]
        if scheme == "dark"
        else ["--blink-settings=preferredColorScheme=1"]
    )
    with tempfile.TemporaryDirectory() as folder:
        # A window cannot be narrower than 500 px: a frame of the width asked for can.
        frame = Path(folder) / "frame.html"
        frame.write_text(
            "<meta name=color-scheme content='light dark'>"
            f"<body style='margin:0;background:#8f877d;display:grid;justify-content:center'>"
            f"<iframe src='{page.resolve().as_uri()}' "
            f"style='width:{width}px;height:{height}px;border:0;display:block'></iframe>"
        )
        run_chromium(
            browser,
            frame.as_uri(),
            *dark,
            f"--window-size={max(width, 500)},{height}",
            "--virtual-time-budget=9000",
            f"--screenshot={out}",
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("page", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--width", type=int, nargs="+", default=[1440, 390])
    parser.add_argument("--scheme", nargs="+", choices=("light", "dark"), default=["light", "dark"])
    parser.add_argument("--height", type=int, help="px to show; the whole page when left out")
    asked = parser.parse_args()
    browser = find_chromium()
    if browser is None:
        sys.exit("no Chromium found: apt-get install chromium, or set CHROMIUM to its path")
    asked.folder.mkdir(parents=True, exist_ok=True)
    for width in asked.width:
        height = asked.height or min(measure(browser, asked.page, width)[1], 16000)
        for scheme in asked.scheme:
            out = asked.folder / f"{asked.page.stem}-{width}-{scheme}.png"
            picture(browser, asked.page, out.resolve(), width, height, scheme)
            print(out)


if __name__ == "__main__":
    main()
