"""What people ask, of painters that paint a known world: the answers are those of the world."""

from __future__ import annotations

import json
from typing import get_args

import numpy as np
import pytest
from PIL import Image

import plantain
from answers.worlds import HEIGHT, PHOTO, WIDTH, World, at, box
from plantain.answers.ask import ANSWERS, Terms, each, planned
from plantain.errors import PhotoError, UsageError
from plantain.models.base import Capabilities, Painter
from plantain.models.identity import Identity
from plantain.models.painting import Painting
from plantain.models.specialists.base import Specialist
from plantain.models.specialists.outputs import DepthOutput, InstanceOutput
from plantain.pipeline import jobs
from plantain.pipeline.jobs import PredictOptions
from plantain.pipeline.predictor import wrap
from plantain.predictions.types import Alpha, Depth, Keypoints, Normals
from plantain.tasks.keypoints import KeypointDetection
from plantain.tasks.language.parsing import parse
from plantain.tasks.language.plan import Want
from plantain.tasks.language.reader import read_plan

CUP, PLATE, LAMP = box(20, 40, 60, 80), box(100, 30, 160, 90), box(70, 5, 90, 25)
THINGS = {"cup": CUP, "plate": PLATE, "lamp": LAMP}
ERROR = 0.01  # of a length: what eight bits of color cost


def world(**depths):
    told = {"cup": 1.42, "plate": 2.5, "lamp": 4.0} | depths
    return World(THINGS, at(told, THINGS))


def ask(text, one=None, **options):
    return plantain.ask(PHOTO, text, (one or world()).model, **options)


# ---- distance


def test_the_distance_of_a_thing_is_its_median_depth():
    answer = ask("how far is the cup?")
    assert answer.value == pytest.approx(1.42, rel=ERROR)
    assert (answer.unit, answer.want, answer.names) == ("m", "distance", ("cup",))
    assert {type(one) for one in answer.predictions} == {Alpha, Depth}
    assert str(answer).startswith("the cup: 1.42 m (1.4")
    assert str(answer).endswith("), sure")


def test_its_interval_is_the_16_to_84_percent_range_without_the_rim():
    """A slope from 1 m to 2 m over the 40 columns of the cup, of which the rim takes two on either side."""
    slope = np.ones((HEIGHT, WIDTH), np.float32)
    slope[:, 20:60] = np.linspace(1, 2, 40)
    answer = ask("how far is the cup?", world(cup=slope))
    low, high = answer.interval
    inner = np.linspace(1, 2, 40)[2:-2]
    assert (low, answer.value, high) == pytest.approx(np.percentile(inner, (16, 50, 84)), rel=2 * ERROR)
    assert low < answer.value < high


def test_the_rim_does_not_count():
    """Half of a small cup's pixels could be its rim; here a quarter is, with the background's depth."""
    wrong = np.full((HEIGHT, WIDTH), 6.0, np.float32)
    wrong[42:78, 22:58] = 1.42
    answer = ask("how far is the cup?", world(cup=wrong))
    assert answer.interval == pytest.approx((1.42, 1.42), rel=ERROR)


@pytest.mark.parametrize(("word", "unit", "value"), [
    ("meters", "m", 1.42), ("cm", "cm", 142), ("millimeters", "mm", 1420), ("feet", "ft", 4.6588),
    ("inches", "in", 55.906),
])  # fmt: skip
def test_units(word, unit, value):
    answer = ask(f"how far is the cup in {word}?")
    assert answer.unit == unit
    assert answer.value == pytest.approx(value, rel=ERROR)
    assert answer.interval == pytest.approx((value, value), rel=ERROR)
    assert f" {unit} (" in str(answer)


def test_several_things_are_parts():
    answer = ask("how far are the cup and the plate?")
    assert answer.value == pytest.approx((1.42, 2.5), rel=ERROR)
    assert [part.names for part in answer.parts] == [("cup",), ("plate",)]
    assert answer.confidence == min(part.confidence for part in answer.parts)
    assert str(answer).count(";") == 1


def test_a_thing_that_is_not_there_has_no_distance():
    answer = ask("how far is the dog?")
    assert (answer.value, answer.interval, answer.unit) == (None, None, None)
    assert answer.confidence > 0.9
    assert str(answer) == "the dog: not found, so no distance, sure"


def test_nor_has_one_whose_depth_is_not_known():
    answer = ask("how far is the lamp?", world(lamp=np.inf))
    assert answer.value is None
    assert str(answer).startswith("the lamp: found, but its depth is not known")


def test_confidence_is_that_of_the_thing_not_of_the_background():
    """Noise in the background alone changes nothing; in the thing it does."""
    clean = ask("how far is the cup?").confidence
    for where, changed in ((~CUP, False), (CUP, True)):
        one = world()
        paint = one.paint
        noise = np.random.default_rng(0).integers(-60, 60, (HEIGHT, WIDTH, 3)) * where[..., None]

        def noisy(photo, prompt, seed, paint=paint, noise=noise):
            rgb = paint(photo, prompt, seed)
            return np.clip(rgb + noise, 0, 255).astype(np.uint8) if "depth" in prompt else rgb

        answer = plantain.ask(PHOTO, "how far is the cup?", plantain.load("function", paint=noisy))
        assert (answer.confidence < clean - 0.05) == changed


# ---- distance between, point clouds


@pytest.mark.parametrize("camera", [{"focal_px": 100.0}, {"fov_deg": 2 * np.degrees(np.arctan(0.9))}])
def test_distance_between(camera):
    """Side by side at 2 m, their middles 90 pixels apart before a lens of 100 pixels: 1.8 m."""
    answer = ask("how far apart are the cup and the plate?", world(cup=2.0, plate=2.0), **camera)
    assert answer.value == pytest.approx(1.8, rel=2 * ERROR)
    assert answer.interval[0] <= answer.value <= answer.interval[1]
    assert str(answer).startswith("from the cup to the plate: 1.8")


def test_distance_between_things_behind_each_other():
    """x = -.5 * 2 m and .4 * 3 m, y = 0: 2.2 m aside, and 1 m deep."""
    answer = ask("how many cm are between the cup and the plate?", world(cup=2.0, plate=3.0), focal_px=100.0)
    assert answer.unit == "cm"
    assert answer.value == pytest.approx(100 * np.hypot(2.2, 1.0), rel=2 * ERROR)


@pytest.mark.parametrize("text", ["how far apart are the cup and the plate?", "point cloud"])
def test_without_a_camera_nothing_is_painted(text):
    one = world()
    with pytest.raises(UsageError, match=r"needs the camera: give --fov .* or --focal") as told:
        ask(text, one)
    assert "\n" not in str(told.value)
    assert not one.painted


def test_distance_between_when_one_is_missing():
    answer = ask("how far apart are the cup and the dog?", focal_px=100.0)
    assert answer.value is None
    assert "the dog: not found" in str(answer)


def test_point_clouds():
    cloud = ask("point cloud of the cup in feet", focal_px=100.0)
    assert cloud.value.shape == (CUP.sum(), 3)
    assert cloud.value[:, 2] * 0.3048 == pytest.approx(-1.42, rel=ERROR)
    assert cloud.unit == "ft"
    whole = ask("point cloud", focal_px=100.0)
    assert whole.value.shape == (HEIGHT * WIDTH, 3)
    assert whole.to_json()["shape"] == [HEIGHT * WIDTH, 3]
    assert ask("point cloud of the dog", focal_px=100.0).value is None


# ---- compare, count, where, presence


@pytest.mark.parametrize(("cup", "plate", "order"), [(1.0, 2.0, ("cup", "plate")), (3.0, 2.0, ("plate", "cup"))])
@pytest.mark.parametrize("text", ["which is nearer, the cup or the plate?", "is the plate farther than the cup?"])
def test_which_is_nearer(text, cup, plate, order):
    answer = ask(text, world(cup=cup, plate=plate))
    assert answer.value == order
    assert answer.confidence > 0.9
    assert str(answer).startswith(f"the {order[0]} is nearer than the {order[1]}: ")


def test_which_of_three_is_nearest():
    answer = ask("which is closest, the plate, the lamp or the cup?")
    assert answer.value == ("cup", "plate", "lamp")
    assert "the cup is nearest (1.4" in str(answer)


def test_equally_far_is_a_coin():
    assert ask("which is nearer, the cup or the plate?", world(cup=2.0, plate=2.0)).confidence == pytest.approx(0.5)


def test_nothing_to_compare():
    answer = ask("which is nearer, the cup or the dog?")
    assert answer.value is None
    assert str(answer) == "the dog: not found, so nothing to compare, sure"


@pytest.mark.parametrize("many", [0, 1, 4])
def test_count(many):
    cups = [box(10 + 40 * i, 20, 30 + 40 * i, 50) for i in range(many)]
    answer = ask("count the cups", World({"cup": cups}))
    assert (answer.value, type(answer.value)) == (many, int)
    assert answer.interval[0] <= many <= answer.interval[1]
    assert str(answer).startswith(f"cups: {many or 'none'}")


def test_counts_of_two_classes_are_parts():
    answer = ask("count the cups and the plates")
    assert answer.value == (1, 1)
    assert [part.names for part in answer.parts] == [("cups",), ("plates",)]


NINE = [
    (column, row, f"{across}, {down} third" if (column, row) != (1, 1) else "in the middle")
    for column, across in enumerate(("left", "center", "right"))
    for row, down in enumerate(("upper", "middle", "lower"))
]


@pytest.mark.parametrize(("column", "row", "words"), NINE)
def test_where_in_nine_thirds(column, row, words):
    x, y = 60 * column + 20, 40 * row + 10
    answer = ask("where is the cup?", World({"cup": box(x, y, x + 20, y + 20)}))
    assert answer.value == (x, y, x + 20, y + 20)
    assert f"the cup: {words} (box {x} {y} {x + 20} {y + 20})" in str(answer)


def test_where_things_are_that_may_be_many():
    answer = ask("where are the cups?", World({"cup": [box(5, 5, 25, 25), box(150, 90, 170, 110)]}))
    assert sorted(answer.value) == [(5, 5, 25, 25), (150, 90, 170, 110)]
    assert "left, upper third" in str(answer)
    assert "right, lower third" in str(answer)
    assert ask("where are the dogs?").value is None
    assert ask("where is the dog?").value is None


def test_presence():
    there, gone = ask("is there a cup?"), ask("is there a dog?")
    assert (there.value, gone.value) == (True, False)
    assert str(there) == "cup: yes (100 % that it is there), sure"
    assert str(gone) == "dog: no (0 % that it is there), sure"
    assert ask("is there a cup or a dog?").value == (True, False)


# ---- maps, cutouts


def test_a_map_is_the_prediction():
    answer = ask("metric depth in cm")
    assert isinstance(answer.value, Depth)
    assert answer.predictions == (answer.value,)
    assert str(answer).startswith("depth: 14")
    mask = ask("segment the cup")
    assert isinstance(mask.value, Alpha)
    assert str(mask) == "the cup: 7.4 % of the picture, sure"
    assert str(ask("segment the dog")) == "the dog: not found, sure"


def test_disparity_grows_with_nearness():
    answer = ask("disparity map")
    assert answer.value.shape == (HEIGHT, WIDTH)
    assert answer.value[CUP].min() > answer.value[PLATE].max() > answer.value[0, 0]
    assert 0 <= answer.value.min() <= answer.value.max() <= 1


def test_cutout():
    answer = ask("cut out the cup")
    assert (answer.value.shape, answer.value.dtype) == ((HEIGHT, WIDTH, 4), np.uint8)
    assert np.array_equal(answer.value[..., :3], PHOTO)
    assert np.array_equal(answer.value[..., 3] > 127, CUP)
    assert ask("cut out the dog").value is None


def test_normals_in_opencvs_frame():
    up = np.broadcast_to(np.array([0.6, 0.0, 0.8], np.float32), (HEIGHT, WIDTH, 3))
    sure = np.ones((HEIGHT, WIDTH), np.float32)
    model = plantain.load("oracle", truth=Normals(xyz=up, valid=sure > 0, confidence=sure))
    answer = plantain.ask(PHOTO, "normals in the OpenCV convention", model)
    assert answer.value[5, 5] == pytest.approx((0.6, 0, -0.8), abs=0.02)
    assert isinstance(plantain.ask(PHOTO, "normals", model).value, Normals)


# ---- several questions, models, faults


def test_several_questions_share_their_paintings():
    one = world()
    answer = ask("segment the cup and tell me how far it is, and where it is", one)
    assert one.painted == {"refer": 1, "metric-depth": 1}
    assert [part.want for part in answer.parts] == ["map", "distance", "where"]
    assert len(answer.predictions) == 2
    assert answer.want is None


def test_fields_go_through_json():
    told = ask("how far is the cup, in feet?").to_json()
    assert json.loads(json.dumps(told)) == told
    assert list(told)[:5] == ["text", "value", "unit", "interval", "confidence"]
    assert told["presence"] == {"cup": 1.0}
    assert "parts" not in told
    for text in (
        "which is nearer, the cup or the plate?",
        "where are the cups?",
        "segment the cup and count the plates",
    ):
        told = ask(text).to_json()
        assert json.loads(json.dumps(told)) == told
    assert [part["want"] for part in told["parts"]] == ["map", "count"]


def test_notes_are_kept():
    (note,) = ask("is the cup more than 5 m away?").notes
    assert "the distance is told" in note


class Meter(Specialist):
    name, supported_tasks = "meter", {"metric-depth": "all"}

    def infer(self, photo):
        return DepthOutput(np.full(photo.shape[:2], 2.0, np.float32), "metric")


class Detector(Specialist):
    name, supported_tasks = "detector", {"detect": "cups"}

    def infer(self, photo):
        boxes = np.array([[0, 0, 20, 20], [50, 50, 70, 70], [90, 90, 99, 99]], np.float32)
        scores = np.array([0.9, 0.8, 0.1], np.float32)
        return InstanceOutput(boxes, scores, np.zeros(3, int), ("cup",), photo.shape[:2])


def test_specialists():
    answer = plantain.ask(PHOTO, "depth", wrap(Meter()))
    assert isinstance(answer.value, Depth)
    with pytest.raises(UsageError, match="meter answers metric-depth, not refer"):
        plantain.ask(PHOTO, "how far is the cup?", wrap(Meter()))
    counted = plantain.ask(PHOTO, "count the cups", wrap(Detector()))
    assert counted.value == 2
    assert counted.confidence == pytest.approx(0.9 * 0.8 * 0.9)
    assert plantain.ask(PHOTO, "where are the cups?", wrap(Detector())).value == ((0, 0, 20, 20), (50, 50, 70, 70))


@pytest.mark.parametrize("text", ["", "what breed is the dog?", "optical flow", "depth up to -3 m to 2 m"])
def test_texts_that_are_refused(text):
    one = world()
    with pytest.raises(UsageError):
        ask(text, one)
    assert not one.painted


def test_bad_photos_cameras_and_options():
    with pytest.raises(PhotoError):
        plantain.ask("no-such.jpg", "depth", world().model)
    for camera in ({"fov_deg": 200.0}, {"focal_px": -1.0}, {"fov_deg": 60.0, "focal_px": 100.0}):
        one = world()
        with pytest.raises(UsageError):
            ask("point cloud", one, **camera)
        assert not one.painted
    with pytest.raises(UsageError, match="unknown option 'sampels'"):
        ask("depth", sampels=3)


def test_every_want_has_a_row():
    assert set(ANSWERS) == set(get_args(Want))


# ---- sizes


@pytest.mark.parametrize(("text", "value", "unit"), [
    ("how tall is the cup?", 0.8, "m"),
    ("width of the plate in cm", 120, "cm"),
    ("how long is the plate?", 1.2, "m"),
    ("how big is the cup in mm?", (800, 800), "mm"),
])  # fmt: skip
def test_the_size_of_a_thing_is_its_extent_at_its_depth(text, value, unit):
    """40 x 40 and 60 x 60 pixels at 2 m before a lens of 100 pixels."""
    answer = ask(text, world(cup=2.0, plate=2.0), focal_px=100.0)
    assert answer.value == pytest.approx(value, rel=2 * ERROR)
    assert (answer.unit, answer.want) == (unit, "size")
    assert all(part.interval[0] <= part.value <= part.interval[1] for part in answer.parts or (answer,))


def test_sizes_want_a_camera_and_a_thing():
    one = world()
    with pytest.raises(UsageError, match=r"the height of the cup needs the camera: give --fov .* or --focal"):
        ask("how tall is the cup?", one)
    assert not one.painted
    assert ask("how tall is the dog?", focal_px=100.0).value is None
    assert ask("how tall is the lamp?", world(lamp=np.inf), focal_px=100.0).value is None
    cut = World({"cup": box(0, 40, 60, 80)}, at({"cup": 2.0}, {"cup": box(0, 40, 60, 80)}))
    assert "beyond the picture" in str(ask("how wide is the cup?", cut, focal_px=100.0))


# ---- gates


def test_a_gate_on_confidence():
    text = "which is nearer, the cup or the plate?"
    even = world(cup=2.0, plate=2.0)  # a coin
    answer = ask(text, even, min_confidence=0.8)
    assert (answer.value, answer.gated) == (None, True)
    assert str(answer).startswith("not sure enough (confidence 0.5")
    assert "it would be: the cup is nearer than the plate" in str(answer)
    told = answer.to_json()
    assert (told["value"], told["gated"]) == (None, True)
    assert "gated" not in ask(text, even, min_confidence=0.4).to_json()
    assert ask("how far are the cup and the plate?", even, min_confidence=0.4).value[0] is not None


def test_a_gate_on_presence():
    """Half of a cup's weight is painted: it is there with about one half."""
    one = world()
    paint = one.paint

    def faint(photo, prompt, seed):
        rgb = paint(photo, prompt, seed)
        return rgb if "depth" in prompt else (rgb * 0.62).astype(np.uint8)

    model = plantain.load("function", paint=faint)
    free = plantain.ask(PHOTO, "how far is the cup?", model)
    assert free.value is not None
    assert 0.2 < free.presence < 0.9
    gated = plantain.ask(PHOTO, "how far is the cup?", model, min_presence=0.9)
    assert (gated.value, gated.gated) == (None, True)
    assert "90 % are wanted" in str(gated)
    assert not plantain.ask(PHOTO, "is there a cup?", model, min_presence=0.9).gated
    for wrong in (-0.1, 1.5):
        with pytest.raises(UsageError, match="from 0 to 1"):
            ask("is there a cup?", min_presence=wrong)


# ---- points


POINTS = {"nose": (40.0, 50.0), "left wrist": (30.0, 70.0), "right wrist": (50.0, 70.0)}


def posed(things, points=None):
    """A world with the named points of a person."""
    one = World(things)
    paint = one.paint

    def with_points(photo, prompt, seed):
        task = parse(prompt)
        if not isinstance(task, KeypointDetection):
            return paint(photo, prompt, seed)
        known = POINTS | (points or {})
        xy = np.array([known.get(name, (np.nan, np.nan)) for name in task.points], np.float32)
        seen = np.isfinite(xy).all(axis=1)
        sure = np.ones((HEIGHT, WIDTH), np.float32)
        truth = Keypoints(xy=xy, visible=seen, names=task.points, scores=seen.astype(np.float32), confidence=sure)
        return task.encode(truth)

    return plantain.load("function", paint=with_points)


def test_points_of_what_is_no_person_are_refused():
    answer = plantain.ask(PHOTO, "keypoints: nose, left wrist, right wrist", posed({"cup": CUP}))
    assert answer.value is None
    assert "the person: not found, so no points" in str(answer)
    whole = plantain.ask(PHOTO, "keypoints: nose, left wrist, right wrist", posed({"person": CUP}))
    assert isinstance(whole.value, Keypoints)
    assert whole.confidence > 0.8
    assert str(whole).startswith("3 of 3 points seen")


def test_one_skeleton_over_two_people_is_doubted():
    two = posed({"person": [CUP, PLATE]}, {"right wrist": (130.0, 70.0)})
    answer = plantain.ask(PHOTO, "keypoints: nose, left wrist, right wrist", two)
    assert answer.confidence == pytest.approx(2 / 3, abs=0.1)
    assert "of which 67 % lie on one person" in str(answer)


def test_the_camera_that_a_photo_names(tmp_path):
    """A lens of 26 mm on film: 26 / 43.267 of the diagonal of 180 x 120 pixels; 40 pixels at 2 m are .615 m.
    A photo without a camera is an error of its own, and the others go on."""
    exif = Image.Exif()
    exif[0x8769] = {0xA405: 26}
    Image.fromarray(PHOTO).save(tmp_path / "phone.png", exif=exif)
    Image.fromarray(PHOTO).save(tmp_path / "sent.png")
    one = world(cup=2.0)
    answer = plantain.ask(tmp_path / "phone.png", "how tall is the cup?", one.model)
    assert answer.value == pytest.approx(2.0 * 40 / (26 / 43.2666 * 216.333), rel=2 * ERROR)
    said = plantain.ask(tmp_path / "phone.png", "how tall is the cup?", one.model, focal_px=100.0)
    assert said.value == pytest.approx(0.8, rel=2 * ERROR)
    plan = planned(read_plan("how tall is the cup?"), one.model, Terms())
    photos = [(name, tmp_path / f"{name}.png") for name in ("sent", "phone", "sent", "sent", "phone", "sent")]
    told = list(each(photos, plan, one.model, PredictOptions()))
    assert [one.id for one in told] == [name for name, _ in photos]
    assert [one.error is None for one in told] == [name == "phone" for name, _ in photos]
    assert "the photo says none itself" in str(told[0].error)


def test_a_photo_is_read_once_for_several_questions(tmp_path, monkeypatch):
    Image.fromarray(PHOTO).save(tmp_path / "a.png")
    read, reads = jobs.read_photo, []
    monkeypatch.setattr(jobs, "read_photo", lambda photo: reads.append(photo) or read(photo))
    one = world()
    plan = planned(read_plan("segment the cup, how far is it, and normals"), one.model, Terms())
    assert len(plan.tasks) == 3
    monkeypatch.setattr(one.model.painter, "call", lambda photo, prompt, seed: np.zeros_like(photo))
    photos = [(str(i), tmp_path / "a.png") for i in range(3)]
    assert len(list(each(photos, plan, one.model, PredictOptions()))) == 3
    assert len(reads) == 3


class Many(Painter):
    """A world's painter that is given several requests at once, and counts how many."""

    identity = Identity("many")
    capabilities = Capabilities(batch=4)

    def __init__(self, one):
        self.one, self.counts = one, []

    def canvas(self, width, height):
        return width, height

    def paint(self, requests):
        self.counts.append(len(requests))
        return [Painting(self.one.paint(r.photo, r.prompt, r.seed)) for r in requests]


def test_questions_about_several_photos_are_painted_together():
    one = world()
    painter = Many(one)
    plan = planned(read_plan("how far is the cup?"), wrap(painter), Terms())
    told = list(each([(str(i), PHOTO) for i in range(6)], plan, wrap(painter), PredictOptions()))
    alone = plantain.ask(PHOTO, "how far is the cup?", one.model)
    assert [answer.answer.value for answer in told] == [alone.value] * 6
    assert sum(painter.counts) == 12
    assert max(painter.counts) == 4
