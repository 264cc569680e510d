"""The folder of a run: run.json, what is asked of whom, and rows.jsonl, a line a picture.

run.json     what was asked of which model, by which rules, on which pictures
paintings/   or answers/: what came back, under a hash of what was asked
rows.jsonl   a line a picture: its state, hashes of what it hangs on, and the sufficient statistics of its answer
scores.json  the figures with intervals, made from rows.jsonl alone
"""

from __future__ import annotations

import json
import os
import platform
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from plantain import __version__
from plantain.errors import UsageError
from plantain.eval.scores import SampleResult
from plantain.files import sweep, writing
from plantain.pipeline.predictor import Predictor

Item = TypeVar("Item")


class RunFolder:
    """A folder with the lines that are finished. UsageError where it belongs to another run."""

    def __init__(self, folder: Path, record: Mapping[str, Any], data: Path) -> None:
        self.folder, self.record, self.data = folder, dict(record), data

    def start(self, model: Predictor) -> None:
        """Writes run.json, or checks that the one that is there says the same; clears what killed runs left."""
        for place in (self.folder, *self.folder.glob("*/??")):
            sweep(place)
        if (self.folder / "run.json").exists():
            self.require_same_setting(read_record(self.folder))
            self.require_same_weights(model)
            return
        about = {"data": str(self.data), "model": identity_of(model), "plantain": __version__,
                 "numpy": np.__version__, "python": platform.python_version(), "machine": platform.machine(),
                 "started": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())}  # fmt: skip
        self.write("run.json", self.record | about)

    def require_same_setting(self, stored: Mapping[str, Any]) -> None:
        """UsageError where run.json says something else than this run."""
        for key, mine in self.record.items():
            if stored.get(key) != mine:
                raise UsageError(f"{self.folder} holds a run with another {key} ({stored.get(key)!r}, not {mine!r}); "
                                 "choose another folder")  # fmt: skip

    def require_same_weights(self, model: Predictor) -> None:
        """UsageError where the run's answers are by other weights."""
        if read_record(self.folder).get("model") != identity_of(model):
            raise UsageError(f"{self.folder} holds a run by other weights of {model.name}; choose another folder")

    def lines(self) -> list[SampleResult]:
        """The newest line of every picture; what a killed run left of a line is cut off."""
        path = self.folder / "rows.jsonl"
        if not path.exists():
            return []
        content = path.read_bytes()
        whole = content[: content.rfind(b"\n") + 1]
        if whole != content:
            os.truncate(path, len(whole))
        lines = [json.loads(line) for line in whole.splitlines()]
        return list({line["id"]: line for line in lines}.values())

    def missing(
        self, pictures: Iterable[tuple[str, Mapping[str, str], Item]], step: Callable[[], None]
    ) -> Iterator[Item]:
        """Of pictures (their ids, what their lines hang on, and what stands for them) those without a line that still
        holds; `step` is called for the others."""
        known = {line["id"]: line.get("hashes") for line in self.lines()}
        for name, wanted, item in pictures:
            if known.get(name) == wanted:
                step()
            else:
                yield item

    def append(self, lines: Iterable[SampleResult], step: Callable[[], None] = lambda: None) -> None:
        """Writes lines, each safe on disk before the next; `step` is called after each."""
        with (self.folder / "rows.jsonl").open("ab") as file:
            for line in lines:
                file.write(json.dumps(line).encode() + b"\n")
                file.flush()
                os.fsync(file.fileno())
                step()

    def replace_lines(self, lines: Iterable[SampleResult]) -> None:
        """Writes all lines anew, at once."""
        with writing(self.folder / "rows.jsonl") as path:
            path.write_text("".join(json.dumps(line) + "\n" for line in lines))

    def write(self, name: str, record: Mapping[str, Any]) -> None:
        with writing(self.folder / name) as path:
            path.write_text(json.dumps(record, indent=1) + "\n")


def read_record(folder: Path) -> dict[str, Any]:
    """run.json. UsageError where there is none."""
    path = folder / "run.json"
    if not path.is_file():
        raise UsageError(f"no run in {folder}: run.json is missing; give a folder made by `plantain bench run`")
    stored: dict[str, Any] = json.loads(path.read_text())
    return stored


def identity_of(model: Predictor) -> dict[str, Any]:
    """Which model answers, to the last weight; how its paintings are decoded is no part of it."""
    return {key: value for key, value in model.identity.to_json().items() if key != "decoding"}
