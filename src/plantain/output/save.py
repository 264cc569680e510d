"""An answer on disk: the painting, the overlay and the arrays, all three or none; other formats on request."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from plantain.errors import UnknownName, UsageError
from plantain.files import publish, staging, writing
from plantain.imaging.provenance import exif
from plantain.output.formats import (
    focal_of,
    write_coco,
    write_kitti_depth,
    write_millimetre_depth,
    write_panoptic,
    write_ply,
)
from plantain.output.pictures import (
    numbered,
    write_cutouts,
    write_disparity,
    write_labels,
    write_masks,
    write_normals,
)
from plantain.output.show import overlay, png_bytes
from plantain.predictions import npz
from plantain.predictions.types import Prediction


@dataclass(frozen=True)
class Format:
    """Another file beside the three: its ending, what it holds, and who writes it (prediction, path, about)."""

    suffix: str
    kinds: tuple[str, ...]
    holds: str
    write: Callable[[Any, Path, About], Path]


@dataclass(frozen=True, eq=False)
class About:
    """What a format may say beside the answer: the photo's pixels and file name, and the camera."""

    photo: Any
    file_name: str
    camera: Mapping[str, float | None]


NUMBERED = re.compile(r"\.(?:mask|cutout)\.\d+\.png$")  # of formats that are a file a name
PICTURES = (".png", ".jpg", ".jpeg", ".webp")  # endings of a picture that people name themselves
USUAL = ("painting", "overlay")  # what is written beside the arrays where nothing is said
AREAS = ("labels", "instances", "keypoints", "alpha")
FORMATS: dict[str, Format] = {
    "mask": Format(".mask.png", ("alpha", "instances"), "masks, edges or things", lambda p, at, _: write_masks(p, at)),
    "cutout": Format(".cutout.png", ("alpha",), "masks", lambda p, at, about: write_cutouts(p, at, about.photo)),
    "labels": Format(".labels.png", ("labels",), "a class a pixel", lambda p, at, _: write_labels(p, at)),
    "normals": Format(".normals.png", ("normals",), "normals", lambda p, at, _: write_normals(p, at)),
    "disparity": Format(".disparity.png", ("depth",), "depth", lambda p, at, _: write_disparity(p, at)),
    "kitti": Format(".kitti.png", ("depth",), "metric depth", lambda p, at, _: write_kitti_depth(p, at)),
    "mm": Format(".mm.png", ("depth",), "metric depth", lambda p, at, _: write_millimetre_depth(p, at)),
    "ply": Format(
        ".ply", ("depth",), "metric depth", lambda p, at, about: write_ply(p, at, about.photo, **about.camera)
    ),
    "coco": Format(
        ".coco.json",
        AREAS,
        "instances, boxes, labels, masks or keypoints",
        lambda p, at, about: write_coco(p, at, name=about.file_name),
    ),
    "panoptic": Format(
        ".panoptic.png",
        ("labels", "instances"),
        "labels, instances or panoptic answers",
        lambda p, at, _: write_panoptic(p, at),
    ),
}
SIDE = {"labels": ".labels.json", "panoptic": ".panoptic.json"}  # formats of two files: the other one's ending


def check_formats(names: Sequence[str], kind: str, camera: Mapping[str, float | None]) -> None:
    """UnknownName or UsageError for a format that is not known, does not suit the kind, or lacks the camera."""
    for name in names:
        if name in USUAL:
            continue
        if name not in FORMATS:
            raise UnknownName("format", name, ["npz", *USUAL, *FORMATS])
        if kind not in FORMATS[name].kinds:
            raise UsageError(
                f"the format {name!r} holds {FORMATS[name].holds}, not {kind}; ask for that, or leave it out"
            )
    if "ply" in names:
        focal_of(100, **camera)


def names_of(base: str, wanted: Sequence[str] = USUAL) -> dict[str, str]:
    """File names by role, in the order of writing: the arrays come last and say that all is there.

    >>> names_of("kitchen.metric-depth", ["overlay"])
    {'overlay': 'kitchen.metric-depth.overlay.png', 'arrays': 'kitchen.metric-depth.npz'}
    """
    usual = {"painting": f"{base}.png", "overlay": f"{base}.overlay.png"}
    named = {name: usual[name] if name in usual else base + FORMATS[name].suffix for name in wanted}
    return {**named, "arrays": f"{base}.npz"}


def save(
    prediction: Prediction,
    folder: str | Path,
    photo: Any = None,
    *,
    format: str | Sequence[str] = (),
    focal_px: float | None = None,
    fov_deg: float | None = None,
) -> dict[str, Path]:
    """Writes <stem>.<task>.png (painting), .overlay.png and .npz, and what `format` names; returns paths by role.

    Where `folder` is no folder but a name with an ending, that one file is written: in the one format that is said,
    else the point cloud (.ply), the arrays (.npz), or the overlay (any picture). All files appear, or none: they are
    written in a hidden folder and then moved, the .npz last. An answer that was not painted has no "painting".
    Raises UnknownName, UsageError for formats that do not suit; OutputError where the disk is full or the folder
    cannot be written."""
    formats = [format] if isinstance(format, str) else list(format)
    target, camera = Path(folder), {"focal_px": focal_px, "fov_deg": fov_deg}
    alone = is_file_name(target, formats)
    if alone and not formats and target.suffix.lower() == ".ply":
        formats = ["ply"]
    formats = [name for name in formats if name != "npz" or alone]
    check_formats([name for name in formats if name != "npz"], prediction.kind, camera)
    file_name = Path(photo).name if isinstance(photo, str | Path) else prediction.stem
    if photo is not None:
        from plantain.imaging.photo import read_photo

        photo = read_photo(photo)
    about = About(photo, file_name, camera)
    if alone:
        return _save_one(prediction, target, about, formats)
    base = f"{prediction.stem}.{prediction.task or prediction.kind}"
    with staging(target) as stage:
        names = write_files(prediction, stage, base, once((*USUAL, *formats)), about)
        publish(stage, target, all_of(stage, names["arrays"]))
    return {role: target / name for role, name in names.items()}


def is_file_name(target: Path, formats: Sequence[str]) -> bool:
    """Whether a place to save is one file rather than a folder: by its ending."""
    endings = (*PICTURES, ".npz", ".ply", *((".json",) if formats else ()))
    return target.suffix.lower() in endings and not target.is_dir()


def _save_one(prediction: Prediction, path: Path, about: About, formats: Sequence[str]) -> dict[str, Path]:
    if len(formats) > 1:
        raise UsageError(f"{path} is one file, and {', '.join(formats)} are several; give a folder")
    name = formats[0] if formats else "npz" if path.suffix.lower() == ".npz" else "overlay"
    if name in FORMATS and not FORMATS[name].suffix.endswith(path.suffix.lower()):
        raise UsageError(f"the format {name!r} ends in {FORMATS[name].suffix}, not in {path.suffix}; give another name")
    if name == "npz":
        return {"arrays": npz.to_npz(prediction, path)}
    if name in FORMATS:
        return {name: FORMATS[name].write(prediction, path, about)}
    picture = overlay(prediction, about.photo)
    with writing(path) as beside:
        if path.suffix.lower() == ".png":
            beside.write_bytes(png_bytes(picture, prediction))
        else:
            picture.save(beside, exif=exif(prediction.provenance()))
    return {"overlay": path}


def write_files(prediction: Prediction, stage: Path, base: str, wanted: Sequence[str], about: About) -> dict[str, str]:
    """Writes the files of an answer, whose names begin with `base`, into a folder; returns their names by role.

    A format of several files has a role for each: mask.1, mask.2."""
    names = names_of(base, wanted)
    for role, name in list(names.items())[:-1]:
        if role == "overlay":
            (stage / name).write_bytes(png_bytes(overlay(prediction, about.photo), prediction))
        elif role != "painting":
            FORMATS[role].write(prediction, stage / name, about)
        elif prediction.painting is not None:
            prediction.painting.save(stage / name)
    npz.write(prediction, stage / names["arrays"])
    return {role: name for one, whole in names.items() for role, name in _written(stage, one, whole)}


def _written(stage: Path, role: str, name: str) -> list[tuple[str, str]]:
    """The files of one role: one, several with numbers, or none."""
    if (stage / name).exists():
        return [(role, name)]
    numbers = range(1, len(list(stage.iterdir())) + 1)
    several = [(f"{role}.{i}", numbered(Path(name), i).name) for i in numbers]
    return [(role, name) for role, name in several if (stage / name).exists()]


def once(names: Sequence[str]) -> list[str]:
    return list(dict.fromkeys(names))


def every_name(base: str) -> list[str]:
    """The names of all files that an answer may have, whatever it is and in whatever format it was asked for, but for
    those with numbers (`NUMBERED`)."""
    return [*names_of(base, (*USUAL, *FORMATS)).values(), *(base + ending for ending in SIDE.values())]


def all_of(stage: Path, last: str) -> list[str]:
    """Every file of the stage, some formats being two files, with the arrays at the end."""
    return [*sorted(path.name for path in stage.iterdir() if path.is_file() and path.name != last), last]
