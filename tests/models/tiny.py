"""Networks of a few thousand random weights, saved as their hubs save them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
import transformers as hub

LETTERS = [chr(code) for code in range(ord("a"), ord("z") + 1)]


def depth_anything(folder: Path, kind: str = "relative") -> None:
    stages = [f"stage{i}" for i in range(1, 5)]
    backbone = hub.Dinov2Config(
        hidden_size=24, num_hidden_layers=4, num_attention_heads=2, image_size=28, patch_size=14, out_features=stages,
        reshape_hidden_states=False,
    )  # fmt: skip
    config = hub.DepthAnythingConfig(
        backbone_config=backbone, patch_size=14, reassemble_hidden_size=24, neck_hidden_sizes=[8] * 4,
        fusion_hidden_size=8, head_hidden_size=8, depth_estimation_type=kind, max_depth=20,
    )  # fmt: skip
    hub.DepthAnythingForDepthEstimation(config).save_pretrained(folder)
    size = {"height": 56, "width": 56}
    hub.DPTImageProcessor(size=size, keep_aspect_ratio=True, ensure_multiple_of=14).save_pretrained(folder)


def clip_words(folder: Path, length: int = 32) -> Any:
    """A tokenizer that knows letters."""
    folder.mkdir(parents=True, exist_ok=True)
    names = ["<|startoftext|>", "<|endoftext|>", *LETTERS, *(f"{letter}</w>" for letter in LETTERS)]
    (folder / "vocab.json").write_text(json.dumps({name: i for i, name in enumerate(names)}))
    (folder / "merges.txt").write_text("#version: 0.2\n")
    return hub.CLIPTokenizer(str(folder / "vocab.json"), str(folder / "merges.txt"), model_max_length=length)


def sam3(folder: Path) -> None:
    small = {"hidden_size": 16, "num_attention_heads": 2, "intermediate_size": 32}
    vit = small | {"model_type": "sam3_vit_model", "num_hidden_layers": 2, "image_size": 56, "patch_size": 14,
                   "window_size": 2, "global_attn_indexes": [1], "pretrain_image_size": 28}  # fmt: skip
    sizes = [[16, 16], [8, 8], [4, 4]]
    config = hub.Sam3Config(
        vision_config={"backbone_config": vit, "fpn_hidden_size": 16, "backbone_feature_sizes": sizes},
        text_config=small | {"vocab_size": 54, "num_hidden_layers": 1, "projection_dim": 16, "bos_token_id": 0,
                             "eos_token_id": 1},
        geometry_encoder_config=small | {"num_layers": 1},
        detr_encoder_config=small | {"num_layers": 1},
        detr_decoder_config=small | {"num_layers": 1, "num_queries": 7},
        mask_decoder_config={"hidden_size": 16, "num_attention_heads": 2},
    )  # fmt: skip
    hub.Sam3Model(config).save_pretrained(folder)
    images = hub.Sam3ImageProcessor(size={"height": 56, "width": 56})
    hub.Sam3Processor(image_processor=images, tokenizer=clip_words(folder)).save_pretrained(folder)


def sam2(folder: Path) -> None:
    hiera = {"model_type": "sam2_hiera_det_model", "hidden_size": 12, "num_attention_heads": 1, "image_size": [64, 64],
             "blocks_per_stage": [1, 1, 2, 1],
             "embed_dim_per_stage": [12, 24, 48, 96], "num_attention_heads_per_stage": [1, 2, 4, 8],
             "window_size_per_stage": [8, 4, 4, 4], "global_attention_blocks": [3]}  # fmt: skip
    config = hub.Sam2Config(
        vision_config={"backbone_config": hiera, "backbone_channel_list": [96, 48, 24, 12], "fpn_hidden_size": 32,
                       "backbone_feature_sizes": [[16, 16], [8, 8], [4, 4]]},
        prompt_encoder_config={"hidden_size": 32, "image_size": 64, "patch_size": 16},
        mask_decoder_config={"hidden_size": 32, "mlp_dim": 32, "num_attention_heads": 2, "iou_head_hidden_dim": 32},
    )  # fmt: skip
    hub.Sam2Model(config).save_pretrained(folder)
    hub.Sam2Processor(hub.Sam2ImageProcessor(size={"height": 64, "width": 64})).save_pretrained(folder)


def grounding_dino(folder: Path) -> None:
    folder.mkdir(parents=True)
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", ".", *LETTERS, *(f"##{letter}" for letter in LETTERS)]
    (folder / "vocab.txt").write_text("\n".join(words))
    tokenizer = hub.BertTokenizer(str(folder / "vocab.txt"))
    swin = hub.SwinConfig(image_size=64, window_size=2, embed_dim=12, depths=[1, 1, 1, 1], num_heads=[1, 1, 1, 1],
                          out_features=["stage2", "stage3", "stage4"])  # fmt: skip
    bert = hub.BertConfig(vocab_size=len(words), hidden_size=16, num_hidden_layers=1, num_attention_heads=2,
                          intermediate_size=16, max_position_embeddings=64)  # fmt: skip
    config = hub.GroundingDinoConfig(
        backbone_config=swin, text_config=bert, d_model=32, encoder_layers=1, decoder_layers=2, encoder_ffn_dim=32,
        decoder_ffn_dim=32, encoder_attention_heads=2, decoder_attention_heads=2, num_queries=9, max_text_len=32,
    )  # fmt: skip
    hub.GroundingDinoForObjectDetection(config).save_pretrained(folder)
    size = {"shortest_edge": 64, "longest_edge": 96}
    hub.GroundingDinoProcessor(hub.GroundingDinoImageProcessor(size=size), tokenizer).save_pretrained(folder)


def _swin() -> Any:
    stages = [f"stage{i}" for i in range(1, 5)]
    return hub.SwinConfig(image_size=64, window_size=2, embed_dim=12, depths=[1, 1, 1, 1], num_heads=[1, 1, 1, 1],
                          out_features=stages)  # fmt: skip


NAMES = {0: "person", 1: "cat", 2: "sky"}


def mask2former(folder: Path) -> None:
    config = hub.Mask2FormerConfig(
        backbone_config=_swin(), feature_size=32, mask_feature_size=32, hidden_dim=32, encoder_feedforward_dim=16,
        encoder_layers=1, decoder_layers=2, num_attention_heads=2, dim_feedforward=16, num_queries=5,
        id2label=NAMES, label2id={v: k for k, v in NAMES.items()},
    )  # fmt: skip
    hub.Mask2FormerForUniversalSegmentation(config).save_pretrained(folder)
    hub.Mask2FormerImageProcessor(size={"height": 64, "width": 64}).save_pretrained(folder)


def oneformer(folder: Path) -> None:
    tokenizer = clip_words(folder, 77)
    config = hub.OneFormerConfig(
        backbone_config=_swin(), conv_dim=32, mask_dim=32, hidden_dim=32, encoder_feedforward_dim=16, encoder_layers=1,
        decoder_layers=2, num_attention_heads=2, dim_feedforward=16, num_queries=5, text_encoder_width=16,
        text_encoder_num_layers=1, text_encoder_vocab_size=54, text_encoder_n_ctx=4, id2label=NAMES,
        label2id={v: k for k, v in NAMES.items()}, is_training=False, query_dec_layers=1,
    )  # fmt: skip
    hub.OneFormerForUniversalSegmentation(config).save_pretrained(folder)
    (folder / "classes.json").write_text(
        json.dumps({str(i): {"name": name, "isthing": i < 2} for i, name in NAMES.items()})
    )
    images = hub.OneFormerImageProcessor(
        size={"height": 64, "width": 64}, repo_path=str(folder), class_info_file="classes.json", num_text=1
    )
    hub.OneFormerProcessor(images, tokenizer).save_pretrained(folder)


def marigold(folder: Path, pipeline: str) -> None:
    import diffusers

    torch.manual_seed(0)
    tokenizer = clip_words(folder / "words", 77)
    text = hub.CLIPTextConfig(
        bos_token_id=0, eos_token_id=1, hidden_size=16, intermediate_size=16, vocab_size=54, num_attention_heads=2,
        num_hidden_layers=1, pad_token_id=1, projection_dim=16,
    )  # fmt: skip
    vae = diffusers.AutoencoderKL(
        block_out_channels=[8, 8], norm_num_groups=4, latent_channels=4,
        down_block_types=["DownEncoderBlock2D"] * 2, up_block_types=["UpDecoderBlock2D"] * 2,
    )  # fmt: skip
    unet = diffusers.UNet2DConditionModel(
        block_out_channels=(8, 16), layers_per_block=1, sample_size=32, in_channels=8, out_channels=4,
        norm_num_groups=4, cross_attention_dim=16, attention_head_dim=4,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"), up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
    )  # fmt: skip
    scheduler = diffusers.DDIMScheduler(prediction_type="v_prediction", timestep_spacing="trailing")
    made = getattr(diffusers, pipeline)(
        unet=unet, vae=vae, scheduler=scheduler, text_encoder=hub.CLIPTextModel(text), tokenizer=tokenizer,
        default_denoising_steps=2, default_processing_resolution=64,
    )  # fmt: skip
    made.save_pretrained(folder)
