"""What readers of published sets share: the expected folder, its checks and its refusal; JSON, masks, order of ids.

LAYOUT = Layout("ADE20K", "ADEChallengeData2016/ ...", needed=("images/{split}/*.jpg",), splits=("validation",))
LAYOUT.check(root, "validation")    # or one PhotoError: the first file that is missing, and how the folder should look
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from plantain._shapes import Bool, Float, Shaped
from plantain.data.base import Example
from plantain.errors import PhotoError, UnknownName
from plantain.files import read_text
from plantain.predictions.boxes import boxes_around
from plantain.predictions.types import Alpha, Instances


@dataclass(frozen=True)
class Layout:
    """How a set lies on disk as its makers publish it.

    `tree`: the folder as text, for people. `needed`: what every split must have, relative to the root; `{split}` stands
    for the split, and a name with `*` for at least one such file. `splits`: their names ("" = any name)."""

    name: str
    tree: str
    needed: tuple[str, ...] = ()
    splits: tuple[str, ...] = ()

    def check(self, root: Path, split: str) -> None:
        """UnknownName for a split that the set has not, PhotoError for a folder that is not the set's."""
        if self.splits and split not in self.splits:
            raise UnknownName("split", split, self.splits)
        self.require(root, (wanted.replace("{split}", split) for wanted in self.needed))

    def require(self, root: Path, wanted: Iterable[str | Path]) -> None:
        """PhotoError with the first of these files (see `first_missing`) that is missing."""
        missing = first_missing(root, wanted)
        if missing is not None:
            raise self.refusal(missing)

    def either(self, root: Path, *names: str) -> Path:
        """The first of these that exists under the root; PhotoError about the first where none does."""
        found = next((root / name for name in names if (root / name).exists()), None)
        if found is None:
            raise self.refusal(root / names[0])
        return found

    def refusal(self, missing: Path) -> PhotoError:
        return PhotoError(f"this is no folder of {self.name}: {missing} is missing; wanted\n{self.tree.rstrip()}")


def first_missing(root: Path, wanted: Iterable[str | Path]) -> Path | None:
    """The first of the wanted files and folders that is not there, or None.

    A text is relative to `root`, and with `*` a pattern, there when anything matches it; a Path stands for itself."""
    for one in wanted:
        path = root / one if isinstance(one, str) else one
        pattern = isinstance(one, str) and "*" in one
        if not (any(root.glob(str(one))) if pattern else path.exists()):
            return path
    return None


def need(path: Path, layout: Layout) -> Path:
    """The path, if it exists; else PhotoError with the layout."""
    layout.require(path.parent, (path,))
    return path


def read_lines(path: Path) -> list[str]:
    """The lines of a list file, stripped, without empty ones; PhotoError where it is no text."""
    try:
        return [line.strip() for line in read_text(path).splitlines() if line.strip()]
    except (OSError, ValueError) as error:
        raise PhotoError(f"{path} cannot be read as text ({error}); save it in UTF-8") from error


def step_in(root: Path, *names: str) -> Path:
    """Goes down into each of these folders that is there: people give the set's folder or the one around it."""
    for name in names:
        root = root / name if (root / name).is_dir() else root
    return root


def read_json(path: Path, *keys: str) -> Any:
    """The content of a JSON file, which must have these keys; PhotoError where it is broken or something else."""
    try:
        content = json.loads(read_text(path))
    except (OSError, ValueError) as error:
        raise PhotoError(f"{path} cannot be read as JSON ({error}); download it again") from error
    lacking = [key for key in keys if not isinstance(content, dict) or key not in content]
    if lacking:
        raise PhotoError(f"{path} has no {', '.join(map(repr, lacking))}; it is not the annotation file of this set")
    return content


def field(row: Mapping[Any, Any], key: Any, where: str) -> Any:
    """row[key]; PhotoError about the place `where` the row stands if it has no such key."""
    if key not in row:
        raise PhotoError(f"{where} has no {key!r}; mend the file or download it again")
    return row[key]


def in_order(examples: Iterable[Example], layout: Layout) -> list[Example]:
    """Examples by id, numbers in it as numbers; PhotoError where there are none or two of one id."""
    ordered = sorted(examples, key=lambda example: natural(example.id))
    if not ordered:
        raise PhotoError(f"{layout.name} has no picture in this split; wanted\n{layout.tree.rstrip()}")
    for one, two in pairwise(ordered):
        if one.id == two.id:
            raise PhotoError(f"{layout.name} has two pictures of the id {one.id!r}: {one.photo} and {two.photo}")
    return ordered


def natural(text: str) -> list[str | int]:
    """A key that sorts "b9" before "b10".

    >>> natural("b10.jpg")
    ['b', 10, '.jpg']
    """
    return [int(part) if place % 2 else part for place, part in enumerate(re.split(r"([0-9]+)", text))]


def full_confidence(height: int, width: int) -> Float[np.ndarray, "h w"]:
    """The confidence of a truth."""
    return np.ones((height, width), np.float32)


def mask_alpha(mask: Bool[np.ndarray, "h w"], name: str) -> Alpha:
    """One thing's mask as a kind."""
    return Alpha(alpha=mask[None].astype(np.float32), names=(name,), confidence=full_confidence(*mask.shape))


def instances_of(
    masks: Bool[np.ndarray, "n h w"] | None,
    labels: Sequence[int],
    classes: Iterable[str],
    size: tuple[int, int],
    boxes: Shaped[np.ndarray, "n 4"] | None = None,
) -> Instances:
    """True things of a photo of `size` (width, height) as a kind; boxes are those of the masks unless given."""
    if boxes is None:
        boxes = np.zeros((0, 4)) if masks is None else boxes_around(masks)
    return Instances(
        masks=masks,
        boxes=boxes.astype(np.float32),
        labels=np.array(labels, np.int64),
        classes=tuple(classes),
        scores=np.ones(len(labels), np.float32),
        confidence=full_confidence(*size[::-1]),
    )


def stacked(masks: Iterable[Bool[np.ndarray, "h w"]], height: int, width: int) -> Bool[np.ndarray, "n h w"]:
    """Masks in one array, also where there are none."""
    return np.array(list(masks), bool).reshape(-1, height, width)
