"""The pages are true: the README's Python says what it says, links lead somewhere, commands and options exist."""

from __future__ import annotations

import contextlib
import io
import re
import shlex
from datetime import datetime
from pathlib import Path

import pytest

from plantain.cli import GROUPS, VERBS, main
from plantain.models.painters.embedded import FOLDER

ROOT = Path(__file__).parents[1]
PAGES = sorted([ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").rglob("*.md")])
trained = pytest.mark.skipif(not (FOLDER / "trunk.onnx").exists(), reason="the embedded generator has no weights here")


def blocks(page: Path, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", page.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)


@trained
def test_the_readmes_python_prints_what_stands_below_it() -> None:
    (code,) = blocks(ROOT / "README.md", "python")
    expected = re.search(re.escape(code) + r"```\n\n```\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        exec(compile(code, "README.md", "exec"), {})
    assert expected is not None
    assert out.getvalue() == expected[1]


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+?)(?:#[^)]*)?\)", page.read_text(encoding="utf-8")):
        if "://" not in target:
            assert (page.parent / target).exists(), target


def commands() -> list[tuple[str, str]]:
    found = []
    for page in PAGES:
        for block in blocks(page, ""):
            found += [(page.name, line.split("  #")[0].strip()) for line in block.splitlines()
                      if line.startswith(("plantain ", ".venv/bin/plantain "))]  # fmt: skip
    return found


@pytest.mark.parametrize(("page", "line"), commands())
def test_commands_name_verbs_and_options_that_exist(page: str, line: str, capsys) -> None:
    words = shlex.split(line)[1:]
    verb = words[:1] if words[0] in VERBS else ["ask"]
    verb += words[1:2] if verb[0] in GROUPS else []
    assert main([*verb, "--help"]) == 0
    told = capsys.readouterr().out
    for option in [w for w in words if re.fullmatch(r"--?[a-z-]+", w) and w != "-"]:
        assert re.search(rf"(?<![\w-]){re.escape(option)}(?![\w-])", told), (
            f"{page}: {option} is no option of {' '.join(verb)}"
        )


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_scripts_that_are_named_exist(page: Path) -> None:
    for script in re.findall(r"python ((?:benchmarks|examples|recipes)/\w+\.py)", page.read_text(encoding="utf-8")):
        assert (ROOT / script).exists(), script


def test_the_page_of_benchmarks_is_the_table() -> None:
    from rows import page

    assert (ROOT / "docs/generated/benchmarks.md").read_text() == page()


def test_the_page_of_questions_is_the_table() -> None:
    from asking import page

    assert (ROOT / "docs/asking.md").read_text(encoding="utf-8") == page(), "run: make docs"


def test_the_log_is_dated_and_its_newest_entry_first() -> None:
    heads = re.findall(r"^## (.*)$", (ROOT / "docs/log.md").read_text(encoding="utf-8"), re.MULTILINE)
    dates = [datetime.strptime(head.split(":")[0], "%d %B %Y") for head in heads if head != "Open"]
    assert len(dates) > 5
    assert dates == sorted(dates, reverse=True)


def test_every_test_that_the_page_of_faults_names_is_there() -> None:
    text = (ROOT / "docs/faults.md").read_text(encoding="utf-8").split("## Killed at random moments")[0]
    rows = [line for line in text.splitlines() if line.startswith("| ")]
    rows = [row for row in rows if not row.startswith(("| what was wrong", "| **"))]
    for row in rows:
        path, name = re.fullmatch(r"\| .+ \| `(tests/[\w/]+\.py)::(test_\w+)` \| .+ \| .+ \|", row).groups()
        assert re.search(rf"^def {name}\(", (ROOT / path).read_text(encoding="utf-8"), re.MULTILINE), f"{path}::{name}"
    assert len(rows) > 60


CODE = re.compile(r"```.*?```|`[^`\n]*`|\]\([^)]*\)|\"[^\"\n]*\"", re.DOTALL)  # and links, and quoted prompts
BRITISH = re.compile(
    r"\b\w*(?:colour|grey|centre|neighbour|behaviour|favour|labelled|licence|(?:normal|optim|initial|general)is[ei])\w*",
    re.IGNORECASE,
)


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_pages_have_american_spelling(page: Path) -> None:
    assert BRITISH.findall(CODE.sub("", page.read_text(encoding="utf-8"))) == []


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_no_page_advises_what_no_index_has(page: Path) -> None:
    assert "pip install plantain" not in page.read_text(encoding="utf-8").replace("'", "").replace('"', "")
