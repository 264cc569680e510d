"""Answers as clients get them: a small JSON of what can be read off, the painting as PNG, the arrays as .npz.

JSON never holds whole maps (a float map of a photo is 3 to 6 MB there): `points` reads single places off it."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping, Sequence
from io import BytesIO
from typing import Any

import numpy as np

from plantain._shapes import Bool
from plantain.errors import UsageError
from plantain.output.show import overlay, png_bytes
from plantain.pipeline.jobs import Outcome, in_short
from plantain.predictions import npz
from plantain.predictions.boxes import box_around
from plantain.predictions.types import Alpha, Depth, Instances, Keypoints, Labels, Normals, Panoptic, Prediction

POINTS = 256  # places that may be read off at a time
SHARE = 0.0005  # of the picture: classes below are left out
PARTS = ("painting", "overlay", "arrays")  # what may be included as base64


def number(value: Any) -> float | None:
    """Six digits; None for what JSON has no word for."""
    return float(f"{float(value):.6g}") if np.isfinite(value) else None


def numbers(values: Any) -> list[float | None]:
    return [number(value) for value in values]


# ---- what is in an answer, by its kind


def of_depth(answer: Depth) -> dict[str, Any]:
    known = answer.values[answer.valid]
    low, middle, high = np.percentile(known, (2, 50, 98)) if known.size else (np.nan, np.nan, np.nan)
    unit = "m" if answer.scale == "metric" else None
    shown = {"percentile_2": number(low), "median": number(middle), "percentile_98": number(high)}
    return {"scale": answer.scale, "unit": unit, **shown, "valid": number(answer.valid.mean())}


def of_normals(answer: Normals) -> dict[str, Any]:
    known = answer.xyz[answer.valid]
    mean = numbers(known.mean(0)) if len(known) else None
    return {"frame": "x right, y up, z to the viewer", "mean": mean, "valid": number(answer.valid.mean())}


def of_labels(answer: Labels) -> dict[str, Any]:
    shares = [(name, float((answer.ids == i).mean())) for i, name in enumerate(answer.classes)]
    classes = [{"name": name, "share": number(share)} for name, share in shares if share >= SHARE]
    return {"classes": sorted(classes, key=lambda one: -(one["share"] or 0))}


def of_panoptic(answer: Panoptic) -> dict[str, Any]:
    segments = [
        {"class": answer.classes[label], "score": number(score), **_place(answer.segments == i + 1)}
        for i, (label, score) in enumerate(zip(answer.segment_labels, answer.segment_scores, strict=True))
    ]
    return of_labels(answer) | {"segments": segments}


def of_instances(answer: Instances) -> dict[str, Any]:
    things = [
        {"class": answer.classes[label], "score": number(score), "box": numbers(box)}
        for label, score, box in zip(answer.labels, answer.scores, answer.boxes, strict=True)
    ]
    return {"things": things}


def of_keypoints(answer: Keypoints) -> dict[str, Any]:
    points = [
        {"name": name, "xy": numbers(xy), "score": number(score), "visible": bool(visible)}
        for name, xy, score, visible in zip(answer.names, answer.xy, answer.scores, answer.visible, strict=True)
    ]
    return {"points": points}


def of_alpha(answer: Alpha) -> dict[str, Any]:
    return {"masks": [{"name": n, **_place(m)} for n, m in zip(answer.names, answer.masks, strict=True)]}


def _place(mask: Bool[np.ndarray, "h w"]) -> dict[str, Any]:
    box = numbers(box_around(mask)) if mask.any() else None
    return {"share": number(mask.mean()), "box": box}


SUMMARIES: dict[type[Prediction], Callable[[Any], dict[str, Any]]] = {  # the first that fits
    Depth: of_depth,
    Normals: of_normals,
    Panoptic: of_panoptic,
    Labels: of_labels,
    Instances: of_instances,
    Keypoints: of_keypoints,
    Alpha: of_alpha,
}


def summary(answer: Prediction) -> dict[str, Any]:
    """What can be said of an answer in a few numbers; boxes are left, top, right, bottom in pixels."""
    return next(told for kind, told in SUMMARIES.items() if isinstance(answer, kind))(answer)


# ---- single places


def points_of(text: str) -> list[tuple[float, float]]:
    """Places in a picture. UsageError for what are none.

    >>> points_of("10,20 30.5,40")
    [(10.0, 20.0), (30.5, 40.0)]
    """
    try:
        pairs = [tuple(map(float, pair.split(","))) for pair in text.replace(";", " ").split()]
        found = [(x, y) for x, y in pairs]
    except ValueError:
        raise UsageError(f"points are x,y in pixels, apart by spaces, as in 10,20 30,40, not {text[:60]!r}") from None
    if len(found) > POINTS:
        raise UsageError(f"at most {POINTS} points at a time, not {len(found)}")
    return found


def at(answer: Prediction, places: Sequence[tuple[float, float]]) -> list[dict[str, Any]]:
    """What an answer says of single places. UsageError for a place that is not in the picture."""
    width, height = answer.size
    told = []
    for x, y in places:
        if not (0 <= x < width and 0 <= y < height):
            raise UsageError(f"the point {x:g},{y:g} is not in the picture of {width} x {height} pixels")
        row, column = int(y), int(x)
        seen = {"x": x, "y": y, "confidence": number(answer.confidence[row, column])}
        told.append(seen | _at(answer, row, column))
    return told


def _at(answer: Prediction, y: int, x: int) -> dict[str, Any]:
    match answer:
        case Depth():
            key = "metres" if answer.scale == "metric" else "relative"
            return {key: number(answer.values[y, x]) if answer.valid[y, x] else None}
        case Normals():
            return {"normal": numbers(answer.xyz[y, x]) if answer.valid[y, x] else None}
        case Labels():
            return {"class": answer.classes[answer.ids[y, x]] if answer.ids[y, x] >= 0 else None}
        case Instances():
            left, top, right, bottom = answer.boxes.T
            inside = (left <= x) & (x < right) & (top <= y) & (y < bottom)
            inside = inside if answer.masks is None else answer.masks[:, y, x]
            return {"things": np.flatnonzero(inside).tolist()}
        case Keypoints():
            return {"nearest": _nearest_point(answer, x + 0.5, y + 0.5)}
        case Alpha():
            return {"alpha": {n: number(a) for n, a in zip(answer.names, answer.alpha[:, y, x], strict=True)}}
    raise UsageError(f"{answer.task or answer.kind} has no value at a point")


def _nearest_point(answer: Keypoints, x: float, y: float) -> dict[str, Any] | None:
    """The point that was seen nearest to a place, and how many pixels away it is; None where none was seen."""
    away = np.where(answer.visible, np.hypot(*(answer.xy - (x, y)).T), np.nan)
    if not np.isfinite(away).any():
        return None
    i = int(np.nanargmin(away))
    return {"name": answer.names[i], "pixels": number(away[i]), "score": number(answer.scores[i])}


# ---- whole replies


def png_of(answer: Prediction) -> bytes:
    """The painting, with its provenance; UsageError for an answer that was not painted."""
    if answer.painting is None:
        raise UsageError("a specialist paints nothing; ask for application/json or application/x-npz")
    return answer.painting.png()


def npz_of(answer: Prediction) -> bytes:
    """The arrays, as `plantain predict` writes them."""
    out = BytesIO()
    npz.write(answer, out)
    return out.getvalue()


def overlay_of(answer: Prediction, photo: Any) -> bytes:
    return png_bytes(overlay(answer, photo), answer)


def base64_of(content: bytes) -> str:
    return base64.b64encode(content).decode()


def prediction_json(
    outcome: Outcome, places: Sequence[tuple[float, float]], include: Sequence[str], photo: Any
) -> dict[str, Any]:
    """The JSON of an answer: the fields of the command line's lines without files, then what is in it."""
    answer = outcome.answer
    assert isinstance(answer, Prediction)
    line = outcome.to_json()
    fields = {key: line[key] for key in ("task", "prompt", "model", "confidence", "presence", "seconds")}
    told: dict[str, Any] = {"kind": answer.kind, **fields, "size": list(answer.size), "result": summary(answer)}
    told |= {"provenance": in_short(answer.provenance())}
    told |= {"points": at(answer, places)} if places else {}
    makers: Mapping[str, Callable[[], bytes]] = {
        "painting": lambda: png_of(answer),
        "overlay": lambda: overlay_of(answer, photo),
        "arrays": lambda: npz_of(answer),
    }
    return told | {f"{name}_b64": base64_of(makers[name]()) for name in include}
