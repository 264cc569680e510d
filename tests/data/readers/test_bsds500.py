"""BSDS500 in its official folder, with .mat files as MATLAB writes them."""

from __future__ import annotations

import sys

import numpy as np
import pytest
from scipy.io import savemat
from set_trees import HIGH, WIDE, knows_its_splits, photo, refuses

from plantain.data.readers import read
from plantain.errors import MissingExtra, PhotoError
from plantain.eval.metrics.edges import EdgeMetric

COLUMNS = ([2], [2, 5], [5])  # where each of three annotators drew


def annotated(path, columns=COLUMNS):
    cells = np.empty((1, len(columns)), object)
    for place, drawn in enumerate(columns):
        lines = np.zeros((HIGH, WIDE), np.uint8)
        lines[:, drawn] = 1
        cells[0, place] = {"Segmentation": np.ones((HIGH, WIDE), np.uint16), "Boundaries": lines}
    path.parent.mkdir(parents=True, exist_ok=True)
    savemat(path, {"groundTruth": cells})


@pytest.fixture
def root(tmp_path):
    data = tmp_path / "BSR/BSDS500/data"
    for stem in ("100007", "2018"):
        photo(data / f"images/test/{stem}.jpg")
        annotated(data / f"groundTruth/test/{stem}.mat")
    annotated(data / "groundTruth/test/2018.mat", COLUMNS[:1])
    return tmp_path


def test_ids_are_numbers(root):
    assert [e.id for e in read("bsds500", root, "test")] == ["2018", "100007"]
    inner = root / "BSR/BSDS500/data"
    assert [e.photo for e in read("bsds500", inner, "test")] == [e.photo for e in read("bsds500", root, "test")]


def test_edges_are_the_share_of_annotators(root):
    one, three = read("bsds500", root, "test")
    np.testing.assert_allclose(three.truth("edges").alpha[0, 0], [0, 0, 2 / 3, 0, 0, 2 / 3, 0, 0])
    assert three.truth("edges").names == ("edges",)
    np.testing.assert_allclose(one.truth("edges").alpha[0, 0], [0, 0, 1, 0, 0, 0, 0, 0])


def test_annotators_apart(root):
    one, three = read("bsds500", root, "test")
    drawn = three.truth("annotators")
    assert drawn.names == ("annotator 1", "annotator 2", "annotator 3")
    for plane, columns in zip(drawn.masks, COLUMNS, strict=True):
        assert np.flatnonzero(plane.all(0)).tolist() == columns and plane.sum() == HIGH * len(columns)
    assert one.truth("annotators").masks.shape == (1, HIGH, WIDE)


def test_the_official_scorer_finds_its_maps(root):
    example = read("bsds500", root, "test")[1]
    metric = EdgeMetric(thresholds=5)
    counts = metric.measure(example.truth("edges").alpha[0], example.truth("annotators").masks)["counts"]
    assert counts[1].tolist() == [4 * HIGH] * 5, "boundary pixels of all annotators"


def test_without_scipy(root, monkeypatch):
    example = read("bsds500", root, "test")[0]
    monkeypatch.setitem(sys.modules, "scipy.io", None)
    with pytest.raises(MissingExtra, match=r"needs the package 'scipy'.*pip install"):
        example.truth("edges")


def test_another_mat_file(root):
    path = root / "BSR/BSDS500/data/groundTruth/test/2018.mat"
    savemat(path, {"ucm": np.zeros((3, 3))})
    with pytest.raises(PhotoError, match="no annotation of BSDS500"):
        read("bsds500", root, "test")[0].truth("edges")
    path.write_bytes(b"nothing")
    with pytest.raises(PhotoError, match="no annotation of BSDS500"):
        read("bsds500", root, "test")[0].truth("annotators")


def test_a_wrong_folder(root, tmp_path):
    refuses("bsds500", tmp_path / "none", "test", "images/test/*.jpg", "groundTruth/{train,val,test}/")
    (root / "BSR/BSDS500/data/groundTruth/test/100007.mat").unlink()
    refuses("bsds500", root, "test", "groundTruth/test/100007.mat", "images/{train,val,test}/")
    knows_its_splits("bsds500", root)
