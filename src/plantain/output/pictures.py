"""Answers as pictures that other programs read as they are: masks, cut-outs, class numbers, normals and disparity."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
from PIL import Image

from plantain._shapes import Float, UInt8
from plantain.errors import UsageError
from plantain.files import writing
from plantain.imaging.provenance import save_png
from plantain.output.drawing import EMPTY, colors_of, vivid
from plantain.output.formats import LEVEL, write_json
from plantain.predictions.disparity import disparity
from plantain.predictions.types import Alpha, Depth, Edges, Instances, Labels, Normals, Prediction

NONE = 255  # of a picture of class numbers, by custom: none of the classes
MOST = 254  # classes, or things, that a byte tells apart from none
SOFT = ("matte",)  # tasks whose alpha is an answer; of the others it is a probability, and a mask is what is likely


def write_masks(prediction: Prediction, path: Path) -> Path:
    """8-bit PNG: 255 in the mask, else 0 (of mattes and edges every shade between); several names are several files,
    `x.mask.1.png` and so on in their order. Of things one by one a palette PNG: 0 none, n the n-th thing."""
    if isinstance(prediction, Instances):
        return write_numbered(prediction, path)
    alpha = _alpha(prediction)
    soft = isinstance(alpha, Edges) or alpha.task in SOFT
    planes = (_bytes(plane) if soft else np.where(plane > 0.5, 255, 0).astype(np.uint8) for plane in alpha.alpha)
    return _write_each((Image.fromarray(plane) for plane in planes), len(alpha.names), path, alpha)


def write_cutouts(prediction: Prediction, path: Path, photo: UInt8[np.ndarray, "h w 3"] | None) -> Path:
    """RGBA PNG: the photo, its alpha channel the mask; several names are several files, as in `write_masks`."""
    alpha = _alpha(prediction)
    if photo is None:
        raise UsageError("a cut-out is made of the photo; give it as the second argument of save")
    pixels = np.asarray(photo)
    if pixels.shape[:2] != alpha.confidence.shape:
        size = f"{pixels.shape[1]} x {pixels.shape[0]}"
        raise UsageError(f"the photo is {size} pixels, its mask {alpha.size}; wanted equal")
    cut = (Image.fromarray(cutout(pixels, plane)) for plane in alpha.alpha)
    return _write_each(cut, len(alpha.names), path, alpha)


def cutout(photo: UInt8[np.ndarray, "h w 3"], alpha: Float[np.ndarray, "h w"]) -> UInt8[np.ndarray, "h w 4"]:
    """The photo with opacity (0..1) as its fourth channel, straight (not premultiplied)."""
    return np.dstack([photo, _bytes(alpha)])


def write_labels(prediction: Prediction, path: Path) -> Path:
    """Palette PNG of class numbers, 255 = none of them, in the colors of the overlay; beside it as .json the names.

    More than 254 classes are 16 bits without a palette, 65535 = none."""
    if not isinstance(prediction, Labels):
        raise UsageError(f"this format holds a class a pixel, not {prediction.kind}; ask for 'segment wall, floor'")
    wide = len(prediction.classes) > MOST
    none = 65535 if wide else NONE
    ids = np.where(prediction.ids < 0, none, prediction.ids).astype(np.uint16 if wide else np.uint8)
    colors = colors_of(prediction)
    _write(Image.fromarray(ids) if wide else _palette(ids, colors), path, prediction)
    about = {"classes": list(prediction.classes), "none": none, "colors": [list(color) for color in colors]}
    write_json({"file_name": path.name, **about}, path.with_suffix(".json"), prediction)
    return path


def write_numbered(things: Instances, path: Path) -> Path:
    """Palette PNG: 0 = none, n = the n-th thing (of at most 255); where things overlap the higher score is on top."""
    if things.masks is None:
        raise UsageError("this format holds masks, and this answer has boxes only; ask for 'instances'")
    order = np.argsort(things.scores[:NONE], kind="stable")
    ids = np.zeros(things.confidence.shape, np.uint8)
    for row in order:
        ids[things.masks[row]] = row + 1
    return _write(_palette(ids, [(0, 0, 0), *(vivid(i) for i in range(len(order)))]), path, things)


def write_normals(prediction: Prediction, path: Path) -> Path:
    """8-bit RGB PNG: x, y, z from -1..1 to 0..255 (+x right, +y up, +z to the viewer); black where there is none."""
    if not isinstance(prediction, Normals):
        raise UsageError(f"this format holds normals, not {prediction.kind}; ask for 'normals'")
    levels = np.clip(np.rint((prediction.xyz + 1) * 127.5), 0, 255).astype(np.uint8)
    levels[~prediction.valid] = 0
    return _write(Image.fromarray(levels), path, prediction)


def write_disparity(prediction: Prediction, path: Path) -> Path:
    """16-bit PNG that grows with nearness: 65535 = the nearest, 0 = the farthest, and where nothing is known."""
    if not isinstance(prediction, Depth):
        raise UsageError(f"this format holds disparity, not {prediction.kind}; ask for 'disparity'")
    levels = np.rint(disparity(prediction) * 65535).astype(np.uint16)
    return _write(Image.fromarray(levels), path, prediction)


# ---- what they share


def _alpha(prediction: Prediction) -> Alpha:
    if not isinstance(prediction, Alpha):
        raise UsageError(f"this format holds masks, not {prediction.kind}; ask for 'segment the cup'")
    return prediction


def _bytes(alpha: Float[np.ndarray, "h w"]) -> UInt8[np.ndarray, "h w"]:
    return np.round(np.clip(alpha, 0, 1) * 255).astype(np.uint8)


def _palette(ids: UInt8[np.ndarray, "h w"], colors: Iterable[tuple[int, int, int]]) -> Image.Image:
    """A picture of numbers that shows itself in colors: all 256, as one of fewer colors has fewer bits a pixel."""
    image, every = Image.fromarray(ids), [*colors]
    every += [EMPTY] * (256 - len(every))
    image.putpalette([level for color in every for level in color])
    return image


def _write_each(pictures: Iterable[Image.Image], count: int, path: Path, answer: Prediction) -> Path:
    """One picture under the name, several under numbered names."""
    for i, picture in enumerate(pictures, 1):
        _write(picture, path if count == 1 else numbered(path, i), answer)
    return path


def numbered(path: Path, number: int) -> Path:
    """The name of one of several files.

    >>> numbered(Path("kitchen.refer.mask.png"), 2).name
    'kitchen.refer.mask.2.png'
    """
    return path.with_suffix(f".{number}{path.suffix}")


def _write(picture: Image.Image, path: Path, answer: Prediction) -> Path:
    with writing(path) as beside:
        save_png(picture, beside, answer.provenance(), LEVEL)
    return path
