"""Where a server listens."""

from __future__ import annotations

from dataclasses import dataclass
from socket import AF_INET, AF_INET6, create_server, socket

from plantain.errors import UsageError


@dataclass(frozen=True)
class Place:
    """Where a server listens. `prefix`: the path under which a proxy shows it. `drain_s`: how long it waits at its end
    for what is in the house."""

    host: str = "127.0.0.1"
    port: int = 8000
    prefix: str = ""
    drain_s: int = 60

    def __post_init__(self) -> None:
        if not 0 <= self.port <= 65535:
            raise UsageError(f"--port must be from 0 to 65535, not {self.port}")


def listening(place: Place) -> socket:
    """A socket at that place. UsageError where it cannot be had, as when another server has the port."""
    family = AF_INET6 if ":" in place.host else AF_INET
    try:
        return create_server((place.host, place.port), family=family, backlog=2048)
    except OSError as error:
        raise UsageError(
            f"cannot listen at {place.host}, port {place.port}: {error.strerror or error}; choose another with --port"
        ) from error
