"""Seconds and memory of open generators at their real size, with random weights: needs an accelerator, no download.

    python benchmarks/generator_speed.py [--models flux2-klein-4b flux3-klein] [--sides 512 1024] [--steps 1 4 20]
        [--batches 1 4] [--quantize none int8 nf4] [-o generator-speed.json]
    python benchmarks/generator_speed.py --tiny         the same on a CPU in miniature, as a rehearsal

The painter is the shipped one, with its stock calls; only the text encoder is left out, since embeddings of a prompt
are made once and kept (a random embedding of the same shape stands in). So the seconds are those of every picture after
the first of a question: photo through the autoencoder, steps of the denoiser, painting through the autoencoder. A line
of JSON a setting; one that fails says why (no memory, no package). Peak memory is that of the denoiser, the autoencoder
and what they work with.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np

from plantain.errors import PlantainError
from plantain.models.identity import Identity
from plantain.models.painters.generators import weights
from plantain.models.painters.generators.painter import DiffusersPainter
from plantain.models.painters.generators.spec import GENERATORS
from plantain.models.painting import Request
from plantain.train.tuning.plan import KLEIN

TOKENS = 512  # of a prompt with a legend
SMALL = {"num_layers": 1, "num_single_layers": 1, "attention_head_dim": 16, "num_attention_heads": 2,
         "axes_dims_rope": (4, 4, 4, 4)}  # fmt: skip
SMALL_VAE = {"block_out_channels": (4, 4, 4, 4), "norm_num_groups": 4, "layers_per_block": 1}
REPEATS = 3


# ---- networks of the real size


def denoiser(name: str, tiny: bool, device: str, quantize: str) -> Any:
    """The row's denoiser, in the precision asked for."""
    import diffusers
    import torch

    cls, own = {
        "flux2-klein-4b": (diffusers.Flux2Transformer2DModel, KLEIN),
        "flux3-klein": (diffusers.Flux3Transformer2DModel, {"flow_map": True}),
    }[name]
    with torch.device(device), default_dtype(torch.float32 if device == "cpu" else torch.bfloat16):
        net = cls(**(own | (SMALL if tiny else {})))
    if quantize == "int8":
        from torchao.quantization import Int8WeightOnlyConfig, quantize_

        quantize_(net, Int8WeightOnlyConfig())
    if quantize == "nf4":  # diffusers makes it while it loads
        config = diffusers.BitsAndBytesConfig(
            load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_compute_dtype=torch.bfloat16
        )
        with tempfile.TemporaryDirectory() as folder:
            net.save_pretrained(folder)
            del net
            return cls.from_pretrained(folder, quantization_config=config, torch_dtype=torch.bfloat16)
    return net


class default_dtype:
    """New tensors have this type."""

    def __init__(self, dtype: Any) -> None:
        self.dtype = dtype

    def __enter__(self) -> None:
        import torch

        self.before = torch.get_default_dtype()
        torch.set_default_dtype(self.dtype)

    def __exit__(self, *_: Any) -> None:
        import torch

        torch.set_default_dtype(self.before)


def pipeline(name: str, tiny: bool, device: str, quantize: str) -> Any:
    """The row's pipeline without a text encoder."""
    import diffusers
    import torch

    net = denoiser(name, tiny, device, quantize)
    vae = diffusers.AutoencoderKLFlux2(**(SMALL_VAE if tiny else {}))
    width = net.config.joint_attention_dim
    embeds = torch.randn(1, TOKENS, width, device=device, dtype=torch.float32 if device == "cpu" else torch.bfloat16)
    if name == "flux2-klein-4b":
        scheduler = diffusers.FlowMatchEulerDiscreteScheduler(use_dynamic_shifting=True)
        pipe = diffusers.Flux2KleinPipeline(scheduler, vae, None, None, net, is_distilled=True)
        places = pipe._prepare_text_ids(embeds).to(device)
        pipe.encode_prompt = lambda *_, **__: (embeds, places)
        pipe.set_progress_bar_config(disable=True)
    else:
        from diffusers.modular_pipelines.flux3 import Flux3DistilledAutoBlocks

        blocks = Flux3DistilledAutoBlocks()
        blocks.sub_blocks.pop("prompt_upsampler")
        pipe = blocks.init_pipeline()
        pipe.update_components(vae=vae, transformer=net)
        pipe._blocks.sub_blocks["text_encoder"]._get_qwen3_vl_prompt_embeds = lambda *_, **__: embeds
    weights.exact(pipe.vae)
    return pipe


def painter(name: str, tiny: bool, device: str, quantize: str, batch: int) -> DiffusersPainter:
    """The shipped painter over such a pipeline, as loaded."""
    made = DiffusersPainter(name, device=device, together=batch)
    made.spec = replace(GENERATORS[name], tokenizer="")
    made.__dict__["unmeasured"] = Identity(name, weights="random")
    with patch.object(weights, "pipeline", lambda *_, **__: pipeline(name, tiny, device, quantize)):
        _ = made.pipe
    return made


# ---- timing them


def requests(side: int, steps: int, count: int) -> list[Request]:
    """Photos of noise, each another."""
    rng = np.random.default_rng(0)
    photos = rng.integers(0, 256, (count, side, side, 3), np.uint8)
    return [Request("metric depth", (photo,), (side, side), sampling={"steps": steps}) for photo in photos]


def timed(made: DiffusersPainter, side: int, steps: int, batch: int) -> dict[str, Any]:
    """Seconds a picture (the median of three, after one to warm up) and peak memory."""
    import torch

    cuda = made.device.startswith("cuda")
    if cuda:
        torch.cuda.reset_peak_memory_stats()
    seconds = []
    for turn in range(REPEATS + 1):
        start = time.perf_counter()
        for painting in made.paint(requests(side, steps, batch)):
            if isinstance(painting, PlantainError):
                raise painting
        if cuda:
            torch.cuda.synchronize()
        seconds += [time.perf_counter() - start] if turn else []
    peak = torch.cuda.max_memory_allocated() / 1e9 if cuda else None
    return {"seconds_a_picture": round(float(np.median(seconds)) / batch, 4), "peak_gb": peak and round(peak, 2)}


def settings(given: argparse.Namespace) -> Iterator[tuple[str, str, list[tuple[int, int, int]]]]:
    """Models and precisions, the cheapest settings of each first."""
    for name in given.models:
        for quantize in given.quantize:
            sizes = [(s, n, b) for b in given.batches for s in given.sides for n in given.steps]
            yield name, quantize, sizes


def measured(given: argparse.Namespace, device: str) -> Iterator[dict[str, Any]]:
    """A record a setting."""
    plain = "bf16" if device == "cuda" else "float32"
    for name, quantize, sizes in settings(given):
        about = {"model": name, "precision": plain if quantize == "none" else quantize, "device": named(device)}
        try:
            made = painter(name, given.tiny, device, quantize, max(given.batches))
        except Exception as error:
            yield about | {"error": f"{type(error).__name__}: {error}"[:200]}
            continue
        for side, steps, batch in sizes:
            what = about | {"side": side, "steps": steps, "batch": batch}
            try:
                yield what | timed(made, side, steps, batch)
            except Exception as error:
                yield what | {"error": f"{type(error).__name__}: {error}"[:200]}
        made.close()


def named(device: str) -> str:
    import torch

    return torch.cuda.get_device_name() if device.startswith("cuda") else device


def table(found: Sequence[dict[str, Any]]) -> str:
    """The records as Markdown."""
    keys = ("model", "precision", "side", "steps", "batch", "seconds_a_picture", "peak_gb", "error")
    rows = [keys, ("-",) * len(keys), *(tuple(str(one.get(key, "")) for key in keys) for one in found)]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def main() -> None:
    import torch

    args = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    number = partial(args.add_argument, type=int, nargs="+")
    args.add_argument("--models", nargs="+", default=["flux2-klein-4b", "flux3-klein"])
    number("--sides", default=[512, 1024])
    number("--steps", default=[1, 4, 20])
    number("--batches", default=[1, 4])
    args.add_argument("--quantize", nargs="+", default=["none", "int8", "nf4"], choices=["none", "int8", "nf4"])
    args.add_argument("--tiny", action="store_true", help="networks of a few thousand weights, 128 pixels")
    args.add_argument("-o", "--out", type=Path, default=Path("generator-speed.json"))
    given = args.parse_args()
    if given.tiny:
        given.sides, given.steps, given.batches, given.quantize = [128], [1, 2], [1, 2], ["none"]
    device = "cuda" if torch.cuda.is_available() else "cpu"
    found: list[dict[str, Any]] = []
    with suppress(KeyboardInterrupt), torch.inference_mode():
        for one in measured(given, device):
            print(json.dumps(one), flush=True)
            found.append(one)
            given.out.write_text(json.dumps(found, indent=1) + "\n")
    print(table(found))


if __name__ == "__main__":
    main()
