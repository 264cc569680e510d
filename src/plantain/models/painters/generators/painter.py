"""The one painter over diffusers: any row of GENERATORS, its stock calls, our geometry."""

from __future__ import annotations

import copy
import sys
import time
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial, wraps
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import numpy as np
from PIL import Image

from plantain._shapes import Float, UInt8
from plantain.errors import PainterError, PlantainError, UsageError
from plantain.imaging.geometry import place, placement
from plantain.models.base import Capabilities, Painter, lazy
from plantain.models.identity import Identity, weights_hash
from plantain.models.painters.generators import latents, plan, weights
from plantain.models.painters.generators.lockstep import Lockstep, joinable
from plantain.models.painters.generators.measured import Measured, measure_colors
from plantain.models.painters.generators.spec import GENERATORS
from plantain.models.painting import Painting, Request, Usage
from plantain.models.specialists.pretrained import hub_commit

REMEMBERED = 64  # prompts whose embeddings are kept
FEWEST = 8  # steps of a schedule from which its shift can be read


class FirstCall(NamedTuple):
    """A canvas (width, height), arguments of the denoiser's first call for it (one row), and the times of the schedule,
    1 is pure noise; none where the class has another kind of time."""

    canvas: tuple[int, int]
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    times: tuple[float, ...]


class _Asked(BaseException):
    """Leaves a stock call where it asks the denoiser; an Exception would be logged on its way."""

    def __init__(self, positional: tuple[Any, ...], named: dict[str, Any]) -> None:
        super().__init__()
        self.positional, self.named = positional, named


def _asking(denoiser: Any, device: str) -> Any:
    """A stand-in for a denoiser, which need not be on the device: it has its configuration, and is never run."""
    import torch

    class Asking(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.register_buffer("here", torch.zeros(0, device=device))

        @property
        def device(self) -> Any:
            return self.here.device

        def __getattr__(self, name: str) -> Any:
            try:
                return super().__getattr__(name)
            except AttributeError:
                return getattr(denoiser, name)

        @wraps(denoiser.forward)  # some classes read its signature
        def forward(self, *args: Any, **kwargs: Any) -> Any:
            raise _Asked(args, kwargs)

    return Asking()


def _times(scheduler: Any) -> tuple[float, ...]:
    flow = "FlowMatch" in type(scheduler).__name__
    return tuple(float(each) for each in scheduler.sigmas) if flow else ()


class DiffusersPainter(Painter):
    """`weights`: a folder or a repository of the hub instead of the row's; `adapter`: a LoRA; `quantize`: nf4 or int8;
    `offload`: text encoders and denoiser are on the device in turn; `megapixels`: canvases no larger than that;
    `together`: photos that go through the denoiser at a time. `waiting`: the denoiser stays in ordinary memory, for a
    trainer that first wants what it is told (`first_call`). Weights are found or fetched when its identity is asked
    for, and loaded at the first painting."""

    default_weights: ClassVar[Mapping[str, str]] = {name: row.repo for name, row in GENERATORS.items()}

    def __init__(
        self,
        name: str,
        weights: str | Path | None = None,
        adapter: str | Path | None = None,
        device: str | None = None,
        quantize: str | None = None,
        offload: bool = False,
        megapixels: float | None = None,
        together: int = 4,
        waiting: bool = False,
    ) -> None:
        self.spec = GENERATORS[name]
        self.source = str(weights or self.spec.repo)
        self.adapter = str(adapter or self.spec.adapter)
        self.asked_device, self.quantize, self.offload = device, quantize, bool(offload)
        self.waiting = waiting
        self.most = None if megapixels is None else round(float(megapixels) * 1e6)
        self.together = max(1, int(together))
        self.capabilities = Capabilities(self.spec.images, self.together, float_output=True)

    # ---- who this is

    @lazy
    def device(self) -> str:
        import torch

        if self.asked_device is not None:
            return self.asked_device
        return "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"

    @lazy
    def steps(self) -> int:
        """Of a painting, unless said otherwise: one, where the adapter was tuned for it."""
        tuned = weights.recipe(self.adapter) if self.adapter else {}
        return int(tuned.get("steps", self.spec.steps))

    @property
    def precision(self) -> str:
        return "float32" if self.device.startswith("cpu") else "bfloat16"

    @lazy
    def unmeasured(self) -> Identity:
        """Who it is without what the doctor measured: weights to the last commit or bit, adapter, precision, steps."""
        local = Path(self.source).exists()
        revision = "" if local else weights.revision_of(self.spec, self.source)
        if self.spec.transformer and not local:
            revision += f" + {self.spec.transformer}@{hub_commit(self.spec.transformer)}"
        file = None
        if self.adapter:
            whole = weights.tuned_denoiser(self.spec, self.adapter)
            file = whole or weights.adapter_file(self.spec, self.adapter)
        sampling = {"steps": self.steps, **self.spec.guidance}
        return Identity(
            self.spec.name,
            revision=revision,
            weights=weights_hash([self.source]) if local else "",
            adapter=Path(self.adapter).name if file and Path(self.adapter).exists() else self.adapter,
            adapter_weights=weights_hash([file]) if file else "",
            dtype=self.precision + (f" {self.quantize}" if self.quantize else ""),
            settings=" ".join(f"{key}={value}" for key, value in sampling.items())
            + (f" pixels<={self.most}" if self.most else ""),
        )

    @lazy
    def measured(self) -> Measured:
        return Measured.read(self.unmeasured) or Measured()

    @lazy
    def identity(self) -> Identity:
        """Also says whether the generator is registered: whether somebody measured that it keeps its place."""
        found = f"registration={self.measured.key}" if self.measured.registered else "unregistered"
        colors = f" colors={self.measured.key}" if self.measured.color else ""
        return replace(self.unmeasured, settings=f"{self.unmeasured.settings} {found}{colors}")

    def plan(self, size: tuple[int, int]) -> list[str]:
        """What it would load for a photo of this size, in lines for people; nothing is loaded or fetched."""
        canvas = self.canvas(*size)
        said = plan.lines(self.spec, self.source, weights.here(self.source), canvas)
        return [*said, f"  canvas: {size[0]} x {size[1]} -> {canvas[0]} x {canvas[1]}"]

    # ---- loading

    @lazy
    def pipe(self) -> Any:
        """The pipeline, ready to be called. UsageError, MissingExtra."""
        import torch

        unregistered = "" if self.measured.registered else f"; not registered yet: plantain doctor -m {self.spec.name}"
        weights.log.warning("%s: license of the weights: %s%s", self.spec.name, self.spec.license, unregistered)
        with self._memory():
            dtype = getattr(torch, self.precision)
            pipe = weights.pipeline(self.spec, self.source, dtype=dtype, device=self.device, quantize=self.quantize)
            if self.adapter:
                weights.log.warning("%s: %s", self.spec.name, weights.adapt(pipe, self.spec, self.adapter))
            denoiser = getattr(pipe, self.spec.denoiser)
            denoiser.forward = joinable(denoiser.forward, dtype)
            self._remember(pipe)
            placed = self._modules(pipe, texts=False) + ([] if self.offload else self._modules(pipe, texts=True))
            for module in placed:
                if not (self.waiting and module is denoiser):
                    module.to(self.device)
        return pipe

    def close(self) -> None:
        if self.__dict__.pop("pipe", None) is not None:
            _give_back_memory()

    def _modules(self, pipe: Any, *, texts: bool) -> list[Any]:
        found = {name: one for name, one in pipe.components.items() if hasattr(one, "parameters")}
        return [one for name, one in found.items() if name.startswith("text_encoder") == texts]

    def _remember(self, pipe: Any) -> None:
        """Embeddings of prompts are made once, where they see text only: text encoders need not stay on the device."""
        owner, name = pipe, self.spec.encode
        if "." in name:  # a step of a modular pipeline
            block, name = name.split(".")
            owner = pipe._blocks.sub_blocks[block]
        encode, kept = getattr(owner, name), OrderedDict[Any, Any]()
        given = {"text_encoder": pipe.text_encoder} if owner is not pipe else {}

        def encoded(*args: Any, **kwargs: Any) -> Any:
            key = repr(
                (args, sorted((k, v) for k, v in kwargs.items() if isinstance(v, str | int | float | list | tuple)))
            )
            if self.spec.sees or key not in kept:
                with self._texts_on_device(pipe):
                    made = encode(*args, **(kwargs | given))
                if self.spec.sees:
                    return made
                kept[key] = made
                if len(kept) > REMEMBERED:
                    kept.popitem(last=False)
            return kept[key]

        setattr(owner, name, encoded)

    @contextmanager
    def _texts_on_device(self, pipe: Any) -> Iterator[None]:
        if not self.offload:
            yield
            return
        painting, texts = self._modules(pipe, texts=False), self._modules(pipe, texts=True)
        try:
            for module, device in [(one, "cpu") for one in painting] + [(one, self.device) for one in texts]:
                module.to(device)
            yield
        finally:
            for module, device in [(one, "cpu") for one in texts] + [(one, self.device) for one in painting]:
                module.to(device)

    # ---- painting

    def canvas(self, width: int, height: int) -> tuple[int, int]:
        return self.spec.size.canvas(width, height, self.most)

    def paint(self, requests: Sequence[Request]) -> list[Painting | PlantainError]:
        """Requests of one canvas and number of pictures go through the denoiser together. UsageError where the weights
        or the memory are not there."""
        pipe, made = self.pipe, list[Painting | PlantainError]()
        while len(made) < len(requests):
            part = requests[len(made) : len(made) + self.together]
            try:
                with self._memory():
                    made += self._together(pipe, part)
            except UsageError:
                if len(part) == 1:
                    raise
                self.together = len(part) // 2  # fewer at a time
                _give_back_memory()
        return made

    def _together(self, pipe: Any, requests: Sequence[Request]) -> list[Painting | PlantainError]:
        start = time.perf_counter()
        found = Lockstep().run([partial(self._one, pipe, request, len(requests)) for request in requests])
        for one in found:
            if isinstance(one, BaseException) and (not isinstance(one, Exception) or _no_memory(one)):
                raise one
        each = Usage((time.perf_counter() - start) / len(requests))
        return [self._outcome(one, each) for one in found]

    def _outcome(self, made: Any, usage: Usage) -> Painting | PlantainError:
        if isinstance(made, PlantainError):
            return made
        if isinstance(made, BaseException):
            return PainterError(f"{self.spec.name} failed: {type(made).__name__}: {made}")
        return Painting(self.measured.undo(made), usage=usage)

    def _one(self, pipe: Any, request: Request, beside: int) -> Float[np.ndarray, "h w 3"]:
        """One stock call, on a copy of the pipeline whose scheduler is its own. PainterError, UsageError."""
        self._check(pipe, request)
        size, images = self.shown(request)
        own = self._copy(pipe)
        call = self._arguments(own, request, size, images)
        made = own(**call, **(self.spec.joined if beside > 1 else {}))
        picture = (made.get("images") if self.spec.modular else made.images)[0]
        pixels = picture[:3].permute(1, 2, 0).float().cpu().numpy()
        if pixels.shape[1::-1] != size:
            raise PainterError(f"{self.spec.name} was asked for {size} pixels and gave {pixels.shape[1::-1]}")
        return np.ascontiguousarray(pixels if size == request.size else _last_cell(pixels, request))

    def _check(self, pipe: Any, request: Request) -> None:
        if not request.images and not self.spec.words:
            raise PainterError(f"{self.spec.name} changes pictures, and paints none from words alone")
        if not self.spec.size.fits(*request.size):
            near = self.canvas(*request.size)
            raise UsageError(
                f"{self.spec.name} cannot paint {request.size[0]} x {request.size[1]} pixels; the nearest size is "
                f"{near[0]} x {near[1]}"
            )
        if self.spec.tokenizer:
            tokenizer = getattr(pipe, self.spec.tokenizer)
            most = self.spec.max_tokens or tokenizer.model_max_length
            count = len(getattr(tokenizer, "tokenizer", tokenizer)(request.prompt)["input_ids"])
            if count > most:
                raise PainterError(
                    f"{self.spec.name} reads {most} tokens of a prompt and this one has {count}; its end, with colors "
                    "of the legend, would be lost: name fewer classes, or ask with --style terse"
                )

    def shown(self, request: Request) -> tuple[tuple[int, int], list[Image.Image]]:
        """The size to paint at and the pictures as the row takes them: in its order, or on one grid of which each row
        is an example and its painting, the last row the photo and an empty cell."""
        query, *examples = request.images or (None,)
        if query is None:
            return request.size, []
        if self.spec.order == "grid" and examples and request.purpose == "edit":
            raise UsageError(f"{self.identity.name} is shown examples on a grid and takes one picture for an edit")
        if self.spec.order != "grid" or not examples:
            ordered = [query, *examples] if self.spec.order == "first" else [*examples, query]
            return request.size, [Image.fromarray(one) for one in ordered]
        cells = [*examples, query, np.full_like(query, 128)]
        cells = [place(cell, placement(cell.shape[1::-1], request.size)) for cell in cells]
        rows = [np.concatenate(cells[i : i + 2], 1) for i in range(0, len(cells), 2)]
        grid = np.concatenate(rows)
        size = self.canvas(grid.shape[1], grid.shape[0])
        return size, [Image.fromarray(grid).resize(size, Image.Resampling.BICUBIC)]

    def _copy(self, pipe: Any) -> Any:
        """The pipeline with its own scheduler and, where prompts are remembered, without text encoders."""
        own = copy.copy(pipe)
        own.scheduler = copy.deepcopy(pipe.scheduler)
        if not self.spec.sees:
            for name in ("text_encoder", "text_encoder_2"):
                if getattr(own, name, None) is not None:
                    setattr(own, name, None)
        return own

    def _arguments(
        self, pipe: Any, request: Request, size: tuple[int, int], images: list[Image.Image]
    ) -> dict[str, Any]:
        """Of the stock call. One step is the one-step recipe, where the row has one: zeros, no guidance."""
        import torch

        spec, sampling = self.spec, request.sampling
        steps = int(sampling.get("steps", self.steps))
        once = steps == 1 and spec.flow
        guidance = dict(spec.unguided if once else spec.guidance)
        if "guidance" in sampling and guidance:
            guidance[next(iter(guidance))] = float(sampling["guidance"])
        call = {
            "prompt": request.prompt,
            "num_inference_steps": steps,
            "generator": torch.Generator("cpu").manual_seed(request.seed),
            "output_type": "pt",
            **spec.sides(*size, bool(images)),
        }
        if "guider" in guidance:  # a component of a modular pipeline
            from diffusers import ClassifierFreeGuidance

            pipe.guider = ClassifierFreeGuidance(guidance_scale=guidance.pop("guider"))
        if images:
            call["image"] = images if len(images) > 1 else images[0]
        if once:
            call |= {"latents": latents.zeros(pipe, spec, size), "sigmas": [1.0]}
        elif "steps" in sampling and spec.flow:  # a checkpoint's own list of times would win over a number
            call["sigmas"] = np.linspace(1.0, 1 / steps, steps).tolist()
        return call | guidance

    @contextmanager
    def _memory(self) -> Iterator[None]:
        """Lack of memory as one line that says what to switch on, in order, with numbers."""
        try:
            yield
        except Exception as error:
            if not _no_memory(error):
                raise
            ways = plan.ways(plan.parameters(self.spec), self.most or self.spec.size.most)
            switches = ", ".join(f"{switch} ({needed:.0f} GB)" for switch, needed in ways if switch)
            raise UsageError(
                f"{self.spec.name} does not fit into the memory of {self.device}: it takes about {ways[0][1]:.0f} GB "
                f"(computed); in this order, try {switches}"
            ) from error

    # ---- training

    def first_call(self, request: Request) -> FirstCall:
        """What the stock call asks its denoiser first, without guidance: what a trainer conditions on. PainterError,
        UsageError."""
        pipe = self.pipe
        self._check(pipe, request)
        size, images = self.shown(request)
        own = self._copy(pipe)
        setattr(own, self.spec.denoiser, _asking(getattr(pipe, self.spec.denoiser), self.device))
        sampling = {"steps": max(self.spec.steps, FEWEST), "guidance": 1.0}
        try:
            own(**self._arguments(own, replace(request, sampling=sampling), size, images), **self.spec.joined)
        except _Asked as asked:
            return FirstCall(size, asked.positional, asked.named, _times(own.scheduler))
        raise PainterError(f"{self.spec.name} painted without its {self.spec.denoiser}")

    # ---- the doctor

    def colors(self) -> tuple[tuple[float, ...], tuple[tuple[str, float], ...]]:
        """What its autoencoder does to the ladder of colors; see `measure_colors`."""
        import torch

        def round_trip(picture: UInt8[np.ndarray, "h w 3"] | Any) -> Any:
            height, width = picture.shape[:2]
            unit = self.spec.size.multiple
            padded = np.pad(picture, ((0, -height % unit), (0, -width % unit), (0, 0)), mode="edge")
            with torch.no_grad():
                rgb = torch.from_numpy(padded).permute(2, 0, 1)[None].to(self.device)
                back = latents.decode(self.pipe, self.spec, latents.encode(self.pipe, self.spec, rgb))
            return back[0].permute(1, 2, 0).cpu().numpy()[:height, :width]

        with self._memory():
            return measure_colors(round_trip)

    def forget(self) -> None:
        """Paints as the generator does, so that it can be measured."""
        self.__dict__["measured"] = Measured()

    def keep(self, measured: Measured) -> Path:
        """Keeps what was measured; from now on paintings are set right by it."""
        path = measured.write(self.unmeasured)
        for name in ("measured", "identity"):
            self.__dict__.pop(name, None)
        return path


def _last_cell(pixels: Float[np.ndarray, "h w 3"], request: Request) -> Float[np.ndarray, "y x 3"]:
    """The cell at the bottom right of a grid: the answer about the photo."""
    return pixels[last_cell(pixels.shape[1::-1], len(request.images))]


def last_cell(size: tuple[int, int], images: int) -> tuple[slice, slice]:
    """Where it lies on a canvas of (width, height) that shows so many pictures."""
    rows = (images + 1) // 2
    return slice(round(size[1] * (rows - 1) / rows), size[1]), slice(size[0] // 2, size[0])


def _give_back_memory() -> None:
    torch: Any = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_available():
        torch.cuda.empty_cache()


def _no_memory(error: BaseException) -> bool:
    torch: Any = sys.modules.get("torch")
    if torch is not None and isinstance(error, torch.OutOfMemoryError):
        return True
    return isinstance(error, MemoryError | RuntimeError) and any(
        words in str(error).lower() for words in ("out of memory", "can't allocate memory", "not enough memory")
    )
