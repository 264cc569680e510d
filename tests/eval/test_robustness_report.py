"""Pages of a sweep and their charts."""

from __future__ import annotations

import re
import xml.etree.ElementTree as xml

import numpy as np
import pytest

from plantain.cli import main
from plantain.eval import robustness_report
from plantain.eval.charts import lines, sparsification
from plantain.eval.robustness import Cell, OODResult, Sweep, Variants

CELLS = [Cell("", 0, 0.8, 0.7, 0.9, 0.1, 0.2, 0.9, 0.8)]
CELLS += [Cell(name, s, 0.8 - 0.1 * s, 0, 1, 0.1 * s, 0.2, 0.9 - 0.01 * s, 0.8 - 0.1 * s)
          for name in ("fog", "rain") for s in (1, 3, 5)]  # fmt: skip
SWEEP = Sweep("made/depth", "delta1", "higher", "painter", 16, tuple(CELLS))
OTHERS = [Variants("made/depth", (0.8, 0.7, 0.8, 0.7), (0.8, 0.8, 0.8))]
OOD = [OODResult("made/depth", "static", 0.9, 0.4, 0.97)]


def points(svg: str) -> list[list[tuple[float, float]]]:
    """The lines of a chart, in its pixels."""
    return [[tuple(map(float, place.split(","))) for place in line.split()]
            for line in re.findall(r"<polyline points='([^']*)'", svg)]  # fmt: skip


def test_a_line_falls_where_its_figure_falls():
    (fall,) = points(lines("x", {"a": ([0, 1, 2], [1.0, 0.5, 0.0])}, "y"))
    assert [x for x, _ in fall] == sorted(x for x, _ in fall)
    assert fall[0][1] < fall[1][1] < fall[2][1]  # SVG's y grows downwards
    assert fall[1][1] - fall[0][1] == pytest.approx(fall[2][1] - fall[1][1], abs=0.2)


def test_unknown_values_leave_gaps_and_nothing_draws_nothing():
    assert len(points(lines("x", {"a": ([0, 1, 2], [1.0, float("nan"), 0.0])}, "y"))[0]) == 2
    assert lines("x", {"a": ([0, 1], [float("nan")] * 2)}, "y") == ""


def test_sparsification_is_drawn_from_kept_rows():
    left = np.array([np.linspace(0.4, 0, 51), np.linspace(0.3, 0, 51)]).tolist()
    told = [{"id": "a", "state": "ok", "rows": {"sparsification": {"ause": 0.1, "aurg": 0.1, "left": left}}}]
    assert len(points(sparsification(told))) == 3
    old = [{"id": "a", "state": "ok", "rows": {"sparsification": {"ause": 0.1, "aurg": 0.1}}}]
    assert sparsification(old) == "" and sparsification([]) == ""


def test_the_page_stands_alone(tmp_path):
    page = robustness_report.robustness_report(
        [SWEEP], OTHERS, OOD, tmp_path / "out" / "robustness.html", "plantain bench robustness x"
    ).read_text()
    assert page.count("<svg") == 4 and "http" not in page and "<script" not in page
    for said in ("made/depth", "fog:5", "static", "0.970", "plantain bench robustness x"):
        assert said in page


def test_the_markdown_and_its_pictures(tmp_path):
    (tmp_path / "pictures").mkdir()
    text = robustness_report.markdown(
        [SWEEP], OTHERS, OOD, tmp_path / "robustness.md", "plantain bench robustness x"
    ).read_text()
    shown = re.findall(r"!\[[^]]*\]\(([^)]*)\)", text)
    assert len(shown) == 4
    for name in shown:
        assert xml.parse(tmp_path / name).getroot().tag == "{http://www.w3.org/2000/svg}svg"
    assert "| fog | 0.800 | 0.700 | 0.500 | 0.300 | 0.300 | 0.850 | 0.500 | 0.200 |" in text
    assert "| made/depth | 0.800 | 0.700 | 0.800 | 0.700 | 0.058 | 0.800 | 0.800 | 0.800 | 0.000 |" in text
    assert "| made/depth | static | 0.900 | 0.400 | 0.970 |" in text


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["bench", "robustness"], "name a benchmark"),
        (["bench", "robustness", "nyu-excerpt/normals", "--data", "nowhere"], "no such folder: nowhere"),
        (["bench", "robustness", "nyu-excerpt/norms", "--data", "."], "did you mean 'nyu-excerpt/normals'"),
        (
            ["bench", "robustness", "nyu-excerpt/normals", "--data", ".", "--corruptions", "mist"],
            "unknown corruption 'mist'",
        ),
        (["bench", "run", "nyu-excerpt/normals", "--data", ".", "--corrupt", "fog:9"], "a severity is 1 to 5, not 9"),
        (["bench", "run", "generation/kept", "nyu-excerpt/normals", "--data", "."], "generation/kept runs alone"),
        (["bench", "calibrate"], "name a run"),
        (["bench", "run"], "name a benchmark"),
        (["bench", "compare", "a"], "compare takes two runs"),
    ],
)
def test_wrong_words_are_one_line(words, says, capsys):
    assert main(words) == 2
    told = capsys.readouterr().err
    assert says in told and len(told.strip().splitlines()) == 1
