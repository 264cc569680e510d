"""A new task is one class and one row: everything else goes by the kind of its answer."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
from PIL import Image

import plantain
from plantain import cli
from plantain.models.specialists.base import Specialist
from plantain.models.specialists.outputs import MatteOutput
from plantain.models.wrappers import Gated, Routed
from plantain.pipeline.jobs import Job
from plantain.pipeline.predictor import wrap
from plantain.pipeline.store import Store
from plantain.pipeline.stream import stream
from plantain.predictions.npz import from_npz
from plantain.predictions.types import Alpha
from plantain.tasks import STYLES, TASKS, Task, targets
from plantain.tasks.language.parsing import interpret, parse

WET = np.zeros((24, 36), np.float32)
WET[12:, :18] = 1
TRUTH = Alpha(alpha=WET[None], names=("puddle",), confidence=np.ones_like(WET))
PHOTO = np.random.default_rng(0).integers(60, 200, (24, 36, 3), dtype=np.uint8)


@dataclass(frozen=True)
class WetGround(Task):
    """Where the ground is wet."""

    text: str = "puddle"

    name: ClassVar[str] = "wet"
    title: ClassVar[str] = "wet ground"
    kind: ClassVar[type[Alpha]] = Alpha
    default_code: ClassVar[str] = "wet"
    codes: ClassVar[dict[str, str]] = {"wet": "wet/1"}
    code_descriptions: ClassVar[dict[str, str]] = {"wet": "blue where it is wet, else black"}
    templates: ClassVar[dict[str, str]] = {
        "imperative": "Paint every {thing} blue.[ Colours: {colours}.]",
        "caption": "Every {thing} in blue[; colours: {colours}].",
        "terse": "wet ground; {thing}[; {colours}]",
    }

    @property
    def queries(self) -> tuple[str, ...]:
        return (self.text,)

    def record(self) -> dict[str, Any]:
        return {"thing": self.text}

    @classmethod
    def from_record(cls, record):
        return cls(record["thing"], code=record.get("code"))

    def encode(self, truth: Any) -> np.ndarray:
        (wet,) = targets.mask_like(truth, self.queries)
        return np.stack([0 * wet, 0 * wet, 255 * wet], -1).astype(np.uint8)

    def _decode(self, rgb: np.ndarray) -> Alpha:
        blue = rgb[..., 2] / np.float32(255 if rgb.dtype == np.uint8 else 1)
        return Alpha(alpha=blue[None], names=self.queries, confidence=np.abs(2 * blue - 1))


@pytest.fixture(autouse=True)
def row(monkeypatch) -> None:
    monkeypatch.setitem(TASKS, "wet", WetGround)


def test_it_is_asked_for_in_words() -> None:
    for style in STYLES:
        assert parse(WetGround("lake").prompt(style)) == WetGround("lake")
    assert interpret("wet ground; lake") == WetGround("lake")


@pytest.mark.parametrize("options", [{}, {"samples": 2}, {"passes": 3}, {"tile": 64}])
def test_a_painter_answers_it(options, tmp_path) -> None:
    answer = plantain.load("oracle", truth=TRUTH).predict(PHOTO, WetGround(), **options)
    assert np.array_equal(answer.alpha[0], WET)
    assert answer.show(PHOTO).width >= 360
    files = answer.save(tmp_path, PHOTO)
    assert files["arrays"].name == "photo.wet.npz"
    assert np.array_equal(from_npz(files["arrays"]).alpha[0], WET)
    assert np.array_equal(plantain.decode(files["painting"], WetGround()).alpha[0], WET)


def test_it_goes_through_the_loop_is_kept_and_is_skipped(tmp_path) -> None:
    model = plantain.load("oracle", truth=TRUTH)
    for skipped in (False, True):
        store = Store(tmp_path, model, formats=["coco"])
        outcomes = list(stream((Job(name, PHOTO, "wet ground; lake") for name in "ab"), model, store=store))
        assert [(outcome.error, outcome.skipped) for outcome in outcomes] == [(None, skipped)] * 2
    assert (tmp_path / "a.wet.lake.npz").exists()
    assert len(json.loads((tmp_path / "a.wet.lake.coco.json").read_text())["annotations"]) == 1


def test_the_command_line_knows_it(tmp_path, monkeypatch, capsys) -> None:
    monkeypatch.chdir(tmp_path)
    Image.fromarray(PHOTO).save("street.png")
    assert cli.main(["tasks"]) == 0 and "wet" in capsys.readouterr().out
    assert cli.main(["street.png", "wet ground; lake"]) == 0
    assert Path("out/street.wet.lake.npz").exists()


class Dark(Specialist):
    """What is darker than the mean."""

    name = "dark"
    supported_tasks: ClassVar[dict[str, str]] = {"wet": "puddles alone"}

    def infer(self, photo: np.ndarray) -> MatteOutput:
        return MatteOutput((photo.mean(-1) < photo.mean()).astype(np.float32), "puddle")


def test_specialists_and_models_made_of_models_answer_it() -> None:
    models = {"dark": wrap(Dark()), "oracle": plantain.load("oracle", truth=TRUTH)}
    assert models["dark"].predict(PHOTO, WetGround()).names == ("puddle",)
    gated = wrap(Gated({"model": "oracle"}, load=models.__getitem__))
    routed = wrap(Routed({"ask": ["dark", "oracle"]}, load=models.__getitem__))
    assert np.array_equal(gated.predict(PHOTO, WetGround()).alpha[0], WET)
    assert routed.predict(PHOTO, WetGround()).names == ("puddle",)
