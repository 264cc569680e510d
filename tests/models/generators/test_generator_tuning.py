"""Tuning on tiny pipelines of the rows' own classes: what is told, the losses, what comes out, how it goes on."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from plantain.data.stream import Buckets, Mixture, Shards, Stored
from plantain.errors import UsageError
from plantain.models.painters.generators import latents
from plantain.models.painters.generators.painter import DiffusersPainter
from plantain.models.painters.generators.spec import GENERATORS
from plantain.models.painting import Request
from plantain.train.loop import Losses, TrainingRun
from plantain.train.tuning import editor, objective, plan, run
from plantain.train.tuning.conditions import Conditions, as_told, condition, shift
from plantain.train.tuning.presets import TUNINGS, TuningPreset

torch.set_num_threads(1)
TUNED = (
    "flux2-klein-base-4b", "flux3-klein-base", "qwen-image-edit-2511", "qwen-image-2.1", "flux1-kontext",
    "longcat-image-edit", "instruct-pix2pix", "sdxl-instruct-pix2pix",
)  # fmt: skip
FLOWS = [name for name in TUNED if GENERATORS[name].flow]
KLEIN = TUNED[0]
LEGEND = {"task": "semantic", "code": "legend/1", "legend": {"left": [255, 0, 0]}, "background": [0, 0, 255]}


def sample(size: tuple[int, int] = (128, 128), seed: int = 0, weight: Any = None, record: Any = LEGEND) -> Stored:
    """A photo of noise, and a painting of two colors that the record's legend names."""
    photo = np.random.default_rng(seed).integers(0, 256, (size[1], size[0], 3), np.uint8)
    target = np.zeros_like(photo)
    target[:, : size[0] // 2, 0], target[:, size[0] // 2 :, 2] = 255, 255
    return Stored(f"Paint the left half red, picture {seed}.", (photo,), target, weight, record)


@pytest.fixture
def trainee(painter: Callable[..., DiffusersPainter]) -> Callable[..., editor.EditorTrainee]:
    """A row that is ready to be tuned; its text encoders stay."""

    def made(name: str, **changes: Any) -> editor.EditorTrainee:
        preset = replace(TUNINGS["tuning_debug"], generator=name, checkpointing=False, **changes)
        return editor.EditorTrainee(preset, painter(name, fresh=True))

    return made


def batch_of(one: editor.EditorTrainee, *samples: Stored, once: bool = False) -> editor.Batch:
    told = [condition(one.painter, each) for each in samples]
    return one.collate(
        [editor.Item(each, held, i, once) for i, (each, held) in enumerate(zip(samples, told, strict=True))]
    )


def mean(losses: Losses) -> float:
    return float((losses.values * losses.weights).mean())


# ---- what the generator is told, and the losses


@pytest.mark.parametrize("name", FLOWS)
def test_one_step_in_training_paints_what_the_stock_call_paints(name: str, trainee: Any) -> None:
    """A new adapter changes nothing, so the picture whose error is lowered is the pipeline's own."""
    one, each = trainee(name), sample()
    if not one.spec.size.fits(128, 128):
        pytest.skip(f"{name} paints no 128 x 128")
    (group,) = batch_of(one, each, once=True).groups
    with torch.no_grad():
        z = torch.zeros_like(group.target)
        z = z - one.velocity(z, group, torch.full_like(group.time, one.spec.time))
        ours = latents.decode(one.pipe, one.spec, z)[0].permute(1, 2, 0).numpy()
    (stock,) = one.painter.paint([Request(each.prompt, each.references, (128, 128), sampling={"steps": 1})])
    assert np.abs(ours - stock.pixels).max() < 1e-5


def test_the_loss_is_that_of_scheduler_and_transformer_driven_by_hand(trainee: Any) -> None:
    """Klein, by the methods of its own pipeline: embeddings, packing, positions, noise."""
    one, each = trainee(KLEIN), sample()
    pipe = one.pipe
    (group,) = batch_of(one, each).groups
    rgb = [torch.from_numpy(p).permute(2, 0, 1)[None].float() / 127.5 - 1 for p in (each.references[0], each.target)]
    with torch.no_grad():
        words, word_ids = pipe.encode_prompt(prompt=each.prompt, max_sequence_length=512)
        bn = pipe.vae.bn
        spread = torch.sqrt(bn.running_var.view(1, -1, 1, 1) + pipe.vae.config.batch_norm_eps)
        shown, wanted = [
            (pipe._patchify_latents(pipe.vae.encode(x).latent_dist.mode()) - bn.running_mean.view(1, -1, 1, 1)) / spread
            for x in rgb
        ]
        pipe.scheduler.set_timesteps(sigmas=[float(group.time)], mu=0.0)
        pipe.scheduler.sigmas = torch.cat([group.time, torch.zeros(1)])
        noisy = pipe.scheduler.scale_noise(wanted, pipe.scheduler.timesteps[:1], group.noise)
        ids = torch.cat([pipe._prepare_latent_ids(wanted), pipe._prepare_image_ids([shown])], 1)
        hidden = torch.cat([pipe._pack_latents(noisy), pipe._pack_latents(shown)], 1)
        said = pipe.transformer(
            hidden_states=hidden, timestep=group.time, guidance=None, encoder_hidden_states=words, txt_ids=word_ids,
            img_ids=ids, return_dict=False,
        )[0][:, : wanted[0, 0].numel()]  # fmt: skip
        by_hand = (said - pipe._pack_latents(group.noise - wanted)).square().mean()
        ours = mean(one.losses(editor.Batch((group,))))
    assert ours == pytest.approx(float(by_hand), abs=1e-5)


@pytest.mark.parametrize("name", TUNED)
def test_the_loss_of_a_batch_is_the_mean_of_its_samples(name: str, trainee: Any) -> None:
    one = trainee(name)
    each = [sample(seed=seed) for seed in range(2)]
    if not one.spec.size.fits(128, 128):
        pytest.skip(f"{name} paints no 128 x 128")
    whole = batch_of(one, *each)
    with torch.no_grad():
        together = mean(one.losses(whole))
        told = [condition(one.painter, s) for s in each]
        alone = [
            mean(one.losses(one.collate([editor.Item(s, c, i, False)])))
            for i, (s, c) in enumerate(zip(each, told, strict=True))
        ]
    assert together == pytest.approx(np.mean(alone), abs=1e-5)


def test_photos_and_words_of_different_lengths_share_a_batch(trainee: Any) -> None:
    """Of Qwen the embeddings are as long as prompt and photo: such samples go through the denoiser by themselves."""
    one = trainee("qwen-image-edit-2511")
    long = replace(sample(seed=1), prompt="A far longer prompt. " * 5)
    both = batch_of(one, sample(), long)
    assert len(both.groups) == 2
    with torch.no_grad():
        assert len(one.losses(both).values) == 2


def test_holes_do_not_teach(trainee: Any) -> None:
    """What stands in a hole of the truth changes neither stage's loss where it is far from what is known."""
    known = np.ones((128, 128), np.float32)
    known[:, 64:] = 0
    one = trainee(KLEIN)
    plain, other = sample(weight=known), sample(weight=known)
    other.target[:, 64:] = 255
    for once in (False, True):
        (group,), (changed,) = (batch_of(one, each, once=once).groups for each in (plain, other))
        changed = changed._replace(target=group.target)  # what the autoencoder carries over the border aside
        with torch.no_grad():
            losses = [mean(one.losses(editor.Batch((each,)))) for each in (group, changed)]
        assert losses[0] == losses[1] > 0
    assert objective.on_grid(torch.from_numpy(known)[None], (8, 8))[0, 0].tolist() == [1, 1, 1, 1, 0, 0, 0, 0]


def test_a_sample_without_truth_teaches_nothing(trainee: Any) -> None:
    one = trainee(KLEIN)
    losses = one.losses(batch_of(one, sample(weight=np.zeros((128, 128), np.float32))))
    assert losses.weights.tolist() == [0] and mean(losses) == 0


@pytest.mark.parametrize(
    ("record", "painted", "error"),
    [
        ({"task": "metric-depth", "code": "log-gray/1"}, [0.5, 0.5, 0.5], 0.25 * 1.3),
        ({"task": "normals", "code": "vb/1"}, [0.75, 0.75, 0.75], 0.0),
        ({"task": "edges", "code": "white/1"}, [0.75, 0.5, 0.75], 0.25 / 3),
    ],
)
def test_errors_are_those_of_what_a_painting_says(record: Any, painted: list[float], error: float) -> None:
    """Brightness of depth codes, angles of normals, plain colors otherwise: against values computed by hand."""
    field = [torch.tensor(color).view(3, 1, 1).expand(3, 2, 2) for color in (painted, [0.75, 0.75, 0.75])]
    assert torch.allclose(objective.decoded_errors(*field, record), torch.full((2, 2), error), atol=1e-6)


def test_a_color_is_judged_by_the_class_that_it_is_read_as() -> None:
    """Where red is true: the cross-entropy of two purples, computed by hand from their distances to red and blue."""
    red, near, far = ([1.0, 0, 0], [0.6, 0, 0.4], [0.4, 0, 0.6])
    field = {name: torch.tensor(c).view(3, 1, 1) for name, c in (("red", red), ("near", near), ("far", far))}
    legend = objective.legend_of(LEGEND)
    logits = {
        name: objective.SHARPNESS * ((np.array(c) - [0, 0, 1]) ** 2 - (np.array(c) - [1, 0, 0]) ** 2).sum()
        for name, c in (("near", near), ("far", far))
    }
    for name, logit in logits.items():
        found = float(objective.crossed(field[name], field["red"], legend))
        assert found == pytest.approx(np.log1p(np.exp(-logit)), abs=1e-5)


def test_noise_and_time_hang_on_the_sample_alone(trainee: Any) -> None:
    one = trainee(KLEIN)
    pair, alone = batch_of(one, sample(), sample(seed=1)).groups[0], batch_of(one, sample()).groups[0]
    assert torch.equal(pair.noise[:1], alone.noise) and torch.equal(pair.time[:1], alone.time)
    assert not torch.equal(pair.noise[0], pair.noise[1])


def test_the_schedules_shift_is_read_off_it() -> None:
    """Qwen's and FLUX.1's exponential shift, as diffusers computes it."""
    from diffusers import FlowMatchEulerDiscreteScheduler

    scheduler = FlowMatchEulerDiscreteScheduler(use_dynamic_shifting=True)
    scheduler.set_timesteps(sigmas=np.linspace(1, 1 / 20, 20), mu=0.8)
    assert shift([float(s) for s in scheduler.sigmas]) == pytest.approx(np.exp(0.8), rel=1e-4)


def test_examples_on_a_grid_are_told_as_they_are_asked(painter: Any) -> None:
    """Kontext takes one picture: what it is told in training is what it is told when asked, and only the last cell,
    where the answer stands, teaches."""
    model, one = painter("flux1-kontext"), sample((64, 64))
    one = replace(one, references=(*one.references, *sample((64, 64), seed=1).references, one.target))
    told = as_told(model, one)
    assert told.target.shape == (128, 128, 3) and len(told.references) == 1
    asked, trained = (model.first_call(Request(one.prompt, refs, size)).kwargs["hidden_states"][:, 64:]
                      for refs, size in ((one.references, (64, 64)), (told.references, (128, 128))))  # fmt: skip
    assert torch.equal(asked, trained)
    assert (told.target[64:, 64:] == one.target).all() and (told.target[:64, 64:] == one.references[2]).all()
    assert told.weight is not None and told.weight[64:, 64:].min() == 1 and told.weight.sum() == 64 * 64
    assert condition(model, told).target.shape[2:] == (8, 8)


# ---- what is refused


def test_sides_that_differ_are_refused(painter: Any) -> None:
    one = sample((128, 96))
    turned = replace(one, target=np.ascontiguousarray(one.target.transpose(1, 0, 2)))
    with pytest.raises(UsageError, match="the painting is 96 x 128 pixels and a picture beside it 128 x 96"):
        condition(painter(KLEIN), turned)
    with pytest.raises(UsageError, match="would resize 100 x 100 pixels"):
        condition(painter(KLEIN), sample((100, 100)))


def test_swapped_sides_in_the_class_itself_are_caught(painter: Any, monkeypatch: Any) -> None:
    """A class that encodes its reference on another grid than the painting's, as trainers have done unnoticed."""
    model = painter(KLEIN, fresh=True)
    shrink = type(model.pipe).prepare_image_latents

    def smaller(self: Any, images: Any, **kwargs: Any) -> Any:
        return shrink(self, images=[image[..., :64] for image in images], **kwargs)

    monkeypatch.setattr(type(model.pipe), "prepare_image_latents", smaller)
    with pytest.raises(UsageError, match="their grids must be equal"):
        condition(model, sample())


def test_what_cannot_be_tuned_says_so(painter: Any) -> None:
    with pytest.raises(UsageError, match="always paints 3 pictures at once"):
        condition(painter("dreamlite"), sample())
    with pytest.raises(UsageError, match="is distilled; tune flux2-klein-base-4b"):
        editor.painter_of(replace(TUNINGS["tuning_debug"], generator="flux2-klein-4b"), None)


# ---- whole runs


@pytest.fixture(scope="module")
def shards(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Shards of a folder of one's own: noise with the mask of its left half, and captioned pictures."""
    from plantain.cli import main

    place = tmp_path_factory.mktemp("data")
    for sub in ("images", "masks"):
        (place / "own" / sub).mkdir(parents=True)
    (place / "captioned").mkdir()
    for i in range(6):
        each = sample(seed=i)
        Image.fromarray(each.references[0]).save(place / "own" / "images" / f"{i}.png")
        Image.fromarray(each.target[..., 0]).save(place / "own" / "masks" / f"{i}.png")
        Image.fromarray(each.references[0]).save(place / "captioned" / f"{i}.png")
        (place / "captioned" / f"{i}.txt").write_text("noise")
    options = ["--replay", str(place / "captioned"), "--size", "128", "--samples", "12", "--paired", "0"]
    options += ["--workers", "1", "--generator", KLEIN]
    assert main(["data", "build", str(place / "own"), "-o", str(place / "shards"), "--quiet", *options]) == 0
    return place / "shards"


def tuned(shards: Path, folder: Callable[[str], Path], out: Path, resume: bool = False, **changes: Any) -> Path:
    preset: TuningPreset = replace(TUNINGS["tuning_debug"], **{"steps": 4, **changes})
    return run.tune(preset, [shards], out, weights=folder(preset.generator), resume=resume, say=lambda _: None)


def test_a_run_leaves_an_adapter_that_plain_diffusers_loads(shards: Path, folder: Any, tmp_path: Path) -> None:
    import diffusers
    from safetensors import safe_open

    made = tuned(shards, folder, tmp_path / "run")
    about = json.loads((made / "plantain.json").read_text())
    assert about["generator"] == KLEIN and about["steps"] == 1 and about["updates"] == 4
    assert sum(about["data"]["tasks"].values()) == 12
    assert "FLUX.2-klein-base-4B" in (made / "README.md").read_text()
    with safe_open(made / "pytorch_lora_weights.safetensors", "pt") as file:
        keys = list(file.keys())
    pipe = diffusers.DiffusionPipeline.from_pretrained(folder(KLEIN))
    pipe.load_lora_weights(made)
    loaded = [name for name, _ in pipe.transformer.named_parameters() if "lora_" in name]
    assert len(loaded) == len(keys) > 0
    painter = DiffusersPainter(KLEIN, folder(KLEIN), adapter=made, device="cpu", megapixels=128 * 128 / 1e6)
    assert painter.steps == 1 and painter.identity.settings.startswith("steps=1")


@pytest.mark.parametrize("method", ["full", "blocks"])
def test_a_tuned_denoiser_is_a_painters_adapter(method: str, shards: Path, folder: Any, tmp_path: Path) -> None:
    made = tuned(shards, folder, tmp_path / "run", method=method, blocks=1, once=0.0)
    before, after = (
        DiffusersPainter(KLEIN, folder(KLEIN), adapter=adapter, device="cpu", megapixels=128 * 128 / 1e6)
        for adapter in (None, made)
    )
    asked = Request("A red chair.", sample().references, (128, 128), sampling={"steps": 2})
    one, other = (painter.paint([asked])[0].pixels for painter in (before, after))
    assert np.abs(one - other).max() > 1e-4 and before.identity.key != after.identity.key
    changed = {name.split(".")[0] for name, value in after.pipe.transformer.named_parameters()
               if not torch.equal(value, before.pipe.transformer.get_parameter(name))}  # fmt: skip
    assert changed == ({"single_transformer_blocks"} if method == "blocks" else changed | {"x_embedder", "proj_out"})


def weights_of(place: Path) -> dict[str, torch.Tensor]:
    held: dict[str, Any] = torch.load(place / "checkpoint.pt", weights_only=True)
    return held["state"]  # type: ignore[no-any-return]


def test_a_run_that_was_stopped_goes_on_without_a_trace(
    shards: Path, folder: Any, tmp_path: Path, monkeypatch: Any
) -> None:
    """The weights are those of a run that was never stopped: so were losses, noise and the order of the data."""
    tuned(shards, folder, tmp_path / "whole")
    update = TrainingRun.update

    def stopping(self: Any, batches: Any) -> Any:
        made = update(self, batches)
        self.stopped = self.step == 3  # in the middle of stage 2
        return made

    with monkeypatch.context() as patch:
        patch.setattr(TrainingRun, "update", stopping)
        with pytest.raises(SystemExit, match="stopped at step 3; the checkpoint is in"):
            tuned(shards, folder, tmp_path / "parts")
    tuned(shards, folder, tmp_path / "parts", resume=True)
    whole, parts = (weights_of(tmp_path / name) for name in ("whole", "parts"))
    assert all(torch.equal(value, parts[name]) for name, value in whole.items())


BOTH = """
import sys
from dataclasses import replace
from pathlib import Path
import torch
from plantain.train.tuning import run
from plantain.train.tuning.presets import TUNINGS
torch.set_num_threads(1)
torch.cpu._is_avx512_bf16_supported = torch.cpu._is_amx_tile_supported = lambda: False  # exactly
shards, weights, out = map(Path, sys.argv[1:])
for method, sharded in (("lora", False), ("full", True)):
    preset = replace(TUNINGS["tuning_debug"], steps=3, method=method, sharded=sharded)
    held_out = shards if sharded else None
    run.tune(preset, [shards], out / method, weights=weights, validation=held_out, say=lambda _: None)
"""


def test_two_processes_train_as_one(shards: Path, folder: Any, tmp_path: Path, monkeypatch: Any) -> None:
    """torchrun with gloo: every batch is shared, and the weights are those of one process, with gradients that are
    averaged and with a network that is cut into shards (FSDP2), which all of them measure. What comes out is whole."""
    script = tmp_path / "both.py"
    script.write_text(BOTH)
    launch = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node=2", "--standalone"]
    command = [*launch, str(script), str(shards), str(folder(KLEIN)), str(tmp_path / "two")]
    done = subprocess.run(
        command, env=os.environ | {"OMP_NUM_THREADS": "1"}, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr[-2000:]
    for name in ("_is_avx512_bf16_supported", "_is_amx_tile_supported"):
        monkeypatch.setattr(torch.cpu, name, lambda: False)
    for method in ("lora", "full"):
        made = tuned(shards, folder, tmp_path / "one" / method, steps=3, method=method)
        one, two = (weights_of(tmp_path / name / method) for name in ("one", "two"))
        assert one.keys() == two.keys() and all(torch.allclose(one[name], two[name], atol=1e-5) for name in one)
        files = [{f.relative_to(place): f.stat().st_size for f in place.rglob("*.safetensors")}
                 for place in (made, tmp_path / "two" / method / "tuned")]  # fmt: skip
        assert files[0] == files[1] != {}
    rows = [json.loads(line) for line in (tmp_path / "two/full/validation.jsonl").read_text().splitlines()]
    assert {row["step"] for row in rows} == {0, 2, 3}


def test_held_out_samples_are_measured_on_the_way(shards: Path, folder: Any, tmp_path: Path) -> None:
    """What was there before the first step stands beside every later figure, and tells what tuning cost generation."""
    lines = list[str]()
    preset = replace(TUNINGS["tuning_debug"], steps=4)
    run.tune(preset, [shards], tmp_path, weights=folder(KLEIN), validation=shards, say=lines.append)
    rows = [json.loads(line) for line in (tmp_path / "validation.jsonl").read_text().splitlines()]
    assert {row["step"] for row in rows} == {0, 2, 4}  # before, at the end of each stage
    tasks = {row["task"] for row in rows}
    assert tasks & {"edit", "text-to-image"} and any(task.endswith("/once") for task in tasks)
    for row in rows:
        assert row["low"] <= row["mean"] <= row["high"]
        assert row["before"] == next(first["mean"] for first in rows if first["task"] == row["task"])
    assert sum("validation at step" in line for line in lines) == 3


def test_conditions_are_made_once(shards: Path, painter: Any, tmp_path: Path) -> None:
    told = Conditions(painter(KLEIN), tmp_path)
    samples = list(Shards(shards))
    assert told.make(samples)[0] == len(samples) and told.make(samples) == (0, 0)
    buckets = Buckets(Mixture([Shards(shards)]), 2)
    assert len(list(editor.needed(buckets, 1, 0, 1))) == 2
    every = [{s.prompt + s.target.tobytes().hex() for s in editor.needed(buckets, 1_000, r, 2)} for r in (0, 1)]
    assert not every[0] & every[1] and len(every[0] | every[1]) == len(samples)


# ---- the plan


def test_the_plan_counts_what_the_network_holds() -> None:
    """Klein 4B: 3.876 billion parameters; an adapter has 1,505,280 numbers a rank (100 linear layers)."""
    made = plan.planned(TUNINGS["flux2_klein_lora"])
    assert made.parameters == 3_875_544_576 and made.tuned == 64 * 1_505_280
    assert made.parts["frozen weights"] == pytest.approx(2 * 3.8755 + 4 * 0.084, rel=1e-3)
    assert made.tokens == 48 * 48 * 2 + 512
    assert all(plan.planned_size(name) <= preset.card for name, preset in TUNINGS.items() if preset.device == "cuda")


def test_a_network_in_shards_takes_its_share_of_each_card() -> None:
    preset = replace(TUNINGS["flux2_klein_full_80gb"], sharded=True)
    one, four = plan.planned(preset), plan.planned(preset, 4)
    for part in ("tuned weights, their average", "gradients", "optimizer"):
        assert four.parts[part] == pytest.approx(one.parts[part] / 4)
    assert four.parts["activations"] == pytest.approx(one.parts["activations"] / 4)  # a batch of four over four cards


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["seedling_cpu", "--plan"], "trains no open generator; leave out options such as --plan"),
        (["flux2_klein_lora", "--teachers", "told"], "takes no --start and no --teachers"),
        (["flux2_klein_lora", "--once", "2"], "--once lies between 0 and 1, not 2"),
        (["flux2_klein_lora"], "say where the shards are"),
        (["tuning_debug", "--sharded", "--data", "x"], "shards need several processes: torchrun"),
        (["flux2_klein_lorra"], "did you mean 'flux2_klein_lora'"),
    ],
)
def test_what_does_not_go_together_is_refused(words: list[str], said: str, capsys: Any) -> None:
    from plantain.cli import main

    assert main(["train", *words]) == 2
    assert said in capsys.readouterr().err


def test_seeds_of_any_size_give_noise_apart_from_times() -> None:
    """The first number of the noise is not the one that the time is made of, and large seeds are no error."""
    seed = objective.seed_of(10**30, 7)
    assert 0 <= seed < 2**64
    drawn = objective.times([seed], [1.0]).logit()
    assert abs(float(drawn - objective.noise(seed, torch.zeros(4))[0])) > 1e-3


def test_what_does_not_fit_is_refused_with_what_does() -> None:
    made = plan.planned(TUNINGS["flux2_klein_lora"])
    with pytest.raises(
        UsageError, match=r"takes about 21\.\d GB \(computed\) and there are 12\.0; take flux2_klein_qlora_8gb"
    ):
        plan.require(made, 12.0)
    plan.require(made, 24.0)
