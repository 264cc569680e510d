"""Parts of the page that Gradio has not: the viewer, and the editor of a legend. They are no classes of their own,
since for each of these Gradio writes a file beside it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import gradio as gr

from plantain.errors import UsageError
from plantain.serve.page.files import write_png
from plantain.serve.page.kept import KeptAnswer
from plantain.serve.page.views import Layer, layers

HERE = Path(__file__).parent
FILE = {"_type": "gradio.FileData"}  # how Gradio knows a file in a value


def viewer(act: Callable[[Any, Any], Any], **more: Any) -> gr.HTML:
    """Layers over a photo, whose values can be read at every point: `act` gets what was pointed at, and the request."""

    def read_points(data: Any, request: Any) -> Any:
        return act(data, request)

    read_points.__annotations__["request"] = gr.Request  # by which Gradio knows it, though it gives Starlette's own
    return gr.HTML(
        None,
        html_template=_read("viewer.html"),
        js_on_load=_read("viewer.js"),
        apply_default_css=False,
        server_functions=[read_points],
        camera=0.0,
        **more,
    )


def legend(rows: Sequence[Mapping[str, str]], **more: Any) -> gr.HTML:
    """An editor of words and their colors: a list of {"name", "color"}."""
    return gr.HTML(
        [*rows],
        html_template=_read("legend.html"),
        js_on_load=_read("legend.js"),
        apply_default_css=False,
        **more,
    )


def _read(name: str) -> str:
    return (HERE / name).read_text(encoding="utf-8")


def shown(name: str, kept: KeptAnswer, folder: Path) -> dict[str, Any]:
    """An answer as the viewer takes it; its pictures are written below the folder."""
    return on_stage(name, kept.size, layers(kept), folder)


def on_stage(name: str, size: tuple[int, int], pictures: Sequence[Layer], folder: Path) -> dict[str, Any]:
    """Layers as the viewer takes them, the first answer on top."""
    made = []
    for i, one in enumerate(pictures):
        image = _file(write_png(one.image, folder / f"{i}.png"))
        legend = None if one.legend is None else _file(write_png(one.legend, folder / f"{i}.legend.png"))
        made.append({"about": one.about, "view": one.view, "image": image, "legend": legend})
    return {"id": name, "size": list(size), "layers": made, "over": min(1, len(made) - 1)}


def _file(path: Path) -> dict[str, Any]:
    return {"path": str(path), "orig_name": path.name, "mime_type": "image/png", "meta": FILE}


def colors_of(rows: Any) -> list[tuple[str, str]]:
    """The classes of the editor, without rows that are empty. UsageError where none is left, or it is no list."""
    try:
        named = [(str(row["name"]).strip(), str(row["color"])) for row in rows or ()]
    except (TypeError, KeyError) as error:
        raise UsageError("a legend is a list of names and colors") from error
    found = [(name, color) for name, color in named if name]
    if not found:
        raise UsageError("the legend has no class; give at least one name")
    return found
