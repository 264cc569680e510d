"""The Dockerfile and the compose file fit the project; `benchmarks/container_steps.py` runs their steps."""

from __future__ import annotations

import importlib
import json
import tomllib
from pathlib import Path

import pytest

from plantain.cli import main

ROOT = Path(__file__).parents[1]
steps = importlib.import_module("container_steps")


def test_the_image_runs_without_root_and_says_whether_it_is_well(capsys) -> None:
    told = dict(steps.instructions())
    assert told["USER"].isdigit() and int(told["USER"]) == steps.USER
    assert "/readyz" in told["HEALTHCHECK"]
    words = [*json.loads(told["ENTRYPOINT"]), *json.loads(told["CMD"])]
    assert words[:2] == ["plantain", "serve"]
    assert main(["serve", "--help"]) == 0
    help_text = capsys.readouterr().out
    assert all(word in help_text for word in words if word.startswith("--"))


def test_what_the_build_needs_is_let_in() -> None:
    let_in = {line[1:] for line in (ROOT / ".dockerignore").read_text().split() if line.startswith("!")}
    copied = {name for word, rest in steps.instructions() if word == "COPY" and "--from" not in rest
              for name in rest.split()[:-1]}  # fmt: skip
    assert {name.removeprefix("./") for name in copied} == let_in
    assert all((ROOT / name).exists() for name in let_in)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert {project["readme"], "LICENSE"} <= let_in


def test_the_compose_file_asks_for_what_there_is(capsys) -> None:
    yaml = pytest.importorskip("yaml")
    service = yaml.safe_load((ROOT / "compose.yaml").read_text())["services"]["plantain"]
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    assert service["image"] == f"plantain:{version}"
    assert service["ports"] == ["127.0.0.1:8000:8000"] and service["read_only"] and service["cap_drop"] == ["ALL"]
    assert main(["serve", "--help"]) == 0
    help_text = capsys.readouterr().out
    assert service["command"][0] == "serve"
    assert all(word in help_text for word in service["command"] if word.startswith("--"))
