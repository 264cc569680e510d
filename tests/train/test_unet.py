"""The control: shapes, what each head learns from, and a run in miniature that answers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import plantain
from plantain import tasks
from plantain.data.base import Example
from plantain.data.views import View
from plantain.models.specialists.unet import HEADS
from plantain.predictions.types import Depth, Keypoints, Labels

torch = pytest.importorskip("torch")
unet = pytest.importorskip("plantain.train.unet")

from plantain.train.loop import TrainingRun  # noqa: E402
from plantain.train.presets import UNETS  # noqa: E402


def test_every_head_speaks_at_full_size():
    net = unet.UNet(8, encoder=True).eval()
    with torch.no_grad():
        said = net(torch.zeros(2, 3, 70, 98), torch.zeros(2, 36, 1536))
    assert {name: tuple(v.shape) for name, v in said.items()} == {
        unet.key(name): (2, head.channels, 70, 98) for name, head in HEADS.items()
    }


def example(**truths):
    return Example("x", "x", Path("x"), "train", {name: (lambda v=value: v) for name, value in truths.items()})


def test_depth_is_learned_as_its_logarithm():
    ones = np.ones((4, 6), np.float32)
    truth = Depth(values=ones * 5, valid=ones > 0, confidence=ones)
    values, known = unet.truth("metric-depth", example(depth=truth), View((6, 4), (0.0, 0.0, 0.5, 0.5)))
    assert values == pytest.approx(np.log(2.5)) and known.all()  # half of the picture, enlarged: twice as near


def test_classes_by_the_heads_own_order():
    ids = np.array([[0, 1], [2, -1]])
    truth = Labels(ids=ids, classes=("road", "tree", "cat"), confidence=np.ones((2, 2), np.float32))
    values, known = unet.truth("camvid", example(labels=truth), View((2, 2)))
    names = HEADS["camvid"].names
    assert values.tolist() == [[names.index("road"), names.index("tree")], [-1, -1]]
    assert known.tolist() == [[True, True], [False, False]]


def test_a_spot_for_each_joint_that_is_seen():
    sure = np.ones((40, 60), np.float32)
    points = Keypoints(xy=np.array([[10.5, 20.5], [np.nan, np.nan]]), visible=np.array([True, False]),
                       names=("left knee", "neck"), scores=np.ones(2), confidence=sure)  # fmt: skip
    maps = unet.spots(points, HEADS["joints"].names)
    own = maps[HEADS["joints"].names.index("left knee")]
    assert own.max() == own[20, 10] == pytest.approx(1) and maps.sum() == pytest.approx(own.sum())


def test_every_head_weighs_the_same_whatever_the_samples():
    """Three samples, of which two have depth and one has classes."""
    trainee = unet.UNetTrainee(UNETS["unet_debug"])
    photo, everywhere = np.zeros((28, 28, 3), np.uint8), np.ones((28, 28), bool)
    depth = {"metric-depth": (np.zeros((1, 28, 28), np.float32), everywhere)}
    classes = {"camvid": (np.zeros((28, 28), np.int64), everywhere)}
    batch = trainee.collate([unet.LabeledView(photo, truths) for truths in (depth, classes, depth)])
    found = trainee.losses(batch)
    assert found.names == ["metric-depth", "metric-depth", "camvid"]
    wanted = found.values[:2].mean() + found.values[2]
    assert (found.values * found.weights).mean().item() == pytest.approx(wanted.item(), rel=1e-6)


def test_unknown_pixels_teach_a_head_nothing():
    truth = unet.HeadTruth(torch.tensor([0]), torch.zeros(1, 1, 2, 2), torch.tensor([[[True, False], [False, False]]]))
    said = torch.tensor([[[[3.0, 50.0], [50.0, 50.0]]]])
    assert unet.head_losses(HEADS["metric-depth"], said, truth).tolist() == [3.0]


def test_a_control_that_is_stopped_and_resumed_is_the_same_run(excerpts, tmp_path):
    ends = []
    for name, stops in (("whole", (1.0,)), ("again", (0.3, 1.0))):
        for until in stops:
            trainee, ((_, draw),) = unet.prepare(UNETS["unet_debug"], excerpts)
            run = TrainingRun(trainee, UNETS["unet_debug"], tmp_path / name, resume=True)
            run.train(draw, until, lambda line: None)
        ends.append(run)
    assert [run.step for run in ends] == [3, 3]
    assert all(torch.equal(value, ends[1].ema[name]) for name, value in ends[0].ema.items())


@pytest.mark.parametrize("name", ["unet_debug", "unet_reader_debug"])
def test_a_control_in_miniature(name, excerpts, tmp_path):
    """Trained for three steps, written, loaded, asked everything that it claims."""
    said = []
    from plantain.train import train

    folder = train(name, excerpts, tmp_path, say=said.append)
    assert said[0].startswith("step 3")
    model = plantain.load("unet", weights=folder)
    assert model.name == ("unet-reader" if "reader" in name else "unet")
    asked = {
        "metric-depth": "metric depth",
        "relative-depth": tasks.RelativeDepth(),
        "normals": "normals",
        "semantic": tasks.SemanticSegmentation.of(["road", "car"]),
        "refer": tasks.ReferringSegmentation("person"),
        "matte": tasks.Matting(),
        "edges": "edges",
        "keypoints": tasks.KeypointDetection(names=HEADS["joints"].names),
    }
    photo = np.random.default_rng(0).integers(0, 256, (50, 90, 3), np.uint8)
    for task in model.supported_tasks:
        answer = model.predict(photo, asked[task])
        assert answer.size == (90, 50)
    labels = model.predict(photo, asked["semantic"])
    assert set(np.unique(labels.ids)) <= {0, 1}  # asked for two classes, it chooses among these
