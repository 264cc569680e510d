"""The training halves of the excerpt folder as a few tar files of a bounded size, to be carried to another machine.

    python -m plantain.data.shards pack DATA shards/ --megabytes 24
    python -m plantain.data.shards unpack shards/part-00.tar /tmp/data

Test pictures stay at home: only rows of the split "train" are packed, with the index files that name them.
"""

from __future__ import annotations

import argparse
import json
import tarfile
from collections.abc import Iterator
from pathlib import Path

END = 1024 + 10_240  # bytes of zeros that may close a tar file: two blocks, then to a whole record
SKIPPED = ("vision-banana-page", "weights", "refer", "mattes")  # tests, and what is no photograph


def members(root: Path) -> Iterator[Path]:
    """Files of the training halves, relative to `root`."""
    for folder in sorted(p for p in root.iterdir() if p.is_dir() and p.name not in SKIPPED):
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
    rows = json.loads(book.read_text())["images"]
    if not any("split" in r for r in rows):
        return _files(folder, root)
    train = {Path(r["file"]).stem if "file" in r else str(r["id"]) for r in rows if r["split"] == "train"}
    return (f for f in _files(folder, root) if f.stem in train)


def pack(root: Path, out: Path, megabytes: float) -> list[Path]:
    """Writes part-00.tar, part-01.tar, ... of at most `megabytes` each (a file is never split)."""
    out.mkdir(parents=True, exist_ok=True)
    parts: list[list[Path]] = [[]]
    room = limit = megabytes * 1e6 - END
    for name in dict.fromkeys(members(root)):
        size = (root / name).stat().st_size + 1024
        if size > room and parts[-1]:
            parts.append([])
            room = limit
        parts[-1].append(name)
        room -= size
    return [_write(root, out / f"part-{i:02d}.tar", part) for i, part in enumerate(parts)]


def _write(root: Path, target: Path, names: list[Path]) -> Path:
    with tarfile.open(target, "w", format=tarfile.GNU_FORMAT) as archive:  # PAX adds 1024 bytes a file
        for name in names:
            archive.add(root / name, str(name))
    return target


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
    given = parser.parse_args()
    if given.verb == "pack":
        for path in pack(given.source, given.target, given.megabytes):
            print(f"{path} {path.stat().st_size / 1e6:.1f} MB")
    else:
        unpack(given.source, given.target)
