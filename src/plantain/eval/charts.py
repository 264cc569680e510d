"""Small SVG charts for pages and guides: reliability, sparsification, and any figure against another."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence

import numpy as np

from plantain.eval.row import CALIBRATION, SPARSIFICATION
from plantain.eval.scores import SampleResult, rows_of

COLORS = ("#2a9d6f", "#d1495b", "#3d6fb6", "#e09f3e", "#7d5ba6", "#00868b", "#9c6644", "#d65db1", "#5c7a29", "#e4572e",
           "#6c757d", "#1b4965", "#b5179e")  # fmt: skip
LEFT, TOP, WIDE, HIGH = 52, 26, 250, 170  # the plot's own square in pixels


def lines(
    title: str, series: Mapping[str, tuple[Sequence[float], Sequence[float]]], x_name: str,
    floor: float | None = 0.0, legend: bool = True,
) -> str:  # fmt: skip
    """Lines over a common x; `floor`: where the y axis begins, else a little below the least value."""
    xs = np.array([x for own, _ in series.values() for x in own], float)
    ys = np.array([y for _, own in series.values() for y in own], float)
    if not np.isfinite(ys).any():
        return ""
    x0, x1 = float(np.nanmin(xs)), float(np.nanmax(xs))
    low, high = float(np.nanmin(ys)), float(np.nanmax(ys))
    y0 = low - 0.05 * (high - low) if floor is None else min(floor, low)
    y1 = high + 0.05 * max(high - y0, 1e-9)

    def place(x: float, y: float) -> str:
        return (
            f"{LEFT + WIDE * (x - x0) / max(x1 - x0, 1e-9):.1f},{TOP + HIGH * (1 - (y - y0) / max(y1 - y0, 1e-9)):.1f}"
        )

    drawn = []
    for (_, (own_x, own_y)), color in zip(series.items(), COLORS * 3, strict=False):
        places = " ".join(place(x, y) for x, y in zip(own_x, own_y, strict=True) if np.isfinite(y))
        drawn.append(f"<polyline points='{places}' fill='none' stroke='{color}' stroke-width='1.8'/>")
    rows = [
        f"<text x='{LEFT + 90 * (i % 3)}' y='{TOP + HIGH + 44 + 14 * (i // 3)}' fill='{color}'>"
        f"{html.escape(name)}</text>"
        for i, (name, color) in enumerate(zip(series, COLORS * 3, strict=False))
    ]
    tall = TOP + HIGH + 34 + (14 * -(-len(series) // 3) if legend else 0)
    marks = [(LEFT - 4, TOP + HIGH, "end", f"{y0:.3g}"), (LEFT - 4, TOP + 8, "end", f"{y1:.3g}"),
             (LEFT, TOP + HIGH + 14, "middle", f"{x0:.3g}"), (LEFT + WIDE, TOP + HIGH + 14, "end", f"{x1:.3g}"),
             (LEFT + WIDE / 2, TOP + HIGH + 26, "middle", html.escape(x_name)),
             (LEFT + WIDE / 2, 14, "middle", html.escape(title))]  # fmt: skip
    return frame(LEFT + WIDE + 26, tall, title, "".join(drawn) + axes(LEFT, TOP, WIDE, HIGH) + words(marks)
                 + ("".join(rows) if legend else ""))  # fmt: skip


def frame(width: int, height: int, title: str, inside: str) -> str:
    return (f'<svg viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
            f'font-size="11" font-family="system-ui, sans-serif" fill="currentColor" role="img">'
            f"<title>{html.escape(title)}</title>{inside}</svg>")  # fmt: skip


def axes(left: float, top: float, width: float, height: float) -> str:
    return f'<path d="M{left},{top} v{height} h{width}" stroke="#888" fill="none"/>'


def words(marks: Sequence[tuple[float, float, str, str]]) -> str:
    """Texts at places: x, y, anchor, text."""
    return "".join(f"<text x='{x:.1f}' y='{y:.1f}' text-anchor='{way}'>{text}</text>" for x, y, way, text in marks)


def sparsification(told: Sequence[SampleResult]) -> str:
    """The error that is left as pixels go: the least confident first, the wrong first, or in any order."""
    rows = [row for row in rows_of(told, "sparsification") if "left" in row]
    if not rows:
        return ""
    gone, own, best = SPARSIFICATION.curves(rows).tolist()
    evenly = [own[0]] * len(gone)
    series = {"least confident first": (gone, own), "worst first": (gone, best), "any order": (gone, evenly)}
    return lines("error that is left", series, "share of pixels taken away")


def reliability(told: Sequence[SampleResult]) -> str:
    """The reliability diagram as SVG: the share that was right at each confidence, and how often that is."""
    rows = rows_of(told, "calibration")
    if not rows:
        return ""
    confidence, right, share = CALIBRATION.curve(rows)
    places = [_at(x, y) for x, y in zip(confidence, right, strict=True) if np.isfinite(x) and np.isfinite(y)]
    dots = "".join("<circle cx='{}' cy='{}' r='3' fill='#2a7'/>".format(*place.split(",")) for place in places)
    tall, width = 60 * share / (float(share.max()) or 1.0), 200 / len(share)
    bars = "".join(
        f"<rect x='{30 + width * i:.1f}' y='{210 - h:.1f}' width='{width - 1:.1f}' height='{h:.1f}' fill='#8884'/>"
        for i, h in enumerate(tall)
    )
    marks = ((130, 236, "middle", "confidence"), (26, 14, "end", "1"), (26, 214, "end", "0"), (230, 224, "end", "1"))
    diagonal = f'<path d="M{_at(0, 0)} L{_at(1, 1)}" stroke="#888" stroke-dasharray="4 3" fill="none"/>'
    line = f'<polyline points="{" ".join(places)}" fill="none" stroke="#2a7" stroke-width="2"/>{dots}'
    inside = bars + diagonal + line + axes(30, 10, 200, 200) + words(marks)
    return frame(240, 244, "Reliability: share that was right, by confidence", inside)


def _at(x: float, y: float) -> str:
    """A place in the diagram's unit square."""
    return f"{30 + 200 * x:.1f},{210 - 200 * y:.1f}"
