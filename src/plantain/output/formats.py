"""Answers in other formats: 16-bit depth PNGs, COCO JSON, panoptic PNG, point clouds, `supervision` objects."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import repeat
from pathlib import Path, PurePosixPath
from typing import Any, cast

import numpy as np
from PIL import Image

from plantain._shapes import Bool, Float, Int, Shaped
from plantain.errors import MissingExtra, UsageError
from plantain.files import writing
from plantain.imaging.provenance import NOTE, save_png, sealed
from plantain.output.skeleton import bones
from plantain.predictions.boxes import box_around, boxes_around, xywh
from plantain.predictions.npz import from_npz
from plantain.predictions.types import Alpha, Depth, Instances, Keypoints, Labels, Panoptic, Prediction

LEVEL = 3  # of zlib: twice as quick as the usual 6 on pictures of 12 megapixels, and a tenth larger
STUFF = 10_000  # panoptic ids above this are whole classes, below it single things

# ---- depth ----


def write_kitti_depth(depth: Prediction, path: str | Path) -> Path:
    """16-bit PNG of metres x 256, 0 = no answer, as in the KITTI depth devkit; reaches 255.99 m."""
    return _write_sixteen_bits(depth, Path(path), 256.0)


def write_millimetre_depth(depth: Prediction, path: str | Path) -> Path:
    """16-bit PNG of millimetres, 0 = no answer, as depth cameras write; reaches 65.535 m."""
    return _write_sixteen_bits(depth, Path(path), 1000.0)


def _write_sixteen_bits(depth: Prediction, path: Path, steps_per_metre: float) -> Path:
    """What is too far to be written becomes 0 (no answer) rather than a wrong number."""
    metric = _metric(depth)
    steps = np.where(np.isfinite(metric.metres), metric.metres, 0) * steps_per_metre
    writable = metric.valid & (steps > 0) & (np.rint(steps) <= 65535)
    raw = np.where(writable, np.maximum(np.rint(steps), 1), 0).astype(np.uint16)
    with writing(path) as beside:
        save_png(Image.fromarray(raw), beside, depth.provenance(), LEVEL)
    return path


def _metric(prediction: Prediction) -> Depth:
    if not isinstance(prediction, Depth):
        raise UsageError(f"this format holds metric depth, not {prediction.kind}; ask for 'metric depth'")
    return prediction


def focal_of(width: int, focal_px: float | None = None, fov_deg: float | None = None) -> float:
    """Focal length in pixels, given as such or as the horizontal field of view in degrees.

    >>> round(focal_of(640, fov_deg=90), 3)
    320.0
    """
    if (focal_px is None) == (fov_deg is None):
        why = "a point cloud needs the camera" if fov_deg is None else "the camera is said twice"
        raise UsageError(f"{why}: give either --focal (pixels) or --fov (degrees, horizontal)")
    if focal_px is not None:
        if not 0 < focal_px < math.inf:
            raise UsageError(f"the focal length must be above 0 pixels, not {focal_px:g}")
        return float(focal_px)
    assert fov_deg is not None
    if not 0 < fov_deg < 180:
        raise UsageError(f"the field of view must lie between 0 and 180 degrees, not {fov_deg:g}")
    return width / 2 / math.tan(math.radians(fov_deg) / 2)


def points(depth: Depth, focal_px: float) -> tuple[Float[np.ndarray, "n 3"], Bool[np.ndarray, "h w"]]:
    """Valid pixels as points in metres, in the frame of the normals (+x right, +y up, +z to the viewer), and which.

    A pinhole camera with its axis through the middle of the picture: x = (u - cx) z / f.
    """
    metres = _metric(depth).metres
    height, width = metres.shape
    valid = depth.valid & np.isfinite(metres) & (metres > 0)
    row, column = np.nonzero(valid)
    z = metres[valid].astype(np.float64)
    x, y = (column - (width - 1) / 2) * z / focal_px, ((height - 1) / 2 - row) * z / focal_px
    return np.stack([x, y, -z], axis=1).astype(np.float32), valid


def write_ply(
    depth: Depth,
    path: str | Path,
    photo: Shaped[np.ndarray, "h w 3"] | None = None,
    *,
    focal_px: float | None = None,
    fov_deg: float | None = None,
) -> Path:
    """A colored point cloud, binary little-endian PLY, metres; without a photo the points are gray.

    Raises UsageError without exactly one of `focal_px` and `fov_deg` (horizontal), or where depth is relative."""
    xyz, valid = points(depth, focal_of(depth.size[0], focal_px, fov_deg))
    if photo is not None and photo.shape[:2] != valid.shape:
        raise UsageError(
            f"the photo is {photo.shape[1]} x {photo.shape[0]} pixels, its depth {depth.size}; wanted equal"
        )
    vertices = np.empty(len(xyz), dtype=[("xyz", "<f4", 3), ("rgb", "u1", 3)])
    vertices["xyz"], vertices["rgb"] = xyz, 128 if photo is None else photo[valid]
    head = ["ply", "format binary_little_endian 1.0", "comment metres; +x right, +y up, +z to the viewer"]
    head += [f"comment {NOTE} by {' '.join(str(depth.provenance().get('model', 'unknown')).split())}"]
    head += [f"element vertex {len(xyz)}", *(f"property float {axis}" for axis in "xyz")]
    head += [*(f"property uchar {channel}" for channel in ("red", "green", "blue")), "end_header"]
    with writing(Path(path)) as beside:
        beside.write_bytes("\n".join(head).encode() + b"\n" + vertices.tobytes())
    return Path(path)


# ---- masks ----


def rle_counts(mask: Bool[np.ndarray, "h w"]) -> list[int]:
    """COCO's uncompressed run lengths: down the columns, zeros first.

    >>> rle_counts(np.array([[False, True], [True, True]]))
    [1, 3]
    >>> rle_counts(np.array([[True, False]]))
    [0, 1, 1]
    """
    flat = np.asarray(mask, bool).ravel(order="F")
    changes = np.flatnonzero(flat[1:] != flat[:-1]) + 1
    borders = np.concatenate([[0], changes, [flat.size]])
    counts = [int(n) for n in np.diff(borders)]
    return [0, *counts] if flat.size and flat[0] else counts


def rle_string(counts: Sequence[int]) -> str:
    """COCO's compressed run lengths: differences to the count before last, 5 bits a letter (cocoapi maskApi.c)."""
    letters = []
    for i, count in enumerate(counts):
        left = count - counts[i - 2] if i > 2 else count
        more = True
        while more:
            bits, left = left & 31, left >> 5
            more = left != (-1 if bits & 16 else 0)
            letters.append(chr(bits + (32 if more else 0) + 48))
    return "".join(letters)


def rle(mask: Bool[np.ndarray, "h w"], *, compressed: bool = True) -> dict[str, Any]:
    """A mask as COCO writes it: {"size": [h, w], "counts": letters or numbers}."""
    counts = rle_counts(mask)
    return {"size": list(mask.shape), "counts": rle_string(counts) if compressed else counts}


@dataclass(frozen=True, eq=False)
class Parts:
    """What any answer made of areas has in common: one area a row, with its class and score."""

    masks: Bool[np.ndarray, "n h w"] | None
    boxes: Float[np.ndarray, "n 4"]  # xyxy pixels
    labels: Int[np.ndarray, "n"]
    classes: tuple[str, ...]
    scores: Float[np.ndarray, "n"]


def parts(prediction: Prediction) -> Parts:
    """Areas of instances, of classes, of panoptic segments, or of named masks. UsageError for the other kinds."""
    if isinstance(prediction, Instances):
        return Parts(prediction.masks, prediction.boxes, prediction.labels, prediction.classes, prediction.scores)
    if isinstance(prediction, Labels):
        ids, labels, scores = segments(prediction)
        masks, classes = ids == np.arange(1, len(labels) + 1)[:, None, None], prediction.classes
    else:
        classes = classes_of(prediction)
        alpha = cast(Alpha, prediction)
        masks, labels, scores = alpha.masks, np.arange(len(classes)), _scores(alpha)
    filled = masks.any(axis=(1, 2))
    masks, labels, scores = masks[filled], np.asarray(labels)[filled], np.asarray(scores, np.float32)[filled]
    return Parts(masks, boxes_around(masks), labels, classes, scores)


def _scores(prediction: Alpha) -> Float[np.ndarray, "n"]:
    """Presence where it was read, else the mean confidence inside each mask."""
    inside = [float(prediction.confidence[mask].mean()) if mask.any() else 0.0 for mask in prediction.masks]
    known = prediction.presence or {}
    return np.array([known.get(name, own) for name, own in zip(prediction.names, inside, strict=True)], np.float32)


def segments(
    prediction: Labels,
) -> tuple[Int[np.ndarray, "h w"], Int[np.ndarray, "n"], Float[np.ndarray, "n"]]:
    """A segment number a pixel (0 = none), then the class and the score of segment 1..n.

    Things told apart come first and keep their numbers; every class that is left over is one more segment."""
    if isinstance(prediction, Panoptic):
        ids, labels = prediction.segments.astype(np.int32), list(prediction.segment_labels)
        scores = [float(score) for score in prediction.segment_scores]
    else:
        ids, labels, scores = np.zeros(prediction.ids.shape, np.int32), [], []
    rest = np.where(ids == 0, prediction.ids, -1)
    for label in np.unique(rest[rest >= 0]):
        area = rest == label
        labels.append(label)
        scores.append(float(prediction.confidence[area].mean()))
        ids = np.where(area, len(labels), ids)
    return ids.astype(np.int32), np.array(labels, np.int32).reshape(-1), np.array(scores, np.float32)


# ---- COCO ----


def coco_json(
    predictions: Iterable[Prediction], names: Iterable[str] | None = None, *, compressed: bool = True
) -> dict[str, Any]:
    """COCO's dictionary of images, annotations and categories, ready for `json.dump` and pycocotools.

    `names` are the file names of the images (else each answer's stem). Boxes are [x, y, width, height] in pixels;
    categories are all classes that were asked for, numbered from 1 in the order of the question: answers to one
    question have the same numbers in every file. UsageError for depth and normals."""
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    categories: dict[str, dict[str, Any]] = {}
    given = repeat(None) if names is None else names
    for number, (prediction, name) in enumerate(zip(predictions, given, strict=names is not None), 1):
        width, height = prediction.size
        images.append({"id": number, "file_name": name or prediction.stem, "width": width, "height": height})
        for category in _categories(prediction):
            categories.setdefault(category["name"], {"id": len(categories) + 1, **category})
        made = _coco_body(prediction) if isinstance(prediction, Keypoints) else _coco_areas(prediction, compressed)
        for category_name, annotation in made:
            known = categories[category_name]["id"]
            own = {"id": len(annotations) + 1, "image_id": number, "category_id": known, "iscrowd": 0}
            annotations.append(own | annotation)
    return {"images": images, "annotations": annotations, "categories": list(categories.values())}


def coco_annotations(outcomes: Iterable[Any]) -> dict[str, Any]:
    """`coco_json` of many outcomes of `stream`, of which none is kept in memory; failed ones are left out.

    What an outcome wrote as COCO is read again, else its answer is taken, or its .npz. A photo's file name is its place
    below the folder of answers (`street/17.jpg`); of two photos with one name there the second has its whole path."""
    content, names = coco_json([]), set[str]()
    for outcome in outcomes:
        if outcome.error is None:
            name = _photo_of(outcome)
            name = str(outcome.image) if name in names and outcome.image else name
            names.add(name)
            _join(content, _coco_of(outcome), name)
    return content


def _join(content: dict[str, Any], own: dict[str, Any], file_name: str) -> None:
    """Adds one answer's image, annotations and classes under numbers of their own; classes go by name."""
    known = {category["name"]: category["id"] for category in content["categories"]}
    for category in own["categories"]:
        if category["name"] not in known:
            known[category["name"]] = len(known) + 1
            content["categories"].append(category | {"id": known[category["name"]]})
    name_of = {category["id"]: category["name"] for category in own["categories"]}
    number = len(content["images"]) + 1
    content["images"] += [image | {"id": number, "file_name": file_name} for image in own["images"]]
    for i, row in enumerate(own["annotations"], len(content["annotations"]) + 1):
        numbers = {"id": i, "image_id": number, "category_id": known[name_of[row["category_id"]]]}
        content["annotations"].append(row | numbers)


def _coco_of(outcome: Any) -> dict[str, Any]:
    """One outcome as COCO."""
    if "coco" in outcome.files:
        content: dict[str, Any] = json.loads(Path(outcome.files["coco"]).read_text(encoding="utf-8"))
        return content
    prediction = outcome.prediction
    return coco_json([from_npz(outcome.files["arrays"]) if prediction is None else prediction])


def _photo_of(outcome: Any) -> str:
    name = Path(outcome.image).name if outcome.image else outcome.job.stem
    return (PurePosixPath(outcome.job.id).parent / name).as_posix()


def _categories(prediction: Prediction) -> list[dict[str, Any]]:
    """The classes that were asked for, without numbers."""
    if not isinstance(prediction, Keypoints):
        return [{"name": name} for name in classes_of(prediction)]
    skeleton = [[a + 1, b + 1] for a, b in bones(prediction.names)]
    return [{"name": _thing(prediction), "keypoints": list(prediction.names), "skeleton": skeleton}]


def _thing(points: Keypoints) -> str:
    """Whose points they are."""
    return next(iter(points.presence or ()), "person")


def classes_of(prediction: Prediction) -> tuple[str, ...]:
    """The names that areas of an answer can have. UsageError for kinds without areas."""
    if isinstance(prediction, Instances | Labels):
        return prediction.classes
    if isinstance(prediction, Alpha):
        return prediction.names
    raise UsageError(f"{prediction.kind} has no areas; this format holds instances, labels and masks")


def _coco_areas(prediction: Prediction, compressed: bool) -> list[tuple[str, dict[str, Any]]]:
    found = parts(prediction)
    made = []
    for i, (x0, y0, x1, y1) in enumerate(found.boxes.tolist()):
        own = {"bbox": [x0, y0, x1 - x0, y1 - y0], "area": (x1 - x0) * (y1 - y0), "score": float(found.scores[i])}
        if found.masks is not None:
            mask = found.masks[i]
            own |= {"segmentation": rle(mask, compressed=compressed), "area": int(mask.sum())}
        made.append((found.classes[int(found.labels[i])], own))
    return made


def _coco_body(prediction: Keypoints) -> list[tuple[str, dict[str, Any]]]:
    """One thing with its named points, in COCO's numbers of pixels; a point that is not seen is (0, 0, 0)."""
    xyv = np.zeros((len(prediction.names), 3))
    seen = prediction.visible & np.isfinite(prediction.xy).all(axis=1)
    xyv[seen, :2], xyv[seen, 2] = prediction.xy[seen] - 0.5, 2
    if not seen.any():
        return []
    low, high = prediction.xy[seen].min(axis=0), prediction.xy[seen].max(axis=0)
    box = [float(v) for v in (*low, *(high - low))]
    own = {"keypoints": xyv.ravel().round(2).tolist(), "num_keypoints": int(seen.sum())}
    score = float(np.mean(prediction.scores[seen]))
    return [(_thing(prediction), own | {"bbox": box, "area": box[2] * box[3], "score": score})]


def write_coco(prediction: Prediction, path: str | Path, *, name: str | None = None) -> Path:
    """`coco_json` of one answer as a file."""
    return write_json(coco_json([prediction], [name] if name else None), Path(path), prediction)


def write_json(content: Mapping[str, Any], path: Path, made: Prediction | Mapping[str, Any]) -> Path:
    """A JSON file, whole or not at all, with the provenance of an answer, or a record. Raises OutputError."""
    record = made.provenance() if isinstance(made, Prediction) else made
    with writing(path) as beside:
        beside.write_text(json.dumps(sealed(content, record), ensure_ascii=False), encoding="utf-8")
    return path


# ---- panoptic ----


def panoptic_png(prediction: Prediction) -> tuple[Image.Image, list[dict[str, Any]]]:
    """COCO panoptic format: a PNG whose color is the segment's id, R + 256 G + 65536 B (0 = none), and
    `segments_info`. Of instances that overlap the higher score is on top. Whole classes have ids above 10,000."""
    if isinstance(prediction, Instances):
        ids, labels, scores = _stacked(prediction)
        numbered = len(labels)
    elif isinstance(prediction, Labels):
        ids, labels, scores = segments(prediction)
        numbered = len(prediction.segment_labels) if isinstance(prediction, Panoptic) else 0
    else:
        raise UsageError(f"a panoptic picture holds labels or instances, not {prediction.kind}")
    classes, things = prediction.classes, things_of(prediction)
    info: list[dict[str, Any]] = []
    numbers = np.zeros(len(labels) + 1, np.int64)
    for row, label in enumerate(labels.tolist()):
        mask = ids == row + 1
        if not mask.any():
            continue
        numbers[row + 1] = row + 1 if row < numbered else STUFF + label
        own = {"id": int(numbers[row + 1]), "category_id": label + 1, "category": classes[label]}
        own |= {"isthing": int(classes[label] in things), "iscrowd": 0, "score": float(scores[row])}
        info.append(own | {"area": int(mask.sum()), "bbox": xywh(np.array([box_around(mask)]))[0].tolist()})
    spread = numbers[ids]
    rgb = np.stack([spread % 256, spread // 256 % 256, spread // 65536], axis=-1).astype(np.uint8)
    return Image.fromarray(rgb), info


def things_of(prediction: Instances | Labels) -> tuple[str, ...]:
    """The classes whose things are counted; the others are stuff."""
    if isinstance(prediction, Instances):
        return prediction.classes
    if not isinstance(prediction, Panoptic):
        return ()
    numbered = (prediction.classes[label] for label in prediction.segment_labels)
    return tuple(dict.fromkeys(numbered)) if prediction.things is None else prediction.things


def _stacked(prediction: Instances) -> tuple[Int[np.ndarray, "h w"], Int[np.ndarray, "n"], Float[np.ndarray, "n"]]:
    if prediction.masks is None:
        raise UsageError("a panoptic picture needs masks, and this answer has boxes only; ask for 'instances'")
    ids = np.zeros(prediction.confidence.shape, np.int32)
    for row in np.argsort(prediction.scores, kind="stable"):
        ids[prediction.masks[row]] = row + 1
    return ids, prediction.labels.astype(np.int32), prediction.scores


def write_panoptic(prediction: Any, path: str | Path) -> Path:
    """The panoptic PNG at `path`, and beside it as .json its `segments_info` and all `categories` that were asked for,
    with the numbers that they have in `coco_json`."""
    image, info = panoptic_png(prediction)
    target = Path(path)
    with writing(target) as beside:
        save_png(image, beside, prediction.provenance(), LEVEL)
    things = things_of(prediction)
    rows = [{"id": i, "name": name, "isthing": int(name in things)} for i, name in enumerate(prediction.classes, 1)]
    record = {"file_name": target.name, "segments_info": info, "categories": rows}
    write_json(record, target.with_suffix(".json"), prediction)
    return target


# ---- supervision ----


def to_supervision(prediction: Prediction) -> Any:
    """`supervision.Detections` of instances, labels, masks; `supervision.KeyPoints` of keypoints.

    Class names are in `data["class_name"]`, numbers that things keep over a video in `tracker_id`. Raises MissingExtra
    without the package, UsageError for depth, normals."""
    try:
        import supervision
    except ImportError as error:
        raise MissingExtra("supervision", "eval") from error
    if isinstance(prediction, Keypoints):
        return supervision.KeyPoints(
            xy=np.nan_to_num(prediction.xy, nan=0.0).astype(np.float32)[None],
            keypoint_confidence=np.where(prediction.visible, prediction.scores, 0).astype(np.float32)[None],
            class_id=np.zeros(1, int),
            data={"class_name": np.array([_thing(prediction)])},
        )
    found = parts(prediction)
    return supervision.Detections(
        xyxy=found.boxes.astype(np.float32),
        mask=found.masks,
        confidence=found.scores.astype(np.float32),
        class_id=found.labels.astype(int),
        tracker_id=prediction.tracks if isinstance(prediction, Instances) else None,
        data={"class_name": np.array([found.classes[int(label)] for label in found.labels], dtype=str)},
    )
