"""What it costs to keep an answer about a photo of 12 megapixels: processor seconds, and the size of every file.

    python benchmarks/saving.py [--photo PHOTO.jpg] [--size 4000x3000] [QUESTION ...]

The photo (else the sample `coffee`) is brought to the size, the embedded model answers, and the answer is saved
with its overlay, the fastest of three times. Processor time is what other programs on the machine do not change. For
comparison it runs on older versions of Plantain too (PYTHONPATH).
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

import plantain

QUESTIONS = (
    "metric depth", "relative depth", "surface normals", "segment table, cup, spoon, wall",
    "panoptic: table, wall; cup, spoon", "find the cups", "detect the cups", "keypoints", "matte of the cup", "edges",
)  # fmt: skip


def measured(answer: Any, photo: np.ndarray) -> tuple[float, dict[str, float]]:
    """Processor seconds of the fastest of three savings, and megabytes by role."""
    seconds = []
    for _ in range(3):
        with tempfile.TemporaryDirectory() as folder:
            start = time.process_time()
            files = answer.save(folder, photo=photo)
            seconds.append(time.process_time() - start)
            sizes = {role: path.stat().st_size / 1e6 for role, path in files.items()}
    return min(seconds), sizes


def main() -> None:
    args = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    args.add_argument("--photo", type=Path, default=Path(plantain.__file__).parent / "samples" / "coffee.jpg")
    args.add_argument("--size", default="4000x3000")
    args.add_argument("questions", nargs="*", default=QUESTIONS)
    given = args.parse_args()
    width, height = map(int, given.size.split("x"))
    photo = np.asarray(Image.open(given.photo).convert("RGB").resize((width, height), Image.Resampling.LANCZOS))
    model = plantain.load("embedded")
    print("| question | save, CPU s | arrays, MB | overlay, MB | painting, MB |\n|-|-|-|-|-|")
    for question in given.questions:
        seconds, sizes = measured(model.predict(photo, question), photo)
        cells = " | ".join(f"{sizes.get(role, 0):.2f}" for role in ("arrays", "overlay", "painting"))
        print(f"| {question} | {seconds:.2f} | {cells} |", flush=True)


if __name__ == "__main__":
    main()
