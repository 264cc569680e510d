"""`plantain mcp`: tools for agents."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from plantain.cli.options import ModelArgs, Whole
from plantain.cli.serve import LimitArgs
from plantain.errors import MissingExtra, UsageError

if TYPE_CHECKING:
    from plantain.serve.settings import Settings


def mcp(
    *,
    asking: ModelArgs = ModelArgs(),
    folder: Annotated[tuple[Path, ...], Parameter(negative_iterable="", show_default=False)] = (),
    http: Annotated[bool, Parameter(negative="", show_default=False)] = False,
    host: str = "127.0.0.1",
    port: Whole = 8001,
    keys: Path | None = None,
    no_keys: Annotated[bool, Parameter(negative="", show_default=False)] = False,
    limits: LimitArgs = LimitArgs(),
) -> int:
    """Tools for agents by the Model Context Protocol: ask, explain, predict, measure, compare_depths, edit.

    Over standard input and output, as agents start it themselves, or over HTTP at /mcp.

    Parameters
    ----------
    folder
        A folder whose pictures may be read by path; may be said several times. Without any: the current one over
        standard input, none over HTTP.
    http
        Listen at --host and --port instead.
    host
        The address to listen at; any but this machine's own needs keys.
    port
        The port to listen at.
    keys
        A file of API keys, as of `plantain serve`.
    no_keys
        Listen to other machines without keys.
    """
    for one in folder:
        if not one.is_dir():
            raise UsageError(f"no such folder: {one}")
    try:
        from plantain.serve.agents import create_server
        from plantain.serve.keys import read_keys
        from plantain.serve.settings import LOOPBACK, Settings
    except ImportError as error:
        raise MissingExtra(error.name or "mcp", "mcp") from error
    from plantain.pipeline.predictor import load

    known, own, bounds = read_keys(keys), host in LOOPBACK, limits.limits()
    if http and not known and not own and not no_keys:
        raise UsageError(f"at {host} anybody could ask: give --keys FILE, or --no-keys if that is wanted")
    folders = folder or (() if http else (Path(),))
    server, engine = create_server(load(asking.model, **asking.given), folders, bounds)
    try:
        if http:
            _listen(server, Settings(bounds, known, None, own and not known), host, port)
        else:
            server.run("stdio")
    finally:
        engine.close()
    return 0


def _listen(server: Any, settings: Settings, host: str, port: int) -> None:
    """Over HTTP, behind the guard of `plantain serve`."""
    import uvicorn

    from plantain.serve.agents import guarded
    from plantain.serve.place import Place, listening
    from plantain.serve.watch import log_to_stderr

    log_to_stderr()
    taken = listening(Place(host, port))
    config = uvicorn.Config(guarded(server, settings), log_config=None, access_log=False, server_header=False)
    uvicorn.Server(config).run([taken])
