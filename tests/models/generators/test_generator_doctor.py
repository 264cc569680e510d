"""`plantain doctor -m NAME`: how far a generator moves a picture and bends colors is measured, kept, and undone."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from copying_editor import made_to_copy

from plantain import doctor
from plantain.cli import main
from plantain.imaging.geometry import place, placement
from plantain.models.painters.generators.measured import Measured, ladder, measure_colors
from plantain.models.painters.generators.painter import DiffusersPainter
from plantain.models.painters.generators.spec import GENERATORS
from plantain.models.painting import Painting, Request
from plantain.pipeline import predictor
from plantain.pipeline.registration import chart, measure

torch.set_num_threads(1)
GAIN, OFFSET = (0.81, 0.95, 1.0), (0.06, 0.02, -0.01)  # what the bent autoencoder does to red, green, blue


@pytest.fixture
def model(folder: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """An editor that gives everything back 6 pixels to the right, 4 up, and in bent colors."""
    monkeypatch.setitem(GENERATORS, "instruct-pix2pix", replace(GENERATORS["instruct-pix2pix"], steps=2))
    made = DiffusersPainter("instruct-pix2pix", folder("instruct-pix2pix"), device="cpu")
    made_to_copy(made)
    vae = made.pipe.vae
    decode = vae.decode

    def bent(z: Any, *args: Any, **kwargs: Any) -> Any:
        rgb = torch.roll(decode(z)[0], (-4, 6), (2, 3)) / 2 + 0.5
        rgb = rgb * torch.tensor(GAIN).view(1, 3, 1, 1) + torch.tensor(OFFSET).view(1, 3, 1, 1)
        return (rgb * 2 - 1,)

    vae.decode = bent
    return made


def painted(model: Any, picture: np.ndarray) -> np.ndarray:
    size = picture.shape[1], picture.shape[0]
    (made,) = model.paint([Request("Copy.", (picture,), size, sampling={"steps": 2})])
    assert isinstance(made, Painting), made
    return made.rgb


def test_what_is_measured_is_kept_and_undone(model: Any) -> None:
    assert "unregistered" in model.identity.settings
    before, shown = model.identity.key, chart(*model.canvas(512, 384))
    checks = list(doctor.registration(model))
    assert [check.name for check in checks] == ["registration", "colors", "kept"]
    assert checks[0].state == "failed" and "+6.00 px right, -4.00 px down" in checks[0].found
    assert "registration=" in model.identity.settings and model.identity.key != before
    found = measure(shown, painted(model, shown))
    assert abs(found.right_px) < 0.5 and abs(found.down_px) < 0.5
    inner = np.s_[16:-16, 16:-16]
    assert np.abs(painted(model, shown)[inner].astype(int) - shown[inner]).max() <= 2
    again = DiffusersPainter("instruct-pix2pix", model.source, device="cpu")  # another process
    assert again.identity == model.identity


def test_what_was_kept_belongs_to_these_weights_alone(model: Any, painter: Any) -> None:
    list(doctor.registration(model))
    other = painter("instruct-pix2pix", megapixels=0.1)
    assert not other.measured.registered and "unregistered" in other.identity.settings


def test_a_second_visit_measures_the_generator_and_not_its_correction(model: Any) -> None:
    first = list(doctor.registration(model))
    second = list(doctor.registration(model))
    assert first[0].found == second[0].found and first[1].facts == second[1].facts


def test_what_is_kept_is_not_measured_again(model: Any, painter: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    first = doctor.registered(model)
    assert first.state == "failed" and first.facts["undone"]
    assert "+6.00 px right, -4.00 px down" in first.found and "undone in its paintings" in first.found
    strange = painter("flux2-klein-4b", megapixels=0.1)
    assert doctor.registered(strange).state == "note"  # that it gave no chart back is kept too
    monkeypatch.setattr(DiffusersPainter, "paint", lambda *_: pytest.fail("asked again"))
    assert doctor.registered(DiffusersPainter("instruct-pix2pix", model.source, device="cpu")) == first
    assert "did not give the chart back" in doctor.registered(strange).found


def test_a_generator_that_does_not_copy_stays_unregistered(painter: Any) -> None:
    model = painter("flux2-klein-4b", megapixels=0.1)
    checks = list(doctor.registration(model))
    assert checks[0].state == "note" and "did not give the chart back" in checks[0].found
    assert checks[2].state == "note" and "unregistered" in model.identity.settings


def test_the_command_says_it_all(model: Any, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    monkeypatch.setattr(predictor, "load_model", lambda *_, **__: model)
    code = main(["doctor", "-m", "instruct-pix2pix", "--json"])
    lines = {one["check"]: one for one in map(json.loads, capsys.readouterr().out.splitlines())}
    assert code == 1  # its registration failed: it moves pictures
    assert lines["registration"]["shift_px"] == pytest.approx([6, -4], abs=0.1)
    assert lines["colors"]["flat"] > 5 and lines["colors"]["flat and ramps, set right"] < 2
    kept = Path(lines["kept"]["found"].split(";")[0])
    assert json.loads(kept.read_text())["identity"]["name"] == "instruct-pix2pix"


def test_an_answers_record_says_that_its_generator_is_not_registered(painter: Any, tmp_path: Path) -> None:
    import plantain
    from plantain.pipeline.predictor import PainterPredictor

    photo = np.random.default_rng(0).integers(0, 256, (90, 121, 3), np.uint8)
    answer = PainterPredictor(painter("instruct-pix2pix")).predict(photo, "edges", sampling={"steps": 2})
    files = answer.save(tmp_path, photo=photo)
    record = Painting.load(files["painting"])
    assert record.identity.settings.endswith("unregistered")
    assert record.identity.name == "instruct-pix2pix" and plantain.__version__


# ---- the ladder


def test_the_ladder_has_all_parts_and_they_do_not_overlap() -> None:
    picture, parts = ladder()
    assert set(parts) == {"flat", "ramps", *(f"stripes of {n} px" for n in (1, 2, 3, 4))}
    assert (sum(part.astype(int) for part in parts.values()) <= 1).all()
    assert len(np.unique(picture[parts["flat"]], axis=0)) == 125
    for n in (1, 2, 3, 4):
        row = picture[parts[f"stripes of {n} px"].any(1)][0]
        assert (np.diff(np.flatnonzero(np.abs(np.diff(row, axis=0)).max(-1))) == n).all()


def test_colors_are_set_right_by_least_squares_or_left_alone() -> None:
    matrix, offset = np.array([[0.8, 0.1, 0.0], [0.0, 0.9, 0.05], [0.02, 0.0, 1.0]]), np.array([0.03, -0.02, 0.0])
    color, errors = measure_colors(lambda picture: picture @ matrix.T + offset)
    back = np.random.default_rng(0).uniform(0.2, 0.8, (4, 5, 3)).astype(np.float32)
    undone = Measured(color=color).undo((back @ matrix.T + offset).astype(np.float32))
    np.testing.assert_allclose(undone, back, atol=1e-5)
    assert dict(errors)["flat"] > 5 > 0.01 > dict(errors)["flat and ramps, set right"]
    assert measure_colors(lambda picture: picture)[0] == ()


def test_a_damaged_record_is_none(model: Any) -> None:
    path = Measured((0.1, 0.0)).write(model.unmeasured)
    assert Measured.read(model.unmeasured) == Measured((0.1, 0.0))
    path.write_text("{}")
    assert Measured.read(model.unmeasured) is None


def test_the_color_ladder_of_every_row_goes_through_its_own_autoencoder(painter: Any) -> None:
    for name in ("flux2-klein-4b", "qwen-image-2.1", "dreamlite"):
        color, errors = painter(name).colors()
        assert len(color) in (0, 12) and all(np.isfinite(value) for _, value in errors)


def test_a_photo_keeps_its_place_through_the_correction(model: Any) -> None:
    """End to end: after the doctor, an odd photo comes back where it was."""
    list(doctor.registration(model))
    photo = chart(333, 250)
    where = placement((333, 250), model.canvas(333, 250))
    found = measure(place(photo, where), painted(model, place(photo, where)))
    assert max(abs(found.right_px), abs(found.down_px)) < 0.6
