"""Pictures of the page of `plantain serve`, taken in headless Chromium: what people see, wide and on a phone.

    python benchmarks/page_pictures.py -o docs/page.png [--every FOLDER]

Starts a server with the embedded generator, drops the sample photo of a cup, asks how far it is, and marks two points.
`--every`: a folder for a picture of each state besides (refused, legend, points in space, compared).
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import Any

from PIL import Image
from playwright.sync_api import Page, sync_playwright

import plantain

CUP = Path(plantain.__file__).parent / "samples" / "coffee.jpg"
FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--use-angle=swiftshader", "--enable-unsafe-swiftshader"]
WIDE = {"viewport": {"width": 1280, "height": 1060}}
PHONE = {"viewport": {"width": 390, "height": 960}, "device_scale_factor": 2, "is_mobile": True, "has_touch": True}
HEIGHT, COLORS, MARGIN = 860, 224, 16  # of the picture: pixels, colors, pixels
WAIT_MS = 120_000


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("-o", "--out", type=Path, default=Path("docs/page.png"))
    parser.add_argument("--every", type=Path, help="a folder for pictures of every state")
    parser.add_argument("--port", type=int, default=8765)
    given = parser.parse_args()
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if chromium is None:
        print("no Chromium is installed", file=sys.stderr)
        return 2
    with serving(given.port) as url, sync_playwright() as started:
        browser = started.chromium.launch(executable_path=chromium, args=FLAGS)
        wide, phone = opened(browser, url, WIDE), opened(browser, url, PHONE)
        for page in (wide, phone):
            answered(page)
        pictures = [picture(wide), picture(phone)]
        if given.every is not None:
            every(wide, given.every / "wide")
            every(phone, given.every / "phone")
        browser.close()
    side_by_side(pictures).save(given.out, optimize=True)
    print(f"{given.out}: {given.out.stat().st_size} bytes")
    return 0


@contextmanager
def serving(port: int) -> Iterator[str]:
    command = [sys.executable, "-m", "plantain", "serve", "--port", str(port)]
    with tempfile.TemporaryFile() as log:
        server = subprocess.Popen(command, stderr=log, env=os.environ | {"OMP_NUM_THREADS": "1"})
        try:
            yield f"http://127.0.0.1:{port}/ui/"
        finally:
            server.terminate()
            server.wait(90)


def opened(browser: Any, url: str, screen: dict[str, Any]) -> Page:
    page = browser.new_context(**screen).new_page()
    page.set_default_timeout(WAIT_MS)
    for _ in range(60):  # until the server is up
        try:
            page.goto(url)
            break
        except Exception:
            page.wait_for_timeout(1000)
    page.wait_for_selector("#ask")
    page.wait_for_timeout(1000)
    return page


def answered(page: Page) -> None:
    """How far the cup is, two points marked, in a camera of 50 degrees."""
    page.set_input_files("#photo input[type=file]", CUP)
    page.get_by_text("Options", exact=True).click()
    page.fill("#fov input", "50")
    page.get_by_text("Options", exact=True).click()
    page.fill("#question textarea", "how far is the cup?")
    page.click("#ask")
    page.wait_for_selector("#viewer .pl-choices input", state="attached")
    page.wait_for_timeout(2000)
    page.locator("#viewer .pl-choices label", has_text="metric depth").click()
    stage = page.locator("#viewer .pl-stage")
    box = stage.bounding_box()
    for x, y in ((0.5, 0.25), (0.72, 0.62)):
        stage.click(position={"x": box["width"] * x, "y": box["height"] * y})
    page.wait_for_selector("#viewer .pl-apart")
    page.mouse.move(0, 0)
    page.wait_for_timeout(1500)


def picture(page: Page) -> Image.Image:
    return Image.open(BytesIO(page.screenshot())).convert("RGB")


def side_by_side(pictures: list[Image.Image]) -> Image.Image:
    """Pictures at one height, in few colors, so that the file is small."""
    sizes = [(round(one.width * HEIGHT / one.height), HEIGHT) for one in pictures]
    scaled = [one.resize(size, Image.Resampling.LANCZOS) for one, size in zip(pictures, sizes, strict=True)]
    width = sum(one.width for one in scaled) + MARGIN * (len(scaled) + 1)
    sheet = Image.new("RGB", (width, HEIGHT + 2 * MARGIN), (225, 228, 232))
    x = MARGIN
    for one in scaled:
        sheet.paste(one, (x, MARGIN))
        x += one.width + MARGIN
    return sheet.quantize(COLORS, method=Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)


def every(page: Page, folder: Path) -> None:
    """A picture of each other state."""
    folder.mkdir(parents=True, exist_ok=True)

    def shot(name: str) -> None:
        page.screenshot(path=folder / f"{name}.png", full_page=True)

    def tab(name: str) -> None:
        page.get_by_role("tab", name=name).click()

    shot("answer")
    tab("3-D")
    page.click("#make-cloud")
    page.wait_for_timeout(8000)
    shot("space")
    tab("Compare")
    page.click("#compare")
    page.wait_for_selector("#both .pl-choices input", state="attached")
    page.wait_for_timeout(1500)
    shot("compared")
    page.fill("#question textarea", "segment cup, table, cat")
    page.click("#ask")
    page.wait_for_function("document.querySelector('#said').textContent.includes('%')")
    page.wait_for_timeout(2000)
    shot("doubts")
    tab("Legend")
    page.wait_for_timeout(800)
    shot("legend")
    page.fill("#question textarea", "fnd the cups")
    page.wait_for_timeout(1500)
    shot("refused")


if __name__ == "__main__":
    sys.exit(main())
