"""Answers as a Rerun recording (.rrd), for its viewer: the photo, what was answered over it, and depth in space."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from plantain._shapes import UInt8
from plantain.errors import MissingExtra, UsageError
from plantain.files import writing
from plantain.output.drawing import colors_of, vivid
from plantain.output.formats import points
from plantain.output.skeleton import bones
from plantain.predictions.types import Alpha, Depth, Instances, Keypoints, Labels, Normals, Prediction

APP = "plantain"
MOST_POINTS = 500_000  # of a cloud: more is slow to turn, and no finer to look at


@dataclass(frozen=True, eq=False)
class View:
    """An answer to be looked at. `name`: where it stands among the others; `photo`: what it is about (uint8 h w 3);
    `focal_px`: the camera; without one depth stays flat."""

    name: str
    answer: Prediction
    photo: UInt8[np.ndarray, "h w 3"] | None = None
    focal_px: float | None = None


def package() -> Any:
    """MissingExtra without Rerun."""
    try:
        import rerun
    except ImportError as error:
        raise MissingExtra("rerun-sdk", "show") from error
    return rerun


def write(views: Sequence[View], path: Path) -> Path:
    """A recording as one file. UsageError for a name that is none of a recording; OutputError."""
    if path.suffix != ".rrd":
        raise UsageError(f"a recording ends in .rrd, not {path.name}")
    with writing(path) as beside:
        recording = package().RecordingStream(APP, recording_id="answers")
        recording.save(beside, default_blueprint=layout(views))
        log(views, recording)
        recording.flush()
        recording.disconnect()
    return path


def show(views: Sequence[View]) -> None:
    """Opens the viewer, in a process of its own."""
    recording = package().RecordingStream(APP)
    recording.spawn(default_blueprint=layout(views))
    log(views, recording)
    recording.flush()


def layout(views: Sequence[View]) -> Any:
    """Which windows the viewer opens: a picture for each answer, without its confidence, and one in space for depth."""
    from rerun import blueprint as own

    windows: list[Any] = []
    for view in views:
        flat, hidden = camera_of(view), f"- {camera_of(view)}/confidence"
        windows.append(own.Spatial2DView(origin=flat, contents=["$origin/**", hidden], name=view.name))
        if flat != f"/{view.name}":
            contents, name = ["$origin/**", hidden], f"{view.name}, in space"
            windows.append(own.Spatial3DView(origin=f"/{view.name}", contents=contents, name=name))
    return own.Blueprint(own.Grid(*windows), collapse_panels=True)


def camera_of(view: View) -> str:
    """Where pictures stand: below the camera, where there is one."""
    return f"/{view.name}" if view.focal_px is None else f"/{view.name}/camera"


def log(views: Sequence[View], recording: Any) -> None:
    """All answers, each below a place of its own."""
    rr = package()
    for view in views:
        place, camera = f"/{view.name}", camera_of(view)
        if view.focal_px is not None:
            width, height = view.answer.size
            recording.log(place, rr.ViewCoordinates.RDF, static=True)
            lens = rr.Pinhole(width=width, height=height, focal_length=view.focal_px, camera_xyz=rr.ViewCoordinates.RDF)
            recording.log(camera, lens, static=True)
        if view.photo is not None:
            recording.log(f"{camera}/photo", rr.Image(view.photo).compress(jpeg_quality=90), static=True)
        draw = next(way for kind, way in KINDS.items() if isinstance(view.answer, kind))
        for part, thing in draw(rr, view):
            above = place if part.startswith("space/") else camera
            recording.log(f"{above}/{part}", thing, static=True)
        sure = np.round(255 * view.answer.confidence).astype(np.uint8)
        recording.log(f"{camera}/confidence", rr.Image(sure, opacity=0.0), static=True)


Drawn = list[tuple[str, Any]]  # places and what stands there


def _depth(rr: Any, view: View) -> Drawn:
    answer: Any = view.answer
    values = np.where(answer.valid, answer.values, 0).astype(np.float32)
    metric = answer.scale == "metric"
    drawn: Drawn = [("depth", rr.DepthImage(values, meter=1.0 if metric else None, colormap="turbo"))]
    if metric and view.focal_px is not None:
        xyz, valid = points(answer, view.focal_px)
        some = slice(None, None, 1 + len(xyz) // MOST_POINTS)
        colors = None if view.photo is None else view.photo[valid][some]
        drawn.append(
            ("space/points", rr.Points3D(xyz[some] * np.array([1, -1, -1], np.float32), colors=colors, radii=-1.5))
        )
    return drawn


def _normals(rr: Any, view: View) -> Drawn:
    answer: Any = view.answer
    shown = np.where(answer.valid[..., None], (answer.xyz + 1) * 127.5, 0)
    return [("normals", rr.Image(np.clip(np.round(shown), 0, 255).astype(np.uint8)))]


def _classes(rr: Any, names: Sequence[str], colors: Sequence[Any]) -> Any:
    """Class 0 is none of them; they begin at 1."""
    rows = [
        rr.AnnotationInfo(id=i, label=name, color=color)
        for i, (name, color) in enumerate(zip(names, colors, strict=True), 1)
    ]
    return rr.AnnotationContext([rr.AnnotationInfo(id=0, label="none", color=(0, 0, 0, 0)), *rows])


def _labels(rr: Any, view: View) -> Drawn:
    answer: Any = view.answer
    ids = np.clip(answer.ids + 1, 0, 65535).astype(np.uint16)
    return [
        ("classes", _classes(rr, answer.classes, colors_of(answer))),
        ("classes", rr.SegmentationImage(ids, opacity=0.5)),
    ]


def _instances(rr: Any, view: View) -> Drawn:
    answer: Any = view.answer
    colors = [vivid(i) for i in range(len(answer))]
    said = [f"{answer.classes[int(k)]} {score:.2f}" for k, score in zip(answer.labels, answer.scores, strict=True)]
    drawn: Drawn = [
        ("things", rr.Boxes2D(array=answer.boxes, array_format=rr.Box2DFormat.XYXY, labels=said, colors=colors))
    ]
    if answer.masks is not None and len(answer):
        ids = np.zeros(answer.confidence.shape, np.uint16)
        for i in np.argsort(answer.scores, kind="stable"):
            ids[answer.masks[i]] = i + 1
        drawn += [("masks", _classes(rr, said, colors)), ("masks", rr.SegmentationImage(ids, opacity=0.5))]
    return drawn


def _keypoints(rr: Any, view: View) -> Drawn:
    answer: Any = view.answer
    seen = answer.visible & np.isfinite(answer.xy).all(axis=1)
    names = [name for name, there in zip(answer.names, seen, strict=True) if there]
    drawn: Drawn = [("points", rr.Points2D(answer.xy[seen], labels=names, radii=3.0))]
    joined = [answer.xy[[a, b]] for a, b in bones(answer.names) if seen[a] and seen[b]]
    return drawn + ([("bones", rr.LineStrips2D(joined))] if joined else [])


def _alpha(rr: Any, view: View) -> Drawn:
    answer: Any = view.answer
    stacked = [
        (f"mask/{name.replace(' ', '-')}", plane) for name, plane in zip(answer.names, answer.alpha, strict=True)
    ]
    return [(name, rr.Image(np.round(255 * plane).astype(np.uint8), opacity=0.6)) for name, plane in stacked]


KINDS: dict[type[Prediction], Callable[[Any, View], Drawn]] = {
    Depth: _depth,
    Normals: _normals,
    Labels: _labels,
    Instances: _instances,
    Keypoints: _keypoints,
    Alpha: _alpha,
}
