"""Where answers lie: names that tell them apart, and which of them are there already.

An answer is skipped only where the hash of everything it hangs on is equal: the photo's bytes, the question with its
code and options, the model to the last weight with its calibration, the formats and the camera, and Plantain's version.
The record that says so is in the answer's own last file: the comment of the .npz archive, or the PNG's text chunk.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields, replace
from functools import cached_property
from glob import escape
from pathlib import Path
from typing import Any

import numpy as np

from plantain import __version__
from plantain._shapes import UInt8
from plantain.files import STAGE, publish, staging
from plantain.imaging.provenance import NOTE
from plantain.models.identity import digest
from plantain.models.painting import Painting, read_record
from plantain.output.formats import coco_annotations, write_json
from plantain.output.save import FORMATS, NUMBERED, USUAL, About, all_of, check_formats, every_name, write_files
from plantain.pipeline.jobs import Edit, Generate, Job, Outcome, PredictOptions, paths_of, result
from plantain.pipeline.predictor import Predictor
from plantain.tasks import Task

LONGEST = 255 - len(".panoptic.json")  # bytes of a file's name without its ending
READABLE = 40  # bytes of a question in a file's name
COMMENT = 65_535  # bytes of a zip archive's comment
TAKEN = frozenset(("overlay", "kitti", "mm", "ply", "coco", "panoptic"))  # words that name files of another answer
END = b"\x00\x00\x00\x00IEND\xaeB`\x82"  # the last bytes of every whole PNG


@dataclass(frozen=True)
class AnswerKey:
    """Everything that an answer hangs on, as hashes. `place` tells photos apart, `asked` questions; `whole` is all."""

    photo: str
    place: str
    asked: str
    whole: str

    def owns(self, record: Mapping[str, Any]) -> bool:
        """Whether a record is of an answer to this question about this photo, be it stale or not."""
        same_photo = record.get("place") == self.place or record.get("photo") == self.photo
        return record.get("asked") == self.asked and same_photo

    @property
    def tail(self) -> str:
        """What tells the names apart of two answers that would have the same."""
        return hashlib.sha256(f"{self.place}{self.asked}".encode()).hexdigest()[:8]


class Store:
    """A folder of answers. `formats`: what is written beside painting, overlay and arrays; `files`: all that is written
    beside the arrays instead, by the name of the task; tasks that are left out are not written. `camera`: focal_px or
    fov_deg, for formats that want it. `target`: the one picture that is made goes to this file, whatever lies there."""

    def __init__(
        self,
        folder: str | Path,
        model: Predictor,
        *,
        formats: Sequence[str] = (),
        files: Mapping[str, Sequence[str]] | None = None,
        camera: Mapping[str, float | None] | None = None,
        redo: bool = False,
        target: Path | None = None,
    ) -> None:
        self.folder, self.model, self.formats, self.redo, self.target = Path(folder), model, formats, redo, target
        self.files, self.camera = files, dict(camera or {"focal_px": None, "fov_deg": None})

    @cached_property
    def _model(self) -> str:
        return digest([self.model.identity.to_json(), dict(self.model.calibration), __version__])

    def key(self, job: Job) -> AnswerKey:
        """What a job's answer hangs on, as it is now. OSError where the photo cannot be read."""
        question, asked = self.model.question(job), self._asked(job)
        code = self.model.resolve_task(question).code if isinstance(question, Task) else None
        photo, place = photo_hash(job.photo)
        written = [sorted(self.formats), self.camera] if self.files is None else []  # files are added one by one
        whole = digest([photo, asked, code, self._model, *written])
        return AnswerKey(photo, place, asked, whole)

    def keeps(self, job: Job) -> bool:
        """Whether the answer to a job is written at all."""
        if self.files is None:
            return True
        question = self.model.question(job)
        return isinstance(question, Task) and question.name in self.files

    def wanted(self, question: Task | Edit | Generate) -> tuple[str, ...]:
        """What is written beside the arrays of an answer to a question."""
        if self.files is None or not isinstance(question, Task):
            return (*USUAL, *self.formats)
        return tuple(self.files.get(question.name, USUAL))

    def _asked(self, job: Job) -> str:
        """A hash of a job's question and options, the photo aside."""
        options = {one.name: getattr(job.options, one.name) for one in fields(PredictOptions)}
        return digest([_said(self.model.question(job)), options, list(job.context.examples)])

    def find(self, job: Job, key: AnswerKey) -> Outcome | None:
        """The answer that is there already, whole, if everything it hangs on is equal."""
        if self.redo:
            return None
        path = self._main(job, key)
        record = record_of(path)
        if record.get("whole") != key.whole or "line" not in record or not _complete(path, record):
            return None
        if self.files is not None and not self._has_all(record, job):
            return None
        return _kept(job, path, record)

    def _has_all(self, record: Mapping[str, Any], job: Job) -> bool:
        """Whether an answer has every file that is wanted now; an answer that was not painted has no painting."""
        roles = {role.split(".")[0] for role in record.get("roles", {})} | {"painting"}
        wanted = self.wanted(self.model.question(job))
        return roles.issuperset(wanted) and ("ply" not in wanted or record.get("camera") == self.camera)

    def annotations(self, job: Job) -> Path | None:
        """Writes one COCO file of all answers to a job's question that lie in the folder, of whatever photos and runs:
        annotations.QUESTION.json; none where there is one answer at most. Raises OutputError."""
        asked, kept = self._asked(job), []
        for path in sorted(self.folder.rglob("*.npz")):
            record = {} if path.parent.name.startswith(STAGE) else record_of(path)
            if record.get("asked") == asked and _complete(path, record):
                line, place = record["line"], path.parent.relative_to(self.folder)
                stem = path.name.split(f".{line['task']}")[0]
                kept.append(_kept(replace(job, id=(place / stem).as_posix(), photo=line["image"]), path, record))
        if len(kept) < 2:
            return None
        content = {"info": {"asked": asked, "description": NOTE}} | coco_annotations(kept)
        who = {"model": self.model.name, "identity": self.model.identity.to_json()}
        return write_json(content, self._annotations(job), {**who, "version": __version__, "note": NOTE})

    def _annotations(self, job: Job) -> Path:
        """Where the COCO file of a job's question lies: a name that is its own, or free."""
        base, asked = base_of(replace(job, id="annotations"), self.model.question(job)), self._asked(job)
        plain = self.folder / f"{base}.json"
        other = self.folder / f"{base}.{asked[:8]}.json"  # the same words in other colors
        return other if plain.exists() and _asked_in(plain) != asked else plain

    def save(self, outcome: Outcome, key: AnswerKey, pixels: UInt8[np.ndarray, "h w 3"] | None = None) -> Outcome:
        """Writes an answer, drawn over the photo's `pixels`: all its files or none; those of a stale one go.

        `key` is that of the moment before the photo was read. Raises OutputError."""
        job = outcome.job
        while True:
            path = self._main(job, key)
            with staging(path.parent) as stage:
                done = self._write(outcome, key, stage, path, pixels)
                with _locked(path.parent):
                    if self._main(job, key) != path:
                        continue  # another process has taken the name meanwhile
                    kept, others = all_of(stage, path.name), set(self._older(path, key).get("sizes", {}))
                    path.unlink(missing_ok=True)
                    self._annotations(job).unlink(missing_ok=True)  # they are of older answers
                    for stale in _stale(path) - set(kept) - others:
                        (path.parent / stale).unlink(missing_ok=True)
                    publish(stage, path.parent, kept)
            return done

    def _write(
        self, outcome: Outcome, key: AnswerKey, stage: Path, path: Path, pixels: UInt8[np.ndarray, "h w 3"] | None
    ) -> Outcome:
        """Writes the files of an answer into a stage; gives the outcome with their final places."""
        answer, job = outcome.answer, outcome.job
        assert answer is not None
        known = asdict(key)
        if isinstance(answer, Painting):
            done = replace(outcome, files={"painting": path})
            line = {"roles": {"painting": path.name}, "line": done.to_json()}
            answer.with_provenance(asked=known | line).save(stage / path.name)
            return done
        question = self.model.question(job)
        wanted = self.wanted(question)
        check_formats(wanted, answer.kind, self.camera)
        prompt = {"prompt": question.prompt(job.options.style)} if isinstance(question, Task) else {}
        painting = answer.painting and answer.painting.with_provenance(asked=prompt | known)
        named = replace(answer, stem=job.stem, painting=painting)
        base = path.name.removesuffix(".npz")
        name = Path(job.photo).name if isinstance(job.photo, str | Path) else job.stem
        roles = write_files(named, stage, base, wanted, About(pixels, name, self.camera))
        done = replace(outcome, answer=named, files={role: path.parent / name for role, name in roles.items()})
        sizes = {name: (stage / name).stat().st_size for name in all_of(stage, path.name)[:-1]}
        older = self._older(path, key)
        roles, sizes = older.get("roles", {}) | roles, older.get("sizes", {}) | sizes
        about = {"roles": roles, "sizes": sizes, "line": done.to_json(), "camera": self.camera}
        write_record(stage / path.name, known | about)
        return done

    def _older(self, path: Path, key: AnswerKey) -> dict[str, Any]:
        """The record of the same answer in other files, which stay; {} for none, and where files are not picked."""
        record = {} if self.files is None else record_of(path)
        return record if record.get("whole") == key.whole and _complete(path, record) else {}

    def _main(self, job: Job, key: AnswerKey) -> Path:
        """The last file of a job's answer, which has the record: the first name that is its own, or free."""
        if self.target is not None:
            return self.target
        question = self.model.question(job)
        ending = ".png" if self.model.makes_picture(question) else ".npz"
        folder, base = (self.folder / job.id).parent, base_of(job, question)
        plain, other = folder / f"{base}{ending}", folder / f"{cut(base, LONGEST - 9)}.{key.tail}{ending}"
        if key.owns(record_of(other)) or job.stem in TAKEN:
            return other
        there = record_of(plain) or record_of(plain.with_name(f"{base}.png"))
        return plain if not there or key.owns(there) else other


# ---- names


def base_of(job: Job, question: Task | Edit | Generate) -> str:
    """The name of a job's answer without its ending: stem, task, and what is asked beyond the task's own defaults.

    >>> job = Job("a/kitchen", None, "", PredictOptions(seed=3))
    >>> base_of(job, Edit("Remove the cup!"))
    'kitchen.edit.remove-the-cup.seed-3'
    """
    seed = job.options.seed
    if isinstance(question, Generate):
        parts = [str(seed), "" if question.size is None else "x".join(map(str, question.size))]
    elif isinstance(question, Edit):
        parts = ["edit", slug(question.text), "" if question.mask is None else "mask"]
    else:
        words = slug(" ".join(_words(question)))
        parts = [question.name, f"{words}-" if words in FORMATS and words not in TAKEN else words]
        parts += [question.code] if question.code not in (None, question.default_code) else []
    for one in fields(PredictOptions):
        value = getattr(job.options, one.name)
        default = one.default if one.name != "sampling" else {}
        if value != default and not (one.name == "seed" and isinstance(question, Generate)):
            told = value.items() if one.name == "sampling" else [(one.name, value)]
            parts += [f"{name}-{slug(str(said))}" for name, said in told]
    rest = ".".join(f"{part}-" if part in TAKEN else part for part in parts if part)
    return f"{cut(job.stem, LONGEST - 1 - len(cut(rest, 120).encode()))}.{cut(rest, 120)}"


def slug(text: str) -> str:
    """A part of a file's name made of words.

    >>> slug("A wooden chair, in a room!")
    'a-wooden-chair-in-a-room'
    """
    return cut(re.sub(r"\W+", "-", text.lower()).strip("-"), READABLE).strip("-")


def cut(text: str, most: int) -> str:
    """The beginning of a text, of so many bytes at most; of a longer one, with a hash at its end.

    >>> cut("kitchen", 20), cut("x" * 30, 20)
    ('kitchen', 'xxxxxxxxxxx-666a596d')
    """
    content = text.encode("utf-8", "surrogateescape")
    if len(content) <= most:
        return text
    tail = hashlib.sha256(content).hexdigest()[:8]
    return f"{content[: most - 9].decode('utf-8', 'ignore')}-{tail}"


def _words(task: Task) -> Iterator[str]:
    """What a question says beyond its defaults: the texts and numbers among its fields, not its colors."""
    for one in fields(task):
        value = getattr(task, one.name)
        if one.name != "code" and value != one.default:
            yield from _texts(value) if not isinstance(value, int | float) else (f"{one.name}-{value:g}",)


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping | tuple | list):
        for item in value:
            yield from _texts(item)


# ---- what an answer hangs on


def _said(question: Task | Edit | Generate) -> list[Any]:
    return [type(question).__qualname__, {one.name: getattr(question, one.name) for one in fields(question)}]


def photo_hash(photo: Any) -> tuple[str, str]:
    """The hash of a photo's content, and of what tells it from others: its place, or its content where it has none."""
    if isinstance(photo, str | Path):
        with Path(photo).open("rb") as file:
            content = hashlib.file_digest(file, "sha256").hexdigest()
        return content, hashlib.sha256(str(Path(photo).resolve()).encode("utf-8", "surrogateescape")).hexdigest()[:16]
    if isinstance(photo, bytes | bytearray):
        content = hashlib.sha256(photo).hexdigest()
    else:
        content = digest(photo if photo is None else np.asarray(photo))
    return content, content[:16]


# ---- records


def record_of(path: Path) -> dict[str, Any]:
    """What an answer's last file says of itself; {} for none, and for a file of somebody else."""
    if path.suffix == ".png":
        asked = read_record(path).get("asked")
        return asked if isinstance(asked, dict) and "whole" in asked else {}
    try:
        with zipfile.ZipFile(path) as archive:
            record = json.loads(archive.comment.decode())
    except (OSError, ValueError, zipfile.BadZipFile):
        return {}
    return record if isinstance(record, dict) and "whole" in record else {}


def is_answer(path: Path) -> bool:
    """Whether a PNG is a file of an answer (a painting, an overlay, an export, an edit) rather than a photo."""
    if read_record(path).get("task") not in (None, "", "generate"):
        return True
    endings = [name.removeprefix("x") for name in every_name("x") if name.endswith(".png")]
    bases = [path.name.removesuffix(ending) for ending in endings if path.name.endswith(ending)]
    bases += [NUMBERED.sub("", path.name)] if NUMBERED.search(path.name) else []
    return any(_is_arrays(path.with_name(f"{base}.npz")) for base in bases)


def _is_arrays(path: Path) -> bool:
    """Whether a file holds an answer of ours."""
    try:
        with zipfile.ZipFile(path) as archive:
            return {"kind.npy", "stem.npy"} <= set(archive.namelist())
    except (OSError, zipfile.BadZipFile):
        return False


def write_record(path: Path, record: Mapping[str, Any]) -> None:
    """Puts a record into an .npz archive; without the prompt where it would be too long."""
    content = json.dumps(record).encode()
    if len(content) > COMMENT:
        content = json.dumps({**record, "line": {**record["line"], "prompt": None, "presence": None}}).encode()
    with zipfile.ZipFile(path, "a") as archive:
        archive.comment = content


def _complete(path: Path, record: Mapping[str, Any]) -> bool:
    """Whether all files of an answer are there, as long as they were."""
    try:
        if path.suffix == ".png":
            return path.read_bytes().endswith(END)
        return all((path.parent / name).stat().st_size == size for name, size in record.get("sizes", {}).items())
    except OSError:
        return False


def _kept(job: Job, path: Path, record: Mapping[str, Any]) -> Outcome:
    """The outcome of an answer that lies there, from its last file and the record in it."""
    files = {role: path.parent / name for role, name in record["roles"].items()}
    image = str(job.photo) if isinstance(job.photo, str | Path) else None
    line = {**record["line"], "image": image, "seconds": None} | paths_of(files) | {"skipped": True}
    return Outcome(job, None, None, 0.0, files, result(**line))


def _asked_in(path: Path) -> str | None:
    """Which question a file of annotations is about; None for a file of somebody else."""
    try:
        return str(json.loads(path.read_bytes())["info"]["asked"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _stale(path: Path) -> set[str]:
    """The names of files that an older answer may have left beside its arrays; of a picture by itself none."""
    if path.suffix != ".npz":
        return set()
    base = path.name.removesuffix(".npz")
    numbers = {one.name for one in path.parent.glob(f"{escape(base)}.*.png") if NUMBERED.sub("", one.name) == base}
    return {*every_name(base), *numbers}


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """No other process publishes into the folder meanwhile; without effect where the system knows no such locks."""
    try:
        import fcntl

        handle = os.open(folder, os.O_RDONLY)
    except (ImportError, OSError):
        yield
        return
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)
