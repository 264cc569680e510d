"""BSDS500 as published (BSR_bsds500.tgz): photos with the boundaries that several people drew. Needs scipy.

read_bsds500(root, "test")      # 200 photos of 481 x 321
"""

from __future__ import annotations

import zlib
from functools import partial
from pathlib import Path

import numpy as np

from plantain._shapes import Bool
from plantain.data.base import Example
from plantain.data.readers.base import Layout, full_confidence, in_order, need, step_in
from plantain.errors import MissingExtra, PhotoError
from plantain.predictions.types import Alpha

LAYOUT = Layout(
    "BSDS500",
    """\
BSR/BSDS500/data/
  images/{train,val,test}/100007.jpg
  groundTruth/{train,val,test}/100007.mat       a cell an annotator: Boundaries, Segmentation
""",
    needed=("images/{split}/*.jpg", "groundTruth/{split}/*.mat"),
    splits=("train", "val", "test"),
)


def read_bsds500(root: Path, split: str) -> list[Example]:
    """Photos with "edges", the share of annotators who drew here, and "annotators", one map each, which the official
    scorer takes. Fact: `ground_truth`, the path of the .mat file."""
    root = step_in(root, "BSR", "BSDS500", "data")
    LAYOUT.check(root, split)
    examples = []
    for photo in (root / "images" / split).glob("*.jpg"):
        path = need(root / "groundTruth" / split / f"{photo.stem}.mat", LAYOUT)
        truths = {"edges": partial(shared_edges, path), "annotators": partial(edges_apart, path)}
        examples.append(Example("bsds500", photo.stem, photo, split, truths, {"ground_truth": path}))
    return in_order(examples, LAYOUT)


def boundaries(path: Path) -> Bool[np.ndarray, "a h w"]:
    """Each annotator's boundaries from a .mat file; MissingExtra without scipy."""
    try:
        from scipy.io import loadmat
        from scipy.io.matlab import MatReadError
    except ImportError as error:
        raise MissingExtra("scipy", "eval") from error
    try:
        cells = loadmat(path)["groundTruth"].ravel()
        return np.stack([cell["Boundaries"][0, 0] > 0 for cell in cells])
    # scipy has no common error for a file that is cut, of another version (NotImplementedError) or no .mat at all
    except (OSError, ValueError, TypeError, LookupError, NotImplementedError, zlib.error, MatReadError) as error:
        raise PhotoError(f"{path} is no annotation of BSDS500 ({error}); download it again") from error


def shared_edges(path: Path) -> Alpha:
    """The share of annotators who drew a boundary at each pixel."""
    share = boundaries(path).mean(0, dtype=np.float32)
    return Alpha(alpha=share[None], names=("edges",), confidence=full_confidence(*share.shape))


def edges_apart(path: Path) -> Alpha:
    """One plane of 0 and 1 an annotator."""
    drawn = boundaries(path)
    names = tuple(f"annotator {number}" for number in range(1, len(drawn) + 1))
    return Alpha(alpha=drawn.astype(np.float32), names=names, confidence=full_confidence(*drawn.shape[1:]))
