"""Training end to end on a tiny made data folder: caching, two stages, exact resume, export, painting."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

torch = pytest.importorskip("torch", reason="training needs the extra 'train'")

from plantain.errors import PainterError, UsageError  # noqa: E402
from plantain.models.painters.embedded import Embedded, prompt_arrays  # noqa: E402
from plantain.models.painters.words import shipped  # noqa: E402
from plantain.models.painting import Painting, Request  # noqa: E402
from plantain.train import export, train  # noqa: E402
from plantain.train.batches import PhotoStore, Source  # noqa: E402
from plantain.train.loop import CHECKPOINT, TrainingRun  # noqa: E402
from plantain.train.network import Painted, Prompt, Seedling, Size, Window  # noqa: E402
from plantain.train.presets import SEEDLINGS  # noqa: E402
from plantain.train.seedling import (  # noqa: E402
    Batch,
    SeedlingTrainee,
    painting_losses,
    prepare,
    random_window,
    which,
)


def photo(path: Path, rng: np.random.Generator, size: tuple[int, int] = (64, 48)) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    small = rng.integers(0, 256, (6, 8, 3), dtype=np.uint8)
    Image.fromarray(small).resize(size, Image.Resampling.BICUBIC).save(path)


def gray(path: Path, values: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(values).save(path)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two sets in the excerpt layout: four rooms with depth and labels, four scenes with classes, captions."""
    root, rng = tmp_path_factory.mktemp("data"), np.random.default_rng(0)
    names40 = ["unlabelled", *(f"thing{i}" for i in range(40))]
    names13 = ["unlabelled", *(f"kind{i}" for i in range(13))]
    meta = {"names40": names40, "names13": names13, "map40to13": [0, *(1 + i % 13 for i in range(40))]}
    (root / "nyu").mkdir()
    (root / "nyu" / "meta.json").write_text(json.dumps(meta))
    for i in range(4):
        photo(root / f"nyu/train/images/{i}.jpg", rng, (320, 240))
        gray(root / f"nyu/train/depth/{i}.png", rng.integers(500, 9000, (240, 320)).astype(np.uint16))
        gray(root / f"nyu/train/labels40/{i}.png", rng.integers(0, 5, (240, 320)).astype(np.uint8))
        photo(root / f"ade20k/images/{i}.jpg", rng)
        gray(root / f"ade20k/labels/{i}.png", np.repeat(rng.integers(0, 4, (48, 1)), 64, 1).astype(np.uint8))
        photo(root / f"captions/images/{i}.jpg", rng, (64, 64))
    rows = [{"id": str(i), "split": "train"} for i in range(4)]
    classes = {"classes": ["unlabelled", "wall", "sky", "red car"]}
    (root / "ade20k/index.json").write_text(json.dumps({"meta": classes, "images": rows}))
    texts = [r | {"text": ["a red car under the sky", "a wall"]} for r in rows]
    (root / "captions/index.json").write_text(json.dumps({"meta": {}, "images": texts}))
    return root


def weights(folder: Path) -> dict[str, object]:
    return torch.load(folder / CHECKPOINT, weights_only=True)["ema"]


def test_a_run_that_is_stopped_and_resumed_is_the_same_run(data: Path, tmp_path: Path) -> None:
    quiet = lambda line: None  # noqa: E731
    cache, again = tmp_path / "features", tmp_path / "again"
    whole = train("seedling_debug", data, tmp_path / "whole", steps=6, minutes=60, cache=cache, say=quiet)
    preset = replace(SEEDLINGS["seedling_debug"], steps=6, minutes=60)
    for stop in (3, 6):
        trainee, stages = prepare(preset, data, cache, None, quiet)
        run = TrainingRun(trainee, preset, again, resume=True)
        for until, draw in stages:
            run.train(draw, min(until, stop / 6), quiet)
        assert run.step == stop
    first, second = weights(tmp_path / "whole"), weights(again)
    assert all(torch.equal(first[k], second[k]) for k in first)
    painter = Embedded(whole_folder(whole))
    request = Request("metric depth", (np.zeros((224, 294, 3), np.uint8),), (294, 224))
    one, two = painter.paint([request, request])
    assert isinstance(one, Painting) and isinstance(two, Painting)
    assert one.rgb.shape == (224, 294, 3) and np.array_equal(one.rgb, two.rgb)


def whole_folder(folder: Path) -> Path:
    """The exported files and those that ship beside a network, as the painter wants them."""
    from plantain.models.painters.embedded import BESIDE, FOLDER

    for name in BESIDE:
        (folder / name).symlink_to(FOLDER / name)
    return folder


def test_export_paints_what_torch_paints(tmp_path: Path) -> None:
    torch.manual_seed(1)
    net = Seedling(Size(width=64, depth=2, heads=2, smooth=6, detail=2, stem=8, mix=16, query=16)).eval()
    export.write(net, tmp_path)
    painter = Embedded(whole_folder(tmp_path))
    rng = np.random.default_rng(0)
    shown = rng.integers(0, 256, (140, 462, 3), dtype=np.uint8)
    prompt = "road is (128, 64, 128), sky is (10, 200, 90)"
    (made,) = painter.paint([Request(prompt, (shown,), (462, 140))])
    features = torch.from_numpy(painter.encoder.features(shown[None]))
    picture = torch.from_numpy(shown.astype(np.float32) / 255).permute(2, 0, 1)[None]
    words = Prompt(*map(torch.from_numpy, prompt_arrays([shipped().read(prompt)]).values()))
    blank = torch.full_like(picture, 0.5)
    with torch.no_grad():
        whole = torch.ones(1, dtype=torch.bool)
        probed = torch.from_numpy(
            painter.probe.logits(features[0, 1:].numpy(), ["road", "sky"]).T.reshape(1, 2, 10, 33)
        )
        rgb = net(features, whole, picture, blank, torch.zeros(1), words, probed=probed.contiguous()).rgb
        assert (rgb - net(features, whole, picture, blank, torch.zeros(1), words).rgb).abs().max() > 0.1
    expected = (rgb[0].permute(1, 2, 0).numpy() * 255).clip(0, 255)
    assert isinstance(made, Painting)
    assert np.abs(made.rgb - expected).mean() < 1.0  # int8 matrices cost less than a level


def test_live_batches_have_no_features_and_random_views(data: Path) -> None:
    from plantain.data.excerpts import present

    source = Source(data, PhotoStore(present(data, ["nyu", "ade20k"])), 4, 0)
    batch = SeedlingTrainee(SEEDLINGS["seedling_gpu_debug"]).collate(source.draw(0))
    assert batch.features.numel() == 0 and batch.photo.shape[0] == 4
    assert batch.target.shape == batch.photo.shape
    assert batch.weight.shape == batch.photo[:, 0].shape


def test_which_finds_the_prompts_colours() -> None:
    target = np.zeros((4, 4, 3), np.uint8)
    target[:, 2:] = (10, 20, 30)
    weight = np.ones((4, 4), np.float32)
    weight[2:] = 0
    colours = np.array([[0, 0, 0], [10, 20, 30]], np.float32) / 255
    assert which(target, weight, colours).tolist() == [[0, 1], [-1, -1]]


def batch_of(target: torch.Tensor, squared: torch.Tensor, doubt: torch.Tensor) -> Batch:
    """Blank canvases whose every pixel counts, without legends."""
    b, _, h, w = target.shape
    return Batch(
        features=torch.empty(0), has_photo=torch.ones(b), photo=target, t=torch.zeros(b),
        prompt=Prompt(*(torch.zeros(b, 1, 1) for _ in range(5))), target=target, weight=torch.ones(b, h, w),
        ids=torch.full((b, h // 2, w // 2), -1), scale=torch.ones(b), squared=squared, doubt=doubt, tasks=("a",) * b,
    )  # fmt: skip


def test_a_perfect_painting_has_no_painting_loss() -> None:
    rgb = torch.rand(2, 3, 8, 8)
    batch = batch_of(rgb, squared=torch.tensor([True, False]), doubt=torch.zeros(2))
    assert painting_losses(Painted(rgb, torch.zeros(2, 1, 4, 4)), batch).abs().max() == 0
    worse = painting_losses(Painted(rgb + 0.1, torch.zeros(2, 1, 4, 4)), batch)
    assert worse.tolist() == pytest.approx([0.01, 0.1], rel=1e-4)


def test_a_window_is_half_of_the_grid_and_cuts_all_alike() -> None:
    torch.manual_seed(0)
    seen = set()
    for _ in range(40):
        window = random_window(15, 22)
        top, bottom, left, right = window
        assert 0 <= top < bottom <= 15 and 0 <= left < right <= 22
        assert (bottom - top) * (right - left) in (8 * 22, 7 * 22, 15 * 11)
        seen.add(window)
        pixels = torch.arange(15 * 14 * 22 * 14).view(1, 15 * 14, 22 * 14)
        assert window.cut(pixels, 14)[0, 0, 0] == top * 14 * 22 * 14 + left * 14
        assert window.cut(pixels[:, ::2, ::2], 7).shape == window.cut(pixels, 14)[:, ::2, ::2].shape
    assert len(seen) > 10


def test_painting_a_window_is_painting_its_part() -> None:
    """Away from the window's border, where the decoder's context is cut off."""
    torch.manual_seed(0)
    net = Seedling(Size(width=64, depth=2, heads=2, smooth=6, detail=2, stem=8, mix=16, query=16)).eval()
    photo = torch.rand(1, 3, 98, 112)
    prompt = Prompt(torch.rand(1, 2, 96), torch.ones(1, 2, dtype=torch.bool), torch.rand(1, 2, 96), torch.rand(1, 2, 3),
                    torch.ones(1, 2, dtype=torch.bool))  # fmt: skip
    given = (torch.rand(1, 57, 1536), torch.ones(1, dtype=torch.bool), photo, photo, torch.zeros(1), prompt)
    window = Window(1, 6, 1, 7)
    with torch.no_grad():
        whole, part = net(*given).rgb, net(*given, window).rgb
    inner = (slice(None), slice(None), slice(24, -24), slice(24, -24))
    assert torch.allclose(window.cut(whole, 14)[inner], part[inner], atol=1e-5)


def test_the_rehearsal_of_the_accelerators_run(data: Path, tmp_path: Path) -> None:
    """The encoder beside the training, on a CPU: the commands of docs/training-queue.md in miniature."""
    made = train("seedling_gpu_debug", data, tmp_path, steps=3, say=lambda line: None)
    assert {p.name for p in made.iterdir()} >= {"trunk.onnx", "decoder.onnx"}
    more = train("seedling_gpu_debug", data, tmp_path, steps=5, resume=True, say=lambda line: None)
    assert torch.load(tmp_path / CHECKPOINT, weights_only=True)["step"] == 5
    assert more == made


def test_a_run_may_begin_with_the_weights_of_another(data: Path, tmp_path: Path) -> None:
    cache = tmp_path / "features"
    quiet = lambda line: None  # noqa: E731
    train("seedling_debug", data, tmp_path / "a", steps=3, cache=cache, say=quiet)
    preset = replace(SEEDLINGS["seedling_debug"], steps=3)
    run = TrainingRun(SeedlingTrainee(preset), preset, tmp_path / "b")
    run.begin_with(tmp_path / "a")
    assert run.earlier == 3, "batches go on where the other run ended"
    first = weights(tmp_path / "a")
    assert all(torch.equal(first[k], held[k]) for held in (run.ema, run.state) for k in first)


def test_exported_weights_come_back(tmp_path: Path) -> None:
    """As near as int8 and float16 hold them, whatever their first values; another size is refused."""
    torch.manual_seed(3)
    size = SEEDLINGS["seedling_debug"].size
    net = Seedling(size)
    for parameter in net.parameters():
        torch.nn.init.normal_(parameter)
    export.write(net, tmp_path)
    again = export.read(tmp_path, size).state_dict()
    for name, value in net.state_dict().items():
        assert again[name] == pytest.approx(value, abs=float(value.abs().max()) / 250), name
    with pytest.raises(PainterError, match="another size"):
        export.read(tmp_path, replace(size, width=32))


def test_a_run_may_begin_with_exported_weights(tmp_path: Path) -> None:
    preset = SEEDLINGS["seedling_debug"]
    net = Seedling(preset.size)
    for parameter in net.parameters():
        torch.nn.init.normal_(parameter)
    export.write(net, tmp_path / "onnx")
    run = TrainingRun(SeedlingTrainee(preset), preset, tmp_path / "run")
    wanted = export.read(tmp_path / "onnx", preset.size).state_dict()
    run.take(wanted)
    for held in (run.state, run.ema):
        assert all(torch.equal(value, wanted[name]) for name, value in held.items())


def test_blue_learns_the_painting_s_own_error_without_teaching_it() -> None:
    """Red and green are .1 off everywhere: an error of .1 sqrt(2), which full doubt is .14 of: blue is to be 1."""
    rgb = torch.full((1, 3, 14, 14), 0.5, requires_grad=True)
    target = torch.full((1, 3, 14, 14), 0.4)
    target[:, 2] = 0
    batch = batch_of(target, squared=torch.tensor([False]), doubt=torch.tensor([0.14]))
    loss = painting_losses(Painted(rgb, torch.zeros(1, 1, 7, 7)), batch)
    loss.sum().backward()
    path = 1.0  # weight of a blank canvas
    assert loss.item() == pytest.approx(path * (0.1 + 0.1 + (0.5 - 1) ** 2) / 3, rel=1e-4)
    assert rgb.grad[0, 2].mean() < 0  # blue must rise
    each = rgb.grad[0, 0, 0, 0].item() * 14 * 14 * 3
    assert each == pytest.approx(path, rel=1e-4)  # red feels its own error alone


def test_two_generators_are_mixed_parameter_by_parameter(tmp_path: Path) -> None:
    size = SEEDLINGS["seedling_debug"].size
    nets = [Seedling(size).eval() for _ in range(2)]
    for net in nets:  # parts that begin as zeros are alike, and would be one table of the file
        for parameter in net.parameters():
            parameter.data += 0.02 * torch.randn_like(parameter)
    for net, name in zip(nets, ("old", "new"), strict=True):
        (tmp_path / name).mkdir()
        export.write(net, tmp_path / name, quantized=False)
    (tmp_path / "mixed").mkdir()
    export.mix(tmp_path / "old", tmp_path / "new", 0.75, size, tmp_path / "mixed")
    mixed = export.read(tmp_path / "mixed", size).state_dict()
    for name in ("trunk.taps.weight", "decoder.mix1.bias"):
        old, new = (net.state_dict()[name] for net in nets)
        spread = max(old.abs().max().item(), new.abs().max().item())
        assert torch.allclose(mixed[name], 0.25 * old + 0.75 * new, atol=spread / 100)  # matrices travel in 8 bits


def test_teachers_are_not_ignored_by_a_preset_that_cannot_hear_them(data: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="hears no teachers; use a preset such as seedling_gpu"):
        train("seedling_debug", data, tmp_path / "run", teachers=tmp_path)


def test_a_probe_is_fitted_to_every_set_that_names_a_class(data: Path, tmp_path: Path) -> None:
    from plantain.models.painters.probe import LinearProbe
    from plantain.train import probe

    said = list(probe.fit(data, tmp_path / "probe.npz", [("ade20k", "labels"), ("nyu", "labels13")], tmp_path))
    assert said == ["ade20k: 4 photographs, 3 classes", "nyu: 4 photographs, 13 classes"]
    made = LinearProbe(tmp_path / "probe.npz")
    assert list(made.names) == ["wall", "sky", "red car", *(f"kind{i}" for i in range(13))]
    examples = [e for e in probe.read(data, "ade20k", "train")]
    ids, known = zip(
        *(probe.class_ids(e, "labels", ("wall", "sky", "red car"), rest=False) for e in examples), strict=True
    )
    share = [np.concatenate([i[k] for i, k in zip(ids, known, strict=True)]) == c for c in range(3)]
    np.testing.assert_allclose(made.frequency[:3], [s.mean() for s in share], atol=0.02)
    again = probe.features_of(examples[0], Embedded(), tmp_path)  # what was kept, not read again
    assert again.shape[1] == 1536
    fitted = again @ made.weights[:-1, 0] + made.weights[-1, 0]
    where = probe.placement((64, 48), Embedded().canvas(64, 48))
    wall = probe.shares(probe.on_canvas(ids[0], where), probe.on_canvas(known[0], where), 4)[0][:, 0]
    assert np.corrcoef(fitted, wall)[0, 1] > 0.5


def test_a_set_without_unlabeled_pixels_has_a_rest() -> None:
    from plantain.data.base import Example
    from plantain.predictions.types import Labels
    from plantain.train.probe import class_ids

    labels = Labels(ids=np.array([[0, 1, -1]], np.int16), classes=("unlabelled", "aeroplane"),
                    confidence=np.ones((1, 3), np.float32))  # fmt: skip
    example = Example("made", "a", Path("a.jpg"), "train", {"labels": lambda: labels})
    for rest in (False, True):
        ids, known = class_ids(example, "labels", ("airplane",), rest)
        assert ids.tolist() == [[1, 0, 1]] and known.tolist() == [[rest, True, rest]]
