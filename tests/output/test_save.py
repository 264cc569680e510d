"""Saving: all files or none; and the exporters, held against pycocotools, supervision and readers written by hand."""

from __future__ import annotations

import errno
import io
import json
import os
import struct
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image

import plantain.files
from plantain.data.coco_masks import decode_rle
from plantain.data.readers.folder import read_folder
from plantain.errors import MissingExtra, OutputError, UnknownName, UsageError
from plantain.models.identity import Identity
from plantain.models.painting import Painting
from plantain.output import formats as export
from plantain.output import save
from plantain.predictions.boxes import boxes_around, xywh
from plantain.predictions.types import Alpha, Depth, Instances, Keypoints, Labels, Normals, Panoptic

PHOTO = np.random.default_rng(0).integers(0, 255, (6, 8, 3)).astype(np.uint8)
SURE = np.full((6, 8), 0.9, np.float32)
PAINTING = Painting(PHOTO, identity=Identity("tiny"), prompt="how far", task="metric-depth", code="cube/1", seed=4)
MASKS = np.zeros((2, 6, 8), bool)
MASKS[0, 1:3, 1:4] = True
MASKS[1, 2:6, 3:8] = True


def depth(**changes):
    metres = np.linspace(0.5, 9.9, 48, dtype=np.float32).reshape(6, 8)
    made = Depth(values=metres, valid=metres < 9, confidence=SURE, painting=PAINTING, stem="room", task="metric-depth")
    return replace(made, **changes)


def things(**changes):
    made = Instances(
        boxes=np.array([[1, 1, 4, 3], [3, 2, 8, 6]], np.float32),
        labels=np.array([0, 1]),
        classes=("cup", "plate"),
        scores=np.array([0.9, 0.6], np.float32),
        masks=MASKS,
        confidence=SURE,
        stem="table",
        task="instances",
    )
    return replace(made, **changes)


def body():
    xy = np.array([[4.5, 1.5], [2.5, 3.5], [6.5, 3.5], [np.nan, np.nan]], np.float32)  # centers of pixels
    return Keypoints(
        xy=xy,
        visible=np.array([True, True, True, False]),
        names=("nose", "left eye", "right eye", "tail"),
        scores=np.array([0.9, 0.8, 0.7, 0.0], np.float32),
        confidence=SURE,
        task="keypoints",
    )


def labels(**changes):
    ids = np.repeat(np.array([[0, 0, 0, 1, 1, 1, -1, 2]], np.int16), 6, axis=0)
    return replace(
        Labels(ids=ids, classes=("wall", "floor", "bed", "sky"), confidence=SURE, task="semantic"), **changes
    )


def panoptic():
    segments = np.zeros((6, 8), np.int32)
    segments[:, 7] = 1
    return Panoptic(
        ids=labels().ids,
        classes=labels().classes,
        confidence=SURE,
        segments=segments,
        segment_labels=np.array([2]),
        segment_scores=np.array([0.75], np.float32),
        task="panoptic",
    )


EVERY_KIND = {
    "metric": (depth(), {"metres", "valid", "confidence"}),
    "affine": (depth(scale="affine", task="relative-depth"), {"relative", "valid", "confidence"}),
    "normals": (
        Normals(
            xyz=np.float32([0, 0, 1]) * np.ones((6, 8, 1), np.float32), valid=SURE > 0, confidence=SURE, task="normals"
        ),
        {"xyz", "valid", "confidence"},
    ),
    "labels": (labels(), {"ids", "classes", "confidence"}),
    "unmixed": (
        labels(probabilities=np.full((6, 8, 4), 0.25, np.float32)),
        {"ids", "classes", "confidence", "probabilities"},
    ),
    "panoptic": (
        panoptic(),
        {"ids", "classes", "confidence", "segments", "segment_labels", "segment_scores"},
    ),
    "instances": (things(), {"masks", "boxes", "labels", "classes", "scores", "confidence"}),
    "boxes": (things(masks=None, task="detect"), {"boxes", "labels", "classes", "scores", "confidence"}),
    "keypoints": (body(), {"xy", "visible", "names", "scores", "confidence"}),
    "alpha": (
        Alpha(alpha=MASKS.astype(np.float32), names=("mug", "pan"), confidence=SURE, task="refer"),
        {"alpha", "names", "confidence"},
    ),
}


@pytest.mark.parametrize("name", EVERY_KIND)
def test_every_kind_is_saved_with_its_keys(name, tmp_path):
    answer, keys = EVERY_KIND[name]
    paths = save.save(replace(answer, stem="room", painting=PAINTING), tmp_path, PHOTO)
    base = f"room.{answer.task}"
    assert {role: path.name for role, path in paths.items()} == {
        "painting": f"{base}.png",
        "overlay": f"{base}.overlay.png",
        "arrays": f"{base}.npz",
    }
    assert sorted(os.listdir(tmp_path)) == sorted(path.name for path in paths.values())
    with np.load(paths["arrays"]) as arrays:
        assert keys <= set(arrays)
    back = type(answer).from_npz(paths["arrays"])
    assert (back.stem, back.task, set(back.arrays())) == ("room", answer.task, keys)
    np.testing.assert_array_equal(np.asarray(Image.open(paths["painting"])), PHOTO)
    assert Image.open(paths["overlay"]).width >= 360


def test_the_painting_keeps_its_provenance(tmp_path):
    paths = depth().save(tmp_path)
    back = Painting.load(paths["painting"])
    assert (back.model, back.prompt, back.seed, back.code) == ("tiny", "how far", 4, "cube/1")


def test_an_answer_that_was_not_painted_has_no_painting(tmp_path):
    assert set(depth(painting=None).save(tmp_path)) == {"overlay", "arrays"}


# ---- one file that people name ----


@pytest.mark.parametrize("ending", [".png", ".JPG", ".webp"])
def test_a_picture_that_is_named_is_that_picture(ending, tmp_path):
    target = tmp_path / "deep" / f"x{ending}"
    assert depth().save(target, PHOTO) == {"overlay": target}
    assert [path.name for path in target.parent.iterdir()] == [target.name]
    with Image.open(target) as picture:
        assert picture.size == save.overlay(depth(), PHOTO).size
        assert picture.format == {".png": "PNG", ".JPG": "JPEG", ".webp": "WEBP"}[ending]


def test_arrays_that_are_named_are_those_arrays(tmp_path):
    assert depth().save(tmp_path / "x.npz") == {"arrays": tmp_path / "x.npz"}
    assert Depth.from_npz(tmp_path / "x.npz").task == "metric-depth"
    with pytest.raises(UsageError, match="one file, and kitti, mm are several"):
        save.save(depth(), tmp_path / "y.png", format=["kitti", "mm"])
    (tmp_path / "old.png").mkdir()
    assert depth().save(tmp_path / "old.png")["arrays"].parent == tmp_path / "old.png", "a folder stays a folder"
    assert depth().save(tmp_path / "v1.2")["arrays"].parent == tmp_path / "v1.2"


# ---- nothing half-written ----


def full_disk(*_args, **_options):
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.mark.parametrize(
    "place",
    [
        "plantain.predictions.npz.write",
        "PIL.Image.Image.save",
        "plantain.output.save.publish",
        "plantain.files.mkdtemp",
    ],
)
def test_a_full_disk_is_one_line_and_leaves_nothing(place, tmp_path, monkeypatch):
    monkeypatch.setattr(place, full_disk)
    with pytest.raises(OutputError, match=r"cannot write .*room.*: No space left on device; ") as refusal:
        depth().save(tmp_path / "room")
    assert "\n" not in str(refusal.value)
    assert ".plantain-" not in str(refusal.value)
    assert not list((tmp_path / "room").iterdir())


def test_a_disk_that_fills_up_keeps_the_older_answer(tmp_path, monkeypatch):
    depth().save(tmp_path)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    monkeypatch.setattr("plantain.predictions.npz.write", full_disk)
    with pytest.raises(OutputError):
        depth(valid=SURE < 0).save(tmp_path)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_a_file_where_the_folder_should_be(tmp_path):
    (tmp_path / "taken").write_text("x")
    with pytest.raises(OutputError, match="cannot write"):
        depth().save(tmp_path / "taken" / "out")
    with pytest.raises(OutputError, match="cannot write"):
        depth().save(tmp_path / "taken")


def test_an_interrupt_leaves_nothing(tmp_path, monkeypatch):
    def stop(*_args):
        raise KeyboardInterrupt

    monkeypatch.setattr("plantain.predictions.npz.write", stop)
    with pytest.raises(KeyboardInterrupt):
        depth().save(tmp_path)
    assert not list(tmp_path.iterdir())


def test_the_arrays_are_moved_last_and_an_older_one_goes_first(tmp_path, monkeypatch):
    depth().save(tmp_path)
    moved = []
    real = Path.replace
    monkeypatch.setattr(Path, "replace", lambda self, to: (moved.append(Path(to)), real(self, to))[1])
    monkeypatch.setattr(Path, "unlink", lambda self, **_: moved.append(Path("gone") / self.name))
    depth().save(tmp_path)
    ours = [path.name for path in moved if path.parent in (tmp_path, Path("gone"))]
    assert ours[0] == ours[-1] == "room.metric-depth.npz"
    assert len(ours) == 4


def test_sweep_takes_what_dead_processes_left_and_nothing_else(tmp_path):
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    (tmp_path / f".plantain-{dead.pid}-abc").mkdir()
    (tmp_path / f".plantain-{dead.pid}-abc" / "x.png").write_text("half")
    (tmp_path / f".plantain-{os.getpid()}-abc").mkdir()
    (tmp_path / ".plantain-notes-1").mkdir()
    assert plantain.files.sweep(tmp_path) == 1
    assert sorted(os.listdir(tmp_path)) == sorted([f".plantain-{os.getpid()}-abc", ".plantain-notes-1"])


# ---- depth formats ----


def test_sixteen_bit_depth(tmp_path):
    metres = np.array([[0.0, 1.0, 2.5, 70.0, 300.0, np.inf, 0.0001, 3.0]], np.float32)
    answer = Depth(values=metres, valid=np.array([[True] * 7 + [False]]), confidence=np.ones((1, 8), np.float32))
    kitti = np.asarray(Image.open(export.write_kitti_depth(answer, tmp_path / "k.png")))
    mm = np.asarray(Image.open(export.write_millimetre_depth(answer, tmp_path / "m.png")))
    assert kitti.dtype == mm.dtype == np.uint16
    assert kitti.tolist() == [[0, 256, 640, 17920, 0, 0, 1, 0]]
    assert mm.tolist() == [[0, 1000, 2500, 0, 0, 0, 1, 0]]


def test_relative_depth_is_never_written_as_metres(tmp_path):
    for write in (export.write_kitti_depth, export.write_millimetre_depth):
        with pytest.raises(UsageError, match="relative"):
            write(depth(scale="affine"), tmp_path / "x.png")
    with pytest.raises(UsageError, match="not instances"):
        export.write_kitti_depth(things(), tmp_path / "x.png")
    assert not list(tmp_path.iterdir())


def read_ply(path):
    raw = path.read_bytes()
    head, _, data = raw.partition(b"end_header\n")
    lines = head.decode().split("\n")
    count = next(int(line.split()[-1]) for line in lines if line.startswith("element vertex"))
    rows = [struct.unpack_from("<fff3B", data, i * 15) for i in range(count)]
    assert len(data) == 15 * count
    return lines, np.array(rows)


def test_point_cloud(tmp_path):
    answer = Depth(values=np.full((3, 5), 2.0, np.float32), valid=np.ones((3, 5), bool), confidence=np.ones((3, 5)))
    photo = np.arange(45, dtype=np.uint8).reshape(3, 5, 3)
    lines, rows = read_ply(export.write_ply(answer, tmp_path / "a.ply", photo, focal_px=4))
    assert lines[:2] == ["ply", "format binary_little_endian 1.0"]
    np.testing.assert_allclose(rows[0], [-1.0, 0.5, -2.0, 0, 1, 2])  # (0 - 2) * 2 / 4, (1 - 0) * 2 / 4
    np.testing.assert_allclose(rows[7], [0.0, 0.0, -2.0, 21, 22, 23])
    _, wide = read_ply(export.write_ply(answer, tmp_path / "b.ply", fov_deg=90))
    np.testing.assert_allclose(wide[4], [2 * 2 / 2.5, 2 / 2.5, -2.0, 128, 128, 128], rtol=1e-6)
    _, few = read_ply(export.write_ply(depth(), tmp_path / "c.ply", PHOTO, fov_deg=60))
    assert len(few) == int(depth().valid.sum())


@pytest.mark.parametrize(
    "camera",
    [{}, {"focal_px": 3.0, "fov_deg": 60.0}, {"focal_px": 0.0}, {"fov_deg": 180.0}, {"focal_px": float("nan")}],
)
def test_a_point_cloud_needs_one_sensible_camera(camera, tmp_path):
    with pytest.raises(UsageError):
        export.write_ply(depth(), tmp_path / "a.ply", **camera)
    with pytest.raises(UsageError):
        depth().save(tmp_path) and save.save(depth(), tmp_path / "out", format=["ply"], **camera)
    assert not (tmp_path / "out").exists()


# ---- COCO ----

masks = hnp.arrays(bool, hnp.array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=40))


@settings(max_examples=200)
@given(masks)
def test_run_lengths_are_those_of_pycocotools(mask):
    theirs = pytest.importorskip("pycocotools.mask")
    ours = export.rle(mask)
    assert ours["counts"] == theirs.encode(np.asfortranarray(mask.astype(np.uint8)))["counts"].decode()
    np.testing.assert_array_equal(theirs.decode(ours), mask)
    plain = theirs.frPyObjects(export.rle(mask, compressed=False), *mask.shape)
    np.testing.assert_array_equal(theirs.decode(plain), mask)
    assert xywh(boxes_around(mask[None]))[0].tolist() == theirs.toBbox(ours).tolist()


@settings(max_examples=100)
@given(st.lists(st.integers(0, 2**27), min_size=1, max_size=40))
def test_long_runs_are_written_like_pycocotools(counts):
    theirs = pytest.importorskip("pycocotools.mask")
    height = 1 << 15
    rle = theirs.frPyObjects({"size": [height, (sum(counts) // height) + 1], "counts": counts}, height, 1)
    assert rle["counts"].decode() == export.rle_string(counts)


def load_coco(content, tmp_path, capsys):
    coco = pytest.importorskip("pycocotools.coco")
    path = tmp_path / "coco.json"
    path.write_text(json.dumps(content))
    return coco.COCO(str(path))


def test_pycocotools_reads_and_scores_our_file(tmp_path, capsys):
    cocoeval = pytest.importorskip("pycocotools.cocoeval")
    content = export.coco_json([things(), things()], ["a.jpg", "b.jpg"])
    coco = load_coco(content, tmp_path, capsys)
    assert [c["name"] for c in coco.loadCats(coco.getCatIds())] == ["cup", "plate"]
    np.testing.assert_array_equal(coco.annToMask(coco.loadAnns([2])[0]).astype(bool), MASKS[1])
    assert coco.loadAnns([2])[0]["bbox"] == [3, 2, 5, 4]
    assert coco.loadAnns([2])[0]["area"] == 20
    keep = ("image_id", "category_id", "segmentation", "bbox", "score")
    found = coco.loadRes([{key: annotation[key] for key in keep} for annotation in content["annotations"]])
    for kind in ("segm", "bbox"):
        judge = cocoeval.COCOeval(coco, found, kind)
        judge.evaluate()
        judge.accumulate()
        judge.summarize()
        assert judge.stats[0] == pytest.approx(1.0)
    capsys.readouterr()


def outcome(name, prediction=None, files=None, error=None):
    job = SimpleNamespace(id=name.rsplit(".", 1)[0], stem=Path(name).stem)
    image = f"photos/{name}"
    return SimpleNamespace(job=job, image=image, prediction=prediction, files=files or {}, error=error)


def test_many_outcomes_are_one_file(tmp_path):
    """Categories are those of the question, also where a photo shows none of them; answers that were there already are
    read from their files; failures are left out."""
    kept = save.save(things(classes=("fork", "cup", "plate"))[:1], tmp_path)
    every = [
        outcome("a/1.jpg", things(classes=("fork", "cup", "plate"))[:0]),
        outcome("b/1.png", files=kept),
        outcome("c.jpg", error=UsageError("no")),
        outcome("d.webp", things(classes=("fork", "cup", "plate"))),
    ]
    content = export.coco_annotations(iter(every))
    assert [(c["id"], c["name"]) for c in content["categories"]] == [(1, "fork"), (2, "cup"), (3, "plate")]
    assert [(i["id"], i["file_name"]) for i in content["images"]] == [(1, "a/1.jpg"), (2, "b/1.png"), (3, "d.webp")]
    assert [(a["id"], a["image_id"], a["category_id"]) for a in content["annotations"]] == [
        (1, 2, 1), (2, 3, 1), (3, 3, 2),
    ]  # fmt: skip
    np.testing.assert_array_equal(decode_rle(content["annotations"][0]["segmentation"]), MASKS[0])
    twice = export.coco_annotations([every[0], every[0]])
    assert [i["file_name"] for i in twice["images"]] == ["a/1.jpg", "photos/a/1.jpg"]
    written = save.save(things(classes=("plate", "cup")), tmp_path / "coco", format=["coco"])  # in another order
    more = export.coco_annotations([*every, outcome("e.jpg", files={"coco": written["coco"]})])
    assert [a["category_id"] for a in more["annotations"][-2:]] == [3, 2]
    assert (more["images"][-1]["id"], more["annotations"][-1]["image_id"]) == (4, 4)
    assert export.coco_annotations([]) == {"images": [], "annotations": [], "categories": []}


def test_numbers_of_classes_are_the_same_in_every_format(tmp_path):
    """Only the third of four classes is there."""
    answer = labels(ids=np.full((6, 8), 2, np.int16))
    files = save.save(answer, tmp_path, format=["coco", "panoptic"])
    coco = json.loads(files["coco"].read_text())
    panoptic_rows = json.loads(files["panoptic"].with_suffix(".json").read_text())
    assert [(c["id"], c["name"]) for c in coco["categories"]] == list(enumerate(answer.classes, 1))
    assert [(c["id"], c["name"]) for c in panoptic_rows["categories"]] == list(enumerate(answer.classes, 1))
    assert [a["category_id"] for a in coco["annotations"]] == [3]
    assert [s["category_id"] for s in panoptic_rows["segments_info"]] == [3]


def test_our_own_reader_reads_our_own_coco(tmp_path):
    (tmp_path / "images").mkdir()
    Image.fromarray(PHOTO).save(tmp_path / "images" / "table.png")
    named = save.save(things(), tmp_path / "out", tmp_path / "images" / "table.png", format=["coco"])
    (tmp_path / "annotations.json").write_text(named["coco"].read_text())
    (example,) = read_folder(tmp_path)
    found = example.truth("instances")
    assert found.classes == ("cup", "plate")
    np.testing.assert_array_equal(found.masks, MASKS)
    np.testing.assert_array_equal(found.boxes, things().boxes)


def test_our_own_reader_reads_our_own_keypoints(tmp_path):
    (tmp_path / "images").mkdir()
    Image.fromarray(PHOTO).save(tmp_path / "images" / "photo.png")
    named = save.save(body(), tmp_path / "out", tmp_path / "images" / "photo.png", format=["coco"])
    (tmp_path / "annotations.json").write_text(named["coco"].read_text())
    (example,) = read_folder(tmp_path)
    back = example.truth("keypoints")
    np.testing.assert_allclose(back.xy, body().xy)
    assert back.names == body().names


def test_categories_go_by_name_across_photos():
    content = export.coco_json([things(), things(classes=("plate", "fork"))])
    assert [c["name"] for c in content["categories"]] == ["cup", "plate", "fork"]
    assert [a["category_id"] for a in content["annotations"]] == [1, 2, 2, 3]


def test_other_areas_become_annotations():
    of_labels = export.coco_json([labels()])
    assert [c["name"] for c in of_labels["categories"]] == ["wall", "floor", "bed", "sky"]  # no sky in the picture
    assert [a["area"] for a in of_labels["annotations"]] == [18, 18, 6]
    alpha = Alpha(
        alpha=np.stack([MASKS[0] * 0.9, np.zeros((6, 8))]).astype(np.float32),
        names=("mug", "fork"),
        confidence=SURE,
        presence={"mug": 0.8, "fork": 0.1},
    )
    (only,) = export.coco_json([alpha])["annotations"]
    assert (only["bbox"], only["score"]) == ([1, 1, 3, 2], pytest.approx(0.8))
    boxes = export.coco_json([things(masks=None)])["annotations"]
    assert "segmentation" not in boxes[0]
    assert boxes[0]["area"] == 6
    for wrong in (depth(), EVERY_KIND["normals"][0]):
        with pytest.raises(UsageError, match="has no areas"):
            export.coco_json([wrong])


def test_a_body_is_one_annotation():
    content = export.coco_json([body()])
    (category,), (annotation,) = content["categories"], content["annotations"]
    assert category["keypoints"] == ["nose", "left eye", "right eye", "tail"]
    assert sorted(map(sorted, category["skeleton"])) == [[1, 2], [1, 3], [2, 3]]
    assert annotation["keypoints"] == [4, 1, 2, 2, 3, 2, 6, 3, 2, 0, 0, 0]
    assert (annotation["num_keypoints"], annotation["bbox"]) == (3, [2.5, 1.5, 4, 2])
    nobody = replace(body(), visible=np.zeros(4, bool))
    assert export.coco_json([nobody])["annotations"] == []


# ---- panoptic ----


def ids_in(image):
    rgb = np.asarray(image).astype(int)
    return rgb[..., 0] + 256 * rgb[..., 1] + 65536 * rgb[..., 2]


def test_panoptic_of_things_and_stuff():
    image, info = export.panoptic_png(panoptic())
    ids = ids_in(image)
    assert [(s["category"], s["isthing"], s["area"], s["bbox"]) for s in info] == [
        ("bed", 1, 6, [7, 0, 1, 6]),
        ("wall", 0, 18, [0, 0, 3, 6]),
        ("floor", 0, 18, [3, 0, 3, 6]),
    ]
    assert [int((ids == s["id"]).sum()) for s in info] == [6, 18, 18]
    assert set(np.unique(ids)) == {0, *(s["id"] for s in info)}
    assert info[0]["score"] == pytest.approx(0.75)


def test_stuff_that_is_numbered_is_still_stuff():
    """As in COCO's own panoptic files, where every segment has a number: 0 of 4 walls are things."""
    numbered = replace(
        panoptic(),
        segments=(labels().ids + 1).astype(np.int32),
        segment_labels=np.array([0, 1, 2]),
        segment_scores=np.ones(3, np.float32),
        things=("bed", "sky"),
    )
    info = export.panoptic_png(numbered)[1]
    assert [(s["id"], s["category"], s["isthing"]) for s in info] == [(1, "wall", 0), (2, "floor", 0), (3, "bed", 1)]
    assert [s["isthing"] for s in export.panoptic_png(replace(numbered, things=None))[1]] == [1, 1, 1]


def test_panoptic_files_list_things_and_stuff(tmp_path):
    path = export.write_panoptic(replace(panoptic(), things=("bed", "sky")), tmp_path / "x.png")
    rows = json.loads(path.with_suffix(".json").read_text())["categories"]
    assert [(r["id"], r["name"], r["isthing"]) for r in rows] == [
        (1, "wall", 0), (2, "floor", 0), (3, "bed", 1), (4, "sky", 1),
    ]  # fmt: skip


def test_the_surer_instance_is_on_top():
    ids = ids_in(export.panoptic_png(things())[0])
    np.testing.assert_array_equal(ids == 1, MASKS[0])
    np.testing.assert_array_equal(ids == 2, MASKS[1] & ~MASKS[0])


def test_panoptic_needs_areas(tmp_path):
    with pytest.raises(UsageError, match="boxes only"):
        export.panoptic_png(things(masks=None))
    with pytest.raises(UsageError, match="not depth"):
        export.panoptic_png(depth())
    path = export.write_panoptic(things(), tmp_path / "x.png")
    assert json.loads((tmp_path / "x.json").read_text())["file_name"] == path.name


# ---- supervision ----


def test_to_supervision():
    supervision = pytest.importorskip("supervision")
    found = things().to_supervision()
    assert isinstance(found, supervision.Detections)
    np.testing.assert_array_equal(found.mask, MASKS)
    assert found.data["class_name"].tolist() == ["cup", "plate"]
    np.testing.assert_array_equal(found.xyxy, things().boxes)
    assert len(labels().to_supervision()) == 3
    points = body().to_supervision()
    assert points.xy.shape == (1, 4, 2)
    assert np.isfinite(points.xy).all()
    assert len(replace(things(), boxes=np.zeros((0, 4), np.float32), labels=np.zeros(0, int), scores=np.zeros(0),
                       masks=np.zeros((0, 6, 8), bool)).to_supervision()) == 0  # fmt: skip
    with pytest.raises(UsageError):
        depth().to_supervision()


def test_without_supervision_the_error_says_the_pip_command(monkeypatch):
    monkeypatch.setitem(sys.modules, "supervision", None)
    with pytest.raises(MissingExtra, match="pip install 'supervision"):
        things().to_supervision()


# ---- formats beside the three ----


def test_formats_are_written_with_the_rest(tmp_path):
    paths = save.save(depth(), tmp_path, PHOTO, format=["kitti", "mm", "ply"], fov_deg=60)
    names = {"kitti": ".kitti.png", "mm": ".mm.png", "ply": ".ply"}
    for role, ending in names.items():
        assert paths[role].name == f"room.metric-depth{ending}"
        assert paths[role].exists()
    paths = save.save(things(), tmp_path, format=["coco", "panoptic"])
    assert json.loads(paths["coco"].read_text())["annotations"][0]["score"] == pytest.approx(0.9)
    assert (tmp_path / "table.instances.panoptic.json").exists()


def test_formats_that_do_not_suit_are_refused_before_anything_is_written(tmp_path):
    with pytest.raises(UnknownName, match="did you mean 'kitti'"):
        save.save(depth(), tmp_path, format=["kiti"])
    with pytest.raises(UsageError, match="holds metric depth, not instances"):
        save.save(things(), tmp_path, format=["mm"])
    with pytest.raises(UsageError, match="relative"):
        save.save(depth(scale="affine"), tmp_path, format=["mm"])
    assert not list(tmp_path.iterdir())


def test_an_empty_answer_is_exported_too(tmp_path):
    nothing = things(
        boxes=np.zeros((0, 4), np.float32),
        labels=np.zeros(0, int),
        scores=np.zeros(0, np.float32),
        masks=np.zeros((0, 6, 8), bool),
    )
    paths = save.save(nothing, tmp_path, PHOTO, format=["coco", "panoptic"])
    assert json.loads(paths["coco"].read_text())["annotations"] == []
    assert not ids_in(Image.open(io.BytesIO(paths["panoptic"].read_bytes()))).any()
