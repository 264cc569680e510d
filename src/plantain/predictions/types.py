"""The closed set of answers: what a painting becomes once it is read. NumPy only; units are in the names.

Every kind is a frozen dataclass that carries `confidence` (h w, 0..1), the `painting` it was read from, and, where
something was asked for by name, `presence`: name -> probability that it is in the photo at all.
Saving, drawing, scoring and serving dispatch on the kind, never on the task or the model.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self, cast

import numpy as np

from plantain._shapes import Bool, Float, Int, Shaped
from plantain.errors import UsageError
from plantain.imaging.provenance import NOTE

if TYPE_CHECKING:
    from plantain.models.painting import Painting

ORIGIN = ("model", "identity", "prompt", "seed", "code")  # what of a painting's record is said of the answer


@dataclass(frozen=True, eq=False, kw_only=True)
class Prediction:
    """What all kinds share. `stem` and `task` name the files that `save` writes; `origin` says who made it where there
    is no painting that does, and what was done to it since."""

    confidence: Float[np.ndarray, "h w"]
    painting: Painting | None = None
    presence: Mapping[str, float] | None = None
    stem: str = "photo"
    task: str = ""
    origin: Mapping[str, Any] = field(default_factory=dict)

    kind: ClassVar[str] = "prediction"

    def provenance(self) -> dict[str, Any]:
        """Who made it and how: model, prompt, seed, code, version; what travels in every file of the answer."""
        from plantain import __version__

        painted = {} if self.painting is None else self.painting.provenance()
        own = {key: painted[key] for key in ORIGIN if key in painted}
        return {"task": self.task, **own, "version": __version__, "note": NOTE, **self.origin}

    def arrays(self) -> dict[str, np.ndarray]:
        """The answer as named arrays: the keys of the .npz file."""
        raise TypeError(f"{type(self).__name__} is not an answer")

    def to_npz(self, path: str | Path, *, exact: bool = False) -> Path:
        """Writes the answer as one .npz file. See `predictions.npz`. Raises OutputError."""
        from plantain.predictions.npz import to_npz

        return to_npz(self, path, exact=exact)

    @classmethod
    def from_npz(cls, path: str | Path) -> Self:
        """The answer of a file that `to_npz` or `save` wrote: `Prediction.from_npz(path)`, or `Depth.from_npz(path)`
        where it must be depth. Raises TruthError."""
        from plantain.predictions.npz import NEEDED, from_npz

        read: Self = from_npz(path, cls if cls in NEEDED else None)
        return read

    def resized(self, width: int, height: int) -> Self:
        """The answer about the same photo at another size in pixels. See `predictions.resample`."""
        from plantain.predictions.resample import resized

        other: Any = resized(self, width, height)
        return cast(Self, other)

    def save(
        self,
        folder: str | Path,
        photo: Any = None,
        *,
        format: str | Sequence[str] = (),
        focal_px: float | None = None,
        fov_deg: float | None = None,
    ) -> dict[str, Path]:
        """Writes <stem>.<task>.png, .overlay.png and .npz into `folder`; returns their paths by role.

        `format`: one or several others beside them (mask, cutout, labels, normals, disparity, mm, kitti, ply, coco,
        panoptic); ply takes the camera: `fov_deg` (horizontal, degrees) or `focal_px`. A name such as "x.png", "x.npz"
        or "x.ply" instead of a folder gets that one file. See `output.save`."""
        from plantain.output.save import save

        return save(self, Path(folder), photo=photo, format=format, focal_px=focal_px, fov_deg=fov_deg)

    def show(self, photo: Any = None) -> Any:
        """A picture (PIL image) of the answer over the photo, with its legend or color bar."""
        from plantain.output.show import overlay

        return overlay(self, photo=photo)

    def to_supervision(self) -> Any:
        """The answer as `supervision.Detections` (masks, labels, instances, boxes) or `supervision.KeyPoints`."""
        from plantain.output.formats import to_supervision

        return to_supervision(self)

    def _repr_png_(self) -> bytes:
        from plantain.output.show import png_bytes

        return png_bytes(self.show())

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) in pixels."""
        height, width = self.confidence.shape
        return width, height


@dataclass(frozen=True, eq=False, kw_only=True)
class Depth(Prediction):
    """Distance from the camera plane (z), a value a pixel.

    `scale="metric"`: `values` are metres. `scale="affine"`: `values` grow with depth, up to an unknown scale and shift
    in depth, and are never scored as metres. Where `valid` is False (sky, no answer) the value means nothing.
    """

    values: Float[np.ndarray, "h w"]
    valid: Bool[np.ndarray, "h w"]
    scale: Literal["metric", "affine"] = "metric"

    kind: ClassVar[str] = "depth"

    @property
    def metres(self) -> Float[np.ndarray, "h w"]:
        if self.scale != "metric":
            raise UsageError("this depth is relative (unknown scale and shift), not metres; ask for 'metric depth'")
        return self.values

    @property
    def relative(self) -> Float[np.ndarray, "h w"]:
        if self.scale != "affine":
            raise UsageError("this depth is in metres; read `.metres`")
        return self.values

    def arrays(self) -> dict[str, np.ndarray]:
        key = "metres" if self.scale == "metric" else "relative"
        return {key: self.values, "valid": self.valid, "confidence": self.confidence}


@dataclass(frozen=True, eq=False, kw_only=True)
class Normals(Prediction):
    """Unit surface normals in camera space: +x right, +y up, +z to the viewer."""

    xyz: Float[np.ndarray, "h w 3"]
    valid: Bool[np.ndarray, "h w"]

    kind: ClassVar[str] = "normals"

    def arrays(self) -> dict[str, np.ndarray]:
        return {"xyz": self.xyz, "valid": self.valid, "confidence": self.confidence}

    def to_opencv(self) -> Float[np.ndarray, "h w 3"]:
        """The same in OpenCV's frame: +x right, +y down, +z away from the viewer."""
        return self.xyz * np.array([1, -1, -1], self.xyz.dtype)


@dataclass(frozen=True, eq=False, kw_only=True)
class Labels(Prediction):
    """A class a pixel: `ids` index `classes`; -1 means none of them."""

    ids: Int[np.ndarray, "h w"]
    classes: tuple[str, ...]
    probabilities: Float[np.ndarray, "h w k"] | None = None
    colors: tuple[tuple[int, int, int], ...] = ()

    kind: ClassVar[str] = "labels"

    def arrays(self) -> dict[str, np.ndarray]:
        out = {"ids": self.ids, "classes": np.array(self.classes), "confidence": self.confidence}
        return out if self.probabilities is None else out | {"probabilities": self.probabilities}

    def mask(self, name: str) -> Bool[np.ndarray, "h w"]:
        """Where the class `name` is."""
        if name not in self.classes:
            from plantain.errors import UnknownName

            raise UnknownName("class", name, self.classes)
        return np.asarray(self.ids == self.classes.index(name))


@dataclass(frozen=True, eq=False, kw_only=True)
class Panoptic(Labels):
    """Labels in which things are also told apart: `segments` (h w) numbers them, 0 = none; `segment_labels` (n) says
    the class of segment 1..n. `things` names the classes whose things are counted, where stuff is numbered too; None
    means every class that has a numbered segment. `tracks`: of a video, the numbers that segments keep over frames."""

    segments: Int[np.ndarray, "h w"]
    segment_labels: Int[np.ndarray, "n"]
    segment_scores: Float[np.ndarray, "n"]
    things: tuple[str, ...] | None = None
    tracks: Int[np.ndarray, "n"] | None = None

    kind: ClassVar[str] = "labels"

    def arrays(self) -> dict[str, np.ndarray]:
        own = {"segments": self.segments, "segment_labels": self.segment_labels}
        own |= {} if self.tracks is None else {"tracks": self.tracks}
        return super().arrays() | own | {"segment_scores": self.segment_scores}


@dataclass(frozen=True, eq=False, kw_only=True)
class Instances(Prediction):
    """Things one by one: boxes (xyxy, pixels), scores 0..1, labels (index into `classes`), and masks if painted.

    `tracks`: of a video, the number that each thing keeps from frame to frame."""

    boxes: Float[np.ndarray, "n 4"]
    labels: Int[np.ndarray, "n"]
    classes: tuple[str, ...]
    scores: Float[np.ndarray, "n"]
    masks: Bool[np.ndarray, "n h w"] | None = None
    tracks: Int[np.ndarray, "n"] | None = None

    kind: ClassVar[str] = "instances"

    def __len__(self) -> int:
        return len(self.scores)

    def __getitem__(self, which: int | slice | Sequence[int] | Shaped[np.ndarray, "..."]) -> Self:
        """Some of the things: `found[found.scores > 0.5]`, `found[:3]`, `found[[2, 0]]`; `found[0]` is one of them.

        IndexError for a place that is none, or a choice of another length than the things."""
        asked = which if isinstance(which, slice) else np.asarray(which, None if np.size(which) else int)
        places = np.atleast_1d(np.arange(len(self))[asked])
        masks = None if self.masks is None else self.masks[places]
        tracks = None if self.tracks is None else self.tracks[places]
        boxes, labels, scores = self.boxes[places], self.labels[places], self.scores[places]
        return replace(self, boxes=boxes, labels=labels, scores=scores, masks=masks, tracks=tracks)

    def arrays(self) -> dict[str, np.ndarray]:
        out = {"boxes": self.boxes, "labels": self.labels, "classes": np.array(self.classes), "scores": self.scores}
        out |= {"confidence": self.confidence} | ({} if self.tracks is None else {"tracks": self.tracks})
        return out if self.masks is None else {"masks": self.masks} | out


@dataclass(frozen=True, eq=False, kw_only=True)
class Keypoints(Prediction):
    """Named points of one thing: xy in pixels (NaN where nothing was painted), `scores` 0..1, and those `visible`.

    As everywhere in Plantain the photo spans 0..width and 0..height, so that the center of its first pixel is (.5, .5),
    and a box around a mask begins at the corner of a pixel. COCO's boxes and polygons are the same; its keypoints are
    numbers of pixels, whose centers are whole numbers: reading adds .5 and writing takes it off. Source:
    facebookresearch/detectron2, data/datasets/coco.py."""

    xy: Float[np.ndarray, "n 2"]
    visible: Bool[np.ndarray, "n"]
    names: tuple[str, ...]
    scores: Float[np.ndarray, "n"]

    kind: ClassVar[str] = "keypoints"

    def arrays(self) -> dict[str, np.ndarray]:
        named = {"xy": self.xy, "visible": self.visible, "names": np.array(self.names), "scores": self.scores}
        return named | {"confidence": self.confidence}


@dataclass(frozen=True, eq=False, kw_only=True)
class Alpha(Prediction):
    """A value 0..1 a pixel for each name: mattes, edges, the mask of one thing or of several referents."""

    alpha: Float[np.ndarray, "n h w"]
    names: tuple[str, ...]
    colors: tuple[tuple[int, int, int], ...] = ()

    kind: ClassVar[str] = "alpha"

    @property
    def masks(self) -> Bool[np.ndarray, "n h w"]:
        """`alpha` above one half."""
        return np.asarray(self.alpha > 0.5)

    def arrays(self) -> dict[str, np.ndarray]:
        return {"alpha": self.alpha, "names": np.array(self.names), "confidence": self.confidence}


@dataclass(frozen=True, eq=False, kw_only=True)
class Edges(Alpha):
    """Alpha of one name: the strength 0..1 of the edge at every pixel."""


KINDS: dict[str, type[Prediction]] = {
    "depth": Depth,
    "normals": Normals,
    "labels": Labels,
    "instances": Instances,
    "keypoints": Keypoints,
    "alpha": Alpha,
}
