"""Array shapes are checked in every test: jaxtyping's hook puts beartype on all of Plantain before it is imported."""

import json
import os
import sys
from pathlib import Path

import pytest
from hypothesis import settings
from jaxtyping import install_import_hook

HERE = Path(__file__).parent
ROOT = HERE.parent
sys.path[:0] = [str(ROOT / "benchmarks"), str(ROOT / "examples"), str(ROOT / "recipes"), str(HERE)]
install_import_hook("plantain", "typechecker.checked")
settings.register_profile("untimed", deadline=None)  # a busy machine is no failure
settings.load_profile("untimed")


@pytest.fixture(scope="session")
def excerpts() -> Path:
    """The folder of labelled photographs, where somebody has it: PLANTAIN_DATA, else ../shared/data."""
    folder = Path(os.environ.get("PLANTAIN_DATA", ROOT.parent / "shared" / "data"))
    if not (folder / "nyu").is_dir():
        pytest.skip(f"no labelled photographs in {folder}; set PLANTAIN_DATA")
    return folder


@pytest.fixture
def say(capsys):
    """Runs a command: exit code, JSON lines of stdout, lines of stderr."""

    from plantain import cli  # after the hook

    def run(*words):
        code = cli.main([str(word) for word in words])
        out, err = capsys.readouterr()
        return code, [json.loads(line) for line in out.splitlines()], err.splitlines()

    return run
