"""Three small published networks, as functions on uint8 photos: the yardsticks of the other benchmarks.

    python benchmarks/specialists.py DATA PHOTO...     # what each answers and how long it takes

The files lie in DATA/weights: METER-xxs (metric indoor depth, MIT), DeepLab v3 on MobileNetV2 (Pascal VOC classes,
Apache-2.0) and TAEF2 (the tiny autoencoder of FLUX.2, MIT). Nothing here is part of the package.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw

MEAN = np.array([0.485, 0.456, 0.406], np.float32)
SPREAD = np.array([0.229, 0.224, 0.225], np.float32)
Network = Callable[[np.ndarray], np.ndarray]


class Absent(Exception):
    """A file or a package that this yardstick needs is not here."""


def _file(folder: Path, name: str) -> Path:
    if not (folder / name).exists():
        raise Absent(f"{folder / name} is missing")
    return folder / name


def meter(folder: Path, threads: int = 2) -> Network:
    """METER-xxs: photo (h w 3, uint8) -> metres (48 x 64, float32), indoors, .5 to 10 m.

    It was trained on frames of NYU Depth v2 with their white border and is 1.6 times off without one."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    path = _file(folder, "meter_nyu_xxs.onnx")
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])

    def run(photo: np.ndarray) -> np.ndarray:
        framed = Image.fromarray(photo).resize((640, 480), Image.Resampling.BILINEAR)
        draw = ImageDraw.Draw(framed)
        for side in ((0, 0, 7, 479), (0, 0, 639, 5), (633, 0, 639, 479), (0, 475, 639, 479)):
            draw.rectangle(side, fill=(255, 255, 255))
        small = np.asarray(framed.resize((256, 192), Image.Resampling.BILINEAR), np.float32)
        planes = ((small / 255 - MEAN) / SPREAD).transpose(2, 0, 1)[None]
        return np.asarray(session.run(None, {"image": np.ascontiguousarray(planes)})[0][0, 0]) / 100

    return run


def deeplab(folder: Path, threads: int = 2) -> Network:
    """DeepLab v3, MobileNetV2, 8 bits: photo (h w 3, uint8) -> Pascal VOC ids (513 x 513), 0 = background."""
    interpreter = _tflite()(model_path=str(_file(folder, "deeplabv3_mnv2_pascal_quant.tflite")), num_threads=threads)
    interpreter.allocate_tensors()
    into, out = interpreter.get_input_details()[0]["index"], interpreter.get_output_details()[0]["index"]

    def run(photo: np.ndarray) -> np.ndarray:
        square = np.asarray(Image.fromarray(photo).resize((513, 513), Image.Resampling.BILINEAR))
        interpreter.set_tensor(into, square[None])
        interpreter.invoke()
        return np.asarray(interpreter.get_tensor(out)[0])

    return run


def _tflite() -> Any:
    try:
        from ai_edge_litert.interpreter import Interpreter
    except ImportError:
        try:
            from tflite_runtime.interpreter import Interpreter
        except ImportError:
            raise Absent("DeepLab needs a TFLite runtime; run: pip install ai-edge-litert") from None
    return Interpreter


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


NETWORKS: dict[str, Callable[[Path], Network]] = {"METER-xxs": meter, "DeepLab-MobileNetV2": deeplab, "TAEF2": taef2}


def psnr(a: np.ndarray, b: np.ndarray) -> float:
    """Peak signal to noise ratio of two uint8 pictures, decibels."""
    return float(10 * np.log10(255**2 / np.mean((a.astype(np.float64) - b) ** 2)))


def _said(name: str, photo: np.ndarray, answer: np.ndarray) -> str:
    if name == "TAEF2":
        return f"{psnr(photo, answer):.1f} dB"
    if name == "METER-xxs":
        return f"median {np.median(answer):.2f} m, {answer.min():.2f} to {answer.max():.2f} m"
    ids, counts = np.unique(answer, return_counts=True)
    return ", ".join(
        f"class {i}: {c / answer.size:.0%}" for i, c in zip(ids, counts, strict=True) if c > answer.size / 100
    )


def main() -> None:
    args = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    args.add_argument("data", type=Path, help="the excerpt folder")
    args.add_argument("photos", type=Path, nargs="+")
    given = args.parse_args()
    for name, make in NETWORKS.items():
        try:
            network = make(given.data / "weights")
        except Absent as absent:
            print(f"{name}: skipped ({absent})", file=sys.stderr)
            continue
        for path in given.photos:
            photo = np.asarray(Image.open(path).convert("RGB"))
            start = time.perf_counter()
            answer = network(photo)
            print(
                f"{name}: {path.name}: {_said(name, photo, answer)} ({time.perf_counter() - start:.2f} s)", flush=True
            )


if __name__ == "__main__":
    main()
