"""docs/generators.md is true: its table is the rows', and its commands run, on tiny pipelines instead of weights."""

from __future__ import annotations

import json
import shlex
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

import generators
from plantain.cli import main
from plantain.models.painters.generators import weights
from plantain.models.painters.generators.spec import GENERATORS

torch.set_num_threads(1)
PAGE = (Path(__file__).parents[3] / "docs" / "generators.md").read_text(encoding="utf-8")
COMMANDS = [line.split("  #")[0].strip() for line in PAGE.splitlines() if line.startswith("plantain ")]


def test_the_page_is_made_of_todays_rows() -> None:
    assert generators.page(PAGE) == PAGE
    assert generators.table() in PAGE and generators.commands() in PAGE


@pytest.mark.parametrize("line", COMMANDS)
@pytest.mark.usefixtures("small")
def test_commands_run(line: str, folder: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (90, 121, 3), np.uint8)
    Image.fromarray(pixels).save(tmp_path / "photo.jpg")
    monkeypatch.chdir(tmp_path)
    words = shlex.split(line)[1:]
    name = words[words.index("-m") + 1]
    spec = replace(GENERATORS[name], steps=2, adapter="", transformer="")  # fewer steps, and nothing from the hub
    monkeypatch.setitem(GENERATORS, name, spec)
    if "--lora" in words:
        saved_adapter(name, folder, tmp_path / "LORA")
    words = ["int8" if word == "nf4" else word for word in words]  # nf4 needs a GPU
    code = main([*words, "--weights", str(folder(name)), "--device", "cpu"])
    out, err = capsys.readouterr()
    assert code == (1 if words[0] == "doctor" and "failed" in out else 0), err
    if words[0] == "doctor":
        assert "registration" in out and "colors" in out
    elif "--plan" in words:
        assert "canvas: 121 x 90" in out
    else:
        (answer,) = map(json.loads, out.splitlines())
        assert answer["model"] == name and (tmp_path / answer["painting"]).is_file()


def saved_adapter(name: str, folder: Any, place: Path) -> None:
    from peft import LoraConfig
    from safetensors.torch import load_file, save_file

    spec = GENERATORS[name]
    pipe = weights.pipeline(spec, str(folder(name)), dtype=torch.float32, device="cpu", quantize=None)
    getattr(pipe, spec.denoiser).add_adapter(LoraConfig(r=2, target_modules=spec.lora_targets, init_lora_weights=False))
    getattr(pipe, spec.denoiser).save_lora_adapter(str(place))
    file = place / "pytorch_lora_weights.safetensors"
    save_file({f"{spec.denoiser}.{key}": value for key, value in load_file(file).items()}, file)
