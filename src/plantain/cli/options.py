"""Options that several verbs share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from plantain.errors import UsageError

if TYPE_CHECKING:
    from plantain.pipeline.jobs import PredictOptions


def _whole(_type: Any, tokens: Sequence[Any]) -> int:
    """A whole number; UsageError for anything that would have to be rounded."""
    text = tokens[0].value
    try:
        return int(text)
    except ValueError:
        name = getattr(tokens[0], "keyword", None) or "this option"
        raise UsageError(f"{name} takes a whole number, not {text!r}") from None


Whole = Annotated[int, Parameter(converter=_whole)]
Quiet = Annotated[bool, Parameter(name=["--quiet", "-q"], negative="", help="No progress.")]
Data = Annotated[Path | None, Parameter(help="The folder of labeled photographs.")]


@Parameter(name="*")
@dataclass(frozen=True)
class ModelArgs:
    """Which model answers."""

    model: Annotated[str, Parameter(name=["--model", "-m"])] = "embedded"
    "Who answers; `plantain models` lists them. Or a file of `plantain learn`."
    weights: Path | None = None
    "Weights of the model: a file, or the folder they lie in."
    adapter: Annotated[Path | None, Parameter(name=["--adapter", "--lora"])] = None
    "An adapter (LoRA and the like) on top of the weights, for models that take one."
    spec: Path | None = None
    "Of a network file or a wrapper: the TOML file that says how it is asked."
    device: str | None = None
    "Where the model runs, as in cuda or cpu, for models that can choose."
    quantize: str | None = None
    "nf4 or int8: large generators in less memory."
    offload: Annotated[bool, Parameter(negative="", show_default=False)] = False
    "Parts of large generators are on the device in turn: less memory, slower."
    model_id: str | None = None
    "Of a hosted painter: which of the service's models."
    base_url: str | None = None
    "Of a hosted painter: where the service is."
    budget: float | None = None
    "Of a hosted painter: USD that all calls together may cost, those of earlier runs too."
    price: float | None = None
    "Of a hosted painter without a known price: USD a picture."
    batch: Annotated[bool, Parameter(negative="", show_default=False)] = False
    "Of a hosted painter: in the service's batch mode, for half the price and within a day."
    dry_run: Annotated[bool, Parameter(negative="", show_default=False)] = False
    "Of a hosted painter: say what it would cost, and ask nothing."
    option: Annotated[tuple[str, ...], Parameter(negative_iterable="", show_default=False)] = ()
    "Any other option of the model, as KEY=VALUE; may be said several times."

    @property
    def given(self) -> dict[str, Any]:
        """The options that the model is loaded with, as far as they are said."""
        from plantain.cli.hosted import read_options

        places = {"weights": self.weights, "adapter": self.adapter, "spec": self.spec, "device": self.device}
        told = {name: str(value) for name, value in places.items() if value is not None}
        named = ("quantize", "offload", "model_id", "base_url", "budget", "price", "dry_run", "batch")
        said = {name: value for name in named if (value := getattr(self, name)) is not None and value is not False}
        return told | said | read_options(self.option)


@Parameter(name="*")
@dataclass(frozen=True)
class PaintArgs(ModelArgs):
    """How a question is put to the model."""

    samples: Whole = 1
    "Paintings a photo, with different seeds; their answers are merged."
    passes: Whole = 1
    "Paintings a photo under different legends; classes are unmixed from all of them."
    seed: Whole = 0
    "The same seed gives the same painting."
    tile: Whole | None = None
    "Answer large photos in overlapping tiles of this many pixels."
    style: str = "imperative"
    "Wording of the prompt: imperative, caption, json or terse."
    steps: Whole | None = None
    "Steps of the painter; its own number when not said. 1 is the one-step recipe of generators that have one."
    quality: str = "usual"
    "high: several looks at every photo, for tasks in which they help the model; others are answered as usual."

    def options(self) -> PredictOptions:
        """UsageError for a number that makes no sense, UnknownName for a style that is none."""
        from plantain.pipeline.jobs import PredictOptions

        if self.steps is not None and self.steps < 1:
            raise UsageError(f"steps must be at least 1, not {self.steps}")
        sampling = {} if self.steps is None else {"steps": self.steps}
        return PredictOptions(self.samples, self.passes, self.seed, self.tile, self.style, sampling, self.quality)


@Parameter(name="*")
@dataclass(frozen=True)
class PredictArgs(PaintArgs):
    """How the question is asked."""

    code: str | None = None
    "Color code, where the painter's favorite is not wanted; `plantain tasks` lists them."
    examples: Path | None = None
    "A folder of photos with true answers (images/ beside labels/, masks/ and so on), which are shown first."
    plan: Annotated[bool, Parameter(negative="", show_default=False)] = False
    "Say what a large generator would load and need for the first photo, and do nothing."


@Parameter(name="*")
@dataclass(frozen=True)
class Output:
    """Where answers go."""

    out: Annotated[Path | None, Parameter(name=["--out", "-o"], show_default=False)] = None
    "Folder of the answers: NAME.TASK.png (painting), .overlay.png and .npz (arrays). [default: out]"
    format: Annotated[tuple[str, ...], Parameter(negative_iterable="", show_default=False)] = ()
    "More files: mask, cutout, labels, normals, disparity, kitti, mm, ply, coco, panoptic; several with commas."
    files: Annotated[tuple[str, ...], Parameter(negative_iterable="", show_default=False)] = ()
    "These files alone beside the .npz: painting, overlay, or any format; several with commas."
    fov: float | None = None
    "The camera: its horizontal field of view in degrees, for point clouds, sizes and distances between things."
    focal: float | None = None
    "The camera: its focal length in pixels, for the same."
    redo: Annotated[bool, Parameter(negative="", show_default=False)] = False
    "Answer again what is already there."
    quiet: Annotated[bool, Parameter(name=["--quiet", "-q"], negative="", show_default=False)] = False
    "No progress and no summary, only errors."

    def __post_init__(self) -> None:
        """UsageError for a camera that makes no sense, whether it is needed or not."""
        if self.fov is not None or self.focal is not None:
            from plantain.output.formats import focal_of

            focal_of(1, self.focal, self.fov)

    @property
    def folder(self) -> Path:
        return Path("out") if self.out is None else self.out

    @property
    def formats(self) -> list[str]:
        """Names without the default three files, which "npz" stands for, each once."""
        return _listed(self.format)

    @property
    def picked(self) -> list[str] | None:
        """The files that are wanted alone; None where nothing is said."""
        return _listed(self.files) if self.files else None

    @property
    def camera(self) -> dict[str, float | None]:
        return {"focal_px": self.focal, "fov_deg": self.fov}


def _listed(texts: Sequence[str]) -> list[str]:
    names = [name.strip() for text in texts for name in text.split(",")]
    return list(dict.fromkeys(name for name in names if name and name != "npz"))


@Parameter(name="*")
@dataclass(frozen=True)
class AskArgs:
    """How an answer is told."""

    json: Annotated[bool, Parameter(negative="", show_default=False)] = False
    "JSON lines on a terminal too."
    min_confidence: float = 0.0
    "Answers less sure than this (0 to 1) are not given: they say what they would be."
    min_presence: float = 0.0
    "Nor are answers about a thing that is there with less than this probability."
    planner: str | None = None
    "Address (.../v1, as OpenAI's) of a language model for questions that are not understood; PLANTAIN_PLANNER_KEY."
    planner_model: str | None = None
    "Which of its models."

    @property
    def has_gate(self) -> bool:
        return max(self.min_confidence, self.min_presence) > 0


def data_folder(names: Sequence[str], data: Path | None, example: str) -> Path:
    """The folder of data. UsageError where nothing is named, or there is no such folder."""
    if not names:
        raise UsageError(f"name a benchmark, as in: {example}")
    if data is None or not data.is_dir():
        raise UsageError(f"no such folder: {data}; give the folder of labeled photographs with --data")
    return data
