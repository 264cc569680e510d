"""Examples of a question in a folder: photos, each with the answer that shows what is asked for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from plantain.data.readers.folder import read_folder
from plantain.errors import PhotoError, UsageError
from plantain.tasks import Task

LAYOUT = (
    "examples are photos in images/ with answers of the same names in labels/ (and classes.txt), masks/, depth/, "
    "answers/ or annotations.json"
)
TRUTHS: dict[str, tuple[str, ...]] = {  # which answers show what a task asks for, the nearest first
    "semantic": ("labels", "mask", "instances", "panoptic"), "refer": ("mask", "alpha", "labels", "instances"),
    "matte": ("alpha", "mask", "labels", "instances"), "metric-depth": ("depth",), "relative-depth": ("depth",),
    "detect": ("instances",),
}  # fmt: skip


def read_examples(folder: Path, task: Task) -> list[tuple[Path, Any]]:
    """Photos of a folder with the answer to this question. UsageError in one line for a folder that is none, and for a
    photo with no such answer."""
    if not (folder / "images").is_dir():
        raise UsageError(f"{folder / 'images'} is missing; {LAYOUT}")
    try:
        found = read_folder(folder)
    except PhotoError as error:  # it shows the whole layout
        raise UsageError(f"{str(error).splitlines()[0].removesuffix('; wanted')}; {LAYOUT}") from error
    wanted, pairs = TRUTHS.get(task.name, (task.name,)), []
    for example in found:
        name = next((name for name in wanted if name in example.truths), None)
        if name is None:
            raise UsageError(f"{example.photo} has no answer to {task.title}: it has {', '.join(example.truths)}, and "
                             f"wanted is {' or '.join(wanted)}")  # fmt: skip
        pairs.append((example.photo, example.truth(name)))
    return pairs
