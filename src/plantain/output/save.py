"""An answer on disk: the painting, the overlay and the arrays, all three or none; other formats on request."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from plantain.errors import UnknownName, UsageError
from plantain.files import publish, staging, writing
from plantain.output.formats import (
    focal_of,
    write_coco,
    write_kitti_depth,
    write_millimetre_depth,
    write_panoptic,
    write_ply,
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


PICTURES = (".png", ".jpg", ".jpeg", ".webp")  # endings of a picture that people name themselves
FORMATS: dict[str, Format] = {
    "kitti": Format(".kitti.png", ("depth",), "metric depth", lambda p, path, about: write_kitti_depth(p, path)),
    "mm": Format(".mm.png", ("depth",), "metric depth", lambda p, path, about: write_millimetre_depth(p, path)),
    "ply": Format(
        ".ply", ("depth",), "metric depth", lambda p, path, about: write_ply(p, path, about.photo, **about.camera)
    ),
    "coco": Format(
        ".coco.json",
        ("labels", "instances", "keypoints", "alpha"),
        "instances, boxes, labels, masks or keypoints",
        lambda p, path, about: write_coco(p, path, name=about.file_name),
    ),
    "panoptic": Format(
        ".panoptic.png",
        ("labels", "instances"),
        "labels, instances or panoptic answers",
        lambda p, path, about: write_panoptic(p, path),
    ),
}


def check_formats(names: Sequence[str], kind: str, camera: Mapping[str, float | None]) -> None:
    """UnknownName or UsageError for a format that is not known, does not suit the kind, or lacks the camera."""
    for name in names:
        if name not in FORMATS:
            raise UnknownName("format", name, ["npz", *FORMATS])
        if kind not in FORMATS[name].kinds:
            raise UsageError(
                f"the format {name!r} holds {FORMATS[name].holds}, not {kind}; ask for that, or leave it out"
            )
    if "ply" in names:
        focal_of(100, **camera)


def names_of(base: str, formats: Sequence[str] = ()) -> dict[str, str]:
    """File names by role, in the order of writing: the arrays come last and say that all is there.

    >>> names_of("kitchen.metric-depth")["arrays"]
    'kitchen.metric-depth.npz'
    """
    extra = {name: base + FORMATS[name].suffix for name in formats}
    return {"painting": f"{base}.png", "overlay": f"{base}.overlay.png", **extra, "arrays": f"{base}.npz"}


def save(
    prediction: Prediction,
    folder: str | Path,
    photo: Any = None,
    *,
    formats: Sequence[str] = (),
    focal_px: float | None = None,
    fov_deg: float | None = None,
) -> dict[str, Path]:
    """Writes <stem>.<task>.png (painting), .overlay.png and .npz, and what `formats` names; returns paths by role.

    Where `folder` is no folder but a name that ends like a picture or in .npz, that one file is written: the overlay,
    or the arrays. All files appear, or none: they are written in a hidden folder and then moved, the .npz last. An
    answer that was not painted has no "painting". Raises OutputError where the disk is full or the folder cannot be
    written."""
    camera = {"focal_px": focal_px, "fov_deg": fov_deg}
    check_formats(formats, prediction.kind, camera)
    file_name = Path(photo).name if isinstance(photo, str | Path) else prediction.stem
    if photo is not None:
        from plantain.imaging.photo import read_photo

        photo = read_photo(photo)
    folder = Path(folder)
    if folder.suffix.lower() in (*PICTURES, ".npz") and not folder.is_dir():
        return _save_one(prediction, folder, photo, formats)
    base = f"{prediction.stem}.{prediction.task or prediction.kind}"
    with staging(folder) as stage:
        names = write_files(prediction, stage, base, formats, About(photo, file_name, camera))
        publish(stage, folder, all_of(stage, names["arrays"]))
    return {role: folder / name for role, name in names.items()}


def _save_one(prediction: Prediction, path: Path, photo: Any, formats: Sequence[str]) -> dict[str, Path]:
    if formats:
        raise UsageError(f"{path} is one file, and {', '.join(formats)} wants others beside it; give a folder")
    if path.suffix.lower() == ".npz":
        return {"arrays": npz.to_npz(prediction, path)}
    with writing(path) as beside:
        overlay(prediction, photo).save(beside)
    return {"overlay": path}


def write_files(prediction: Prediction, stage: Path, base: str, formats: Sequence[str], about: About) -> dict[str, str]:
    """Writes the files of an answer, whose names begin with `base`, into a folder; returns their names by role."""
    names = names_of(base, formats)
    if prediction.painting is None:
        del names["painting"]
    else:
        prediction.painting.save(stage / names["painting"])
    (stage / names["overlay"]).write_bytes(png_bytes(overlay(prediction, about.photo)))
    for name in formats:
        FORMATS[name].write(prediction, stage / names[name], about)
    npz.write(prediction, stage / names["arrays"])
    return names


def every_name(base: str) -> list[str]:
    """The names of all files that an answer may have, whatever it is and in whatever format it was asked for."""
    second = [f"{base}.panoptic.json"]  # panoptics are a picture and its list
    return [*names_of(base, list(FORMATS)).values(), *second]


def all_of(stage: Path, last: str) -> list[str]:
    """Every file of the stage, some formats being two files, with the arrays at the end."""
    return [*sorted(path.name for path in stage.iterdir() if path.is_file() and path.name != last), last]
