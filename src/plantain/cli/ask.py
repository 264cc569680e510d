"""`plantain ask PHOTO... TEXT`: a line a photo, for people or as JSON."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from plantain.cli.hosted import opened
from plantain.cli.options import PaintArgs, Quiet
from plantain.cli.photos import PhotoFile, find
from plantain.cli.predict import split
from plantain.cli.reporting import emit, exit_code, notes, progress, summary
from plantain.cli.terminal import print_error
from plantain.errors import PainterGone, PlantainError, UsageError

if TYPE_CHECKING:
    from plantain.answers.types import Answer
    from plantain.tasks.language.plan import Plan


def ask(
    *words: Annotated[str, Parameter(name="PHOTO... TEXT")],
    asking: PaintArgs = PaintArgs(),
    fov: float | None = None,
    focal: float | None = None,
    json: Annotated[bool, Parameter(negative="", show_default=False)] = False,
    quiet: Quiet = False,
) -> int:
    """Answers what people ask about photos: how far, how many, where, which is nearer, is it there.

    A line a photo for people; JSON lines with --json, and wherever standard output is no terminal. No file is written:
    `plantain predict` writes maps.

    Parameters
    ----------
    words
        Photos (files, folders, patterns, or - for a picture or a list of files on stdin) and then the question:
        "how far is the cup?", "count the people"; `plantain explain` says how it is read.
    fov
        Horizontal field of view in degrees, for point clouds and distances between things.
    focal
        Focal length in pixels, for the same.
    json
        JSON lines on a terminal too.
    """
    if asking.dry_run or asking.batch:
        raise UsageError("--dry-run and --batch go with `plantain predict`, one question at a time")
    photos, text = split(words)
    found, options = find(photos), asking.options()
    from plantain.answers.ask import answered, planned

    as_json = json or not sys.stdout.isatty()
    with opened(asking, quiet=quiet) as model:
        plan = planned(text, model, camera=fov is not None or focal is not None)
        _tell_notes(plan, quiet=quiet)
        camera: dict[str, Any] = {"fov_deg": fov, "focal_px": focal}
        answers = _each(found, lambda photo: answered(photo, plan, model, options, **camera))
        return _told(answers, len(found), as_json=as_json, quiet=quiet)


Answered = tuple[PhotoFile, "Answer | PlantainError"]


def _tell_notes(plan: Plan, *, quiet: bool) -> None:
    """What was mended, dropped or taken for granted, on stderr."""
    for note in () if quiet else plan.notes:
        print(f"note: {note}", file=sys.stderr, flush=True)


def _each(found: Sequence[PhotoFile], answered: Any) -> Iterator[Answered]:
    """The answer about each photo, or why there is none; after PainterGone, or a wrong question, no more."""
    for one in found:
        try:
            yield one, answered(one.photo)
        except PlantainError as error:
            yield one, error
            if isinstance(error, PainterGone | UsageError):
                return


def _told(answers: Iterator[Answered], total: int, *, as_json: bool, quiet: bool) -> int:
    """Says every answer; gives the exit code."""
    errors: list[PlantainError] = []
    start, done = time.monotonic(), 0
    with progress(total, "photos", quiet=quiet) as bar, notes(quiet=quiet):
        for one, answer in answers:
            image = str(one.photo) if isinstance(one.photo, Path) else None
            with bar.aside():
                if isinstance(answer, PlantainError):
                    errors.append(answer)
                    print_error(answer, image)
                else:
                    done += 1
                if as_json:
                    emit({"image": image, **_fields(answer)})
                elif not isinstance(answer, PlantainError):
                    print(str(answer) if total == 1 else f"{one.id}: {answer}", flush=True)
            bar.step()
    if not quiet:
        summary("photos", {"done": done, "failed": len(errors)}, time.monotonic() - start)
    return exit_code(done, errors)


def _fields(answer: Answer | PlantainError) -> dict[str, Any]:
    """What the JSON line says besides the photo."""
    if isinstance(answer, PlantainError):
        return {"error": str(answer), "error_type": type(answer).__name__}
    return answer.to_json()
