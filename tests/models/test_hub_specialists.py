"""Large specialists on tiny random weights of the same classes: they load, are asked, and answer in our kinds."""

from __future__ import annotations

import sys
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest

import plantain
from plantain import tasks
from plantain.errors import MissingExtra, PainterError, UsageError

HIGH, WIDE = 40, 60


@pytest.fixture(scope="module")
def photo():
    return np.random.default_rng(0).integers(0, 256, (HIGH, WIDE, 3), np.uint8)


@pytest.fixture(scope="module")
def tiny():
    pytest.importorskip("transformers")
    import tiny

    return tiny


@pytest.fixture
def torchvision():
    """What some processors of transformers are made of."""
    return pytest.importorskip("torchvision")


def things(answer, text):
    assert answer.classes == (text,) and answer.boxes.shape == (len(answer), 4)
    assert (np.diff(answer.scores) <= 0).all()
    if answer.masks is not None:
        assert answer.masks.shape == (len(answer), HIGH, WIDE)


def test_depth_anything(tiny, photo, tmp_path):
    tiny.depth_anything(tmp_path)
    model = plantain.load("depth-anything-v2", weights=tmp_path)
    near = model.predict(photo, tasks.RelativeDepth())
    assert near.scale == "affine" and near.values.shape == (HIGH, WIDE) and np.ptp(near.values) > 0
    with pytest.raises(UsageError, match="no unit"):
        model.predict(photo, tasks.MetricDepth())


def test_disparity_grows_with_depth_when_turned():
    from plantain.models.specialists.depth_anything import from_disparity

    assert (np.diff(from_disparity(np.linspace(1, 0, 50)[None])[0]) >= 0).all()


def test_a_metric_checkpoint_claims_metres(tiny, photo, tmp_path):
    tiny.depth_anything(tmp_path, "metric")
    assert plantain.load("depth-anything-v2", weights=tmp_path).predict(photo, "metric depth").metres.max() <= 20


def test_sam3(tiny, torchvision, photo, tmp_path):
    tiny.sam3(tmp_path)
    model = plantain.load("sam3", weights=tmp_path)
    found = model.predict(photo, tasks.InstanceSegmentation("cat"))
    things(found, "cat")
    assert len(found) == 7 and 0 < found.scores.max() < 1
    both = model.predict(photo, tasks.ReferringSegmentation(("cat", "dog")))
    assert both.names == ("cat", "dog") and both.presence["cat"] == pytest.approx(float(found.scores.max()), abs=1e-5)


def test_grounding_dino(tiny, photo, tmp_path):
    tiny.grounding_dino(tmp_path / "boxes")
    model = plantain.load("grounding-dino", weights=tmp_path / "boxes")
    things(model.predict(photo, tasks.ObjectDetection("cat")), "cat")
    with pytest.raises(UsageError, match="answers detect, not instances"):
        model.predict(photo, tasks.InstanceSegmentation("cat"))


def test_sam2_behind_grounding_dino(tiny, torchvision, photo, tmp_path):
    tiny.grounding_dino(tmp_path / "boxes")
    tiny.sam2(tmp_path / "masks")
    model = plantain.load("grounded-sam2", weights=tmp_path / "boxes", masks=tmp_path / "masks")
    found = model.predict(photo, tasks.InstanceSegmentation("cat"))
    things(found, "cat")
    inside = model.specialist.inside(photo, np.array([[5.0, 5, 30, 30], [0, 0, 59, 39]]))
    assert inside.shape == (2, HIGH, WIDE) and inside.dtype == bool


@pytest.mark.parametrize("name", ["mask2former", "oneformer"])
def test_universal_segmentation(name, tiny, photo, tmp_path):
    if name == "oneformer":
        pytest.importorskip("torchvision")
    getattr(tiny, name)(tmp_path)
    model = plantain.load(name, weights=tmp_path)
    labels = model.predict(photo, tasks.SemanticSegmentation.of(["sky", "people", "wall"]))
    assert labels.ids.shape == (HIGH, WIDE) and set(np.unique(labels.ids)) <= {-1, 0, 1}
    things(model.predict(photo, tasks.InstanceSegmentation("person")), "person")
    with pytest.raises(UsageError, match="does not know 'the dog'"):
        model.predict(photo, tasks.ReferringSegmentation("the dog"))


@pytest.mark.parametrize(("name", "pipeline"), [("marigold-depth", "MarigoldDepthPipeline"),
                                                ("marigold-normals", "MarigoldNormalsPipeline")])  # fmt: skip
def test_marigold(name, pipeline, tiny, photo, tmp_path):
    pytest.importorskip("diffusers")
    tiny.marigold(tmp_path, pipeline)
    model = plantain.load(name, weights=tmp_path, steps=1)
    task = tasks.SurfaceNormals() if "normals" in name else tasks.RelativeDepth()
    answer = model.predict(photo, task)
    again = plantain.load(name, weights=tmp_path, steps=1).predict(photo, task)
    assert answer.size == (WIDE, HIGH)
    for key, values in answer.arrays().items():
        assert np.array_equal(values, again.arrays()[key])
    if "normals" in name:
        assert np.linalg.norm(answer.xyz, axis=-1)[answer.valid] == pytest.approx(1, abs=1e-5)


def test_weights_that_are_not_there(tiny, tmp_path):
    with pytest.raises(PainterError, match="depth-anything-v2 cannot be loaded from"):
        plantain.load("depth-anything-v2", weights=tmp_path).predict(np.zeros((8, 8, 3), np.uint8), "relative depth")


# ---- those by packages of their own: stand-ins with the same names, shapes and units as their READMEs say


def stand_in(monkeypatch, **modules):
    """Modules under dotted names ("a__b" for a.b), with their attributes."""
    for name, attributes in modules.items():
        parts = name.split("__")
        for i in range(1, len(parts) + 1):
            dotted = ".".join(parts[:i])
            module = ModuleType(dotted)
            if i == len(parts):
                vars(module).update(attributes)
            monkeypatch.setitem(sys.modules, dotted, module)


class Network:
    """What every such network has: from_pretrained, to, eval."""

    @classmethod
    def from_pretrained(cls, source):
        return cls()

    def to(self, device):
        return self

    def eval(self):
        return self


def test_moge(monkeypatch, photo):
    torch = pytest.importorskip("torch")

    class MoGeModel(Network):
        def infer(self, image):
            assert image.shape == (3, HIGH, WIDE) and float(image.min()) >= 0 and float(image.max()) <= 1
            mask = torch.ones(HIGH, WIDE, dtype=torch.bool)
            mask[:5] = False
            normal = torch.zeros(HIGH, WIDE, 3)
            normal[..., 1], normal[..., 2] = -0.6, -0.8  # OpenCV: up and to the camera
            return {"depth": torch.where(mask, 2.5, torch.inf), "mask": mask, "normal": normal}

    stand_in(monkeypatch, moge__model__v2={"MoGeModel": MoGeModel})
    model = plantain.load("moge-2")
    depth, normals = model.predict(photo, "metric depth"), model.predict(photo, "normals")
    assert depth.metres[10] == pytest.approx(2.5) and not depth.valid[:5].any() and depth.valid[5:].all()
    assert normals.xyz[0, 0].tolist() == pytest.approx([0, 0.6, 0.8])


def test_unidepth(monkeypatch, photo):
    torch = pytest.importorskip("torch")

    class UniDepthV2(Network):
        def infer(self, rgb):
            assert rgb.shape == (3, HIGH, WIDE) and rgb.dtype == torch.uint8
            return {"depth": torch.full((1, 1, HIGH, WIDE), 3.0)}

    stand_in(monkeypatch, unidepth__models={"UniDepthV2": UniDepthV2})
    assert plantain.load("unidepth").predict(photo, "metric depth").metres == pytest.approx(3)


@pytest.mark.parametrize(
    ("weights", "focal", "metres"),
    [(None, None, 6.0), ("x/DA3METRIC", 300.0, 3.0), ("x/DA3METRIC", None, None), ("x/DA3-BASE", 300.0, None)],
)
def test_depth_anything_3(monkeypatch, photo, weights, focal, metres):
    pytest.importorskip("torch")

    class DepthAnything3(Network):
        def inference(self, images):
            assert images[0].size == (WIDE, HIGH)
            return SimpleNamespace(depth=np.full((1, HIGH // 2, WIDE // 2), 6.0, np.float32))  # half the size

    stand_in(monkeypatch, depth_anything_3__api={"DepthAnything3": DepthAnything3})
    model = plantain.load("depth-anything-3", weights=weights, focal_px=focal)
    assert model.predict(photo, "relative depth").values.shape == (HIGH, WIDE)
    if metres is None:
        with pytest.raises(UsageError, match="no unit"):
            model.predict(photo, "metric depth")
    else:
        assert model.predict(photo, "metric depth").metres == pytest.approx(metres)


def test_dsine_from_a_local_hub(photo, tmp_path):
    pytest.importorskip("torch")
    (tmp_path / "hubconf.py").write_text(
        "import torch\n"
        "class Predictor:\n"
        "    def infer_pil(self, image):\n"
        "        normal = torch.zeros(1, 3, image.height, image.width)\n"
        "        normal[:, 0], normal[:, 2] = -0.6, 0.8\n"  # into the surface: x to the left, z away
        "        return normal\n"
        "def DSINE():\n"
        "    return Predictor()\n"
    )
    answer = plantain.load("dsine", weights=tmp_path).predict(photo, "normals")
    assert answer.xyz[3, 3].tolist() == pytest.approx([0.6, 0, 0.8])


def test_yolo(monkeypatch, photo):
    torch = pytest.importorskip("torch")

    class YOLO:
        def __init__(self, source):
            assert source == "yolo11n-seg.pt"

        def predict(self, image, conf, device, verbose, retina_masks):
            boxes = SimpleNamespace(
                xyxy=torch.tensor([[1.0, 2, 30, 20]]), conf=torch.tensor([0.7]), cls=torch.tensor([1.0])
            )
            masks = SimpleNamespace(data=torch.ones(1, image.height, image.width))
            return [SimpleNamespace(names={0: "cat", 1: "person"}, boxes=boxes, masks=masks)]

    stand_in(monkeypatch, ultralytics={"YOLO": YOLO})
    found = plantain.load("yolo").predict(photo, tasks.InstanceSegmentation("people"))
    assert found.scores.tolist() == pytest.approx([0.7]) and found.masks.all()


def test_a_missing_package_names_the_command():
    pytest.importorskip("torch")
    with pytest.raises(MissingExtra, match=r"'moge'.*pip install 'git\+https://github.com/microsoft/MoGe'"):
        plantain.load("moge-2").predict(np.zeros((8, 8, 3), np.uint8), "metric depth")
