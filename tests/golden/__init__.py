"""Numbers of official scorers on seeded inputs; `golden("coco_detection")` checks that the inputs are the same."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from golden.inputs import CASES, digest


def golden(name: str) -> tuple[Any, dict[str, Any]]:
    """The made inputs of a golden file, and the official results on them (`results`, `notes`, `produced_by`)."""
    record = json.loads((Path(__file__).parent / f"{name}.json").read_text())
    case = CASES[record["case"]]()
    assert digest(case) == record["inputs_sha256"], f"the inputs of {name} have changed"
    return case, record
