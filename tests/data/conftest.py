"""A made excerpt folder: every set in its own layout, small, with truths that can be known by eye."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from pycocotools import mask as coco_mask

WIDE, HIGH = 48, 36
JOINTS = ["nose", "left_eye", "right_eye", "left_shoulder", "right_shoulder", "left_hip", "right_hip"]


def write(path: Path, content) -> None:
    """An array as a picture, anything else as JSON."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if isinstance(content, np.ndarray):
        Image.fromarray(content).save(path)
    else:
        path.write_text(content if isinstance(content, str) else json.dumps(content))


def photo(path: Path, size=(WIDE, HIGH), seed=0) -> None:
    small = np.random.default_rng(seed).integers(0, 256, (6, 8, 3), dtype=np.uint8)
    write(path, np.asarray(Image.fromarray(small).resize(size, Image.Resampling.BICUBIC)))


def halves(left, right, kind=np.uint8, size=(WIDE, HIGH)) -> np.ndarray:
    out = np.full(size[::-1], left, kind)
    out[:, size[0] // 2 :] = right
    return out


def packed(*counts) -> str:
    """Run lengths as COCO's annotations compress them."""
    return coco_mask.frPyObjects({"size": [HIGH, WIDE], "counts": list(counts)}, HIGH, WIDE)["counts"].decode()


def rows(*names, **more):
    """Two of the split "train" and one of "dev_test"."""
    return [
        {"id": n, "split": "train" if i < 2 else "dev_test", "w": WIDE, "h": HIGH} | {k: v[i] for k, v in more.items()}
        for i, n in enumerate(names)
    ]


def indexed(root: Path, name: str, images: list, **meta) -> Path:
    folder = root / name
    write(folder / "index.json", {"meta": meta, "images": images})
    for i, row in enumerate(images):
        photo(folder / "images" / f"{row['id']}.jpg", seed=i)
    return folder


def build(root: Path) -> Path:
    _labelled(root)
    _masks(root)
    _things(root)
    _points(root)
    _words(root)
    return root


def _labelled(root: Path) -> None:
    names40 = ["unlabelled", "wall", "floor", *(f"thing {i}" for i in range(38))]
    meta = {
        "names40": names40,
        "names13": ["unlabelled", "floor", "wall", "objects"],
        "map40to13": [0, 2, 1, *[3] * 38],
    }
    write(root / "nyu" / "meta.json", meta)
    for split, stem, seed in (("train", "0001", 0), ("train", "0002", 1), ("test_dev", "0009", 2)):
        photo(root / f"nyu/{split}/images/{stem}.jpg", (320, 240), seed)
        write(root / f"nyu/{split}/depth/{stem}.png", halves(2000, 3500, np.uint16, (320, 240)))
        write(root / f"nyu/{split}/labels40/{stem}.png", halves(1, 0, np.uint8, (320, 240)))
        photo(root / f"camvid/{split}/images/{stem}.jpg", seed=seed)
        write(root / f"camvid/{split}/labels/{stem}.png", halves(2, 11))
        photo(root / f"bsds/{split}/images/{stem}.jpg", seed=seed)
        write(root / f"bsds/{split}/bounds/{stem}.png", halves(0b1010, 0))
        write(root / f"bsds/{split}/annotators.csv", "stem,annotators\n0001,4\n0002,5\n0009,9\n")
    names = ["Sky", "Building", "Column_Pole", "Road", "Pavement", "Tree", "SignSymbol", "Fence", "Car", "Pedestrian",
             "Bicyclist", "Unlabelled"]  # fmt: skip
    write(root / "camvid" / "classes.json", {"names": names})
    write(root / "bsds" / "test_dev" / "bounds" / "0009.png", halves(0b1_0000_0001, 0, np.uint16))
    folder = indexed(root, "kitti", rows("a", "b", "c", fx=[300.5, 301.0, 302.0]))
    for stem in "abc":
        write(folder / f"depth/{stem}.png", halves(0, 256 * 12, np.uint16))
    legends = {
        "ade20k": (["unlabelled", "wall", "screen", "sky", "screen"], halves(0, 4)),
        "animals": (["background", "cat", "dog"], halves(255, 2)),
        "faceparts": (["background", "left eye", "right eye"], halves(1, 2)),
        "voc": ([], halves(12, 15)),  # dogs and people; its classes are VOC's own
    }
    for name, (classes, stored) in legends.items():
        folder = indexed(root, name, rows("a", "b", "c"), classes=classes)
        for stem in "abc":
            write(folder / f"labels/{stem}.png", stored)
    folder = indexed(
        root, "people", rows("a", "b", "c", source=["ccp", "hsd", "ccp"]), ccp_labels=["null", "hat", "boots"]
    )
    for stem in "ac":
        write(folder / f"labels/{stem}.png", halves(0, 2))
    write(folder / "labels/b.png", halves(0, 1).astype(bool))


def _masks(root: Path) -> None:
    for name in ("portraits", "salient"):
        folder = indexed(root, name, rows("a", "b", "c"))
        for stem in "abc":
            write(folder / f"masks/{stem}.png", halves(False, True, bool))
    folder = indexed(root, "mattes", rows("a", "b", "c")[2:])
    write(folder / "alpha/c.png", halves(51, 255))
    write(folder / "trimap/c.png", halves(128, 255))


def _things(root: Path) -> None:
    box = [4, 6, 20, 6, 20, 30, 4, 30]
    anns = [
        {"c": 1, "b": [3.5, 6, 17, 24], "p": [box]},
        {"c": 9, "b": [0, 0, 1, 2], "rle": [0, 2, HIGH * WIDE - 2]},
        {"c": 5, "b": [30, 0, 9, 9], "rle": packed(40, 9, HIGH * WIDE - 49), "crowd": 1},
    ]
    images = [
        {"id": i, "file": f"images/{i:03d}.jpg", "split": split, "w": WIDE, "h": HIGH, "anns": anns if i < 2 else []}
        for i, split in enumerate(("train", "dev_test", "train"))
    ]
    images[0]["captions"] = ["a person", "somebody"]
    names = {"1": "person", "5": "airplane", "9": "boat"}
    write(root / "coco" / "annotations.json", {"meta": {"categories": names}, "images": images})
    for row in images:
        photo(root / "coco" / row["file"], seed=row["id"])
    segments = [[1, 0], [184, 0], [1, 1], [9, 0], [1, 0]]
    book = {"1": ["person", 1], "9": ["boat", 1], "184": ["tree-merged", 0]}
    folder = indexed(root, "panoptic", rows("a", "b", "c", segments=[segments] * 3), categories=book)
    numbered = np.zeros((HIGH, WIDE), np.uint8)
    numbered[:12], numbered[12:24, :24], numbered[12:24, 24:], numbered[24:30] = 2, 1, 3, 5  # 4 has no pixel left
    for stem in "abc":
        write(folder / f"segments/{stem}.png", numbered)
    person = {"p": [[box]] * 3, "b": [[4, 6, 16, 24]] * 3}
    points = [[10 + i, 8 + 2 * i, i % 3] for i in range(7)]
    indexed(root, "persons", rows("a", "b", "c", **person, k=[points, None, points]), keypoints=JOINTS)


def _points(root: Path) -> None:
    points = [[5 + 3 * i, 9 + 2 * i, int(i != 2)] for i in range(7)]
    indexed(root, "pose", rows("a", "b", "c", k=[points] * 3), keypoints=JOINTS)
    indexed(root, "faces", rows("a", "b", "c", k=[[[i / 2, i / 4] for i in range(68)]] * 3))


def _words(root: Path) -> None:
    indexed(root, "captions", rows("a", "b", "c", text=[["a dog", "it runs"]] * 3))
    indexed(root, "refer", rows("a", "b", "c", expressions=[[{"text": "the left cup", "box": None}]] * 3)[2:])
    images = [{"file": f"{place}/{i}.jpg", "w": WIDE, "h": HIGH} for i, place in enumerate(("rooms", "food"))]
    write(root / "photos" / "index.json", {"meta": {}, "images": images})
    for i, row in enumerate(images):
        photo(root / "photos" / row["file"], seed=i)


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("excerpts"))
