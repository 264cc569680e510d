"""The table of open generators that diffusers runs: one row of data each.

A row says what its class does to a picture and how it is called; whatever differs between families is data, or a
small named function that the row points to. Facts were read in the source of diffusers 0.42.1 and on the model cards;
`source` says where, and what nobody here has seen. Parameters are in billions: denoisers and autoencoders counted from
the classes' own configurations, text encoders as their authors state them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from plantain.models.painters.generators.sizes import MEGAPIXEL, Size, nearest_32, up_to_16

LAYERS = (  # linear layers of transformer blocks: attention and what follows it
    r".*blocks\..*\.(to_[qkv]|to_out\.0|add_[qkv]_proj|to_add_out|to_qkv_mlp_proj|linear_in|linear_out"
    r"|net\.0\.proj|net\.2|proj_mlp|proj_out)"
)
UNET_LAYERS = r".*\.(to_[qkv]|to_out\.0|net\.0\.proj|net\.2)"
Sides = Callable[[int, int, bool], dict[str, Any]]  # width, height, whether there is a photo -> arguments of the call


def by_sides(width: int, height: int, photo: bool) -> dict[str, Any]:
    """The size is said."""
    return {"width": width, "height": height}


def by_photo(width: int, height: int, photo: bool) -> dict[str, Any]:
    """The size is the photo's, and is said only where there is none."""
    return {} if photo else {"width": width, "height": height}


def by_area(width: int, height: int, photo: bool) -> dict[str, Any]:
    """Qwen-Image-2.1: the photo's aspect at an area, which is said by the side of a square."""
    return {"width": width, "height": height, "output_resolution": round(math.sqrt(width * height))}


def by_sides_and_area(width: int, height: int, photo: bool) -> dict[str, Any]:
    """Kontext: the area too, and none of its seventeen sizes, to which it would stretch the photo by up to 30 %."""
    return {"width": width, "height": height, "max_area": width * height, "_auto_resize": False}


@dataclass(frozen=True)
class GeneratorSpec:
    """One generator.

    `cls`: its pipeline in diffusers, `modular` or classic, from the `repo` (at a `revision`) of the hub. `transformer`:
    a repository whose denoiser takes the place of the repository's own; `adapter`: "owner/repo/file", loaded unless
    another is given. `base`: the row to train on, where this one is distilled. `params`: billions, by component.
    `does`: what the class does to pictures that are handed over as they are.

    `steps` and `guidance` are arguments of the call, `unguided` those that switch guidance off, `joined` those for
    several photos at a time; `load` those of loading. `sides`: how the size is said. `order`: where the query photo
    stands among several pictures, or "grid" where the class takes only one; `images`: pictures at most. `words`:
    whether it paints without a photo. `encode`: the method that makes embeddings of the prompt, which are remembered
    unless the text encoder `sees` the photo too. `tokenizer`, `max_tokens`: whose tokens of the prompt are counted and
    how many are read (0: as many as the tokenizer says); "" where nothing is cut off.

    For the one-step recipe and for training: `zeros`: the layout of the call's `latents`, "" where it takes none or is
    no flow; `unit`: pixels of a side that a latent stands for; `patch`, `frames`, `alpha`: how they are laid out;
    `place`: where in the denoiser's input the target lies beside the references; `time`: what the denoiser gets as time
    at pure noise; `lora_targets`: a regular expression of linear layers; `lora`: whether the pipeline loads adapters,
    or only its denoiser."""

    name: str
    cls: str
    repo: str
    license: str
    params: Mapping[str, float]
    does: str
    source: str
    revision: str = ""
    gated: bool = False
    modular: bool = False
    transformer: str = ""
    adapter: str = ""
    base: str = ""
    steps: int = 50
    guidance: Mapping[str, Any] = field(default_factory=dict)
    unguided: Mapping[str, Any] = field(default_factory=dict)
    joined: Mapping[str, Any] = field(default_factory=dict)
    load: Mapping[str, Any] = field(default_factory=dict)
    size: Size = field(default_factory=Size)
    sides: Sides = by_sides
    order: Literal["first", "last", "grid"] = "first"
    images: int = 1
    words: bool = True
    encode: str = "encode_prompt"
    sees: bool = False
    tokenizer: str = "tokenizer"
    max_tokens: int = 480
    denoiser: str = "transformer"
    zeros: Literal["tokens", "grid", ""] = "tokens"
    unit: int = 16
    patch: int = 2
    frames: bool = False
    alpha: bool = False
    place: Literal["first", "last", "left", "channels", "apart"] = "first"
    time: float = 1.0
    lora: Literal["pipeline", "denoiser"] = "pipeline"
    lora_targets: str = LAYERS

    @property
    def flow(self) -> bool:
        """Whether one step from zeros by the stock call is the one-step recipe."""
        return bool(self.zeros)


VAES = {"flux2": 0.084, "flux1": 0.084, "qwen": 0.127, "qwen21": 0.338}
CLASSES = "class and parameters: diffusers 0.42.1"
FREE_FLUX = "FLUX non-commercial license"

KLEIN = GeneratorSpec(
    name="flux2-klein-4b",
    cls="Flux2KleinPipeline",
    repo="black-forest-labs/FLUX.2-klein-4B",
    license="Apache-2.0",
    params={"transformer": 3.876, "text_encoder": 4.022, "vae": VAES["flux2"]},
    does="would shrink above a megapixel and crop to multiples of 16 in the middle",
    source=f"{CLASSES}; license: github.com/black-forest-labs/flux2",
    base="flux2-klein-base-4b",
    steps=4,
    guidance={"guidance_scale": 1.0},
    unguided={"guidance_scale": 1.0},
    images=9,
    zeros="grid",
    lora_targets=LAYERS + r"|single_transformer_blocks\.\d+\.attn\.to_out",
)
KLEIN_BASE = replace(
    KLEIN,
    name="flux2-klein-base-4b",
    repo="black-forest-labs/FLUX.2-klein-base-4B",
    base="",
    steps=50,
    guidance={"guidance_scale": 4.0},
)
NINE = {"transformer": 9.079, "text_encoder": 8.191, "vae": VAES["flux2"]}
KLEIN_9B = replace(
    KLEIN,
    name="flux2-klein-9b",
    repo="black-forest-labs/FLUX.2-klein-9B",
    license=FREE_FLUX,
    gated=True,
    params=NINE,
    base="flux2-klein-base-9b",
)
KLEIN_BASE_9B = replace(
    KLEIN_BASE,
    name="flux2-klein-base-9b",
    repo="black-forest-labs/FLUX.2-klein-base-9B",
    license=FREE_FLUX,
    gated=True,
    params=NINE,
)
FLUX3 = GeneratorSpec(
    name="flux3-klein",
    cls="Flux3DistilledModularPipeline",
    repo="black-forest-labs/flux-3-image-klein",
    license="FLUX Kommunity license",
    gated=True,
    modular=True,
    params={"transformer": 5.538, "text_encoder": 4.438, "vae": VAES["flux2"]},
    does="keeps one photo whole up to 4 megapixels: pads to multiples of 16 and cuts the padding off again",
    source=f"{CLASSES}; repository, license, steps: README of github.com/black-forest-labs/flux-3-image-klein",
    base="flux3-klein-base",
    steps=16,
    sides=by_photo,
    images=9,
    encode="text_encoder._get_qwen3_vl_prompt_embeds",
    tokenizer="",
    zeros="grid",
    place="apart",
)
QWEN = GeneratorSpec(
    name="qwen-image-edit-2509",
    cls="QwenImageEditPlusPipeline",
    repo="Qwen/Qwen-Image-Edit-2509",
    license="Apache-2.0",
    params={"transformer": 20.43, "text_encoder": 8.292, "vae": VAES["qwen"]},
    does="would stretch every photo to a megapixel with sides rounded to 32 (aspect off by up to 3.6 %)",
    source=f"{CLASSES}; text encoder: Qwen2.5-VL-7B as stated; license from memory, unverified",
    steps=40,
    guidance={"true_cfg_scale": 4.0, "negative_prompt": " "},
    unguided={"true_cfg_scale": 1.0},
    size=Size(multiple=32, rule=nearest_32),
    order="last",
    images=3,
    words=False,
    sees=True,
    tokenizer="",
    frames=True,
)
KONTEXT = GeneratorSpec(
    name="flux1-kontext",
    cls="FluxKontextPipeline",
    repo="black-forest-labs/FLUX.1-Kontext-dev",
    license="FLUX.1 [dev] non-commercial license",
    gated=True,
    params={"transformer": 11.901, "text_encoder": 0.123, "text_encoder_2": 4.762, "vae": VAES["flux1"]},
    does="would stretch the photo to the nearest of 17 sizes (by up to 30 %) and paint a square",
    source=f"{CLASSES}; text encoders: CLIP ViT-L and T5-XXL as stated; license from memory, unverified",
    steps=28,
    guidance={"guidance_scale": 2.5},
    unguided={"guidance_scale": 1.0},
    sides=by_sides_and_area,
    order="grid",
    images=7,
    tokenizer="tokenizer_2",
    max_tokens=512,
)
PIX2PIX = GeneratorSpec(
    name="instruct-pix2pix",
    cls="StableDiffusionInstructPix2PixPipeline",
    repo="timbrooks/instruct-pix2pix",
    license="MIT",
    params={"unet": 0.860, "text_encoder": 0.123, "vae": 0.084},
    does="would stretch the photo to multiples of 8",
    source="class: diffusers 0.42.1; parameters: Stable Diffusion 1.5 as stated; license from memory, unverified",
    steps=100,
    guidance={"guidance_scale": 7.5, "image_guidance_scale": 1.5},
    unguided={"guidance_scale": 1.0, "image_guidance_scale": 1.0},
    load={"safety_checker": None, "feature_extractor": None, "requires_safety_checker": False},
    size=Size(multiple=64, most=MEGAPIXEL * 9 // 16, aspect=4.0),
    sides=by_photo,
    order="grid",
    images=7,
    words=False,
    encode="_encode_prompt",
    max_tokens=0,
    denoiser="unet",
    zeros="",
    unit=8,
    patch=1,
    place="channels",
    time=1000.0,
    lora_targets=UNET_LAYERS,
)

GENERATORS: dict[str, GeneratorSpec] = {
    row.name: row
    for row in (
        KLEIN,
        KLEIN_BASE,
        KLEIN_9B,
        KLEIN_BASE_9B,
        replace(
            KLEIN_BASE,
            name="flux2-dev",
            cls="Flux2Pipeline",
            repo="black-forest-labs/FLUX.2-dev",
            license=FREE_FLUX,
            gated=True,
            params={"transformer": 32.223, "text_encoder": 24.011, "vae": VAES["flux2"]},
        ),
        FLUX3,
        replace(
            FLUX3,
            name="flux3-klein-base",
            cls="Flux3ModularPipeline",
            repo="black-forest-labs/flux-3-image-klein-base",
            base="",
            steps=50,
            guidance={"guider": 4.0},
            unguided={"guider": 1.0},
        ),
        replace(
            KLEIN_BASE_9B,
            name="open-vision-banana",
            transformer="FunAILab/Open-Vision-Banana",
            license=f"{FREE_FLUX} (of its base)",
            source="a full fine-tune of klein base 9B's transformer, by its authors' page; unverified: layout of the "
            "repository, license of these weights",
        ),
        QWEN,
        replace(
            QWEN,
            name="qwen-image-edit-2511",
            repo="Qwen/Qwen-Image-Edit-2511",
        ),
        GeneratorSpec(
            name="qwen-image-2.1",
            cls="QwenImage21Pipeline",
            repo="Qwen/Qwen-Image-2.1",
            license="Qwen research license",
            params={"transformer": 7.115, "text_encoder": 8.767, "vae": VAES["qwen21"]},
            does="would stretch the photo to an area with sides rounded to 32; paints transparency",
            source=f"{CLASSES}; license and pictures at most: its model card",
            steps=40,
            guidance={"true_cfg_scale": 1.0},
            unguided={"true_cfg_scale": 1.0},
            joined={"use_kv_cache": False},  # what one photo keeps for its next step would keep it apart from others
            size=Size(multiple=32),
            sides=by_area,
            order="last",
            images=9,
            sees=True,
            tokenizer="",
            patch=1,
            frames=True,
            alpha=True,
            place="last",
            lora_targets=LAYERS + r"|.*\.img_mlp\.(gate_layer|out|proj)",
        ),
        GeneratorSpec(
            name="longcat-image-edit",
            cls="LongCatImageEditPipeline",
            repo="meituan-longcat/LongCat-Image-Edit",
            license="Apache-2.0",
            params={"transformer": 6.0, "text_encoder": 8.292, "vae": VAES["flux1"]},
            does="would stretch every photo to a megapixel with sides rounded up to 16",
            source="class: diffusers 0.42.1; parameters as stated; license: its model card",
            guidance={"guidance_scale": 4.5, "negative_prompt": ""},
            unguided={"guidance_scale": 1.0},
            size=Size(multiple=16, rule=up_to_16),
            sides=by_photo,
            order="grid",
            images=7,
            words=False,
            sees=True,
            max_tokens=512,
            lora="denoiser",
        ),
        KONTEXT,
        replace(
            KONTEXT,
            name="edit2perceive",
            adapter="Seq2Tri/Edit2Perceive/depth_lora.safetensors",
            steps=8,
            guidance={"guidance_scale": 1.0},
            does=f"{KONTEXT.does}; the adapter paints the square root of depth in gray, whatever is asked",
            source="steps, guidance, names of files and layers: github.com/showlab/Edit2Perceive; unverified: the "
            "files themselves, and the license of the adapter",
        ),
        GeneratorSpec(
            name="dreamlite",
            cls="DreamLitePipeline",
            repo="carlofkl/DreamLite-base",
            revision="diffusers",
            license="CC BY-NC 4.0",
            params={"unet": 0.389, "text_encoder": 2.128, "vae": 0.0024},
            does="would round the photo to 16 and the painting to 8, and fail where these differ",
            source="class: diffusers 0.42.1; license: its model card; U-Net as stated; unverified: the text encoder, "
            "Qwen3-VL-2B by the repository's 5.07 GB",
            steps=30,
            guidance={"guidance_scale": 3.5, "image_guidance_scale": 1.5},
            unguided={"guidance_scale": 1.0, "image_guidance_scale": 1.0},
            size=Size(multiple=32),
            order="grid",
            images=7,
            sees=True,
            tokenizer="",
            denoiser="unet",
            zeros="",
            unit=8,
            patch=1,
            place="left",
            time=1000.0,
            lora="denoiser",
            lora_targets=UNET_LAYERS,
        ),
        PIX2PIX,
        replace(
            PIX2PIX,
            name="sdxl-instruct-pix2pix",
            cls="StableDiffusionXLInstructPix2PixPipeline",
            repo="diffusers/sdxl-instructpix2pix-768",
            license="OpenRAIL++",
            params={"unet": 2.567, "text_encoder": 0.123, "text_encoder_2": 0.695, "vae": 0.084},
            does="would stretch the photo to the size that is asked for, 1024 x 1024 if none is",
            source="class: diffusers 0.42.1; parameters: SDXL as stated; license: its model card",
            guidance={"guidance_scale": 3.0, "image_guidance_scale": 1.5},
            load={"add_watermarker": False},
            sides=by_sides,
            encode="encode_prompt",
        ),
    )
}
