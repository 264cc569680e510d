"""`plantain encode` and `plantain decode`: numbers to colours, and back."""

from __future__ import annotations

import time
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from plantain.cli.options import Output
from plantain.cli.photos import Job, find, prepare
from plantain.cli.predict import read_task, record_of
from plantain.cli.reporting import emit, relay, result
from plantain.errors import OutputError, TruthError, UsageError

if TYPE_CHECKING:
    from plantain.models.painting import Painting
    from plantain.tasks import Task


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
        The PNG to write; TRUTH.TASK.png in this folder when not said.
    code
        Colour code; `plantain tasks` lists them.
    unit
        What a depth PNG counts in: mm, kitti (1/256 m) or m.
    """
    from plantain.cli.truth import read_truth
    from plantain.models.identity import Identity
    from plantain.models.painting import Painting

    start = time.monotonic()
    question = read_task(task, code).resolve({})
    try:
        rgb = question.encode(read_truth(truth, question.kind, unit))
    except TruthError as error:
        raise error if str(truth) in str(error) else TruthError(f"{truth}: {error}") from error
    made = Painting(rgb, Identity("truth"), question.prompt(), task=question.name, code=question.code_id)
    path = made.save(out or Path(f"{truth.stem}.{question.name}.png"))
    known = {"task": question.name, "prompt": made.prompt, "model": made.model, "painting": path}
    emit(result(image=truth, **known, seconds=time.monotonic() - start, code=question.code_id))
    return 0


def decode(
    *words: Annotated[str, Parameter(name="PAINTING... [TASK]")],
    photo: Path | None = None,
    code: str | None = None,
    fits: Annotated[bool, Parameter(negative="", show_default=False)] = False,
    output: Output = Output(),
) -> int:
    """Reads painted pictures from anywhere: colours become numbers.

    Parameters
    ----------
    words
        Paintings, and then what they answer: a task, or their prompt. Plantain's own say it themselves.
    photo
        The photo that was painted from: it guides edges, and is shown under the overlay.
    code
        The colour code of the painting, where it does not say it.
    fits
        Only say how well each depth code fits the painting (0..1).
    """
    from plantain.output.save import check_formats

    pictures, question = (words[:-1], words[-1]) if words and not Path(words[-1]).exists() else (words, None)
    if not pictures:
        raise UsageError(
            'give a painted picture and what it answers, as in: plantain decode painted.png "metric depth"'
        )
    task = None if question is None or fits else read_task(question, code)
    if task is not None:
        check_formats(output.formats, task.kind.kind, output.camera)
    jobs = find(pictures, output.out)
    prepare(job.folder for job in jobs)
    one = _fits if fits else partial(_decode, task=task, photo=photo, code=code, output=output)
    work = ((job.photo, partial(one, job)) for job in jobs)
    return relay([], work, len(jobs), "paintings", quiet=output.quiet, fatal=(OutputError,))


def _decode(job: Job, task: Task | None, photo: Path | None, code: str | None, output: Output) -> dict[str, Any]:
    from plantain.models.painting import Painting
    from plantain.output.save import save
    from plantain.pipeline import predictor

    start = time.monotonic()
    painting = Painting.load(job.photo)
    question = own_task(painting, job.photo, code) if task is None else task
    answer = predictor.decode(painting, question, photo=photo)
    named = replace(answer, stem=job.stem.removesuffix(f".{question.name}"), task=question.name)
    files = save(named, job.folder, photo, formats=output.formats, **output.camera)
    return record_of(job.photo, named, files, time.monotonic() - start)


def own_task(painting: Painting, path: Path, code: str | None) -> Task:
    """The question that a painting of Plantain carries. UsageError for one that carries none."""
    from plantain.tasks.language.parsing import parse

    if not painting.prompt:
        raise UsageError(f'{path} does not say what it answers; say it: plantain decode {path} "metric depth"')
    asked = parse(str(painting.asked.get("prompt", painting.prompt)))
    codes = {identity: name for name, identity in asked.codes.items()}
    known = code or codes.get(painting.code)
    return asked if known is None else replace(asked, code=known)


def _fits(job: Job) -> dict[str, Any]:
    from plantain.codecs.curve import fits
    from plantain.models.painting import Painting

    found = fits(Painting.load(job.photo).rgb)
    return result(image=job.photo, task="fits", fits=dict(sorted(found.items(), key=lambda item: -item[1])))
