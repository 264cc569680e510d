"""Why an answer is not to be believed, in lines for people; none where there is no reason."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from plantain.answers.types import Answer
from plantain.answers.words import sureness, the
from plantain.output.show import LOW_CONFIDENCE
from plantain.predictions.headline import COUNTS, headline
from plantain.predictions.types import Prediction
from plantain.tasks import TASKS

SHARE = 0.3  # of the pixels: if more are unsure, that is said of a map whose mean is good
TRUSTED = 0.5  # confidence of a pixel


def doubts(answer: Answer) -> list[str]:
    """Reasons against an answer, the gravest first."""
    patches = (line for one in answer.predictions for line in patchy(one))
    return list(dict.fromkeys([*unfamiliar(answer), *absent(answer), *unsure(answer), *patches]))


def unfamiliar(answer: Answer) -> list[str]:
    """Of what is no photograph."""
    trusts = [one.painting.trust for one in answer.predictions if one.painting is not None]
    known = min(trusts, default=1.0) >= TRUSTED
    return [] if known else ["This picture is unlike the photographs that the model has learned from."]


def uncalibrated(answer: Answer, calibrations: Mapping[str, Any]) -> list[str]:
    """What of an answer has a confidence that was never held against truths. `calibrations`: of the model, by task."""
    asked = {one.task for one in answer.predictions}
    lacking = [TASKS[name].title for name in asked if name in TASKS and name not in calibrations]
    named = ", ".join(sorted("masks" if title == "segment" else title for title in lacking))
    return [f"confidence of {named} not checked against truths"] if lacking else []


def absent(answer: Answer) -> list[str]:
    """Things that were asked for and are probably not there."""
    if answer.want == "presence":
        return []
    chances = {name: p for one in answer.predictions for name, p in (one.presence or {}).items()}
    if len(chances) > 1 and answer.want == "map":  # of a legend, whatever is not there is no fault
        return ["Probably nothing of this is in the photo."] if max(chances.values()) < COUNTS else []
    rare = [(name, chance) for name, chance in chances.items() if chance < COUNTS]
    return [
        f"{the(name).capitalize()} is probably not in this photo ({chance:.0%} that it is)." for name, chance in rare
    ]


def unsure(answer: Answer) -> list[str]:
    """Of the parts that are not sure enough, where there are several which."""
    found = []
    for part in answer.parts or (answer,):
        about = f"{part.said}: " if answer.parts else ""
        if part.gated:
            found.append(f"{about}not sure enough for what you asked for; no value is given.")
        elif part.confidence < LOW_CONFIDENCE:
            found.append(f"{about}confidence {part.confidence:.2f}, {sureness(part.confidence)}. Do not act on it.")
    return [line[0].upper() + line[1:] for line in found]


def patchy(answer: Prediction) -> list[str]:
    """Of a map that is good on the whole, how much of it is not."""
    share = float(np.mean(answer.confidence < TRUSTED)) if answer.confidence.size else 0.0
    if share < SHARE or headline(answer) < LOW_CONFIDENCE:
        return []
    name = answer.task.replace("-", " ")
    return [f"{share:.0%} of the {name} is unsure; the view 'confidence' shows where."]
