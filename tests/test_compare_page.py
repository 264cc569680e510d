"""The page of what people ask for: twenty-five rows, whose commands name verbs and options that exist."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from plantain.cli import GROUPS, VERBS, main

ROOT = Path(__file__).parents[1]
ROWS = [line.split(" | ") for line in (ROOT / "docs/compare.md").read_text(encoding="utf-8").splitlines()
        if re.match(r"\| \d", line)]  # fmt: skip


def test_there_are_twenty_five_and_each_says_where_it_falls_short() -> None:
    assert [int(row[0].strip("| ")) for row in ROWS] == list(range(1, 26))
    assert all(len(row) == 5 and len(row[4].strip("| ")) > 10 for row in ROWS)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0].strip("| "))
def test_its_command_is_one(row, capsys) -> None:
    words = shlex.split(row[3].strip("`"))
    if words[0] == "python":
        assert (ROOT / words[1]).exists()
        return
    assert words[0] == "plantain"
    if words[1] == "video" and "video" not in VERBS:
        pytest.skip("plantain video is not part of this checkout")
    verb = words[1:2] if words[1] in VERBS else ["ask"]
    verb += words[2:3] if verb[0] in GROUPS else []
    assert main([*verb, "--help"]) == 0
    told = capsys.readouterr().out
    for option in (word for word in words if re.fullmatch(r"--?[a-z-]+", word)):
        assert re.search(rf"(?<![\w-]){re.escape(option)}(?![\w-])", told), (option, verb)
