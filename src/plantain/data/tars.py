"""Shards: tar files of samples in WebDataset's layout, with an index beside them that says where every member lies.

    00001234.src.webp       the photo (WebP, or PNG where no loss is wanted); .src2, .src3, ... further pictures shown
    00001234.tgt.png        the painting to be learned, never with loss
    00001234.weight.png     8 bits, how far the answer is known; only where it is not known everywhere
    00001234.json           prompt, task, code, legend, style, source, license, provenance, SHA-256 of the others

A shard `shard-00007.tar` has `shard-00007.jsonl` beside it, written last: a line for the shard with its SHA-256, and a
line a sample with [offset, bytes] of each member. `index.jsonl` joins these lines; `index.json` says what was built.
"""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from plantain._shapes import Float, UInt8
from plantain.errors import PhotoError
from plantain.files import publish, read_text, staging

FORMAT = "plantain-shards/1"
BLOCK = 512  # bytes of a tar header, and what members are padded to
QUALITY = 92  # of a photo as WebP
LISTED = ("task", "code", "style", "source", "license", "absent", "known", "size")  # of a record, in the index too
Row = dict[str, Any]


@dataclass(frozen=True, eq=False)
class Member:
    """One file of a sample: what comes after the key and a dot, and its bytes."""

    ending: str
    content: bytes


def png_member(ending: str, pixels: UInt8[np.ndarray, "h w ..."]) -> Member:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG", compress_level=4)
    return Member(ending, buffer.getvalue())


def webp_member(ending: str, pixels: UInt8[np.ndarray, "h w 3"]) -> Member:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "WEBP", quality=QUALITY, method=1)
    return Member(ending, buffer.getvalue())


def weight_member(weight: Float[np.ndarray, "h w"]) -> Member | None:
    """The weights in 8 bits; None where all are 1."""
    return None if (weight >= 1).all() else png_member("weight.png", np.round(weight.clip(0, 1) * 255).astype(np.uint8))


def record_member(record: Mapping[str, Any], others: Iterable[Member]) -> Member:
    """A sample's record, with the SHA-256 of its other members."""
    hashes = {member.ending: hashlib.sha256(member.content).hexdigest() for member in others}
    return Member("json", json.dumps(dict(record) | {"hashes": hashes}, ensure_ascii=False).encode())


# ---- writing


def shard_name(number: int) -> str:
    return f"shard-{number:05d}"


def write_shard(folder: Path, number: int, samples: Iterable[tuple[str, Mapping[str, Any], list[Member]]]) -> int:
    """Writes a shard and its lines beside their places, then moves them there, the lines last; gives how many samples.

    Raises OutputError."""
    name = shard_name(number)
    with staging(folder, folder / f"{name}.tar") as stage:
        rows = _write_tar(stage / f"{name}.tar", samples)
        with (stage / f"{name}.tar").open("rb") as file:
            sha = hashlib.file_digest(file, "sha256").hexdigest()
            size = file.seek(0, io.SEEK_END)
        head = {"tar": f"{name}.tar", "samples": len(rows), "bytes": size, "sha256": sha}
        write_lines(stage / f"{name}.jsonl", [head, *({"tar": f"{name}.tar"} | row for row in rows)])
        publish(stage, folder, (f"{name}.tar", f"{name}.jsonl"))
    return len(rows)


def _write_tar(path: Path, samples: Iterable[tuple[str, Mapping[str, Any], list[Member]]]) -> list[Row]:
    rows = []
    with tarfile.open(path, "w", format=tarfile.USTAR_FORMAT) as archive:
        for key, record, members in samples:
            places = {}
            for member in [*members, record_member(record, members)]:
                entry = tarfile.TarInfo(f"{key}.{member.ending}")
                entry.size = len(member.content)
                places[member.ending] = [archive.offset + BLOCK, entry.size]
                archive.addfile(entry, io.BytesIO(member.content))
            rows.append({"key": key, "members": places} | {k: record[k] for k in LISTED if k in record})
    return rows


def write_lines(path: Path, rows: Iterable[Mapping[str, Any]]) -> None:
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")


def finished(folder: Path, number: int) -> Row | None:
    """What the lines of a finished shard say of it; None while it is not whole."""
    path = folder / f"{shard_name(number)}.jsonl"
    if not path.is_file() or not path.with_suffix(".tar").is_file():
        return None
    with path.open(encoding="utf-8") as lines:
        head: Row = json.loads(next(lines, "null"))
    return head if head and path.with_suffix(".tar").stat().st_size == head["bytes"] else None


# ---- reading


def shard_heads(folder: Path) -> list[Row]:
    """What was written of every shard. PhotoError for a folder without finished shards."""
    book = folder / "index.json"
    if not book.is_file():
        raise PhotoError(
            f"{folder} holds no finished shards: index.json is missing; build it with `plantain data build`"
        )
    try:
        content = json.loads(read_text(book))
        if content["format"] != FORMAT:
            raise PhotoError(f"{book} is of the format {content['format']!r}; this version reads {FORMAT!r}")
        return list(content["shards"])
    except (ValueError, KeyError, TypeError) as error:
        raise PhotoError(f"{book} cannot be read ({error}); run `plantain data build` again") from error


def index_rows(folder: Path) -> list[Row]:
    """The index: a row a sample. PhotoError for a folder without finished shards, or a damaged index."""
    shard_heads(folder)
    try:
        lines = read_text(folder / "index.jsonl").splitlines()
        return [json.loads(line) for line in lines]
    except (OSError, ValueError) as error:
        raise PhotoError(
            f"{folder / 'index.jsonl'} cannot be read ({error}); run `plantain data build` again"
        ) from error


def read_member(folder: Path, row: Row, ending: str) -> bytes:
    """A member's bytes. PhotoError where the shard is missing or cut off."""
    offset, size = row["members"][ending]
    path = folder / row["tar"]
    try:
        with path.open("rb") as file:
            file.seek(offset)
            content = file.read(size)
    except OSError as error:
        raise PhotoError(f"cannot read {path}: {error.strerror or error}; build it again") from error
    if len(content) < size:
        raise PhotoError(f"{path} ends before {row['key']}.{ending}; delete it with its .jsonl, and build again")
    return content


def references(row: Row) -> Iterator[str]:
    """The endings of a sample's pictures shown, in their order."""
    found = [ending for ending in row["members"] if ending.startswith("src")]
    return iter(sorted(found, key=lambda ending: int(ending.split(".")[0].removeprefix("src") or 1)))
