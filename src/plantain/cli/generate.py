"""`plantain generate` and `plantain edit`: pictures from words, and pictures changed by words."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from plantain.cli.hosted import ahead, opened
from plantain.cli.options import ModelArgs, Whole
from plantain.cli.photos import find, prepare
from plantain.cli.predict import split
from plantain.cli.reporting import run_jobs
from plantain.errors import UsageError

if TYPE_CHECKING:
    from plantain.pipeline.jobs import PredictOptions


@Parameter(name="*")
@dataclass(frozen=True)
class GenerateArgs(ModelArgs):
    """How a picture is painted."""

    seed: Whole = 0
    "The same seed gives the same picture."
    steps: Whole | None = None
    "Steps of the painter; its own number when not said."
    redo: Annotated[bool, Parameter(negative="", show_default=False)] = False
    "Paint again what is already there."
    quiet: Annotated[bool, Parameter(name=["--quiet", "-q"], negative="", show_default=False)] = False
    "No progress and no summary, only errors."

    def options(self) -> PredictOptions:
        """UsageError for a number that makes no sense."""
        from plantain.pipeline.jobs import PredictOptions

        if self.steps is not None and self.steps < 1:
            raise UsageError(f"steps must be at least 1, not {self.steps}")
        return PredictOptions(seed=self.seed, sampling={} if self.steps is None else {"steps": self.steps})


def generate(
    text: str,
    /,
    *,
    out: Annotated[Path, Parameter(name=["--out", "-o"])] = Path("out"),
    size: str | None = None,
    asking: GenerateArgs = GenerateArgs(),
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
    options, wanted = asking.options(), read_size(size)
    if not text.strip():
        raise UsageError('say what to paint, as in: plantain generate "a wooden chair in a room" -o chair.png')
    target = out if out.suffix.lower() == ".png" else None
    prepare([out.parent if target else out])
    from plantain.pipeline.jobs import Generate, Job
    from plantain.pipeline.store import Store, slug
    from plantain.pipeline.stream import stream

    with opened(asking, quiet=asking.quiet) as model:
        job = Job(slug(text) or "picture", None, Generate(text, wanted), options)
        store = Store(out, model, redo=asking.redo, target=target)
        if ahead([job], model, store, asking, quiet=asking.quiet):
            return 0
        return run_jobs(stream([job], model, store=store), 1, "pictures", quiet=asking.quiet)


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


def edit(
    *words: Annotated[str, Parameter(name="PHOTO... TEXT")],
    out: Annotated[Path, Parameter(name=["--out", "-o"])] = Path("out"),
    mask: Path | None = None,
    asking: GenerateArgs = GenerateArgs(),
) -> int:
    """Changes photos as told.

    Parameters
    ----------
    words
        Photos (files, folders, patterns, or - for a picture or a list of files on stdin) and then the order, as in
        "colorize".
    out
        Folder of the pictures: NAME.edit.ORDER.png.
    mask
        Where the photo is to be painted anew, as a picture of the photo's size: its bright parts (above half of
        white), or, where it is transparent anywhere, its opaque parts whatever their color.
    """
    photos, text = split(words)
    options = asking.options()
    if not text.strip():
        raise UsageError('say what to change, as in: plantain edit photo.jpg "colorize"')
    found = find(photos)
    prepare(out / one.below for one in found)
    from plantain.imaging.photo import read_mask
    from plantain.pipeline.jobs import Edit, Job
    from plantain.pipeline.store import Store
    from plantain.pipeline.stream import stream

    area = None if mask is None else read_mask(mask)
    with opened(asking, quiet=asking.quiet) as model:
        jobs = [Job(one.id, one.photo, Edit(text, area), options) for one in found]
        store = Store(out, model, redo=asking.redo)
        if ahead(jobs, model, store, asking, quiet=asking.quiet):
            return 0
        return run_jobs(stream(jobs, model, store=store), len(found), "photos", quiet=asking.quiet)
