"""`plantain predict PHOTO... TASK`: one question, many photos."""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from plantain.cli.hosted import ahead, opened
from plantain.cli.options import Output, PredictArgs
from plantain.cli.photos import ENDINGS, find, is_there, prepare
from plantain.cli.reporting import run_jobs
from plantain.cli.terminal import STDIN
from plantain.errors import UsageError

if TYPE_CHECKING:
    from plantain.pipeline.predictor import Predictor
    from plantain.tasks import Task
    from plantain.tasks.language.plan import Plan


def predict(
    *words: Annotated[str, Parameter(name="PHOTO... TASK")],
    asking: PredictArgs = PredictArgs(),
    output: Output = Output(),
) -> int:
    """Paints one map of every photo: files, and a JSON line each.

    Parameters
    ----------
    words
        Photos (files, folders, patterns, or - for a picture or a list of files on stdin) and then the question:
        "metric depth", "segment wall, floor, bed", "find the cups"; `plantain explain` says how it is read.
    """
    photos, question = split(words)
    from plantain.tasks.language.reader import read_plan

    return run_map(photos, read_plan(question), asking, output)


def run_map(photos: Sequence[str], plan: Plan, asking: PredictArgs, output: Output) -> int:
    """Answers a plan that takes one painting, as files and JSON lines; gives the exit code."""
    options, task = asking.options(), task_of(plan, asking.code, quiet=output.quiet)
    from plantain.output.save import check_formats

    check_formats([*output.formats, *(output.picked or ())], task.kind.kind, output.camera)
    found = find(photos)
    if not asking.plan:
        prepare(output.folder / one.below for one in found)
    from plantain.pipeline.jobs import Context, Job
    from plantain.pipeline.store import Store
    from plantain.pipeline.stream import stream

    with opened(asking, quiet=output.quiet) as model:
        model.resolve_task(task)  # what it cannot answer is said once, before anything is read
        if asking.plan:
            return show_plan(model, found[0].photo)
        context = Context()
        if asking.examples is not None:
            from plantain.data.readers.examples import read_examples

            model, context = model.shown(task, read_examples(asking.examples, task))
        files = None if output.picked is None else {task.name: (*output.picked, *output.formats)}
        store = Store(output.folder, model, formats=output.formats, files=files, redo=output.redo, camera=output.camera)
        jobs = [Job(one.id, one.photo, task, options, context) for one in found]
        if ahead(jobs, model, store, asking, quiet=output.quiet):
            return 0
        more = {} if plan.planner is None else {"planner": dict(plan.planner)}
        code = run_jobs(stream(jobs, model, store=store), len(found), "photos", quiet=output.quiet, more=more)
        if "coco" in output.formats:
            store.annotations(Job("", None, task, options))
        return code


def show_plan(model: Predictor, photo: Path | bytes) -> int:
    """What the model would load for a photo, for people. UsageError where a model has no plan."""
    from plantain.imaging.photo import read_photo

    if (plan := getattr(model.model, "plan", None)) is None:
        raise UsageError(f"{model.name} has no plan: --plan is for large generators (see `plantain models`)")
    pixels = read_photo(photo)
    print(*plan((pixels.shape[1], pixels.shape[0])), sep="\n")
    return 0


def split(words: Sequence[str]) -> tuple[list[str], str]:
    """Photos and the question, which is the last word."""
    if len(words) < 2 or (is_there(Path(words[-1])) and Path(words[-1]).is_file()):
        photo = words[-1] if words and Path(words[-1]).suffix.lower() in ENDINGS else "photo.jpg"
        raise UsageError(
            f'the last word is the question, the others are photos, as in: plantain {photo} "metric depth"'
        )
    photos, question = list(words[:-1]), words[-1]
    loose = next((i for i, word in enumerate(photos) if is_loose(word)), None)
    if loose is not None:
        photo = photos[0] if loose else "photo.jpg"
        raise UsageError(
            f"no such photo: {photos[loose]}; a question of several words takes quotes, as in: "
            f'plantain {photo} "{" ".join((*photos[loose:], question))}"'
        )
    return photos, question


def is_loose(word: str) -> bool:
    """Whether a word that stands for a photo is rather one of a question without quotes."""
    return word != STDIN and not re.search(r"[./\\*?\[]", word) and bool(word.strip()) and not is_there(Path(word))


def task_of(plan: Plan, code: str | None, *, quiet: bool = False) -> Task:
    """What is asked, in the color code that is wanted; what is read otherwise than typed is said on stderr."""
    from plantain.tasks.language.parsing import left_out, one_task

    task = one_task(plan)
    for note in () if quiet else left_out(plan):
        print(f"note: {note}", file=sys.stderr, flush=True)
    return task if code is None else replace(task, code=code)


def read_task(question: str, code: str | None, *, quiet: bool = False) -> Task:
    """The task of a text. See `task_of`."""
    from plantain.tasks.language.reader import read_plan

    return task_of(read_plan(question), code, quiet=quiet)
