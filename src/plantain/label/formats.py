"""The table of formats: how a photo's labels are said in each, and read again. Nearly all is supervision's work.

What is ours: photos in folders of folders, and three things that supervision's COCO does otherwise. It marks areas with
holes as crowds, which trainers leave out; it claims a license for people's photos; and it has no scores."""

from __future__ import annotations

import base64
import io
import json
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any
from xml.etree.ElementTree import ParseError

import numpy as np
from PIL import Image

from plantain._shapes import Bool
from plantain.data.coco_masks import fill_polygons
from plantain.errors import TruthError, UsageError
from plantain.files import read_text
from plantain.label import cvat
from plantain.label.areas import packed, supervision

SHAPES = ("rectangle", "polygon", "mask")  # of LabelMe and CVAT
EXACT = "exact"  # in the data of detections: areas whose every pixel counts
LOSS = 0.95  # the IoU of an area with its polygons, below which COCO gets runs of pixels instead
Fragment = Any  # a photo's labels in a format: the text of its file, or rows of a file about all photos
Read = Iterator[tuple[str, Fragment]]


@dataclass(frozen=True)
class Picture:
    """A photo of a set: its id ("street/17"), its name below the folder of pictures, its size (width, height)."""

    id: str
    name: str
    size: tuple[int, int]


@dataclass(frozen=True)
class Format:
    """A row. `pictures`: the folder of photos; `labels`: the file of a photo's labels, or the one file of all;
    `say`: detections as labels; `hear`: the inverse; `read`: what a folder holds, by the photos' names."""

    name: str
    pictures: str
    labels: str
    say: Callable[[Picture, Any, Sequence[str]], Fragment]
    hear: Callable[[Fragment, tuple[int, int], Sequence[str], bool], Any]
    read: Callable[[Path, Sequence[str]], Read]
    shown_by: str

    @property
    def one_file(self) -> bool:
        return "{}" not in self.labels

    def place(self, picture: Picture) -> str:
        """Where the labels of a photo lie."""
        return self.labels.format(picture.id)


# ---- YOLO


def say_yolo(picture: Picture, detections: Any, classes: Sequence[str]) -> str:
    from supervision.dataset.formats.yolo import detections_to_yolo_annotations as lines_of

    lines = lines_of(detections, picture.size[::-1], approximation_percentage=0.0)
    return "".join(f"{line}\n" for line in lines)


def hear_yolo(fragment: str, size: tuple[int, int], classes: Sequence[str], masks: bool) -> Any:
    from supervision.dataset.formats.yolo import yolo_annotations_to_detections as detections_of

    return detections_of([line for line in fragment.splitlines() if line.strip()], size, with_masks=masks)


def read_yolo(root: Path, classes: Sequence[str]) -> Read:
    """Files of labels/ (or of the folder itself), their numbers brought to our classes by data.yaml or classes.txt."""
    names = yolo_names(root)
    home = root / "labels" if (root / "labels").is_dir() else root
    for path in sorted(home.rglob("*.txt")):
        lines = [line.split(maxsplit=1) for line in read_text(path).splitlines() if line.strip()]
        if path.name in ("classes.txt", "train.txt", "val.txt") or not all(len(line) == 2 for line in lines):
            continue
        own = [(number_of(line[0], names or classes, path), line[1]) for line in lines]
        mapped = [(index_of((names or classes)[number], classes, path), rest) for number, rest in own]
        yield key_of(path, home), "".join(f"{number} {rest.strip()}\n" for number, rest in mapped)


def yolo_names(root: Path) -> list[str]:
    """The names of a YOLO folder, in the order of their numbers; none where it does not say them."""
    if (root / "data.yaml").exists():
        import yaml

        names = (yaml.safe_load(read_text(root / "data.yaml")) or {}).get("names", [])
        return [str(names[key]) for key in sorted(names)] if isinstance(names, dict) else list(map(str, names))
    lists = [root / "classes.txt", root / "labels" / "classes.txt", root / "obj.names"]
    return next((read_text(path).split("\n") for path in lists if path.exists()), [])


def number_of(word: str, names: Sequence[str], path: Path) -> int:
    number = int(float(word)) if word.replace(".", "", 1).isdigit() else -1
    if not 0 <= number < len(names):
        raise TruthError(f"{path} has the class number {word}, and there are {len(names)} classes, from 0")
    return number


def index_of(name: Any, classes: Sequence[str], path: Any) -> int:
    """The number of a class. UsageError for one that was not asked for."""
    if name not in classes:
        raise UsageError(f"{path} has the class {name!r}, which is not among the classes: {', '.join(classes)}")
    return list(classes).index(name)


# ---- Pascal VOC


def say_voc(picture: Picture, detections: Any, classes: Sequence[str]) -> str:
    from supervision.dataset.formats.pascal_voc import detections_to_pascal_voc as xml_of

    width, height = picture.size
    text: str = xml_of(detections, list(classes), picture.name, (height, width, 3), approximation_percentage=0.0)
    return text.replace("<database>roboflow.ai</database>", "<database>plantain</database>")


def hear_voc(fragment: str, size: tuple[int, int], classes: Sequence[str], masks: bool) -> Any:
    from supervision.dataset.formats.pascal_voc import detections_from_xml_obj as detections_of

    detections, known = detections_of(cvat.safe().fromstring(fragment), list(classes), size, masks)
    if masks and len(detections) and not detections.mask.any(axis=(1, 2)).all():
        detections.mask = filled(detections, size)
    for name in known[len(classes) :]:
        index_of(name, classes, "the file")
    return detections


def filled(detections: Any, size: tuple[int, int]) -> Any:
    """Masks, and for what has a box alone the whole box."""
    masks = detections.mask.copy()
    for mask, (left, top, right, bottom) in zip(masks, detections.xyxy.round().astype(int), strict=True):
        if not mask.any():
            mask[max(top, 0) : bottom, max(left, 0) : right] = True
    return masks


def read_voc(root: Path, classes: Sequence[str]) -> Read:
    home = root / "Annotations" if (root / "Annotations").is_dir() else root
    for path in sorted(home.rglob("*.xml")):
        text = read_text(path)
        if cvat.safe().fromstring(text.encode()).tag == "annotation":
            yield key_of(path, home), text


# ---- LabelMe, and CVAT by its shapes


def say_labelme(picture: Picture, detections: Any, classes: Sequence[str]) -> dict[str, Any]:
    from supervision.dataset.formats.labelme import detections_to_labelme_shapes as shapes_of

    width, height = picture.size
    about = {"version": "5.4.1", "flags": {}, "shapes": shapes_of(detections, list(classes))}
    return about | {"imagePath": PurePosixPath(picture.name).name, "imageData": None, "imageHeight": height,
                    "imageWidth": width}  # fmt: skip


def hear_labelme(fragment: dict[str, Any], size: tuple[int, int], classes: Sequence[str], masks: bool) -> Any:
    return of_shapes(fragment["shapes"], size, classes, masks)


def of_shapes(shapes: Sequence[dict[str, Any]], size: tuple[int, int], classes: Sequence[str], masks: bool) -> Any:
    """Rectangles, polygons and masks as detections. TruthError for shapes of another sort, which say no area."""
    from supervision.dataset.formats.labelme import labelme_shapes_to_detections as detections_of

    for shape in shapes:
        index_of(shape.get("label"), classes, "the file")
        if shape.get("shape_type") not in SHAPES:
            raise TruthError(f"a shape of the sort {shape.get('shape_type')!r}; an area is a {', '.join(SHAPES)}")
    drawn = [one for one in shapes if one["shape_type"] != "mask"]
    plain = detections_of(drawn, {name: i for i, name in enumerate(classes)}, size, masks)
    painted = [(one["label"], painted_mask(one, size)) for one in shapes if one["shape_type"] == "mask"]
    painted = [(name, mask) for name, mask in painted if mask.any()]
    if not painted:
        return plain
    sv, stack = supervision(), np.array([mask for _, mask in painted])
    numbers = np.array([list(classes).index(name) for name, _ in painted])
    around = sv.mask_to_xyxy(stack).astype(np.float32) + np.array([0, 0, 1, 1], np.float32)  # its ends are inside
    more = sv.Detections(xyxy=around, mask=stack if masks else None, class_id=numbers)
    return sv.Detections.merge([plain, more]) if len(plain) else more


def painted_mask(shape: dict[str, Any], size: tuple[int, int]) -> Bool[np.ndarray, "h w"]:
    """A mask on its photo: an array, or, as LabelMe has it, a PNG in base64 for the box of its two points."""
    if isinstance(shape["mask"], np.ndarray):
        return np.asarray(shape["mask"], bool)
    with Image.open(io.BytesIO(base64.b64decode(shape["mask"]))) as opened:
        inside = np.asarray(opened.convert("L")) > 0
    left, top = (round(float(value)) for value in shape["points"][0])
    whole = np.zeros(size[::-1], bool)
    part = whole[top : top + inside.shape[0], left : left + inside.shape[1]]
    part[:] = inside[: part.shape[0], : part.shape[1]]
    return whole


def read_labelme(root: Path, classes: Sequence[str]) -> Read:
    for path in sorted(root.rglob("*.json")):
        content = json.loads(read_text(path))
        if isinstance(content, dict) and "shapes" in content:
            yield key_of(path, root).removeprefix("images/"), content


def say_cvat(picture: Picture, detections: Any, classes: Sequence[str]) -> str:
    return cvat.image(picture.name, picture.size, say_labelme(picture, detections, classes)["shapes"])


def hear_cvat(fragment: str, size: tuple[int, int], classes: Sequence[str], masks: bool) -> Any:
    return of_shapes(list(cvat.shapes(fragment)), size, classes, masks)


def read_cvat(root: Path, classes: Sequence[str]) -> Read:
    for path in sorted(root.rglob("*.xml")):
        yield from ((stem_of(name), text) for name, text in cvat.images(path))


# ---- COCO, which FiftyOne reads too


def say_coco(picture: Picture, detections: Any, classes: Sequence[str]) -> dict[str, Any]:
    """A row of the photo and rows of its areas, without numbers: they come when the file is written."""
    rows = [coco_row(detections[i : i + 1]) for i in range(len(detections))]
    about = {"file_name": picture.name, "width": picture.size[0], "height": picture.size[1]}
    return {"image": about, "annotations": rows}


def coco_row(area: Any) -> dict[str, Any]:
    """The row of one area, in plain numbers, no crowd, with its score: polygons where these hold it, else runs."""
    from supervision.dataset.formats.coco import detections_to_coco_annotations as rows_of

    def row(runs: bool) -> dict[str, Any]:
        one = area[:]
        one.data = {"iscrowd": np.full(1, int(runs))}
        with warnings.catch_warnings(action="ignore"):  # of an area too thin for a polygon
            (made,), _ = rows_of(one, 0, 1, approximation_percentage=0.0)
        return dict(json.loads(json.dumps(made, default=float)))

    exact = bool(area.data.get(EXACT, [False])[0])
    own = row(exact)
    if not exact and area.mask is not None and not holds(own["segmentation"], area.mask[0]):
        own = row(True)
    own |= {"iscrowd": 0} | ({} if area.confidence is None else {"score": round(float(area.confidence[0]), 4)})
    return {key: value for key, value in own.items() if key not in ("id", "image_id")}


def holds(polygons: Any, mask: Bool[np.ndarray, "h w"]) -> bool:
    """Whether polygons say the area of a mask, as COCO's own code fills them: no holes lost, nothing too thin."""
    filled = fill_polygons(polygons, mask.shape[1], mask.shape[0])
    return bool((filled & mask).sum() >= LOSS * max((filled | mask).sum(), 1))


def hear_coco(fragment: dict[str, Any], size: tuple[int, int], classes: Sequence[str], masks: bool) -> Any:
    from supervision.dataset.formats.coco import coco_annotations_to_detections as detections_of

    rows = fragment["annotations"]
    detections = detections_of(rows, size, with_masks=masks, use_iscrowd=False)
    if len(rows):
        detections.class_id = detections.class_id - 1
        if masks:
            detections.mask = filled(detections, size)
    return detections


def read_coco(root: Path, classes: Sequence[str]) -> Read:
    for path in sorted([*root.glob("*.json"), *root.glob("annotations/*.json")]):
        content = json.loads(read_text(path))
        if not (isinstance(content, dict) and {"images", "annotations", "categories"} <= set(content)):
            continue
        names = {one["id"]: one["name"] for one in content["categories"]}
        rows: dict[Any, list[dict[str, Any]]] = {one["id"]: [] for one in content["images"]}
        for row in content["annotations"]:
            number = index_of(names.get(row["category_id"]), classes, path) + 1
            own = {key: value for key, value in row.items() if key not in ("id", "image_id")}
            rows[row["image_id"]].append(own | {"category_id": number})
        for one in content["images"]:
            known = {key: one[key] for key in ("file_name", "width", "height")}
            yield stem_of(one["file_name"]), {"image": known, "annotations": rows[one["id"]]}


# ---- the table


def key_of(path: Path, home: Path) -> str:
    return path.relative_to(home).with_suffix("").as_posix()


def stem_of(name: str) -> str:
    """What a photo is called in a file about all, without its ending."""
    return PurePosixPath(name.replace("\\", "/")).with_suffix("").as_posix()


FORMATS: dict[str, Format] = {
    row.name: row
    for row in (
        Format("coco", "images", "annotations.json", say_coco, hear_coco, read_coco,
               "whatever reads COCO: OUT/annotations.json with OUT/images"),
        Format("yolo", "images", "labels/{}.txt", say_yolo, hear_yolo, read_yolo,
               "yolo train data=OUT/data.yaml, once it is split"),
        Format("voc", "JPEGImages", "Annotations/{}.xml", say_voc, hear_voc, read_voc,
               "readers of Pascal VOC: OUT/Annotations with OUT/JPEGImages"),
        Format("labelme", "images", "images/{}.json", say_labelme, hear_labelme, read_labelme, "labelme OUT/images"),
        Format("cvat", "images", "annotations.xml", say_cvat, hear_cvat, read_cvat,
               "in CVAT a task of OUT/images, then Upload annotations, CVAT 1.1, OUT/annotations.xml"),
        Format("fiftyone", "data", "labels.json", say_coco, hear_coco, read_coco,
               "fiftyone.Dataset.from_dir('OUT', dataset_type=fiftyone.types.COCODetectionDataset)"),
    )
}  # fmt: skip
DAMAGED = (ValueError, KeyError, TypeError, ParseError)


def heard(format: Format, fragment: Fragment, size: tuple[int, int], classes: Sequence[str], *, masks: bool) -> Any:
    """A photo's labels as `supervision.Detections`, with masks or without. TruthError for damaged ones."""
    try:
        detections = format.hear(fragment, size, classes, masks)
    except DAMAGED as error:
        raise TruthError(f"labels that cannot be read: {error}") from error
    if masks and len(detections):
        both = [packed(mask, box) for mask, box in zip(detections.mask, detections.xyxy, strict=True)]
        detections.mask = supervision().CompactMask.merge(both)
    if not masks:
        detections.mask = None
    return detections
