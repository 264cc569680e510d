"""Examples that come with a question: learned from, or shown; never seen in an answer to anybody else."""

from __future__ import annotations

import base64
import io
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from plantain.models.painters import learned
from plantain.pipeline.jobs import Context
from plantain.pipeline.predictor import load
from plantain.predictions.npz import write
from plantain.predictions.types import Labels
from plantain.serve.examples import Examples
from plantain.serve.queue import Engine
from plantain.tasks.language.parsing import parse
from serve.served import code_of, picture

TASK = "segment blob, background"


def png(pixels) -> bytes:
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "PNG")
    return out.getvalue()


def scene(x: int, y: int, radius: int = 22):
    """A bright disk on a dark field, and where it is."""
    rows, columns = np.mgrid[:96, :128]
    disk = (columns - x) ** 2 + (rows - y) ** 2 < radius**2
    noise = np.random.default_rng(x).integers(0, 20, (96, 128, 1))
    return png((np.where(disk[..., None], (230, 200, 90), (40, 60, 80)) + noise).astype(np.uint8)), disk


SCENES = [scene(30, 40), scene(90, 30)]
QUERY, _ = scene(80, 62)


def files(truths, photos=None):
    """Form parts of a question about QUERY with examples."""
    shown = photos or [photo for photo, _ in SCENES]
    parts = [("image", QUERY)] + [("example", one) for one in shown]
    return parts + [("truth", one) for one in truths]


def labels(swapped=False):
    """Label maps of the scenes as PNG: 0 = blob, 1 = background."""
    return [png((disk == swapped).astype(np.uint8)) for _, disk in SCENES]


def classes_at_disk(client, parts, task=TASK, **fields):
    """Which class is in the middle of the disk, and in a corner."""
    data = {"task": task, "points": "80,62 5,5"} | fields
    answer = client.post("/v1/predict", files=parts, data=data)
    assert answer.status_code == 200, answer.text
    return [point["class"] for point in answer.json()["points"]]


@pytest.fixture(scope="module")
def embedded():
    model = load("embedded")
    model.close = lambda: None  # of all servers of this module
    return model


@pytest.fixture
def learns(embedded, serving, monkeypatch):
    """A server of the embedded generator, and what was learned from."""
    calls, learn = [], learned.learn
    monkeypatch.setattr(learned, "learn", lambda *given: calls.append(given) or learn(*given))
    return serving(embedded=embedded), calls


def test_what_examples_teach_is_answered_to_who_sent_them_alone(learns) -> None:
    client, calls = learns
    use = {"model": "embedded"}
    before = client.post("/v1/predict", files={"image": QUERY}, data={"task": TASK} | use).json()
    assert classes_at_disk(client, files(labels()), **use) == ["blob", None]
    assert classes_at_disk(client, files(labels(swapped=True)), **use) == [None, "blob"]
    assert classes_at_disk(client, files(labels()), **use) == ["blob", None]  # as the first time
    assert len(calls) == 2  # the third was known
    after = client.post("/v1/predict", files={"image": QUERY}, data={"task": TASK} | use).json()
    told = ("result", "confidence", "model", "provenance")
    assert [after[key] for key in told] == [before[key] for key in told]
    other = client.post(
        "/v1/predict", files=files(labels()), data={"task": "segment wall, floor", "classes": "blob, background"} | use
    )
    assert code_of(other) == "invalid_question"  # which they do not show
    assert len(client.app.state.learners.kept) <= 3


def test_truths_come_in_every_form_and_name_their_numbers(learns) -> None:
    client, _ = learns
    saved = []
    for _, disk in SCENES:
        out = io.BytesIO()
        ids = np.where(disk, 0, 1).astype(np.int16)
        write(Labels(ids=ids, classes=("blob", "background"), confidence=np.ones(ids.shape, np.float32)), out)
        saved.append(out.getvalue())
    assert classes_at_disk(client, files(saved), model="embedded") == ["blob", None]
    swapped = files(labels(swapped=True))
    named = classes_at_disk(client, swapped, model="embedded", classes="background, blob")
    assert named == ["blob", None]  # 1 is the blob now


def test_a_mask_teaches_what_people_ask(learns) -> None:
    client, calls = learns
    masks = [png(np.where(disk, 255, 0).astype(np.uint8)) for _, disk in SCENES]
    data = {"text": "where is the blob?", "model": "embedded"}
    told = client.post("/v1/ask", files=files(masks), data=data).json()
    assert told["value"] == pytest.approx([58, 40, 102, 84], abs=8)
    assert len(calls) == 1
    several = client.post("/v1/ask", files=files(masks), data=data | {"text": "where are the blob and the cup?"})
    assert several.status_code == 400 and len(calls) == 1


def test_only_the_newest_are_kept_and_none_goes_that_somebody_waits_for(client, monkeypatch) -> None:
    monkeypatch.setattr("plantain.serve.examples.MOST", 1)
    (engine,), learners = client.app.state.engines.values(), client.app.state.learners
    made: dict[bytes, Engine] = {}

    def learn(_engine, _task, examples):
        made[examples.photos[0]] = Engine(engine.model, client.app.state.metrics)
        return made[examples.photos[0]], Context()

    monkeypatch.setattr(learners, "_learn", learn)

    async def three():
        depth = parse("metric depth")
        async with learners.taught(engine, [depth], Examples((b"1",), (b"1",))) as one:
            for name in (b"2", b"3"):
                async with learners.taught(engine, [depth], Examples((name,), (name,))):
                    pass
            async with learners.taught(engine, [depth], Examples((b"1",), (b"1",))) as again:
                assert again[depth][0] is one[depth][0]
        async with learners.taught(engine, [depth], Examples((b"1",), (b"1",))) as again:
            assert again[depth][0] is one[depth][0]
        async with learners.taught(engine, [depth], Examples((b"1",), (b"other",))) as other:
            assert other[depth][0] is not one[depth][0]
        return len(learners.kept)

    assert client.portal.call(three) == 1
    closed = {name for name, one in made.items() if one.stages.closed}
    assert closed == {b"2", b"3"} and len(made) == 3


def bomb(shape: tuple[int, ...]) -> bytes:
    """An .npy whose head says that it is large."""
    out = io.BytesIO()
    np.lib.format.write_array_header_1_0(out, {"descr": "<f4", "fortran_order": False, "shape": shape})
    return out.getvalue() + bytes(64)


def packed(**arrays) -> bytes:
    out = io.BytesIO()
    np.savez_compressed(out, **arrays)
    return out.getvalue()


@pytest.mark.parametrize(
    ("task", "truths", "status", "code"),
    [
        (TASK, [], 400, "invalid_field"),
        (TASK, [labels()[0]], 400, "invalid_field"),
        (TASK, [b""] * 2, 400, "unreadable_photo"),
        (TASK, [b"junk"] * 2, 400, "unreadable_photo"),
        (TASK, [b"PK\x03\x04junk"] * 2, 400, "invalid_numbers"),
        (TASK, [picture(0, 9, 9)] * 2, 400, "invalid_numbers"),
        (TASK, [packed(a=np.zeros(3))] * 2, 400, "invalid_numbers"),
        (TASK, [packed(a=np.zeros(60_000_000, np.float32))] * 2, 413, "too_large"),
        ("metric depth", [bomb((96, 128))] * 2, 400, "invalid_numbers"),
        ("metric depth", [bomb((2**30, 2**33))] * 2, 400, "invalid_numbers"),
    ],
)
def test_examples_that_are_none_are_one_clear_error(learns, task, truths, status, code) -> None:
    client, calls = learns
    answer = client.post("/v1/predict", files=files(truths), data={"task": task, "model": "embedded"})
    assert (answer.status_code, code_of(answer), calls) == (status, code, []), answer.text
    assert "plantain-" not in answer.text and "/tmp" not in answer.text
    assert client.app.state.gate.pixels == 0


def test_a_painter_of_one_picture_takes_no_examples(client) -> None:
    answer = client.post("/v1/predict", files=files(labels()), data={"task": TASK})
    assert code_of(answer) == "invalid_question" and "takes 1 at most" in answer.text


# ---- several pictures, as OpenAI's clients send them


@pytest.fixture
def several(painter, serving):
    """A server whose painter takes three pictures, and what it was shown."""
    painter.capabilities, seen, paint = replace(painter.capabilities, max_images=3), [], painter.paint
    painter.paint = lambda requests: seen.extend(requests) or paint(requests)
    return serving(), seen


def grays(request):
    return [int(one.mean()) for one in request.images]


def test_an_edit_speaks_of_several_pictures_the_first_of_which_is_changed(several) -> None:
    client, seen = several
    parts = [("image[]", picture(100)), ("image[]", picture(30, 48, 48)), ("image[]", picture(60))]
    told = client.post("/v1/images/edits", files=parts, data={"prompt": "put the hat on the cat"}).json()
    made = np.asarray(Image.open(io.BytesIO(base64.b64decode(told["data"][0]["b64_json"]))))
    assert (made.shape, int(made.mean())) == ((48, 64, 3), 155)
    assert (seen[0].purpose, grays(seen[0])[0], grays(seen[0])[2]) == ("edit", 100, 60)
    four = client.post("/v1/images/edits", files=[("image", picture())] * 4, data={"prompt": "put the hat on the cat"})
    assert code_of(four) == "invalid_field" and "takes 3" in four.text


def test_a_question_is_shown_pairs_of_a_photo_and_its_painting(several) -> None:
    client, seen = several
    parts = [("image", picture(100)), ("image", picture(30)), ("image", picture(60))]
    answer = client.post("/v1/images/edits", files=parts, data={"prompt": "metric depth"})
    assert answer.status_code == 200, answer.text
    assert (seen[0].purpose, grays(seen[0])) == ("perceive", [100, 30, 60])
    odd = client.post("/v1/images/edits", files=parts[:2], data={"prompt": "metric depth"})
    assert code_of(odd) == "invalid_field" and "come pairs" in odd.text


def test_a_model_of_one_picture_says_where_examples_go(client) -> None:
    answer = client.post("/v1/images/edits", files=[("image", picture())] * 3, data={"prompt": "metric depth"})
    assert code_of(answer) == "invalid_field" and "fields example and truth" in answer.text
