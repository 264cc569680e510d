"""Hypothesis strategies: any question of every kind, with names of any text."""

import math
from collections.abc import Callable

from hypothesis import strategies as st

from plantain.tasks import (
    TASKS,
    EdgeDetection,
    InstanceSegmentation,
    KeypointDetection,
    Matting,
    MetricDepth,
    ObjectDetection,
    PanopticSegmentation,
    ReferringSegmentation,
    RelativeDepth,
    SemanticSegmentation,
    SurfaceNormals,
    Task,
)
from plantain.tasks.legend import CORNERS

AWKWARD = [
    "road",
    "traffic light",
    "a, b",
    'the "red" one',
    "x is (1, 2, 3)",
    "{legend}",
    "[0, 0, 0]",
    "a; b: <1, 2, 3>",
    "'",
    "two\nlines",
    "犬",
    "naïve café",
    "it's",
    "and",
    "is",
    "background ",
    "everything else",
    "none",
    "\\",
    '"',
    "{",
    "}",
    "back\\slash",
    "wall: <0, 0, 0>",
    "cup in a colour of its own",
    "m. Colours: x.",
    "\u2028",
    "a" * 200,
]
names = st.one_of(st.sampled_from(AWKWARD), st.text(min_size=1, max_size=30)).filter(lambda s: bool(s.strip()))
class_names = names.filter(lambda s: s != "background")
levels = st.integers(0, 255)
colors = st.tuples(levels, levels, levels)


def codes(cls: type[Task]) -> st.SearchStrategy[str | None]:
    return st.sampled_from([None, *cls.codes])


@st.composite
def legends(draw: Callable, most: int = 6, background: bool = True) -> tuple[dict, tuple | None]:
    """A legend of up to `most` classes and a background (or none) that shares no color."""
    wanted = draw(st.lists(class_names, min_size=1, max_size=most, unique=True))
    drawn = draw(st.lists(colors, min_size=len(wanted) + 1, max_size=len(wanted) + 1, unique=True))
    return dict(zip(wanted, drawn, strict=False)), draw(st.sampled_from([drawn[-1], None])) if background else drawn[-1]


@st.composite
def metric_depths(draw: Callable) -> MetricDepth:
    near = draw(st.one_of(st.just(0.0), st.floats(0.001, 10)))
    far = draw(st.one_of(st.just(math.inf), st.floats(10.5, 1e6)))
    return MetricDepth(near, far, code=draw(codes(MetricDepth)))


@st.composite
def semantics(draw: Callable) -> SemanticSegmentation:
    legend, background = draw(legends(most=10))
    code = draw(codes(SemanticSegmentation))
    if code == "corners":
        return SemanticSegmentation.of(tuple(legend), draw(st.sampled_from([None, *CORNERS])), code=code)
    return SemanticSegmentation(legend, background, code=code)


@st.composite
def instances(draw: Callable) -> InstanceSegmentation:
    code = draw(codes(InstanceSegmentation))
    return InstanceSegmentation(draw(names), (0, 0, 0) if code == "centers" else draw(colors), code=code)


@st.composite
def refers(draw: Callable) -> ReferringSegmentation:
    legend, background = draw(legends(most=10, background=False))
    code = draw(codes(ReferringSegmentation))
    if code == "corners":
        return ReferringSegmentation(tuple(legend), None, draw(st.sampled_from(CORNERS)), code=code)
    return ReferringSegmentation(tuple(legend), tuple(legend.values()), background, code=code)


@st.composite
def keypoints(draw: Callable) -> KeypointDetection:
    legend, _ = draw(legends(background=False))
    legend = {name: color for name, color in legend.items() if color != (0, 0, 0)} or {"tip": (9, 9, 9)}
    code = draw(codes(KeypointDetection))
    return KeypointDetection(tuple(legend)[:3] if code == "channels" else legend, draw(names), code=code)


@st.composite
def panoptics(draw: Callable) -> PanopticSegmentation:
    wanted = draw(st.lists(names, min_size=1, max_size=6, unique=True))
    cut = draw(st.integers(0, len(wanted)))
    return PanopticSegmentation(tuple(wanted[:cut]), tuple(wanted[cut:]), code=draw(codes(PanopticSegmentation)))


BY_NAME: dict[str, st.SearchStrategy[Task]] = {
    "metric-depth": metric_depths(),
    "relative-depth": st.builds(RelativeDepth, st.sampled_from(["bright", "dark"]), code=codes(RelativeDepth)),
    "normals": st.builds(SurfaceNormals, code=codes(SurfaceNormals)),
    "semantic": semantics(),
    "instances": instances(),
    "refer": refers(),
    "detect": st.builds(ObjectDetection, names, code=codes(ObjectDetection)),
    "keypoints": keypoints(),
    "edges": st.builds(EdgeDetection, code=codes(EdgeDetection)),
    "matte": st.builds(Matting, names, code=codes(Matting)),
    "panoptic": panoptics(),
}
assert BY_NAME.keys() == TASKS.keys()
tasks = st.one_of(*BY_NAME.values())
