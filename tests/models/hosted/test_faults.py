"""Every fault of a service through the command line: one clear line, so many tries, the bill, and what is kept."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

pytest.importorskip("google.genai")
pytest.importorskip("openai")

from server import KEY

from hosted_faults import DOWN, FAULTS, Fault, many, provoked

PRICE = {"gemini": 0.14573, "openai": 0.02}  # of a painting, as the server's usage says, and as --price says
MOST = {"gemini": 0.33515, "openai": 0.02}  # of a call of which nobody knows
CASES = [pytest.param(fault, name, id=f"{fault.name}-{name}") for fault in FAULTS for name in fault.services]


@pytest.mark.parametrize(("fault", "name"), CASES)
def test_a_fault(fault: Fault, name: str, tmp_path: Path) -> None:
    with provoked(fault, name, tmp_path) as once:
        seen = once()
        if fault.code and fault.kept:  # a refusal and the like: never asked again, never paid again
            again = once()
            assert (again.code, again.tries, again.usd) == (seen.code, 0, seen.usd)
            assert again.said.splitlines()[0] == seen.said.splitlines()[0]
    assert seen.code == fault.code, seen.said
    assert seen.tries == (0 if fault.name == DOWN else fault.tries)
    assert bool(seen.kept) is fault.kept
    if fault.seen == "painting":
        assert Path(str(seen.record["painting"])).exists()
        assert seen.usd == pytest.approx(PRICE[name] + MOST[name] * (fault.pictures - 1), rel=0.01)
        confidence = float(str(seen.record["confidence"]))
        assert confidence < 0.75 if fault.name == "PNG that is JPEG" else confidence > 0.95
    else:
        complaints = [line for line in seen.said.splitlines() if line.startswith("plantain:")]
        assert len(complaints) == 1
        assert fault.seen in complaints[0]
        assert seen.usd == pytest.approx(PRICE[name] * fault.pictures, rel=0.01, abs=0.002)
    written = [path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()]
    assert KEY not in seen.everything
    assert not any(KEY.encode() in content for content in written)


def test_there_are_twenty_at_least() -> None:
    assert len(FAULTS) >= 20


@pytest.mark.parametrize(("count", "resend"), [(100, "null"), (40, "false")])
def test_many_photographs_a_tenth_of_them_with_faults_and_a_kill(count: int, resend: str, tmp_path: Path) -> None:
    tally = many(count, tmp_path, resend)
    assert tally.outcomes == tally.painted + tally.failed == count
    assert tally.delivered_twice == 0
    assert tally.begun_twice <= (tally.broken if resend == "null" else 0)
    assert tally.finally_painted >= tally.painted
    lines = [json.loads(line) for line in (tmp_path / "third.txt").read_text().splitlines() if line.startswith("{")]
    answered = ("empty answer", "refused")
    assert all(any(word in line["error"] for word in answered) for line in lines if "error" in line)
    assert not any(KEY.encode() in path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
