"""The seedling's network: an image editor of a few million parameters that reads the photo twice.

    photo --encoder (DINOv2-S, frozen)--> features (1 + n, 1536) --+
    canvas (noise, or zeros to perceive) --14 x 14 patches---------+--> Trunk --> tokens (n, width) --> Decoder
    prompt --words and color tokens--------------------------------+         --> a key a color --------> |
    photo, canvas --stem at half size------------------------------------------------------------------> painting

The trunk is a transformer over patch tokens with the prompt's tokens in context (2-D RoPE on patches, adaLN on t).
The decoder paints at full size. Its *copy head* lets every pixel attend to the prompt's color tokens and paint the
mix of their RGB values; a gate a pixel chooses between that mix, free colors and the photo itself.
`t` runs from 0 (the canvas is noise, or blank) to 1 (it is the painting); the network predicts the clean painting.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

PATCH = 14
HALF = 7  # cells a side of a patch at half size
OUTPUT_SCALE = 0.1  # colors are sums of 250 to 430 products: without it a step of Adam moves a painting by 50 levels
READOUTS = 16  # ways from a patch's token to colors, which the words choose among


@dataclass(frozen=True)
class Size:
    """Widths and depths of a seedling."""

    width: int = 256
    depth: int = 4
    heads: int = 4
    words: int = 96
    features: int = 1536
    smooth: int = 24  # channels of the tokens at half size that pass smoothly from patch to patch,
    detail: int = 8  # and those that each patch has for itself
    stem: int = 24
    mix: int = 48
    query: int = 32


class Prompt(NamedTuple):
    """A batch of prompts, padded: the arrays of `prompt_arrays` in `models/painters/embedded.py`, in their order."""

    words: Tensor  # b l d
    word_mask: Tensor  # b l, True where a word is
    phrases: Tensor  # b k d
    colors: Tensor  # b k 3, 0..1
    color_mask: Tensor  # b k


class Painted(NamedTuple):
    """What the decoder gives: the painting at full size, and the copy attention's logits at half size."""

    rgb: Tensor  # b 3 h w
    attention: Tensor  # b k h/2 w/2


class Window(NamedTuple):
    """A part of the patch grid. In training the decoder paints one half of the picture: it costs a third of a step, and
    neighboring pixels teach much the same."""

    top: int
    bottom: int
    left: int
    right: int

    def cut(self, x: Tensor, cells: int) -> Tensor:
        """The part of ... h w, where a patch is `cells` cells a side."""
        t, b, le, r = (cells * edge for edge in self)
        return x[..., t:b, le:r]


def places(rows: int, columns: int, device: torch.device | None = None) -> Tensor:
    """(n, 4): row, column, and the patch center's y and x in -1..1."""
    y, x = torch.meshgrid(torch.arange(rows, device=device), torch.arange(columns, device=device), indexing="ij")
    both = torch.stack([y, x, (y + 0.5) / rows * 2 - 1, (x + 0.5) / columns * 2 - 1], -1)
    return both.reshape(-1, 4).float()


class Block(nn.Module):
    """Attention and MLP, each modulated by t (adaLN-zero). In training a share `drop` of the samples skips each."""

    def __init__(self, width: int, heads: int, drop: float = 0.0) -> None:
        super().__init__()
        self.width, self.heads, self.drop = width, heads, drop
        self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.rise, self.fall = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)
        # scaled, since each step of Adam moves these sums by a tenth and more: else gates and scales stood at 10 after
        # 4,700 steps, and each token attended to one other alone (docs/log.md)
        self.modulate = nn.Linear(width, 6 * width)
        nn.init.zeros_(self.modulate.weight)
        nn.init.zeros_(self.modulate.bias)

    def forward(self, x: Tensor, cos: Tensor, sin: Tensor, mask: Tensor, condition: Tensor) -> Tensor:
        b, n, w = x.shape[0], x.shape[1], self.width
        s1, c1, g1, s2, c2, g2 = (OUTPUT_SCALE * self.modulate(condition))[:, None].chunk(6, -1)
        y = F.layer_norm(x, (w,)) * (1 + c1) + s1
        q, k, v = self.qkv(y).view(b, n, 3, self.heads, w // self.heads).permute(2, 0, 3, 1, 4).unbind(0)
        y = attend(apply_rope(rms_norm(q), cos, sin), apply_rope(rms_norm(k), cos, sin), v, mask)
        x = x + self.kept(1 + g1) * self.out(y.transpose(1, 2).reshape(b, n, w))
        y = F.layer_norm(x, (w,)) * (1 + c2) + s2
        return x + self.kept(1 + g2) * self.fall(F.gelu(self.rise(y)))

    def kept(self, gate: Tensor) -> Tensor:
        """The gate (b 1 w), shut for the samples that skip this part (stochastic depth, arXiv 1603.09382)."""
        if not self.training or not self.drop:
            return gate
        keep = torch.rand(len(gate), 1, 1, device=gate.device, dtype=gate.dtype) >= self.drop
        return gate * keep / (1 - self.drop)


def attend(q: Tensor, k: Tensor, v: Tensor, mask: Tensor) -> Tensor:
    """Attention (b heads n d) to the tokens where `mask` (b 1 1 n) is True. Written out: on a CPU, in bfloat16, two
    batched products are a third faster than the fused kernel (docs/log.md)."""
    if q.is_cuda:
        return F.scaled_dot_product_attention(q, k, v, mask)
    away = torch.zeros(mask.shape, dtype=q.dtype, device=q.device).masked_fill(~mask, -1e4)
    return ((q * q.shape[-1] ** -0.5) @ k.transpose(-1, -2) + away).softmax(-1) @ v


def rms_norm(x: Tensor) -> Tensor:
    """Vectors of the last axis brought to a mean square of 1: attention logits then stay within sqrt(d) (QK norm,
    arXiv 2302.05442)."""
    return x * (x.square().mean(-1, keepdim=True) + 1e-6).rsqrt()


def apply_rope(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Rotary embedding: pairs are (first half, second half)."""
    a, b = x.chunk(2, -1)
    return torch.cat([a * cos - b * sin, b * cos + a * sin], -1)


class Trunk(nn.Module):
    """Patch tokens and prompt tokens through the blocks."""

    def __init__(self, size: Size, drop: float = 0.0) -> None:
        super().__init__()
        w = size.width
        self.size = size
        # the shipped files know `taps`, `tap_mean`, `tap_spread` and `colour` by these names
        self.register_buffer("tap_mean", torch.zeros(size.features))
        self.register_buffer("tap_spread", torch.ones(size.features))
        self.taps = nn.Linear(size.features, w)
        self.no_photo = nn.Parameter(torch.randn(w) * 0.02)
        self.canvas = nn.Linear(PATCH * PATCH * 3, w)
        self.place = nn.Linear(32, w)
        self.time = nn.Sequential(nn.Linear(64, w), nn.SiLU(), nn.Linear(w, w))
        self.gist = nn.Sequential(nn.Linear(size.words, w), nn.SiLU(), nn.Linear(w, w))
        self.word = nn.Linear(size.words, w)
        self.order = nn.Parameter(torch.randn(64, w) * 0.02)
        self.phrase = nn.Linear(size.words, w)
        self.colour = nn.Sequential(nn.Linear(3, 64), nn.GELU(), nn.Linear(64, w))
        self.blocks = nn.ModuleList(Block(w, size.heads, drop * (i + 1) / size.depth) for i in range(size.depth))
        self.norm = nn.LayerNorm(w)
        self.key = nn.Linear(w, size.query)
        self.phrase_key = nn.Linear(size.words, size.query)

    @torch.no_grad()
    def fit_feature_stats(self, features: Tensor) -> None:
        """Sets the features' mean and deviation a channel from a batch: a few of its channels are 50 times the rest."""
        flat = features.flatten(0, 1).float()
        self.tap_mean.copy_(flat.mean(0))
        self.tap_spread.copy_(flat.std(0).clamp(min=1e-3))

    def forward(
        self, features: Tensor, has_photo: Tensor, canvas: Tensor, place: Tensor, t: Tensor, prompt: Prompt
    ) -> tuple[Tensor, Tensor, Tensor]:
        """features b 1+n c (token 0 = the whole photo); has_photo b; canvas b n 588; place n 4; t b. Gives the patches'
        tokens b n w, a key a color b k q, and the mean word b d."""
        b, n = canvas.shape[:2]
        scaled = (features - self.tap_mean) / self.tap_spread
        read = torch.where(has_photo[:, None, None], self.taps(scaled), self.no_photo)
        # the prompt's mean word goes to every patch and every block: by attention alone to a dozen words among 350
        # tokens, 800 steps did not even tell depth from normals (docs/log.md)
        mean_word = mean_of_words(prompt.words, prompt.word_mask)
        gist = self.gist(mean_word)
        patches = read[:, 1:] + self.canvas(canvas) + self.place(place_embedding(place[:, 2:])) + gist[:, None]
        words = self.word(prompt.words) + self.order[: prompt.words.shape[1]]
        legend = self.phrase(prompt.phrases) + self.colour(prompt.colors)
        x = torch.cat([patches, read[:, :1], words, legend], 1).to(read.dtype)  # bfloat16 where autocast says so
        known = torch.ones(b, n + 1, dtype=torch.bool, device=x.device)
        mask = torch.cat([known, prompt.word_mask, prompt.color_mask], 1)[:, None, None]
        cos, sin = self.angles(place, x.shape[1] - n, x.dtype)
        condition = F.silu(self.time(timestep_embedding(t)) + gist)
        for block in self.blocks:
            x = block(x, cos, sin, mask, condition)
        x = self.norm(x)
        last = prompt.phrases.shape[1]
        keys = self.key(x[:, x.shape[1] - last :]) + self.phrase_key(prompt.phrases)
        return x[:, :n], keys, mean_word

    def angles(self, place: Tensor, others: Any, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
        """cos and sin (n + others, head / 2): half of the pairs turn with the row, half with the column. `others` is an
        int, or a tensor while the export traces."""
        pairs = self.size.width // self.size.heads // 4
        speed = 100.0 ** -(torch.arange(pairs, device=place.device) / pairs)
        angle = torch.cat([place[:, :1] * speed, place[:, 1:2] * speed], 1)
        angle = torch.cat([angle, angle.new_zeros(others, 2 * pairs)])
        return angle.cos().to(dtype), angle.sin().to(dtype)


def mean_of_words(words: Tensor, mask: Tensor) -> Tensor:
    """Mean word vector brought to length sqrt(d): (b, l, d), (b, l) -> (b, d); zeros where there are no words."""
    total = (words * mask[..., None]).sum(1)
    return total / total.norm(dim=-1, keepdim=True).clamp(min=1e-6) * words.shape[-1] ** 0.5


def place_embedding(yx: Tensor) -> Tensor:
    """Sines and cosines of places in -1..1 at eight frequencies: (n, 2) -> (n, 32)."""
    angle = (yx[..., None] * (math.pi * 0.5 * 2.0 ** torch.arange(8, device=yx.device) ** 0.75)).flatten(-2)
    return torch.cat([angle.sin(), angle.cos()], -1)


def timestep_embedding(t: Tensor) -> Tensor:
    """Sinusoidal features of t in 0..1: (b,) -> (b, 64)."""
    speed = torch.exp(torch.arange(32, device=t.device) / 32 * math.log(1000.0))
    angle = t[:, None] * speed
    return torch.cat([angle.sin(), angle.cos()], -1)


class PixelNorm(nn.LayerNorm):
    """LayerNorm over the channels of each pixel of b c h w. Without it the decoder's units died (docs/log.md)."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


class Decoder(nn.Module):
    """The patches' tokens, photo and canvas -> the painting at full size."""

    def __init__(self, size: Size) -> None:
        super().__init__()
        self.size = size
        self.smooth = nn.Linear(size.width, size.smooth)
        self.detail = nn.Linear(size.width, HALF * HALF * size.detail)
        # what the words alone decide hangs on their mean vector, in which unlike tasks are nearly orthogonal: repairs
        # of photos, which keep the photo, must not teach depth to keep it too (docs/log.md)
        self.choose = nn.Linear(size.words, READOUTS, bias=False)
        self.readouts = nn.Parameter(torch.zeros(READOUTS, size.width + 1, 3))
        self.lean = nn.Linear(size.words, 2, bias=False)
        nn.init.normal_(self.choose.weight, std=0.3)
        self.stem = nn.Conv2d(24, size.stem, 3, padding=1)
        self.stem2 = nn.Conv2d(size.stem, size.stem, 3, padding=1)
        self.mix1 = nn.Conv2d(size.smooth + size.detail + size.stem, size.mix, 3, padding=1)
        self.mix2 = nn.Conv2d(size.mix, size.mix, 3, padding=1)
        self.mix3 = nn.Conv2d(size.mix, size.mix, 3, padding=3, dilation=3)  # sees as far as the next patch
        self.norm1, self.norm2, self.norm3 = (PixelNorm(size.mix) for _ in range(3))
        self.tune = nn.Linear(size.words, 6 * size.mix, bias=False)  # what the words make of the channels
        self.free = nn.Conv2d(size.mix, 12, 3, padding=1)
        self.gate = nn.Conv2d(size.mix, 8, 3, padding=1, bias=False)
        self.query = nn.Conv2d(size.mix, size.query, 1)
        for layer in (self.free, self.gate, self.lean, self.tune):  # the first painting is plain gray
            nn.init.zeros_(layer.weight)
        nn.init.zeros_(self.free.bias)

    def forward(
        self, grid: Tensor, keys: Tensor, mean_word: Tensor, photo: Tensor, canvas: Tensor, colors: Tensor,
        color_mask: Tensor, probed: Tensor | None = None,
    ) -> Painted:  # fmt: skip
        """grid (the patches' tokens) b w rows columns; keys b k q; mean_word b d; photo and canvas b 3 h w (0..1);
        colors b k 3; color_mask b k; probed (what a linear probe adds to the copy attention's logits) b k rows
        columns."""
        tokens = grid.permute(0, 2, 3, 1)
        smooth = F.interpolate(self.smooth(tokens).permute(0, 3, 1, 2), scale_factor=float(HALF), mode="bilinear")
        detail = F.pixel_shuffle(self.detail(tokens).permute(0, 3, 1, 2), HALF)
        pixels = F.pixel_unshuffle(torch.cat([photo, canvas], 1) - 0.5, 2)
        s = F.gelu(self.stem2(F.gelu(self.stem(pixels))))
        scale1, shift1, scale2, shift2, scale3, shift3 = self.tune(mean_word)[:, :, None, None].chunk(6, 1)
        h = F.gelu(self.norm1(self.mix1(torch.cat([smooth, detail, s], 1))) * (1 + scale1) + shift1)
        h = h + F.gelu(self.norm2(self.mix2(h)) * (1 + scale2) + shift2)
        h = h + F.gelu(self.norm3(self.mix3(h)) * (1 + scale3) + shift3)
        attention = torch.einsum("bqhw,bkq->bkhw", self.query(h), keys) * (2 / self.size.query**0.5)
        if probed is not None:
            attention = attention + F.interpolate(probed, scale_factor=float(HALF), mode="bilinear")
        attention = attention.masked_fill(~color_mask[:, :, None, None], -1e4)
        if self.training:  # cheaper, and the same but for one pixel at borders
            copied = F.interpolate(mix(attention, colors), scale_factor=2.0, mode="bilinear")
        else:
            copied = mix(F.interpolate(attention, scale_factor=2.0, mode="bilinear"), colors)
        gate = 3 * OUTPUT_SCALE * F.pixel_shuffle(self.gate(h), 2)
        copy, keep = (self.lean(mean_word)[:, :, None, None] + gate).split(1, 1)
        copy, keep = copy.sigmoid(), (keep - 3).sigmoid()  # half and half, and no photo, at the start
        copy = copy * color_mask.any(1)[:, None, None, None]  # nothing to copy without colors
        own = OUTPUT_SCALE * (F.pixel_shuffle(self.free(h), 2) + self.coarse(grid, mean_word)) + 0.5
        return Painted(copy * copied + (1 - copy) * (own + keep * (photo - own)), attention)

    def coarse(self, grid: Tensor, mean_word: Tensor) -> Tensor:
        """A color a patch, linear in its token by a readout that the words choose; smooth from patch to patch."""
        b, w, rows, columns = grid.shape
        choice = self.choose(mean_word).softmax(-1)
        readout = (choice @ self.readouts.flatten(1)).view(b, w + 1, 3).to(grid.dtype)
        colors = grid.flatten(2).transpose(1, 2) @ readout[:, :w] + 10 * readout[:, w:]
        square = colors.transpose(1, 2).reshape(b, 3, rows, columns)
        return F.interpolate(square, scale_factor=float(PATCH), mode="bilinear")


def mix(attention: Tensor, colors: Tensor) -> Tensor:
    """What the copy head paints: attention logits b k h w, colors b k 3 -> b 3 h w."""
    return torch.einsum("bkhw,bkc->bchw", attention.softmax(1), colors.to(attention.dtype))


class Seedling(nn.Module):
    """Trunk and decoder together: everything that trains while the encoder stays frozen."""

    def __init__(self, size: Size | None = None, drop: float = 0.0) -> None:
        super().__init__()
        self.size = size or Size()
        self.trunk, self.decoder = Trunk(self.size, drop), Decoder(self.size)

    def forward(
        self, features: Tensor, has_photo: Tensor, photo: Tensor, canvas: Tensor, t: Tensor, prompt: Prompt,
        window: Window | None = None, probed: Tensor | None = None,
    ) -> Painted:  # fmt: skip
        """photo and canvas: b 3 h w, 0..1 and sides multiples of 14; features b 1+n 1536; t b; probed b k rows columns;
        paints the window."""
        rows, columns = photo.shape[-2] // PATCH, photo.shape[-1] // PATCH
        patches = F.pixel_unshuffle(canvas, PATCH).flatten(2).transpose(1, 2)
        place = places(rows, columns, photo.device)
        tokens, keys, mean_word = self.trunk(features, has_photo, patches, place, t, prompt)
        grid = tokens.transpose(1, 2).reshape(len(photo), -1, rows, columns)
        if window is not None:
            grid, photo, canvas = window.cut(grid, 1), window.cut(photo, PATCH), window.cut(canvas, PATCH)
            probed = None if probed is None else window.cut(probed, 1)
        return self.decoder(grid, keys, mean_word, photo, canvas, prompt.colors, prompt.color_mask, probed)
