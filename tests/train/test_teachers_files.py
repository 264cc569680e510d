"""Who may teach: files that were measured, by their hash."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("torch")
from plantain.errors import UsageError
from plantain.train import teach


def test_a_teacher_with_another_hash_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UsageError, match=r"has no deeplab_ade20k\.tflite"):
        teach.require_known(tmp_path)
    empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"  # SHA-256 of nothing
    monkeypatch.setattr(teach, "TEACHERS", {"net.onnx": teach.Teacher(empty, "MIT", "good")})
    (tmp_path / "net.onnx").write_bytes(b"")
    teach.require_known(tmp_path)
    (tmp_path / "net.onnx").write_bytes(b"other")
    with pytest.raises(
        UsageError, match=r"is not the teacher that was measured: its SHA-256 begins with \w{12}, not e3b0c4"
    ):
        teach.require_known(tmp_path)
