"""Tiny trees in the official layouts of published sets."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from pycocotools import mask as coco_mask

from plantain.data.readers import READERS, read
from plantain.errors import PhotoError, UnknownName

WIDE, HIGH = 8, 6
BOX = [1, 1, 5, 1, 5, 4, 1, 4]  # a polygon whose middle is surely on, whatever a filler does with its border


def put(path: Path, content: Any) -> Path:
    """An array as a picture, a text as it is, anything else as JSON."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if isinstance(content, np.ndarray):
        Image.fromarray(content).save(path)
    else:
        path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    return path


def photo(path: Path, size: tuple[int, int] = (WIDE, HIGH)) -> Path:
    return put(path, np.full((size[1], size[0], 3), 90, np.uint8))


def halves(left: int, right: int, kind: type = np.uint8) -> np.ndarray:
    """A map that has one value left, another right."""
    out = np.full((HIGH, WIDE), left, kind)
    out[:, WIDE // 2 :] = right
    return out


def run_lengths(mask: np.ndarray) -> dict[str, Any]:
    """A mask as annotation files store it, by pycocotools."""
    stored = coco_mask.encode(np.asfortranarray(mask.astype(np.uint8)))
    return {"size": list(mask.shape), "counts": stored["counts"].decode()}


def filled(polygon: list[float]) -> np.ndarray:
    """The pixels that pycocotools fills."""
    return coco_mask.decode(coco_mask.merge(coco_mask.frPyObjects([polygon], HIGH, WIDE))).astype(bool)


def rectangle(x0: int, y0: int, x1: int, y1: int) -> np.ndarray:
    on = np.zeros((HIGH, WIDE), bool)
    on[y0:y1, x0:x1] = True
    return on


def image(number: int, name: str, **more: Any) -> dict[str, Any]:
    return {"id": number, "file_name": name, "width": WIDE, "height": HIGH} | more


def refuses(name: str, root: Path, split: str, missing: str, shown: str) -> None:
    """The reader's one error names the missing file and shows the folder as it should be."""
    with pytest.raises(PhotoError) as caught:
        read(name, root, split)
    first, _, tree = str(caught.value).partition("\n")
    assert f"{missing} is missing" in first
    assert shown in tree


def knows_its_splits(name: str, root: Path) -> None:
    with pytest.raises(UnknownName, match="split"):
        READERS[name](root, "trian")
