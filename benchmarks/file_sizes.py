"""The files of a photo of 12 megapixels, for each question: how large, how long they take, and who opens them.

    python benchmarks/file_sizes.py [--photo PHOTO] [--size 4000 3000] [--model embedded]

Without a photo one is made from a sample, enlarged. Seconds are those of drawing and writing, once the answer is there.
Every file is opened by Pillow, OpenCV, pycocotools, trimesh or NumPy, as far as they are installed. Prints a table in
Markdown.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Callable
from contextlib import redirect_stdout
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from plantain.answers.ask import Terms, planned
from plantain.answers.files import files_of
from plantain.imaging.photo import read_photo
from plantain.output.save import FORMATS, About
from plantain.output.show import overlay, png_bytes
from plantain.pipeline.jobs import Job
from plantain.pipeline.predictor import load
from plantain.predictions import npz
from plantain.tasks.language.reader import read_plan

CAMERA = {"focal_px": None, "fov_deg": 60.0}
QUESTIONS = (
    "metric depth", "relative depth", "normals", "segment cat, wall, floor", "segment the cat", "find the cats",
    "boxes of cats", "keypoints", "edges", "matte of the cat", "segment everything", "cut out the cat", "disparity",
    "point cloud",
)  # fmt: skip


def by_pillow(path: Path) -> str:
    with Image.open(path) as image:
        image.load()
        return f"{image.mode} {image.width} x {image.height}"


def by_opencv(path: Path) -> str:
    import cv2

    read = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    return "fails" if read is None else f"{read.dtype} {' x '.join(map(str, read.shape))}"


def by_pycocotools(path: Path) -> str:
    """All annotations drawn, where they have masks."""
    from pycocotools.coco import COCO

    if "annotations" not in json.loads(path.read_text()):
        return "no COCO"
    with redirect_stdout(None):
        book = COCO(str(path))
    rows = book.loadAnns(book.getAnnIds())
    masks = [book.annToMask(row).sum() for row in rows if "segmentation" in row]
    return f"{len(rows)} annotations, {len(masks)} masks"


def by_trimesh(path: Path) -> str:
    import trimesh

    return f"{len(trimesh.load(path).vertices)} points"


def by_numpy(path: Path) -> str:
    with np.load(path) as arrays:
        return ", ".join(name for name in arrays.files if arrays[name].ndim)


OPENERS: dict[str, tuple[Callable[[Path], str], ...]] = {
    ".png": (by_pillow, by_opencv), ".json": (by_pycocotools,), ".ply": (by_trimesh,), ".npz": (by_numpy,),
}  # fmt: skip


def opened(path: Path) -> str:
    """What each program says of a file."""
    said = []
    for how in OPENERS[path.suffix]:
        name = how.__name__.removeprefix("by_")
        try:
            said.append(f"{name}: {how(path)}")
        except ImportError:
            said.append(f"{name}: not installed")
    return "; ".join(said)


def rows(text: str, pixels: np.ndarray, model: Any, folder: Path) -> list[str]:
    """A line a file of a question."""
    plan = planned(read_plan(text), model, Terms(fov_deg=60.0))
    wanted = files_of(plan, None, CAMERA, everything=True) or {}
    lines = []
    for task in plan.tasks:
        answer = model.answer(Job("photo", pixels, task))
        for role in (*wanted[task.name], "npz"):
            place = Path(tempfile.mkdtemp(dir=folder))
            start = time.perf_counter()
            write(answer, role, place, pixels)
            seconds = time.perf_counter() - start
            for path in sorted(place.iterdir()):
                size = path.stat().st_size / 1e6
                lines.append(f"| {text} | {task.name}.{path.name} | {size:.2f} | {seconds:.2f} | {opened(path)} |")
                path.unlink()
    return lines


def write(answer: Any, role: str, place: Path, pixels: np.ndarray) -> None:
    """One file of an answer (or two, for formats that are two)."""
    if role == "painting":
        answer.painting.save(place / "png.png")
    elif role == "overlay":
        (place / "overlay.png").write_bytes(png_bytes(overlay(answer, pixels)))
    elif role == "npz":
        npz.write(answer, place / "npz.npz")
    else:
        FORMATS[role].write(answer, place / FORMATS[role].suffix[1:], About(pixels, "photo.jpg", CAMERA))


def main() -> None:
    args = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    args.add_argument("--photo", type=Path)
    args.add_argument("--size", type=int, nargs=2, default=(4000, 3000), metavar=("WIDTH", "HEIGHT"))
    args.add_argument("--model", default="embedded")
    given = args.parse_args()
    with as_file(files("plantain.samples") / "chelsea.jpg") as sample:
        pixels = read_photo(given.photo or Image.open(sample).resize(tuple(given.size), Image.Resampling.LANCZOS))
    print(f"{pixels.shape[1]} x {pixels.shape[0]} pixels\n\n| question | file | MB | s | opened by |\n|-|-|-:|-:|-|")
    with load(given.model) as model, tempfile.TemporaryDirectory() as folder:
        for text in QUESTIONS:
            print("\n".join(rows(text, pixels, model, Path(folder))), flush=True)


if __name__ == "__main__":
    main()
