"""What stands behind the page, without Gradio: readings, doubts, agreement, examples, layers, files, what is kept."""

from __future__ import annotations

import io
import json
import math
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from plantain.answers.types import Answer
from plantain.errors import PlantainError, UsageError
from plantain.models.painting import Painting
from plantain.output.formats import points
from plantain.predictions.types import Alpha, Depth, Instances, Keypoints, Labels, Normals
from plantain.serve.page.compare import agreement
from plantain.serve.page.doubts import doubts, uncalibrated
from plantain.serve.page.examples import Dropped, read_dropped
from plantain.serve.page.files import write_all, write_cloud
from plantain.serve.page.kept import KeptAnswer, KeptAnswers
from plantain.serve.page.readings import apart, facing, in_space, reading
from plantain.serve.page.understood import refused, understood
from plantain.serve.page.views import layers
from plantain.serve.settings import Limits
from plantain.tasks.language.parsing import interpret
from plantain.tasks.language.reader import read_plan

SIZE = (60, 80)  # height, width
SURE = np.full(SIZE, 0.8, np.float32)
ON = SURE > 0


def depth(metres=2.0, **more) -> Depth:
    values = np.broadcast_to(np.float32(metres), SIZE).copy()
    return Depth(values=values, valid=ON.copy(), confidence=SURE, task="metric-depth", **more)


def kept(*predictions, said="it", confidence=0.8, **more) -> KeptAnswer:
    answer = Answer(said, None, None, None, confidence, predictions, "map")
    return KeptAnswer("me", "kitchen", np.full((*SIZE, 3), 90, np.uint8), answer, "fake", **more)


# ---- at a point


def test_what_is_read_at_a_point_is_what_stands_there() -> None:
    far = depth()
    far.values[10, 20], far.valid[5, 5] = 3.456, False
    assert reading(far, (20.9, 10.2)) == "3.46 m away; confidence 0.80, fairly sure"
    assert reading(far, (5, 5)).startswith("no depth here")
    assert "no meters" in reading(replace(far, scale="affine"), (20, 10))
    ids = np.zeros(SIZE, int)
    ids[:, 40:] = -1
    classes = Labels(ids=ids, classes=("wall", "floor"), confidence=SURE)
    assert [reading(classes, (x, 0)).split(";")[0] for x in (39.9, 40)] == ["wall", "none of the classes"]
    boxes = np.array([[0, 0, 30, 30], [20, 20, 60, 50]], np.float32)
    cups = Instances(
        boxes=boxes, labels=np.zeros(2, int), classes=("cup",), scores=np.array([0.9, 0.6]), confidence=SURE
    )
    assert reading(cups, (25, 25)).startswith("cup 1, score 0.90; cup 2, score 0.60;")
    assert reading(cups, (70, 55)).startswith("no thing here")
    mask = Alpha(alpha=np.full((1, *SIZE), 0.63, np.float32), names=("the cup",), confidence=SURE)
    assert reading(mask, (1, 1)).startswith("the cup 63%")
    eyes = Keypoints(xy=np.array([[10, 10], [50, 10]], np.float32), visible=np.array([True, True]),
                     names=("left eye", "right eye"), scores=np.ones(2, np.float32), confidence=SURE)  # fmt: skip
    assert reading(eyes, (53, 14)).startswith("right eye is 6 pixels away")  # from the pixel's center: 3.5 and 4.5
    with pytest.raises(UsageError, match="not in the picture"):
        reading(far, (80, 0))


def test_directions_in_words() -> None:
    up = np.broadcast_to(np.array([0, 0.6, 0.8], np.float32), (*SIZE, 3))
    assert reading(Normals(xyz=up, valid=ON, confidence=SURE), (3, 3)).startswith("faces up and to the camera (x 0.00")
    assert facing((0.8, 0, -0.6)).startswith("faces right and away from the camera")


def test_two_points_are_as_far_apart_as_pythagoras_says() -> None:
    """90 degrees wide: f = 40 pixels. (40, 30) is the middle: (0, 0, 3); (60, 30) at 4 m is 2 m to the right."""
    seen = depth()
    seen.values[30, 40], seen.values[30, 60] = 3.0, 4.0
    assert apart(seen, (40, 30), (60, 30), 40.0) == f"{math.hypot(2, 1):.2f} m apart"
    assert apart(seen, (40, 30), (60, 30), None).startswith(
        "the second point is 1.00 m farther away than the first; say"
    )
    assert apart(seen, (60, 30), (40, 30), None).startswith("the second point is 1.00 m nearer than the first")
    seen.valid[30, 40] = False
    assert apart(seen, (40, 30), (60, 30), 40.0) == "no depth at one of the points"


def test_points_in_space_are_those_of_the_point_cloud() -> None:
    seen = depth(np.linspace(1, 5, SIZE[1]))
    cloud, valid = points(seen, 55.0)
    row, column = 12, 71
    place = np.flatnonzero(np.flatnonzero(valid) == row * SIZE[1] + column)[0]
    assert in_space(seen, (column + 0.5, row + 0.5), float(seen.values[row, column]), 55.0) == pytest.approx(
        cloud[place]
    )


# ---- what is said


def test_every_text_that_is_proposed_is_understood() -> None:
    told = understood("fnd the cups")
    assert told.refused and told.better
    assert all(not understood(text).refused for text in told.better)
    assert understood("how far aprt are the cup and the spoon").better
    edit = understood("remove the cup")
    assert edit.edit and "the tab Edit" in edit.refused and not edit.better
    assert understood(" ") == understood("")
    assert "in ft" in understood("how far is the cup in feet?").lines[0]
    assert refused("no examples here").refused == "no examples here"


def test_answers_that_are_not_to_be_believed_say_so() -> None:
    mask = Alpha(alpha=np.zeros((1, *SIZE), np.float32), names=("dog",), confidence=SURE, presence={"dog": 0.1})
    good = replace(mask, presence={"dog": 0.9})
    answers = [replace(kept(one).answer, want="distance", names=("dog",)) for one in (good, mask)]
    assert doubts(answers[0]) == []
    assert doubts(answers[1]) == ["The dog is probably not in this photo (10% that it is)."]
    assert "Do not act on it" in doubts(kept(good, confidence=0.3).answer)[0]
    half = np.where(np.arange(SIZE[1]) < 40, np.float32(0.1), np.float32(1)) + np.zeros(SIZE, np.float32)
    assert doubts(kept(replace(depth(), confidence=half)).answer)[0].startswith("50% of the metric depth is unsure")
    parts = (Answer("first", 1, None, None, 0.9, ()), Answer("second", 2, None, None, 0.2, ()))
    assert doubts(Answer("both", None, None, None, 0.2, (), parts=parts)) == [
        "Second: confidence 0.20, a guess. Do not act on it."
    ]
    assert uncalibrated(kept(depth()).answer, {}) == ["confidence of metric depth not checked against truths"]
    assert uncalibrated(kept(depth()).answer, {"metric-depth": None}) == []


def test_agreement_is_what_the_metrics_say() -> None:
    assert agreement(depth(2.2), depth(2.0)) == (
        "they differ by 10% (median); 100% of the pixels within a factor of 1.25"
    )
    left, right = np.zeros((2, 1, *SIZE), np.float32)
    left[..., :40], right[..., 20:60] = 1, 1  # 20 of 60 columns in common
    masks = [Alpha(alpha=one, names=("cup",), confidence=SURE) for one in (left, right)]
    assert agreement(*masks) == "cup: IoU 0.33"
    ids = [np.where(np.arange(SIZE[1]) < x, 0, 1) + np.zeros(SIZE, int) for x in (40, 60)]
    maps = [Labels(ids=one, classes=("wall", "floor"), confidence=SURE) for one in ids]
    assert agreement(*maps) == "75% of the pixels have the same class in both; mean IoU 0.58"  # (40/60 + 20/40) / 2
    with pytest.raises(UsageError, match="cannot be held against each other"):
        agreement(depth(), masks[0])


# ---- what is kept, shown and written


def test_the_shelf_is_bounded_and_everybodys_own() -> None:
    one = kept(depth())
    answers = KeptAnswers(room=int(1.5 * one.bytes))
    first, second = answers.put(one), answers.put(one)
    assert one.bytes == 80 * 60 * (3 + 4 + 4 + 1)
    assert answers.get(second, "me") is one
    for name, owner in ((first, "me"), (second, "you"), (None, "me"), (["x"], "me")):
        with pytest.raises(UsageError, match="not kept any more"):
            answers.get(name, owner)
    small = KeptAnswers(room=1)
    assert small.get(small.put(one), "me") is one


def test_layers_show_the_painting_color_by_color() -> None:
    """Of a canvas with padding the photo's part alone, every color as it was painted."""
    pixels = np.zeros((90, 80, 3), np.uint8)
    pixels[15:75] = np.random.default_rng(0).integers(0, 256, (60, 80, 3))
    where = {"photo": [80, 60], "canvas": [80, 90], "box": [0, 15, 80, 75]}
    shown = layers(kept(depth(painting=Painting(pixels, geometry=where)), depth()))
    assert [(one.about, one.view) for one in shown] == [
        ("", "photo"), ("metric depth", "answer"), ("metric depth", "painting"), ("metric depth", "confidence"),
        ("metric depth 2", "answer"), ("metric depth 2", "confidence"),
    ]  # fmt: skip
    assert len({one.image.size for one in shown}) == 1
    painted = np.asarray(shown[2].image.resize((80, 60), Image.Resampling.NEAREST))
    assert (painted == pixels[15:75]).all()
    assert (np.asarray(shown[3].image) == round(0.8 * 255)).all()


def test_files_are_all_there_and_in_the_archive(tmp_path) -> None:
    mask = Alpha(alpha=np.ones((1, *SIZE), np.float32), names=("the cup",), confidence=SURE, task="refer")
    written = write_all(kept(depth(), mask, focal_px=50.0), tmp_path / "a")
    names = [path.name for path in written]
    assert names[0] == "kitchen.zip"
    assert set(zipfile.ZipFile(written[0]).namelist()) == set(names[1:])
    of_depth = {f"kitchen.metric-depth.{ending}" for ending in ("npz", "mm.png", "overlay.png", "ply")}
    assert of_depth | {"kitchen.refer.mask.png", "kitchen.refer.cutout.png", "kitchen.answer.json"} <= set(names)
    assert (np.asarray(Image.open(tmp_path / "a/kitchen.metric-depth.mm.png")) == 2000).all()
    assert json.loads((tmp_path / "a/kitchen.answer.json").read_text())["model"] == "fake"
    two = write_all(kept(depth(), depth(), names=("one", "two")), tmp_path / "b")
    assert {"kitchen.one.metric-depth.npz", "kitchen.two.metric-depth.npz"} <= {path.name for path in two}


def test_points_for_the_browser(tmp_path) -> None:
    path, line, _ = write_cloud(kept(depth(), focal_px=50.0), tmp_path)
    assert b"element vertex 4800\n" in path.read_bytes()[:200] and "4,800 of 4,800" in line
    for one, said in ((kept(depth()), "need the camera"), (kept(focal_px=50.0), "made of metric depth")):
        with pytest.raises(UsageError, match=said):
            write_cloud(one, tmp_path)


# ---- examples


def dropped(folder: Path, **pictures) -> list[Dropped]:
    """Files by name ("one_jpg"), made of arrays."""
    files = []
    for name, array in pictures.items():
        path = folder / name.replace("__", ".")
        Image.fromarray(array).save(path)
        files.append(Dropped(path.name, path))
    return files


PHOTO = np.full((*SIZE, 3), 90, np.uint8)
MASK = np.zeros(SIZE, np.uint8)
MASK[:, 30:] = 255


@pytest.mark.parametrize("answer", ["one__png", "one_mask__png", "one__labels__png"])
def test_photos_and_answers_are_told_apart_by_their_names(answer, tmp_path) -> None:
    task = interpret("segment the crack")
    files = dropped(tmp_path, one__jpg=PHOTO, **{answer: MASK})
    ((photo, truth),) = read_dropped(files, task, tmp_path / "out", Limits())
    assert photo.name == "one.jpg"
    assert (truth.masks[0] == (MASK > 0)).all()


def test_class_numbers_are_those_of_the_question(tmp_path) -> None:
    task = interpret("segment crack, plate")
    files = dropped(tmp_path, a__png=PHOTO, a_labels__png=np.uint8(MASK > 0))
    ((_, truth),) = read_dropped(files, task, tmp_path / "out", Limits())
    assert truth.classes == ("crack", "plate")
    assert (truth.ids == (MASK > 0)).all()


def test_an_archive_is_read_wherever_its_folder_lies_and_never_leads_out(tmp_path) -> None:
    inside = io.BytesIO()
    with zipfile.ZipFile(inside, "w") as archive:
        for name, array in (("set/images/a.png", PHOTO), ("set/masks/a.png", MASK)):
            out = io.BytesIO()
            Image.fromarray(array).save(out, "PNG")
            archive.writestr(name, out.getvalue())
        archive.writestr("images/../../evil.png", b"x")
        archive.writestr("set/readme.txt", b"x")
    (tmp_path / "x.zip").write_bytes(inside.getvalue())
    files = [Dropped("x.zip", tmp_path / "x.zip")]
    ((_, truth),) = read_dropped(files, interpret("segment the crack"), tmp_path / "out", Limits())
    assert (truth.masks[0] == (MASK > 0)).all()
    assert sorted(path.name for path in tmp_path.rglob("*") if path.is_file()) == ["a.png", "a.png", "x.zip"]
    with pytest.raises(PlantainError, match="unpacks to more than"):
        read_dropped(files, interpret("segment the crack"), tmp_path / "more", Limits(job_bytes=10))


@pytest.mark.parametrize(
    ("pictures", "said"),
    [
        ({}, "no examples were dropped"),
        ({"one__jpg": PHOTO}, "there is no answer among the files"),
        ({"one__jpg": PHOTO, "two_mask__png": MASK}, "two_mask.png has no photo of its name"),
        ({"one__jpg": PHOTO, "one__png": MASK[:20]}, "bring it to the photo's size"),
    ],
)
def test_wrong_examples_are_one_line(pictures, said, tmp_path) -> None:
    with pytest.raises(PlantainError, match=said) as error:
        for _, _truth in read_dropped(
            dropped(tmp_path, **pictures), interpret("segment the crack"), tmp_path / "o", Limits()
        ):
            pass
    assert "\n" not in str(error.value)


def test_no_archive_and_no_picture_are_one_line(tmp_path) -> None:
    (tmp_path / "x.zip").write_bytes(b"PK no")
    (tmp_path / "x.txt").write_bytes(b"hello")
    for name, said in (("x.zip", "the archive cannot be read"), ("x.txt", "neither a photo nor an answer")):
        with pytest.raises(UsageError, match=said):
            read_dropped([Dropped(name, tmp_path / name)], interpret("segment the crack"), tmp_path / "out", Limits())


def test_a_plan_with_several_questions_is_told_one_by_one() -> None:
    text = "segment the dog and tell me how far it is, in feet"
    assert len(understood(text).lines) == len(read_plan(text).questions) == 2
