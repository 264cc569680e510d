"""Which files go with answers, by what is wanted, and the point clouds of single things."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from plantain._shapes import UInt8
from plantain.answers.ask import Answered
from plantain.answers.types import Answer
from plantain.imaging.photo import read_photo
from plantain.output.formats import write_ply
from plantain.output.save import FORMATS, USUAL, check_formats
from plantain.pipeline.store import slug
from plantain.predictions.types import Depth
from plantain.tasks import Task
from plantain.tasks.language.plan import Plan, Question

PICTURES = ("map", "cutout", "disparity", "point-cloud")  # wants that no line can hold
MAPS: dict[str, tuple[str, ...]] = {  # beside painting, overlay and arrays: what other programs take as it is
    "metric-depth": ("mm",), "relative-depth": ("disparity",), "normals": ("normals",), "semantic": ("labels",),
    "panoptic": ("panoptic",), "instances": ("mask", "coco"), "detect": ("coco",), "keypoints": ("coco",),
    "refer": ("mask",), "matte": ("mask",), "edges": ("mask",),
}  # fmt: skip
Camera = Mapping[str, float | None]


def files_of(
    plan: Plan, picked: Sequence[str] | None, camera: Camera, *, everything: bool
) -> dict[str, tuple[str, ...]] | None:
    """The files beside the arrays, by the name of the task; tasks that are left out are not written at all. None where
    nothing is to be written: no want is a picture, and neither files nor a folder were said (`everything`).

    UsageError for a format that suits none of what is asked, or lacks the camera."""
    files: dict[str, tuple[str, ...]] = {}
    for question in plan.questions:
        if question.want in PICTURES or everything or picked is not None:
            for task in question.tasks:
                wanted = _usual(question, task) if picked is None else _suiting(picked, task)
                files[task.name] = tuple(dict.fromkeys((*files.get(task.name, ()), *wanted)))
    for name in picked or ():
        if name not in USUAL and not any(name in roles for roles in files.values()):
            check_formats([name], plan.tasks[-1].kind.kind, camera)
    for task in plan.tasks:
        check_formats(files.get(task.name, ()), task.kind.kind, camera)
    return files or None


def _usual(question: Question, task: Task) -> tuple[str, ...]:
    """What is written where nothing is said."""
    if question.want == "map":
        return (*USUAL, *MAPS.get(task.name, ()))
    if question.want in ("cutout", "disparity"):
        return (question.want,)
    if question.want == "point-cloud":  # that of a thing is written by `write_clouds`
        return () if question.names else ("ply",)
    return ("overlay",)


def _suiting(picked: Sequence[str], task: Task) -> tuple[str, ...]:
    return tuple(name for name in picked if name not in FORMATS or task.kind.kind in FORMATS[name].kinds)


def write_clouds(answered: Answered, camera: Camera) -> Answered:
    """Writes the point cloud of each thing that one was asked of, beside the arrays of the depth: kitchen.metric-depth
    .cup.ply. OutputError becomes the error of the answer."""
    answer = answered.answer
    parts = [] if answer is None else [*(answer.parts or (answer,))]
    clouds = [one for one in parts if one.want == "point-cloud" and one.names and one.value is not None]
    arrays = answered.files.get("metric-depth", {}).get("arrays")
    if not clouds or arrays is None:
        return answered
    pixels = read_photo(answered.photo)
    written = {f"ply.{one.names[0]}": _write_cloud(one, arrays, pixels, camera) for one in clouds}
    depth = dict(answered.files["metric-depth"]) | written
    return replace(answered, files={**answered.files, "metric-depth": depth})


def _write_cloud(answer: Answer, arrays: Path, pixels: UInt8[np.ndarray, "h w 3"], camera: Camera) -> Path:
    """The points of one thing, in meters."""
    depth = next(one for one in answer.predictions if isinstance(one, Depth))
    path = arrays.with_name(f"{arrays.name.removesuffix('.npz')}.{slug(answer.names[0])}.ply")
    assert answer.mask is not None
    return write_ply(replace(depth, valid=depth.valid & answer.mask), path, pixels, **camera)
