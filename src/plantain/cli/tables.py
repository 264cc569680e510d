"""`plantain tasks` and `plantain models`: what can be asked, and who."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

from cyclopts import Parameter

from plantain.cli.reporting import emit

Json = Annotated[bool, Parameter(name="--json", negative="", help="One JSON line a row.")]


def tasks(*, json: Json = False) -> int:
    """Lists what can be asked: name, answer, color codes (the default first), and what it is."""
    from plantain.tasks import TASKS

    rows = [
        {
            "task": name,
            "kind": task.kind.kind,
            "codes": dict(sorted(task.codes.items(), key=lambda item: item[0] != task.default_code)),
            "about": (task.__doc__ or "").split("\n")[0],
        }
        for name, task in TASKS.items()
    ]
    show(rows, json, {"codes": lambda codes: " ".join(codes)})
    return 0


def models(*, json: Json = False) -> int:
    """Lists who can be asked: name, what it answers, whether it is ready or what it lacks, license, and what it is."""
    from plantain.models.registry import readiness
    from plantain.models.registry import rows as known

    rows = [
        {
            "model": row.name,
            "kind": row.kind,
            "answers": " ".join(row.supported_tasks) or ("every task" if row.kind == "painter" else "as its spec says"),
            "ready": readiness(row),
            "licence": row.license,
            "about": row.summary,
        }
        for row in known().values()
    ]
    show(rows, json)
    return 0


def show(rows: Sequence[dict[str, Any]], json: bool, ways: dict[str, Any] | None = None) -> None:
    """Rows as JSON lines, or as aligned text with the column names on top."""
    if json:
        for row in rows:
            emit(row)
        return
    texts = [[str((ways or {}).get(key, str)(value)) for key, value in row.items()] for row in rows]
    lines = [[key.upper() for key in rows[0]], *texts] if rows else []
    widths = [max(len(line[i]) for line in lines) for i in range(len(lines[0]))] if lines else []
    for line in lines:
        print("  ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)).rstrip())
