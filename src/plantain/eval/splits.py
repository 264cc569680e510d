"""Which pictures the excerpt rows are scored on: how many, and the first digits of the SHA-256 of their ids."""

from __future__ import annotations

SPLITS: dict[str, tuple[int, str]] = {
    "nyu-excerpt": (327, "8e15f1900d800fe0"),
    "camvid-excerpt": (117, "227c896616ee7704"),
    "ade20k-excerpt": (234, "6e0c6f122454dd7d"),
    "animals-excerpt": (114, "cee4365b739c3d2f"),
    "faceparts-excerpt": (72, "2bec0264e9436ef1"),
    "kitti-excerpt": (26, "7e0a4593bae32c0d"),
    "people-excerpt": (179, "fc557424cdb41518"),
    "portraits-excerpt": (69, "b289831e3c9a6746"),
    "salient-excerpt": (99, "28957847edc91782"),
    "pose-excerpt": (65, "cad4b0c705deb251"),
    "faces-excerpt": (43, "0606e02323719f30"),
    "bsds-excerpt": (100, "956499da3222eb30"),
    "mattes-excerpt": (18, "fa7d8923e57f6d0f"),
    "coco-excerpt": (68, "4f6e3342caaed0e5"),
    "panoptic-excerpt": (38, "2149c03a5f6d810a"),
    "refer-excerpt": (156, "09539775249c2288"),
}
