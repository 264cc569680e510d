"""What people type is read as meant or refused with examples; every form of the table reads its own phrases back."""

from __future__ import annotations

import contextlib
import json
import math
import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plantain.errors import UsageError
from plantain.tasks import (
    COCO_17,
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
)
from plantain.tasks.language import readings, refusals
from plantain.tasks.language.english import is_name, names_in
from plantain.tasks.language.forms import FORMS, Form, forms
from plantain.tasks.language.modifiers import Said
from plantain.tasks.language.parsing import interpret
from plantain.tasks.language.patterns import SLOTS, Pattern
from plantain.tasks.language.plan import Plan, Question
from plantain.tasks.language.reader import read_plan
from plantain.tasks.language.typos import TASK_WORDS, known, slips
from plantain.tasks.language.units import UNITS
from plantain.vocabularies import COCO_THINGS, FACE_6

HERE = Path(__file__).parent
SHARED = Path(os.environ.get("PLANTAIN_DATA", HERE.parents[3].parent / "shared" / "data")) / "phrases"

# ---- the forms by themselves ----

SYLLABLES = ("ba", "do", "ki", "lu", "mo", "ne", "pi", "ru", "sa", "ti", "vo", "zu")
made_up = st.lists(st.sampled_from(SYLLABLES), min_size=2, max_size=4).map("".join)
nouns = st.one_of(st.sampled_from(COCO_THINGS), made_up).filter(lambda n: not known() & set(n.split()) and not slips(n))
adjectives = st.sampled_from(("", "red ", "small ", "second ", "black and white ", "leftmost "))
places = st.sampled_from(("", " on the left", " with a hat", " near the wall"))
things = st.builds("{}{}{}".format, adjectives, nouns, places)
articled = st.builds("{}{}".format, st.sampled_from(("", "the ", "a ", "my ")), things)
ROWS = [(form, pattern) for form, pattern in forms() if form.read is not readings.threshold]


@st.composite
def said_by(draw: st.DrawFn, form: Form, pattern: Pattern) -> tuple[str, dict[str, str]]:
    """A phrase of a pattern with arbitrary names, and what its slots hold."""
    pairs = form.read in (readings.compare, readings.between) and "OTHER" not in pattern.slots
    joint = " or " if form.read is readings.compare else " and "
    held = {slot: draw(articled if slot == "THING" else things) for slot in sorted(pattern.slots)}
    held |= {"UNIT": "feet", "POINTS": "nose, left ear", "REST": "on the floor"}
    if pairs:
        held["THING"] = f"the {draw(nouns)}{joint}the {draw(nouns.filter(lambda n: n != held['THING']))}"
    used: set[str] = set()

    class Held(dict):
        def __getitem__(self, slot: str) -> str:
            used.add(slot)
            return held[slot]

    text = pattern.say(Held(), lambda options: draw(st.sampled_from(options)))
    return text, {slot: held[slot] for slot in used}


def gist(question: Question) -> tuple:
    """All of a question but whether its tasks keep an article."""
    tasks = [type(task) for task in question.tasks]
    more = question.unit, question.points, question.between, question.side, question.range_m
    return question.want, question.names, tasks, *more


@pytest.mark.parametrize(("form", "pattern"), ROWS, ids=lambda row: row.text if isinstance(row, Pattern) else "")
def test_every_form_reads_its_own_phrases_back(form: Form, pattern: Pattern) -> None:
    @settings(max_examples=12, derandomize=True)
    @given(said_by(form, pattern))
    def check(phrase: tuple[str, dict[str, str]]) -> None:
        text, held = phrase
        question = form.read(held, Said())
        if question is not None:
            assert [gist(one) for one in read_plan(text).questions] == [gist(question)], text

    check()


def test_the_table_is_whole() -> None:
    assert known() >= TASK_WORDS
    assert {name for form in FORMS for name in form.takes} == {"unit", "range", "code", "frame"}
    for form in FORMS:
        for example in form.examples:
            (question,) = read_plan(example.format("the cup")).questions
            assert question.names == ("cup",) or "{}" not in example
    asked = {task.name for form in FORMS for text in form.examples for task in read_plan(text.format("the cup")).tasks}
    assert asked == set(TASKS)


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.asks)
def test_politeness_changes_nothing(form: Form) -> None:
    for example in form.examples:
        text = example.format("the cup")
        for dressed in (f"Please {text}", f"{text.rstrip('?')}, please!", f"hey, {text}", f"  {text.upper()} "):
            got = str([gist(one) for one in read_plan(dressed).questions])
            assert got.lower() == str([gist(one) for one in read_plan(text).questions]).lower(), dressed


def test_a_pattern_is_read_and_said() -> None:
    pattern = Pattern("how (far|close) [away] BE THING [from CAMERA]", {"BE": "is|are", "CAMERA": "me|the camera"})
    assert pattern.match("how far are the dogs from the camera") == {"THING": "the dogs"}
    assert pattern.match("how-far_away is it from me") == {"THING": "it"}
    assert pattern.match("how is it") is None
    assert pattern.fits({"how", "far", "is"})
    assert not pattern.fits({"how", "is"})
    assert pattern.slots == {"THING"} & SLOTS.keys()
    with pytest.raises(ValueError, match="bracket"):
        Pattern("a ) b", {}).match("a b")


# ---- what people type ----

DOG, CUP = ReferringSegmentation("the dog"), ReferringSegmentation("the cup")
READ: dict[str, Question] = {
    "how far is the cup?": Question((CUP, MetricDepth()), "distance", ("cup",)),
    "how far is the cup in feet": Question((CUP, MetricDepth()), "distance", ("cup",), "ft"),
    "is the dog more than 5 m away?": Question((DOG, MetricDepth()), "distance", ("dog",)),
    "which is nearer, the cup or the dog?": Question(
        (ReferringSegmentation(("the cup", "the dog")), MetricDepth()), "compare", ("cup", "dog")
    ),
    "distance between the cup and the dog": Question(
        (ReferringSegmentation(("the cup", "the dog")), MetricDepth()), "distance", ("cup", "dog"), between=True
    ),
    "count the people": Question((InstanceSegmentation("person"),), "count", ("people",)),
    "how many cups are on the table?": Question(
        (InstanceSegmentation("cup on the table"),), "count", ("cups on the table",)
    ),
    "count cups and plates": Question(
        (InstanceSegmentation("cup"), InstanceSegmentation("plate")), "count", ("cups", "plates")
    ),
    "where is the dog?": Question((DOG,), "where", ("dog",)),
    "where are the keys": Question((InstanceSegmentation("key"),), "where", ("keys",)),
    "is there a dog?": Question((ReferringSegmentation("a dog"),), "presence", ("dog",)),
    "anyone there?": Question((ReferringSegmentation("person"),), "presence", ("person",)),
    "boxes of dogs and people": Question((ObjectDetection("dog"), ObjectDetection("person")), names=("dogs", "people")),
    "cut out the dog": Question((Matting("dog"),), "cutout", ("dog",)),
    "remove the background": Question((Matting(),), "cutout", ("main object",)),
    "matte of the dog": Question((Matting("dog"),), names=("dog",)),
    "disparity": Question((RelativeDepth(),), "disparity"),
    "point cloud up to 8 m": Question((MetricDepth(far_m=8),), "point-cloud"),
    "point cloud of the dog": Question((DOG, MetricDepth()), "point-cloud", ("dog",)),
    "normals, +y down": Question((SurfaceNormals(),), frame="opencv"),
    "normals in the OpenGL convention": Question((SurfaceNormals(),), frame="opengl"),
    "face landmarks": Question((KeypointDetection(FACE_6, "face"),), points="face"),
    "keypoints of the dog: nose, tail": Question(
        (KeypointDetection(("nose", "tail"), "dog"),), names=("dog",), points=("nose", "tail")
    ),
    "pose of the person": Question((KeypointDetection(COCO_17),)),
    "sky": Question((ReferringSegmentation("sky"),), names=("sky",)),
    "the leftmost person": Question((ReferringSegmentation("the leftmost person"),), names=("leftmost person",)),
    "the thing that is red": Question((ReferringSegmentation("the thing that is red"),), names=("thing that is red",)),
    "every window": Question((InstanceSegmentation("window"),), names=("window",)),
    "dog?": Question((ReferringSegmentation("dog"),), "presence", ("dog",)),
    "person, dog": Question((SemanticSegmentation.of(["person", "dog"]),), names=("person", "dog")),
    "cat . dog .": Question((SemanticSegmentation.of(["cat", "dog"]),), names=("cat", "dog")),
    "person: red, wall: blue": Question(
        (SemanticSegmentation({"person": (255, 0, 0), "wall": (0, 0, 255)}, (0, 0, 0)),),
        names=("person", "wall"),
        colors=((255, 0, 0), (0, 0, 255)),
    ),
    "segment rock and roll poster": Question(
        (SemanticSegmentation.of(["rock", "roll poster"]),), names=("rock", "roll poster")
    ),
    'segment "rock and roll poster"': Question(
        (ReferringSegmentation("rock and roll poster"),), names=("rock and roll poster",)
    ),
    "edges": Question((EdgeDetection(),)),
    "how tall is the dog?": Question((DOG, MetricDepth()), "size", ("dog",), side="height"),
    "width of the dog in cm": Question((DOG, MetricDepth()), "size", ("dog",), "cm", side="width"),
    "how big is the dog?": Question((DOG, MetricDepth()), "size", ("dog",)),
    "how many ppl are there": Question((InstanceSegmentation("person"),), "count", ("people",)),
    "panoptic: sky; dogs": Question((PanopticSegmentation(("sky",), ("dog",)),), names=("sky", "dogs")),
}


@pytest.mark.parametrize("text", READ)
def test_what_people_type(text: str) -> None:
    (question,) = read_plan(text).questions
    assert (gist(question), question.tasks) == (gist(READ[text]), READ[text].tasks)
    assert (question.frame, question.colors) == (READ[text].frame, READ[text].colors)


KINDS = {  # text -> what is wanted, tasks and names
    "is anyone wearing a helmet?": ("presence", "refer", ["person wearing a helmet"]),
    "no people?": ("presence", "refer", ["people"]),
    "dog in the picture": ("map", "refer", ["dog"]),
    "dog in the picture?": ("presence", "refer", ["dog"]),
    "Where is the person who wears a yellow jacket and holds a leash?": (
        "where", "refer", ["person who wears a yellow jacket and holds a leash"],
    ),
    "the woman in red and holding a bag": ("map", "refer", ["woman in red and holding a bag"]),
    "segment the man with a hat and the dog": ("map", "refer", ["man with a hat", "dog"]),
    "find left and right wrist": ("map", "instances instances", ["left wrist", "right wrist"]),
    "click on the door handle": ("map", "refer", ["door handle"]),
    "parts of a face: eyes, nose, mouth": ("map", "semantic", ["eyes", "nose", "mouth"]),
    "all chairs, separately": ("map", "instances", ["chairs"]),
    "just the person, no background": ("cutout", "matte", ["person"]),
    "yolo style boxes for fruit": ("map", "detect", ["fruit"]),
    "boxes of all persons in xyxy": ("map", "detect", ["persons"]),
    "how many of the cups are red": ("count", "instances", ["red cups"]),
    "give me all the screws as separate masks": ("map", "instances", ["screws"]),
    "every cup mask": ("map", "instances", ["cup"]),
    "label road and sky; everything else is background": ("map", "semantic", ["road", "sky"]),
    "how far away are the cones, in feet and inches": ("distance", "refer metric-depth", ["cones"]),
    'find "no parking" sign': ("map", "instances", ["no parking sign"]),
    "where in the image can I find the logo": ("where", "refer", ["logo"]),
    "cracks white, rest black": ("map", "refer", ["cracks"]),
    "black and white mask of the cracks": ("map", "refer", ["cracks"]),
    "mark cracks red": ("map", "refer", ["cracks"]),
    "colour every person differently": ("map", "instances", ["person"]),
    "heat map of depth": ("map", "metric-depth", []),
    "depth for bokeh": ("map", "metric-depth", []),
    "segment me the car that is parked next to the tree": ("map", "refer", ["car that is parked next to the tree"]),
    "headcount": ("count", "instances", ["people"]),
    "centroid of the ball": ("where", "refer", ["ball"]),
    "depthmap 16 bit": ("map", "metric-depth", []),
    "width and height of the window in inches": ("size", "refer metric-depth", ["window"]),
}  # fmt: skip


@pytest.mark.parametrize("text", KINDS)
def test_more_kinds_of_questions(text: str) -> None:
    want, tasks, names = KINDS[text]
    (question,) = read_plan(text).questions
    assert (question.want, " ".join(t.name for t in question.tasks), list(question.names)) == (want, tasks, names)


def test_what_was_named_before_is_meant() -> None:
    plan = read_plan("tell me where the exit sign is and how far")
    assert [(question.want, question.names) for question in plan.questions] == [
        ("where", ("exit sign",)), ("distance", ("exit sign",))
    ]  # fmt: skip


def test_a_number_belongs_to_no_class() -> None:
    assert read_plan("find 3 red apples").tasks == (InstanceSegmentation("red apple"),)


@pytest.mark.parametrize(
    ("text", "why"),
    [("camera pose", "the camera itself"), ("depth at the pixel 320, 240", "one point"), ("seg", "names no thing"),
     ("angle of the roof", "a measure"), ("tangent space normals", "axes"), ("blur and anonymize people", "picture"),
     ("run yolo on this", "another model"), ("sky mask, inverted", "all but"),
     ("where are people looking", "looks or goes"), ("paint cracks white", "another picture")],
)  # fmt: skip
def test_what_is_not_told_is_refused_for_what_it_is(text: str, why: str) -> None:
    with pytest.raises(UsageError, match=why):
        read_plan(text)


@pytest.mark.parametrize("text", ["person, dog, everything else", "person, dog and the rest", "person, dog, other"])
def test_the_rest_is_no_class(text: str) -> None:
    (question,) = read_plan(text).questions
    assert question.tasks == (SemanticSegmentation.of(["person", "dog"]),)
    assert "is no class: it is what is none of the names" in question.notes[0]
    (mask,) = read_plan("segment the dog and everything else").questions
    assert mask.tasks == (DOG,)
    with pytest.raises(UsageError):
        read_plan("everything else")


SEVERAL: dict[str, list[tuple[str, list[str], tuple[str, ...]]]] = {
    "depth and normals": [("map", ["metric-depth"], ()), ("map", ["normals"], ())],
    "edges, then depth": [("map", ["edges"], ()), ("map", ["metric-depth"], ())],
    "segment the dog and tell me how far it is": [
        ("map", ["refer"], ("dog",)),
        ("distance", ["refer", "metric-depth"], ("dog",)),
    ],
    "Segment the dog. Count the cats!": [("map", ["refer"], ("dog",)), ("count", ["instances"], ("cats",))],
    "is there a cat? where is it?": [("presence", ["refer"], ("cat",)), ("where", ["refer"], ("cat",))],
    "detect and count the cups": [("map", ["detect"], ("cups",)), ("count", ["instances"], ("cups",))],
    "boxes and masks of the dogs": [("map", ["detect"], ("dogs",)), ("map", ["refer"], ("dogs",))],
    "person, dog and depth": [("map", ["semantic"], ("person", "dog")), ("map", ["metric-depth"], ())],
}


@pytest.mark.parametrize("text", SEVERAL)
def test_several_questions(text: str) -> None:
    plan = read_plan(text)
    assert [(q.want, [t.name for t in q.tasks], q.names) for q in plan.questions] == SEVERAL[text]
    with pytest.raises(UsageError, match=r"2 questions .*ask one at a time"):
        interpret(text)


def test_one_question_of_several_paintings_has_no_one_task() -> None:
    with pytest.raises(UsageError, match="takes 2 paintings, bounding boxes of dogs and people"):
        interpret("boxes of dogs and people")


def test_questions_of_one_plan_share_their_tasks() -> None:
    plan = read_plan("how far is the cup, and depth in mm")
    assert [task.name for task in plan.tasks] == ["refer", "metric-depth"]
    assert [question.unit for question in plan.questions] == ["mm", "mm"]
    assert plan.to_json()["want"] == "distance"


# ---- units, ranges, axes ----

DEPTHS = {
    "depth from 0.5 to 20 meters": (0.5, 20),
    "depth between 30cm and 2m": (0.3, 2),
    "depth 1-5m": (1, 5),
    "depth up to 10 ft": (0, 3.048),
    "depth, nothing farther than 50 m": (0, 50),
    "depth map (max 10 m)": (0, 10),
    "depth beyond 2 m": (2, math.inf),
    "depth image in cm up to 500": (0, 5),
    "depth from 0.5 to inf": (0.5, math.inf),
    "depth near 0.5 far 10": (0.5, 10),
}


@pytest.mark.parametrize("text", DEPTHS)
def test_ranges(text: str) -> None:
    (question,) = read_plan(text).questions
    assert question.tasks == (MetricDepth(*DEPTHS[text]),)


SPANS = ("from {} {u} to {} {u}", "between {}{u} and {}{u}", "from {} to {} {u}")


@given(st.sampled_from(sorted(UNITS)), st.integers(0, 40), st.integers(1, 400), st.sampled_from(SPANS))
def test_any_range_is_read_or_is_upside_down(unit: str, near: int, more: int, words: str) -> None:
    scale = UNITS[unit][0]
    (task,) = read_plan("depth " + words.format(near, near + more, u=unit)).tasks
    assert (task.near_m, task.far_m) == (pytest.approx(near * scale), pytest.approx((near + more) * scale))
    with pytest.raises(UsageError, match="no range"):
        read_plan("depth " + words.format(near + more, near, u=unit))


@pytest.mark.parametrize("unit", UNITS)
@pytest.mark.parametrize(
    "words", ["depth in {}", "how far is the cup in {}?", "distance map ({})", "point cloud in {}"]
)
def test_units(unit: str, words: str) -> None:
    assert read_plan(words.format(unit)).questions[0].unit == unit


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("edges in cm", "a unit goes with metric depth or a distance"),
        ("count the people in metres", "a unit goes with"),
        ("relative depth in meters", "a unit goes with"),
        ("depth in yards", "told in mm, cm, m, ft, in"),
        ("people within 3 m", "a range in meters goes with depth"),
        ("depth from 10 to 2 m", "no range; say the nearer end first"),
        ("normals in directx", "opencv or opengl"),
        ("  ", "empty"),
    ],
)
def test_what_does_not_go_together(text: str, part: str) -> None:
    with pytest.raises(UsageError, match=part):
        read_plan(text)


# ---- typos and notes ----

MENDED = {
    "deph map please": "depth",
    "segmnet the person": "segmentation|segment",
    "nomals": "normals",
    "metirc depth": "metric",
    "coutn the chairs": "count",
    "bounding boxs of cars": "boxes",
    "symantic segmentation: bed, lamp": "semantic",
    "wher is the dog": "where",
    "find the deph map": "depth",
    "remove the backgroud": "background",
}


@pytest.mark.parametrize("text", MENDED)
def test_misspelt_words_of_forms_are_mended_and_said(text: str) -> None:
    plan = read_plan(text)
    assert len(plan.notes) == 1
    assert any(f"is read as {word!r}" in plan.notes[0] for word in MENDED[text].split("|"))


@pytest.mark.parametrize("word", ["hedges", "animals", "rose", "nose", "court", "foxes", "matter", "numbers", "poles"])
def test_a_name_is_never_mended(word: str) -> None:
    assert read_plan(word).questions[0].names == (word,)
    assert read_plan(f"segment the {word}").questions[0].names == (word,)
    assert not read_plan(word).notes


@given(st.sampled_from(sorted(word for word in TASK_WORDS if len(word) > 5)), st.data())
def test_swapped_letters_are_found(word: str, data: st.DataObject) -> None:
    i = data.draw(st.integers(1, len(word) - 2))
    typed = word[:i] + word[i + 1] + word[i] + word[i + 2 :]
    assert typed in known() or word in slips(typed)


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("normals of the table", r"whole picture, not of the table"),
        ("depth in jet colors", "none of viridis"),
        ("depth up to 10", "read as meters"),
        ("depth as png", "options say"),
        ("semantic segmentation", "no classes were named"),
        ("object detection", "nothing was named"),
        ("is the bus more than 20 m away?", "left to you"),
    ],
)
def test_what_is_dropped_or_taken_for_granted_is_said(text: str, part: str) -> None:
    assert any(part in note for note in read_plan(text).notes)


# ---- refusals ----

REFUSED = {
    "what breed is the dog?": "name or a property",
    "what colour is the bus?": "name or a property",
    "read the text on the sign": "text",
    "what does the sign say?": "text",
    "optical flow": "motion",
    "track the ball": "motion",
    "describe this image": "description",
    "why is the sky blue": "reason",
    "how big is the image": "a measure that is not told",
    "volume of the box": "a measure that is not told",
    "is the man happy?": "more than what is there",
    "add a hat to the man": "plantain edit",
    "make me a sandwich": "another picture",
    "hello": "no painting",
    "segment": "names no thing",
    "find": "names no thing",
    "mask": "names no thing",
    "how far is it?": "names no thing",
    "wie weit ist das Auto?": "not in English",
    "segmente le chien": "not in English",
    "深度图": "not in English",
    "depth of field": "another sort",
    "asdf qwer": "not understood",
    "42": "not understood",
    "the dog is cute": "not understood",
    "segment the dog and tell me its breed": "example",
    "photo.jpg": "not understood",
}


@pytest.mark.parametrize("text", REFUSED)
def test_what_is_no_question_of_this_kind(text: str) -> None:
    with pytest.raises(UsageError, match=REFUSED[text]) as caught:
        read_plan(text)
    told = str(caught.value)
    assert "\n" not in told
    assert 2 <= len(told.split("; ask for example ")[1].replace(" or ", ", ").split(", ")) <= 6


def test_examples_of_refusals_are_read() -> None:
    for row in (*refusals.REFUSALS, refusals.INCOMPLETE):
        for example in row.instead:
            if not example.startswith("plantain "):
                assert isinstance(read_plan(example.format("the dog", a="a dog")), Plan)


def test_examples_are_near_to_what_was_typed() -> None:
    with pytest.raises(UsageError, match="count the cups"):
        read_plan("count")
    with pytest.raises(UsageError, match="where is the small dog"):
        read_plan("what breed is the small dog?")


# ---- anything at all ----


@settings(max_examples=150)
@given(st.one_of(st.text(max_size=60), st.lists(st.sampled_from(sorted(known())), max_size=9).map(" ".join)))
def test_any_text_is_a_plan_or_one_line(text: str) -> None:
    with contextlib.suppress(UsageError):
        plan = read_plan(text)
        assert plan.questions
        assert json.loads(json.dumps(plan.to_json()))["text"] == text


@given(things)
def test_a_quoted_name_is_one_name(thing: str) -> None:
    assert read_plan(f'segment "{thing} and a boat, or so"').questions[0].names == (f"{thing} and a boat, or so",)


@pytest.mark.parametrize(
    "name", ["the red mug", "people wearing hats", "dog's tail", "t-shirt", "can of soda", "no parking sign"]
)
def test_names(name: str) -> None:
    assert is_name(name)
    assert len(names_in(name)) == 1


@pytest.mark.parametrize(
    "text", ["it", "of the dog", "tell me", "7", "the dog is red", "read the sign", "5 m", "--help", "a: b"]
)
def test_no_names(text: str) -> None:
    assert not is_name(text)


# ---- lists of phrases ----


def score(path: Path) -> float:
    """The share of a list that is read whole, by the scorer that lies beside the public list."""
    if not (SHARED / "score.py").exists():
        pytest.skip(f"no scorer in {SHARED}; set PLANTAIN_DATA")
    run = subprocess.run([sys.executable, SHARED / "score.py", path], capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    return float(run.stdout.split("read=")[1].split()[0])


def test_the_public_half_of_a_list_of_phrases() -> None:
    assert score(SHARED / "read.jsonl") >= 0.97


def test_our_own_list_of_phrases() -> None:
    assert score(HERE / "phrases.jsonl") >= 0.9


@pytest.mark.parametrize("text", ["how far away is she", "where is he?", "cut her out", "how tall is he?"])
def test_somebody_who_is_not_named_is_a_person(text: str) -> None:
    (question,) = read_plan(text).questions
    assert question.names == ("person",)
    assert question.notes == ("who is meant is not named: a person is asked for",)
    (cup, same) = read_plan("where is the woman and how far is she?").questions
    assert (cup.names, same.names, same.notes) == (("woman",), ("woman",), ())
    with pytest.raises(UsageError):
        read_plan("is she smiling?")
