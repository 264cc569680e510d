"""What several paths share: which model, how the question is put, what fields are called."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import Depends, File, Form, Request, UploadFile

from plantain.answers.ask import Terms
from plantain.pipeline.jobs import PredictOptions
from plantain.serve.errors import ApiError
from plantain.serve.examples import NPY, ZIP, Examples
from plantain.serve.queue import Engine
from plantain.serve.settings import Limits
from plantain.serve.uploads import options_of, picture

Picture = Annotated[UploadFile, File(description="The photo: JPEG, PNG, WebP and the like. No address is fetched.")]
Model = Annotated[str | None, Form(description="Who answers, by /v1/models; the first when not said.", max_length=200)]
Question = Annotated[str, Form(description='What is asked: "metric depth", "segment wall, floor", a prompt.')]
Code = Annotated[str | None, Form(description="Color code; the model's favorite when not said.", max_length=60)]
Degrees = Annotated[float | None, Form(gt=0, lt=180, description="Horizontal field of view in degrees.")]
Pixels = Annotated[float | None, Form(gt=0, lt=1e6, description="Focal length in pixels.")]
Share = Annotated[float, Form(ge=0, le=1, description="Below it the answer is not said: `gated`.")]
ERRORS: dict[int | str, dict[str, Any]] = {
    status: {"description": text}
    for status, text in {
        400: "Wrong input.", 401: "No valid key.", 403: "Not a name of this machine.", 404: "Unknown.",
        408: "Slow upload.", 413: "Too large.", 429: "Too many requests; see Retry-After.", 500: "A fault inside.",
        502: "The model failed.", 503: "The model answers no more.", 504: "Not within the time.",
        507: "No room on the disk.",
    }.items()
}  # fmt: skip


def limits_of(request: Request) -> Limits:
    limits: Limits = request.app.state.settings.limits
    return limits


def engine_of(request: Request, name: str | None) -> Engine:
    """The queue of a model. ApiError 404 for one that is not served, 503 for one that has ended."""
    return engine_in(request.app.state.engines, name)


def engine_in(engines: Mapping[str, Engine], name: str | None) -> Engine:
    """One of several queues. See `engine_of`."""
    if name and name not in engines:
        known = ", ".join(engines)
        raise ApiError(404, "model_not_found", f"no model {name!r} here; known: {known}", param="model")
    engine = engines[name or next(iter(engines))]
    if engine.gone is not None:
        raise ApiError(503, "model_gone", f"{engine.model.name} answers no more: {engine.gone}", kind="server_error")
    return engine


def asking(
    request: Request,
    samples: Annotated[int, Form(ge=1, le=64, description="Paintings with different seeds, merged.")] = 1,
    passes: Annotated[int, Form(ge=1, le=64, description="Paintings under different legends.")] = 1,
    seed: Annotated[int, Form(ge=0, le=2**31 - 1, description="The same seed, the same painting.")] = 0,
    tile: Annotated[int | None, Form(ge=64, le=65_536, description="Tiles of so many pixels.")] = None,
    style: Annotated[str, Form(max_length=40, description="imperative, caption, json or terse.")] = "imperative",
    steps: Annotated[int | None, Form(ge=1, le=1000, description="Steps of the painter.")] = None,
    quality: Annotated[str, Form(max_length=40, description="usual; high: several looks, if they help.")] = "usual",
) -> PredictOptions:
    """How the question is put."""
    given = {"samples": samples, "passes": passes, "seed": seed, "tile": tile, "style": style, "steps": steps}
    given |= {"quality": quality}
    return options_of(given, limits_of(request))


Asking = Annotated[PredictOptions, Depends(asking)]


def terms_of(
    fov: Degrees = None, focal: Pixels = None, min_confidence: Share = 0.0, min_presence: Share = 0.0
) -> Terms:
    """How an answer is given."""
    return Terms(fov, focal, min_confidence, min_presence)


TermsOf = Annotated[Terms, Depends(terms_of)]


async def examples_of(
    request: Request,
    example: Annotated[list[UploadFile] | None, File(description="Photos whose answers are known.")] = None,
    truth: Annotated[list[UploadFile] | None, File(description="Their answers, in order: .npz, .npy or PNG.")] = None,
    classes: Annotated[str, Form(max_length=4000, description="Names of the numbers in label maps, with commas.")] = "",
) -> Examples | None:
    """What is shown with the question."""
    if not example and not truth:
        return None
    photos = [await picture(request, one, "example") for one in example or ()]
    truths = []
    for one in truth or ():
        numbers = (await one.read(len(ZIP))).startswith((ZIP, NPY[: len(ZIP)]))
        await one.seek(0)
        truths.append(await (one.read() if numbers else picture(request, one, "truth")))
    names = tuple(name.strip() for name in classes.split(",") if name.strip())
    return Examples(tuple(photos), tuple(truths), names)


Shown = Annotated[Examples | None, Depends(examples_of)]
