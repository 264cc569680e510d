"""What a run of tuning takes, before anything is loaded: memory by part, work, time, money.

The networks are made without memory (torch's meta device), and what a step keeps for its way back is counted there,
tensor by tensor; attention is counted as a fused kernel keeps it. So the figures are computed: on a CPU, adapters take
what is counted to within 6 % (benchmarks/plan_memory.py), and no accelerator has confirmed them yet
(docs/training-queue.md, job 5)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from plantain.errors import MissingExtra, UsageError
from plantain.models.painters.generators import plan
from plantain.models.painters.generators.spec import GENERATORS, GeneratorSpec
from plantain.train.tuning.presets import TUNINGS, TuningPreset

if TYPE_CHECKING:
    from plantain.models.painters.generators.painter import DiffusersPainter

GB = 1e9
WORDS = 512  # tokens of a prompt
PICTURES = 1  # shown beside the one that is painted
RESERVED = 0.9  # GB that CUDA's context and the allocator's gaps take
BUSY = 0.4  # share of a card's peak that training reaches: assumed
CARDS: Mapping[int, tuple[str, float, float]] = {  # GB -> name, TFLOPS of bfloat16 (data sheets), $ an hour: assumed
    8: ("RTX 4060", 30.2, 0.10),
    16: ("RTX 4080", 97.5, 0.30),
    24: ("RTX 4090", 165.2, 0.45),
    80: ("H100", 989.4, 2.50),
}
KLEIN = {"num_layers": 5, "num_single_layers": 20, "num_attention_heads": 24, "joint_attention_dim": 7680,
         "guidance_embeds": False}  # fmt: skip
NINE = {"num_layers": 8, "num_single_layers": 24, "num_attention_heads": 32, "joint_attention_dim": 12288,
        "guidance_embeds": False}  # fmt: skip
LAYOUTS: Mapping[str, Mapping[str, Any]] = {  # of denoisers and autoencoders: parameter counts are those of the rows
    "flux2-klein-base-4b": KLEIN,
    "flux2-klein-base-9b": NINE,
}


@dataclass(frozen=True)
class Plan:
    """GB by part; `flops` a sample; what is tuned, of how many parameters; tokens a sample."""

    preset: TuningPreset
    parts: Mapping[str, float]
    telling: float  # GB while the samples are told, before training
    flops: float
    tuned: int
    parameters: int
    tokens: int

    @property
    def gigabytes(self) -> float:
        return max(sum(self.parts.values()), self.telling)

    @property
    def card(self) -> tuple[str, float, float]:
        return CARDS[min((size for size in CARDS if size >= self.preset.card), default=max(CARDS))]

    @property
    def samples_an_hour(self) -> float:
        return 3600 * self.card[1] * 1e12 * BUSY / self.flops

    def lines(self) -> list[str]:
        """For people, a line each."""
        preset, (name, teraflops, dollars) = self.preset, self.card
        side, batch = preset.side, preset.batch
        said = [f"{preset.generator}, {preset.method}: {self.tuned / 1e6:,.1f} of {self.parameters / 1e6:,.0f} million "
                f"parameters are tuned; {side} x {side} pixels, {batch} at a time, {batch * preset.accumulate} a step; "
                f"{self.tokens} tokens a sample"]  # fmt: skip
        said += [f"  {part}: {size:.2f} GB" for part, size in self.parts.items()]
        said.append(f"  together: {sum(self.parts.values()):.1f} GB; while samples are told: {self.telling:.1f} GB")
        said.append(f"  work: {self.flops / 1e12:.1f} TFLOP a sample")
        hours = preset.minutes / 60
        said.append(
            f"  {name} ({teraflops:g} TFLOPS, {BUSY:.0%} of it assumed): {self.samples_an_hour:,.0f} samples an hour; "
            f"{hours:g} hours: {hours * self.samples_an_hour:,.0f} samples, {hours * dollars:.2f} USD at {dollars:g} "
            "an hour (assumed)"
        )
        said.append("  all of this is computed, not measured")
        return said

    def to_json(self) -> dict[str, Any]:
        return {
            "preset": {"generator": self.preset.generator, "method": self.preset.method, "card_gb": self.preset.card},
            "gigabytes": round(self.gigabytes, 2),
            "parts_gb": {name: round(size, 3) for name, size in self.parts.items()},
            "telling_gb": round(self.telling, 2),
            "tuned_parameters": self.tuned,
            "tokens": self.tokens,
            "tflop_a_sample": round(self.flops / 1e12, 3),
            "samples_an_hour": round(self.samples_an_hour),
            "measured": False,
        }


def planned(preset: TuningPreset, processes: int = 1) -> Plan:
    """What one of so many processes takes. UsageError for a generator whose layout is not known here, MissingExtra."""
    spec = GENERATORS[preset.generator]
    net, vae = networks(spec.name)
    tuned = tuned_parameters(net, spec, preset)
    total = sum(value.numel() for value in net.parameters())
    tokens = (preset.side // spec.unit) ** 2 * (1 + PICTURES) + WORDS
    counts = plan.parameters(spec)
    frozen = {"nf4": plan.BYTES["nf4"], "int8": 1.0, None: 2.0}[preset.quantize]
    own = tuned if preset.method == "lora" else 0
    held = 2 if preset.optimizer == "adamw8bit" else 8
    texts = sum(count for name, count in counts.items() if name.startswith("text_encoder"))
    walked = activations(net, spec, preset) * max(1, preset.batch // processes)
    share = processes if preset.sharded else 1
    parts = {
        "frozen weights": ((total - (tuned - own)) * frozen / share + 4 * counts["vae"]) / GB,
        "tuned weights, their average": tuned * 8 / share / GB,
        "gradients": tuned * 4 / share / GB,
        "optimizer": tuned * held / share / GB,
        "activations": walked / GB,
        "decoder, one step": painting(vae, preset) / GB if preset.once else 0.0,
        "reserved": RESERVED,
    }
    telling = (texts * frozen + 4 * counts["vae"] + plan.WORK * preset.side**2) / GB + RESERVED
    if preset.quantize:  # such weights do not leave the card
        telling += total * frozen / GB
    return Plan(preset, parts, telling, work(net, preset, tokens), tuned, total, tokens)


def require_room(preset: TuningPreset, painter: DiffusersPainter, processes: int) -> None:
    """UsageError before anything is loaded, where the card is too small for a preset whose needs are known."""
    if not painter.device.startswith("cuda") or preset.generator not in LAYOUTS:
        return
    there = torch.cuda.get_device_properties(painter.device).total_memory / GB
    require(planned(preset, processes), there)


def require(made: Plan, there: float) -> None:
    """UsageError where a plan needs more than `there` GB, with the nearest preset that fits."""
    if made.gigabytes <= there:
        return
    fitting = [name for name, other in TUNINGS.items() if planned_size(name) <= there and other.device == "cuda"]
    same = [name for name in fitting if TUNINGS[name].generator == made.preset.generator] or fitting
    nearest = max(same, key=lambda name: planned_size(name), default="")
    hint = f"; take {nearest} ({planned_size(nearest):.1f} GB)" if nearest else "; no preset fits"
    raise UsageError(f"this takes about {made.gigabytes:.1f} GB (computed) and there are {there:.1f}{hint}")


@lru_cache
def planned_size(name: str) -> float:
    """GB that a preset takes."""
    return planned(TUNINGS[name]).gigabytes


# ---- networks without memory


def networks(name: str) -> tuple[Any, Any]:
    """A row's denoiser and autoencoder at their real size, without memory."""
    if name not in LAYOUTS:
        raise UsageError(f"the layout of {name} is not known here; plans can be made for {', '.join(LAYOUTS)}")
    try:
        import diffusers
    except ImportError as error:
        raise MissingExtra("diffusers", "diffusers") from error
    with torch.device("meta"):
        return diffusers.Flux2Transformer2DModel(**LAYOUTS[name]).bfloat16(), diffusers.AutoencoderKLFlux2()


def tuned_layers(net: Any, spec: GeneratorSpec) -> list[nn.Linear]:
    """The layers that an adapter changes."""
    named = net.named_modules()
    return [m for name, m in named if isinstance(m, nn.Linear) and re.fullmatch(spec.lora_targets, name)]


def tuned_parameters(net: Any, spec: GeneratorSpec, preset: TuningPreset) -> int:
    """How many numbers are trained; marks them in the network."""
    from plantain.train.tuning.editor import last_blocks

    net.requires_grad_(preset.method == "full")
    if preset.method == "lora":
        return sum(preset.rank * (one.in_features + one.out_features) for one in tuned_layers(net, spec))
    for block in last_blocks(net, preset.blocks) if preset.method == "blocks" else ():
        block.requires_grad_(True)
    return sum(value.numel() for value in net.parameters() if value.requires_grad)


def activations(net: Any, spec: GeneratorSpec, preset: TuningPreset) -> float:
    """Bytes that one sample keeps for the way back; with checkpointing, what each block begins with and one block's."""
    from plantain.train.tuning.editor import ALL, last_blocks

    if preset.method == "lora":
        from peft import LoraConfig

        net.add_adapter(LoraConfig(r=preset.rank, target_modules=spec.lora_targets))
        net.to("meta")
    blocks = last_blocks(net, ALL)
    whole = kept_bytes(net, lambda: walk(net, spec, preset.side))
    if not preset.checkpointing:
        return whole
    net.enable_gradient_checkpointing()
    edges = kept_bytes(net, lambda: walk(net, spec, preset.side))
    net.disable_gradient_checkpointing()
    sizes = [
        sum(m.in_features + m.out_features for m in block.modules() if isinstance(m, nn.Linear)) for block in blocks
    ]
    return edges + whole * max(sizes) / sum(sizes)


def walk(net: Any, spec: GeneratorSpec, side: int) -> Tensor:
    """One sample through a denoiser of FLUX.2."""
    tokens = (side // spec.unit) ** 2 * (1 + PICTURES)
    shapes = {"hidden_states": (1, tokens, net.config.in_channels), "img_ids": (1, tokens, 4), "timestep": (1,),
              "encoder_hidden_states": (1, WORDS, net.config.joint_attention_dim),
              "txt_ids": (1, WORDS, 4)}  # fmt: skip
    given = {name: torch.empty(shape, device="meta", dtype=net.dtype) for name, shape in shapes.items()}
    given["hidden_states"].requires_grad_(True)  # as with adapters in the first layer
    return net(**given, guidance=None, return_dict=False)[0]


def painting(vae: Any, preset: TuningPreset) -> float:
    """Bytes that the autoencoder keeps to carry an error of pixels back to latents."""
    side = min(preset.side, 256)  # all of it grows with the area
    z = torch.empty(1, vae.config.latent_channels, side // 8, side // 8, device="meta", requires_grad=True)
    vae.requires_grad_(False)
    whole = kept_bytes(vae, lambda: vae.decode(z, return_dict=False)[0])
    if preset.checkpointing:
        vae.enable_gradient_checkpointing()
        edges = kept_bytes(vae.train(), lambda: vae.decode(z, return_dict=False)[0])
        whole = edges + whole / 2  # the largest of its blocks, at full size, is about half of it
    return whole * (preset.side / side) ** 2


def kept_bytes(net: Any, walked: Any) -> float:
    """Bytes of the tensors that autograd keeps, each storage once, but for weights."""
    own = {value.untyped_storage()._cdata for value in net.parameters()}
    found: dict[int, tuple[int, Any]] = {}

    def keep(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if storage._cdata not in own:
            found[storage._cdata] = storage.nbytes(), storage  # held, so that no other takes its number
        return tensor

    with fused_attention(), torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        walked()
    return float(sum(size for size, _ in found.values()))


class _Fused(torch.autograd.Function):
    """Attention that keeps what a fused kernel keeps, and computes nothing."""

    @staticmethod
    def forward(ctx: Any, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        made = torch.empty_like(query)
        ctx.save_for_backward(query, key, value, made)
        return made

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, ...]:
        return tuple(torch.empty_like(one) for one in ctx.saved_tensors[:3])


@contextmanager
def fused_attention() -> Iterator[None]:
    """On the meta device attention would be counted as if it kept every pair of tokens."""
    before = nn.functional.scaled_dot_product_attention
    nn.functional.scaled_dot_product_attention = lambda query, key, value, **_: _Fused.apply(query, key, value)
    try:
        yield
    finally:
        nn.functional.scaled_dot_product_attention = before


def work(net: Any, preset: TuningPreset, tokens: int) -> float:
    """Floating-point operations of a sample: forward, back to the inputs, for tuned weights back to them, and forward
    once more where it is checkpointed."""
    layers: Sequence[nn.Linear] = [m for m in net.modules() if isinstance(m, nn.Linear)]
    forward = 2.0 * tokens * sum(m.in_features * m.out_features for m in layers)
    width = net.config.num_attention_heads * net.config.attention_head_dim
    forward += 4.0 * tokens**2 * width * (net.config.num_layers + net.config.num_single_layers)
    times = 2 + (preset.method == "full") + preset.checkpointing
    return forward * times
