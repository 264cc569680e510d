"""Other words for classes, as people may call them."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

SAYINGS: Mapping[str, tuple[str, ...]] = {
    "windowpane": ("window",), "traffic": ("traffic light",), "trade": ("shop sign",), "swivel": ("office chair",),
    "swimming": ("swimming pool",), "bulletin": ("notice board",), "conveyer": ("conveyor belt",),
    "kitchen": ("kitchen island",), "coffee": ("coffee table",), "case": ("display case",), "palm": ("palm tree",),
    "chest": ("chest of drawers", "drawers"), "pool": ("pool table",), "arcade": ("arcade machine",),
    "plaything": ("toy",), "ashcan": ("trash can", "bin"), "apparel": ("clothes",), "television": ("tv",),
    "sofa": ("couch",), "couch": ("sofa",), "airplane": ("plane", "aeroplane"), "aeroplane": ("airplane", "plane"),
    "person": ("people", "human", "somebody"), "minibike": ("motorbike",), "motorcycle": ("motorbike",),
    "motorbike": ("motorcycle",), "tv": ("television",), "tv monitor": ("tv", "monitor"), "cell phone": ("phone",),
    "grass": ("lawn",), "cabinet": ("cupboard",), "cup": ("mug", "coffee cup"), "rug": ("carpet",), "earth": ("soil",),
    "painting": ("picture",), "signboard": ("sign",), "sidewalk": ("pavement",), "potted plant": ("plant",),
    "dining table": ("table",), "bicycle": ("bike",), "automobile": ("car",), "railing": ("handrail",),
    "blind": ("window blind",), "crt": ("crt screen",), "step": ("stairs",), "washer": ("washing machine",),
    "sports ball": ("ball",), "refrigerator": ("fridge",), "building": ("buildings",), "house": ("home",),
}  # fmt: skip


def said(name: str, rng: np.random.Generator) -> str:
    """A class as people may call it: another word, or the plural."""
    if name in SAYINGS and rng.random() < 0.2:
        return str(rng.choice(SAYINGS[name]))
    if rng.random() < 0.15 and " " not in name and name.isascii() and not name.endswith("s"):
        return "people" if name == "person" else name + ("es" if name.endswith(("ch", "sh", "x")) else "s")
    return name


def with_article(text: str, rng: np.random.Generator) -> str:
    return f"the {text}" if rng.random() < 0.6 else text
