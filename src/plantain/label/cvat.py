"""CVAT's own file, "CVAT for images 1.1", as LabelMe's shapes and back. supervision does not write it, and the packages
that do want a database (fiftyone) or older packages than ours (datumaro).

Source: CVAT's documentation, "XML annotation format". Polygons of one thing share a `group_id`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any
from xml.etree import ElementTree
from xml.sax.saxutils import escape

import numpy as np

from plantain._shapes import Bool

Shape = Mapping[str, Any]  # of LabelMe: label, points, shape_type, group_id


def head(classes: Sequence[str], count: int) -> str:
    labels = "".join(f"<label><name>{escape(name)}</name><type>any</type></label>" for name in classes)
    task = f"<name>plantain</name><size>{count}</size><mode>annotation</mode><labels>{labels}</labels>"
    first = '<?xml version="1.0" encoding="utf-8"?>\n<annotations>\n<version>1.1</version>'
    return f"{first}\n<meta><task>{task}</task></meta>\n"


TAIL = "</annotations>\n"


def safe() -> Any:
    """A reader of XML for files of strangers, which comes with supervision."""
    from defusedxml import ElementTree as reader

    return reader


def image(name: str, size: tuple[int, int], shapes: Iterable[Shape]) -> str:
    """An <image> with its boxes and polygons; its number is set by `numbered`."""
    element = ElementTree.Element("image", id="0", name=name, width=str(size[0]), height=str(size[1]))
    for shape in shapes:
        own = {"label": str(shape["label"]), "source": "auto", "occluded": "0", "z_order": "0"}
        if shape.get("group_id") is not None:
            own["group_id"] = str(shape["group_id"] + 1)  # 0 is: of no group
        if shape["shape_type"] == "rectangle":
            corners = zip(("xtl", "ytl", "xbr", "ybr"), np.ravel(shape["points"]), strict=True)
            ElementTree.SubElement(element, "box", own | {side: f"{value:.2f}" for side, value in corners})
        else:
            points = ";".join(f"{x:.2f},{y:.2f}" for x, y in shape["points"])
            ElementTree.SubElement(element, "polygon", own | {"points": points})
    return ElementTree.tostring(element, encoding="unicode")


def numbered(fragment: str, number: int, name: str) -> str:
    """An <image> under its number and name in a set; what is in it stays as it is."""
    element = safe().fromstring(fragment)
    element.set("id", str(number))
    element.set("name", name)
    return ElementTree.tostring(element, encoding="unicode") + "\n"


def shapes(fragment: str) -> Iterator[dict[str, Any]]:
    """Boxes, polygons and masks of an <image> as LabelMe's shapes; a mask has `mask`, an array, for its points.

    KeyError, ValueError for a damaged one."""
    element = safe().fromstring(fragment)
    for own in element:
        about = {"label": own.attrib.get("label"), "group_id": int(own.attrib.get("group_id", 0)) or None}
        if own.tag == "box":
            corners = [float(own.attrib[side]) for side in ("xtl", "ytl", "xbr", "ybr")]
            yield about | {"shape_type": "rectangle", "points": [corners[:2], corners[2:]]}
        elif own.tag == "polygon":
            points = [[float(value) for value in pair.split(",")] for pair in own.attrib["points"].split(";")]
            yield about | {"shape_type": "polygon", "points": points}
        elif own.tag == "mask":
            size = int(element.attrib["width"]), int(element.attrib["height"])
            yield about | {"shape_type": "mask", "mask": mask(own.attrib, size)}
        elif own.tag != "tag":  # which is of the whole photo
            yield about | {"shape_type": own.tag}


def mask(attributes: Mapping[str, str], size: tuple[int, int]) -> Bool[np.ndarray, "h w"]:
    """A <mask> on its photo of a size (width, height): runs along the rows of its box, zeros first."""
    left, top, width, height = (int(attributes[side]) for side in ("left", "top", "width", "height"))
    runs = [int(one) for one in attributes["rle"].split(",")]
    flat = np.repeat(np.arange(len(runs)) % 2 == 1, runs)
    whole = np.zeros(size[::-1], bool)
    whole[top : top + height, left : left + width] = flat.reshape(height, width)
    return whole


def images(path: Any) -> Iterator[tuple[str, str]]:
    """Name and text of every <image> of a file, one at a time. ElementTree.ParseError."""
    for _, element in safe().iterparse(str(path)):
        if element.tag == "image":
            element.tail = None
            yield element.attrib["name"], ElementTree.tostring(element, encoding="unicode")
            element.clear()
