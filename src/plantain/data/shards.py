"""The training halves of the excerpt folder as a few tar files of a bounded size, to be carried to another machine.

    python -m plantain.data.shards pack DATA shards/ --megabytes 24 --quality 70
    python -m plantain.data.shards unpack shards/part-00.tar /tmp/data

Test pictures stay at home: only rows of the split "train" are packed, with the index files that name them. With a
quality the photos travel as WebP under their old names, in little more than half the bytes; truths are never touched.
"""

from __future__ import annotations

import argparse
import io
import json
import tarfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from PIL import Image

from plantain.files import read_text

END = 1024 + 10_240  # bytes of zeros that may close a tar file: two blocks, then to a whole record
SKIPPED = ("vision-banana-page", "weights", "refer", "mattes")  # tests, and what is no photograph


def members(root: Path, sets: Sequence[str] = ()) -> Iterator[Path]:
    """Files of the training halves, relative to `root`; of the named sets in their order, or of all."""
    named = [root / name for name in sets] or sorted(root.iterdir())
    for folder in [p for p in named if p.is_dir() and p.name not in SKIPPED]:
        yield from (f.relative_to(root) for f in sorted(folder.glob("*.json")))
        if (folder / "train").is_dir():
            yield from _files(folder / "train", root)
        elif (folder / "index.json").exists() or (folder / "annotations.json").exists():
            yield from _train_rows(folder, root)
        else:
            yield from _files(folder, root)


def _files(folder: Path, root: Path) -> Iterator[Path]:
    return (f.relative_to(root) for f in sorted(folder.rglob("*")) if f.is_file())


def _train_rows(folder: Path, root: Path) -> Iterator[Path]:
    book = next(p for p in (folder / "index.json", folder / "annotations.json") if p.exists())
    rows = json.loads(read_text(book))["images"]
    if not any("split" in r for r in rows):
        return _files(folder, root)
    train = {Path(r["file"]).stem if "file" in r else str(r["id"]) for r in rows if r["split"] == "train"}
    return (f for f in _files(folder, root) if f.stem in train)


def pack(root: Path, out: Path, megabytes: float, quality: int | None = None, sets: Sequence[str] = ()) -> list[Path]:
    """Writes part-00.tar, part-01.tar, ... of at most `megabytes` each (a file is never split)."""
    out.mkdir(parents=True, exist_ok=True)
    parts: list[list[tuple[str, bytes]]] = [[]]
    room = limit = megabytes * 1e6 - END
    for name in dict.fromkeys(members(root, sets)):
        content = shrunk(root / name, quality)
        if len(content) + 1024 > room and parts[-1]:
            parts.append([])
            room = limit
        parts[-1].append((str(name), content))
        room -= len(content) + 1024
    return [_write(out / f"part-{i:02d}.tar", part) for i, part in enumerate(parts)]


def _write(target: Path, part: list[tuple[str, bytes]]) -> Path:
    with tarfile.open(target, "w", format=tarfile.GNU_FORMAT) as archive:  # PAX adds 1024 bytes a file
        for name, content in part:
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return target


def shrunk(path: Path, quality: int | None) -> bytes:
    """The file's bytes; a photo as WebP of this quality where that is smaller."""
    content = path.read_bytes()
    if quality is None or path.suffix != ".jpg":
        return content
    buffer = io.BytesIO()
    with Image.open(path) as image:
        image.convert("RGB").save(buffer, "WEBP", quality=quality, method=6)
    return min(content, buffer.getvalue(), key=len)


def unpack(part: Path, target: Path) -> None:
    """Adds one part to the folder `target`."""
    with tarfile.open(part) as archive:
        archive.extractall(target, filter="data")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("verb", choices=["pack", "unpack"])
    parser.add_argument("source", type=Path)
    parser.add_argument("target", type=Path)
    parser.add_argument("--megabytes", type=float, default=24)
    parser.add_argument("--quality", type=int, help="of the photos as WebP; without it they travel as they are")
    parser.add_argument("--sets", nargs="+", default=(), help="these sets alone, in this order")
    given = parser.parse_args()
    if given.verb == "pack":
        for path in pack(given.source, given.target, given.megabytes, given.quality, given.sets):
            print(f"{path} {path.stat().st_size / 1e6:.1f} MB")
    else:
        unpack(given.source, given.target)
