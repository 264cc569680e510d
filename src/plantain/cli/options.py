"""Options that several verbs share."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

from plantain.errors import UsageError


@Parameter(name="*")
@dataclass(frozen=True)
class Who:
    """Who is asked."""

    model: str = "embedded"
    "Who answers; `plantain models` lists them."
    weights: Path | None = None
    "Weights of the model: a file, or the folder they lie in."
    spec: Path | None = None
    "Of a network file or a wrapper: the TOML file that says how it is asked."

    @property
    def given(self) -> dict[str, Any]:
        """The options that the model is loaded with, as far as they are said."""
        said = (("weights", self.weights), ("spec", self.spec))
        return {name: str(path) for name, path in said if path is not None}


@Parameter(name="*")
@dataclass(frozen=True)
class Asking(Who):
    """How the question is asked."""

    samples: int = 1
    "Paintings a photo, with different seeds; their answers are merged."
    passes: int = 1
    "Paintings a photo under different legends; classes are unmixed from all of them."
    seed: int = 0
    "The same seed gives the same painting."
    code: str | None = None
    "Colour code, where the painter's favourite is not wanted; `plantain tasks` lists them."
    tile: int | None = None
    "Answer large photos in overlapping tiles of this many pixels."
    style: str = "imperative"
    "Wording of the prompt: imperative, caption, json or terse."

    def check(self) -> None:
        """UsageError for a number that makes no sense, UnknownName for a style that is none."""
        from plantain.errors import UnknownName
        from plantain.tasks.base import STYLES

        at_least("--samples", self.samples, 1)
        at_least("--passes", self.passes, 1)
        at_least("--seed", self.seed, 0)
        if self.tile is not None:
            at_least("--tile", self.tile, 64)
        if self.style not in STYLES:
            raise UnknownName("prompt style", self.style, STYLES)


@Parameter(name="*")
@dataclass(frozen=True)
class Output:
    """Where answers go."""

    out: Annotated[Path, Parameter(name=["--out", "-o"])] = Path("out")
    "Folder of the answers: NAME.TASK.png (painting), .overlay.png and .npz (arrays)."
    format: Annotated[tuple[str, ...], Parameter(negative_iterable="", show_default=False)] = ()
    "More files: kitti, mm (16-bit depth), ply (point cloud), coco, panoptic; several with commas."
    fov: float | None = None
    "Horizontal field of view in degrees, for ply."
    focal: float | None = None
    "Focal length in pixels, for ply."
    redo: Annotated[bool, Parameter(negative="", show_default=False)] = False
    "Answer again what is already there."
    quiet: Annotated[bool, Parameter(name=["--quiet", "-q"], negative="", show_default=False)] = False
    "No progress and no summary, only errors."

    @property
    def formats(self) -> list[str]:
        """Names without the default three files, which "npz" stands for, each once."""
        names = [name.strip() for text in self.format for name in text.split(",")]
        return list(dict.fromkeys(name for name in names if name and name != "npz"))

    @property
    def camera(self) -> dict[str, float | None]:
        return {"focal_px": self.focal, "fov_deg": self.fov}


def at_least(option: str, value: int, least: int) -> None:
    """UsageError where `value` is below `least`."""
    if value < least:
        raise UsageError(f"{option} must be at least {least}, not {value}")
