"""Shards as the folders that other trainers read: pictures, control pictures and captions by one name.

Layouts as their documentation and sources had them in June and August 2026. ai-toolkit (github.com/ostris/ai-toolkit,
comments of config/examples/train_lora_flux_kontext_24gb.yaml and train_lora_qwen_image_edit_2509_32gb.yaml): a folder
of targets, JPEG or PNG, with captions in .txt files of the same names; control pictures of the same names in
`control_path`, up to three folders; masks of the same names in `mask_path` (toolkit/config_modules.py: white counts),
for every sample, since one without does not count in a batch where another has one (toolkit/data_transfer_object).
musubi-tuner (github.com/kohya-ss/musubi-tuner, docs/dataset_config.md, "Sample for Image Dataset with Control Images"):
the same for one control picture; several lie in one `control_directory` as NAME_0.png, NAME_1.png; no masks. Both
shrink pictures of more pixels than the square of `resolution` has, so that is the side of a square as large as the
largest one.
"""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from plantain.data.stream import Shards, Stored
from plantain.errors import OutputError, UnknownName, UsageError
from plantain.files import staging


@dataclass(frozen=True)
class Layout:
    """How a trainer names control pictures, how many it takes, whether it knows masks, and the file that describes the
    folders."""

    most: int
    masks: bool
    control: Callable[[str, int, int], str]  # the sample's name, which of how many -> path inside its group's folder
    config: Callable[[Path, Mapping[int, int], int], str]  # the folder, samples by number of references, side
    config_name: str


def _one_folder_each(name: str, i: int, count: int) -> str:
    return f"control/{name}.png" if count == 1 else f"control_{i + 1}/{name}.png"


def _numbered(name: str, i: int, count: int) -> str:
    return f"control/{name}.png" if count == 1 else f"control/{name}_{i}.png"


def group_name(count: int) -> str:
    """The folder of samples with so many control pictures; each group is a data set of its own."""
    return f"references-{count}"


def _ai_toolkit(folder: Path, groups: Mapping[int, int], side: int) -> str:
    """`datasets` of a process, to be pasted into its configuration."""
    lines = ["datasets:"]
    for count in groups:
        home = folder / group_name(count)
        lines.append(f"  - folder_path: {json.dumps(str(home / 'images'))}")
        controls = [str((home / _one_folder_each("x", i, count)).parent) for i in range(count)]
        if count == 1:
            lines.append(f"    control_path: {json.dumps(controls[0])}")
        elif controls:
            lines += ["    control_path:", *(f"      - {json.dumps(path)}" for path in controls)]
        lines.append(f"    mask_path: {json.dumps(str(home / 'masks'))}")
        lines += ['    caption_ext: "txt"', f"    resolution: [ {side} ]"]
    return "\n".join(lines) + "\n"


def _musubi(folder: Path, groups: Mapping[int, int], side: int) -> str:
    """The data set configuration, ready to use."""
    lines = ["[general]", f"resolution = [{side}, {side}]", 'caption_extension = ".txt"', "batch_size = 1"]
    lines += ["enable_bucket = true", "bucket_no_upscale = true"]
    for count in groups:
        home = folder / group_name(count)
        lines += ["", "[[datasets]]", f"image_directory = {json.dumps(str(home / 'images'))}"]
        lines += [f"control_directory = {json.dumps(str(home / 'control'))}"] if count else []
        lines.append(f"cache_directory = {json.dumps(str(home / 'cache'))}")
    return "\n".join(lines) + "\n"


LAYOUTS: dict[str, Layout] = {
    "ai-toolkit": Layout(3, True, _one_folder_each, _ai_toolkit, "datasets.yaml"),
    "musubi": Layout(1 << 10, False, _numbered, _musubi, "dataset.toml"),
}


def export(
    folders: Sequence[Path], target: Path, name: str, *, whole: bool = False, done: Callable[[], None] = lambda: None
) -> dict[str, Any]:
    """Writes the samples of shard folders as a trainer reads them; `whole` leaves out what is not known everywhere,
    for trainers without masks. The folder appears when all of it is written.

    Gives numbers: samples written, with holes, left out. Raises UnknownName for a layout, UsageError for a folder that
    is in use, OutputError, PhotoError."""
    if name not in LAYOUTS:
        raise UnknownName("format", name, LAYOUTS)
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise UsageError(f"{target} is there already; choose another folder, or delete it")
    layout, groups, counts = LAYOUTS[name], Counter[int](), Counter[str]()
    side = 1
    with staging(target.absolute().parent, target) as stage:
        home = stage / "export"
        for sample in (sample for folder in folders for sample in Shards(folder)):
            counts["holes"] += sample.weight is not None
            if len(sample.references) > layout.most or (whole and sample.weight is not None):
                counts["left_out"] += 1
            else:
                _write(sample, home, layout, f"{sum(groups.values()):08d}")
                groups[len(sample.references)] += 1
                side = max(side, math.ceil(math.sqrt(sample.target.shape[0] * sample.target.shape[1])))
            done()
        if not groups:
            raise UsageError("none of the samples can be exported; without --whole those with holes are")
        ordered = dict(sorted(groups.items()))
        (home / layout.config_name).write_text(layout.config(target.absolute(), ordered, side), encoding="utf-8")
        _move(home, target)
    return {"format": name, "samples": sum(groups.values()), "holes": counts["holes"], "left_out": counts["left_out"],
            "groups": {group_name(count): n for count, n in ordered.items()}}  # fmt: skip


def _write(sample: Stored, home: Path, layout: Layout, name: str) -> None:
    group = home / group_name(len(sample.references))
    files = {f"images/{name}.png": sample.target}
    count = len(sample.references)
    files |= {layout.control(name, i, count): shown for i, shown in enumerate(sample.references)}
    if layout.masks:
        known = np.ones(sample.target.shape[:2]) if sample.weight is None else sample.weight
        files[f"masks/{name}.png"] = np.round(known * 255).astype(np.uint8)
    for path, pixels in files.items():
        (group / path).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(group / path, compress_level=4)
    (group / "images" / f"{name}.txt").write_text(sample.prompt + "\n", encoding="utf-8")
    with (home / "samples.jsonl").open("a", encoding="utf-8") as lines:
        about = {"name": f"{group.name}/{name}"} | dict(sample.record)
        lines.write(json.dumps(about, ensure_ascii=False) + "\n")


def _move(home: Path, target: Path) -> None:
    try:
        if target.is_dir():
            target.rmdir()  # it is empty
        home.rename(target)
    except OSError as error:
        raise OutputError(f"cannot write {target}: {error.strerror or error}; choose another folder") from error
