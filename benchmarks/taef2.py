"""TAEF2, the tiny autoencoder of FLUX.2 (MIT), as a function on uint8 pictures: what a latent does to a painting.

    python benchmarks/taef2.py DATA PHOTO...     # how far pictures are from what comes back, and how long it takes

The files lie in DATA/weights. Nothing here is part of the package.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from plantain.eval.metrics.pictures import psnr

Network = Callable[[np.ndarray], np.ndarray]


class Absent(Exception):
    """A file or a package that this yardstick needs is not here."""


def _file(folder: Path, name: str) -> Path:
    if not (folder / name).exists():
        raise Absent(f"{folder / name} is missing")
    return folder / name


def taef2(folder: Path, threads: int = 1) -> Network:
    """TAEF2: a picture (h w 3, uint8) -> the same after encoding to 1/8 of its size, 32 channels, and decoding.

    Source of the network: madebyollin/taesd, taesd.py, with latent_channels=32 and use_midblock_gn=True."""
    try:
        import torch
    except ImportError:
        raise Absent("TAEF2 needs torch; run: pip install 'plantain-vision[train]'") from None
    torch.set_num_threads(threads)
    encoder, decoder = (
        {k: v.float() for k, v in torch.load(_file(folder, f"taef2_{half}.pth"), map_location="cpu").items()}
        for half in ("encoder", "decoder")
    )

    def run(rgb: np.ndarray) -> np.ndarray:
        height, width = rgb.shape[:2]
        whole = np.pad(rgb, ((0, -height % 8), (0, -width % 8), (0, 0)), mode="edge")
        with torch.inference_mode():
            x = torch.from_numpy(whole.copy()).permute(2, 0, 1)[None].float() / 255
            y = _decode(_encode(x, encoder), decoder)[0].clamp(0, 1).permute(1, 2, 0)
        return (y * 255).round().byte().numpy()[:height, :width]

    return run


def _encode(x: Any, weights: dict[str, Any]) -> Any:
    """Layers 0-14: a convolution, then three halvings, each before three blocks, and a convolution to the latent."""
    for layer in range(15):
        stride = 2 if layer in (2, 6, 10) else 1
        x = _block(x, weights, layer) if f"{layer}.conv.0.weight" in weights else _conv(x, weights, f"{layer}", stride)
    return x


def _decode(x: Any, weights: dict[str, Any]) -> Any:
    """Layers 0-19, of which 0 is a soft clamp, 2 a ReLU, and 6, 11 and 16 double the size."""
    from torch.nn import functional

    x = (x / 3).tanh() * 3
    for layer in range(1, 20):
        if layer == 2:
            x = x.relu()
        elif layer in (6, 11, 16):
            x = functional.interpolate(x, scale_factor=2)
        elif f"{layer}.conv.0.weight" in weights:
            x = _block(x, weights, layer)
        else:
            x = _conv(x, weights, f"{layer}")
    return x


def _block(x: Any, weights: dict[str, Any], layer: int) -> Any:
    """Three convolutions beside a skip; in the middle of the network after a group norm over a wider layer."""
    from torch.nn import functional

    if f"{layer}.pool.0.weight" in weights:
        wide = functional.conv2d(x, weights[f"{layer}.pool.0.weight"])
        wide = functional.group_norm(wide, 4, weights[f"{layer}.pool.1.weight"], weights[f"{layer}.pool.1.bias"])
        x = x + functional.conv2d(wide.relu(), weights[f"{layer}.pool.3.weight"])
    inner = _conv(x, weights, f"{layer}.conv.0").relu()
    inner = _conv(inner, weights, f"{layer}.conv.2").relu()
    return (_conv(inner, weights, f"{layer}.conv.4") + x).relu()


def _conv(x: Any, weights: dict[str, Any], name: str, stride: int = 1) -> Any:
    from torch.nn import functional

    return functional.conv2d(x, weights[f"{name}.weight"], weights.get(f"{name}.bias"), stride=stride, padding=1)


def main() -> None:
    args = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    args.add_argument("data", type=Path, help="the excerpt folder")
    args.add_argument("photos", type=Path, nargs="+")
    given = args.parse_args()
    network = taef2(given.data / "weights")
    for path in given.photos:
        photo = np.asarray(Image.open(path).convert("RGB"))
        start = time.perf_counter()
        back = network(photo)
        print(f"{path.name}: {psnr(back, photo):.1f} dB ({time.perf_counter() - start:.2f} s)", flush=True)


if __name__ == "__main__":
    main()
