"""Everything that can be asked at once can be asked as a job, whose table lies in SQLite or PostgreSQL."""

from __future__ import annotations

import io
import json

import numpy as np
import pytest
from PIL import Image

from plantain.serve.settings import Settings
from serve.served import code_of, metres, picture, until


def begin(client, levels=(), **fields):
    """A job about gray photos; gives its address."""
    files = [("image", (f"{level}.png", picture(level))) for level in levels]
    made = client.post("/v1/jobs", files=files or None, data=fields)
    assert made.status_code == 202, made.text
    return f"/v1/jobs/{made.json()['id']}"


def rows(client, job):
    """What became of every picture, once the stream of progress has ended."""
    with client.stream("GET", f"{job}/events") as events:
        told = [json.loads(line[6:]) for line in events.iter_lines() if line.startswith("data: ")]
    assert (told[-1]["state"], told[-1]["done"]) == ("done", told[-1]["total"])
    return client.get(f"{job}/results").json()["data"]


def pixels(client, job, place, role="painting", **query):
    answer = client.get(f"{job}/results/{place}/{role}", params=query)
    assert answer.status_code == 200, answer.text
    return np.asarray(Image.open(io.BytesIO(answer.content)))


def test_what_people_ask_is_answered_of_every_photo(serving, tmp_path, painter) -> None:
    client, painter.bad = serving(Settings(state=tmp_path)), {60}
    job = begin(client, (20, 60, 200), text="how far is the cup?")
    near, bad, far = rows(client, job)
    assert [near["value"], far["value"]] == pytest.approx([metres(20), metres(200)], rel=0.02)
    assert (near["image"], near["want"], near["unit"]) == ("20.png", "distance", "m")
    assert (bad["error_type"], "it cannot" in bad["error"]) == ("PainterError", True)
    assert pixels(client, job, 0, task="refer").mean() == 255  # everything is the cup
    assert pixels(client, job, 0, task="metric-depth").mean() < 255
    assert code_of(client.get(f"{job}/results/0/painting", params={"task": "normals"})) == "file_not_found"
    assert client.get(job).json()["kind"] == "ask"


def test_a_job_edits_every_photo_as_often_as_it_is_told(serving, tmp_path) -> None:
    client = serving(Settings(state=tmp_path))
    job = begin(client, (20, 60), prompt="colorize", n=2)
    assert [row["image"] for row in rows(client, job)] == ["20.png", "20.png", "60.png", "60.png"]
    assert [int(pixels(client, job, place).mean()) for place in range(4)] == [235, 235, 195, 195]


def test_the_mask_of_a_job_limits_its_edits(serving, tmp_path) -> None:
    rgba = np.zeros((48, 64, 4), np.uint8)
    rgba[:, :32, 3] = 255  # opaque on the left: kept
    mask = io.BytesIO()
    Image.fromarray(rgba).save(mask, "PNG")
    client = serving(Settings(state=tmp_path))
    files = [("image", picture(100)), ("mask", mask.getvalue())]
    job = f"/v1/jobs/{client.post('/v1/jobs', files=files, data={'prompt': 'colorize'}).json()['id']}"
    rows(client, job)
    made = pixels(client, job, 0)
    assert (int(made[:, :32].mean()), int(made[:, 32:].mean())) == (100, 155)


def test_a_prompt_that_is_a_question_is_painted_as_one(serving, tmp_path) -> None:
    client = serving(Settings(state=tmp_path))
    job = begin(client, (90,), prompt="metric depth")
    (row,) = rows(client, job)
    assert (row["task"], set(row["files"])) == ("metric-depth", {"painting", "overlay", "arrays"})


def test_a_job_without_photos_makes_pictures_from_words(serving, tmp_path) -> None:
    client = serving(Settings(state=tmp_path))
    job = begin(client, prompt="a chair", n=3, seed=7, size="80x64")
    assert len(rows(client, job)) == 3
    made = [pixels(client, job, place) for place in range(3)]  # the painter paints its seed
    assert [(one.shape, int(one.mean())) for one in made] == [((64, 80, 3), seed) for seed in (7, 8, 9)]


@pytest.mark.parametrize(
    ("fields", "photos", "code"),
    [
        ({}, 1, "invalid_field"),
        ({"task": "metric depth", "text": "how far is the cup?"}, 1, "invalid_field"),
        ({"task": "metric depth"}, 0, "invalid_field"),
        ({"text": "how far is the cup?"}, 0, "invalid_field"),
        ({"task": "metric depth", "n": "2"}, 1, "invalid_field"),
        ({"prompt": "colorize", "size": "64x64"}, 1, "invalid_field"),
        ({"prompt": "a chair", "size": "1x1"}, 0, "invalid_field"),
        ({"prompt": "a\0chair"}, 0, "invalid_field"),
        ({"text": "how far apart are the cup and the plate?"}, 1, "invalid_question"),  # no camera is known
        ({"text": "make me rich"}, 1, "invalid_question"),
        ({"task": "metric depth", "code": "nope"}, 1, "unknown_name"),
    ],
)
def test_orders_that_cannot_be_are_refused_before_they_are_kept(serving, tmp_path, fields, photos, code) -> None:
    client = serving(Settings(state=tmp_path))
    answer = client.post("/v1/jobs", files=[("image", picture())] * photos or None, data=fields)
    assert (answer.status_code, code_of(answer)) == (400, code)
    assert client.get("/v1/jobs").json()["data"] == []


def test_of_two_servers_with_one_table_one_does_the_job_and_both_tell_of_it(serving, tmp_path, painter) -> None:
    one, other = (serving(Settings(state=tmp_path)) for _ in range(2))
    job = begin(one, range(20, 240, 20), task="metric depth")
    assert len(rows(other, job)) == 11
    assert sum(painter.calls) == 11
    assert pixels(other, job, 10).shape == pixels(one, job, 10).shape


def test_a_job_of_a_server_that_vanished_is_done_by_another_after_its_lease(serving, tmp_path, painter) -> None:
    client = serving(Settings(state=tmp_path, lease_s=0.3))
    ledger, painter.calls = client.app.state.jobs.ledger, []
    painter.free.clear()
    blocked = begin(client, (20,), task="metric depth")
    job = begin(client, (40,), task="metric depth")
    ledger.claim(job.rsplit("/", 1)[-1], "a server that is gone", 1.0)
    painter.free.set()
    assert len(rows(client, blocked)) == 1
    assert client.get(job).json()["done"] == 0
    until(lambda: client.get(job).json()["state"] == "done")
