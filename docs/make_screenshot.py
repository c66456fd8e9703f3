"""
Takes the README's picture of the page: runs the demo in a temporary folder and photographs it while it trains.

    python docs/make_screenshot.py [--out docs/images/project.png]

Needs the ``dev`` extra and a Chromium on the PATH.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

CHROMIUM_ARGUMENTS = ("--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-sync")
POINTS = 4000


def main() -> None:
    """Start the demo, wait until its curves have a shape, take the picture, stop the demo."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "images" / "project.png")
    parser.add_argument("--theme", choices=("light", "dark"), default="light")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        environment = {
            **os.environ,
            "TRIALOG_CONFIG_DIR": str(Path(folder) / "config"),
            "USER": "ada",
            "LOGNAME": "ada",
        }
        command = [sys.executable, "-m", "trialog", "demo", "--no-browser", "--dir", str(Path(folder) / "demo")]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as demo:
            try:
                photograph(read_link(demo), arguments.out, arguments.theme)
            finally:
                demo.send_signal(signal.SIGINT)
    print(arguments.out)


def read_link(demo: subprocess.Popen[str]) -> str:
    """Return the page's address with its login code, as the demo prints it."""
    assert demo.stdout is not None
    for line in demo.stdout:
        found = re.search(r"http://\S+#login=\S+", line)
        if found:
            return found[0]
    raise SystemExit("the demo did not start")


def photograph(link: str, out: Path, theme: str) -> None:
    """Open the project's page, wait for the curves and save the picture."""
    base = link.split("/#")[0]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=CHROMIUM_ARGUMENTS)
        page = browser.new_page(viewport={"width": 1280, "height": 744}, color_scheme=theme)  # type: ignore[arg-type]
        page.goto(link)
        page.get_by_role("link", name="digits").click()
        page.goto(f"{page.url if '/digits' in page.url else base}?smooth=0.6")
        wait_for_points(page)
        out.parent.mkdir(parents=True, exist_ok=True)
        page.screenshot(path=out)
        browser.close()


def wait_for_points(page: Page) -> None:
    """Wait until the training loss of all runs together has enough points to look at."""
    script = """(least) => {
        const chart = document.querySelector("[data-testid=chart][data-key='train/loss']");
        return chart && Number(chart.dataset.points) > least;
    }"""
    page.wait_for_function(script, arg=POINTS, timeout=120_000)


if __name__ == "__main__":
    main()
