"""parse is the inverse of prompt; prompts of others and what people type are read as meant."""

import contextlib
import dataclasses
import json
import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plantain.errors import UnknownName, UsageError
from plantain.tasks import (
    STYLES,
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
from plantain.tasks.language.parsing import interpret, parse

from . import strategies


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("name", TASKS)
def test_parse_inverts_prompt(name: str, style: str) -> None:
    @settings(max_examples=40)
    @given(strategies.BY_NAME[name])
    def check(task) -> None:
        assert parse(task.prompt(style)) == task
        assert interpret(task.prompt(style)) == task

    check()


NEARLY = [
    '{"task": "segment"}',
    '{"task": 3}',
    "{}",
    "[",
    '{"a": (1,2,3)}',
    "segment",
    "find",
    "how many",
    "keypoints:",
]


@settings(max_examples=100)
@given(st.one_of(st.text(max_size=60), st.sampled_from(NEARLY)))
def test_any_text_is_read_or_refused(text: str) -> None:
    with contextlib.suppress(UsageError):
        assert isinstance(interpret(text), Task)


@settings(max_examples=60)
@given(strategies.tasks, st.sampled_from(STYLES), st.data())
def test_a_cut_prompt_never_breaks_the_reader(task, style: str, data) -> None:
    prompt = task.prompt(style)
    cut = data.draw(st.integers(0, len(prompt)))
    with contextlib.suppress(UsageError):
        assert isinstance(interpret(prompt[:cut]), Task)


SAID = {
    "imperative": "Segment the red mug: paint it (255, 255, 255) and everything else, the background, (0, 0, 0)",
    "terse": "segment; the red mug: <255, 255, 255>; background: <0, 0, 0>",
    "json": '{"task": "segment", "legend": {"the red mug": [255, 255, 255]}, "background": [0, 0, 0]}',
}


@pytest.mark.parametrize("style", SAID)
def test_wording_of_one_referent(style: str) -> None:
    assert ReferringSegmentation("the red mug").prompt(style).startswith(SAID[style])


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("name", TASKS)
def test_every_prompt_names_its_task_and_its_code(name: str, style: str) -> None:
    title = {"refer": "segment", "panoptic": "panoptic"}.get(name, TASKS[name].title)
    task = _plain(name)
    assert title in task.prompt(style).lower()
    for code, words in TASKS[name].code_descriptions.items():
        assert words in dataclasses.replace(task, code=code).prompt(style)
        assert words not in task.prompt(style)
    assert TASKS[name].code_descriptions.keys() == TASKS[name].codes.keys()


def _plain(name: str):
    made = {
        "semantic": SemanticSegmentation({"road": (255, 0, 255)}, (0, 0, 0)),
        "instances": InstanceSegmentation("cup"),
        "refer": ReferringSegmentation("the cup"),
        "detect": ObjectDetection("cup"),
        "panoptic": PanopticSegmentation(("sky",), ("car",)),
    }
    return made[name] if name in made else TASKS[name]()


def test_colors_come_after_their_names() -> None:
    task = SemanticSegmentation({"road": (128, 64, 128), "sky": (70, 130, 180)}, background=(0, 0, 0))
    assert "road is (128, 64, 128), sky is (70, 130, 180)" in task.prompt()
    assert "the background, is (0, 0, 0)" in task.prompt()
    assert '"road": [128, 64, 128]' in task.prompt("json")
    assert "road: <128, 64, 128>" in task.prompt("terse")


def test_absence_is_said() -> None:
    for task in (ReferringSegmentation("a cat", background=(1, 2, 3)), InstanceSegmentation("cat", (1, 2, 3))):
        assert "if there is none, paint everything (1, 2, 3)" in task.prompt()


def test_unknown_style_says_the_styles() -> None:
    with pytest.raises(UnknownName, match="imperative"):
        EdgeDetection().prompt("poem")


R, G, B, W, K = (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255), (0, 0, 0)
OTHERS = {  # made prompts in the shapes that published ones have
    "A per-pixel class map of the input. The pears are represented by (255, 0, 0). The jugs are shown in (0, 255, 0)."
    "": SemanticSegmentation({"pears": R, "jugs": G}, K),
    "Make a semantic segmentation. The lamp is #ff0000. The stain on the table is #40FFC": SemanticSegmentation(
        {"lamp": R, "stain on the table": (64, 255, 192)}, K
    ),
    'Semantic segmentation with this mapping: {"dog tail": <255, 0, 0>, "bus": <0, 0, 255>, "background": <9, 0, 9>}'
    "": SemanticSegmentation({"dog tail": R, "bus": B}, (9, 0, 9)),
    "Make an instance segmentation of this photo. Each slice of pie is colored differently.": InstanceSegmentation(
        "slice of pie"
    ),
    'Segmentation of the input. The "moon"-shaped biscuit instances are each represented by a unique, solid color. '
    "Background is RGB(8, 50, 82).": InstanceSegmentation('"moon"-shaped biscuit', (8, 50, 82)),
    "This shows segmentation masks for the marbles from the input. The background is set to #10aa05. Each marble "
    "instance is a round mask, and a different color is used for each mask.": InstanceSegmentation(
        "marble", (16, 170, 5)
    ),
    "This shows segmentation masks for the eggs. The background is set to white color. Each egg is represented by a "
    "different color.": InstanceSegmentation("egg", W),
    "Segment the jars, with different colors for different makers. The background will be black.": InstanceSegmentation(
        "jar"
    ),
    "Segmentation masks of the image. The background is black color. The judge's marks in red and blue ink are "
    "rendered as cyan color.": ReferringSegmentation("judge's marks in red and blue ink", (0, 255, 255)),
    "A segmentation map. The jumping dog is rendered in red, the dog that is drinking is in blue."
    "": ReferringSegmentation(("jumping dog", "dog that is drinking"), (R, B)),
    "Masks from the image. The background is black color. The old radio is represented by a solid yellow."
    "": ReferringSegmentation("old radio", (255, 255, 0)),
    "The metric depth of this place in the rainbow (black-red-yellow-green-cyan-blue-violet-white) color palette."
    "": MetricDepth(code="cube"),
    "The metric depth as an image. Visualized in the rainbow colormap.": MetricDepth(code="cube"),
    "Make a metric depth map of the given image.": MetricDepth(),
    "A depth map in plasma colors.": MetricDepth(code="plasma"),
    "A relative depth map; near pixels are dark.": RelativeDepth("dark"),
    "Make a surface normal map of the given image.": SurfaceNormals(),
    "segment wall: red, floor = #0000ff": SemanticSegmentation({"wall": R, "floor": B}, K),
    "segment the person (255, 0, 0) and the dog (0, 0, 255), background white": ReferringSegmentation(
        ("person", "dog"), (R, B), W
    ),
    "road (255,0,0), sky (0,0,255)": SemanticSegmentation({"road": R, "sky": B}, K),
    "Semantic segmentation: the ink is black, the paper is white.": SemanticSegmentation({"ink": K, "paper": W}),
}


@pytest.mark.parametrize("text", OTHERS)
def test_prompts_of_others(text: str) -> None:
    assert parse(text) == OTHERS[text]


TYPED = {
    "metric depth": MetricDepth(),
    "depth": MetricDepth(),
    "how far is everything?": MetricDepth(),
    "How far away is the car?": MetricDepth(),
    "depth in viridis from 1 to 20 m": MetricDepth(1, 20, code="viridis"),
    "depth up to 10 metres": MetricDepth(far_m=10),
    "relative depth": RelativeDepth(),
    "what is closer?": RelativeDepth(),
    "normals please": SurfaceNormals(),
    "Show me the surface normals of this photo, please.": SurfaceNormals(),
    "segment wall, floor, bed": SemanticSegmentation.of(["wall", "floor", "bed"]),
    'segment "wall, old" and floor': SemanticSegmentation.of(["wall, old", "floor"]),
    "semantic segmentation of road, sky and car": SemanticSegmentation.of(["road", "sky", "car"]),
    "label wall, floor": SemanticSegmentation.of(["wall", "floor"]),
    "segment the person": ReferringSegmentation("the person"),
    "segment the main object": ReferringSegmentation("main object"),
    "mask of the dog": ReferringSegmentation("the dog"),
    "segment the red mug and the plate": ReferringSegmentation(("the red mug", "the plate")),
    "segment the black and white cat": ReferringSegmentation("the black and white cat"),
    "Segment the man in black.": ReferringSegmentation("the man in black"),
    "where is the dog?": ReferringSegmentation("the dog"),
    "find the cups": InstanceSegmentation("cup"),
    "where are the cups": InstanceSegmentation("cup"),
    "count the people": InstanceSegmentation("person"),
    "how many sheep are there in this picture?": InstanceSegmentation("sheep"),
    "segment every apple": InstanceSegmentation("apple"),
    "segment all the boxes individually": InstanceSegmentation("box"),
    "instances of chairs": InstanceSegmentation("chair"),
    "detect cars": ObjectDetection("car"),
    "draw boxes around the bottles": ObjectDetection("bottle"),
    "edges": EdgeDetection(),
    "find the edges": EdgeDetection(),
    "keypoints of the person": KeypointDetection(),
    "pose": KeypointDetection(),
    "keypoints of the dog: nose, tail": KeypointDetection(("nose", "tail"), "dog"),
    "matte": Matting(),
    "remove the background": Matting(),
    "alpha matte of the cat": Matting("cat"),
    "cut out the dog": Matting("dog"),
    "panoptic: road, sky; people, cars": PanopticSegmentation(("road", "sky"), ("person", "car")),
}


@pytest.mark.parametrize("text", TYPED)
def test_what_people_type(text: str) -> None:
    assert interpret(text) == TYPED[text]


@pytest.mark.parametrize("name", TASKS)
def test_every_name_of_the_table_works_alone(name: str) -> None:
    """But for those that take a thing: what is to be detected?"""
    for text in (name, name.replace("-", " "), name.upper()):
        if name in ("refer", "detect"):
            with pytest.raises(UsageError, match="names no thing"):
                interpret(text)
        else:
            assert type(interpret(text)) is TASKS[name]


def test_empty_and_taskless_texts_are_refused() -> None:
    with pytest.raises(UsageError, match="empty"):
        interpret("  ")
    with pytest.raises(UsageError, match="no task"):
        parse("a nice day")
    with pytest.raises(UsageError, match="same color"):
        parse("segment the cat: red, the dog: red")


def test_the_published_prompts_are_read() -> None:
    """Every prompt of the Vision Banana project page, where the data folder is given."""
    root = os.environ.get("PLANTAIN_DATA")
    if not root or not (Path(root) / "vision-banana-page" / "pairs.json").exists():
        pytest.skip("set PLANTAIN_DATA to the folder that holds vision-banana-page/pairs.json")
    wanted = {
        "semantic_segmentation": SemanticSegmentation,
        "instance_segmentation": InstanceSegmentation,
        "referring_segmentation": ReferringSegmentation,
        "metric_depth": MetricDepth,
        "surface_normals": SurfaceNormals,
    }
    rows = json.loads((Path(root) / "vision-banana-page" / "pairs.json").read_text())["pairs"]
    read = [(row, parse(row["prompt"])) for row in rows if row["prompt"]]
    assert len(read) >= 23
    for row, task in read:
        assert type(task) is wanted[row["task"]], row["prompt"]
        if row["colours"]:
            assert _painted(task) == _stated(row["colours"]), row["prompt"]


def _painted(task) -> dict:
    pairs = dict(task.entries) if isinstance(task, SemanticSegmentation) else dict(getattr(task, "targets", ()))
    return {**pairs, "background": task.background}


def _stated(colors: dict) -> dict:
    from plantain.codecs.palette import read_color

    read = {k: read_color(v) if isinstance(v, str) else tuple(v) for k, v in colors.items()}
    return {"background": (0, 0, 0), **read}
