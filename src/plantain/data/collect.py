"""More photographs for training, out of any folder tree: a set beside the others, without near copies of test pictures.

    git clone https://github.com/thunderInfy/imagenette && git -C imagenette checkout b850f030
    python -m plantain.data.collect imagenette DATA imagenette --most 1100
    python -m plantain.data.collect caltech/101_ObjectCategories DATA caltech --most 34
    python -m plantain.data.collect VOCdevkit/person/JPEGImages DATA voc --labels VOCdevkit/person/SegmentationClass

The shortest side becomes 256 pixels (never enlarged), WebP at quality 52: about 6 kB a photo. A photo is left out whose
256-bit difference hash is within NEAR bits of a test picture's, or within TWIN bits of a photo that is kept already.
"""

from __future__ import annotations

import argparse
import io
import json
import random
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image

from plantain._shapes import UInt8
from plantain.data.excerpts import SETS, read
from plantain.errors import PhotoError
from plantain.imaging.photo import open_picture

NEAR, TWIN = 20, 12  # bits of 256
SHORT, LONG = 256, 384  # pixels
NARROWEST = 96  # pixels of the shorter side: less shows too little
ENDINGS = {".jpg", ".jpeg", ".png", ".webp"}


def difference_hash(image: Image.Image) -> UInt8[np.ndarray, "32"]:
    """256 bits: whether each of 16 x 16 cells is darker than its right neighbor."""
    gray = np.asarray(image.convert("L").resize((17, 16), Image.Resampling.BOX), np.int16)
    return np.packbits((gray[:, 1:] > gray[:, :-1]).ravel())


def bits_apart(one: UInt8[np.ndarray, "32"], others: UInt8[np.ndarray, "n 32"]) -> int:
    """The fewest bits in which a hash differs from any of the others; 256 where there are none."""
    return int(np.bitwise_count(others ^ one).sum(1).min(initial=256))


def test_hashes(data: Path) -> UInt8[np.ndarray, "n 32"]:
    """Hashes of every picture that is reported on."""
    hashes = []
    for name in SETS:
        for split in ("dev_test", "test_dev", "val"):
            try:
                examples = read(data, name, split)
            except PhotoError:  # this set has no such split, or is not there
                continue
            for example in examples:
                with open_picture(example.photo) as image:
                    hashes.append(difference_hash(image))
    if not hashes:
        raise PhotoError(f"no test pictures under {data}; give the excerpt folder, so that near copies can be told")
    return np.stack(hashes)


def collect(source: Path, data: Path, name: str, most: int | None = None, labels: Path | None = None) -> Counter[str]:
    """Writes DATA/NAME/images, index.json and, with a folder of label PNGs, labels; gives how many photographs were
    kept and left out, and why."""
    tests = test_hashes(data)
    kept, count, rows = np.zeros((0, 32), np.uint8), Counter[str](), []
    for path in _shuffled(source, most, labels):
        with open_picture(path) as image:
            small = shrunk(image.convert("RGB"))
            own = difference_hash(image)
        width, height = small.size
        if min(width, height) < NARROWEST:
            count["too small"] += 1
        elif bits_apart(own, tests) <= NEAR:
            count["near a test picture"] += 1
        elif bits_apart(own, kept) <= TWIN:
            count["twice"] += 1
        else:
            count["kept"] += 1
            kept = np.concatenate([kept, own[None]])
            rows.append(_write(small, path, source, data / name, labels))
    if not rows:
        raise PhotoError(f"no photographs to keep under {source}: {dict(count)}")
    meta = {"source": str(source.name), "hash": f"near copies within {NEAR} of 256 bits are left out"}
    (data / name / "index.json").write_text(json.dumps({"meta": meta, "images": rows}))
    return count


def shrunk(image: Image.Image) -> Image.Image:
    """The shortest side at most SHORT pixels, the longest at most LONG."""
    scale = min(1.0, SHORT / min(image.size), LONG / max(image.size))
    if scale == 1:
        return image
    width, height = (round(side * scale) for side in image.size)
    return image.resize((width, height), Image.Resampling.LANCZOS)


def _shuffled(source: Path, most: int | None, labels: Path | None) -> Iterator[Path]:
    """Photographs in random order, at most `most` of a folder, only those with labels where labels are given."""
    found = sorted(p for p in source.rglob("*") if p.suffix.lower() in ENDINGS)
    random.Random(1).shuffle(found)
    seen = Counter[Path]()
    for path in found:
        if labels is not None and not (labels / f"{path.stem}.png").exists():
            continue
        seen[path.parent] += 1
        if most is None or seen[path.parent] <= most:
            yield path


def _write(small: Image.Image, path: Path, source: Path, target: Path, labels: Path | None) -> dict[str, object]:
    id_ = "-".join(path.relative_to(source).with_suffix("").parts)
    (target / "images").mkdir(parents=True, exist_ok=True)
    content = io.BytesIO()
    small.save(content, "WEBP", quality=52, method=4)
    (target / "images" / f"{id_}.webp").write_bytes(content.getvalue())
    if labels is not None:
        (target / "labels").mkdir(exist_ok=True)
        with Image.open(labels / f"{path.stem}.png") as image:
            image.resize(small.size, Image.Resampling.NEAREST).save(target / "labels" / f"{id_}.png", optimize=True)
    width, height = small.size
    return {"id": id_, "split": "train", "w": width, "h": height, "photo": f"images/{id_}.webp"}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source", type=Path)
    parser.add_argument("data", type=Path)
    parser.add_argument("name")
    parser.add_argument("--most", type=int, help="photographs of one folder")
    parser.add_argument("--labels", type=Path, help="a folder of label PNGs with the photographs' names")
    given = parser.parse_args()
    print(dict(collect(given.source, given.data, given.name, given.most, given.labels)))
