"""What the large specialists share: weights from a hub or a folder, a device, packages that are asked for by name."""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import cached_property
from importlib import import_module
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from PIL import Image

from plantain._shapes import UInt8
from plantain.errors import MissingExtra, PainterError
from plantain.models.identity import weights_hash
from plantain.models.specialists.base import Specialist

MIN_SCORE = 0.01  # things below this score are not kept: average precision needs those of low scores too


class Pretrained(Specialist):
    """`weights`: a name on the package's hub, or a folder; `device`: where it runs. Loaded at the first question."""

    default_weights: ClassVar[str]  # the weights, where none are named
    package: ClassVar[str] = "transformers"
    install: ClassVar[str] = ""  # for packages that no extra has

    def __init__(self, weights: str | Path | None = None, device: str = "cpu") -> None:
        super().__init__()
        self.source, self.device = str(weights or self.default_weights), device

    @property
    def revision(self) -> str:
        """The name on the hub, and the commit that is on this machine; a local folder has a hash instead."""
        if Path(self.source).exists():
            return ""
        return f"{self.source}@{hub_commit(self.source)}"

    def hash_of_weights(self) -> str:
        return weights_hash([self.source]) if Path(self.source).exists() else ""

    @cached_property
    def parts(self) -> Any:
        """The network and what goes with it. MissingExtra, PainterError where they cannot be had."""
        self.require("torch")
        self.require(self.package)
        try:
            return self.load()
        except (OSError, ValueError, KeyError) as error:
            first = str(error).strip().splitlines()[0]
            raise PainterError(f"{self.name} cannot be loaded from {self.source!r} ({first})") from error

    def load(self) -> Any:
        """Loads `parts`."""
        raise NotImplementedError

    def require(self, package: str) -> Any:
        """A package; the error says how to get it."""
        try:
            return import_module(package)
        except ImportError as error:
            if self.install and package == self.package:
                raise MissingExtra(package, "", self.install) from error
            raise MissingExtra(package.split(".")[0], "specialists") from error

    def ready(self, network: Any) -> Any:
        """A network for answers on its device."""
        return network.to(self.device).eval()


def hub_commit(source: str) -> str:
    """The commit of a hub's model in the local cache; "main" where it is not there yet."""
    home = os.environ.get("HF_HUB_CACHE") or Path(os.environ.get("HF_HOME") or "~/.cache/huggingface") / "hub"
    path = Path(home).expanduser() / f"models--{source.replace('/', '--')}" / "refs" / "main"
    return path.read_text().strip() if path.is_file() else "main"


def picture(photo: UInt8[np.ndarray, "h w 3"]) -> Image.Image:
    return Image.fromarray(photo)


def arrays(found: Mapping[str, Any]) -> dict[str, np.ndarray]:
    """Tensors of a result as arrays."""
    return {k: v.detach().cpu().numpy() for k, v in found.items() if hasattr(v, "detach")}
