"""Errors: one small tree, one line each, and names that people nearly got right."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plantain import errors, extras
from plantain.errors import (
    CodeMismatch,
    MissingExtra,
    OutputError,
    PainterError,
    PhotoError,
    PlantainError,
    TruthError,
    UnknownName,
    UsageError,
)

TASKS = ["metric-depth", "relative-depth", "normals", "semantic", "keypoints"]


def test_the_tree_is_the_one_drawn_in_the_docstring():
    made = {n: c for n, c in vars(errors).items() if isinstance(c, type) and issubclass(c, Exception)}
    assert all(name in errors.__doc__ for name in made)
    assert all(issubclass(c, PlantainError) for c in made.values())
    assert {c for c in made.values() if issubclass(c, UsageError)} == {
        UsageError, UnknownName, MissingExtra, CodeMismatch
    }  # fmt: skip
    for other in (PhotoError, TruthError, PainterError, OutputError):
        assert not issubclass(other, UsageError)


@pytest.mark.parametrize(
    ("got", "nearest"),
    [
        ("metric dept", ["metric-depth"]),
        ("Metric Depth", ["metric-depth"]),
        ("METRIC_DEPTH", ["metric-depth"]),
        ("normal", ["normals"]),
        ("depth", ["relative-depth", "metric-depth"]),
        ("sematnic", ["semantic"]),
    ],
)
def test_the_nearest_name_is_said(got, nearest):
    said = str(UnknownName("task", got, TASKS))
    assert said.startswith(f"unknown task {got!r}; did you mean ")
    assert said.split("?")[0].count("'") // 2 - 1 <= 3
    assert any(repr(name) in said.split("?")[0] for name in nearest)
    assert said.endswith("(known: metric-depth, relative-depth, normals, semantic, keypoints)")


def test_nothing_is_suggested_where_nothing_is_near():
    assert str(UnknownName("set", "zzzz", TASKS[:2])) == "unknown set 'zzzz'; (known: metric-depth, relative-depth)"
    assert str(UnknownName("class", "a", ())) == "unknown class 'a'; (known: )"


@given(st.text(max_size=80), st.lists(st.text(max_size=20), max_size=10))
def test_any_text_can_be_unknown(got, known):
    said = str(UnknownName("name", got, known))
    assert said.startswith(f"unknown name {got!r}; ")


def test_a_missing_extra_names_all_packages_that_the_extra_lacks(monkeypatch):
    """Plantain is on no index, so `pip install` of its own name would fail or bring somebody else's package."""
    declared = ["torch>=2.6; extra == 'train'", "numpy>=2.0", 'onnx>=1.17; extra == "train"', "h5py; extra == 'eval'"]
    monkeypatch.setattr(extras.metadata, "requires", lambda name: declared)
    monkeypatch.setattr(extras, "version", lambda package: None)
    said = str(MissingExtra("torch", "train"))
    assert "'torch'" in said
    assert said.endswith("run: pip install 'torch>=2.6' 'onnx>=1.17'")
    assert extras.lacking(None) == []
    monkeypatch.setattr(extras, "version", lambda package: "1.0")
    assert str(MissingExtra("torch", "train")).endswith("run: pip install 'torch'")


def test_a_mismatch_names_both_codes():
    said = str(CodeMismatch("cube/1", "log-gray/1"))
    assert "made with code 'cube/1'" in said
    assert "'log-gray/1' was asked for" in said
