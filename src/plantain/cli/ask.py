"""`plantain ask PHOTO... TEXT`, or no verb: a line a photo, for people or as JSON, and the files that go with it.

Where JSON lines are wanted, a question that is one map is answered as `plantain predict` answers it, so that scripts
read the same fields with and without a verb; all else, and whatever is asked on a terminal, is answered here.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from plantain.cli.hosted import opened
from plantain.cli.options import AskArgs, Output, PredictArgs
from plantain.cli.photos import find, prepare
from plantain.cli.predict import run_map, split
from plantain.cli.reporting import emit, exit_code, notes, progress, summary
from plantain.cli.terminal import print_error
from plantain.errors import OutputError, PlantainError, UsageError

if TYPE_CHECKING:
    from plantain.answers.ask import Answered
    from plantain.pipeline.store import Store
    from plantain.tasks.language.plan import Plan

SHOWN = ("overlay", "cutout", "cutout.1", "ply", "mask", "mask.1", "labels", "disparity", "mm", "normals", "coco")


def ask(
    *words: Annotated[str, Parameter(name="PHOTO... TEXT")],
    asking: PredictArgs = PredictArgs(),
    output: Output = Output(),
    answering: AskArgs = AskArgs(),
) -> int:
    """Answers what people ask about photos; the verb itself may be left out.

    A line a photo for people; JSON lines with --json, and wherever standard output is no terminal. What cannot be said
    in a line (maps, masks, cut-outs, point clouds) goes into files; anything else does with -o or --files.

    Parameters
    ----------
    words
        Photos (files, folders, patterns, or - for a picture or a list of files on stdin) and then the question:
        "how far is the cup?", "count the people", "metric depth"; `plantain explain` says how it is read.
    """
    photos, text = split(words)
    plan = read(text, answering, quiet=output.quiet)
    as_json = answering.json or not sys.stdout.isatty()
    if for_predict(asking, output) or (as_json and is_one_map(plan) and not answering.has_gate):
        return run_map(photos, plan, asking, output)
    from plantain.answers.ask import Terms, each, planned
    from plantain.answers.files import files_of
    from plantain.pipeline.store import Store

    options = asking.options()
    terms = Terms(output.fov, output.focal, answering.min_confidence, answering.min_presence)
    with opened(asking, quiet=output.quiet) as model:
        plan = planned(plan, model, terms)
        tell_notes(plan.notes, quiet=output.quiet)
        files = files_of(plan, output.picked, output.camera, everything=output.out is not None)
        found, store = find(photos), None
        if files is not None:
            prepare(output.folder / one.below for one in found)
            store = Store(output.folder, model, files=files, camera=output.camera, redo=output.redo)
        answers = each(((one.id, one.photo) for one in found), plan, model, options, terms, store)
        return told(with_clouds(answers, store, output), len(found), as_json=as_json, quiet=output.quiet)


def read(text: str, answering: AskArgs, *, quiet: bool) -> Plan:
    """What is asked, by the grammar or else by a planner, which then is said. UsageError where neither reads it."""
    from plantain.answers.planner import Planner, read_or_plan

    address, name = answering.planner, answering.planner_model
    if address is None and name is not None:
        raise UsageError("--planner-model goes with --planner, the address of its service")
    plan = read_or_plan(text, None if address is None else Planner(address, name or ""))
    if plan.planner is not None and not quiet:
        print(f"planner: {plan.planner['model']} reads this as: {'; '.join(plan.planner['read_as'])}", file=sys.stderr)
    return plan


def for_predict(asking: PredictArgs, output: Output) -> bool:
    """Whether an option is said that only maps take."""
    return bool(asking.code or asking.examples or asking.plan or asking.dry_run or asking.batch or output.format)


def is_one_map(plan: Plan) -> bool:
    """Whether a plan is one question for the map of one painting."""
    return len(plan.questions) == 1 and plan.questions[0].want == "map" and len(plan.tasks) == 1


def tell_notes(lines: Iterable[str], *, quiet: bool) -> None:
    """What was mended, dropped or taken for granted, on stderr."""
    for note in () if quiet else lines:
        print(f"note: {note}", file=sys.stderr, flush=True)


def with_clouds(answers: Iterator[Answered], store: Store | None, output: Output) -> Iterator[Answered]:
    """The answers, the point clouds of their things written beside the depth that they are of."""
    from plantain.answers.files import write_clouds

    for one in answers:
        yield one if store is None else write_clouds(one, output.camera)


def told(answers: Iterator[Answered], total: int, *, as_json: bool, quiet: bool) -> int:
    """Says every answer; gives the exit code."""
    errors: list[PlantainError] = []
    counts = {"done": 0, "already there": 0, "failed": 0}
    start = time.monotonic()
    with progress(total, "photos", quiet=quiet) as bar, notes(quiet=quiet):
        for one in answers:
            image = str(one.photo) if isinstance(one.photo, Path) else None
            with bar.aside():
                if one.error is not None:
                    errors.append(one.error)
                    print_error(one.error, image)
                if as_json:
                    emit({"image": image, **fields(one)})
                elif one.answer is not None:
                    print(line(one, alone=total == 1), flush=True)
            counts["failed" if one.error is not None else "already there" if one.skipped else "done"] += 1
            if isinstance(one.error, OutputError):
                break
            bar.step()
    if not quiet:
        summary("photos", counts, time.monotonic() - start)
    return exit_code(counts["done"] + counts["already there"], errors)


def line(one: Answered, *, alone: bool) -> str:
    """An answer for people, with the file to look at where there is one."""
    roles = [(role, path) for files in one.files.values() for role, path in files.items()]
    shown = [next((path for role, path in roles if role == name), None) for name in SHOWN]
    found = one.answer is not None and any(part.value is not None for part in one.answer.parts or (one.answer,))
    place = next((f" -> {path}" for path in shown if path is not None and found), "")
    return f"{'' if alone else f'{one.id}: '}{one.answer}{place}"


def fields(one: Answered) -> Mapping[str, Any]:
    """What the JSON line says besides the photo."""
    if one.answer is None:
        return {"error": str(one.error), "error_type": type(one.error).__name__}
    files = {task: {role: str(path) for role, path in roles.items()} for task, roles in one.files.items()}
    more: dict[str, Any] = {"files": files} if files else {}
    more |= {"cost_usd": one.cost_usd} if one.cost_usd is not None else {}
    more |= {"skipped": True} if one.skipped else {}
    return {**one.answer.to_json(), **more, "seconds": float(f"{one.seconds:.6g}")}
