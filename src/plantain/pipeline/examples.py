"""Examples shown with a question: photos with their true answers, brought to what the question asks.

A painter that learns at once (the embedded generator) becomes another one that knows them; to any other they are sent
with every request, photo and painting in turn, painted in the request's own code.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from plantain._shapes import UInt8
from plantain.errors import PlantainError, TruthError, UsageError
from plantain.imaging.photo import read_photo
from plantain.predictions.types import Prediction
from plantain.tasks import Task
from plantain.tasks.asked import as_asked, names_of, same

Pair = tuple[UInt8[np.ndarray, "_h _w 3"], Any]  # a photo and its true answer


def paired(task: Task, examples: Sequence[tuple[Any, Any]]) -> tuple[Pair, ...]:
    """Photos read, and truths as the question wants them (`as_asked`).

    PhotoError, and TruthError that says which example is wrong; UsageError for a name of the question that no truth
    knows, and for no examples at all."""
    if not examples:
        raise UsageError("no examples were given; give photos with their true answers")
    pairs, known = [], dict[str, None]()
    for number, (photo, truth) in enumerate(examples, 1):
        pixels = read_photo(photo)
        try:
            wanted = as_asked(task, truth)
            size = wanted.size if isinstance(wanted, Prediction) else np.asarray(wanted).shape[1::-1]
            if size != (pixels.shape[1], pixels.shape[0]):
                raise TruthError(
                    f"the photo has {pixels.shape[1]} x {pixels.shape[0]} pixels, its answer {size[0]} x {size[1]}; "
                    "bring them to one size"
                )
        except PlantainError as error:
            raise TruthError(f"example {number}: {error}") from error
        pairs.append((pixels, wanted))
        known |= dict.fromkeys(names_of(truth))
    missing = [name for name in task.queries if known and not any(same(name, own) for own in known)]
    if missing and not (len(task.queries) == len(known) == 1):
        raise UsageError(f"no example knows {', '.join(map(repr, missing))}; their answers name {', '.join(known)}")
    return tuple(pairs)


def report(left_out: Mapping[str, Any], examples: int) -> list[str]:
    """What was learned, for people: how well each photo was answered by a fit that had not seen it."""
    if not left_out:
        return [f"{examples} example: too few to say how well it will do; give two or more"]
    if "error" in left_out:
        return [f"left out one by one, the examples are painted with a mean error of {left_out['error']:.3f} (0 to 1)"]
    each = [f"  {name}: {value:.3f}" for name, value in left_out["iou"].items() if value is not None]
    missing = [f"warning: {name!r} has no pixel in any example" for name, v in left_out["iou"].items() if v is None]
    return [f"IoU of examples left out, mean {left_out['miou']:.3f}:", *each, *missing]
