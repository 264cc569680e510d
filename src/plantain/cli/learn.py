"""`plantain learn EXAMPLES QUESTION`: a question learned from a folder of photos with true answers, kept as a file."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from plantain.cli.reporting import emit
from plantain.errors import PhotoError, UsageError

if TYPE_CHECKING:
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


def learn(
    examples: Path,
    question: str,
    /,
    *,
    out: Annotated[Path, Parameter(name=["--out", "-o"])],
    weights: Path | None = None,
) -> int:
    """Learns a question from photos with true answers, and keeps what was learned as a file for `--model`.

    plantain learn my-set "segment crack, background" -o cracks.npz
    plantain photo.jpg "segment crack, background" -m cracks.npz

    Parameters
    ----------
    examples
        A folder of photos (images/) with answers in any form that is read: labels/, masks/, annotations.json, answers/.
    question
        What is asked, as in `plantain predict`.
    out
        The file, which ends in .npz.
    weights
        The folder of other weights of the embedded generator.
    """
    if out.suffix != ".npz":
        raise UsageError(f"what was learned is kept as .npz, not {out}")
    from plantain.models.painters.embedded import Embedded
    from plantain.models.painters.learned import learn as fit
    from plantain.models.painters.learned import save
    from plantain.pipeline.examples import paired
    from plantain.tasks.language.parsing import interpret

    task, start = interpret(question), time.monotonic()
    pairs = paired(task, read_examples(examples, task))
    lesson = fit(Embedded() if weights is None else Embedded(weights), task, pairs).lesson
    save(lesson, out)
    seconds = round(time.monotonic() - start, 2)
    emit(
        {"file": str(out), "task": lesson.task, "examples": len(pairs), "seconds": seconds, "left_out": lesson.left_out}
    )
    for line in report(lesson.left_out, len(pairs)):
        print(line, file=sys.stderr, flush=True)
    return 0


def report(left_out: Mapping[str, Any], examples: int) -> list[str]:
    """What was learned, for people: how well each photo was answered by a fit that had not seen it."""
    if not left_out:
        return [f"{examples} example: too few to say how well it will do; give two or more"]
    if "error" in left_out:
        return [f"left out one by one, the examples are painted with a mean error of {left_out['error']:.3f} (0 to 1)"]
    each = [f"  {name}: {value:.3f}" for name, value in left_out["iou"].items() if value is not None]
    missing = [f"warning: {name!r} has no pixel in any example" for name, v in left_out["iou"].items() if v is None]
    return [f"IoU of examples left out, mean {left_out['miou']:.3f}:", *each, *missing]


def read_examples(folder: Path, task: Task) -> list[tuple[Path, Any]]:
    """Photos of a folder with the answer to this question. UsageError in one line for a folder that is none, and for a
    photo with no such answer."""
    from plantain.data.readers.folder import read_folder

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
