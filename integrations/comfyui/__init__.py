"""Plantain's questions as nodes of ComfyUI. They ask a server (`plantain serve`) over HTTP, and need no package beside
those that ComfyUI brings."""

from .nodes import NODES, comfy_entrypoint

__all__ = ["NODES", "comfy_entrypoint"]
