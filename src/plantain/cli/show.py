"""`plantain show RESULT...`: answers in Rerun's viewer, or as a file for it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from plantain.cli.reporting import emit
from plantain.errors import PhotoError, TruthError, UsageError

if TYPE_CHECKING:
    from plantain.output.recording import View

USUAL_FOV = 60.0  # degrees, where nobody knows the camera


def show(
    *results: Annotated[Path, Parameter(name="RESULT...")],
    out: Annotated[Path | None, Parameter(name=["--out", "-o"])] = None,
    photo: Path | None = None,
    fov: float | None = None,
    focal: float | None = None,
) -> int:
    """Shows answers in Rerun: depth in space with its camera, classes, masks, boxes and points over the photo.

    plantain show out/kitchen.metric-depth.npz out/kitchen.instances.cup.npz
    plantain show out/kitchen.metric-depth.npz --fov 70 -o kitchen.rrd

    Parameters
    ----------
    results
        Files of answers (.npz), as `plantain predict` writes them; several about one photo stand beside one another.
    out
        A file ending in .rrd instead of the viewer.
    photo
        The photo, where it is no longer where it was.
    fov
        The camera: its horizontal field of view in degrees; else what the photo's EXIF block says, else 60.
    focal
        The camera: its focal length in pixels.
    """
    if not results:
        raise UsageError("name the answers to look at, as in: plantain show out/kitchen.metric-depth.npz")
    from plantain.output import recording

    recording.package()
    views = [view_of(path, photo, fov, focal) for path in results]
    if out is None:
        recording.show(views)
    else:
        emit({"file": str(recording.write(views, out)), "answers": len(views)})
    return 0


def view_of(path: Path, photo: Path | None, fov: float | None, focal: float | None) -> View:
    """An answer, with its photo and its camera. UsageError, TruthError for a file that is none."""
    from plantain.imaging.camera import focal_of_exif
    from plantain.imaging.photo import read_photo
    from plantain.output.formats import focal_of
    from plantain.output.recording import View
    from plantain.pipeline.store import record_of
    from plantain.predictions.npz import from_npz
    from plantain.predictions.types import Depth

    if not path.is_file():
        raise UsageError(f"no such answer: {path}; answers are the .npz files of plantain predict")
    answer = from_npz(path)
    told = record_of(path).get("line", {}).get("image")
    source = photo if photo is not None else Path(told) if told else None
    try:
        pixels = None if source is None else read_photo(source)
    except PhotoError as error:
        if photo is not None:
            raise
        print(f"note: {error}; give it as --photo", file=sys.stderr, flush=True)
        source = pixels = None
    if pixels is not None and pixels.shape[1::-1] != answer.size:
        raise TruthError(
            f"{source} has {pixels.shape[1::-1]} pixels, its answer {answer.size}; give its photo as --photo"
        )
    camera = None
    if isinstance(answer, Depth) and answer.scale == "metric":
        known = None if source is None or fov is not None or focal is not None else focal_of_exif(source)
        if known is None and fov is None and focal is None:
            print(f"note: {path.name}: no camera is known, {USUAL_FOV:g} degrees are shown; say --fov", file=sys.stderr)
            fov = USUAL_FOV
        camera = focal_of(answer.size[0], known if known is not None else focal, fov)
    return View(path.name.removesuffix(".npz"), answer, pixels, camera)
