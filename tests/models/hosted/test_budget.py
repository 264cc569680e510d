"""The ledger: no budget is passed by threads or processes, and a restart knows what was spent."""

from __future__ import annotations

import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from plantain.errors import PainterGone
from plantain.models.painters.hosted.budget import PRICES, Ledger, Tokens
from plantain.models.painters.hosted.gemini import Gemini
from plantain.models.painters.hosted.openai import OpenAI
from plantain.models.painting import Request

PHOTO = np.zeros((32, 32, 3), np.uint8)


def test_a_budget_ends_before_it_is_passed(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "ledger.jsonl", 1.0)
    for number in range(3):
        ledger.end(ledger.begin(f"a{number}", 0.3), 0.3)
    with pytest.raises(PainterGone, match=r"budget of \$1.00 is reached: \$0.90 are spent"):
        ledger.begin("a3", 0.3)
    assert Ledger(tmp_path / "ledger.jsonl").spent_usd == pytest.approx(0.9)
    Ledger(tmp_path / "ledger.jsonl", 1.2).begin("a3", 0.3)  # a higher one goes on


def test_what_is_left_over_is_used_by_those_who_wait(tmp_path: Path) -> None:
    """Calls are reserved at 0.30 and cost 0.10: all ten fit into a dollar, one after another."""
    ledger = Ledger(tmp_path / "ledger.jsonl", 1.0)
    highest = []

    def one(number: int) -> None:
        call = ledger.begin(str(number), 0.3)
        highest.append(ledger.spent_usd + sum(open_.usd for open_ in list(ledger._open.values())))
        ledger.end(call, 0.1)

    with ThreadPoolExecutor(8) as pool:
        done = [pool.submit(one, number) for number in range(8)]
        assert all(job.exception() is None for job in done)
    assert ledger.spent_usd == pytest.approx(0.8)
    assert max(highest) <= 1.0 + 1e-9


@given(st.lists(st.tuples(st.floats(0, 0.5), st.floats(0, 1)), max_size=30), st.floats(0.1, 2))
def test_no_order_of_calls_passes_a_budget(tmp_path_factory: pytest.TempPathFactory, calls, limit: float) -> None:
    ledger = Ledger(tmp_path_factory.mktemp("ledger") / "ledger.jsonl", limit)
    for number, (most, share) in enumerate(calls):
        try:
            call = ledger.begin(str(number), most)
        except PainterGone:
            assert ledger.spent_usd + most > limit
        else:
            ledger.end(call, most * share)
        assert ledger.spent_usd <= limit + 1e-6
    assert Ledger(ledger.path).spent_usd == pytest.approx(ledger.spent_usd)


KILLED = """
import os, sys
from pathlib import Path
from plantain.models.painters.hosted.budget import Ledger
ledger = Ledger(Path(sys.argv[1]))
for key in sys.argv[2:]:
    ledger.begin(key, 0.25)
os._exit(9)
"""


def test_calls_of_a_killed_process_count_and_are_told_once(tmp_path: Path) -> None:
    path = tmp_path / "ledger.jsonl"
    subprocess.run([sys.executable, "-c", KILLED, str(path), "kept", "lost", "batch:b"])
    with path.open("a") as file:
        file.write('{"end": "tor')  # and it was killed while it wrote
    ledger = Ledger(path, 1.0)
    ledger.close_lost(lambda key: key == "kept")
    assert (ledger.lost, ledger.doubtful) == (1, {"lost": "killed"})
    assert ledger.spent_usd == pytest.approx(0.5)  # the batch goes on without the process
    with pytest.raises(PainterGone):
        ledger.begin("other", 0.3)
    again = Ledger(path)
    again.close_lost(lambda key: False)
    assert (again.lost, again.doubtful) == (0, {"lost": "killed"})
    assert again.spent_usd == pytest.approx(0.5)


SPENDER = """
import sys
from pathlib import Path
from plantain.errors import PainterGone
from plantain.models.painters.hosted.budget import Ledger
ledger = Ledger(Path(sys.argv[1]), 1.0)
try:
    for number in range(100):
        ledger.end(ledger.begin(f"{sys.argv[2]}-{number}", 0.06), 0.05)
except PainterGone:
    pass
"""


def test_processes_share_a_budget(tmp_path: Path) -> None:
    path = tmp_path / "ledger.jsonl"
    running = [subprocess.Popen([sys.executable, "-c", SPENDER, str(path), str(i)]) for i in range(3)]
    assert [one.wait() for one in running] == [0, 0, 0]
    spent = sum(line["usd"] for line in map(json.loads, path.read_text().splitlines()) if "end" in line)
    assert 0.8 < spent <= 1.0


def test_the_same_is_not_asked_twice_at_a_time(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "ledger.jsonl")
    answers: list[str] = []

    def one() -> bool:
        if call := ledger.begin("same", 0.1, lambda: answers[0] if answers else None):
            answers.append("here")
            ledger.end(call, 0.1)
        return bool(call)

    with ThreadPoolExecutor(6) as pool:
        assert sum(pool.map(lambda _: one(), range(6))) == 1
    assert (ledger.calls, ledger.spent_usd) == (1, pytest.approx(0.1))


# ---- prices


@pytest.mark.parametrize(
    ("model", "used", "usd"),
    [  # pictures alone, as their pages say
        ("gemini-3-pro-image", Tokens(image_out=1120), 0.134),
        ("gemini-3-pro-image", Tokens(image_out=2000), 0.24),
        ("gemini-3-pro-image", Tokens(image_in=560), 0.0011),
        ("gemini-nano-banana-2.1", Tokens(image_out=1120), 0.0336),
        ("gpt-image-2", Tokens(image_out=7024), 0.211),
    ],
)
def test_prices_are_those_of_the_pages(model: str, used: Tokens, usd: float) -> None:
    assert PRICES[model].usd(used) == pytest.approx(usd, abs=0.0005)
    assert PRICES[model].source.startswith("https://")
    assert PRICES[model].date


@pytest.mark.parametrize(
    ("quality", "size", "usd"),
    [  # the table of developers.openai.com/api/docs/guides/image-generation for gpt-image-2
        ("low", (1024, 1024), 0.006), ("medium", (1024, 1024), 0.053), ("high", (1024, 1024), 0.211),
        ("low", (1536, 1024), 0.005), ("medium", (1536, 1024), 0.041), ("high", (1024, 1536), 0.165),
    ],
)  # fmt: skip
def test_pictures_of_gpt_image_2_cost_what_the_calculator_says(quality: str, size: tuple[int, int], usd: float) -> None:
    painter = OpenAI(dry_run=True, quality=quality)
    assert painter.most(Request("", (), size)).image_out * 30e-6 == pytest.approx(usd, abs=0.0006)


def test_a_quote_covers_what_is_charged() -> None:
    """865 tokens for prompt and photo, 800 of thoughts and 1,120 of picture: the reservation is higher."""
    request = Request("metric depth " * 20, (PHOTO,), (1200, 896))
    assert Gemini(dry_run=True).quote(request) > PRICES["gemini-3-pro-image"].usd(Tokens(865, 0, 800, 1120))
