"""Sets in every format, read by other people's code: supervision's loaders, pycocotools, CVAT's documented XML."""

from __future__ import annotations

import base64
import io
import json
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image

supervision = pytest.importorskip("supervision", reason="the extra `label` is not installed")

from plantain.errors import TruthError, UsageError  # noqa: E402
from plantain.label import cvat  # noqa: E402
from plantain.label.areas import Area, detections  # noqa: E402
from plantain.label.formats import FORMATS, Picture, heard  # noqa: E402
from plantain.label.sets import LabelSet  # noqa: E402

SIZE = (80, 60)
CLASSES = ("cat", "big dog", "line")


def box(left: int, top: int, right: int, bottom: int) -> np.ndarray:
    mask = np.zeros(SIZE[::-1], bool)
    mask[top:bottom, left:right] = True
    return mask


RING, TWO, LINE = (
    box(10, 5, 40, 25) & ~box(20, 10, 30, 15),
    box(5, 30, 20, 50) | box(30, 30, 45, 50),
    box(10, 52, 70, 53),
)
TRUTH = ((0, RING, (10, 5, 40, 25)), (1, TWO, (5, 30, 45, 50)), (2, LINE, (10, 52, 70, 53)))


def areas(*, masks: bool):
    rows = [Area(k, 0.9 - k / 10, 0.8, tuple(map(float, at)), mask if masks else None) for k, mask, at in TRUTH]
    return detections(rows, [True] * len(rows))


def made(folder: Path, format: str, *, masks: bool) -> Path:
    """A set of a photo with three areas, one in a folder of its own with the same, and one with nothing."""
    out, row = folder / format, FORMATS[format]
    written = LabelSet(out, row, CLASSES, {})
    for id in ("one", "none"):
        photo = folder / "photos" / f"{id}.png"
        photo.parent.mkdir(exist_ok=True)
        Image.fromarray(np.full((*SIZE[::-1], 3), 90, np.uint8)).save(photo)
        picture = Picture(id, photo.name, SIZE)
        own = areas(masks=masks) if id == "one" else detections([], [])
        written.add(picture, photo, row.say(picture, own, CLASSES))
    written.close()
    return out


def loaded(home: Path, format: str):
    kinds = supervision.DetectionDataset
    if format in ("coco", "fiftyone"):
        row = FORMATS[format]
        return kinds.from_coco(str(home / row.pictures), str(home / row.labels))
    if format == "yolo":
        return kinds.from_yolo(str(home / "images"), str(home / "labels"), str(home / "data.yaml"))
    if format == "voc":
        return kinds.from_pascal_voc(str(home / "JPEGImages"), str(home / "Annotations"))
    return kinds.from_labelme(str(home / "images"), str(home / "images"))


@pytest.mark.parametrize("masks", [True, False], ids=["areas", "boxes"])
@pytest.mark.parametrize("format", [name for name in FORMATS if name != "cvat"])
def test_supervisions_own_loaders_read_what_was_meant(tmp_path, format, masks) -> None:
    found = loaded(made(tmp_path, format, masks=masks), format)
    by_name = {Path(path).stem: own for path, own in found.annotations.items()}
    assert set(by_name) == {"one", "none"} and len(by_name["none"]) == 0
    own = by_name["one"]
    for number, mask, at in TRUTH:
        mine = own[own.class_id == found.classes.index(CLASSES[number])]
        low, high = mine.xyxy[:, :2].min(0), mine.xyxy[:, 2:].max(0)
        assert np.abs(np.concatenate([low, high]) - at).max() <= 1  # outlines pass through the middles of pixels
        if masks:
            union = np.any(list(mine.mask), axis=0)
            if number != 2 or format in ("coco", "fiftyone"):  # elsewhere a line of one pixel is a box
                assert (union & mask).sum() / (union | mask).sum() > 0.95


def test_pycocotools_reads_holes_and_lines_and_no_crowd(tmp_path) -> None:
    coco = pytest.importorskip("pycocotools.coco")
    home = made(tmp_path, "coco", masks=True)
    content = json.loads((home / "annotations.json").read_text())
    assert "licenses" not in content and not any("license" in image for image in content["images"])
    read = coco.COCO(str(home / "annotations.json"))
    for (number, mask, at), own in zip(TRUTH, read.anns.values(), strict=True):
        assert read.cats[own["category_id"]]["name"] == CLASSES[number]
        assert own["iscrowd"] == 0 and own["score"] == pytest.approx(0.9 - number / 10)
        assert own["bbox"] == [at[0], at[1], at[2] - at[0], at[3] - at[1]] and own["area"] == mask.sum()
        got = read.annToMask(own) > 0
        assert (got & mask).sum() / (got | mask).sum() > 0.9
    assert len(read.imgs) == 2


def test_cvats_file_is_as_its_documentation_says(tmp_path) -> None:
    root = ElementTree.parse(made(tmp_path, "cvat", masks=True) / "annotations.xml").getroot()
    assert (root.tag, root.findtext("version")) == ("annotations", "1.1")
    assert [one.text for one in root.findall("meta/task/labels/label/name")] == list(CLASSES)
    first, second = root.findall("image")
    assert {**first.attrib} == {"id": "0", "name": "one.png", "width": "80", "height": "60"} and not list(second)
    shapes = {own.attrib["label"]: own for own in first}
    assert {own.tag for own in first} <= {"polygon", "box"}
    assert shapes["big dog"].attrib["group_id"] == "2"  # two polygons of one thing
    assert [own.attrib["label"] for own in first].count("big dog") == 2
    for own in first.findall("polygon"):
        points = np.array([[float(v) for v in pair.split(",")] for pair in own.attrib["points"].split(";")])
        assert points.shape[1] == 2 and (points >= 0).all() and (points <= SIZE).all()
    boxes = ElementTree.parse(made(tmp_path / "b", "cvat", masks=False) / "annotations.xml").findall("image/box")
    corners = [[float(own.attrib[side]) for side in ("xtl", "ytl", "xbr", "ybr")] for own in boxes]
    assert corners == [list(map(float, at)) for _, _, at in TRUTH]


CVATS = """<?xml version="1.0" encoding="utf-8"?><annotations><version>1.1</version>
<image id="4" name="a/one.png" width="80" height="60">
 <box label="cat" source="manual" occluded="0" xtl="10.00" ytl="5.00" xbr="40.00" ybr="25.00" z_order="0"></box>
 <mask label="line" source="manual" occluded="0" rle="1, 2, 1, 2" left="20" top="30" width="3" height="2" z_order="0">
 </mask>
 <polygon label="big dog" source="manual" occluded="0" points="5.0,30.0;19.0,30.0;19.0,49.0;5.0,49.0" z_order="0">
 </polygon></image></annotations>"""


def test_what_cvat_writes_is_read_with_its_masks(tmp_path) -> None:
    (tmp_path / "annotations.xml").write_text(CVATS)
    ((key, fragment),) = FORMATS["cvat"].read(tmp_path, CLASSES)
    own = heard(FORMATS["cvat"], fragment, SIZE, CLASSES, masks=True)
    assert key == "a/one" and sorted(own.class_id.tolist()) == [0, 1, 2]
    line = own[own.class_id == 2]
    assert list(zip(*np.nonzero(line.mask[0]), strict=True)) == [(30, 21), (30, 22), (31, 21), (31, 22)]
    assert line.xyxy.tolist() == [[21, 30, 23, 32]]
    dog = own[own.class_id == 1].mask[0]
    assert (dog & box(5, 30, 20, 50)).sum() == dog.sum() == 15 * 20
    assert cvat.numbered(fragment, 7, "b.png").startswith('<image id="7" name="b.png" width="80" height="60">')


def test_masks_of_labelme_are_read() -> None:
    out = io.BytesIO()
    Image.fromarray(np.array([[1, 0], [1, 1]], bool)).save(out, "PNG")
    shape = {"label": "line", "shape_type": "mask", "points": [[20, 30], [21, 31]]}
    shape |= {"mask": base64.b64encode(out.getvalue()).decode()}
    own = heard(FORMATS["labelme"], {"shapes": [shape]}, SIZE, CLASSES, masks=True)
    assert list(zip(*np.nonzero(own.mask[0]), strict=True)) == [(30, 20), (31, 20), (31, 21)]
    assert own.xyxy.tolist() == [[20, 30, 22, 32]] and own.class_id.tolist() == [2]


@pytest.mark.parametrize("format", [name for name in FORMATS if name != "fiftyone"])
def test_what_is_read_back_says_the_same_again(tmp_path, format) -> None:
    row = FORMATS[format]
    home = made(tmp_path, format, masks=True)
    read = dict(row.read(home, CLASSES))
    again = LabelSet(tmp_path / "again", row, CLASSES, {})
    for id in ("one", "none"):
        again.add(Picture(id, f"{id}.png", SIZE), tmp_path / "photos" / f"{id}.png", read[id])
    again.close()
    places = {path.relative_to(home) for path in home.rglob("*") if path.is_file()}
    assert places == {path.relative_to(again.folder) for path in again.folder.rglob("*") if path.is_file()}
    assert all((home / place).read_bytes() == (again.folder / place).read_bytes() for place in places)


@pytest.mark.parametrize(
    ("format", "fragment", "said"),
    [
        ("yolo", "0 0.5 0.5 -1 1\n", "negative|non-negative"),
        ("yolo", "0 0.5\n", "at least 5"),
        ("voc", "<annotation><object><name>cat</name></object></annotation>", "bndbox"),
        ("voc", "<annotation", "unclosed|no element|not well-formed"),
        ("labelme", {"shapes": [{"label": "cat", "shape_type": "polygon", "points": [[1, 2]]}]}, "at least 3"),
        (
            "labelme",
            {"shapes": [{"label": "cat", "shape_type": "circle", "points": [[1, 2], [3, 4]]}]},
            "sort 'circle'",
        ),
        ("cvat", "<image width='80' height='60'><ellipse label='cat' cx='1' cy='2'/></image>", "sort 'ellipse'"),
        ("coco", {"annotations": [{"category_id": 1, "bbox": [0, 0, -1, 1]}]}, "extent"),
        ("cvat", "<image width='80' height='60'><box label='cat' xtl='1'/></image>", "ytl"),
    ],
)
def test_damaged_labels_are_one_line(format, fragment, said) -> None:
    with pytest.raises(TruthError, match=said):
        heard(FORMATS[format], fragment, SIZE, CLASSES, masks=True)


def test_a_class_that_was_not_asked_for_is_named(tmp_path) -> None:
    (tmp_path / "data.yaml").write_text("names: [cat, zebra]\n")
    (tmp_path / "labels").mkdir()
    (tmp_path / "labels" / "one.txt").write_text("1 .5 .5 .1 .1\n")
    with pytest.raises(UsageError, match="'zebra', which is not among the classes"):
        list(FORMATS["yolo"].read(tmp_path, CLASSES))
    (tmp_path / "data.yaml").write_text("names: {0: line, 1: cat}\n")
    assert list(FORMATS["yolo"].read(tmp_path, CLASSES)) == [("one", "0 .5 .5 .1 .1\n")]
