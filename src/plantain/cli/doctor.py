"""`plantain doctor`: care of the installation."""

from __future__ import annotations

from typing import Annotated

from cyclopts import Parameter

from plantain.cli.options import ModelArgs
from plantain.cli.reporting import emit


def doctor(
    *,
    asking: ModelArgs = ModelArgs(),
    json: Annotated[bool, Parameter(negative="", help="One JSON line a check.")] = False,
) -> int:
    """Checks versions, extras, threads, accelerators, the embedded generator, and a painter's registration: how far a
    picture that is asked back has moved and grown. Of an open generator also what its autoencoder does to colors; both
    are kept on this machine and undone in its paintings."""
    from plantain.doctor import examine

    failed = 0
    for check in examine(asking.model, **asking.given):
        if json:
            emit({"check": check.name, "state": check.state, "found": check.found, **check.facts})
        else:
            print(f"{check.state:<8}{check.name:<16}{check.found}", flush=True)
        failed += check.state == "failed"
    return 1 if failed else 0
