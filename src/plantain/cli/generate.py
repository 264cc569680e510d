"""`plantain generate` and `plantain edit`: pictures from words, and pictures changed by words."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from plantain.cli.options import at_least
from plantain.cli.photos import Job, find, newer, prepare
from plantain.cli.predict import split
from plantain.cli.reporting import emit, relay, result
from plantain.errors import PlantainError, UsageError

if TYPE_CHECKING:
    from plantain.models.painting import Painting


@Parameter(name="*")
@dataclass(frozen=True)
class Brush:
    """How a picture is painted."""

    model: str = "embedded"
    "Who paints; `plantain models` lists them."
    seed: int = 0
    "The same seed gives the same picture."
    steps: int | None = None
    "Steps of the painter; its own number when not said."

    def check(self) -> None:
        at_least("--seed", self.seed, 0)
        if self.steps is not None:
            at_least("--steps", self.steps, 1)

    def predictor(self) -> Any:
        from plantain.pipeline.predictor import load

        return load(self.model)


def generate(
    text: str,
    /,
    *,
    out: Annotated[Path, Parameter(name=["--out", "-o"])] = Path("out"),
    size: str | None = None,
    brush: Brush = Brush(),
) -> int:
    """Paints a picture from words.

    Parameters
    ----------
    text
        What to paint: "a wooden chair in a room".
    out
        The PNG to write, or a folder for it.
    size
        Width x height in pixels, as in 512x384; the painter's own when not said.
    """
    brush.check()
    wanted = read_size(size)
    if not text.strip():
        raise UsageError('say what to paint, as in: plantain generate "a wooden chair in a room" -o chair.png')
    target = out if out.suffix.lower() == ".png" else out / f"{slug(text)}.{brush.seed}.png"
    prepare([target.parent])
    start = time.monotonic()
    made = brush.predictor().generate(text, size=wanted, seed=brush.seed, steps=brush.steps)
    path = made.save(target)
    known = {"task": "generate", "prompt": made.prompt, "model": made.model, "painting": path}
    emit(result(**known, seconds=time.monotonic() - start))
    return 0


def read_size(text: str | None) -> tuple[int, int] | None:
    """Width and height.

    >>> read_size("512x384")
    (512, 384)
    """
    if text is None:
        return None
    found = re.fullmatch(r"\s*(\d{1,5})\s*[xX×*,]\s*(\d{1,5})\s*", text)
    if not found or not 16 <= min(int(found[1]), int(found[2])) <= max(int(found[1]), int(found[2])) <= 4096:
        raise UsageError(f"--size is width x height in pixels (16 to 4096), as in 512x384, not {text!r}")
    return int(found[1]), int(found[2])


def slug(text: str) -> str:
    """A file name made of the words.

    >>> slug("A wooden chair, in a room!")
    'a-wooden-chair-in-a-room'
    """
    return re.sub(r"\W+", "-", text.lower()).strip("-")[:60] or "picture"


def edit(
    *words: Annotated[str, Parameter(name="PHOTO... TEXT")],
    out: Annotated[Path, Parameter(name=["--out", "-o"])] = Path("out"),
    mask: Path | None = None,
    redo: Annotated[bool, Parameter(negative="", show_default=False)] = False,
    quiet: Annotated[bool, Parameter(name=["--quiet", "-q"], negative="", show_default=False)] = False,
    brush: Brush = Brush(),
) -> int:
    """Changes photos as told.

    Parameters
    ----------
    words
        Photos (files, folders, patterns, or - for a list on stdin) and then the order: "colourise".
    out
        Folder of the pictures: NAME.edit.png.
    mask
        A picture that is white where the photo is to be painted anew.
    redo
        Paint again what is already there.
    quiet
        No progress and no summary, only errors.
    """
    photos, text = split(words)
    brush.check()
    if not text.strip():
        raise UsageError('say what to change, as in: plantain edit photo.jpg "colourise"')
    jobs = find(photos, out)
    prepare(job.folder for job in jobs)
    run = Edits(text, mask, brush)
    old = {} if redo else {job: there for job in jobs if (there := run.done(job)) is not None}
    new = [job for job in jobs if job not in old]
    return relay(list(old.values()), run.work(new), len(new), "photos", quiet=quiet)


@dataclass(frozen=True, eq=False)
class Edits:
    """One order over many photos."""

    text: str
    mask: Path | None
    brush: Brush

    @cached_property
    def predictor(self) -> Any:
        return self.brush.predictor()

    @property
    def asked(self) -> dict[str, Any]:
        """The whole order, which the picture's record keeps."""
        return {"edit": self.text, "seed": self.brush.seed, "steps": self.brush.steps, "mask": str(self.mask or "")}

    def record(self, job: Job, made: Painting, **more: Any) -> dict[str, Any]:
        known = {"image": job.photo, "task": "edit", "painting": self.target(job)}
        return result(**known, prompt=made.prompt, model=made.model, **more)

    def target(self, job: Job) -> Path:
        return job.folder / f"{job.stem}.edit.png"

    def done(self, job: Job) -> dict[str, Any] | None:
        """The record of a picture that is there already, newer than its photo and made by this very order."""
        from plantain.models.painting import Painting

        if not newer(self.target(job), job.photo):
            return None
        try:
            made = Painting.load(self.target(job))
        except PlantainError:
            return None
        same = (made.model, dict(made.asked)) == (self.predictor.name, self.asked)
        return self.record(job, made, skipped=True) if same else None

    def work(self, jobs: Sequence[Job]) -> Iterator[tuple[Path, Callable[[], dict[str, Any]]]]:
        area = None if self.mask is None else read_mask(self.mask)
        yield from ((job.photo, partial(self._one, job, area)) for job in jobs)

    def _one(self, job: Job, area: Any) -> dict[str, Any]:
        start = time.monotonic()
        options = {"mask": area, "seed": self.brush.seed, "steps": self.brush.steps}
        made = self.predictor.edit(job.photo, self.text, **options).with_provenance(asked=self.asked)
        made.save(self.target(job))
        return self.record(job, made, seconds=time.monotonic() - start)


def read_mask(path: Path) -> Any:
    """True where the mask is on."""
    from plantain.imaging.photo import read_mask

    return read_mask(path)
