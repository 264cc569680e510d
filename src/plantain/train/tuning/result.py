"""What tuning leaves: safetensors that plain diffusers loads, our configuration and a model card beside them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from plantain.files import staging
from plantain.train import parallel

if TYPE_CHECKING:
    from plantain.train.tuning.editor import EditorTrainee

CONFIG = "plantain.json"
CARD = """---
base_model: {repo}
library_name: diffusers
tags: [plantain, vision, {kind}]
---
# {title}

{what} of [{repo}](https://huggingface.co/{repo}), tuned with Plantain to answer vision questions by painting: depth,
normals, masks and classes come out as pictures whose colors decode to numbers.

| | |
|-|-|
| base | {repo}, {revision} |
| license of the base | {license}; it holds for what is tuned from it, beside the terms of the training data |
| tuned | {method}, {count:,} parameters, {steps} steps of {batch} samples |
| the last {share:.0%} of them | one deterministic step on decoded values |
| data | {data} |

```
plantain photo.jpg "metric depth" -m {generator} --lora .
```
"""


def write(trainee: EditorTrainee, folder: Path) -> Path:
    """Writes the tuned weights, `plantain.json` and `README.md`; gives their folder, which appears whole. Every process
    must call it: shards are put together, and the first one writes. OutputError."""
    state = tuned_state(trainee)
    if not parallel.join().first:
        return folder
    with staging(folder.absolute().parent, folder) as stage:
        made = stage / folder.name
        made.mkdir()
        (write_adapter if trainee.preset.method == "lora" else write_denoiser)(trainee, state, made)
        about = config(trainee)
        for name, content in ((CONFIG, json.dumps(about, indent=1)), ("README.md", card(about))):
            (made / name).write_text(content, encoding="utf-8")
        if folder.exists():  # of the same run, before it went on
            folder.rename(stage / "before")
        made.rename(folder)
    return folder


def tuned_state(trainee: EditorTrainee) -> dict[str, Any]:
    """The adapter's tensors, or those of the whole denoiser as precise as it is run, under the names of diffusers."""
    from peft.utils import get_peft_model_state_dict

    lora = trainee.preset.method == "lora"
    held = get_peft_model_state_dict(trainee.denoiser) if lora else trainee.denoiser.state_dict()
    dtype = torch.float32 if lora else getattr(torch, trainee.painter.precision)
    return {name: parallel.whole(value.detach()).to("cpu", dtype).contiguous() for name, value in held.items()}


def write_denoiser(trainee: EditorTrainee, state: dict[str, Any], folder: Path) -> None:
    """A folder that diffusers loads as this class of denoiser."""
    from safetensors.torch import save_file

    place = folder / trainee.spec.denoiser
    trainee.denoiser.save_config(place)
    save_file(state, place / "diffusion_pytorch_model.safetensors", {"format": "pt"})


def write_adapter(trainee: EditorTrainee, state: dict[str, Any], folder: Path) -> None:
    """The adapter as the row's class loads it."""
    spec, denoiser = trainee.spec, trainee.denoiser
    if spec.lora == "denoiser":
        denoiser.save_lora_adapter(str(folder), adapter_name="default")
        return
    about = {f"{spec.denoiser}_lora_adapter_metadata": denoiser.peft_config["default"].to_dict()}
    type(trainee.pipe).save_lora_weights(str(folder), **{f"{spec.denoiser}_lora_layers": state}, **about)


def config(trainee: EditorTrainee) -> dict[str, Any]:
    """What a painter must know of the result: its base, its steps, and how it came to be."""
    from plantain import __version__

    preset, spec, identity = trainee.preset, trainee.spec, trainee.painter.unmeasured
    return {
        "format": "plantain-tuned/1",
        "version": __version__,
        "generator": spec.name,
        "repo": spec.repo,
        "revision": identity.revision or f"weights {identity.weights[:16]}",
        "license": spec.license,
        "method": preset.method,
        "rank": preset.rank if preset.method == "lora" else None,
        "alpha": preset.alpha if preset.method == "lora" else None,
        "quantize": preset.quantize,
        "parameters": sum(value.numel() for value in trainee.state().values()),
        "steps": 1 if preset.once else spec.steps,  # of a painting
        "updates": trainee.updates,
        "batch": preset.batch * preset.accumulate,
        "once": preset.once,
        "data": dict(trainee.data),
    }


def card(about: dict[str, Any]) -> str:
    """The model card."""
    lora = about["method"] == "lora"
    data = about["data"]
    rows = "; ".join(f"{name}: {count} samples" for name, count in data.get("tasks", {}).items()) or "not said"
    return CARD.format(
        **{key: about[key] for key in ("repo", "revision", "license", "generator", "batch")},
        kind="lora" if lora else "full",
        title=f"{about['generator']}, tuned by Plantain",
        what="An adapter" if lora else "The denoiser",
        method=f"LoRA of rank {about['rank']}" if lora else about["method"],
        count=about["parameters"], steps=about["updates"], share=about["once"], data=rows,
    )  # fmt: skip
