"""Every row on a tiny pipeline of its own class: its call, batches, the one-step recipe, adapters, prompts."""

from __future__ import annotations

import inspect
from typing import Any

import diffusers
import numpy as np
import pytest
import tiny_editors
import torch
from peft import LoraConfig

from plantain.errors import PainterError
from plantain.models.painters.generators import latents, weights
from plantain.models.painters.generators.lockstep import Lockstep
from plantain.models.painters.generators.painter import DiffusersPainter
from plantain.models.painters.generators.spec import GENERATORS
from plantain.models.painting import Painting, Request

torch.set_num_threads(1)
PROMPT = "Paint wall #1f77b4, floor #ff7f0e and the café's lamp #2ca02c."
CLASSES = tuple(tiny_editors.BUILDERS)  # one row for each pipeline that differs in more than size
UNLIKE = tuple(name for name in CLASSES if name not in tiny_editors.ALIKE)
ONE_STEP = [name for name in CLASSES if GENERATORS[name].flow]


def photo(size: tuple[int, int], seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (size[1], size[0], 3), np.uint8)


def request(painter: Any, seed: int = 0, steps: int = 2, images: int = 1, prompt: str = PROMPT) -> Request:
    size = painter.canvas(90, 121)
    return Request(prompt, tuple(photo(size, seed + i) for i in range(images)), size, seed, sampling={"steps": steps})


def pixels(painter: Any, *requests: Request) -> list[np.ndarray]:
    made = painter.paint(requests)
    for one in made:
        assert isinstance(one, Painting), one
    return [one.pixels for one in made]


def arguments(cls: Any, spec: Any) -> set[str]:
    if spec.modular:
        return {
            one.name for one in getattr(diffusers, f"{spec.cls.removesuffix('ModularPipeline')}AutoBlocks")().inputs
        }
    return set(inspect.signature(cls.__call__).parameters)


@pytest.mark.parametrize("name", GENERATORS)
def test_the_class_takes_what_the_row_gives_it(name: str) -> None:
    """Fails when diffusers changes a signature."""
    spec = GENERATORS[name]
    cls = getattr(diffusers, spec.cls)
    wanted = {
        "prompt",
        "num_inference_steps",
        "generator",
        "output_type",
        "image",
        *spec.joined,
        *spec.sides(64, 64, not spec.words),
    }
    wanted |= {key for key in (*spec.guidance, *spec.unguided) if key != "guider"}
    wanted |= {"latents", "sigmas"} if spec.flow else set()
    assert wanted <= arguments(cls, spec)
    assert set(spec.load) <= set(inspect.signature(cls.__init__).parameters)
    assert hasattr(cls, "load_lora_weights") == (spec.lora == "pipeline")
    assert spec.base == "" or GENERATORS[spec.base].base == ""
    if "." not in spec.encode:
        assert (
            "prompt" in inspect.signature(getattr(cls, spec.encode)).parameters
            or "prompts" in inspect.signature(getattr(cls, spec.encode)).parameters
        )


@pytest.mark.parametrize("name", UNLIKE)
def test_a_row_paints_floats_of_the_canvas_and_the_same_again(name: str, painter: Any) -> None:
    model = painter(name)
    asked = request(model)
    first, again = pixels(model, asked)[0], pixels(model, asked)[0]
    assert first.shape == (*asked.size[::-1], 3) and first.dtype == np.float32
    assert first.min() >= 0 and first.max() <= 1 and not np.array_equal(first, np.round(first * 255) / 255)
    assert np.array_equal(first, again)


@pytest.mark.parametrize("name", UNLIKE)
def test_half_precision_leaves_the_autoencoder_and_the_sums_whole(name: str, painter: Any, monkeypatch: Any) -> None:
    """As on a GPU: networks in bfloat16, latents between steps and pictures in float32."""
    exact = pixels(painter(name), request(painter(name)))[0]
    monkeypatch.setattr(DiffusersPainter, "precision", "bfloat16")
    model, spec, latent = painter(name, fresh=True), GENERATORS[name], list[torch.dtype]()
    decode = model.pipe.vae.decode
    model.pipe.vae.decode = lambda z, *a, **k: (latent.append(z.dtype), decode(z, *a, **k))[1]
    made = pixels(model, request(model))[0]
    kinds = {one.dtype for one in getattr(model.pipe, spec.denoiser).parameters()}
    assert torch.bfloat16 in kinds and {one.dtype for one in model.pipe.vae.parameters()} == {torch.float32}
    assert latent == [torch.float32]
    assert 0 < np.abs(made - exact).mean() < 0.05
    assert len(np.unique(made)) > 1000  # bfloat16 has 256 levels between a half and one


def stock(name: str, folder: Any, asked: Request) -> np.ndarray:
    """What the pipeline itself paints, loaded and called by diffusers alone."""
    spec = GENERATORS[name]
    if spec.modular:
        blocks = getattr(diffusers, f"{spec.cls.removesuffix('ModularPipeline')}AutoBlocks")()
        blocks.sub_blocks.pop("prompt_upsampler")
        pipe = blocks.init_pipeline(str(folder(name)))
        pipe.load_components(local_files_only=True)
        if "guider" in spec.guidance:
            pipe.update_components(guider=diffusers.ClassifierFreeGuidance(guidance_scale=spec.guidance["guider"]))
    else:
        pipe = diffusers.DiffusionPipeline.from_pretrained(folder(name), **(spec.load if "unet" in spec.params else {}))
        pipe.set_progress_bar_config(disable=True)
    from PIL import Image

    steps = asked.sampling["steps"]
    call: dict[str, Any] = {key: value for key, value in spec.guidance.items() if key != "guider"}
    call |= {"sigmas": np.linspace(1, 1 / steps, steps).tolist()} if spec.flow else {}
    made = pipe(
        prompt=asked.prompt, image=Image.fromarray(asked.images[0]), num_inference_steps=steps, output_type="np",
        generator=torch.Generator().manual_seed(asked.seed), **call, **spec.sides(*asked.size, True)
    )  # fmt: skip
    return (made.get("images") if spec.modular else made.images)[0][..., :3]


@pytest.mark.parametrize("name", CLASSES)
def test_a_batch_of_photos_is_equal_to_the_stock_run_of_each(name: str, painter: Any, folder: Any) -> None:
    model = painter(name)
    asked = [request(model, seed) for seed in (0, 5, 9)]
    calls = counted(getattr(model.pipe, GENERATORS[name].denoiser))
    together, joined = pixels(model, *asked), len(calls)
    for made, one in zip(together[1:], asked[1:], strict=True):
        assert np.abs(made - pixels(model, one)[0]).max() < 1e-5
    assert 3 * joined == len(calls)  # three photos took as many calls of the denoiser as one
    assert np.abs(together[0] - stock(name, folder, asked[0])).max() < 1e-5


def counted(denoiser: Any) -> list[int]:
    """Grows by one at every call of the denoiser."""
    calls = list[int]()
    first = next(one for one in denoiser.modules() if not list(one.children()) and list(one.parameters()))
    first.register_forward_hook(lambda *_: calls.append(1))
    return calls


@pytest.mark.parametrize("name", ONE_STEP)
def test_one_step_by_the_stock_call_is_the_formula(name: str, painter: Any, monkeypatch: Any) -> None:
    """decode(0 - v(0, 1)): what training's one-step loss works on."""
    model, spec = painter(name), GENERATORS[name]
    denoiser, seen = getattr(model.pipe, spec.denoiser), list[Any]()
    forward = denoiser.forward

    def recorded(*args: Any, **kwargs: Any) -> Any:
        made = forward(*args, **kwargs)
        seen.append((kwargs, made[0]))
        return made

    recorded.__wrapped__ = forward
    monkeypatch.setattr(denoiser, "forward", recorded)
    asked = request(model, steps=1)
    made = pixels(model, asked)[0]
    ((given, velocity),) = seen
    assert float(given["timestep"].float().max()) == spec.time
    grid = asked.size[1] // spec.unit, asked.size[0] // spec.unit
    count = grid[0] * grid[1]
    target = velocity[:, -count:] if spec.place == "last" else velocity[:, :count]
    z = -target.transpose(1, 2).reshape(1, -1, *grid)
    with torch.no_grad():
        expected = latents.decode(model.pipe, spec, z)[0].permute(1, 2, 0).numpy()
    assert np.abs(made - expected).max() < 1e-5


@pytest.mark.parametrize("name", UNLIKE)
def test_latents_of_a_picture_are_those_that_the_class_conditions_on(name: str, painter: Any, monkeypatch: Any) -> None:
    model, spec = painter(name), GENERATORS[name]
    denoiser, seen = getattr(model.pipe, spec.denoiser), list[Any]()
    forward = denoiser.forward

    def recorded(*args: Any, **kwargs: Any) -> Any:
        seen.append(args[0] if args else kwargs.get("hidden_states"))
        seen.append(kwargs.get("image_cond_hidden_states"))
        return forward(*args, **kwargs)

    recorded.__wrapped__ = forward
    monkeypatch.setattr(denoiser, "forward", recorded)
    asked = request(model)
    pixels(model, asked)
    rgb = torch.from_numpy(asked.images[0]).permute(2, 0, 1)[None].float() / 255
    with torch.no_grad():
        z = latents.encode(model.pipe, spec, rgb)
    tokens, count = latents.tokens(z), z.shape[-1] * z.shape[-2]
    scale = getattr(model.pipe.vae.config, "scaling_factor", 1.0)
    found = {
        "first": lambda: (seen[0][:, count : 2 * count], tokens),
        "last": lambda: (seen[0][:, :count], tokens),
        "apart": lambda: (seen[1], tokens),
        "left": lambda: (seen[0][-1:, :, :, z.shape[-1] :], z * scale),
        "channels": lambda: (seen[0][:1, 4:], z / scale),
    }[spec.place]()
    torch.testing.assert_close(found[0], found[1], atol=1e-5, rtol=1e-4)


# ---- adapters


def adapter(name: str, folder: Any, place: Any) -> int:
    """Saves an adapter for a row as diffusers does; gives its number of keys."""
    spec = GENERATORS[name]
    pipe = weights.pipeline(spec, str(folder(name)), dtype=torch.float32, device="cpu", quantize=None)
    denoiser = getattr(pipe, spec.denoiser)
    denoiser.add_adapter(LoraConfig(r=3, lora_alpha=6, target_modules=spec.lora_targets, init_lora_weights=False))
    from peft.utils import get_peft_model_state_dict

    state = get_peft_model_state_dict(denoiser)
    if spec.lora == "pipeline":
        about = {f"{spec.denoiser}_lora_adapter_metadata": denoiser.peft_config["default"].to_dict()}
        layers = {f"{spec.denoiser}_lora_layers": state}
        type(pipe).save_lora_weights(str(place), **layers, **about)
    else:
        denoiser.save_lora_adapter(str(place))
    return len(state)


@pytest.mark.parametrize("name", UNLIKE)
def test_an_adapter_is_saved_loaded_and_counted(
    name: str, painter: Any, folder: Any, tmp_path: Any, caplog: Any
) -> None:
    count = adapter(name, folder, tmp_path)
    plain, tuned = painter(name), painter(name, adapter=tmp_path)
    asked = request(plain)
    before, after = pixels(plain, asked)[0], pixels(tuned, asked)[0]
    assert f"{count} keys, {count} tensors of {GENERATORS[name].denoiser} loaded" in caplog.text
    assert np.abs(before - after).max() > 1e-4
    scale = {layer.scaling["plantain"] for layer in getattr(tuned.pipe, GENERATORS[name].denoiser).modules()
             if "plantain" in getattr(layer, "scaling", {})}  # fmt: skip
    assert scale == {2.0}  # alpha / rank is kept
    assert tuned.identity.adapter_weights and tuned.identity.key != plain.identity.key


def test_fused_adapters_of_diffsynth_become_those_of_diffusers() -> None:
    """Edit2Perceive's layers: the product of both halves stays what it was, cut into the parts of fused layers."""
    generator = torch.Generator().manual_seed(0)
    a, b = torch.randn(3, 8, generator=generator), torch.randn(7 * 8, 3, generator=generator)
    key = "single_blocks.4.to_qkv_mlp"
    made = weights.renamed({f"{key}.lora_A.default.weight": a, f"{key}.lora_B.default.weight": b})
    block = "transformer.single_transformer_blocks.4"
    layers = ("attn.to_q", "attn.to_k", "attn.to_v", "proj_mlp")
    whole = torch.cat([made[f"{block}.{n}.lora_B.weight"] @ made[f"{block}.{n}.lora_A.weight"] for n in layers])
    torch.testing.assert_close(whole, b @ a)
    double = weights.renamed(
        {"blocks.0.attn.b_to_qkv.lora_B.default.weight": b[:24], "pipe.dit.blocks.0.ff_a.2.lora_A.weight": a}
    )
    assert set(double) == {
        *(f"transformer.transformer_blocks.0.attn.add_{n}_proj.lora_B.weight" for n in "qkv"),
        "transformer.transformer_blocks.0.ff.net.2.lora_A.weight",
    }


def test_an_edit2perceive_adapter_loads_into_kontext(painter: Any, tmp_path: Any, caplog: Any) -> None:
    from safetensors.torch import save_file

    generator, state, width = torch.Generator().manual_seed(0), {}, 32
    rows = {"blocks.0.attn.a_to_qkv": 3, "blocks.0.attn.b_to_qkv": 3, "blocks.0.attn.a_to_out": 1,
            "single_blocks.0.to_qkv_mlp": 7}  # fmt: skip
    for layer, times in rows.items():
        state[f"{layer}.lora_A.default.weight"] = torch.randn(2, width, generator=generator)
        state[f"{layer}.lora_B.default.weight"] = torch.randn(times * width, 2, generator=generator)
    save_file(state, tmp_path / "depth_lora.safetensors")
    model = painter("edit2perceive", adapter=tmp_path)
    pixels(model, request(model))
    assert f"{len(state)} keys, {2 * (3 + 3 + 1 + 4)} tensors of transformer loaded" in caplog.text


def test_a_prefix_that_stock_loaders_skip_is_taken_off(painter: Any, folder: Any, tmp_path: Any, caplog: Any) -> None:
    """Marigold V2's adapter for Qwen-Image-Edit-2509: 1,446 keys that nobody loads and nobody misses."""
    from safetensors.torch import load_file, save_file

    adapter("qwen-image-edit-2509", folder, tmp_path / "saved")
    state = load_file(tmp_path / "saved" / "pytorch_lora_weights.safetensors")
    foreign = {f"Diffuser.{key.removeprefix('transformer.')}": value for key, value in state.items()}
    save_file(foreign, tmp_path / "trainables.safetensors")
    model = painter("qwen-image-edit-2509", adapter=tmp_path / "trainables.safetensors")
    pixels(model, request(model))
    assert f"{len(state)} keys, {len(state)} tensors" in caplog.text


# ---- words


def texts_of(name: str, model: Any, monkeypatch: Any) -> list[str]:
    """Collects what text encoders get, as words again."""
    told = list[str]()
    for part in ("text_encoder", "text_encoder_2"):
        encoder = getattr(model.pipe, part, None)
        if encoder is None:
            continue
        tokenizer = getattr(model.pipe, part.replace("text_encoder", "tokenizer"), None) or model.pipe.processor
        tokenizer = getattr(tokenizer, "tokenizer", tokenizer)
        forward = encoder.forward

        def heard(*args: Any, _forward: Any = forward, _tokenizer: Any = tokenizer, **kwargs: Any) -> Any:
            ids = args[0] if args else kwargs["input_ids"]
            told.extend(_tokenizer.batch_decode(ids, skip_special_tokens=False))
            return _forward(*args, **kwargs)

        monkeypatch.setattr(encoder, "forward", heard)
    return told


@pytest.mark.parametrize("name", UNLIKE)
def test_the_legend_reaches_every_text_encoder_verbatim(name: str, painter: Any, monkeypatch: Any) -> None:
    from plantain import tasks

    prompt = tasks.SemanticSegmentation.of(["wall", "floor", "the cook's hat"]).prompt("imperative")
    model = painter(name)
    told = texts_of(name, model, monkeypatch)
    pixels(model, request(model, prompt=prompt))
    plain = (
        (lambda text: text.lower().replace(" ", ""))
        if "tokenizer" in GENERATORS[name].params
        or "clip" in type(getattr(model.pipe, "tokenizer", None)).__name__.lower()
        else (lambda text: text)
    )
    assert any(plain(prompt) in plain(text) for text in told), told[:1]
    assert all(plain(prompt) in plain(text) for text in told if "wall" in text)


@pytest.mark.parametrize("name", [name for name in UNLIKE if GENERATORS[name].tokenizer])
def test_a_prompt_that_would_be_cut_off_is_refused(name: str, painter: Any) -> None:
    model = painter(name)
    (error,) = model.paint([request(model, prompt="wall blue; " * 60)])
    assert isinstance(error, PainterError) and "tokens of a prompt and this one has" in str(error)


@pytest.mark.parametrize("name", [name for name in UNLIKE if not GENERATORS[name].sees])
def test_embeddings_are_remembered_so_text_encoders_can_be_dropped(name: str, painter: Any) -> None:
    model = painter(name, fresh=True)
    before = pixels(model, request(model))[0]
    for part in ("text_encoder", "text_encoder_2"):
        if getattr(model.pipe, part, None) is not None:
            setattr(model.pipe, part, None)
    assert np.array_equal(before, pixels(model, request(model))[0])


@pytest.mark.parametrize("name", ["flux2-klein-4b", "qwen-image-edit-2511", "flux3-klein"])
def test_offload_changes_where_but_not_what(name: str, painter: Any, monkeypatch: Any) -> None:
    moved = list[str]()
    to = torch.nn.Module.to
    monkeypatch.setattr(
        torch.nn.Module, "to", lambda self, *a, **k: (moved.append(type(self).__name__), to(self, *a, **k))[1]
    )
    model, other = painter(name, offload=True), painter(name)
    assert np.array_equal(pixels(model, request(model))[0], pixels(other, request(other))[0])
    assert type(model.pipe.text_encoder).__name__ in moved


# ---- several pictures


@pytest.mark.parametrize("name", UNLIKE)
def test_examples_are_shown_as_the_row_says(name: str, painter: Any, monkeypatch: Any) -> None:
    model, spec, shown = painter(name), GENERATORS[name], list[Any]()
    assert model.capabilities.max_images == spec.images >= 3
    arguments_of = model._arguments
    monkeypatch.setattr(model, "_arguments", lambda p, r, s, i: (shown.extend(i), arguments_of(p, r, s, i))[1])
    asked = request(model, images=3)
    made = pixels(model, asked)[0]
    aspect = (made.shape[1] / made.shape[0]) / (asked.size[0] / asked.size[1])
    assert 1 / 1.12 < aspect < 1.12
    if spec.order == "grid":
        (grid,) = shown
        cell = grid.width // 2, grid.height // 2
        left = np.asarray(grid.crop((0, cell[1], cell[0], 2 * cell[1])).resize(asked.size), float)
        assert np.corrcoef(left.ravel(), asked.images[0].ravel())[0, 1] > 0.4  # the photo, at the bottom left
    else:
        place = 0 if spec.order == "first" else 2
        assert [one.size for one in shown] == [asked.size] * 3
        assert np.array_equal(np.asarray(shown[place]), asked.images[0])


@pytest.mark.parametrize("name", UNLIKE)
def test_a_picture_from_words_or_a_clear_refusal(name: str, painter: Any) -> None:
    model = painter(name)
    size = model.canvas(128, 128)
    (made,) = model.paint([Request("A red chair.", (), size, purpose="generate", sampling={"steps": 2})])
    if GENERATORS[name].words:
        assert isinstance(made, Painting) and made.pixels.shape[1::-1] == size, made
    else:
        assert isinstance(made, PainterError) and "paints none from words" in str(made)


# ---- the lockstep itself


def test_calls_of_different_shapes_are_not_joined_and_errors_stay_apart() -> None:
    sizes = list[int]()

    def forward(hidden_states: torch.Tensor, scale: float) -> tuple[torch.Tensor]:
        sizes.append(len(hidden_states))
        return (hidden_states * scale,)

    steps = Lockstep()

    def call(width: int, scale: float, fails: bool = False) -> Any:
        total = torch.zeros(1, width)
        for _ in range(2):
            (made,) = steps.ask(forward, (), {"hidden_states": torch.ones(1, width), "scale": scale})
            total = total + made
            if fails:
                raise ValueError("broken")
        return total

    calls = [(3, 2.0), (3, 2.0), (4, 2.0), (3, 5.0), (3, 2.0, True)]
    made = steps.run([lambda c=c: call(*c) for c in calls])
    assert [float(one.sum()) for one in made[:4]] == [12, 12, 16, 30]
    assert isinstance(made[4], ValueError)
    assert sorted(sizes) == [1, 1, 1, 1, 2, 3]
