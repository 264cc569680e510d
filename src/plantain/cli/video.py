"""`plantain video CLIP... "question" -o out/`: one question about every frame, and answers that hold still."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from plantain.cli.hosted import opened
from plantain.cli.options import PaintArgs, Quiet, Whole
from plantain.cli.photos import prepare
from plantain.cli.predict import read_task
from plantain.cli.reporting import emit, exit_code, notes, progress, summary
from plantain.cli.terminal import print_error
from plantain.errors import OutputError, PainterError, PainterGone, PhotoError, PlantainError, UsageError

if TYPE_CHECKING:
    from plantain.video.run import Order, Run

FATAL = (OutputError, UsageError, PainterGone)


@Parameter(name="*")
@dataclass(frozen=True)
class VideoArgs:
    """What of the clips is wanted, and how."""

    every: Whole = 1
    "Every so many-th frame."
    seconds: str | None = None
    "Only from START to before END, as in 2:5.5 or 10: (seconds)."
    steady: bool = True
    "Take scale jitter and flicker out of the answers; what was painted is kept either way."
    paintings: Annotated[bool, Parameter(negative="", show_default=False)] = False
    "Keep the paintings too, as a film without loss (FFV1 in Matroska)."
    context: bool = True
    "Show a painter that takes several pictures the frame before with its answer."


def video(
    *words: Annotated[str, Parameter(name="CLIP... TASK")],
    asking: PaintArgs = PaintArgs(),
    what: VideoArgs = VideoArgs(),
    code: str | None = None,
    out: Annotated[Path, Parameter(name=["--out", "-o"])] = Path("out"),
    redo: Annotated[bool, Parameter(negative="", show_default=False)] = False,
    quiet: Quiet = False,
) -> int:
    """Answers a question about every frame of clips: a film of photo and answer side by side, arrays a frame.

    A JSON line a clip. The same command goes on after any end; nothing is painted twice.

    Parameters
    ----------
    words
        Clips (MP4, MOV, MKV, WebM, ...), and then the question: "metric depth", "segment wall, floor", "find the cups".
    code
        Color code, where the painter's favorite is not wanted.
    out
        Folder of the answers: NAME.TASK.mp4 (side by side), .json (summary), .jsonl (frames), .frames/ (arrays).
    redo
        Ask again about what is already there.
    """
    if asking.batch or asking.dry_run:
        raise UsageError("--batch and --dry-run go with `plantain predict`; a clip is asked about frame by frame")
    clips, question = split_clips(words)
    task = read_task(question, code, quiet=quiet)
    from plantain.video.clip import FrameRange, require_av
    from plantain.video.run import Order

    require_av()
    wanted = FrameRange.of(what.every, what.seconds)
    prepare([out])
    with opened(asking, quiet=quiet) as model, notes(quiet=quiet):
        model.resolve_task(task)
        orders = [
            Order(clip, task, out, wanted, asking.options(), what.steady, what.paintings, what.context, redo)
            for clip in clips
        ]
        errors: list[PlantainError] = []
        whole = sum(told(order, model, errors, quiet=quiet) for order in orders)
        return exit_code(whole, errors)


def split_clips(words: Sequence[str]) -> tuple[list[Path], str]:
    """Clips and the question, which is the last word."""
    if len(words) < 2 or Path(words[-1]).is_file():
        raise UsageError(
            'the last word is the question, the others are clips, as in: plantain video a.mp4 "metric depth"'
        )
    return [Path(word) for word in words[:-1]], words[-1]


def told(order: Order, model: Any, errors: list[PlantainError], *, quiet: bool) -> bool:
    """Does one clip and says what became of it; False where it gave nothing at all."""
    from plantain.video.run import Run

    start = time.monotonic()
    try:
        run = Run(order, model)
        done = run.done()
        line = {**(done or made(run, quiet=quiet)), "skipped": done is not None}
    except FATAL:
        raise
    except PlantainError as error:
        emit({"clip": {"name": order.clip.name}, "error": str(error), "error_type": type(error).__name__})
        print_error(error, str(order.clip))
        errors.append(error)
        return False
    cost = {} if run.cost_usd is None else {"cost_usd": run.cost_usd}
    emit({**line, **cost, "files": {role: str(order.folder / name) for role, name in line["files"].items()},
          "peak_mib": peak_mib(), "seconds": round(time.monotonic() - start, 2)})  # fmt: skip
    lost = line["failed"] + line["damaged"]
    if lost:
        text = f"{line['failed']} of {line['frames']} frames failed, {line['damaged']} pieces of the file were damaged"
        print_error(text, str(order.clip))
        errors.append(PainterError(text) if line["failed"] else PhotoError(text))
    if not quiet and done is None:
        say(line, time.monotonic() - start)
    return True


def made(run: Run, *, quiet: bool) -> dict[str, Any]:
    """The clip, with how far it is."""
    with progress(2 * run.clip.expected, "steps (ask, then steady and draw)", quiet=quiet) as bar:
        run.did = bar.step
        return run.make()


def say(line: dict[str, Any], seconds: float) -> None:
    """What people want to know of a clip, on stderr."""
    summary("frames", {"done": line["frames"] - line["failed"], "failed": line["failed"]}, seconds)
    before, after = line["before"], line["after"]
    parts = [f"{name} {before[name]:g} -> {after[name]:g}" for name in before if before[name] is not None]
    if parts and line["steadied"]:
        print(f"{', '.join(parts)} ({line['unit']})", file=sys.stderr, flush=True)


def peak_mib() -> int | None:
    """The most memory that this process has had, where the system says."""
    try:
        import resource
    except ImportError:
        return None
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
