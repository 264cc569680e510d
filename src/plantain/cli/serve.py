"""`plantain serve`: the HTTP server."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from plantain.cli.options import ModelArgs, Whole
from plantain.errors import MissingExtra, UsageError

if TYPE_CHECKING:
    from plantain.pipeline.predictor import Predictor
    from plantain.serve.settings import Limits

MIB = 2**20


@Parameter(name="*")
@dataclass(frozen=True)
class LimitArgs:
    """How much a request may bring and cost."""

    max_mib: float = 20.0
    "Size of an upload in MiB."
    max_megapixels: float = 16.0
    "Pixels of a picture, in millions."
    max_seconds: float = 120.0
    "From the first byte of a request to its answer."
    max_inside: Whole = 32
    "Requests that wait or are worked on; one more gets status 429."
    max_paintings: Whole = 16
    "Paintings that one question may take."
    rate: float | None = None
    "Requests a minute and key; any number when not said."

    def limits(self) -> Limits:
        """UsageError for limits that let nothing through."""
        from plantain.serve.settings import Limits

        for name in ("max_mib", "max_megapixels", "max_seconds", "max_inside", "max_paintings", "rate"):
            value = getattr(self, name)
            if value is not None and not value > 0:
                raise UsageError(f"--{name.replace('_', '-')} must be more than 0, not {value}")
        pixels, body = int(self.max_megapixels * 1e6), int(self.max_mib * MIB)
        return Limits(
            body_bytes=body,
            job_bytes=max(Limits.job_bytes, body),
            pixels=pixels,
            pixels_inside=8 * pixels,
            seconds=self.max_seconds,
            inside=self.max_inside,
            paintings=self.max_paintings,
            rate=self.rate,
        )


@Parameter(name="*")
@dataclass(frozen=True)
class PlaceArgs:
    """Where the server listens, and how long its end may take."""

    host: str = "127.0.0.1"
    "The address to listen at; any but this machine's own needs keys."
    port: Whole = 8000
    "The port to listen at."
    prefix: str = ""
    "The path under which a proxy shows the server, as in /plantain."
    drain_seconds: Whole = 60
    "How long the end waits for answers that are being made."


@Parameter(name="*")
@dataclass(frozen=True)
class ScaleArgs:
    """Where jobs are kept, and who shares them."""

    state: Path | None = None
    "The folder in which jobs (/v1/jobs) are kept; without it there are none."
    jobs: str = ""
    "Where their table lies, postgresql://USER@HOST/NAME, if not in a file of that folder; PGPASSWORD has the password."
    ray: str | None = None
    "local, or the address of a Ray cluster: --replicas of the server there, without the page."
    replicas: Whole = 1
    "Of the server on Ray, each with models of its own."

    def __post_init__(self) -> None:
        if self.jobs and self.state is None:
            raise UsageError("--jobs has the table of jobs alone; say with --state where their pictures lie")


def serve(
    *,
    asking: ModelArgs = ModelArgs(),
    also: Annotated[tuple[str, ...], Parameter(negative_iterable="", show_default=False)] = (),
    keys: Path | None = None,
    no_keys: Annotated[bool, Parameter(negative="", show_default=False)] = False,
    no_page: Annotated[bool, Parameter(negative="", show_default=False)] = False,
    place: PlaceArgs = PlaceArgs(),
    scale: ScaleArgs = ScaleArgs(),
    limits: LimitArgs = LimitArgs(),
) -> int:
    """Answers over HTTP: /v1/ask, /v1/predict, /v1/images/edits and others; /docs shows all. A page for people is at
    /ui where Gradio is installed.

    Only this machine is answered to, and anybody on it, until --host and --keys say otherwise. SIGTERM ends it in an
    orderly way: what is in the house is answered, jobs go on after the next start.

    Parameters
    ----------
    also
        More models to serve, by name; requests choose by the field model.
    keys
        A file of API keys, a key a line or NAME:KEY; PLANTAIN_API_KEYS holds more, apart by commas.
    no_keys
        Listen to other machines without keys: anybody who reaches the server may ask.
    no_page
        No page for people at /ui.
    """
    try:
        from plantain.serve.app import create_app
        from plantain.serve.page.mount import installed
        from plantain.serve.place import Place
        from plantain.serve.run import serve as run
    except ImportError as error:
        raise MissingExtra(error.name or "fastapi", "serve") from error
    from plantain.serve.keys import read_keys
    from plantain.serve.settings import LOOPBACK, Settings

    known, own = read_keys(keys), place.host in LOOPBACK
    if not known and not own and not no_keys:
        raise UsageError(f"at {place.host} anybody could ask: give --keys FILE, or --no-keys if that is wanted")
    page = installed() and not no_page
    settings = Settings(limits.limits(), known, scale.state, own and not known, page=page, jobs=scale.jobs)
    at = Place(place.host, place.port, place.prefix.rstrip("/"), place.drain_seconds)
    if scale.ray is not None:
        from plantain.serve.cluster import run as run_on_ray

        run_on_ray(partial(loaded, asking, also), settings, at, scale.ray, scale.replicas)
    else:
        run(create_app(loaded(asking, also), settings), at)
    return 0


def loaded(asking: ModelArgs, also: tuple[str, ...]) -> dict[str, Predictor]:
    """The models by name, the first in front. UnknownName, MissingExtra, UsageError."""
    from plantain.pipeline.predictor import load

    models = {asking.model: load(asking.model, **asking.given)}
    return models | {name: load(name) for name in also if name not in models}
