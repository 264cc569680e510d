"""Labels of `plantain label`, read by other people's readers: supervision, pycocotools, FiftyOne, Datumaro (CVAT's).

    python benchmarks/label_readers.py write FOLDER [--photos DIR]      a set in each format, boxes and areas
    python benchmarks/label_readers.py read FOLDER                      by the readers that are installed here

FiftyOne and Datumaro want older packages than Plantain; give each an environment of its own, and run `read` there. What
a reader counts must be what `photos.jsonl` says: areas of each class, and their pixels within 5 % where it reads them.
Exit code 1 where it is not. FiftyOne's importers are run without its database.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

FORMATS = ("coco", "yolo", "voc", "labelme", "cvat", "fiftyone")
CLASSES = ("person", "cat", "cup", "wall")
Counts = dict[str, int]


def write(folder: Path, photos: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "classes.txt").write_text("\n".join(CLASSES) + "\n")
    for format in FORMATS:
        for task in ("segmentation", "boxes"):
            words = ["label", photos, "--classes", folder / "classes.txt", "--format", format, "--task", task]
            words += ["-o", folder / f"{format}-{task}", "--min-confidence", "0.2", "--min-presence", "0.2"]
            subprocess.run([sys.executable, "-m", "plantain", *map(str, words)], check=True)


# ---- each reader gives the labels of each class


def by_supervision(home: Path, format: str) -> Counts:
    import supervision

    kinds = supervision.DetectionDataset
    readers: dict[str, Callable[[], supervision.DetectionDataset]] = {
        "coco": lambda: kinds.from_coco(str(home / "images"), str(home / "annotations.json")),
        "fiftyone": lambda: kinds.from_coco(str(home / "data"), str(home / "labels.json")),
        "yolo": lambda: kinds.from_yolo(str(home / "images"), str(home / "labels"), str(home / "data.yaml")),
        "voc": lambda: kinds.from_pascal_voc(str(home / "JPEGImages"), str(home / "Annotations")),
        "labelme": lambda: kinds.from_labelme(str(home / "images"), str(home / "images")),
    }
    found = readers[format]()
    return Counter(found.classes[i] for one in found.annotations.values() for i in one.class_id)


def by_pycocotools(home: Path, format: str) -> Counts:
    from pycocotools.coco import COCO

    coco = COCO(str(home / ("labels.json" if format == "fiftyone" else "annotations.json")))
    for own in coco.anns.values():
        if own["segmentation"]:
            area = int(coco.annToMask(own).sum())
            assert abs(area - own["area"]) <= 0.05 * own["area"] + 1, (area, own["area"])
    return Counter(coco.cats[own["category_id"]]["name"] for own in coco.anns.values())


def by_fiftyone(home: Path, format: str) -> Counts:
    """By the importers of folders that `Dataset.from_dir` runs; the database that it then fills is not needed."""
    import fiftyone.utils.coco as coco
    import fiftyone.utils.cvat as cvat
    import fiftyone.utils.voc as voc
    import fiftyone.utils.yolo as yolo

    areas, root = home.name.endswith("segmentation"), str(home)
    kind = "segmentations" if areas else "detections"
    named = {"coco": ("images", "annotations.json"), "cvat": ("images", "annotations.xml"),
             "voc": ("JPEGImages", "Annotations")}  # fmt: skip
    paths = dict(zip(("data_path", "labels_path"), named.get(format, ()), strict=False))  # fiftyone: its own names
    makers: dict[str, Callable[[], Any]] = {
        "coco": lambda: coco.COCODetectionDatasetImporter(root, label_types=kind, **paths),
        "fiftyone": lambda: coco.COCODetectionDatasetImporter(root, label_types=kind),
        "yolo": lambda: yolo.YOLOv5DatasetImporter(
            root, yaml_path="data.yaml", split="train", label_type="polylines" if areas else "detections"
        ),
        "voc": lambda: voc.VOCDetectionDatasetImporter(root, **paths),
        "cvat": lambda: cvat.CVATImageDatasetImporter(root, **paths),
    }
    found = Counter[str]()
    with makers[format]() as importer:
        for path, _, labels in importer:
            assert Path(path).is_file()
            for own in labels.values() if isinstance(labels, dict) else [labels]:
                every = getattr(own, "detections", None) or getattr(own, "polylines", None) or ()
                found.update(one.label for one in every)
    return found


def by_datumaro(home: Path, format: str) -> Counts:
    from datumaro import Dataset

    kinds = {"cvat": "cvat", "voc": "voc_detection"}
    found = Dataset.import_from(str(home), kinds[format])
    names = [one.name for one in found.categories()[next(iter(found.categories()))].items]
    return Counter(names[one.label] for item in found for one in item.annotations)


READERS = {
    "supervision": (by_supervision, ("coco", "fiftyone", "yolo", "voc", "labelme")),
    "pycocotools": (by_pycocotools, ("coco", "fiftyone")),
    "fiftyone": (by_fiftyone, ("coco", "fiftyone", "yolo", "voc", "cvat")),
    "datumaro": (by_datumaro, ("cvat",)),
}


def told(home: Path) -> Counts:
    """What the set says of itself."""
    lines = [json.loads(line) for line in (home / "photos.jsonl").read_text().splitlines()]
    total = Counter[str]()
    for line in lines:
        total.update(line.get("labels", {}))
    return total


def read(folder: Path) -> int:
    """Every reader on every set. An area in several pieces is several polygons in YOLO, VOC and CVAT."""
    wrong = 0
    for name, (reader, formats) in READERS.items():
        if find_spec(name) is None:
            print(f"{name}: not installed here")
            continue
        for format in formats:
            for task in ("segmentation", "boxes"):
                home = folder / f"{format}-{task}"
                wanted, found = told(home), reader(home, format)
                pieces = task == "segmentation" and format in ("yolo", "voc", "cvat")
                right = set(found) == set(wanted) and all(
                    found[c] == n or (pieces and found[c] > n) for c, n in wanted.items()
                )
                wrong += not right
                print(f"{name} {format} {task}: {'ok' if right else 'WRONG'} {dict(found)}, said {dict(wanted)}")
    return int(wrong > 0)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("write", "read"))
    parser.add_argument("folder", type=Path)
    samples = Path(__file__).parent.parent / "src/plantain/samples"
    parser.add_argument("--photos", type=Path, default=samples)
    given = parser.parse_args()
    if given.what == "read":
        return read(given.folder)
    write(given.folder, given.photos)
    return 0


if __name__ == "__main__":
    sys.exit(main())
