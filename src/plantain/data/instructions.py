"""A photo with truths -> one instruction sample: prompt, pictures shown, the painting that answers, where it counts.

Everything hangs on the example and the random generator that is handed over, so that sample 1,234 of a seed is always
the same. Which questions a photo can be asked follows from the names of its truths (`OFFERS`).
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from PIL import Image

from plantain._shapes import Float, UInt8
from plantain.codecs.palette import pick
from plantain.data import mixture
from plantain.data.augment import WHOLE, nearest_canvas, random_view, relit
from plantain.data.base import Example
from plantain.data.collect import NEAR, bits_apart, difference_hash
from plantain.data.edits import EDITS
from plantain.data.mixture import Asked, Recipe, Rng, Sample
from plantain.data.sayings import with_article
from plantain.data.summary import absent, summary
from plantain.data.variety import varied, worded
from plantain.data.views import View
from plantain.errors import PhotoError, PlantainError
from plantain.imaging.photo import read_photo
from plantain.predictions.types import Alpha, Instances, Labels
from plantain.tasks import Matting, ReferringSegmentation, Task
from plantain.tasks.asked import as_asked, names_of, painted, same

TRIES = 6  # questions put to a photo before it counts as one that has nothing to say
LEAST_KNOWN = 0.01  # share of a painting that must be known for it to be worth a sample (LiDAR knows little)
FROM_WORDS = 0.5  # share of replayed pictures that are painted from their captions; the others are repaired
PARTNERS = 12  # photos that are looked at for an example pair
Canvases = tuple[tuple[int, int], ...]


@dataclass(frozen=True, eq=False)
class Reference:
    """A picture that is shown with the prompt: the "photo" asked about, an "example" photo or its "painting"."""

    pixels: UInt8[np.ndarray, "h w 3"]
    kind: str
    about: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Instruction:
    """A sample. `weight`: 0..1 by pixel, how far the answer is known there. `record`: what else is known of it."""

    prompt: str
    references: tuple[Reference, ...]
    target: UInt8[np.ndarray, "h w 3"]
    weight: Float[np.ndarray, "h w"]
    record: Mapping[str, Any]


@dataclass(frozen=True, eq=False)
class Photo:
    """A photo that was read: its pixels, and what tells it from others."""

    pixels: UInt8[np.ndarray, "h w 3"]
    about: Mapping[str, Any]

    @property
    def size(self) -> tuple[int, int]:
        return self.pixels.shape[1], self.pixels.shape[0]

    def seen(self, view: View) -> UInt8[np.ndarray, "h w 3"]:
        return view.picture(Image.fromarray(self.pixels))


@dataclass(frozen=True)
class Settings:
    """How samples are made: legal canvases (width, height), styles of the prompt, the share of questions with example
    pairs, and how many pairs at most. `held_out`: difference hashes of pictures that must not be shown."""

    canvases: Canvases
    styles: tuple[str, ...]
    paired: float = 0.2
    pairs: int = 2
    held_out: tuple[bytes, ...] = ()

    def require_free(self, photo: Photo) -> None:
        """PhotoError for a held-out picture, or nearly one."""
        own = np.frombuffer(bytes.fromhex(photo.about["difference_hash"]), np.uint8)
        others = np.frombuffer(b"".join(self.held_out), np.uint8).reshape(-1, len(own))
        if bits_apart(own, others) <= NEAR:
            name = f"{photo.about['source']}/{photo.about['id']}"
            raise PhotoError(f"the photo {name} is a held-out picture or nearly one")


def look(example: Example, settings: Settings) -> Photo:
    """Reads a photo. PhotoError names its file, also where it is held out."""
    try:
        content = example.photo.read_bytes()
        pixels = read_photo(content)
    except OSError as error:
        raise PhotoError(f"cannot open {example.photo}: {error.strerror or error}") from error
    except PhotoError as error:
        raise PhotoError(f"{example.photo}: {error}") from error
    near = difference_hash(Image.fromarray(pixels)).tobytes().hex()
    sha = hashlib.sha256(content).hexdigest()
    photo = Photo(pixels, {"source": example.source, "id": example.id, "sha256": sha, "difference_hash": near})
    settings.require_free(photo)
    return photo


# ---- what a photo can be asked


def own_mask(example: Example, view: View, rng: Rng) -> Sample | None:
    """The set's masks by their own names: one of them, several in colors of their own, or (of the excerpt sets, as the
    seedling is asked) something else, which is not there."""
    seen: Any = view.truth(example.truth("mask"))
    if example.source in mixture.RECIPES and rng.random() < mixture.ABSENT / 2:
        return nothing(str(rng.choice(mixture.ELSEWHERE)), view, rng)
    count = 1 if rng.random() < 0.6 else int(rng.integers(1, len(seen.names) + 1))
    rows = rng.permutation(len(seen.names))[:count]
    texts = tuple(with_article(_called(seen.names[i], rng), rng) for i in rows)
    if len(set(texts)) < count:
        return None
    colors = {} if count == 1 else {"color": tuple(map(tuple, pick(count, seed=int(rng.integers(1 << 30))).tolist()))}
    task = ReferringSegmentation(texts, **(mixture.mask_colors(rng) if count == 1 else colors))
    truth = Alpha(alpha=seen.alpha[rows], names=texts, confidence=seen.confidence)
    return mixture.sample(task, truth, mixture.everywhere(view), rng)


def nothing(name: str, view: View, rng: Rng) -> Sample:
    """The question about a thing that is not there: everything is background."""
    task = ReferringSegmentation(with_article(name, rng), **mixture.mask_colors(rng))
    empty = np.zeros((1, *view.size[::-1]), np.float32)
    return mixture.sample(task, empty, mixture.everywhere(view), rng)


def place(example: Example, view: View, rng: Rng) -> Sample | None:
    """One of several things by its place or size, all of a class, or a class that is surely absent."""
    raw: Any = example.truth("instances")
    away = mixture.absent_names(example, raw, raw) if rng.random() < mixture.ABSENT else []
    return nothing(view.name(str(rng.choice(away))), view, rng) if away else mixture.refer_place(example, view, rng)


def _called(name: str, rng: Rng) -> str:
    """The words of the seedling's mixture for persons and main objects; any other name as it is."""
    known = mixture.PERSON | mixture.SALIENT
    return str(rng.choice(known[name])) if name in known else name


def hard_matte(example: Example, view: View, rng: Rng) -> Sample | None:
    """A mask in place of a matte, of persons and main objects alone, of which one mostly sees the border."""
    named: Any = example.truth("mask")
    known = named.names[0] in mixture.PERSON | mixture.SALIENT
    return mixture.matte(example, view, rng) if known else None


def soft_matte(example: Example, view: View, rng: Rng) -> Sample:
    """A true alpha matte."""
    seen: Any = view.truth(example.truth("alpha"))
    one = replace(seen, alpha=seen.alpha[:1], names=seen.names[:1])
    return mixture.sample(Matting(one.names[0]), one, mixture.everywhere(view), rng)


def metric_depth(example: Example, view: View, rng: Rng) -> Sample | None:
    """Metres, where they are metres."""
    truth: Any = example.truth("depth")
    return mixture.metric_depth(example, view, rng) if truth.scale == "metric" else None


def panoptic(example: Example, view: View, rng: Rng) -> Sample | None:
    """Stuff and things at once, where both are known."""
    return mixture.panoptic(example, view, rng) if {"labels", "instances"} <= {*example.truths} else None


OFFERS: Mapping[str, tuple[tuple[float, Recipe], ...]] = {  # by the name of a truth: shares and questions
    "depth": ((2, metric_depth), (1, mixture.relative_depth)),
    "normals": ((2, mixture.normals),),
    "labels": ((1, mixture.semantic(most=7)), (1, mixture.semantic()), (1, mixture.refer_class()), (1, panoptic)),
    "labels13": ((0.5, mixture.semantic("labels13", most=7)),),
    "mask": ((2, own_mask), (0.5, hard_matte)),
    "alpha": ((2, soft_matte),),
    "instances": ((1, mixture.instances), (1, mixture.detect), (1, place)),
    "keypoints": ((2, mixture.keypoints),),
    "edges": ((2, mixture.edges),),
}  # fmt: skip


def question(example: Example, view: View, rng: Rng) -> tuple[str, Asked] | None:
    """A random question that the photo's truths answer, in a random legend and code, and the truth's name; None when
    none of TRIES has anything to ask for in this view."""
    rows = [(share, name, recipe) for name in OFFERS if name in example.truths for share, recipe in OFFERS[name]]
    if not rows:
        return None
    shares = np.array([share for share, *_ in rows], np.float64)
    for _ in range(TRIES):
        _, name, recipe = rows[rng.choice(len(rows), p=shares / shares.sum())]
        made = recipe(example, view, rng)
        if made is not None and made.asked is not None and made.asked.known.mean() >= LEAST_KNOWN:
            return name, varied(made.asked, rng)
    return None


# ---- the sample


def instruct(example: Example, others: Sequence[Example], settings: Settings, rng: Rng) -> Instruction | None:
    """A sample about one photo; None where it has nothing to say. `others`: where example pairs are drawn from.

    Raises PhotoError and TruthError for files that cannot be read."""
    photo = look(example, settings)
    canvas = nearest_canvas(photo.size, settings.canvases)
    view = random_view(photo.size, canvas, rng)
    drawn = question(example, view, rng)
    if drawn is None:
        return None
    name, asked = drawn
    prompt, style = worded(asked, settings.styles, rng)
    count = int(rng.integers(1, settings.pairs + 1)) if settings.pairs and rng.random() < settings.paired else 0
    pairs = [shown for _ in range(count) for shown in pair(asked.task, name, example, others, canvas, settings, rng)]
    shown = Reference(relit(photo.seen(view), rng), "photo", photo.about)
    about = {"style": style, "truth": name} | told(asked) | where(view)
    return Instruction(prompt, (shown, *pairs), asked.task.encode(asked.truth), asked.known, about)


def told(asked: Asked) -> dict[str, Any]:
    """What a sample's record says of its question and its true answer."""
    task, answer = asked.task, summary(asked.task, asked.truth, asked.known)
    entries: Any = getattr(task, "entries", getattr(task, "legend", ()))
    ground: Any = getattr(task, "background", None)
    return {
        "task": task.name,
        "code": task.code_id,
        "legend": {name: list(color) for name, color in entries},
        "background": None if ground is None else list(ground),
        "queries": list(task.queries),
        "answer": answer,
        "absent": absent(answer),
        "known": round(float(asked.known.mean()), 4),
    }


def where(view: View) -> dict[str, Any]:
    """How the photo is seen, as a sample's record says it."""
    box = [round(side, 6) for side in view.box]
    return {"view": {"box": box, "mirror": view.mirror, "zoom": round(view.zoom or 1.0, 6)}}


# ---- example pairs


def pair(
    task: Task, truth: str, example: Example, others: Sequence[Example], canvas: tuple[int, int], settings: Settings,
    rng: Rng,
) -> list[Reference]:  # fmt: skip
    """Another photo with its painted answer to the same question; [] where none of a few has one.

    The words stay as they are, so that only questions whose names the other truths know can be shown."""
    for _ in range(PARTNERS):
        other = others[int(rng.integers(len(others)))]
        if other.id == example.id or truth not in other.truths:
            continue
        try:
            photo = look(other, settings)
            view = random_view(photo.size, canvas, rng)
            seen: Any = view.truth(other.truth(truth))
            if not answers(task, seen):
                continue
            painting = painted(task, as_asked(task, seen))
        except PlantainError:  # a damaged or held-out file, or a truth of another kind: there are others
            continue
        return [Reference(photo.seen(view), "example", photo.about), Reference(painting, "painting")]
    return []


def answers(task: Task, truth: Any) -> bool:
    """Whether a truth can be painted as an answer to a question in words: it knows the names. Of a label map one of
    them is enough: it says where all others are not."""
    known, wanted = names_of(truth), task.queries
    there = [any(same(name, own) for own in known) for name in wanted]
    if isinstance(truth, Instances):
        return len(truth) > 0 and all(there) and (truth.masks is not None or not task.with_masks)
    return not wanted or (any(there) if isinstance(truth, Labels) else all(there))


# ---- what keeps a generator a generator


def replay(example: Example, settings: Settings, rng: Rng) -> Instruction:
    """A captioned picture as text to image, or as the repair of what was spoilt. Never mirrored, so that letters stay
    legible; and whole where its caption is the prompt, which may name what stands at the border."""
    photo, texts = look(example, settings), example.facts.get("captions", ())
    from_words = bool(texts) and rng.random() < FROM_WORDS
    canvas = nearest_canvas(photo.size, settings.canvases)
    view = random_view(photo.size, canvas, rng, mirror=0.0, whole=1.0 if from_words else WHOLE)
    clean = photo.seen(view)
    known = np.ones(clean.shape[:2], np.float32)
    if from_words:
        made = mixture.caption(clean, texts, rng)
        about = {"task": made.task, "style": "caption", "photo": photo.about}
        return Instruction(made.prompt, (), clean, known, about | where(view))
    name = str(rng.choice(list(EDITS)))
    made = mixture.edit(clean, name, rng)
    shown = Reference(EDITS[name].degrade(clean, rng), "photo", photo.about)
    about = {"task": made.task, "style": "edit", "edit": name}
    return Instruction(made.prompt, (shown,), clean, known, about | where(view))
