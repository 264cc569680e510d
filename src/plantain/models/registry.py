"""The table of answerers: painters, and specialists beside which they are measured.
`load(name)` makes the one of a row; nothing is imported before.

Other packages add painters by an entry point of the group `plantain.models` that names a Row or a factory:

    [project.entry-points."plantain.models"]
    my-painter = "my_package:MyPainter"
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import import_module
from importlib.metadata import entry_points
from typing import Any

from plantain.errors import MissingExtra, PainterError, UnknownName, UsageError
from plantain.models.base import Painter, Specialist

GROUP = "plantain.models"


@dataclass(frozen=True)
class Row:
    """One model: `factory` is "module:callable", called with `fixed` and the options of `load`; `extra` is a pip extra
    it needs; `claims` says what a specialist answers."""

    name: str
    factory: str
    summary: str
    kind: str = "painter"
    extra: str | None = None
    licence: str = "Apache-2.0"
    fixed: Mapping[str, Any] = field(default_factory=dict)
    claims: tuple[str, ...] = ()


def specialist(
    name: str, claims: str, summary: str, licence: str, *, where: str = "onnx_spec:Known", extra: str | None = None,
    **fixed: Any,
) -> Row:  # fmt: skip
    """A row of kind specialist; `claims`: tasks, apart by spaces."""
    given = {"name": name} if where == "onnx_spec:Known" else fixed
    factory = f"plantain.models.specialists.{where}"
    return Row(name, factory, summary, "specialist", extra, licence, given, tuple(claims.split()))


def hub(name: str, claims: str, summary: str, licence: str, where: str) -> Row:
    """A row of a large specialist, whose weights come from a hub or a folder."""
    return specialist(name, claims, summary, licence, where=where, extra="specialists")


MODELS: dict[str, Row] = {
    row.name: row
    for row in (
        Row(
            "embedded",
            "plantain.models.painters.embedded:Embedded",
            "The seedling: a small generator in the wheel; a CPU is enough, nothing to download.",
            licence="Apache-2.0 code; weights: research and non-commercial use (LICENSE-WEIGHTS.md)",
        ),
        Row(
            "oracle",
            "plantain.models.painters.oracle:Oracle",
            "Paints a given truth (truth=...), as worn as you like: noise, blur, drift, JPEG, shift. For tests.",
        ),
        Row(
            "function",
            "plantain.models.painters.function:Function",
            "Wraps a callable (paint=...) that takes photo, prompt and seed and gives a picture.",
        ),
        Row(
            "cached",
            "plantain.models.painters.cached:Cached",
            "Another painter (painter=..., folder=...) whose paintings are kept on disk and never painted twice.",
        ),
        Row("gated", "plantain.models.wrappers:Gated", "Asks first whether a thing is there (spec=...).", "wrapper"),
        Row(
            "rewriting", "plantain.models.wrappers:Rewriting", "Has queries rewritten as phrases (spec=...).", "wrapper"
        ),
        Row("routed", "plantain.models.wrappers:Routed", "Gives the surest of several answers (spec=...).", "wrapper"),
        specialist(
            "file", "", "Any ONNX or TFLite network by a spec (spec=FILE.toml).", "its own", where="onnx_spec:File"
        ),
        specialist("meter", "metric-depth relative-depth", "METER-xxs: indoor depth in metres.", "MIT"),
        specialist(
            "deeplab-voc", "semantic refer", "DeepLab v3 on MobileNetV2: 20 classes.", "Apache-2.0", extra="tflite"
        ),
        specialist("u2netp", "refer matte", "U-2-Net, small: the main object.", "Apache-2.0"),
        specialist("selfie", "refer matte", "MediaPipe selfie segmentation: persons.", "Apache-2.0", extra="tflite"),
        specialist("movenet", "keypoints", "MoveNet Lightning: 17 joints of one person.", "Apache-2.0", extra="tflite"),
        specialist("nanodet", "detect", "NanoDet-m: boxes of 80 classes.", "Apache-2.0"),
        specialist("yolov8n", "detect", "YOLOv8 nano: boxes of 80 classes.", "AGPL-3.0", extra="tflite"),
        specialist(
            "yolov8n-seg",
            "detect instances refer",
            "YOLOv8 nano: boxes and masks of 80 classes.",
            "AGPL-3.0",
            extra="tflite",
        ),
        hub("sam3", "detect instances refer", "SAM 3: all things that a phrase names.", "SAM licence", "sam3:SAM3"),
        hub(
            "grounded-sam2",
            "detect instances refer",
            "Grounding DINO's boxes with SAM 2's masks.",
            "Apache-2.0",
            "grounding_dino:GroundedSAM2",
        ),
        hub(
            "grounding-dino",
            "detect",
            "Grounding DINO: boxes of what words name.",
            "Apache-2.0",
            "grounding_dino:GroundingDINO",
        ),
        hub(
            "depth-anything-v2",
            "metric-depth relative-depth",
            "Depth Anything V2, ZoeDepth, Depth Pro, DPT.",
            "of the checkpoint",
            "depth_anything:DepthAnything",
        ),
        hub(
            "depth-anything-3",
            "metric-depth relative-depth",
            "Depth Anything 3, by its own package.",
            "of the checkpoint",
            "depth_anything_3:DepthAnything3",
        ),
        hub("moge-2", "metric-depth relative-depth normals", "MoGe-2, by its own package.", "MIT", "moge:MoGe"),
        hub(
            "unidepth",
            "metric-depth relative-depth",
            "UniDepth V2, by its own package.",
            "CC BY-NC 4.0",
            "unidepth:UniDepth",
        ),
        hub("dsine", "normals", "DSINE, by torch.hub.", "research only", "dsine:DSINE"),
        hub("marigold-depth", "relative-depth", "Marigold: depth by diffusion.", "RAIL++-M", "marigold:MarigoldDepth"),
        hub("marigold-normals", "normals", "Marigold: normals by diffusion.", "RAIL++-M", "marigold:MarigoldNormals"),
        hub(
            "mask2former",
            "semantic refer detect instances",
            "Mask2Former: the checkpoint's classes.",
            "of the checkpoint",
            "mask2former:Mask2Former",
        ),
        hub(
            "oneformer",
            "semantic refer detect instances",
            "OneFormer: the checkpoint's classes.",
            "MIT",
            "mask2former:OneFormer",
        ),
        hub(
            "yolo", "detect instances refer", "YOLO by ultralytics: the checkpoint's classes.", "AGPL-3.0", "yolo:YOLO"
        ),
        specialist(
            "unet",
            "metric-depth relative-depth normals semantic refer matte edges keypoints",
            "The control: a U-Net with one head a task, by plantain train unet_cpu.",
            "of the data",
            where="unet:UNet",
        ),
        specialist(
            "pidinet",
            "edges",
            "PiDiNet-small: edges.",
            "code ours; weights: research only",
            where="pidinet:PiDiNet",
            extra="train",
        ),
    )
}


def rows() -> dict[str, Row]:
    """The table with the painters of other packages, which may not take a name of ours."""
    theirs = {p.name: Row(p.name, p.value, f"from the package {p.value.split('.')[0].split(':')[0]}", licence="its own")
              for p in entry_points(group=GROUP)}  # fmt: skip
    return theirs | MODELS


def load(name: str, **options: Any) -> Painter | Specialist:
    """The painter or specialist of a row, made with `options`. UnknownName, MissingExtra, UsageError for options that
    it does not take."""
    table = rows()
    if name not in table:
        raise UnknownName("model", name, table)
    row = table[name]
    module, attribute = row.factory.split(":")
    try:
        factory = getattr(import_module(module), attribute)
    except ModuleNotFoundError as error:
        if row.extra is None:
            raise PainterError(f"the model {name!r} cannot be loaded: {error}") from error
        raise MissingExtra(error.name or module, row.extra) from error
    try:
        model: Painter | Specialist = factory(**{**row.fixed, **options})
    except TypeError as error:
        raise UsageError(f"the model {name!r} cannot be made like this ({error}); see `plantain models`") from error
    return model
