"""The table of models: painters, and specialist models used as baselines. `load(name)` makes the one of a row; nothing
is imported before.

Other packages add painters by an entry point of the group `plantain.models` that names a ModelSpec or a factory:

    [project.entry-points."plantain.models"]
    my-painter = "my_package:MyPainter"
"""

from __future__ import annotations

import inspect
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from importlib import import_module
from importlib.metadata import entry_points
from typing import Any

from plantain.errors import MissingExtra, PainterError, UnknownName, UsageError
from plantain.extras import lacking, pip_command
from plantain.models.base import Painter
from plantain.models.painters.generators.spec import GENERATORS, GeneratorSpec
from plantain.models.specialists.base import Specialist
from plantain.models.specialists.pretrained import hub_commit

GROUP = "plantain.models"
DEPTH, CLASSES = "metric-depth relative-depth", "semantic refer detect instances"  # tasks of many rows
THINGS = "detect instances refer"


@dataclass(frozen=True)
class ModelSpec:
    """One model: `factory` is "module:callable", called with `fixed` and the options of `load`; `extra` is a pip extra
    it needs; `supported_tasks` says what a specialist answers; `needs`: options without which it cannot be made."""

    name: str
    factory: str
    summary: str
    kind: str = "painter"
    extra: str | None = None
    license: str = "Apache-2.0"
    fixed: Mapping[str, Any] = field(default_factory=dict)
    supported_tasks: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()


def specialist(
    name: str, tasks: str, summary: str, license: str, where: str, extra: str | None = None, needs: str = "weights"
) -> ModelSpec:
    """A row of kind specialist; `tasks` and `needs` are apart by spaces."""
    factory = f"plantain.models.specialists.{where}"
    wanted = tuple(needs.split())
    return ModelSpec(name, factory, summary, "specialist", extra, license, {}, tuple(tasks.split()), wanted)


def published(name: str, tasks: str, summary: str, license: str, extra: str | None = None) -> ModelSpec:
    """A row of a small published network, whose file somebody has downloaded."""
    return replace(specialist(name, tasks, summary, license, "onnx_spec:Known", extra), fixed={"name": name})


def wrapper(name: str, where: str, summary: str) -> ModelSpec:
    """A row of a model made of models."""
    return ModelSpec(name, f"plantain.models.wrappers:{where}", summary, "wrapper", needs=("spec",))


def hub(name: str, tasks: str, summary: str, license: str, where: str) -> ModelSpec:
    """A row of a large specialist, whose weights come from a hub or a folder."""
    return specialist(name, tasks, summary, license, where, "specialists", needs="")


def generator(row: GeneratorSpec) -> ModelSpec:
    """A row of an open generator that diffusers runs."""
    where, gated = "plantain.models.painters.generators.painter:DiffusersPainter", " (gated)" if row.gated else ""
    size = sum(row.params.values())
    summary = f"{row.repo}: {size:.1f} billion parameters."
    return ModelSpec(row.name, where, summary, extra="diffusers", license=row.license + gated, fixed={"name": row.name})


MODELS: dict[str, ModelSpec] = {
    row.name: row
    for row in (
        ModelSpec("embedded", "plantain.models.painters.embedded:Embedded",
                  "The seedling: a small generator in the wheel; a CPU is enough, nothing to download.",
                  license="Apache-2.0 code; weights: research and non-commercial use (LICENSE-WEIGHTS.md)"),
        ModelSpec("oracle", "plantain.models.painters.oracle:Oracle",
                  "Paints a given truth (truth=...), degraded as you like: noise, blur, drift, JPEG, shift. For tests.",
                  needs=("truth",)),
        ModelSpec("function", "plantain.models.painters.function:Function",
                  "Wraps a callable (paint=...) that takes photo, prompt and seed and gives a picture.",
                  needs=("paint",)),
        ModelSpec("cached", "plantain.models.painters.cached:Cached",
                  "Another painter (painter=..., folder=...) whose paintings are kept on disk and never painted twice.",
                  needs=("painter", "folder")),
        ModelSpec("gemini", "plantain.models.painters.hosted.gemini:Gemini",
                  "Nano Banana Pro by Google's service (docs/hosted.md); other models by --model-id.",
                  extra="hosted", license="terms of the service"),
        ModelSpec("openai", "plantain.models.painters.hosted.openai:OpenAI",
                  "GPT Image, or any /v1/images/edits by --base-url: vLLM-Omni, SGLang, LiteLLM (docs/hosted.md).",
                  extra="hosted", license="terms of the service, or of the model behind it"),
        wrapper("gated", "Gated", "Asks first whether a thing is there (spec=...)."),
        wrapper("rewriting", "Rewriting", "Has queries rewritten as phrases (spec=...)."),
        wrapper("routed", "Routed", "Gives the most confident of several answers (spec=...)."),
        specialist("file", "", "Any ONNX or TFLite network by a spec (spec=FILE.toml).", "its own", "onnx_spec:File",
                   needs="spec"),
        published("meter", "metric-depth relative-depth", "METER-xxs: indoor depth in metres.", "MIT"),
        published("deeplab-voc", "semantic refer", "DeepLab v3 on MobileNetV2: 20 classes.", "Apache-2.0", "tflite"),
        published("u2netp", "refer matte", "U-2-Net, small: the main object.", "Apache-2.0"),
        published("selfie", "refer matte", "MediaPipe selfie segmentation: persons.", "Apache-2.0", "tflite"),
        published("movenet", "keypoints", "MoveNet Lightning: 17 joints of one person.", "Apache-2.0", "tflite"),
        published("nanodet", "detect", "NanoDet-m: boxes of 80 classes.", "Apache-2.0"),
        published("yolov8n", "detect", "YOLOv8 nano: boxes of 80 classes.", "AGPL-3.0", "tflite"),
        published("yolov8n-seg", THINGS, "YOLOv8 nano: boxes and masks of 80 classes.", "AGPL-3.0", "tflite"),
        hub("sam3", THINGS, "SAM 3: all things that a phrase names.", "SAM license", "sam3:SAM3"),
        hub("grounded-sam2", THINGS, "Grounding DINO's boxes with SAM 2's masks.", "Apache-2.0",
            "grounding_dino:GroundedSAM2"),
        hub("grounding-dino", "detect", "Grounding DINO: boxes of what words name.", "Apache-2.0",
            "grounding_dino:GroundingDINO"),
        hub("depth-anything-v2", DEPTH, "Depth Anything V2, ZoeDepth, Depth Pro, DPT.", "of the checkpoint",
            "depth_anything:DepthAnything"),
        hub("depth-anything-3", DEPTH, "Depth Anything 3, by its own package.", "of the checkpoint",
            "depth_anything_3:DepthAnything3"),
        hub("moge-2", DEPTH + " normals", "MoGe-2, by its own package.", "MIT", "moge:MoGe"),
        hub("unidepth", DEPTH, "UniDepth V2, by its own package.", "CC BY-NC 4.0", "unidepth:UniDepth"),
        hub("dsine", "normals", "DSINE, by torch.hub.", "research only", "dsine:DSINE"),
        hub("marigold-depth", "relative-depth", "Marigold: depth by diffusion.", "RAIL++-M", "marigold:MarigoldDepth"),
        hub("marigold-normals", "normals", "Marigold: normals by diffusion.", "RAIL++-M", "marigold:MarigoldNormals"),
        hub("mask2former", CLASSES, "Mask2Former: the checkpoint's classes.", "of the checkpoint",
            "mask2former:Mask2Former"),
        hub("oneformer", CLASSES, "OneFormer: the checkpoint's classes.", "MIT", "mask2former:OneFormer"),
        hub("yolo", THINGS, "YOLO by ultralytics: the checkpoint's classes.", "AGPL-3.0", "yolo:YOLO"),
        specialist("unet", DEPTH + " normals semantic refer matte edges keypoints",
                   "The control: a U-Net with one head a task, by plantain train unet_cpu.", "of the data",
                   "unet:UNet"),
        specialist("pidinet", "edges", "PiDiNet-small: edges.", "code ours; weights: research only", "pidinet:PiDiNet",
                   "train"),
        *map(generator, GENERATORS.values()),
    )
}  # fmt: skip


def rows() -> dict[str, ModelSpec]:
    """The table with the models of other packages, which may not take a name of ours."""
    theirs = {
        p.name: ModelSpec(p.name, p.value, f"from the package {p.value.split('.')[0].split(':')[0]}", license="its own")
        for p in entry_points(group=GROUP)
    }
    return theirs | MODELS


def readiness(row: ModelSpec) -> str:
    """Whether a model can be asked now, and if not what is missing: packages, options, or weights of a hub."""
    if missing := lacking(row.extra):
        return pip_command(*missing)
    files = [f"--{name}" for name in row.needs if name in ("weights", "spec")]
    if files:
        return f"needs {' '.join(files)}"
    if row.needs:
        return f"in Python: {', '.join(f'{name}=...' for name in row.needs)}"
    factory = factory_of(row)
    keys = getattr(factory, "keys", ())  # of a service: environment variables
    if keys and not any(os.environ.get(name) for name in keys):
        return f"needs {' or '.join(keys)}"
    usual = getattr(factory, "default_weights", None)
    source = usual[row.name] if isinstance(usual, Mapping) else usual
    return f"downloads {source}" if source and hub_commit(source) == "main" else "yes"


def load(name: str, **options: Any) -> Painter | Specialist:
    """The painter or specialist of a row, made with `options`. UnknownName, MissingExtra, UsageError for options that
    it does not take or lacks. A name that ends in .npz is a file of `plantain learn`; "package.module:function" is a
    callable that takes photo, prompt and seed and gives a picture (see `painters.function`), or a class of Painter."""
    table = rows()
    if name.endswith(".npz"):
        table[name] = ModelSpec(name, "plantain.models.painters.learned:from_file", "", fixed={"path": name})
    elif name not in table and re.fullmatch(r"[\w.]+:\w+", name):
        table[name] = ModelSpec(name, "plantain.models.painters.function:from_place", "", fixed={"place": name})
    if name not in table:
        raise UnknownName("model", name, table)
    row = table[name]
    factory = factory_of(row)
    given = {**row.fixed, **options}
    check_options(row, factory, given)
    model: Painter | Specialist = factory(**given)
    return model


def factory_of(row: ModelSpec) -> Callable[..., Any]:
    """What makes the model of a row. MissingExtra; PainterError where the module itself is missing."""
    module, attribute = row.factory.split(":")
    try:
        return getattr(import_module(module), attribute)
    except ModuleNotFoundError as error:
        if row.extra is None:
            raise PainterError(f"the model {row.name!r} cannot be loaded: {error}") from error
        raise MissingExtra(error.name or module, row.extra) from error


def check_options(row: ModelSpec, factory: Callable[..., Any], given: Mapping[str, Any]) -> None:
    """UsageError for options that a model does not take, or lacks."""
    taken = inspect.signature(factory).parameters
    free = any(p.kind is p.VAR_KEYWORD for p in taken.values())
    names = [name for name, p in taken.items() if p.kind not in (p.VAR_KEYWORD, p.VAR_POSITIONAL)]
    public = [name for name in names if name not in row.fixed]
    for name in given:
        if name not in names and not free:
            raise UsageError(
                f"the model {row.name!r} takes no option {name!r}; it takes: {', '.join(public) or 'none'}"
            )
    lacking = [name for name, p in taken.items() if p.default is p.empty and name in names and name not in given]
    if lacking:
        wanted = ", ".join(f"{name}=..." for name in lacking)
        raise UsageError(f"the model {row.name!r} needs {wanted}; in Python: plantain.load({row.name!r}, {wanted})")
