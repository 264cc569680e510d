"""`plantain encode` and `plantain decode`: numbers to colors, and back."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from plantain.cli.options import Output
from plantain.cli.photos import PhotoFile, find, is_there, prepare
from plantain.cli.predict import read_task
from plantain.cli.reporting import run_jobs
from plantain.errors import OutputError, PlantainError, UsageError

if TYPE_CHECKING:
    from plantain.pipeline.jobs import Outcome


def encode(
    truth: Path,
    task: str,
    /,
    *,
    out: Annotated[Path | None, Parameter(name=["--out", "-o"])] = None,
    code: str | None = None,
    unit: str = "mm",
) -> int:
    """Paints a true answer: what a perfect generator would paint, and what training aims at.

    Parameters
    ----------
    truth
        Numbers: .npy, .npz (keys as in the answers), or a PNG (16-bit depth, class numbers, a mask).
    task
        The question that they answer, as in `plantain predict`.
    out
        The PNG to write, or a folder for it; TRUTH.TASK.png in this folder when not said.
    code
        Color code; `plantain tasks` lists them.
    unit
        What a depth PNG counts in: mm, kitti (1/256 m) or m.
    """
    from plantain.cli.truth import read_truth
    from plantain.pipeline.codec import Encoder
    from plantain.pipeline.jobs import Job
    from plantain.pipeline.store import Store
    from plantain.pipeline.stream import stream

    target = out if out is not None and out.suffix.lower() == ".png" else None
    job = Job(truth.stem, truth, read_task(task, code))
    model = Encoder(lambda place, kind: read_truth(place, kind, unit))
    store = Store(out or Path(), model, redo=True, target=target)
    return run_jobs(stream([job], model, store=store), 1, "truths", quiet=True)


def decode(
    *words: Annotated[str, Parameter(name="PAINTING... [TASK]")],
    photo: Path | None = None,
    code: str | None = None,
    fits: Annotated[bool, Parameter(negative="", show_default=False)] = False,
    output: Output = Output(),
) -> int:
    """Reads painted pictures from anywhere: colors become numbers.

    Parameters
    ----------
    words
        Paintings, and then what they answer: a task, or their prompt. Plantain's own say it themselves.
    photo
        The photo that was painted from: depth jumps at its edges, and it is shown under the overlay.
    code
        The color code of the painting, where it does not say it.
    fits
        Only say how well each depth code fits the painting (0..1).
    """
    from plantain.output.save import check_formats
    from plantain.pipeline.codec import Decoder
    from plantain.pipeline.jobs import Job
    from plantain.pipeline.store import Store
    from plantain.pipeline.stream import stream

    pictures, question = (words[:-1], words[-1]) if words and not is_there(Path(words[-1])) else (words, "")
    if not pictures:
        raise UsageError(
            'give a painted picture and what it answers, as in: plantain decode painted.png "metric depth"'
        )
    found = find(pictures)
    run = partial(run_jobs, total=len(found), what="paintings", quiet=output.quiet, fatal=(OutputError,))
    if fits:
        return run(_fits(found))
    task = read_task(question, code) if question else None
    if task is not None:
        check_formats([*output.formats, *(output.picked or ())], task.kind.kind, output.camera)
    prepare(output.folder / one.below for one in found)
    model = Decoder(photo, code)
    from plantain.tasks import TASKS

    files = None if output.picked is None else dict.fromkeys(TASKS, (*output.picked, *output.formats))
    store = Store(output.folder, model, formats=output.formats, files=files, redo=output.redo, camera=output.camera)
    jobs = (Job(_id(one, task.name if task else ""), one.photo, task or "") for one in found)
    return run(stream(jobs, model, store=store))


def _id(one: PhotoFile, task: str) -> str:
    """What the answer of a painting is called: of Plantain's own, as the photo that it was made of."""
    from plantain.models.painting import read_record

    name = task or str(read_record(one.photo).get("task", "")) if isinstance(one.photo, Path) else task
    stem = one.name.split(f".{name}")[0] if name else one.name
    return (one.below / stem).as_posix()


def _fits(found: Sequence[PhotoFile]) -> Iterator[Outcome]:
    from plantain.codecs.curve import fits
    from plantain.models.painting import Painting
    from plantain.pipeline.jobs import Job, Outcome, result

    for one in found:
        job = Job(one.id, one.photo, "")
        try:
            how = fits(Painting.load(str(one.photo)).rgb)
        except PlantainError as error:
            yield Outcome(job, None, error)
        else:
            ordered = dict(sorted(how.items(), key=lambda item: -item[1]))
            yield Outcome(job, record=result(image=str(one.photo), task="fits", fits=ordered))
