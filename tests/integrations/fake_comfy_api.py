"""A stand-in for ComfyUI's `comfy_api.latest`, which is on no package index: the names, signatures and rules that its
source has for what our nodes use (comfyanonymous/ComfyUI, comfy_api/latest/_io.py), and nothing of what it does."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from types import ModuleType, SimpleNamespace
from typing import Any

WIDGET = {"display_name", "optional", "tooltip", "lazy", "default", "socketless", "force_input", "extra_dict"}
INPUTS = {
    "Image": {"display_name", "optional", "tooltip", "lazy", "extra_dict"},
    "Mask": {"display_name", "optional", "tooltip", "lazy", "extra_dict"},
    "String": WIDGET | {"multiline", "placeholder", "dynamic_prompts"},
    "Int": WIDGET | {"min", "max", "step", "control_after_generate", "display_mode"},
    "Float": WIDGET | {"min", "max", "step", "round", "display_mode"},
}


@dataclass
class Socket:
    kind: str
    id: str | None
    about: dict[str, Any]


def _type(kind: str) -> SimpleNamespace:
    def made_input(id: str, **about: Any) -> Socket:
        assert set(about) <= INPUTS[kind], f"{kind}.Input takes no {set(about) - INPUTS[kind]}"
        return Socket(kind, id, about)

    def made_output(id: str | None = None, **about: Any) -> Socket:
        assert set(about) <= {"display_name", "tooltip", "is_output_list"}
        return Socket(kind, id, about)

    return SimpleNamespace(Input=made_input, Output=made_output)


@dataclass
class Schema:
    node_id: str
    display_name: str | None = None
    category: str = "sd"
    inputs: list[Socket] = field(default_factory=list)
    outputs: list[Socket] = field(default_factory=list)
    description: str = ""

    def validate(self) -> None:
        """Ids are unique, among inputs, among outputs, and between the two."""
        ids = [one.id for one in [*self.inputs, *self.outputs]]
        assert len(set(ids)) == len(ids), ids


class NodeOutput:
    def __init__(self, *args: Any, ui: Any = None, expand: Any = None, block_execution: Any = None) -> None:
        self.args = args


class ComfyNode:
    """`define_schema` and `execute` are class methods; nodes have no state."""


class ComfyExtension:
    async def on_load(self) -> None: ...


def install() -> None:
    io = SimpleNamespace(Schema=Schema, NodeOutput=NodeOutput, ComfyNode=ComfyNode, **{k: _type(k) for k in INPUTS})
    latest = ModuleType("comfy_api.latest")
    latest.io, latest.ComfyExtension = io, ComfyExtension
    sys.modules["comfy_api"], sys.modules["comfy_api.latest"] = ModuleType("comfy_api"), latest
