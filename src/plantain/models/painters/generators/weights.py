"""From the hub, a folder and an adapter to a pipeline that is ready: what is there, what is loaded, what is wrong."""

from __future__ import annotations

import json
import logging
import re
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from plantain.errors import MissingExtra, UsageError
from plantain.models.painters.generators.spec import GENERATORS, GeneratorSpec
from plantain.models.specialists.pretrained import hub_commit

log = logging.getLogger("plantain")  # people read it on stderr; `logging.getLogger("plantain").setLevel(...)` quiets it
ADAPTER = "plantain"  # what an adapter is called inside a denoiser
UNUSED = ("safety_checker", "feature_extractor", "image_encoder", "prompt_upsampler*")
SKIPPED = [f"{part}/*" for part in UNUSED] + ["*.bin", "*.ckpt", "*.msgpack", "*.onnx*", "*.fp16.*", "*.gguf"]
QUANTIZED = {"nf4": "bitsandbytes", "int8": "torchao"}  # how -> package
FOREIGN = re.compile(r"^(Diffuser|diffusion_model|pipe\.dit|base_model\.model|model)\.")  # prefixes of other trainers


# ---- where the weights lie


def folder_of(spec: GeneratorSpec, source: str) -> Path:
    """The folder of a pipeline: given itself, or from the hub by its own conventions of cache, token and offline mode.

    UsageError where it is absent and cannot be had, with what to do."""
    if Path(source).is_dir():
        return Path(source)
    skipped = [*SKIPPED, "transformer/*"] if spec.transformer else SKIPPED
    revision = spec.revision if source == spec.repo else ""
    return from_hub(spec, source, revision, allow_patterns=["*.json", "*/*"], ignore_patterns=skipped)


def here(source: str) -> Path | None:
    """A folder, or a snapshot in the hub's cache; None where the weights are not on this machine."""
    if Path(source).is_dir():
        return Path(source)
    try:
        from huggingface_hub import snapshot_download

        return Path(snapshot_download(source, local_files_only=True))
    except (ImportError, OSError, ValueError):
        return None


def from_hub(spec: GeneratorSpec, repo: str, revision: str = "", **patterns: Any) -> Path:
    """A snapshot of a repository. UsageError."""
    try:
        from huggingface_hub import errors, snapshot_download
    except ImportError as error:
        raise MissingExtra("huggingface_hub", "diffusers") from error
    page = f"https://huggingface.co/{repo}"
    try:
        return Path(snapshot_download(repo, revision=revision or None, **patterns))
    except errors.GatedRepoError as error:
        raise UsageError(
            f"{repo} is gated: accept its license at {page}, then run `hf auth login` (or set HF_TOKEN), and ask again"
        ) from error
    except errors.RepositoryNotFoundError as error:
        raise UsageError(f"there is no {repo} on the hub for you; check the name, or run `hf auth login`") from error
    except (errors.LocalEntryNotFoundError, errors.OfflineModeIsEnabled) as error:
        gigabytes = sum(spec.params.values()) * 2
        raise UsageError(
            f"the weights of {spec.name} ({repo}, about {gigabytes:.0f} GB) are not on this machine and the hub cannot "
            f"be reached (offline, or HF_HUB_OFFLINE is set); run `hf download {repo}` where it can, or name a folder "
            "with --weights"
        ) from error
    except (errors.HfHubHTTPError, errors.HFValidationError, OSError) as error:
        raise UsageError(f"{repo} cannot be had ({_first_line(error)}); name a folder with --weights") from error


def revision_of(spec: GeneratorSpec, source: str) -> str:
    """A repository and its commit on this machine."""
    where = folder_of(spec, source)
    return f"{source}@{where.name if where.parent.name == 'snapshots' else hub_commit(source)}"


def index(folder: Path, spec: GeneratorSpec) -> dict[str, Any]:
    """What a folder says that it holds. UsageError for no pipeline, or one of another class than the row's."""
    name = "modular_model_index.json" if spec.modular else "model_index.json"
    try:
        found: dict[str, Any] = json.loads((folder / name).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UsageError(f"{folder} holds no pipeline for {spec.name}: there is no {name} that can be read") from error
    if found.get("_class_name") != spec.cls:
        fitting = [row.name for row in GENERATORS.values() if row.cls == found.get("_class_name")]
        hint = f"; for this folder take -m {fitting[0]}" if fitting else ""
        raise UsageError(f"{folder} holds a {found.get('_class_name')}, but {spec.name} needs a {spec.cls}{hint}")
    return found


# ---- loading


def pipeline(spec: GeneratorSpec, source: str, *, dtype: Any, device: str, quantize: str | None) -> Any:
    """A row's pipeline, its autoencoder in float32 and without tiles. UsageError, MissingExtra."""
    diffusers = _package("diffusers")
    _package("transformers")
    if not hasattr(diffusers, spec.cls):
        raise UsageError(
            f"diffusers {diffusers.__version__} has no {spec.cls}, which {spec.name} needs; "
            "run: pip install -U diffusers"
        )
    folder = folder_of(spec, source)
    parts = index(folder, spec)
    diffusers.utils.logging.set_verbosity(logging.CRITICAL)  # what goes wrong is told in one line
    diffusers.utils.logging.disable_progress_bar()
    quantization = _quantization(parts, dtype, device, quantize)
    with _told(spec, source), _quietly():
        if spec.modular:
            pipe = _modular(diffusers, spec, parts, folder, dtype, quantization)
        else:
            over = (
                {}
                if not spec.transformer or Path(source).is_dir()
                else {"transformer": _transformer(spec, parts, dtype)}
            )
            config = {} if quantization is None else {"quantization_config": quantization}
            known = {name: value for name, value in spec.load.items() if name in parts or value is False}
            pipe = diffusers.DiffusionPipeline.from_pretrained(
                folder, dtype=dtype, local_files_only=True, **over, **config, **known
            )
            pipe.set_progress_bar_config(disable=True)
    exact(pipe.vae)
    return pipe


def _modular(diffusers: Any, spec: GeneratorSpec, parts: Any, folder: Path, dtype: Any, quantization: Any) -> Any:
    """A modular pipeline without the steps that rewrite prompts, which would be fatal for legends."""
    blocks = getattr(
        diffusers, parts.get("_blocks_class_name") or f"{spec.cls.removesuffix('ModularPipeline')}AutoBlocks"
    )()
    blocks.sub_blocks.pop("prompt_upsampler", None)
    pipe = blocks.init_pipeline(str(folder))
    config = {} if quantization is None else {"quantization_config": quantization.quant_mapping}
    pipe.load_components(dtype=dtype, local_files_only=True, **config)
    for name in ("transformer", "vae", "text_encoder", "tokenizer"):
        if getattr(pipe, name, None) is None:  # what went wrong was logged only: once more, so that it is raised
            pipe.get_component_spec(name).load(local_files_only=True)
    for block in _blocks(pipe._blocks):
        if hasattr(block, "set_progress_bar_config"):
            block.set_progress_bar_config(disable=True)
    return pipe


def _blocks(block: Any) -> Iterator[Any]:
    yield block
    for inner in getattr(block, "sub_blocks", {}).values():
        yield from _blocks(inner)


def _transformer(spec: GeneratorSpec, parts: Any, dtype: Any) -> Any:
    """The denoiser that takes the place of the repository's own."""
    where = from_hub(spec, spec.transformer)
    inner = where / "transformer" if (where / "transformer").is_dir() else where
    cls = getattr(_package("diffusers"), parts["transformer"][1])
    return cls.from_pretrained(inner, dtype=dtype, local_files_only=True)


def _quantization(parts: Any, dtype: Any, device: str, quantize: str | None) -> Any:
    """How diffusers and transformers are told to quantize denoiser and text encoders."""
    if quantize is None:
        return None
    if quantize not in QUANTIZED:
        raise UsageError(f"--quantize takes {' or '.join(QUANTIZED)}, not {quantize!r}")
    if quantize == "nf4" and not device.startswith("cuda"):
        raise UsageError(f"nf4 needs an NVIDIA GPU, and this runs on {device}; take --quantize int8")
    _package(QUANTIZED[quantize], optional=True)
    import diffusers
    import transformers

    if quantize == "nf4":
        options = {"load_in_4bit": True, "bnb_4bit_quant_type": "nf4", "bnb_4bit_compute_dtype": dtype}
        made = {"diffusers": diffusers.BitsAndBytesConfig(**options)}
        made["transformers"] = transformers.BitsAndBytesConfig(**options)
    else:
        from torchao.quantization import Int8WeightOnlyConfig

        made = {"diffusers": diffusers.TorchAoConfig(Int8WeightOnlyConfig())}
        made["transformers"] = transformers.TorchAoConfig(Int8WeightOnlyConfig())
    kinds = {
        "transformer": "diffusers",
        "unet": "diffusers",
        "text_encoder": "transformers",
        "text_encoder_2": "transformers",
    }
    mapping = {name: made[kind] for name, kind in kinds.items() if name in parts}
    return diffusers.PipelineQuantizationConfig(quant_mapping=mapping)


def exact(vae: Any) -> None:
    """The autoencoder in float32 and in one piece: half precision is off by half a level of 255, tiles shift colors.
    It takes what the pipeline gives it, and gives back latents of the same precision, pictures in float32."""
    import torch

    vae.to(torch.float32)
    for switch in ("disable_tiling", "disable_slicing"):
        getattr(vae, switch, lambda: None)()
    encode, decode = vae.encode, vae.decode

    def encoded(x: Any, *args: Any, **kwargs: Any) -> Any:
        coded = encode(x.float(), *args, **kwargs)
        if x.dtype != torch.float32 and hasattr(coded, "latent_dist"):
            coded.latent_dist = type(coded.latent_dist)(coded.latent_dist.parameters.to(x.dtype))
        elif x.dtype != torch.float32:
            coded.latents = coded.latents.to(x.dtype)
        return coded

    vae.encode = encoded
    vae.decode = lambda z, *args, **kwargs: decode(z.float(), *args, **kwargs)


# ---- adapters


def adapt(pipe: Any, spec: GeneratorSpec, source: str) -> str:
    """Loads an adapter into the denoiser, and says how many of its keys. UsageError where none is loaded, or where it
    was made for another base."""
    if (whole := tuned_denoiser(spec, source)) is not None:
        return _replace(pipe, spec, whole)
    _package("peft")
    from peft.utils import get_peft_model_state_dict
    from safetensors import safe_open
    from safetensors.torch import load_file, save_file

    file = adapter_file(spec, source)
    with safe_open(file, "pt") as opened:
        about = dict(opened.metadata() or {})
    _same_base(spec, file, about)
    state = load_file(file)
    ours = renamed(state)
    denoiser = getattr(pipe, spec.denoiser)
    with tempfile.TemporaryDirectory() as beside:
        if ours.keys() != state.keys():
            file = Path(beside) / "adapter.safetensors"
            save_file({key: value.contiguous() for key, value in ours.items()}, file, about)
        try:
            _load_adapter(pipe, spec, denoiser, file, ours)
        except Exception as error:  # a mixin raises many kinds; each means that it does not fit
            raise UsageError(
                f"the adapter {source} does not fit {spec.name} ({_first_line(error)}); it was made for another base"
            ) from error
    loaded = get_peft_model_state_dict(denoiser, adapter_name=ADAPTER) if ADAPTER in _adapters(denoiser) else {}
    if not any(bool(value.any()) for name, value in loaded.items() if "lora_B" in name):
        raise UsageError(
            f"none of the {len(state)} keys of {source} is a layer of {spec.name}: an adapter of another base"
        )
    return f"adapter {source}: {len(state)} keys, {len(loaded)} tensors of {spec.denoiser} loaded"


def tuned_denoiser(spec: GeneratorSpec, source: str) -> Path | None:
    """The folder of a denoiser that was tuned as a whole, where `source` is what `plantain train` wrote."""
    place = Path(source) / spec.denoiser
    return place if (place / "config.json").is_file() else None


def _replace(pipe: Any, spec: GeneratorSpec, folder: Path) -> str:
    """Takes over all weights of a tuned denoiser. UsageError where they are of another network."""
    denoiser = getattr(pipe, spec.denoiser)
    try:
        tuned = type(denoiser).from_pretrained(folder, dtype=denoiser.dtype, local_files_only=True)
        denoiser.load_state_dict(tuned.state_dict())
    except Exception as error:  # of many kinds; each means that it does not fit
        raise UsageError(f"{folder} does not fit {spec.name} ({_first_line(error)}); it is of another base") from error
    return f"{folder}: the whole {spec.denoiser} loaded"


def recipe(source: str) -> Mapping[str, Any]:
    """What `plantain train` wrote beside a tuned generator; empty for others."""
    place = Path(source) if Path(source).is_dir() else Path(source).parent
    try:
        found: Mapping[str, Any] = json.loads((place / "plantain.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if str(found.get("format", "")).startswith("plantain-tuned/") else {}


def _load_adapter(pipe: Any, spec: GeneratorSpec, denoiser: Any, file: Path, state: Mapping[str, Any]) -> None:
    where = {"weight_name": file.name, "adapter_name": ADAPTER}
    if spec.lora == "pipeline":
        pipe.load_lora_weights(str(file.parent), **where)
        return
    named = next((p for p in ("transformer", "unet") if all(key.startswith(f"{p}.") for key in state)), None)
    denoiser.load_lora_adapter(str(file.parent), prefix=named, use_safetensors=True, **where)


def _adapters(denoiser: Any) -> Mapping[str, Any]:
    return getattr(denoiser, "peft_config", {})


def adapter_file(spec: GeneratorSpec, source: str) -> Path:
    """The file of an adapter: itself, by its folder, or "owner/repo[/file]" on the hub. UsageError."""
    place = Path(source)
    if not place.exists():
        owner, repo, *file = source.split("/") if source.count("/") else ("", source)
        if not owner:
            raise UsageError(f"there is no adapter at {source}; give a .safetensors file or the folder it lies in")
        place = from_hub(spec, f"{owner}/{repo}", allow_patterns=["/".join(file) or "*.safetensors", "*.json"])
        place = place / "/".join(file)
    found = sorted(place.glob("*.safetensors")) if place.is_dir() else [place]
    preferred = [one for one in found if one.name == "pytorch_lora_weights.safetensors"] or found
    if not preferred or not preferred[0].is_file():
        raise UsageError(f"there is no .safetensors file in {place}; an adapter is one, or the folder it lies in")
    return preferred[0]


def _same_base(spec: GeneratorSpec, file: Path, about: Mapping[str, str]) -> None:
    """UsageError where an adapter says that it was made for a base we know and which is not this one's."""
    try:
        beside = json.loads((file.parent / "adapter_config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        beside = {}
    told = about.get("base") or recipe(str(file)).get("generator") or beside.get("base_model_name_or_path") or ""
    known = {name: row for row in GENERATORS.values() for name in (row.name, row.repo)}
    if told in known and not {told, known[told].name} & relatives(spec):
        raise UsageError(f"the adapter {file} was made for {told}, not for {spec.name}")


def relatives(spec: GeneratorSpec) -> set[str]:
    """The rows whose adapters fit this one: itself, its base, and what is distilled from the same base."""
    root = spec.base or spec.name
    return {row.name for row in GENERATORS.values() if root in (row.name, row.base)} | {spec.name, spec.repo}


def renamed(state: Mapping[str, Any]) -> dict[str, Any]:
    """The adapter's keys in a file, those of other trainers under the names that diffusers knows."""
    ours = {key: value for key, value in state.items() if re.search("lora|alpha|dora|lokr", key)}
    plain = {FOREIGN.sub("", key).replace(".default.weight", ".weight"): value for key, value in ours.items()}
    plain = dict(_from_diffsynth(plain))
    if plain.keys() == ours.keys() or all(key.startswith(("transformer.", "unet.")) for key in plain):
        return plain
    return {f"transformer.{key}": value for key, value in plain.items()}


DIFFSYNTH = {  # a layer of FLUX.1 in DiffSynth -> the layers of diffusers that it holds, and their shares of its rows
    "attn.a_to_qkv": (("attn.to_q", 1), ("attn.to_k", 1), ("attn.to_v", 1)),
    "attn.b_to_qkv": (("attn.add_q_proj", 1), ("attn.add_k_proj", 1), ("attn.add_v_proj", 1)),
    "to_qkv_mlp": (("attn.to_q", 1), ("attn.to_k", 1), ("attn.to_v", 1), ("proj_mlp", 4)),
    "attn.a_to_out": (("attn.to_out.0", 1),),
    "attn.b_to_out": (("attn.to_add_out", 1),),
    "ff_a.0": (("ff.net.0.proj", 1),),
    "ff_a.2": (("ff.net.2", 1),),
    "ff_b.0": (("ff_context.net.0.proj", 1),),
    "ff_b.2": (("ff_context.net.2", 1),),
    "norm1_a.linear": (("norm1.linear", 1),),
    "norm1_b.linear": (("norm1_context.linear", 1),),
    "norm.linear": (("norm.linear", 1),),
    "proj_out": (("proj_out", 1),),
}


def _from_diffsynth(state: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Adapters of DiffSynth for FLUX.1: fused layers are cut into their parts, which share the adapter's first half.
    Other keys stay as they are.

    Source: lora/flux_lora.py and models/flux_dit.py of github.com/showlab/Edit2Perceive."""
    for key, value in state.items():
        found = re.fullmatch(r"(single_)?blocks\.(\d+)\.(.+)\.(lora_[AB])\.weight", key)
        if found is None or found[3] not in DIFFSYNTH:
            yield key, value
            continue
        parts = DIFFSYNTH[found[3]]
        unit = value.shape[0] // sum(share for _, share in parts)
        cut = value.split([unit * share for _, share in parts]) if found[4] == "lora_B" else [value] * len(parts)
        for (name, _), part in zip(parts, cut, strict=True):
            yield f"transformer.{found[1] or ''}transformer_blocks.{found[2]}.{name}.{found[4]}.weight", part.clone()


# ---- errors


def _package(name: str, *, optional: bool = False) -> Any:
    from importlib import import_module

    try:
        return import_module(name)
    except ImportError as error:
        raise MissingExtra(name, "" if optional else "diffusers") from error


@contextmanager
def _told(spec: GeneratorSpec, source: str) -> Iterator[None]:
    """What loading raises, as one line. Lack of memory is told elsewhere."""
    try:
        yield
    except UsageError:
        raise
    except (OSError, ValueError, KeyError, AttributeError, TypeError) as error:
        raise UsageError(f"{spec.name} cannot be loaded from {source} ({_first_line(error)})") from error


@contextmanager
def _quietly() -> Iterator[None]:
    """Without the warnings of transformers about what it does itself."""
    from transformers.utils import logging as theirs

    before = theirs.get_verbosity()
    theirs.set_verbosity_error()
    theirs.disable_progress_bar()
    try:
        yield
    finally:
        theirs.set_verbosity(before)


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".")[:300]
