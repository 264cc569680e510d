"""Readers of the excerpt folder: nineteen sets of small photographs with truths, each a folder of `images/` and labels.

`read(root, "nyu", "train")` gives Examples. One function a set, in the table `SETS`; truths are read lazily.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from plantain.data.base import Example
from plantain.data.coco_masks import decode_rle, fill_polygons
from plantain.data.planes import normals_from_depth
from plantain.errors import PhotoError, TruthError, UnknownName
from plantain.files import read_text
from plantain.imaging.photo import open_picture
from plantain.predictions.boxes import boxes_around
from plantain.predictions.types import Alpha, Depth, Edges, Instances, Keypoints, Labels, Normals
from plantain.vocabularies import VOC_21

NYU_CAMERA = (259.4289505, 259.7348055, 162.0412245, 126.118083)  # fx fy cx cy at 320 x 240
NYU_CROP = (slice(23, 235), slice(21, 300))  # the Eigen crop at 320 x 240: outside it depth is invented
NYU_FRAME = (5, 6, 6, 7)  # left, top, right, bottom pixels of the white frame, which is no scene


def png(path: Path) -> np.ndarray:
    """The numbers in a picture as they are stored; PhotoError where it cannot be read."""
    with open_picture(path) as image:
        return np.asarray(image)


def sixteen_bits(path: Path, unit: float) -> np.ndarray:
    """The numbers in a depth PNG, `unit` steps a meter; TruthError for color and for 8 bits, which hold no depth."""
    raw = png(path)
    if raw.ndim != 2 or raw.dtype.itemsize < 2:
        kind = f"{raw.shape[-1]} channels" if raw.ndim > 2 else "1 bit" if raw.dtype == bool else "8 bits"
        raise TruthError(f"{path} has {kind}; depth wants 16 bits and one channel, meters x {unit:g}, 0 = unknown")
    return raw


def _index(folder: Path, split: str) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    index = json.loads(read_text(folder / "index.json"))
    return index["meta"], [row for row in index["images"] if row["split"] == split]


def _sure(shape: tuple[int, ...]) -> np.ndarray:
    return np.ones(shape[:2], np.float32)


def depth(path: Path, unit: float) -> Depth:
    raw = sixteen_bits(path, unit).astype(np.float32) / unit
    return Depth(values=raw, valid=raw > 0, confidence=_sure(raw.shape))


def _framed(known: np.ndarray) -> np.ndarray:
    left, top, right, bottom = NYU_FRAME
    inside = np.zeros_like(known)
    inside[top:-bottom, left:-right] = True
    return known & inside


def nyu_depth(path: Path) -> Depth:
    read = depth(path, 1000.0)
    return Depth(values=read.values, valid=_framed(read.valid), confidence=read.confidence)


def nyu_normals(path: Path) -> Normals:
    """Pseudo-truth: plane fits to the depth, brought to +x right, +y up, +z to the viewer."""
    metres = depth(path, 1000.0).values
    xyz, valid = normals_from_depth(metres, *NYU_CAMERA)
    return Normals(xyz=xyz, valid=_framed(valid), confidence=_sure(metres.shape))


def labels(path: Path, classes: tuple[str, ...], ignore: int | None, table: np.ndarray | None = None) -> Labels:
    """A label PNG; `ignore` becomes -1, and `table` maps the stored values to indices of `classes` first."""
    raw = png(path).astype(np.int32)
    ids = raw if table is None else table[raw]
    return Labels(ids=np.where(raw == ignore, -1, ids).astype(np.int16), classes=classes, confidence=_sure(raw.shape))


def mask(path: Path, name: str, threshold: float = 0.0) -> Alpha:
    on = png(path).astype(np.float32) > threshold
    return Alpha(alpha=on[None].astype(np.float32), names=(name,), confidence=_sure(on.shape))


def _instances(masks: np.ndarray, classes: list[str], boxes: np.ndarray | None = None) -> Instances:
    """Things of these classes; their boxes are those around the masks where no others are annotated."""
    names = tuple(dict.fromkeys(classes))
    return Instances(
        masks=masks,
        boxes=boxes_around(masks) if boxes is None else boxes,
        labels=np.array([names.index(c) for c in classes], np.int64),
        classes=names,
        scores=np.ones(len(classes), np.float32),
        confidence=_sure(masks.shape[1:]),
    )


def keypoints(points: list[list[float]], names: tuple[str, ...], size: tuple[int, int]) -> Keypoints:
    """Points as (x, y, v), v = 0 where not known."""
    table = np.array([[*p, 1][:3] for p in points], np.float32)
    seen = table[:, 2] > 0
    xy = np.where(seen[:, None], table[:, :2], np.nan).astype(np.float32)
    return Keypoints(xy=xy, visible=seen, names=names, scores=seen.astype(np.float32), confidence=_sure(size[::-1]))


def edges(path: Path, annotators: int) -> Edges:
    """BSDS boundaries: the share of annotators who drew here."""
    bits = png(path).astype(np.uint32)
    votes = sum(((bits >> i) & 1).astype(np.float32) for i in range(annotators))
    strength = np.asarray(votes, np.float32) / annotators
    return Edges(alpha=strength[None], names=("edges",), confidence=_sure(strength.shape))


def annotated(path: Path, annotators: int) -> np.ndarray:
    """BSDS boundaries of each annotator apart: bool a h w."""
    bits = png(path).astype(np.uint32)
    return np.stack([(bits >> i) & 1 > 0 for i in range(annotators)])


def read_nyu(root: Path, split: str) -> Iterator[Example]:
    folder = root / "nyu" / split
    meta = json.loads(read_text(root / "nyu" / "meta.json"))
    to13 = np.array(meta["map40to13"])
    names13, names40 = tuple(meta["names13"]), tuple(meta["names40"])
    for photo in sorted((folder / "images").glob("*.jpg")):
        deep, forty = folder / "depth" / f"{photo.stem}.png", folder / "labels40" / f"{photo.stem}.png"
        truths: dict[str, Any] = {
            "depth": partial(nyu_depth, deep),
            "normals": partial(nyu_normals, deep),
            "labels": partial(labels, forty, names40, 0),
            "labels13": partial(labels, forty, names13, 0, to13),
        }
        yield Example("nyu", photo.stem, photo, split, truths)


def read_camvid(root: Path, split: str) -> Iterator[Example]:
    folder = root / "camvid" / split
    names = [n.lower() for n in json.loads(read_text(root / "camvid" / "classes.json"))["names"]]
    classes = tuple({"signsymbol": "traffic sign", "column_pole": "pole"}.get(n, n) for n in names)
    for photo in sorted((folder / "images").glob("*.jpg")):
        truth = partial(labels, folder / "labels" / f"{photo.stem}.png", classes, 11)
        yield Example("camvid", photo.stem, photo, split, {"labels": truth})


def read_bsds(root: Path, split: str) -> Iterator[Example]:
    folder = root / "bsds" / split
    count = {r["stem"]: int(r["annotators"]) for r in csv.DictReader(read_text(folder / "annotators.csv").splitlines())}
    for photo in sorted((folder / "images").glob("*.jpg")):
        bounds = folder / "bounds" / f"{photo.stem}.png"
        truth = partial(edges, bounds, count[photo.stem])
        facts = {"annotators": count[photo.stem], "bounds": bounds}
        yield Example("bsds", photo.stem, photo, split, {"edges": truth}, facts)


def read_kitti(root: Path, split: str) -> Iterator[Example]:
    for row, photo in _photos(root, "kitti", split):
        truth = partial(depth, root / "kitti" / "depth" / f"{row['id']}.png", 256.0)
        yield Example("kitti", row["id"], photo, split, {"depth": truth}, {"focal_px": row["fx"]})


def _photos(root: Path, name: str, split: str) -> Iterator[tuple[dict[str, Any], Path]]:
    for row in _index(root / name, split)[1]:
        yield row, root / name / row.get("photo", f"images/{row['id']}.jpg")


def _label_reader(name: str, ignore: int | None) -> Callable[[Path, str], Iterator[Example]]:
    def read_labels(root: Path, split: str) -> Iterator[Example]:
        meta, _ = _index(root / name, split)
        classes = tuple(meta["classes"])
        for row, photo in _photos(root, name, split):
            truth = partial(labels, root / name / "labels" / f"{row['id']}.png", classes, ignore)
            yield Example(name, row["id"], photo, split, {"labels": truth})

    return read_labels


def read_people(root: Path, split: str) -> Iterator[Example]:
    meta, _ = _index(root / "people", split)
    classes = ("background", *meta["ccp_labels"][1:])
    for row, photo in _photos(root, "people", split):
        path = root / "people" / "labels" / f"{row['id']}.png"
        truths: dict[str, Any] = {"mask": partial(mask, path, "person")}
        if row["source"] == "ccp":
            truths["labels"] = partial(labels, path, classes, None)
        yield Example("people", row["id"], photo, split, truths)


def _mask_reader(name: str, thing: str) -> Callable[[Path, str], Iterator[Example]]:
    def read_masks(root: Path, split: str) -> Iterator[Example]:
        for row, photo in _photos(root, name, split):
            truth = partial(mask, root / name / "masks" / f"{row['id']}.png", thing)
            yield Example(name, row["id"], photo, split, {"mask": truth})

    return read_masks


def read_persons(root: Path, split: str) -> Iterator[Example]:
    meta, _ = _index(root / "persons", split)
    names = tuple(n.replace("_", " ") for n in meta["keypoints"])
    for row, photo in _photos(root, "persons", split):
        size = (row["w"], row["h"])
        truths: dict[str, Any] = {"instances": partial(_person, row["p"], *size)}
        if row.get("k"):
            truths["keypoints"] = partial(keypoints, row["k"], names, size)
        yield Example("persons", row["id"], photo, split, truths)


def _person(polygons: list[list[float]], width: int, height: int) -> Instances:
    return _instances(fill_polygons(polygons, width, height)[None], ["person"])


def read_pose(root: Path, split: str) -> Iterator[Example]:
    meta, _ = _index(root / "pose", split)
    joints = tuple(n.replace("_", " ") for n in meta["keypoints"])
    for row, photo in _photos(root, "pose", split):
        truth = partial(keypoints, row["k"], joints, (row["w"], row["h"]))
        yield Example("pose", row["id"], photo, split, {"keypoints": truth})


FACE_POINTS = {  # of the 68 points of 300-W, counted from 0; left and right are the person's own
    "right eye": slice(36, 42),
    "left eye": slice(42, 48),
    "nose": slice(30, 31),
    "right mouth corner": slice(48, 49),
    "left mouth corner": slice(54, 55),
    "chin": slice(8, 9),
}


def read_faces(root: Path, split: str) -> Iterator[Example]:
    """Six named points out of the 68; all 68 stay in `facts`."""
    for row, photo in _photos(root, "faces", split):
        all_points = np.array(row["k"], np.float32)
        six = [[*map(float, all_points[part].mean(0)), 1.0] for part in FACE_POINTS.values()]
        truth = partial(keypoints, six, tuple(FACE_POINTS), (row["w"], row["h"]))
        yield Example("faces", row["id"], photo, split, {"keypoints": truth}, {"points": row["k"]})


def read_coco(root: Path, split: str) -> Iterator[Example]:
    book = json.loads(read_text(root / "coco" / "annotations.json"))
    names = book["meta"]["categories"]
    for row in book["images"]:
        if row["split"] == split:
            things = [a for a in row["anns"] if not a.get("crowd")]
            truths = {"instances": partial(_coco_instances, things, names, row["w"], row["h"])}
            crowds = [a for a in row["anns"] if a.get("crowd")]
            if crowds:
                truths["crowds"] = partial(_coco_instances, crowds, names, row["w"], row["h"])
            facts = {"captions": row.get("captions", []), "annotations": things, "crowds": crowds}
            facts["crowd_classes"] = [names[str(a["c"])] for a in crowds]
            yield Example("coco", str(row["id"]), root / "coco" / row["file"], split, truths, facts)


def _coco_instances(things: list[dict[str, Any]], names: dict[str, str], width: int, height: int) -> Instances:
    """Things of at least a pixel, with the annotated boxes, which are COCO's truth (x, y, width, height)."""
    size = [height, width]
    drawn = [
        decode_rle({"size": size, "counts": a["rle"]}) if "rle" in a else fill_polygons(a["p"], width, height)
        for a in things
    ]
    kept = [(mask, a) for mask, a in zip(drawn, things, strict=True) if mask.any()]
    masks = np.array([mask for mask, _ in kept], bool).reshape(-1, height, width)
    corners = np.array([a["b"] for _, a in kept], np.float32).reshape(-1, 4)
    corners[:, 2:] += corners[:, :2]
    return _instances(masks, [names[str(a["c"])] for _, a in kept], corners)


def read_panoptic(root: Path, split: str) -> Iterator[Example]:
    meta, _ = _index(root / "panoptic", split)
    book = {int(k): (v[0].replace("-merged", "").replace("-other", ""), v[1]) for k, v in meta["categories"].items()}
    for row, photo in _photos(root, "panoptic", split):
        path = root / "panoptic" / "segments" / f"{row['id']}.png"
        truths: dict[str, Any] = {
            "labels": partial(_panoptic_labels, path, row["segments"], book),
            "instances": partial(_panoptic_things, path, row["segments"], book),
        }
        crowds = [book[c][0] for c, crowd in row["segments"] if crowd]
        if crowds:
            truths["crowds"] = partial(_panoptic_things, path, row["segments"], book, crowds=True)
        names = [book[c][0] for c, _ in row["segments"]]
        facts = {"segments": row["segments"], "names": names, "path": path, "crowd_classes": crowds}
        yield Example("panoptic", row["id"], photo, split, truths, facts)


def _panoptic_labels(path: Path, segments: list[list[int]], book: dict[int, tuple[str, int]]) -> Labels:
    names = tuple(dict.fromkeys(book[c][0] for c, _ in segments))
    table = np.array([-1, *(names.index(book[c][0]) for c, _ in segments)], np.int16)
    ids = table[png(path)]
    return Labels(ids=ids, classes=names, confidence=_sure(ids.shape))


def _panoptic_things(
    path: Path, segments: list[list[int]], book: dict[int, tuple[str, int]], crowds: bool = False
) -> Instances:
    """The things, or the areas of things that nobody counted."""
    numbered = png(path)
    kept = [(i, book[c][0]) for i, (c, crowd) in enumerate(segments, 1) if book[c][1] and bool(crowd) == crowds]
    kept = [(i, name) for i, name in kept if (numbered == i).any()]
    stack = np.array([numbered == i for i, _ in kept], bool).reshape(-1, *numbered.shape)
    return _instances(stack, [name for _, name in kept])


def read_refer(root: Path, split: str) -> Iterator[Example]:
    for row, photo in _photos(root, "refer", split):
        yield Example("refer", row["id"], photo, split, {}, {"expressions": row["expressions"]})


def read_mattes(root: Path, split: str) -> Iterator[Example]:
    for row, photo in _photos(root, "mattes", split):
        truths = {"alpha": partial(_alpha, root / "mattes" / "alpha" / f"{row['id']}.png")}
        yield Example(
            "mattes", row["id"], photo, split, truths, {"trimap": root / "mattes/trimap" / f"{row['id']}.png"}
        )


def _alpha(path: Path) -> Alpha:
    value = png(path).astype(np.float32) / 255
    return Alpha(alpha=value[None], names=("main object",), confidence=_sure(value.shape))


def read_captions(root: Path, split: str) -> Iterator[Example]:
    for row, photo in _photos(root, "captions", split):
        yield Example("captions", row["id"], photo, split, {}, {"captions": row["text"]})


def read_photos(root: Path, split: str) -> Iterator[Example]:
    for photo in sorted((root / "photos").rglob("*.jpg")) if split == "train" else []:
        yield Example("photos", photo.stem, photo, split, {})


def read_plain(name: str) -> Callable[[Path, str], Iterator[Example]]:
    """Photographs without labels of their own."""

    def read_unlabelled(root: Path, split: str) -> Iterator[Example]:
        for row, photo in _photos(root, name, split):
            yield Example(name, row["id"], photo, split)

    return read_unlabelled


def read_voc(root: Path, split: str) -> Iterator[Example]:
    for row, photo in _photos(root, "voc", split):
        truth = partial(labels, root / "voc" / "labels" / f"{row['id']}.png", VOC_21, 255)
        yield Example("voc", row["id"], photo, split, {"labels": truth})


SETS: dict[str, Callable[[Path, str], Iterator[Example]]] = {
    "nyu": read_nyu,
    "kitti": read_kitti,
    "ade20k": _label_reader("ade20k", 0),
    "camvid": read_camvid,
    "animals": _label_reader("animals", 255),
    "faceparts": _label_reader("faceparts", None),
    "people": read_people,
    "portraits": _mask_reader("portraits", "person"),
    "salient": _mask_reader("salient", "main object"),
    "coco": read_coco,
    "panoptic": read_panoptic,
    "persons": read_persons,
    "pose": read_pose,
    "faces": read_faces,
    "bsds": read_bsds,
    "refer": read_refer,
    "mattes": read_mattes,
    "captions": read_captions,
    "photos": read_photos,
}
COLLECTED: dict[str, Callable[[Path, str], Iterator[Example]]] = {  # more photographs, which people fetch themselves
    "voc": read_voc,
    "imagenette": read_plain("imagenette"),
    "caltech": read_plain("caltech"),
}


def present(root: str | Path, names: Iterable[str], split: str = "train") -> list[Example]:
    """The Examples of those of the named sets that the folder holds."""
    return [e for name in names if (Path(root) / name).is_dir() for e in read(root, name, split)]


def read(root: str | Path, name: str, split: str) -> list[Example]:
    """All Examples of one set and split ("train", "dev_test", "test_dev", "val"); PhotoError where there are none."""
    readers = SETS | COLLECTED
    if name not in readers:
        raise UnknownName("set", name, readers)
    try:
        found = list(readers[name](Path(root), split))
    except FileNotFoundError as error:
        raise PhotoError(
            f"no set {name!r} under {root}: {error.filename} is missing; give the excerpt folder"
        ) from None
    if not found:
        raise PhotoError(f"set {name!r} has no split {split!r} under {root}; look at its index.json for the splits")
    return found
