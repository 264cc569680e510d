"""`plantain serve` and `plantain mcp` refuse what would let everybody in, or cannot be."""

from __future__ import annotations

import socket

import pytest

from plantain.cli import main
from serve.served import picture


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["serve", "--host", "0.0.0.0"], "anybody could ask: give --keys FILE"),
        (["serve", "--keys", "none.txt"], "cannot read the keys in none.txt"),
        (["serve", "--keys", "empty.txt"], "no key in empty.txt"),
        (["serve", "--keys", "short.txt"], "at least 16 letters"),
        (["serve", "--max-seconds", "0"], "--max-seconds must be more than 0"),
        (["serve", "--model", "embeded"], "did you mean 'embedded'"),
        (["serve", "--also", "nobody"], "unknown model 'nobody'"),
        (["serve", "--port", "99999"], "from 0 to 65535"),
        (["serve", "--jobs", "postgresql://localhost/x"], "say with --state"),
        (["serve", "--jobs", "mysql://localhost/x", "--state", "s"], "at postgresql://USER@HOST/NAME, not mysql://"),
        (["serve", "--state", "empty.txt"], "cannot write in empty.txt"),
        (["serve", "--state", "torn"], "cannot keep jobs in torn/jobs.sqlite: file is not a database"),
        (["mcp", "--http", "--host", "0.0.0.0"], "anybody could ask"),
        (["mcp", "--folder", "none"], "no such folder: none"),
    ],
)
def test_wrong_starts_are_one_line(words, said, tmp_path, monkeypatch, capsys) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty.txt").write_text("# nothing\n")
    (tmp_path / "torn").mkdir()
    (tmp_path / "torn" / "jobs.sqlite").write_text("no database " * 100)
    (tmp_path / "short.txt").write_text("abc\n")
    assert main(words) == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1 and said in lines[0]


@pytest.mark.parametrize("words", [["serve", "--no-page"], ["mcp", "--http"]])
def test_a_port_that_is_taken_is_one_line(words, capsys) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        assert main([*words, "--port", str(port)]) == 2
    assert f"cannot listen at 127.0.0.1, port {port}: Address already in use" in capsys.readouterr().err


def test_a_specialist_is_served_too_but_paints_nothing(serving) -> None:
    """A model that answers in numbers alone: JSON and arrays, no painting."""
    import numpy as np

    from plantain.models.specialists.base import Specialist
    from plantain.pipeline.predictor import wrap
    from plantain.predictions.types import Depth
    from serve.served import code_of

    class Ruler(Specialist):
        name, supported_tasks = "ruler", {"metric-depth": "all"}

        def answer(self, photo, task):
            two = np.full(photo.shape[:2], 2, np.float32)
            return Depth(values=two, valid=two > 0, confidence=two / 2)

    client = serving(ruler=wrap(Ruler()))
    fields = {"task": "metric depth", "model": "ruler"}
    files = {"image": picture()}
    assert client.post("/v1/predict", files=files, data=fields).json()["result"]["median"] == 2
    assert [row["id"] for row in client.get("/v1/models").json()["data"]] == ["fake", "ruler"]
    painted = client.post("/v1/predict", files=files, data=fields, headers={"accept": "image/png"})
    edited = client.post("/v1/images/edits", files=files, data={"prompt": "colorize", "model": "ruler"})
    other = client.post("/v1/predict", files=files, data=fields | {"task": "surface normals"})
    assert [code_of(one) for one in (painted, edited, other)] == ["invalid_question"] * 3
