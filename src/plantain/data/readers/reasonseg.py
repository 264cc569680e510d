"""ReasonSeg as published by dvlab-research/LISA: questions that need thought, answered by one mask.

read_reasonseg(root, "val")     # 200 photos; "test" has 779
"""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw

from plantain._shapes import UInt8
from plantain.data.base import Example
from plantain.data.readers.base import Layout, in_order, mask_alpha, need, step_in
from plantain.errors import PhotoError
from plantain.predictions.types import Alpha

LAYOUT = Layout(
    "ReasonSeg",
    """\
ReasonSeg/
  {train,val,test}/10007773_8fa7df9ac8_o.jpg
  {train,val,test}/10007773_8fa7df9ac8_o.json       text, is_sentence, shapes
""",
    needed=("{split}/*.jpg",),
    splits=("train", "val", "test"),
)
IGNORED = 255


def read_reasonseg(root: Path, split: str) -> list[Example]:
    """Photos with a "mask" and with "ignored", the pixels that do not count.

    Facts: `expression`, the first text, which alone is scored; `texts`, all of them; `is_sentence`, whether it is a
    whole question (the long ones) or a phrase (the short ones)."""
    root = step_in(root, "reason_seg", "ReasonSeg")
    LAYOUT.check(root, split)
    return in_order((_example(photo, split) for photo in (root / split).glob("*.jpg")), LAYOUT)


def _example(photo: Path, split: str) -> Example:
    content = _content(need(photo.with_suffix(".json"), LAYOUT))
    texts = [text.strip() for text in content["text"]]
    facts = {"expression": texts[0], "texts": texts, "is_sentence": bool(content["is_sentence"])}
    truths = {
        "mask": partial(_mask, photo, content["shapes"], 1, texts[0]),
        "ignored": partial(_mask, photo, content["shapes"], IGNORED, "ignored"),
    }
    return Example("reasonseg", photo.stem, photo, split, truths, facts)


def _content(path: Path) -> Any:
    """The JSON file, which is UTF-8 or, some of them, Windows-1252."""
    raw = path.read_bytes()
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = raw.decode("cp1252", errors="replace")
    try:
        content = json.loads(text)
    except ValueError as error:
        raise PhotoError(f"{path} cannot be read as JSON ({error}); download it again") from error
    if not {"text", "is_sentence", "shapes"} <= set(content) or not content["text"]:
        raise PhotoError(f"{path} has no text, is_sentence and shapes; it is not one of ReasonSeg's files")
    return content


def _mask(photo: Path, shapes: list[dict[str, Any]], value: int, name: str) -> Alpha:
    with Image.open(photo) as image:
        width, height = image.size
    return mask_alpha(drawn(shapes, width, height) == value, name)


def drawn(shapes: list[dict[str, Any]], width: int, height: int) -> UInt8[np.ndarray, "h w"]:
    """0, 1 = target, 255 = ignored: polygons drawn with their border, the largest first, so that small ones lie on
    top; points lose their fractions; those labelled "flag" are left out.

    Source: dvlab-research/LISA, utils/data_processing.py, get_mask_from_json (which draws with OpenCV)."""
    kept = [shape for shape in shapes if shape["label"].lower() != "flag"]
    areas = [int(_fill(shape, np.zeros((height, width), np.uint8), 1).sum()) for shape in kept]
    canvas = np.zeros((height, width), np.uint8)
    for place in np.argsort(areas, kind="stable")[::-1]:
        canvas = _fill(kept[place], canvas, IGNORED if "ignore" in kept[place]["label"].lower() else 1)
    return canvas


def _fill(shape: dict[str, Any], canvas: UInt8[np.ndarray, "h w"], value: int) -> UInt8[np.ndarray, "h w"]:
    image = Image.fromarray(canvas)
    points = [(int(x), int(y)) for x, y in shape["points"]]
    if len(points) > 1:
        ImageDraw.Draw(image).polygon(points, fill=value, outline=value)
    return np.asarray(image)
