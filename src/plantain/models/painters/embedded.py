"""The embedded generator: the seedling, run by ONNX Runtime on a CPU with nothing to download."""

from __future__ import annotations

import os
import time
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from functools import cached_property
from hashlib import blake2b
from pathlib import Path
from threading import Lock
from types import MappingProxyType
from typing import Any

import numpy as np

from plantain._shapes import Float, UInt8
from plantain.errors import PainterError, PlantainError, UsageError
from plantain.models.base import Capabilities, Painter, lazy
from plantain.models.identity import Identity, weights_hash
from plantain.models.painters.familiarity import Familiarity
from plantain.models.painters.grids import PATCH, grid
from plantain.models.painters.probe import PAINTED_WELL, LinearProbe
from plantain.models.painters.things import ThingsHead, asked, paint_boxes, paint_masks, paint_points, raise_mask
from plantain.models.painters.words import Tokens, Words, shipped
from plantain.models.painting import Painting, Request, Usage
from plantain.predictions.calibration import FILE, Fit, read

FOLDER = Path(__file__).parent / "seedling"
MEAN = np.array([0.485, 0.456, 0.406], np.float32)
STD = np.array([0.229, 0.224, 0.225], np.float32)
BLANK = 0.5  # the canvas before anything is painted: what perception starts from
SMOOTH = MappingProxyType(  # codes in which the mean of what is believed can be read
    {
        "metric-depth": "log-gray-doubt",
        **dict.fromkeys(("semantic", "refer", "panoptic"), "corners"),
        "instances": "centers",
        "detect": "heat",
        "keypoints": "channels",
    }
)
PARTS = MappingProxyType(  # what gains by a second look at four parts of the photo of this size (docs/log.md)
    {"edges": 0.7, "refer": 0.7, "semantic": 0.7, "detect": 0.6, "instances": 0.6}
)
REMEMBERED = 8  # photos whose features are kept, about 2 MB each
BESIDE = ("reader.onnx", "words.npz", "probe.npz", "things.npz", "familiarity.npz")  # what training does not change
SPIN_US = "200"  # that a thread waits for work before it sleeps: by ONNX Runtime's own it burns as much as it works
STEPS = 16  # of text to image; perception and edits take one


def cores() -> int:
    """Processor cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def session(path: Path, threads: int | None = None) -> Any:
    """An ONNX Runtime session on the CPU; PainterError when the file is missing."""
    import onnxruntime

    if not path.exists():
        raise PainterError(f"the embedded generator lacks {path.name}; install Plantain again, or train it again")
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.add_session_config_entry("session.intra_op.spin_duration_us", SPIN_US)
    if threads:
        options.intra_op_num_threads = threads
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


class VisionEncoder:
    """The frozen vision encoder: photos -> features. It remembers the last ones, for several questions about a photo,
    also when they come from several threads at once."""

    def __init__(self, folder: Path = FOLDER, threads: int | None = None) -> None:
        self.session = session(folder / "reader.onnx", threads)
        self._known: OrderedDict[bytes, Future[np.ndarray]] = OrderedDict()
        self._lock = Lock()

    def features(self, photos: UInt8[np.ndarray, "b h w 3"]) -> Float[np.ndarray, "b tokens channels"]:
        """The photo read at four depths: token 0 stands for the whole, the others for patches of 14 pixels."""
        key, mine = blake2b(repr(photos.shape).encode() + photos.tobytes()).digest(), Future[np.ndarray]()
        with self._lock:
            features = self._known.setdefault(key, mine)
            self._known.move_to_end(key)
            if len(self._known) > REMEMBERED:
                self._known.popitem(last=False)
        if features is mine:
            try:
                mine.set_result(self._read(photos))
            except BaseException as error:
                self._known.pop(key, None)
                mine.set_exception(error)
        return features.result()

    def _read(self, photos: UInt8[np.ndarray, "b h w 3"]) -> Float[np.ndarray, "b tokens channels"]:
        scaled = (photos.astype(np.float32) / 255 - MEAN) / STD
        return np.asarray(self.session.run(None, {"photo": np.ascontiguousarray(scaled.transpose(0, 3, 1, 2))})[0])


class Embedded(Painter):
    """The painter named "embedded". Sessions are opened at the first painting.

    One request takes all cores. Of several at once each takes one core, which paints more of them in the same time; the
    paintings are the same."""

    codes: Mapping[str, str] = SMOOTH
    parts: Mapping[str, float] = PARTS

    def __init__(self, weights: str | Path = FOLDER, threads: int | None = None) -> None:
        """`weights`: a folder with trunk.onnx and decoder.onnx, as `plantain train` writes it, and calibration.json."""
        self.weights, self.threads = Path(weights), threads
        self.cores = threads or cores()
        self.capabilities = Capabilities(batch=self.cores)
        if not self.weights.is_dir():
            raise UsageError(
                f"the weights of the embedded generator are not at {self.weights}; give the folder that "
                "`plantain train` wrote"
            )

    @lazy
    def identity(self) -> Identity:
        files = [self.weights / name for name in ("trunk.onnx", "decoder.onnx")]
        files += [self._home(name) / name for name in BESIDE]
        return Identity("embedded", weights=weights_hash(files))

    @lazy
    def calibration(self) -> Mapping[str, Fit]:
        """What sets the confidence of its answers right, by task."""
        return read(self.weights / FILE)

    @cached_property
    def encoder(self) -> VisionEncoder:
        return VisionEncoder(self._home("reader.onnx"), self.threads)

    @cached_property
    def trunk(self) -> Any:
        return session(self.weights / "trunk.onnx", self.threads)

    @cached_property
    def decoder(self) -> Any:
        return session(self.weights / "decoder.onnx", self.threads)

    @cached_property
    def words(self) -> Words:
        home = self._home("words.npz")
        return shipped() if home == FOLDER else Words(home / "words.npz")

    @cached_property
    def probe(self) -> LinearProbe:
        return LinearProbe(self._home("probe.npz") / "probe.npz")

    @cached_property
    def things(self) -> ThingsHead:
        return ThingsHead(self._home("things.npz") / "things.npz")

    @cached_property
    def familiarity(self) -> Familiarity:
        return Familiarity(self._home("familiarity.npz") / "familiarity.npz")

    def _home(self, name: str) -> Path:
        """Training does not change what stands beside the network: a folder without its own takes what ships."""
        return self.weights if (self.weights / name).exists() else FOLDER

    def canvas(self, width: int, height: int) -> tuple[int, int]:
        """About 330 patches of 14 pixels in the photo's shape.

        >>> Embedded().canvas(640, 480)
        (294, 224)
        """
        rows, columns = grid(width, height)
        return columns * PATCH, rows * PATCH

    def paint(self, requests: Sequence[Request]) -> list[Painting | PlantainError]:
        """One painting a request; a request of an illegal size gets a PainterError in its place."""
        legal = sum(refusal(request) is None for request in requests)
        only = "_on_one_core" in self.__dict__ and "trunk" not in self.__dict__  # no second set for a straggler
        if legal == 0 or self.cores == 1 or (legal == 1 and not only):
            return [self._one(request) for request in requests]
        return list(self._workers.map(self._on_one_core._one, requests))

    @cached_property
    def _workers(self) -> ThreadPoolExecutor:
        return ThreadPoolExecutor(self.cores, "plantain-embedded")

    @cached_property
    def _on_one_core(self) -> Embedded:
        """The same painter, whose networks take one thread each; opened wholly, since several threads come at once."""
        single = Embedded(self.weights, threads=1)
        single.encoder, single.trunk, single.decoder, single.words  # noqa: B018
        single.probe, single.things, single.familiarity  # noqa: B018
        return single

    def close(self) -> None:
        if "_workers" in self.__dict__:
            self._workers.shutdown()

    def _one(self, request: Request) -> Painting | PlantainError:
        start = time.perf_counter()
        wrong = refusal(request)
        if wrong is not None:
            return wrong
        rgb = self._things(request)
        if rgb is None:
            rgb = self._sample(request)
        levels = (rgb * 255).round().clip(0, 255).astype(np.uint8)
        seconds = time.perf_counter() - start
        return Painting(levels, usage=Usage(seconds), trust=self._trust(request))

    def _trust(self, request: Request) -> float:
        """How far the photo is like those that were learned from, where something is asked about it."""
        if request.photo is None or request.purpose != "perceive":
            return 1.0
        return self.familiarity.trust(self.encoder.features(request.photo[None])[0])

    def _things(self, request: Request) -> Float[np.ndarray, "h w 3"] | None:
        """The painting (0..1) of a thing, of things one by one or of a body's points, where they are of a class that
        is known by sight."""
        if request.photo is None or request.purpose != "perceive":
            return None
        wanted = asked(request.prompt)
        column = None if wanted is None else self.things.column(wanted.thing)
        if wanted is None or column is None:
            return None
        if wanted.code == "mask" and column in map(self.things.column, PAINTED_WELL):
            return None
        rows, columns = request.size[1] // PATCH, request.size[0] // PATCH
        features = self.encoder.features(request.photo[None])[0, 1:]
        found = self.things.find(features.reshape(rows, columns, -1), column)
        if wanted.code == "heat":
            return paint_boxes(found, request.size)
        if wanted.code == "channels":
            return paint_points(found, self._sample(request))
        painted = self._sample(replace(request, prompt=wanted.mask_prompt))
        return paint_masks(found, painted.mean(-1)) if wanted.code == "centers" else raise_mask(found, painted, wanted)

    def _sample(self, request: Request) -> Float[np.ndarray, "h w 3"]:
        """One deterministic step where there is a photo, else flow matching from noise; h w 3, 0..1."""
        width, height = request.size
        photo = None if request.photo is None else request.photo.copy()
        if photo is not None and request.mask is not None:
            photo[request.mask] = 128
        conditions = Conditions(self, photo, self.words.read(request.prompt), (width, height))
        steps = request.sampling.get("steps") or (1 if photo is not None else STEPS)
        canvas = np.full((height, width, 3), BLANK, np.float32)
        if steps > 1:
            canvas += 0.5 * np.random.default_rng(request.seed).standard_normal(canvas.shape, np.float32)
        for step in range(steps):
            t = step / steps
            clean = conditions.paint(canvas, t)
            canvas = clean if step == steps - 1 else canvas + (clean - canvas) / (steps * (1 - t))
        if request.photo is not None and request.mask is not None:
            canvas = np.where(request.mask[..., None], canvas, request.photo.astype(np.float32) / 255)
        return canvas

    def denoise(self, words: str, canvas: Float[np.ndarray, "h w 3"], t: float) -> Float[np.ndarray, "h w 3"]:
        """The clean picture of these words guessed from a noised one at t (0 is noise, 1 the picture)."""
        conditions = Conditions(self, None, self.words.read(words), (canvas.shape[1], canvas.shape[0]))
        return conditions.paint(canvas.astype(np.float32), t)


def refusal(request: Request) -> PainterError | None:
    """Why this canvas cannot be painted."""
    width, height = request.size
    if width % PATCH or height % PATCH or min(width, height) < PATCH:
        return PainterError(f"the embedded generator paints multiples of {PATCH} pixels, not {width} x {height}")
    for what, given in (("photo", request.photo), ("mask", request.mask)):
        if given is not None and given.shape[:2] != (height, width):
            size = f"{given.shape[1]} x {given.shape[0]}"
            return PainterError(f"the {what} is {size} pixels, the canvas {width} x {height}; wanted equal")
    return None


class Conditions:
    """What the network paints by: one photo and one prompt, which do not change from step to step."""

    def __init__(self, painter: Embedded, photo: np.ndarray | None, tokens: Tokens, size: tuple[int, int]) -> None:
        self.painter = painter
        self.rows, self.columns = size[1] // PATCH, size[0] // PATCH
        blank = np.zeros((1, 1 + self.rows * self.columns, 1536), np.float32)
        features = blank if photo is None else painter.encoder.features(photo[None])
        shown = np.full((size[1], size[0], 3), BLANK, np.float32) if photo is None else photo.astype(np.float32) / 255
        self.photo = _planes(shown)
        self.prompt = prompt_arrays([tokens])
        self.probed = np.zeros((1, self.prompt["colours"].shape[1], self.rows, self.columns), np.float32)
        if photo is not None and not tokens.points:
            probed = painter.probe.logits(features[0, 1:], tokens.names)
            self.probed[0, : len(tokens.names)] = probed.T.reshape(-1, self.rows, self.columns)
        place = places(self.rows, self.columns)
        self.fixed = {"taps": features, "has_photo": np.array([photo is not None]), "place": place}

    def paint(self, canvas: Float[np.ndarray, "h w 3"], t: float) -> Float[np.ndarray, "h w 3"]:
        """The network's guess of the clean painting from the canvas at time t."""
        return self.decode(self.attend(canvas, t), self.prompt["colours"])

    def attend(self, canvas: Float[np.ndarray, "h w 3"], t: float) -> dict[str, np.ndarray]:
        """What the decoder is given, but for the colors."""
        changing = {"canvas": patches(canvas)[None], "t": np.array([t], np.float32)}
        tokens, keys, mean_word = self.painter.trunk.run(None, self.fixed | self.prompt | changing)
        square = tokens.transpose(0, 2, 1).reshape(1, -1, self.rows, self.columns)
        inputs = {"features": square, "keys": keys, "said": mean_word, "photo": self.photo, "canvas": _planes(canvas)}
        return inputs | {"colour_mask": self.prompt["colour_mask"], "probed": self.probed}

    def decode(
        self, inputs: Mapping[str, np.ndarray], colors: Float[np.ndarray, "1 k 3"]
    ) -> Float[np.ndarray, "h w 3"]:
        """The painting with these colors in the place of the prompt's; it is linear in them."""
        (rgb,) = self.painter.decoder.run(None, {**inputs, "colours": colors})
        return np.asarray(rgb[0].transpose(1, 2, 0))


def _planes(picture: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(picture.transpose(2, 0, 1)[None])


def patches(canvas: Float[np.ndarray, "h w 3"]) -> Float[np.ndarray, "n 588"]:
    """The canvas cut into patches, each as 3 x 14 x 14 numbers: what torch calls pixel_unshuffle."""
    h, w, _ = canvas.shape
    cells = canvas.reshape(h // PATCH, PATCH, w // PATCH, PATCH, 3).transpose(0, 2, 4, 1, 3)
    return np.ascontiguousarray(cells.reshape(-1, 3 * PATCH * PATCH))


def places(rows: int, columns: int) -> Float[np.ndarray, "n 4"]:
    """Row, column, and the patch center's y and x in -1..1."""
    y, x = np.meshgrid(np.arange(rows), np.arange(columns), indexing="ij")
    both = np.stack([y, x, (y + 0.5) / rows * 2 - 1, (x + 0.5) / columns * 2 - 1], -1)
    return both.reshape(-1, 4).astype(np.float32)


def prompt_arrays(tokens: Sequence[Tokens]) -> dict[str, np.ndarray]:
    """A batch of prompts padded to common lengths (at least one word and one color), with masks."""
    most_words = max(1, *(len(t.words) for t in tokens)) if tokens else 1
    most_colors = max(1, *(len(t.colors) for t in tokens)) if tokens else 1
    count, width = len(tokens), tokens[0].words.shape[1]
    out = {
        "words": np.zeros((count, most_words, width), np.float32),
        "word_mask": np.zeros((count, most_words), bool),
        "phrases": np.zeros((count, most_colors, width), np.float32),
        "colours": np.zeros((count, most_colors, 3), np.float32),
        "colour_mask": np.zeros((count, most_colors), bool),
    }
    for i, one in enumerate(tokens):
        n, k = len(one.words), len(one.colors)
        out["words"][i, :n], out["word_mask"][i, :n] = one.words, True
        out["phrases"][i, :k], out["colours"][i, :k], out["colour_mask"][i, :k] = one.phrases, one.colors, True
    return out
