"""Half precision where the device computes in it."""

from __future__ import annotations

import torch


def half_precision(device: torch.device) -> torch.autocast:
    """Autocast to bfloat16 on an accelerator, and on a CPU with AVX-512 bfloat16 or AMX; others emulate it, many times
    slower than float32, and stay at float32."""
    able = device.type != "cpu" or torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()
    return torch.autocast(device.type, torch.bfloat16, enabled=able)
