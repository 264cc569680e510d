"""Tiny pipelines for the rows of open generators, built once a session."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from importlib import util
from pathlib import Path
from typing import Any

import pytest

NEEDED = ("torch", "diffusers", "transformers", "peft", "accelerate")
collect_ignore_glob = ["test_*.py"] if any(util.find_spec(name) is None for name in NEEDED) else []
sys.path.insert(0, str(Path(__file__).parent))


@pytest.fixture(autouse=True)
def alone(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    """No hub, and a cache folder of one's own."""
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """The folder of a row's tiny pipeline."""
    import tiny_editors

    place = tmp_path_factory.mktemp("tiny")
    return lambda name: tiny_editors.build(name, place)


AREA = 128 * 128  # of canvases here, where a megapixel would take too long


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The classes that always paint a megapixel paint AREA pixels here, by their own rules."""
    import diffusers.pipelines.longcat_image.pipeline_longcat_image_edit as longcat
    import diffusers.pipelines.qwenimage.pipeline_qwenimage_edit_plus as qwen

    from plantain.models.painters.generators import sizes

    def shrunk(area: int, ratio: float, rule: Callable[..., Any] = longcat.calculate_dimensions) -> Any:
        return rule(AREA, ratio)

    monkeypatch.setattr(longcat, "calculate_dimensions", shrunk)
    monkeypatch.setattr(qwen, "VAE_IMAGE_SIZE", AREA)
    monkeypatch.setattr(qwen, "CONDITION_IMAGE_SIZE", AREA)
    monkeypatch.setattr(sizes, "MEGAPIXEL", AREA)
    sizes.fixed_points.cache_clear()
    yield
    sizes.fixed_points.cache_clear()


@pytest.fixture(scope="session")
def kept() -> dict[str, Any]:
    """Painters that tests share, since none changes them for good."""
    return {}


@pytest.fixture
def painter(folder: Callable[[str], Path], small: None, kept: dict[str, Any]) -> Callable[..., Any]:
    """A row's painter on its tiny pipeline, with small canvases; a fresh one for whoever changes it."""
    from plantain.models.painters.generators.painter import DiffusersPainter
    from plantain.models.painters.generators.spec import GENERATORS

    def made(name: str, fresh: bool = False, **options: Any) -> Any:
        if not options and not fresh and name in kept:
            return kept[name]
        free = {} if GENERATORS[name].size.rule else {"megapixels": AREA / 1e6}
        one = DiffusersPainter(name, **({"weights": folder(name), "device": "cpu"} | free | options))
        if "adapter" not in options:
            one.adapter = ""  # of the rows that have one, whose file is on the hub
        return one if options or fresh else kept.setdefault(name, one)

    return made
