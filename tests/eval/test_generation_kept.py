"""Distances of pictures against scikit-image and by hand; and a run of generation/kept with stand-ins."""

from __future__ import annotations

import json

import numpy as np
import pytest
from PIL import Image

from plantain.errors import UsageError
from plantain.eval.generation import GenerationConfig, GenerationRun, against
from plantain.eval.metrics.pictures import feature_distance, frechet, kernel_distance, psnr, ssim
from plantain.models.painters.function import Function
from plantain.pipeline.predictor import PainterPredictor


@pytest.fixture
def pair():
    rng = np.random.default_rng(0)
    true = np.asarray(Image.fromarray(rng.integers(0, 256, (9, 12, 3), np.uint8)).resize((60, 45)))
    return (true + rng.normal(0, 12, true.shape)).clip(0, 255).astype(np.uint8), true


def test_psnr_and_ssim_as_scikit_image(pair):
    metrics = pytest.importorskip("skimage.metrics")
    made, true = pair
    assert psnr(made, true) == pytest.approx(metrics.peak_signal_noise_ratio(true, made), rel=1e-9)
    _, whole = metrics.structural_similarity(
        true, made, channel_axis=-1, gaussian_weights=True, sigma=1.5, use_sample_covariance=False, full=True
    )
    assert ssim(made, true) == pytest.approx(float(whole[5:-5, 5:-5].mean()), rel=1e-6)


def test_equal_pictures(pair):
    assert psnr(pair[1], pair[1]) == 100 and ssim(pair[1], pair[1]) == pytest.approx(1)
    with pytest.raises(UsageError, match="bring the answer"):
        psnr(pair[0], pair[1][:-1])


def test_feature_distance_by_hand():
    a = np.array([[1.0, 0, 0, 2], [3, 0, 1, 0]])
    b = np.array([[0.0, 5, 0, 1], [1, 0, 2, 0]])
    assert feature_distance(a, a, 2) == 0
    assert feature_distance(a, b, 2) == pytest.approx((2 + 0 + 0 + 0) / 4)  # one of four layers at right angles


def test_frechet_of_normal_distributions():
    """N(0, 1) and N(3, 4) a channel: 9 + 1 + 4 - 2 * 2 = 10 each."""
    rng = np.random.default_rng(0)
    x, y = rng.normal(0, 1, (200_000, 2)), rng.normal(3, 2, (200_000, 2))
    assert frechet(x, y) == pytest.approx(20, rel=0.02)
    assert frechet(x, x) == pytest.approx(0, abs=1e-9)


def test_kernel_distance_is_nought_for_like_sets():
    rng = np.random.default_rng(0)
    like = [kernel_distance(rng.normal(0, 1, (40, 8)), rng.normal(0, 1, (40, 8))) for _ in range(200)]
    assert abs(np.mean(like)) < 3 * np.std(like) / 200**0.5
    assert kernel_distance(rng.normal(0, 1, (40, 8)), rng.normal(1, 1, (40, 8))) > 10 * np.std(like)


# ---- runs


class FakeEncoder:
    """Features of a picture: its mean colors, on four layers; few, as Frechet distances of many are dear."""

    def features(self, photos):
        means = photos.reshape(len(photos), -1, 3).mean(1) / 255
        token = np.tile(np.repeat(means, 2, 1), (1, 4))
        return np.repeat(token[:, None], 5, 1).astype(np.float32)


@pytest.fixture
def data(tmp_path, monkeypatch):
    folder = tmp_path / "data" / "captions"
    (folder / "images").mkdir(parents=True)
    rows = []
    for i in range(5):
        picture = np.random.default_rng(i).integers(0, 256, (56, 56, 3), np.uint8)
        Image.fromarray(picture).save(folder / "images" / f"p{i}.jpg")
        row = {"id": f"p{i}", "file": f"images/p{i}.jpg", "w": 56, "h": 56, "split": "dev_test"}
        rows.append(row | {"text": ["a thing", "b"], "captions": ["a thing", "b"]})
    (folder / "index.json").write_text(json.dumps({"meta": {}, "images": rows}))
    monkeypatch.setattr(GenerationRun, "encoder", FakeEncoder())
    return tmp_path / "data"


def painter(shift=0):
    def paint(photo, prompt, seed):
        own = np.full((56, 56, 3), 128, np.uint8) if photo is None else photo
        return (own.astype(int) + shift).clip(0, 255).astype(np.uint8)

    return PainterPredictor(Function(paint))


def test_a_run_is_kept_and_scored(data, tmp_path):
    run = GenerationRun(tmp_path / "run", GenerationConfig("function", {}), data)
    scores = run.run(painter())
    assert scores["n"] == 5 and 0 < scores["scores"]["ssim"][0] < 1 and np.isnan(scores["scores"]["denoising"][0])
    low, high = scores["scores"]["psnr"][1:]
    assert low < scores["scores"]["psnr"][0] < high
    assert all(len(line["edits"]) == 2 for line in run.lines())
    before = (tmp_path / "run/scores.json").read_bytes()
    again = painter()
    again.paint = lambda requests: pytest.fail("what is kept was asked for again")
    asked_again = GenerationRun(tmp_path / "run", GenerationConfig("function", {}), data).run(again)
    assert asked_again["scores"]["psnr"] == scores["scores"]["psnr"]
    with pytest.raises(UsageError, match="other weights"):
        GenerationRun(tmp_path / "run", GenerationConfig("function", {}), data).run(painter(60))
    assert (tmp_path / "run/scores.json").read_bytes() == before
    with pytest.raises(UsageError, match="another setting"):
        GenerationRun(tmp_path / "run", GenerationConfig("function", {}, seed=1), data).run(painter())


def test_against_a_base(data, tmp_path):
    good = GenerationRun(tmp_path / "a", GenerationConfig("function", {}), data)
    worse = GenerationRun(tmp_path / "b", GenerationConfig("function", {}), data)
    good.run(painter())
    worse.run(painter(60))
    gap = against(worse, good)
    assert gap["psnr"][2] < 0 < gap["features"][1]
    assert all(value == 0 for value in against(good, good)["psnr"])


def test_a_specialist_makes_nothing(data, tmp_path):
    with pytest.raises(UsageError, match="makes no pictures"):
        GenerationRun(tmp_path / "run", GenerationConfig("meter", {}), data).run(object())
