"""What shards hold and whether it is sound: counts by task, code, style and source; checks of every sample."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from plantain._shapes import UInt8
from plantain.data.collect import NEAR, bits_apart, difference_hash
from plantain.data.stream import Shards, Stored
from plantain.data.summary import Summary, differences, summary
from plantain.data.tars import Row, shard_heads
from plantain.errors import PhotoError, PlantainError
from plantain.imaging.photo import open_picture
from plantain.tasks import Task
from plantain.tasks.language.parsing import parse

PHOTOS = {".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff"}
GENERATED = frozenset({"text-to-image", "edit"})  # what has no code to be read by
SURE = 0.8  # mean confidence that a painting made from a truth has where the truth is known
COUNTED = ("task", "code", "style", "source", "license", "size")


# ---- stats


def stats(folders: Sequence[Path]) -> Iterator[dict[str, Any]]:
    """Lines of counts: the whole, then by each of COUNTED, most first, with the share of samples that ask for something
    absent. From the index alone."""
    rows = [row for folder in folders for row in Shards(folder).rows]
    yield {"samples": len(rows), "absent_share": _absent(rows), "holes_share": _holes(rows)}
    for field in COUNTED:
        values = Counter(str(_plain(row.get(field, "none"))) for row in rows)
        for value, count in values.most_common():
            own = [row for row in rows if str(_plain(row.get(field, "none"))) == value]
            yield {"by": field, "value": value, "samples": count, "share": round(count / len(rows), 4),
                   "absent_share": _absent(own)}  # fmt: skip


def _plain(value: Any) -> Any:
    return "x".join(map(str, value)) if isinstance(value, list) else value


def _absent(rows: Sequence[Row]) -> float:
    return round(sum(bool(row.get("absent")) for row in rows) / max(len(rows), 1), 4)


def _holes(rows: Sequence[Row]) -> float:
    return round(sum("weight.png" in row["members"] for row in rows) / max(len(rows), 1), 4)


# ---- validate


@dataclass(frozen=True)
class Fault:
    """Something wrong with a sample or a shard, in a line for people."""

    where: str
    check: str  # "hash", "sides", "weight", "prompt", "answer", "held out"
    what: str

    def __str__(self) -> str:
        return f"{self.where}: {self.what}"


def validate(shards: Shards, held_out: UInt8[np.ndarray, "n 32"] | None = None,
             done: Callable[[], None] = lambda: None) -> Iterator[Fault]:  # fmt: skip
    """Everything that is wrong: shards first, then samples one by one; `done` is called for each sample.

    `held_out`: hashes of pictures that must not be among the samples (`hashes_of`)."""
    yield from _shard_faults(shards.folder)
    for row in shards.rows:
        where = f"{shards.folder.name}/{row['tar']} {row['key']}"
        try:
            sample = Shards(shards.folder, check=True, rows=[row])[0]
        except PlantainError as error:
            yield Fault(where, "hash", str(error))
        except (KeyError, ValueError, TypeError) as error:
            yield Fault(where, "hash", f"its record is damaged ({error}); build it again")
        else:
            yield from (replace(fault, where=where) for fault in faults(sample, held_out))
        done()


def _shard_faults(folder: Path) -> Iterator[Fault]:
    for head in shard_heads(folder):
        path = folder / head["tar"]
        if not path.is_file():
            yield Fault(str(path), "hash", "the shard is missing; build it again")
            continue
        with path.open("rb") as file:
            sha = hashlib.file_digest(file, "sha256").hexdigest()
        if sha != head["sha256"]:
            what = f"its SHA-256 is {sha[:12]}..., not {head['sha256'][:12]}..."
            yield Fault(str(path), "hash", f"{what}; delete it with its .jsonl, and build again")


def faults(sample: Stored, held_out: UInt8[np.ndarray, "n 32"] | None = None) -> Iterator[Fault]:
    """What is wrong with one sample."""
    height, width = sample.target.shape[:2]
    for number, shown in enumerate(sample.references, 1):
        if shown.shape[1] * height != shown.shape[0] * width:
            yield Fault("", "sides", f"picture {number} is {shown.shape[1]} x {shown.shape[0]}, its painting {width} x "
                        f"{height}: another aspect, so pixels would move")  # fmt: skip
    if sample.weight is not None and (sample.weight.shape != (height, width) or not sample.weight.any()):
        yield Fault("", "weight", "its weights have another size, or nothing of it is known")
    if held_out is not None:
        yield from _held_out(sample, held_out)
    if sample.record["task"] not in GENERATED:
        yield from _answer(sample)


def _held_out(sample: Stored, held_out: UInt8[np.ndarray, "n 32"]) -> Iterator[Fault]:
    """By the whole photo's hash, which the record keeps: the crop and the light of the sample do not matter."""
    photos = [*sample.record.get("shown", ()), sample.record.get("photo", {})]
    for about in photos:
        if "difference_hash" in about:
            own = np.frombuffer(bytes.fromhex(about["difference_hash"]), np.uint8)
            if (apart := bits_apart(own, held_out)) <= NEAR:
                what = f"the photo {about['source']}/{about['id']} is a held-out picture or nearly one"
                yield Fault("", "held out", f"{what} ({apart} of 256 bits apart); leave it out of the sources")


def _answer(sample: Stored) -> Iterator[Fault]:
    try:
        task = task_of(sample)
    except PlantainError as error:
        yield Fault("", "prompt", f"its prompt cannot be read: {error}")
        return
    read, sure = read_back(sample, task)
    for line in differences(sample.record["answer"], read):
        yield Fault("", "answer", f"{task.name} in {sample.record['code']}: {line}")
    if sure < SURE:
        yield Fault("", "answer", f"{task.name} in {sample.record['code']}: its colors are not the code's (confidence "
                    f"{sure:.2f})")  # fmt: skip


def task_of(sample: Stored) -> Task:
    """The question of a sample, from its prompt, in its code."""
    task = parse(sample.prompt)
    codes = {identity: name for name, identity in task.codes.items()}
    return replace(task, code=codes[sample.record["code"]])


def read_back(sample: Stored, task: Task) -> tuple[Summary, float]:
    """What the painting says (see `summary`), and the mean confidence where the truth is known."""
    answer = task.decode(sample.target)
    known = np.ones(sample.target.shape[:2], np.float32) if sample.weight is None else sample.weight
    on = known > 0.5
    return summary(task, answer, known), float(answer.confidence[on].mean()) if on.any() else 1.0


def hashes_of(folder: Path) -> UInt8[np.ndarray, "n 32"]:
    """Difference hashes of all pictures in a folder tree, as they are and mirrored. PhotoError where there are none."""
    found = []
    for path in _pictures(folder):
        with open_picture(path) as image:
            rgb = image.convert("RGB")
            found += [difference_hash(rgb), difference_hash(rgb.transpose(Image.Transpose.FLIP_LEFT_RIGHT))]
    if not found:
        raise PhotoError(f"no pictures under {folder}; give the folder of held-out pictures")
    return np.stack(found)


def _pictures(folder: Path) -> Iterable[Path]:
    return (path for path in sorted(folder.rglob("*")) if path.suffix.lower() in PHOTOS)
