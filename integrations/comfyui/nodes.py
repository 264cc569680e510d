"""The nodes: a row for each task of Plantain, which says what is asked and what comes out, and two of another shape."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from comfy_api.latest import ComfyExtension, io

from . import client

CATEGORY = "plantain"
Arrays = dict[str, np.ndarray]


@dataclass(frozen=True)
class Row:
    """A task as a node. `question`: with {words} where the task has some; `words`: their name, example and tooltip;
    `outputs`: type, name and tooltip of what comes after the painting; `read`: the same from JSON and arrays."""

    title: str
    question: str
    outputs: tuple[tuple[str, str, str], ...]
    read: Callable[[dict[str, Any], Arrays], tuple[Any, ...]]
    words: tuple[str, str, str] | None = None


# ---- what comes out of an answer, by its arrays; planes (h w) or stacks (n h w) become MASK, h w 3 IMAGE


def depth(_: dict[str, Any], own: Arrays) -> tuple[Any, ...]:
    """Values, and what is near as white, by the nearest and farthest hundredth, as ControlNets want it."""
    values = own["metres"] if "metres" in own else own["relative"]
    known = own["valid"].astype(bool) & np.isfinite(values)
    values = np.where(known, values, 0).astype(np.float32)
    low, high = np.percentile(values[known], (1, 99)) if known.any() else (0.0, 1.0)
    near = np.where(known, 1 - (values - low) / max(high - low, 1e-6), 0).clip(0, 1)
    return values, np.repeat(near[..., None], 3, -1).astype(np.float32)


def normals(_: dict[str, Any], own: Arrays) -> tuple[Any, ...]:
    """x right, y up, z to the viewer, -1..1 as 0..1."""
    return (((own["xyz"] + 1) / 2).clip(0, 1).astype(np.float32),)


def alpha(told: dict[str, Any], own: Arrays) -> tuple[Any, ...]:
    presence = told.get("presence") or {}
    return own["alpha"].max(0), float(max(presence.values(), default=1.0))


def classes(_: dict[str, Any], own: Arrays) -> tuple[Any, ...]:
    """A mask a class, in the order in which they were asked for."""
    names = [str(name) for name in own["classes"]]
    return (own["ids"] == np.arange(len(names))[:, None, None]).astype(np.float32), "\n".join(names)


def things(told: dict[str, Any], own: Arrays) -> tuple[Any, ...]:
    """A mask a thing (of boxes the box), the boxes, and how many."""
    height, width = own["confidence"].shape
    masks = own.get("masks")
    if masks is None:
        y, x = np.mgrid[:height, :width]
        left, top, right, bottom = (own["boxes"][:, i, None, None] for i in range(4))
        masks = (left <= x) & (x < right) & (top <= y) & (y < bottom)
    found = told["result"]["things"]
    return masks.astype(np.float32).reshape(-1, height, width), json.dumps(found), len(found)


def points(told: dict[str, Any], _: Arrays) -> tuple[Any, ...]:
    return (json.dumps(told["result"]["points"]),)


def segments(told: dict[str, Any], own: Arrays) -> tuple[Any, ...]:
    """A mask a thing, then one a class of stuff that is there; and what each is."""
    names = [str(name) for name in own["classes"]]
    numbers = np.arange(1, len(own["segment_labels"]) + 1)[:, None, None]
    rest = np.where(own["segments"] == 0, own["ids"], -1)
    stuff = np.unique(rest[rest >= 0])
    masks = np.concatenate([own["segments"] == numbers, rest == stuff[:, None, None]])
    return masks.astype(np.float32), "\n".join(names[int(i)] for i in [*own["segment_labels"], *stuff])


MASK = ("Mask", "mask", "0..1 a pixel")
PRESENCE = ("Float", "presence", "Probability that it is in the picture at all.")
THINGS = (("Mask", "masks", "A mask a thing."), ("String", "things", "Class, score and box of each, as JSON."),
          ("Int", "count", "How many."))  # fmt: skip
NEAR = ("Image", "near", "What is near as white: for ControlNets.")
PHRASE = ("phrase", "the person", "What to look for, in words.")
THING = ("thing", "cup", "What to look for: every one of them.")
ROWS: dict[str, Row] = {
    "metric-depth": Row("metric depth", "metric depth",
                        (("Mask", "meters", "Meters a pixel, not 0..1; 0 where there is no answer."), NEAR), depth),
    "relative-depth": Row("relative depth", "relative depth",
                          (("Mask", "depth", "Grows with distance; scale and shift are unknown."), NEAR), depth),
    "normals": Row("normals", "surface normals", (("Image", "normals", "x, y, z from -1..1 as 0..1."),), normals),
    "semantic": Row("classes", "segment {words}",
                    (("Mask", "masks", "A mask a class."), ("String", "classes", "Their names, a line each.")), classes,
                    ("names", "wall, floor, bed", "Classes, with commas.")),
    "instances": Row("things", "instance segmentation of every {words}", THINGS, things, THING),
    "refer": Row("mask", "segment {words}", (MASK, PRESENCE), alpha, PHRASE),
    "detect": Row("boxes", "boxes of every {words}", THINGS, things, THING),
    "keypoints": Row("keypoints", "keypoints", (("String", "points", "Names, places and scores, as JSON."),), points),
    "edges": Row("edges", "edges", (MASK, PRESENCE), alpha),
    "matte": Row("matte", "matte of {words}", (MASK, PRESENCE), alpha, PHRASE),
    "panoptic": Row("panoptic", "segment everything",
                    (("Mask", "masks", "A mask a thing, then one a class of stuff."),
                     ("String", "classes", "What each is, a line each.")), segments),
}  # fmt: skip


# ---- from a row to a node


def common() -> list[Any]:
    return [
        io.String.Input("model", default="", optional=True, tooltip="Who answers; empty: the server's first model."),
        io.Int.Input("seed", default=0, min=0, max=2**31 - 1, optional=True),
        io.String.Input("server", default=client.USUAL, optional=True,
                        tooltip="Where plantain serve listens. A key comes from the variable PLANTAIN_KEY."),
    ]  # fmt: skip


def node(name: str, row: Row) -> type:
    """The class of a task's node."""

    def define_schema(cls: type) -> Any:
        words = [] if row.words is None else [
            io.String.Input(row.words[0], default=row.words[1], tooltip=row.words[2])
        ]  # fmt: skip
        outputs = [
            io.Image.Output("painting", display_name="painting", tooltip="What was painted: the answer as colors.")
        ]
        outputs += [getattr(io, kind).Output(id, display_name=id, tooltip=tip) for kind, id, tip in row.outputs]
        return io.Schema(
            node_id=f"Plantain_{name}", display_name=f"Plantain: {row.title}", category=CATEGORY,
            description=f"Asks a Plantain server for {row.title}.",
            inputs=[io.Image.Input("image"), *words, *common()], outputs=outputs,
        )  # fmt: skip

    def execute(cls: type, image: Any, model: str = "", seed: int = 0, server: str = client.USUAL, **words: str) -> Any:
        question = row.question.format(words=next(iter(words.values()), ""))
        paintings, read = [], []
        for photo in image.cpu().numpy():
            told, painting, own = client.predict(server, photo[..., :3], question, model=model, seed=seed)
            paintings.append(painting)
            read.append(row.read(told, own))
        return io.NodeOutput(batch(paintings), *map(joined, zip(*read, strict=True)))

    members = {"define_schema": classmethod(define_schema), "execute": classmethod(execute)}
    return type(f"Plantain{name.title().replace('-', '')}", (io.ComfyNode,), members)


def joined(values: Sequence[Any]) -> Any:
    """One output of all pictures of a batch: tensors along the batch (one empty mask where nothing was found), texts
    below one another, counts together, of probabilities the least."""
    if isinstance(values[0], np.ndarray):
        planes = [plane for own in values for plane in (own if own.ndim == 3 and own.shape[-1] != 3 else [own])]
        return batch(planes or [np.zeros(values[0].shape[1:], np.float32)])
    if isinstance(values[0], str):
        return values[0] if len(values) == 1 else "\n".join(values)
    return sum(values) if isinstance(values[0], int) else min(values)


def batch(planes: Sequence[np.ndarray]) -> Any:
    """Pictures or masks as a tensor [B, H, W, C] or [B, H, W]."""
    return torch.from_numpy(np.ascontiguousarray(np.stack(planes), np.float32))


# ---- nodes of another shape


class PlantainAsk(io.ComfyNode):
    """A question in words, answered in a line."""

    @classmethod
    def define_schema(cls) -> Any:
        return io.Schema(
            node_id="Plantain_ask", display_name="Plantain: ask", category=CATEGORY,
            description="How far, how many, where, which is nearer, is it there: a line, and a number.",
            inputs=[
                io.Image.Input("image"),
                io.String.Input("question", default="how far is the person?", multiline=True),
                io.Float.Input("fov", default=0.0, min=0.0, max=179.0, optional=True,
                               tooltip="Horizontal field of view in degrees, for sizes; 0: not known."),
                *common(),
            ],
            outputs=[
                io.String.Output("answer", display_name="answer"),
                io.Float.Output("value", display_name="value", tooltip="The number; 0 where there is none."),
                io.String.Output("details", display_name="details", tooltip="Everything, as JSON."),
            ],
        )  # fmt: skip

    @classmethod
    def execute(
        cls, image: Any, question: str, fov: float = 0.0, model: str = "", seed: int = 0, server: str = client.USUAL
    ) -> Any:
        files = {"image": client.png(image[0].cpu().numpy()[..., :3])}
        told = client.post(
            server, "/v1/ask", {"text": question, "fov": fov or None, "model": model, "seed": seed}, files
        )
        value = told.get("value")
        number = float(value) if isinstance(value, int | float) else 0.0
        return io.NodeOutput(str(told["text"]), number, json.dumps(told, ensure_ascii=False))


class PlantainEdit(io.ComfyNode):
    """A picture changed as told."""

    @classmethod
    def define_schema(cls) -> Any:
        return io.Schema(
            node_id="Plantain_edit", display_name="Plantain: edit", category=CATEGORY,
            description="Changes a picture as told; where a mask is given, there alone.",
            inputs=[
                io.Image.Input("image"),
                io.String.Input("prompt", default="colorize", multiline=True),
                io.Mask.Input("mask", optional=True),
                *common(),
            ],
            outputs=[io.Image.Output("edited", display_name="image")],
        )  # fmt: skip

    @classmethod
    def execute(
        cls, image: Any, prompt: str, mask: Any = None, model: str = "", seed: int = 0, server: str = client.USUAL
    ) -> Any:
        made = []
        for i, photo in enumerate(image.cpu().numpy()):
            files = {"image": client.png(photo[..., :3])}
            if mask is not None:
                files["mask"] = client.png(mask[min(i, len(mask) - 1)].cpu().numpy())
            fields = {"prompt": prompt, "purpose": "edit", "model": model, "seed": seed}
            told = client.post(server, "/v1/images/edits", fields, files)
            made.append(client.pixels(base64.b64decode(told["data"][0]["b64_json"])))
        return io.NodeOutput(batch(made))


TASK_NODES = {name: node(name, row) for name, row in ROWS.items()}
NODES = [*TASK_NODES.values(), PlantainAsk, PlantainEdit]


class Plantain(ComfyExtension):
    """All nodes."""

    async def get_node_list(self) -> list[type]:
        return NODES


async def comfy_entrypoint() -> ComfyExtension:
    """What ComfyUI calls."""
    return Plantain()
