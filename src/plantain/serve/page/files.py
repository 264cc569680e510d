"""An answer as files: all that the command line writes, in one archive too, and points in space."""

from __future__ import annotations

import json
import math
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image

from plantain._shapes import Bool, Float
from plantain.answers.files import MAPS
from plantain.errors import UsageError
from plantain.output.formats import points, write_ply
from plantain.output.save import save
from plantain.output.show import png_bytes
from plantain.pipeline.store import slug
from plantain.predictions.types import Depth, Instances, Prediction
from plantain.serve.page.kept import KeptAnswer
from plantain.serve.page.views import title

MOST_POINTS = 300_000  # that a browser gets to turn; the downloaded cloud has all
NEAR = 98  # percent of the points that it shows: a few far ones would make the rest tiny
CUT_OUT = ("matte", "refer")  # tasks whose masks cut things out of the photo
NO_CAMERA = "points in space need the camera: say its field of view (a phone's main camera held wide has about 70)"


def write_all(kept: KeptAnswer, folder: Path) -> list[Path]:
    """Every file of an answer below a folder, the archive of all of them first. OutputError."""
    folder.mkdir(parents=True, exist_ok=True)
    for i, one in enumerate(kept.predictions):
        own = replace(one, stem=f"{kept.stem}.{slug(kept.names[i])}" if kept.names else kept.stem)
        _write(own, kept, folder, taken=[other.task for other in kept.predictions[:i]])
    told = kept.answer.to_json() | {"model": kept.model, "seconds": round(kept.seconds, 4)}
    (folder / f"{kept.stem}.answer.json").write_text(json.dumps(told, ensure_ascii=False, indent=1), encoding="utf-8")
    files = sorted(path for path in folder.iterdir() if path.suffix != ".zip")
    return [_archive(folder / f"{kept.stem}.zip", files), *files]


def _write(one: Prediction, kept: KeptAnswer, folder: Path, taken: list[str]) -> None:
    """Painting, overlay and arrays, and what other programs take as it is."""
    formats = [name for name in MAPS.get(one.task, ()) if one.kind != "instances" or name != "mask" or _has_masks(one)]
    formats += ["cutout"] if one.task in CUT_OUT else []
    formats += ["ply"] if isinstance(one, Depth) and one.scale == "metric" and kept.focal_px is not None else []
    if not kept.names and one.task in taken:  # two masks of one answer: the second has its name
        one = replace(one, stem=f"{kept.stem}.{slug(title(one))}")
    camera = {"focal_px": kept.focal_px} if "ply" in formats else {}
    save(one, folder, kept.photo, format=formats, **camera)


def _has_masks(one: Prediction) -> bool:
    return isinstance(one, Instances) and one.masks is not None


def _archive(path: Path, files: list[Path]) -> Path:
    """PNG and .npz are packed already."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        for file in files:
            archive.write(file, file.name)
    return path


def write_cloud(kept: KeptAnswer, folder: Path) -> tuple[Path, str, float]:
    """Points in space for a browser, a line about them, and from how far their middle is best seen in meters; of the
    thing alone of which points were asked. UsageError without a depth, or without the camera."""
    depth = kept.depth
    if depth is None:
        raise UsageError('points in space are made of metric depth; ask for "metric depth" first')
    if kept.focal_px is None:
        raise UsageError(NO_CAMERA)
    folder.mkdir(parents=True, exist_ok=True)
    where = depth.valid & _asked_for(kept)
    near = where & (depth.metres <= np.percentile(depth.metres[where], NEAR)) if where.any() else where
    shown = np.flatnonzero(near)
    shown = shown[np.linspace(0, len(shown) - 1, min(len(shown), MOST_POINTS)).astype(int)] if len(shown) else shown
    thinned = np.zeros(near.size, bool)
    thinned[shown] = True
    some = replace(depth, valid=thinned.reshape(near.shape))
    away_m = distance_of(points(some, kept.focal_px)[0])
    path = write_ply(some, folder / f"{kept.stem}.ply", kept.photo, focal_px=kept.focal_px)
    return path, f"{len(shown):,} of {int(where.sum()):,} points, the farthest left out; under Files are all", away_m


def distance_of(cloud: Float[np.ndarray, "n 3"]) -> float:
    """From where a camera of some 46 degrees, as the browser's, sees most of a cloud, whose far end is the widest."""
    if not len(cloud):
        return 1.0
    wide, high, deep = np.ptp(cloud, axis=0) / 2
    return float(max(high, wide / 1.5) / math.tan(math.radians(23)) + 0.5 * deep)


def _asked_for(kept: KeptAnswer) -> Bool[np.ndarray, "h w"]:
    """Of a point cloud of a thing that thing, else everything."""
    mask = kept.answer.mask
    return np.ones(kept.photo.shape[:2], bool) if mask is None else mask


def write_png(image: Image.Image, path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(png_bytes(image))
    return path
