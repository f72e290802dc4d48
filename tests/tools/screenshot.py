# Copyright: (c) 2026, modelserving.kserve contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pictures of an HTML report, as Chromium shows it: wide and narrow, light and dark.

``python tests/tools/screenshot.py report.html directory [--height 1600]`` writes directory/<name>-<width>-<scheme>.png.
The name of the browser is taken from CHROMIUM, else the first of chromium, chromium-browser, google-chrome.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

WIDTHS = (1280, 390)
SCHEMES = {"light": 1, "dark": 0}  # Blink's PreferredColorScheme


def browser() -> str | None:
    """The path of a Chromium, or None."""
    names = [os.environ.get("CHROMIUM", ""), "chromium", "chromium-browser", "google-chrome"]
    return next((found for name in names if name and (found := shutil.which(name))), None)


def arguments(program: str, profile: str, width: int, height: int, scheme: str) -> list[str]:
    """Headless Chromium that asks nothing of any network."""
    return [
        program,
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-quic",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        "--hide-scrollbars",
        f"--user-data-dir={profile}",
        f"--window-size={width},{height}",
        f"--blink-settings=preferredColorScheme={SCHEMES[scheme]}",
    ]


def take(page: Path, target: Path, *, width: int, height: int, scheme: str) -> None:
    """One picture. Headless Chromium has no window narrower than 500 px: a narrow page is shown in a frame."""
    program = browser()
    assert program, "no Chromium was found: install one, or name it in CHROMIUM"
    with tempfile.TemporaryDirectory() as scratch:
        url = page.resolve().as_uri()
        if width < 500:
            frame = Path(scratch) / "frame.html"
            frame.write_text(
                f'<body style="margin:0"><iframe src="{url}" style="border:0;width:{width}px;height:{height}px">'
            )
            url = frame.as_uri()
        command = arguments(program, f"{scratch}/profile", max(width, 500), height, scheme)
        subprocess.run([*command, f"--screenshot={target}", url], check=True, capture_output=True, timeout=120)


def main(argv: list[str]) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("page", type=Path)
    parser.add_argument("directory", type=Path)
    parser.add_argument("--height", type=int, default=1600)
    given = parser.parse_args(argv)
    given.directory.mkdir(parents=True, exist_ok=True)
    for width in WIDTHS:
        for scheme in SCHEMES:
            target = given.directory / f"{given.page.stem}-{width}-{scheme}.png"
            take(given.page, target, width=width, height=given.height, scheme=scheme)
            print(target)


if __name__ == "__main__":
    main(sys.argv[1:])
