"""Tiny pipelines with random weights, each of a row's own class, built from configurations alone: no hub, no files.

Text encoders have as many layers as the real ones are read at, so that rows run as they are. Tokenizers have a token a
byte, so that what a text encoder got can be read back from its ids."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from diffusers import (
    AutoencoderKL,
    AutoencoderKLFlux2,
    AutoencoderKLQwenImage,
    AutoencoderKLQwenImage21,
    AutoencoderTiny,
    DDIMScheduler,
    DreamLitePipeline,
    DreamLiteUNetModel,
    EulerDiscreteScheduler,
    FlowMatchEulerDiscreteScheduler,
    Flux2KleinPipeline,
    Flux2Pipeline,
    Flux2Transformer2DModel,
    Flux3Transformer2DModel,
    FluxKontextPipeline,
    FluxTransformer2DModel,
    LongCatImageEditPipeline,
    LongCatImageTransformer2DModel,
    QwenImage21Pipeline,
    QwenImage21Transformer2DModel,
    QwenImageEditPlusPipeline,
    QwenImageTransformer2DModel,
    StableDiffusionInstructPix2PixPipeline,
    StableDiffusionXLInstructPix2PixPipeline,
    UNet2DConditionModel,
)
from transformers import (
    AddedToken,
    ByT5Tokenizer,
    CLIPTextConfig,
    CLIPTextModel,
    CLIPTextModelWithProjection,
    CLIPTokenizer,
    Mistral3Config,
    Mistral3ForConditionalGeneration,
    Qwen2_5_VLConfig,
    Qwen2_5_VLForConditionalGeneration,
    Qwen2Tokenizer,
    Qwen2VLProcessor,
    Qwen3Config,
    Qwen3ForCausalLM,
    Qwen3VLConfig,
    Qwen3VLForConditionalGeneration,
    Qwen3VLProcessor,
    T5Config,
    T5EncoderModel,
)
from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import Qwen2VLImageProcessorPil

CHAT = (
    "{% for m in messages %}<|im_start|>{{ m['role'] }}\n{% if m['content'] is string %}{{ m['content'] }}{% else %}"
    "{% for c in m['content'] %}{% if c['type']=='image' %}<|vision_start|><|image_pad|><|vision_end|>{% else %}"
    "{{ c['text'] }}{% endif %}{% endfor %}{% endif %}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
SPECIAL = (
    "<|endoftext|>",
    "<|im_start|>",
    "<|im_end|>",
    "<|vision_start|>",
    "<|vision_end|>",
    "<|vision_pad|>",
    "<|image_pad|>",
    "<|video_pad|>",
)
FLOW = {"use_dynamic_shifting": True}
LAYERS = {"klein": 28, "dev": 31, "flux3": 36}  # of text encoders: one more than the last that is read

for processor in (Qwen2VLProcessor, Qwen3VLProcessor):  # their video half needs torchvision
    processor.get_attributes = classmethod(lambda cls: ["image_processor", "tokenizer"])


def byte_vocabulary() -> dict[str, int]:
    """The letters by which byte-level tokenizers write the 256 bytes."""
    plain = [*range(33, 127), *range(161, 173), *range(174, 256)]
    letters = plain + [256 + i for i in range(256 - len(plain))]
    every = plain + [byte for byte in range(256) if byte not in plain]
    return {chr(letter): byte for letter, byte in zip(letters, every, strict=True)}


def qwen_tokenizer() -> Any:
    made = Qwen2Tokenizer(
        vocab=byte_vocabulary(), merges=[], unk_token="<|endoftext|>", eos_token="<|im_end|>", pad_token="<|endoftext|>"
    )
    made.add_tokens([AddedToken(s, special=True, normalized=False) for s in SPECIAL], special_tokens=True)
    made.chat_template, made.padding_side = CHAT, "right"
    return made


def clip_tokenizer() -> Any:
    vocabulary = byte_vocabulary()
    vocabulary |= {f"{letter}</w>": i + 256 for letter, i in vocabulary.items()}
    return CLIPTokenizer(
        vocab=vocabulary | {"<|startoftext|>": 512, "<|endoftext|>": 513}, merges=[], model_max_length=512
    )


def clip(cls: Any = CLIPTextModel) -> Any:
    return cls(
        CLIPTextConfig(
            bos_token_id=512,
            eos_token_id=513,
            pad_token_id=513,
            hidden_size=32,
            vocab_size=514,
            intermediate_size=32,
            num_attention_heads=4,
            num_hidden_layers=2,
            projection_dim=32,
            max_position_embeddings=512,
        )
    )


def vision_ids(tokenizer: Any) -> dict[str, int]:
    names = {
        "image": "<|image_pad|>",
        "video": "<|video_pad|>",
        "vision_start": "<|vision_start|>",
        "vision_end": "<|vision_end|>",
    }
    return {f"{name}_token_id": tokenizer.convert_tokens_to_ids(token) for name, token in names.items()}


def qwen2_vl(tokenizer: Any, hidden: int, sections: tuple[int, int, int]) -> Any:
    rope = {"mrope_section": list(sections), "rope_type": "default", "type": "default"}
    text = {
        "hidden_size": hidden,
        "intermediate_size": 32,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "num_key_value_heads": 2,
        "vocab_size": len(tokenizer),
        "rope_scaling": rope,
        "rope_theta": 1e6,
    }
    eyes = {
        "depth": 1,
        "hidden_size": 16,
        "intermediate_size": 16,
        "num_heads": 2,
        "out_hidden_size": hidden,
        "patch_size": 14,
        "spatial_merge_size": 2,
        "temporal_patch_size": 2,
        "window_size": 56,
        "fullatt_block_indexes": [0],
    }
    return Qwen2_5_VLForConditionalGeneration(
        Qwen2_5_VLConfig(text_config=text, vision_config=eyes, **vision_ids(tokenizer))
    )


def qwen2_processor(tokenizer: Any) -> Any:
    eyes = Qwen2VLImageProcessorPil(size={"shortest_edge": 28 * 28 * 4, "longest_edge": 28 * 28 * 64})
    return Qwen2VLProcessor(image_processor=eyes, tokenizer=tokenizer, chat_template=CHAT)


def qwen3_vl(tokenizer: Any, layers: int) -> Any:
    rope = {"rope_type": "default", "rope_theta": 1e6, "mrope_section": [2, 1, 1], "mrope_interleaved": True}
    text = {
        "hidden_size": 16,
        "intermediate_size": 32,
        "num_hidden_layers": layers,
        "num_attention_heads": 2,
        "num_key_value_heads": 2,
        "head_dim": 8,
        "vocab_size": len(tokenizer),
        "max_position_embeddings": 16384,
        "rope_parameters": rope,
    }
    eyes = {
        "depth": 1,
        "hidden_size": 16,
        "intermediate_size": 16,
        "num_heads": 2,
        "out_hidden_size": 16,
        "patch_size": 16,
        "spatial_merge_size": 2,
        "temporal_patch_size": 2,
        "num_position_embeddings": 64,
        "deepstack_visual_indexes": [0],
    }
    return Qwen3VLForConditionalGeneration(Qwen3VLConfig(text_config=text, vision_config=eyes, **vision_ids(tokenizer)))


def qwen3_processor(tokenizer: Any, most: int = 32 * 32 * 4096) -> Any:
    eyes = Qwen2VLImageProcessorPil(patch_size=16, size={"shortest_edge": 32 * 32, "longest_edge": most})
    return Qwen3VLProcessor(image_processor=eyes, tokenizer=tokenizer, chat_template=CHAT)


def flux2_vae() -> Any:
    return AutoencoderKLFlux2(
        sample_size=32,
        down_block_types=("DownEncoderBlock2D",) * 4,
        layers_per_block=1,
        up_block_types=("UpDecoderBlock2D",) * 4,
        block_out_channels=(4, 4, 4, 4),
        latent_channels=16,
        norm_num_groups=4,
        use_quant_conv=False,
        use_post_quant_conv=False,
    )


def kl_vae(channels: int, **more: Any) -> Any:
    return AutoencoderKL(
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
        block_out_channels=(4, 4, 4, 4),
        layers_per_block=1,
        latent_channels=channels,
        norm_num_groups=4,
        **more,
    )


FLUX1_VAE = {"use_quant_conv": False, "use_post_quant_conv": False, "shift_factor": 0.1159, "scaling_factor": 0.3611}
FLUX2 = {
    "patch_size": 1,
    "in_channels": 64,
    "num_layers": 1,
    "num_single_layers": 1,
    "attention_head_dim": 16,
    "num_attention_heads": 2,
    "timestep_guidance_channels": 32,
    "axes_dims_rope": [4, 4, 4, 4],
}
MMDIT = {
    "num_layers": 1,
    "num_single_layers": 1,
    "attention_head_dim": 16,
    "num_attention_heads": 2,
    "joint_attention_dim": 32,
    "pooled_projection_dim": 32,
    "axes_dims_rope": [4, 4, 8],
}


def klein(distilled: bool) -> Any:
    tokenizer = qwen_tokenizer()
    text = Qwen3ForCausalLM(
        Qwen3Config(
            hidden_size=16,
            intermediate_size=32,
            num_hidden_layers=LAYERS["klein"],
            num_attention_heads=2,
            num_key_value_heads=2,
            head_dim=8,
            max_position_embeddings=512,
            vocab_size=len(tokenizer),
            tie_word_embeddings=True,
        )
    )
    denoiser = Flux2Transformer2DModel(**FLUX2, joint_attention_dim=48, guidance_embeds=False)
    return Flux2KleinPipeline(
        FlowMatchEulerDiscreteScheduler(**FLOW), flux2_vae(), text, tokenizer, denoiser, is_distilled=distilled
    )


def dev() -> Any:
    tokenizer = qwen_tokenizer()
    text = {
        "model_type": "mistral",
        "hidden_size": 16,
        "intermediate_size": 32,
        "num_hidden_layers": LAYERS["dev"],
        "num_attention_heads": 2,
        "num_key_value_heads": 2,
        "head_dim": 8,
        "vocab_size": len(tokenizer),
    }
    eyes = {
        "model_type": "pixtral",
        "hidden_size": 16,
        "intermediate_size": 16,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
        "image_size": 56,
        "patch_size": 14,
        "head_dim": 8,
    }
    encoder = Mistral3ForConditionalGeneration(Mistral3Config(text_config=text, vision_config=eyes))
    denoiser = Flux2Transformer2DModel(**FLUX2, joint_attention_dim=48, guidance_embeds=True)
    return Flux2Pipeline(FlowMatchEulerDiscreteScheduler(**FLOW), flux2_vae(), encoder, tokenizer, denoiser)


def flux3(distilled: bool) -> Any:
    from diffusers.modular_pipelines.flux3 import Flux3AutoBlocks, Flux3DistilledAutoBlocks

    tokenizer = qwen_tokenizer()
    blocks = (Flux3DistilledAutoBlocks if distilled else Flux3AutoBlocks)()
    blocks.sub_blocks.pop("prompt_upsampler")
    pipe = blocks.init_pipeline()
    denoiser = Flux3Transformer2DModel(
        in_channels=64,
        cond_in_channels=64,
        num_layers=1,
        num_single_layers=1,
        attention_head_dim=16,
        num_attention_heads=2,
        joint_attention_dim=8 * 16,
        timestep_channels=32,
        axes_dims_rope=(4, 4, 4, 4),
        flow_map=distilled,
    )
    pipe.update_components(
        text_encoder=qwen3_vl(tokenizer, LAYERS["flux3"]),
        tokenizer=qwen3_processor(tokenizer),
        vae=flux2_vae(),
        transformer=denoiser,
    )
    return pipe


def qwen_edit(newer: bool) -> Any:
    tokenizer = qwen_tokenizer()
    denoiser = QwenImageTransformer2DModel(
        patch_size=2,
        in_channels=64,
        out_channels=16,
        num_layers=1,
        attention_head_dim=16,
        num_attention_heads=2,
        joint_attention_dim=16,
        axes_dims_rope=(8, 4, 4),
        zero_cond_t=newer,
    )
    vae = AutoencoderKLQwenImage(
        base_dim=4,
        z_dim=16,
        dim_mult=[1, 1, 1, 1],
        num_res_blocks=1,
        temperal_downsample=[False, True, True],
        latents_mean=[0.1] * 16,
        latents_std=[1.5] * 16,
    )
    return QwenImageEditPlusPipeline(
        FlowMatchEulerDiscreteScheduler(**FLOW),
        vae,
        qwen2_vl(tokenizer, 16, (1, 1, 2)),
        tokenizer,
        qwen2_processor(tokenizer),
        denoiser,
    )


def qwen_21() -> Any:
    tokenizer = qwen_tokenizer()
    denoiser = QwenImage21Transformer2DModel(
        in_channels=16,
        out_channels=16,
        num_layers=1,
        attention_head_dim=16,
        num_attention_heads=2,
        context_in_dim=16,
        axes_dims_rope=(4, 6, 6),
    )
    vae = AutoencoderKLQwenImage21(
        base_dim=8,
        decoder_base_dim=8,
        z_dim=16,
        dim_mult=[1] * 5,
        num_res_blocks=1,
        temperal_downsample=[False, True, True, True],
        latents_mean=[0.1] * 16,
        latents_std=[1.5] * 16,
    )
    return QwenImage21Pipeline(
        FlowMatchEulerDiscreteScheduler(**FLOW), vae, qwen3_vl(tokenizer, 2), qwen3_processor(tokenizer), denoiser
    )


def longcat() -> Any:
    tokenizer = qwen_tokenizer()
    denoiser = LongCatImageTransformer2DModel(patch_size=1, in_channels=64, **MMDIT)
    return LongCatImageEditPipeline(
        FlowMatchEulerDiscreteScheduler(**FLOW),
        kl_vae(16, **FLUX1_VAE),
        qwen2_vl(tokenizer, 32, (2, 3, 3)),
        tokenizer,
        qwen2_processor(tokenizer),
        denoiser,
    )


def kontext() -> Any:
    tokenizer = ByT5Tokenizer(extra_ids=0)  # a token a byte, and no files
    text = T5EncoderModel(T5Config(vocab_size=len(tokenizer), d_model=32, d_kv=8, d_ff=32, num_layers=2, num_heads=4))
    denoiser = FluxTransformer2DModel(patch_size=1, in_channels=64, guidance_embeds=True, **MMDIT)
    return FluxKontextPipeline(
        FlowMatchEulerDiscreteScheduler(**FLOW),
        kl_vae(16, **FLUX1_VAE),
        clip(),
        clip_tokenizer(),
        text,
        tokenizer,
        denoiser,
    )


def dreamlite() -> Any:
    tokenizer = qwen_tokenizer()
    denoiser = DreamLiteUNetModel(
        block_out_channels=(32, 32, 32),
        layers_per_block=1,
        cross_attention_dim=16,
        attention_head_dim=8,
        norm_num_groups=8,
        addition_embed_type="time",
        addition_time_embed_dim=8,
        projection_class_embeddings_input_dim=16,
    )
    vae = AutoencoderTiny(
        encoder_block_out_channels=(4,) * 4,
        decoder_block_out_channels=(4,) * 4,
        num_encoder_blocks=(1,) * 4,
        num_decoder_blocks=(1,) * 4,
    )
    return DreamLitePipeline(
        qwen3_vl(tokenizer, 2),
        tokenizer,
        qwen3_processor(tokenizer),
        vae,
        denoiser,
        FlowMatchEulerDiscreteScheduler(**FLOW),
    )


def pix2pix() -> Any:
    denoiser = UNet2DConditionModel(
        block_out_channels=(32, 32),
        layers_per_block=1,
        sample_size=32,
        in_channels=8,
        out_channels=4,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
        cross_attention_dim=32,
        norm_num_groups=8,
    )
    times = DDIMScheduler(
        beta_start=0.00085,
        beta_end=0.012,
        beta_schedule="scaled_linear",
        clip_sample=False,
        timestep_spacing="trailing",
        set_alpha_to_one=True,
    )
    return StableDiffusionInstructPix2PixPipeline(
        kl_vae(4), clip(), clip_tokenizer(), denoiser, times, None, None, requires_safety_checker=False
    )


def sdxl() -> Any:
    denoiser = UNet2DConditionModel(
        block_out_channels=(32, 64),
        layers_per_block=1,
        sample_size=32,
        in_channels=8,
        out_channels=4,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
        attention_head_dim=(2, 4),
        use_linear_projection=True,
        addition_embed_type="text_time",
        addition_time_embed_dim=8,
        transformer_layers_per_block=(1, 1),
        projection_class_embeddings_input_dim=6 * 8 + 32,
        cross_attention_dim=64,
        norm_num_groups=8,
    )
    return StableDiffusionXLInstructPix2PixPipeline(
        kl_vae(4),
        clip(),
        clip(CLIPTextModelWithProjection),
        clip_tokenizer(),
        clip_tokenizer(),
        denoiser,
        EulerDiscreteScheduler(),
        add_watermarker=False,
    )


BUILDERS = {
    "flux2-klein-4b": lambda: klein(True),
    "flux2-klein-base-4b": lambda: klein(False),
    "flux2-dev": dev,
    "flux3-klein": lambda: flux3(True),
    "flux3-klein-base": lambda: flux3(False),
    "qwen-image-edit-2509": lambda: qwen_edit(False),
    "qwen-image-edit-2511": lambda: qwen_edit(True),
    "qwen-image-2.1": qwen_21,
    "longcat-image-edit": longcat,
    "flux1-kontext": kontext,
    "dreamlite": dreamlite,
    "instruct-pix2pix": pix2pix,
    "sdxl-instruct-pix2pix": sdxl,
}
ALIKE = ("flux2-klein-base-4b", "flux3-klein-base", "qwen-image-edit-2511")  # but for guidance, as another one
SAME = {  # rows whose pipelines differ in size alone
    "flux2-klein-9b": "flux2-klein-4b",
    "flux2-klein-base-9b": "flux2-klein-base-4b",
    "open-vision-banana": "flux2-klein-base-4b",
    "edit2perceive": "flux1-kontext",
}


def build(name: str, folder: Path) -> Path:
    """Saves the tiny pipeline of a row in `folder`, once."""
    place = folder / SAME.get(name, name)
    if not place.exists():
        torch.manual_seed(0)
        pipe = BUILDERS[SAME.get(name, name)]()
        pipe.save_pretrained(str(place))
    return place
