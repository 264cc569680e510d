"""Where instruction samples come from: people's folders, excerpt sets, published sets, captioned pictures.

A source is a few words ("excerpts:nyu", a folder, a split), so that worker processes read it again instead of getting
it sent; its examples come in the same order every time.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from plantain.data import excerpts, readers
from plantain.data.base import Example
from plantain.data.mixture import RECIPES
from plantain.data.readers.captioned import read_captioned
from plantain.errors import PhotoError, UsageError
from plantain.files import read_text

EXCERPTS = "excerpts:"
REPLAY, CAPTIONS = "captioned", "captions"  # captioned pictures, and the excerpt set of them
UNKNOWN = "unknown"
LICENSE_FILES = ("LICENSE", "LICENSE.txt", "LICENSE.md", "license.txt")
RESEARCH = "research"
TERMS: Mapping[str, str] = {  # of the sets' photographs, as docs/model-card.md has them
    "nyu": RESEARCH, "nyuv2": RESEARCH, "kitti": "CC BY-NC-SA 3.0", "kitti-depth": "CC BY-NC-SA 3.0",
    "ade20k": "research, non-commercial", "camvid": RESEARCH, "camvid-segnet": RESEARCH,
    "animals": "Flickr users' licenses", "voc": "Flickr users' licenses", "faceparts": "non-commercial",
    "people": RESEARCH, "portraits": RESEARCH, "salient": RESEARCH, "pose": RESEARCH, "faces": RESEARCH,
    "bsds": "research, non-commercial", "bsds500": "research, non-commercial", "captions": "Flickr users' licenses",
    **dict.fromkeys(("coco", "panoptic", "persons", "coco-panoptic", "coco-keypoints", "coco-captions"),
                    "annotations CC BY 4.0, Flickr users' licenses"),
}  # fmt: skip


@dataclass(frozen=True)
class Source:
    """A set: its `kind` ("folder", "excerpts:NAME", "captioned", or a row of `readers.READERS`), the folder, and which
    half. `license`: what people say of it; else the set's known terms, or the first line of the folder's LICENSE."""

    kind: str
    root: Path
    split: str = "train"
    license: str = ""

    @property
    def name(self) -> str:
        """The set's name, or the folder's."""
        if self.kind == REPLAY and (self.root / CAPTIONS / "index.json").is_file():
            return CAPTIONS
        own = self.kind in ("folder", REPLAY)
        return self.root.resolve().name if own else self.kind.removeprefix(EXCERPTS)

    @property
    def terms(self) -> str:
        """The license or terms of its photographs; "unknown" where nobody says."""
        known = None if self.kind == "folder" else TERMS.get(self.name)
        if self.license or known:
            return self.license or str(known)
        found = next((self.root / name for name in LICENSE_FILES if (self.root / name).is_file()), None)
        lines = [] if found is None else [line.strip() for line in read_text(found).splitlines() if line.strip()]
        return lines[0] if lines else UNKNOWN

    def to_json(self) -> dict[str, Any]:
        return {"kind": self.kind, "name": self.name, "split": self.split, "license": self.terms}

    def examples(self) -> list[Example]:
        """All its examples. PhotoError for a folder that is not the set's, UnknownName for a set that is none."""
        if self.kind.startswith(EXCERPTS):
            return excerpts.read(self.root, self.name, self.split)
        if self.kind == REPLAY:
            return read_captioned(self.root, self.split)
        if self.kind == "folder" and (self.root / "images").is_dir():
            return readers.read("folder", self.root, "all")
        return readers.read(self.kind, self.root, self.split)


@cache
def examples_of(source: Source) -> tuple[Example, ...]:
    """Its examples, read once in a process."""
    return tuple(source.examples())


def parse_sources(roots: Sequence[Path], kinds: Sequence[str], split: str, license: str = "") -> list[Source]:
    """One source a folder: one kind for all of them, several kinds of one folder, or a kind for each in turn.

    "excerpts" alone stands for every excerpt set with a question that the folder holds. UsageError where the numbers of
    folders and kinds do not fit, PhotoError for a folder that is not there."""
    roots, kinds = list(roots), list(kinds) or ["folder"]
    for root in roots:
        if not root.is_dir():
            raise PhotoError(f"no such folder: {root}; give the folder of labeled photographs")
    if len(kinds) != len(roots) and min(len(kinds), len(roots)) != 1:
        raise UsageError(
            f"{len(roots)} folders and {len(kinds)} kinds were given; give one kind, or one for each folder"
        )
    count = max(len(roots), len(kinds))
    pairs = zip(roots * (count if len(roots) == 1 else 1), kinds * (count if len(kinds) == 1 else 1), strict=True)
    found = [Source(one, root, split, license) for root, kind in pairs for one in _expanded(kind, root)]
    if not found:
        raise PhotoError(f"{roots[0]} holds no excerpt set; it wants folders like {', '.join(list(RECIPES)[:3])}")
    return found


def _expanded(kind: str, root: Path) -> list[str]:
    if kind not in ("excerpts", EXCERPTS + "all"):
        return [kind]
    return [EXCERPTS + name for name in RECIPES if (root / name).is_dir()]
