"""`plantain show`: recordings, read back by Rerun's own reader."""

from __future__ import annotations

import json

import numpy as np
import pytest
from PIL import Image

pytest.importorskip("rerun", reason="the extra `show` is not installed")

from rerun.chunk import RrdReader

from plantain.cli import main
from plantain.output import recording
from plantain.predictions.types import Alpha, Depth, Instances, Keypoints, Labels, Normals

H, W = 6, 8
SURE = np.ones((H, W), np.float32)
METRES = np.linspace(1, 3, H * W, dtype=np.float32).reshape(H, W)
VALID = np.ones((H, W), bool)
VALID[0, 0] = False


def answers() -> dict[str, object]:
    about = {"confidence": SURE}
    mask = np.zeros((1, H, W), bool)
    mask[0, 1:4, 2:5] = True
    body = ("left hip", "left knee")
    return {
        "depth": Depth(values=METRES, valid=VALID, **about),
        "normals": Normals(xyz=np.tile(np.float32([0, 0, 1]), (H, W, 1)), valid=VALID, **about),
        "classes": Labels(ids=np.where(mask[0], 1, -1), classes=("wall", "cup"), **about),
        "things": Instances(boxes=np.float32([[2, 1, 5, 4]]), labels=np.zeros(1, int), classes=("cup",),
                            scores=np.float32([0.75]), masks=mask, **about),
        "points": Keypoints(xy=np.float32([[1, 1], [4, 5]]), visible=np.ones(2, bool), names=body,
                            scores=np.ones(2, np.float32), **about),
        "matte": Alpha(alpha=mask.astype(np.float32), names=("the cup",), **about),
    }  # fmt: skip


def read(path) -> dict[str, dict[str, object]]:
    """Place -> component -> value, of everything in a recording."""
    found: dict[str, dict[str, object]] = {}
    for chunk in RrdReader(str(path)).stream():
        batch = chunk.to_record_batch()
        for name in batch.schema.names:
            if ":" in name and (value := batch.column(name)[0].as_py()) is not None:
                found.setdefault(str(chunk.entity_path), {})[name] = value
    return found


def test_every_kind_is_told_to_rerun(tmp_path) -> None:
    photo = np.arange(H * W * 3, dtype=np.uint8).reshape(H, W, 3)
    views = [
        recording.View(name, answer, photo, 10.0 if name == "depth" else None) for name, answer in answers().items()
    ]
    told = read(recording.write(views, tmp_path / "x.rrd"))
    camera = told["/depth/camera"]
    assert camera["Pinhole:resolution"] == [[W, H]]
    assert camera["Pinhole:image_from_camera"][0][0] == 10.0  # the focal length
    assert told["/depth/camera/depth"]["DepthImage:meter"] == [1.0]
    raw = np.frombuffer(bytes(told["/depth/camera/depth"]["DepthImage:buffer"][0]), np.float32).reshape(H, W)
    assert np.array_equal(raw, np.where(VALID, METRES, 0))
    xyz = np.array(told["/depth/space/points"]["Points3D:positions"])
    rows, columns = np.nonzero(VALID)
    z = METRES[VALID]
    by_hand = np.stack([(columns - (W - 1) / 2) * z / 10, (rows - (H - 1) / 2) * z / 10, z], -1)  # x right, y down
    assert np.allclose(xyz, by_hand, atol=1e-5)
    red, green, blue = photo[0, 1].tolist()
    assert told["/depth/space/points"]["Points3D:colors"][0] >> 8 == red << 16 | green << 8 | blue
    assert "EncodedImage:blob" in told["/depth/camera/photo"] and "EncodedImage:blob" in told["/things/photo"]
    assert told["/things/things"]["Boxes2D:labels"] == ["cup 0.75"]
    assert told["/things/things"]["Boxes2D:half_sizes"] == [[1.5, 1.5]]
    ids = np.frombuffer(bytes(told["/classes/classes"]["SegmentationImage:buffer"][0]), np.uint16).reshape(H, W)
    assert set(np.unique(ids)) == {0, 2} and (ids == 2).sum() == 9
    assert told["/points/points"]["Points2D:labels"] == ["left hip", "left knee"]
    assert told["/points/bones"]["LineStrips2D:strips"] == [[[4.0, 5.0], [1.0, 1.0]]]
    assert {"/matte/mask/the-cup", "/normals/normals", "/classes/confidence"} <= set(told)
    assert RrdReader(str(tmp_path / "x.rrd")).blueprints()  # windows are laid out


def test_answers_of_the_command_line_find_their_photo(tmp_path, capsys) -> None:
    Image.fromarray(np.zeros((H, W, 3), np.uint8)).save(tmp_path / "photo.png")
    answers()["depth"].to_npz(tmp_path / "a.metric-depth.npz")
    here = [str(tmp_path / "a.metric-depth.npz"), "-o", str(tmp_path / "x.rrd")]
    assert main(["show", *here, "--photo", str(tmp_path / "photo.png")]) == 0
    out, err = capsys.readouterr()
    assert json.loads(out)["answers"] == 1 and "no camera is known, 60 degrees" in err
    focal = read(tmp_path / "x.rrd")["/a.metric-depth/camera"]["Pinhole:image_from_camera"][0][0]
    assert focal == pytest.approx(W / 2 / np.tan(np.radians(30)))
    for more, said in ((["--fov", "200"], "between 0 and 180"), (["--photo", "gone.png"], "gone.png")):
        assert main(["show", *here, *more]) == 2
        assert said in capsys.readouterr().err
    assert main(["show", "gone.npz"]) == 2 and "no such answer: gone.npz" in capsys.readouterr().err
    assert main(["show", here[0], "-o", "x.png"]) == 2 and "a recording ends in .rrd" in capsys.readouterr().err
