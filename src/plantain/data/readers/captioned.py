"""Captioned pictures, which keep a generator a generator: any folder, with captions in one of the usual forms."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from plantain.data import excerpts
from plantain.data.base import Example
from plantain.data.readers.base import Layout, in_order, read_json
from plantain.errors import PhotoError
from plantain.files import read_text

LAYOUT = Layout(
    "captioned pictures",
    """\
my-pictures/
  kitchen.jpg                 pictures, in folders or not
  kitchen.txt                 a caption a line, beside its picture
  captions.json               or {"kitchen.jpg": "..."}, a list of texts each too, or COCO's file of captions
  index.json                  or an excerpt set "captions"
""",
)
PHOTOS = {".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff"}


def read_captioned(root: Path, split: str = "train") -> list[Example]:
    """Every picture, with its captions in `facts["captions"]`: () where it has none, and then it is only edited.

    PhotoError where there is no picture, or none with a caption."""
    if (root / "index.json").is_file():
        return excerpts.read(root.resolve().parent, root.resolve().name, split)
    if (root / "captions" / "index.json").is_file():
        return excerpts.read(root, "captions", split)
    book = _book(root / "captions.json")
    pictures = [path for path in sorted(root.rglob("*")) if path.suffix.lower() in PHOTOS]
    found = [_example(root, path, book) for path in pictures]
    if found and not any(example.facts["captions"] for example in found):
        raise PhotoError(f"none of the {len(found)} pictures in {root} has a caption; wanted\n{LAYOUT.tree.rstrip()}")
    return in_order(found, LAYOUT)


def _example(root: Path, path: Path, book: Mapping[str, tuple[str, ...]]) -> Example:
    name, beside = path.relative_to(root).as_posix(), path.with_suffix(".txt")
    told = book.get(name, book.get(path.name, ()))
    if beside.is_file():
        told = tuple(line.strip() for line in read_text(beside).splitlines() if line.strip())
    return Example(root.resolve().name, name, path, "all", {}, {"captions": told})


def _book(path: Path) -> dict[str, tuple[str, ...]]:
    """Captions by the name of a picture; {} without a file."""
    if not path.is_file():
        return {}
    content = read_json(path)
    if not isinstance(content, dict):
        raise PhotoError(f"{path} is no table of captions; wanted {{'picture.jpg': 'what it shows'}}, or COCO's file")
    if not {"images", "annotations"} <= content.keys():
        return {str(name): _texts(told) for name, told in content.items()}
    names: dict[Any, str] = {row["id"]: str(row["file_name"]) for row in content["images"]}
    book: dict[str, tuple[str, ...]] = {}
    for row in content["annotations"]:
        name = names.get(row.get("image_id"), "")
        book[name] = (*book.get(name, ()), str(row.get("caption", "")).strip())
    return book


def _texts(told: Any) -> tuple[str, ...]:
    rows = [told] if isinstance(told, str) else list(told) if isinstance(told, list | tuple) else []
    return tuple(str(row).strip() for row in rows if str(row).strip())
