"""Checks the installation: versions, extras, accelerators, the embedded generator, how exactly a painter keeps place.

`for check in examine("embedded"): print(check.name, check.state, check.found)`
"""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from importlib import util
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from plantain.errors import PlantainError
from plantain.extras import extras, lacking, package, pip_command, version

if TYPE_CHECKING:
    from plantain.models.base import Painter

BASE = ("numpy", "pillow", "onnxruntime", "cyclopts", "rich")
SAMPLE = Path(__file__).parent / "samples" / "astronaut.jpg"
LIKE = 0.5  # share of a chart that must have come back, for its movement to be believed
SANE_M = (0.2, 20.0)  # the median depth of a portrait lies in here


@dataclass(frozen=True)
class Check:
    """One thing looked at: ok, a note (nothing is wrong, something is absent), or failed."""

    name: str
    state: Literal["ok", "note", "failed"]
    found: str
    facts: Mapping[str, Any] = field(default_factory=dict)


def examine(model: str = "embedded", **options: Any) -> Iterator[Check]:
    """All checks, one after another; the painter `model` is asked for the registration chart. UnknownName, MissingExtra
    where it cannot be loaded."""
    from plantain.pipeline.predictor import PainterPredictor, load

    loaded = load(model, **options)
    yield versions()
    yield from (extra(name) for name in extras())
    yield threads()
    yield accelerator()
    yield embedded()
    if isinstance(loaded, PainterPredictor):  # a specialist paints no chart
        yield from registration(loaded.painter)


def versions() -> Check:
    from plantain import __version__

    found = {"plantain": __version__, "python": platform.python_version(), **{name: version(name) for name in BASE}}
    state: Literal["ok", "failed"] = "failed" if None in found.values() else "ok"
    text = ", ".join(f"{name} {number or 'missing'}" for name, number in found.items())
    return Check("versions", state, f"{text}; {platform.system()} {platform.machine()}", found)


# ---- extras ----


def extra(name: str) -> Check:
    missing = lacking(name)
    facts = {"installed": not missing, "missing": [package(one) for one in missing]}
    if missing:
        return Check(
            f"extra {name}", "note", f"lacks {', '.join(map(package, missing))}; {pip_command(*missing)}", facts
        )
    return Check(f"extra {name}", "ok", "installed", facts)


# ---- the machine ----


def threads() -> Check:
    from plantain.models.painters.embedded import cores

    number = cores()
    limits = {name: os.environ[name] for name in ("OMP_NUM_THREADS", "ORT_NUM_THREADS") if name in os.environ}
    text = f"{number} cores to use" + "".join(f", {name}={value}" for name, value in limits.items())
    return Check("threads", "ok", text, {"cores": number, **limits})


def accelerator() -> Check:
    """What ONNX Runtime can run on, and what torch sees where it is installed."""
    import onnxruntime

    providers = onnxruntime.get_available_providers()
    names = [provider.removesuffix("ExecutionProvider") for provider in providers]
    devices = torch_devices()
    text = f"onnxruntime: {', '.join(names)}; torch: " + ("not installed" if devices is None else ", ".join(devices))
    return Check("accelerator", "ok", text, {"onnxruntime": providers, "torch": devices})


def torch_devices() -> list[str] | None:
    """Devices of torch in words; None where it is not installed."""
    if util.find_spec("torch") is None:
        return None
    import torch

    if torch.cuda.is_available():
        return [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())]
    return ["mps"] if torch.backends.mps.is_available() else ["cpu"]


# ---- the embedded generator ----


def embedded() -> Check:
    """A known photo must get a depth that is sane: mostly valid, some metres away, not flat."""
    import numpy as np

    from plantain.pipeline.predictor import load

    start = time.perf_counter()
    try:
        depth: Any = load("embedded").predict(SAMPLE, "metric depth")
    except PlantainError as error:
        return Check("embedded", "note", f"not checked: {error}")
    seconds = time.perf_counter() - start
    answered = float(depth.valid.mean())
    metres = depth.metres[depth.valid]
    low, middle, high = np.percentile(metres, (5, 50, 95)) if metres.size else (np.nan,) * 3
    sane = answered > 0.5 and SANE_M[0] < middle < SANE_M[1] and high > 1.05 * low
    text = f"{SAMPLE.name}: {low:.2f} to {high:.2f} m, median {middle:.2f} m, {answered:.0%} answered, {seconds:.1f} s"
    facts = {"low_m": float(low), "median_m": float(middle), "high_m": float(high), "seconds": seconds}
    return Check("embedded", "ok" if sane else "failed", text, facts)


def check_registration(painter: Painter) -> Check:
    """A chart of crosses is asked back unchanged; what came back is compared by phase correlation."""
    from plantain.models.painting import Painting, Request
    from plantain.pipeline.registration import chart, measure

    width, height = painter.canvas(512, 384)
    shown = chart(width, height)
    order = "Give back this picture exactly as it is, without any change."
    (answer,) = painter.paint([Request(order, (shown,), (width, height), purpose="edit")])
    if not isinstance(answer, Painting):
        return Check("registration", "note", f"not measured: {answer}")
    if answer.rgb.shape != shown.shape:
        size = f"{answer.rgb.shape[1]} x {answer.rgb.shape[0]}"
        return Check(
            "registration", "failed", f"{painter.identity.name} was asked for {width} x {height} pixels and gave {size}"
        )
    found = measure(shown, answer.rgb)
    check = moved(painter.identity.name, width, height, (found.right_px, found.down_px), found.zoom)
    facts = {**check.facts, "alike": found.inlier_ratio}
    if found.inlier_ratio < LIKE:
        alike = f"{found.inlier_ratio:.0%} of it is alike"
        text = f"not measured: {painter.identity.name} did not give the chart back ({alike})"
        return Check("registration", "note", text, facts)
    return replace(check, facts=facts)


def moved(name: str, width: int, height: int, shift_px: tuple[float, float], zoom: float) -> Check:
    """How far a picture of this size came back right and down, and how it grew: failed at a pixel or more."""
    right, down = shift_px
    corner = abs(zoom - 1) * (width**2 + height**2) ** 0.5 / 2
    text = f"{name} at {width} x {height}: shift {right:+.2f} px right, {down:+.2f} px down; "
    text += f"zoom {zoom:.4f} ({corner:.2f} px at the corners)"
    still = abs(right) < 1 and abs(down) < 1 and corner < 1
    facts = {"shift_px": [right, down], "zoom": zoom, "shift": (right / width, down / height)}
    return Check("registration", "ok" if still else "failed", text, facts)


def registered(painter: Painter) -> Check:
    """Whether a painter keeps its place, by what was measured and kept of it, else measured now. Where it can be set
    right, that is undone in its paintings (`undone` among the facts)."""
    from plantain.models.painters.generators.measured import Measured
    from plantain.models.painters.generators.painter import DiffusersPainter

    if not isinstance(painter, DiffusersPainter):
        return check_registration(painter)
    if Measured.read(painter.unmeasured) is None:
        list(registration(painter))
    kept, name = painter.measured, painter.identity.name
    if kept.shift is None:
        return Check("registration", "note", f"not measured: {name} did not give the chart back")
    width, height = painter.canvas(512, 384)
    check = moved(name, width, height, (kept.shift[0] * width, kept.shift[1] * height), kept.zoom)
    return replace(check, found=f"{check.found}; undone in its paintings", facts={**check.facts, "undone": True})


def registration(painter: Painter) -> Iterator[Check]:
    """Whether a painter keeps its place; of one that can be set right, also its colors, and both are kept for it."""
    from plantain.models.painters.generators.measured import Measured
    from plantain.models.painters.generators.painter import DiffusersPainter

    if not isinstance(painter, DiffusersPainter):
        yield check_registration(painter)
        return
    painter.forget()
    place = check_registration(painter)
    yield place
    color, errors = painter.colors()
    text = ", ".join(f"{name} {error:.2f}" for name, error in errors)
    yield Check("colors", "note", f"mean errors in levels of 255 through the autoencoder: {text}", dict(errors))
    told = place.facts.get("alike", 0.0) >= LIKE
    shift = place.facts["shift"] if told else None
    measured = Measured(shift, place.facts["zoom"] if told else 1.0, color, errors)
    yield Check("kept", "ok" if told else "note", f"{painter.keep(measured)}; its paintings are set right by it")
