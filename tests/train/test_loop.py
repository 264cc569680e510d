"""The loop, held by the smallest third trainee: a low-rank adapter beside a frozen layer, with noise in its losses."""

from __future__ import annotations

import contextlib
import csv
import os
import signal
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="training needs the extra 'train'")

from plantain.errors import OutputError, PlantainError, UsageError  # noqa: E402
from plantain.train import loop  # noqa: E402
from plantain.train.loop import CHECKPOINT, Losses, Trainee, TrainingRun, decay_groups  # noqa: E402
from plantain.train.presets import Preset  # noqa: E402

PRESET = Preset(batch=4, steps=6, minutes=60, lr=0.05, warmup=2, workers=0)
Sample = tuple[np.ndarray, np.ndarray]


class Adapter(torch.nn.Module):
    """y = (W + B A) x, where W stays as it is."""

    def __init__(self) -> None:
        super().__init__()
        self.base = torch.nn.Linear(8, 3, bias=False).requires_grad_(False)
        self.a, self.b = torch.nn.Parameter(torch.randn(2, 8)), torch.nn.Parameter(0.1 * torch.randn(3, 2))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.base(x) + x @ self.a.T @ self.b.T


class AdapterTrainee(Trainee[Sample, dict[str, Any]]):
    def __init__(self, noise: float = 0.1) -> None:
        torch.manual_seed(0)
        self.net, self.noise = Adapter(), noise

    def collate(self, samples: Sequence[Sample]) -> dict[str, Any]:
        x, y = (torch.from_numpy(np.stack(part)) for part in zip(*samples, strict=True))
        return {"x": x, "y": y}

    def losses(self, batch: dict[str, Any]) -> Losses:
        noised = batch["x"] + self.noise * torch.randn_like(batch["x"])
        each = (self.net(noised) - batch["y"]).square().mean(1)
        return Losses(each, ["left" if x > 0 else "right" for x in batch["x"][:, 0]])

    def parameter_groups(self) -> list[dict[str, Any]]:
        return decay_groups(self.net, 0.01)

    def state(self) -> dict[str, torch.Tensor]:
        return {name: value for name, value in self.net.named_parameters() if value.requires_grad}

    def export(self, folder: Path) -> Path:
        folder.mkdir()
        np.savez(folder / "adapter.npz", a=self.net.a.detach().numpy(), b=self.net.b.detach().numpy())
        return folder


def draw(number: int) -> list[Sample]:
    """Four samples of one linear map."""
    rng = np.random.default_rng((0, number))
    x = rng.normal(size=(4, 8)).astype(np.float32)
    return [(row, row[:3] - 2 * row[3:6]) for row in x]


def quiet(line: str) -> None:
    pass


def held(folder: Path) -> dict[str, Any]:
    return torch.load(folder / CHECKPOINT, weights_only=True)


def same(one: Any, two: Any) -> bool:
    """Equal to the last bit, whatever lies in what."""
    if isinstance(one, dict):
        return one.keys() == two.keys() and all(same(one[k], two[k]) for k in one)
    if isinstance(one, list):
        return len(one) == len(two) and all(map(same, one, two))
    return torch.equal(one, two) if isinstance(one, torch.Tensor) else one == two


@pytest.mark.parametrize("accumulate", [1, 2])
def test_stopped_and_resumed_it_is_the_same_run(tmp_path: Path, accumulate: int) -> None:
    preset = replace(PRESET, accumulate=accumulate)
    TrainingRun(AdapterTrainee(), preset, tmp_path / "whole").train(draw, say=quiet)
    for until in (0.3, 0.6, 1.0):
        run = TrainingRun(AdapterTrainee(), preset, tmp_path / "again", resume=True)
        run.train(draw, until, quiet)
    whole, again = (held(tmp_path / name) | {"spent": 0.0} for name in ("whole", "again"))
    assert whole["step"] == 6
    assert same(whole, again)


def rows_of(folder: Path) -> list[list[str]]:
    """The log without seconds."""
    return [row[:1] + row[2:] for row in csv.reader((folder / "log.csv").open())]


def test_a_run_that_was_killed_leaves_no_trace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Killed at step 5 and gone on from the checkpoint of step 3: a row of the log, at step 4, is written again, from
    losses on both sides of the checkpoint."""
    save, at = TrainingRun.save, (3, 6)
    monkeypatch.setattr(TrainingRun, "save", lambda self: save(self) if self.step in at else None)
    for name, value in (("LOGGED", 2), ("PAUSE", -1.0), ("CHECKED", 5)):
        monkeypatch.setattr(loop, name, value)

    def kill(step: int) -> None:
        if step == 5:
            raise KeyboardInterrupt

    TrainingRun(AdapterTrainee(), PRESET, tmp_path / "whole").train(draw, say=quiet)
    with pytest.raises(KeyboardInterrupt):
        TrainingRun(AdapterTrainee(), PRESET, tmp_path / "again").train(draw, say=quiet, check=kill)
    assert len(rows_of(tmp_path / "again")) == 1 + 2 * 2
    TrainingRun(AdapterTrainee(), PRESET, tmp_path / "again", resume=True).train(draw, say=quiet)
    whole, again = (held(tmp_path / name) | {"spent": 0.0} for name in ("whole", "again"))
    assert same(whole, again)
    assert rows_of(tmp_path / "whole") == rows_of(tmp_path / "again")


def test_a_full_disk_leaves_the_last_checkpoint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import resource

    run = TrainingRun(AdapterTrainee(), PRESET, tmp_path)
    run.save()
    before = (tmp_path / CHECKPOINT).read_bytes()
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(before) // 2, limits[1]))
    try:
        with pytest.raises(OutputError, match=r"cannot write .*checkpoint\.pt"):
            run.save()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert (tmp_path / CHECKPOINT).read_bytes() == before and not list(tmp_path.glob(".plantain-*"))


def test_a_worker_that_is_killed_is_told_in_a_line(tmp_path: Path) -> None:
    parent = os.getpid()

    def deadly(number: int) -> list[Sample]:
        if number == 2 and os.getpid() != parent:
            os.kill(os.getpid(), signal.SIGKILL)
        return draw(number)

    run = TrainingRun(AdapterTrainee(), replace(PRESET, workers=1), tmp_path)
    with pytest.raises(PlantainError, match=r"a process that makes batches has ended \(killed, .* --resume goes on"):
        run.train(deadly, say=quiet)


def test_a_run_takes_the_place_of_no_other(tmp_path: Path) -> None:
    loop.own(tmp_path, resume=False)
    TrainingRun(AdapterTrainee(), PRESET, tmp_path).train(draw, say=quiet)
    loop.own(tmp_path, resume=True)
    with pytest.raises(UsageError, match="holds a run already; go on with --resume"):
        loop.own(tmp_path, resume=False)


def test_batches_that_accumulate_are_one_large_batch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In float32: half precision rounds each batch's gradient."""
    monkeypatch.setattr("plantain.train.loop.half_precision", lambda device: contextlib.nullcontext())
    small = TrainingRun(AdapterTrainee(noise=0), replace(PRESET, accumulate=2), tmp_path / "small")
    small.train(draw, say=quiet)
    large = TrainingRun(AdapterTrainee(noise=0), replace(PRESET, batch=8), tmp_path / "large")
    large.train(lambda number: draw(2 * number) + draw(2 * number + 1), say=quiet)
    assert small.step == large.step == 6
    for name, value in small.state.items():
        assert torch.allclose(value, large.state[name], atol=1e-5), name


def test_the_frozen_base_stays_and_is_not_saved(tmp_path: Path) -> None:
    trainee = AdapterTrainee()
    before = trainee.net.base.weight.clone()
    run = TrainingRun(trainee, replace(PRESET, steps=300), tmp_path)
    first = run.update([trainee.collate(draw(0))])[0].values.mean()
    run.train(draw, say=quiet)
    last = run.update([trainee.collate(draw(0))])[0].values.mean()
    assert last < first / 2
    assert torch.equal(before, trainee.net.base.weight)
    assert held(tmp_path)["state"].keys() == held(tmp_path)["ema"].keys() == {"a", "b"}


def test_the_averaged_weights_are_exported(tmp_path: Path) -> None:
    run = TrainingRun(AdapterTrainee(), PRESET, tmp_path)
    run.train(draw, say=quiet)
    written = np.load(run.export(tmp_path / "out") / "adapter.npz")
    ema, last = held(tmp_path)["ema"], held(tmp_path)["state"]
    for name in ("a", "b"):
        assert np.array_equal(written[name], ema[name].numpy())
        assert not np.array_equal(written[name], last[name].numpy())


def test_the_average_by_hand(tmp_path: Path) -> None:
    """After step n it moves by 1 - min(ema, (1 + n) / (10 + n)) of the way, n counted from 0."""
    trainee = AdapterTrainee()
    run = TrainingRun(trainee, PRESET, tmp_path)
    wanted = trainee.net.b.detach().clone()
    for n in range(3):
        run.update([trainee.collate(draw(n))])
        wanted += (1 - min(PRESET.ema, (1 + n) / (10 + n))) * (trainee.net.b.detach() - wanted)
    assert torch.allclose(run.ema["b"], wanted, atol=1e-6)


def test_weights_of_losses(tmp_path: Path) -> None:
    """A sample that weighs nothing teaches nothing."""

    class Half(AdapterTrainee):
        def losses(self, batch: dict[str, Any]) -> Losses:
            found = super().losses(batch)
            return found._replace(weights=torch.tensor([2.0, 2.0, 0.0, 0.0]))

    half, whole = Half(noise=0), AdapterTrainee(noise=0)
    TrainingRun(half, PRESET, tmp_path / "half").update([half.collate(draw(0))])
    TrainingRun(whole, PRESET, tmp_path / "whole").update([whole.collate(draw(0)[:2])])
    assert torch.allclose(half.net.b, whole.net.b, atol=1e-6)


def test_the_log_has_a_line_a_task(tmp_path: Path) -> None:
    said: list[str] = []
    TrainingRun(AdapterTrainee(), PRESET, tmp_path).train(draw, say=said.append)
    rows = list(csv.DictReader((tmp_path / "log.csv").open()))
    assert [(row["step"], row["task"]) for row in rows] == [("6", "left"), ("6", "right")]
    assert said[0].startswith("step 6") and f"left {float(rows[0]['loss']):.3f}" in said[0]


def test_a_checkpoint_that_does_not_fit_is_refused(tmp_path: Path) -> None:
    run = TrainingRun(AdapterTrainee(), PRESET, tmp_path)
    with pytest.raises(UsageError, match=r"no checkpoint\.pt in .*; give the folder of a training run"):
        run.begin_with(tmp_path)
    run.train(draw, say=quiet)
    wide = AdapterTrainee()
    wide.net.a = torch.nn.Parameter(torch.zeros(5, 8))
    with pytest.raises(UsageError, match="of another preset; name that one, or another folder"):
        TrainingRun(wide, PRESET, tmp_path, resume=True)
    torch.save({"net": {}, "average": {}}, tmp_path / CHECKPOINT)
    with pytest.raises(UsageError, match="of another version of Plantain; train again"):
        TrainingRun(AdapterTrainee(), PRESET, tmp_path, resume=True)
