"""`plantain doctor`: care of the installation."""

from __future__ import annotations

from typing import Annotated

from cyclopts import Parameter

from plantain.cli.reporting import emit


def doctor(
    *,
    model: str = "embedded",
    json: Annotated[bool, Parameter(negative="", help="One JSON line a check.")] = False,
) -> int:
    """Checks versions, extras, threads, accelerators, the embedded generator, and a painter's registration.

    Parameters
    ----------
    model
        The painter whose registration is measured: how far a picture that is asked back has moved and grown.
    """
    from plantain.doctor import examine

    failed = 0
    for check in examine(model):
        if json:
            emit({"check": check.name, "state": check.state, "found": check.found, **check.facts})
        else:
            print(f"{check.state:<8}{check.name:<16}{check.found}", flush=True)
        failed += check.state == "failed"
    return 1 if failed else 0
