"""Colors that nobody chose, as a painter of the mean is asked for them: none is a mixture of others.

Such a painter, where it is unsure, paints the mean of what it believes: some point of the convex hull of the colors
that it was given. A color that is no corner of the hull would be read where nobody painted it."""

from itertools import product

import numpy as np
import pytest
from scipy.optimize import nnls

from plantain.models.painters.embedded import Embedded
from plantain.tasks import (
    TASKS,
    InstanceSegmentation,
    KeypointDetection,
    Matting,
    ObjectDetection,
    PanopticSegmentation,
    ReferringSegmentation,
    SemanticSegmentation,
    Task,
)
from plantain.tasks.panoptic import thing_blues


def names(count: int, kind: str = "thing") -> tuple[str, ...]:
    return tuple(f"{kind} {i}" for i in range(count))


COUNTS = (*range(1, 18), 31, 64, 70, 133)
QUESTIONS: dict[str, list[Task]] = {
    "semantic": [SemanticSegmentation.of(names(n), ground) for n in COUNTS for ground in (None, (0, 0, 0))],
    "refer": [ReferringSegmentation(names(n)) for n in COUNTS],
    "keypoints": [KeypointDetection(names(n)) for n in COUNTS],
    "panoptic": [PanopticSegmentation(names(n, "stuff"), names(m)) for n in COUNTS for m in (0, 1, 2, 9)],
    "instances": [InstanceSegmentation("cup")],
    "detect": [ObjectDetection("cup")],
    "matte": [Matting("cup")],
}


def palette(part: Task) -> np.ndarray:
    """All colors of one painting: its legend, its background, and of panoptics the extremes of their things' colors."""
    record = part.record()
    legend = record.get("legend", record.get("stuff", {}))
    ground = [record["background"]] if "background" in record else []
    blues = thing_blues(len(record.get("things", ())))
    return np.array([*legend.values(), *ground, *product((0, 255), (0, 255), blues)], float).reshape(-1, 3)


def is_corner(colors: np.ndarray, i: int) -> bool:
    """Whether no weights of the others, none negative and all together 1, give this color."""
    others = np.delete(colors, i, 0)
    if not len(others):
        return True
    _, away = nnls(np.vstack([others.T / 255, np.ones(len(others))]), np.append(colors[i] / 255, 1))
    return away > 1e-6


@pytest.mark.parametrize("name", TASKS)
def test_every_default_color_is_a_corner_of_the_hull(name) -> None:
    for asked in QUESTIONS.get(name) or [TASKS[name]()]:
        task = asked.resolve(Embedded.codes)
        shown = [query for part in task.parts() for query in part.queries]
        assert sorted(shown) == sorted(asked.queries)
        for part in task.parts():
            colors = palette(part)
            assert len(np.unique(colors, axis=0)) == len(colors)
            assert all(is_corner(colors, i) for i in range(len(colors))), (name, part)


def test_a_color_between_others_is_found() -> None:
    assert not is_corner(palette(SemanticSegmentation.of(names(8))), 7), "the eighth color of the default palette"
    assert not is_corner(palette(PanopticSegmentation(names(3, "stuff"))), 2)
