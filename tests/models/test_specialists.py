"""Specialists: photos in, answers out; the claims, the refusals, and the published networks where their files are."""

from __future__ import annotations

import json

import numpy as np
import pytest
from PIL import Image

import plantain
from plantain import tasks
from plantain.errors import PainterError, UnknownName, UsageError
from plantain.models.specialists.onnx_spec import KNOWN, PARSERS, File, Spec, nanodet, yolo
from plantain.models.specialists.outputs import (
    DepthOutput,
    InstanceOutput,
    KeypointOutput,
    LabelOutput,
    MatteOutput,
    known,
)
from plantain.models.specialists.tensors import Preprocess
from plantain.predictions.boxes import nms
from plantain.predictions.types import Depth
from plantain.vocabularies import COCO_THINGS

onnx = pytest.importorskip("onnx")
WIDE, HIGH = 40, 20


@pytest.fixture
def photo():
    rng = np.random.default_rng(0)
    return rng.integers(0, 256, (HIGH, WIDE, 3), np.uint8)


def network(path, outputs):
    """An ONNX file that gives constants, whatever it sees: arrays by name."""
    from onnx import TensorProto, helper, numpy_helper

    seen = helper.make_tensor_value_info("photo", TensorProto.FLOAT, [1, 3, 4, 8])
    nodes, out = [], []
    for name, value in outputs.items():
        nodes.append(helper.make_node("Constant", [], [name], value=numpy_helper.from_array(value.astype(np.float32))))
        out.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, value.shape))
    graph = helper.make_graph(nodes, "constant", [seen], out)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), path)


def gray(path):
    """An ONNX file that gives the mean over channels."""
    from onnx import TensorProto, helper

    seen = helper.make_tensor_value_info("photo", TensorProto.FLOAT, [1, 3, 4, 8])
    out = helper.make_tensor_value_info("mean", TensorProto.FLOAT, [1, 1, 4, 8])
    node = helper.make_node("ReduceMean", ["photo"], ["mean"], axes=[1], keepdims=1)
    graph = helper.make_graph([node], "gray", [seen], [out])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), path)


SPEC = """
name = "tiny"
file = "tiny.onnx"
reads = "depth"
[preprocess]
size = [8, 4]
[about]
unit = 2.0
"""


def write(folder, spec=SPEC, make=gray):
    make(folder / "tiny.onnx")
    (folder / "tiny.toml").write_text(spec)
    return folder / "tiny.toml"


def test_any_network_by_a_spec(tmp_path):
    flat = np.full((HIGH, WIDE, 3), 51, np.uint8)  # 51 / 255 = 0.2, and 2 m a unit
    tiny = plantain.load("file", spec=write(tmp_path))
    metric = tiny.predict(flat, "metric depth")
    assert isinstance(metric, Depth) and metric.scale == "metric" and metric.values.shape == (HIGH, WIDE)
    assert metric.metres == pytest.approx(0.4) and metric.valid.all() and metric.painting is None
    assert tiny.predict(flat, tasks.RelativeDepth()).scale == "affine"
    assert tiny.supported_tasks["metric-depth"] == "metres"


def test_without_a_unit_metres_are_not_claimed(tmp_path, photo):
    tiny = plantain.load("file", spec=write(tmp_path, SPEC.replace("unit = 2.0", "")))
    with pytest.raises(UsageError, match="tiny answers relative-depth, not metric-depth"):
        tiny.predict(photo, "metric depth")


RAMP = np.arange(8, dtype=np.float32)[None, None, None].repeat(4, 2)  # 1 x 1 x 4 x 8, growing to the right


@pytest.mark.parametrize(
    ("reads", "about", "output", "question", "measured"),
    [
        ("depth", "", RAMP, "relative depth", lambda a: a.values),
        ("inverse-depth", "", RAMP, "relative depth", lambda a: -a.values),
        ("normals", "", np.concatenate([RAMP, RAMP * 0, RAMP * 0 + 1], 1), "surface normals", lambda a: a.xyz[..., 0]),
        ("ids", 'classes = ["wall", "cup"]', RAMP > 3, "segment wall, cup", lambda a: a.ids),
        ("class-scores", 'classes = ["wall", "cup"]', np.concatenate([3 - RAMP, RAMP - 3], 1), "segment wall, cup",
         lambda a: a.ids),
        ("mask", 'thing = "cup"', RAMP / 7, "segment the cup", lambda a: a.alpha[0]),
        ("mask-stretched", 'thing = "cup"', RAMP, "segment the cup", lambda a: a.alpha[0]),
        ("edges", "", RAMP / 7, "edges", lambda a: a.alpha[0]),
    ],
)  # fmt: skip
def test_every_map_of_a_network_file_becomes_an_answer(tmp_path, photo, reads, about, output, question, measured):
    spec = SPEC.replace('"depth"', f'"{reads}"').replace("unit = 2.0", about)
    made = write(tmp_path, spec, lambda path: network(path, {"out": output}))
    values = measured(plantain.load("file", spec=made).predict(photo, question))
    assert values.shape == (HIGH, WIDE)
    assert values[:, -1].mean() > values[:, 0].mean() and (np.diff(values[0].astype(float)) >= 0).all()


@pytest.mark.parametrize(
    ("change", "error", "says"),
    [
        (("reads = ", 'reads = "magic" # '), UnknownName, "unknown output parser 'magic'"),
        (("[preprocess]", "[food]"), UsageError, r"has no \[preprocess\]"),
        (("unit", "uint"), UsageError, "is no spec.*uint.*it may say: name, file, reads"),
        (("name = ", "name "), UsageError, "is no TOML"),
        (('reads = "depth"', 'reads = "ids"'), UsageError, "reads ids, so it must say 'classes'"),
        (('"tiny.onnx"', '"other.onnx"'), UsageError, "other.onnx; give the file"),
    ],
)
def test_a_wrong_spec(tmp_path, change, error, says):
    with pytest.raises(error, match=says):
        plantain.load("file", spec=write(tmp_path, SPEC.replace(*change)))


def test_a_spec_with_a_byte_order_mark(tmp_path, photo):
    spec = write(tmp_path)
    spec.write_text(spec.read_text(), encoding="utf-8-sig")
    assert plantain.load("file", spec=spec).name == "tiny"


def test_a_file_that_is_no_network(tmp_path, photo):
    spec = write(tmp_path)
    (tmp_path / "tiny.onnx").write_bytes(b"nothing")
    with pytest.raises(PainterError, match="is no ONNX network"):
        plantain.load("file", spec=spec).predict(photo, "metric depth")


def test_an_output_that_is_no_map(tmp_path, photo):
    spec = write(tmp_path, make=lambda path: network(path, {"out": np.zeros((1, 3, 4, 8))}))
    with pytest.raises(PainterError, match=r"a map was expected.*\(1, 3, 4, 8\)"):
        plantain.load("file", spec=spec).predict(photo, "metric depth")


def test_a_specialist_paints_nothing(tmp_path):
    with pytest.raises(UsageError, match="makes no pictures"):
        plantain.load("file", spec=write(tmp_path)).generate("a cup")


def test_missing_weights_name_the_file():
    with pytest.raises(UsageError, match=r"meter_nyu_xxs\.onnx"):
        plantain.load("meter")


# ---- how photos go in


@pytest.mark.parametrize("fit", ["stretch", "letterbox"])
@pytest.mark.parametrize("size", [(64, 64), (96, 48), (30, 90)])
def test_maps_come_back_to_where_they_were(fit, size):
    ramp = np.linspace(0, 255, WIDE)[None].repeat(HIGH, 0).astype(np.uint8)
    preprocess = Preprocess(size, fit)
    back = preprocess.map_back(
        preprocess.picture(np.repeat(ramp[..., None], 3, -1))[..., 0].astype(np.float32), (WIDE, HIGH)
    )
    assert back.shape == (HIGH, WIDE)
    assert np.abs(back - ramp)[4:-4, 4:-4].max() < 8


def test_letterbox_keeps_the_shape_and_points():
    preprocess = Preprocess((100, 100), "letterbox", pad=114)
    assert preprocess.box((40, 20)) == (0, 25, 100, 75)
    picture = preprocess.picture(np.zeros((20, 40, 3), np.uint8))
    assert (picture[:25] == 114).all() and (picture[25:75] == 0).all() and (picture[75:] == 114).all()
    assert preprocess.points_back(np.array([[0.0, 25], [100, 75]]), (40, 20)).tolist() == [[0, 0], [40, 20]]


def test_numbers_as_the_network_wants_them():
    photo = np.full((4, 4, 3), (10, 20, 30), np.uint8)
    preprocess = Preprocess((4, 4), order="bgr", scale=1.0, mean=(1, 2, 3), std=(2, 2, 2))
    assert preprocess.tensor(photo, np.dtype(np.float32))[0, :, 0, 0].tolist() == [14.5, 9, 3.5]
    raw = Preprocess((4, 4), layout="nhwc").tensor(photo, np.dtype(np.uint8))
    assert raw.dtype == np.uint8 and raw.shape == (1, 4, 4, 3) and raw[0, 0, 0].tolist() == [10, 20, 30]


def test_the_white_frame():
    preprocess = Preprocess((8, 8), frame=((8, 8), (1, 2, 3, 0)))
    picture = preprocess.picture(np.zeros((8, 8, 3), np.uint8))[..., 0] == 255
    assert picture[:, 0].all() and picture[:2].all() and picture[:, 5:].all() and not picture[2:, 1:5].any()


# ---- what comes out


def test_doubles_go_by_class():
    boxes = np.array([[0, 0, 10, 10], [0, 0, 10, 9], [20, 20, 30, 30], [0, 0, 10, 10]], float)
    kept = nms(boxes, np.array([0.5, 0.9, 0.1, 0.4]), np.array([0, 0, 0, 1]), 0.6)
    assert kept.tolist() == [1, 3, 2]


def test_yolo_rows_become_boxes_and_masks():
    spec = Spec("y", "y", "yolo-masks", Preprocess((64, 64), "letterbox"), classes=("cat", "person"))
    rows = np.zeros((1, 4 + 2 + 32, 3), np.float32)
    rows[0, :4, 0] = (0.5, 0.5, 0.5, 0.25)  # centre, size: x 16..48, y 24..40 on the input
    rows[0, 5, 0], rows[0, 6, 0] = 0.9, 1.0
    rows[0, :4, 1], rows[0, 5, 1] = rows[0, :4, 0], 0.8  # a double
    prototypes = np.full((1, 16, 16, 32), -1.0, np.float32)
    prototypes[0, :, :8, 0] = 1.0  # the left half
    seen = yolo([rows, prototypes], spec, (128, 64))  # a photo twice as wide as high: it lies in the middle
    assert isinstance(seen, InstanceOutput) and seen.scores.tolist() == pytest.approx([0.9])
    assert seen.boxes[0].tolist() == pytest.approx([32, 16, 96, 48])
    assert seen.masks[0, 20:44, 34:60].all() and not seen.masks[0, :, 68:].any() and not seen.masks[0, :15].any()
    assert len(seen.answer(tasks.InstanceSegmentation("people")).scores) == 1
    assert len(seen.answer(tasks.ObjectDetection("cat")).scores) == 0


def test_nanodet_distances_are_expectations():
    spec = Spec("n", "n", "nanodet", Preprocess((32, 32)), classes=("a", "b", "c"))
    outputs = []
    for stride in (8, 16, 32):
        n = (32 // stride) ** 2
        spread = np.full((1, n, 32), -50.0, np.float32)
        spread[..., 0::8] = 50.0  # every distance 0
        outputs += [np.zeros((1, n, 3), np.float32), spread]
    outputs[0][0, 5, 1] = 0.7  # row 1, column 1 of stride 8: centre 11.5, 11.5
    outputs[1][0, 5] = -50.0
    outputs[1][0, 5, [1, 8 + 1, 16 + 1, 24 + 2]] = 50.0  # one stride left, up and right, two down
    seen = nanodet(outputs, spec, (32, 32))
    assert seen.boxes.tolist() == [pytest.approx([3.5, 3.5, 19.5, 27.5])] and seen.labels.tolist() == [1]


def test_names_as_people_say_them():
    assert known("the couches", ("chair", "sofa")) == [1]
    assert known("traffic lights", COCO_THINGS) == [9]
    with pytest.raises(UsageError, match="does not know 'unicorn'"):
        known("unicorn", ("chair",))


def test_classes_answer_in_the_questions_order():
    ids = np.array([[0, 1], [2, -1]])
    seen = LabelOutput(ids, ("background", "person", "cat"))
    labels = seen.answer(tasks.SemanticSegmentation.of(["cat", "sky", "people"]))
    assert labels.ids.tolist() == [[-1, 2], [0, -1]]
    named = seen.answer(tasks.ReferringSegmentation(("cat", "person")))
    assert named.masks.tolist() == [
        [[0, 0], [1, 0]],
        [[0, 1], [0, 0]],
    ]


def test_points_that_a_network_does_not_know_are_not_there():
    seen = KeypointOutput(np.array([[1.0, 2], [3, 4]]), np.array([0.5, 0.6]), ("nose", "left knee"), (8, 8))
    answer = seen.answer(tasks.KeypointDetection(["left knee", "head top"]))
    assert answer.xy[0].tolist() == [3, 4] and np.isnan(answer.xy[1]).all() and answer.visible.tolist() == [True, False]


def test_relative_depth_is_never_metres():
    with pytest.raises(UsageError, match="no unit"):
        DepthOutput(np.ones((2, 2)), "affine").answer(tasks.MetricDepth())


def test_a_soft_mask_knows_one_thing():
    seen = MatteOutput(np.array([[0.2, 0.9]]), "person")
    assert seen.answer(tasks.ReferringSegmentation("the man")).masks.tolist() == [[[False, True]]]
    with pytest.raises(UsageError, match="does not know 'dog'"):
        seen.answer(tasks.Matting("dog"))


@pytest.mark.parametrize("name", sorted(KNOWN))
def test_the_table_claims_what_the_network_claims(name):
    assert set(plantain.MODELS[name].supported_tasks) == set(PARSERS[KNOWN[name].reads].supported_tasks)


# ---- the published networks, where their files are


@pytest.mark.parametrize("name", [*sorted(KNOWN), "pidinet"])
def test_published_networks_answer_all_that_they_claim(name, excerpts):
    weights = excerpts / "weights"
    if weights.joinpath(KNOWN[name].file if name in KNOWN else "pidinet_small_table5.pth").suffix == ".tflite":
        pytest.importorskip("ai_edge_litert")
    model = plantain.load(name, weights=weights)
    asked = {
        "semantic": "segment person, car", "refer": "segment the person", "detect": tasks.ObjectDetection("person"),
        "edges": "edges", "instances": "count the people", "keypoints": "keypoints of the person",
        "matte": tasks.Matting("person"),
        "metric-depth": "metric depth", "relative-depth": "relative depth",
    }  # fmt: skip
    if name == "u2netp":
        asked |= {"refer": tasks.ReferringSegmentation("main object"), "matte": tasks.Matting()}
    photo = plantain.__path__[0] + "/samples/astronaut.jpg"
    for task in model.supported_tasks:
        answer = model.predict(photo, asked[task])
        assert answer.size == (512, 512) and answer.stem == "astronaut"
        if task in ("refer", "matte"):
            assert answer.masks[0, 300, 150] and not answer.masks[0, 60, 480]  # her arm, the wall
        if task in ("detect", "instances") and name != "nanodet":
            assert answer.boxes[0].tolist() == pytest.approx([5, 5, 400, 512], abs=60)
        if task == "keypoints":
            assert answer.xy[0].tolist() == pytest.approx([225, 120], abs=25)  # the nose
        if task == "edges":
            assert answer.alpha[0, 300, 350:400].max() > 0.5 > answer.alpha[0, 10:40, 330:370].max()


def test_file_and_spec_are_one_call(tmp_path):
    spec = Spec.load(write(tmp_path))
    assert File(spec, weights=tmp_path).answer(np.zeros((4, 8, 3), np.uint8), tasks.MetricDepth()).metres.max() == 0


def test_the_command_line_asks_a_specialist_like_a_painter(tmp_path, capsys):
    from plantain.cli import main

    spec, photo = write(tmp_path), tmp_path / "p.png"
    Image.fromarray(np.full((HIGH, WIDE, 3), 51, np.uint8)).save(photo)
    words = ["predict", str(photo), "metric depth", "--model", "file", "--spec", str(spec), "-o", str(tmp_path / "out")]
    assert main([*words, "--quiet"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["model"] == "tiny" and told["painting"] is None and told["task"] == "metric-depth"
    assert np.load(told["arrays"])["metres"] == pytest.approx(0.4)
    assert main([*words[:2], "normals", *words[3:]]) != 0
    assert "tiny answers metric-depth, relative-depth, not normals" in capsys.readouterr().err
