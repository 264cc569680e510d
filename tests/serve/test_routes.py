"""Every path, with the answers that the painter's few lines imply."""

from __future__ import annotations

import asyncio
import base64
import io
import json
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from PIL import Image

import plantain
from plantain.predictions.types import Prediction
from plantain.serve.settings import Limits, Settings
from serve.served import code_of, metres, picture, until

DEPTH = {"task": "metric depth"}


def send(client, path="/v1/predict", level=100, headers=None, **fields):
    data = fields or DEPTH
    return client.post(path, files={"image": ("photo.png", picture(level))}, data=data, headers=headers)


def test_predict_as_json_reads_points_and_includes_files(client) -> None:
    told = send(client, task="metric depth", points="3,4 50.5,40", include="painting,arrays,overlay").json()
    assert (told["kind"], told["task"], told["model"], told["size"]) == ("depth", "metric-depth", "fake", [64, 48])
    assert told["result"]["median"] == pytest.approx(metres(100), rel=0.01)
    assert [point["metres"] for point in told["points"]] == pytest.approx([metres(100)] * 2, rel=0.01)
    painting = base64.b64decode(told["painting_b64"])
    assert plantain.decode(painting, "metric depth").metres.mean() == pytest.approx(metres(100), rel=0.01)
    assert Image.open(io.BytesIO(base64.b64decode(told["overlay_b64"]))).format == "PNG"
    assert np.load(io.BytesIO(base64.b64decode(told["arrays_b64"])))["metres"].shape == (48, 64)


def test_accept_chooses_the_form(client, tmp_path) -> None:
    painted = send(client, headers={"accept": "image/png"})
    assert painted.headers["content-type"] == "image/png"
    assert Image.open(io.BytesIO(painted.content)).text["plantain"]
    arrays = send(client, headers={"accept": "application/x-npz"})
    (tmp_path / "x.npz").write_bytes(arrays.content)
    assert Prediction.from_npz(tmp_path / "x.npz").metres.mean() == pytest.approx(metres(100), rel=0.01)
    assert code_of(send(client, headers={"accept": "text/html"})) == "not_acceptable"


def test_what_left_the_question_is_noted(client) -> None:
    assert "not ft" in str(send(client, task="how far is the cup, in feet?").json()["notes"])


def test_ask_answers_in_a_line(client) -> None:
    told = send(client, "/v1/ask", text="where is the cup?").json()  # everything is painted white: it is everywhere
    assert (told["want"], told["value"], told["model"]) == ("where", [0, 0, 64, 48], "fake")
    far = send(client, "/v1/ask", text="how far is the cup?").json()
    assert (far["want"], far["unit"]) == ("distance", "m")
    assert far["value"] == pytest.approx(metres(100), rel=0.02)
    assert code_of(send(client, "/v1/ask", text="how far apart are the cup and the plate?")) == "invalid_question"


def test_decode_reads_what_predict_painted(client) -> None:
    painted = send(client, headers={"accept": "image/png"}).content
    told = client.post("/v1/decode", files={"painting": painted}, data={"points": "1,1"}).json()
    assert told["points"][0]["metres"] == pytest.approx(metres(100), rel=0.01)
    bare = picture(0)  # says nothing of itself
    assert code_of(client.post("/v1/decode", files={"painting": bare})) == "invalid_question"
    told = client.post("/v1/decode", files={"painting": bare}, data={"task": "metric depth", "code": "cube"}).json()
    assert told["kind"] == "depth"
    wrong = {"files": {"painting": bare}, "data": {"task": "metric depth", "code": "cubes"}}
    assert code_of(client.post("/v1/decode", **wrong)) == "unknown_name"


def test_explain_tasks_models_health(client) -> None:
    assert client.post("/v1/explain", json={"text": "how far is the cup?"}).json()["want"] == "distance"
    assert client.get("/v1/explain", params={"text": "make me rich"}).json()["want"] == "refuse"
    assert {row["id"] for row in client.get("/v1/tasks").json()["data"]} == set(plantain.TASKS)
    (model,) = client.get("/v1/models").json()["data"]
    assert (model["id"], model["object"], model["ready"]) == ("fake", "model", True)
    assert client.get("/healthz").json() == {"status": "ok"}
    assert client.get("/readyz").json()["models"] == ["fake"]
    assert "/v1/predict" in client.get("/openapi.json").json()["paths"]


def test_metrics_count(client) -> None:
    send(client)
    text = client.get("/metrics").text
    assert 'plantain_requests_total{route="/v1/predict",status="200"} 1.0' in text
    assert 'plantain_call_requests_count{model="fake"} 1.0' in text
    client.get("/made-up-by-a-client")
    assert "made-up" not in client.get("/metrics").text


def test_the_openai_client_paints_depth(client) -> None:
    """Any client of OpenAI's can use Plantain as an editor; the painting is read by `plantain.decode`."""
    openai, httpx = pytest.importorskip("openai"), pytest.importorskip("httpx2")

    async def asked():
        http = httpx.AsyncClient(transport=httpx.ASGITransport(client.app), base_url="http://localhost")
        async with openai.AsyncOpenAI(api_key="any", base_url="http://localhost/v1", http_client=http) as ai:
            photo = ("photo.png", picture(200), "image/png")
            depth = await ai.images.edit(image=photo, prompt="metric depth")
            edit = await ai.images.edit(image=[photo], prompt="colorize", n=2, size="32x32")
            new = await ai.images.generate(prompt="a chair", size="80x64", extra_body={"seed": 7})
            names = [model.id async for model in ai.models.list()]
            with pytest.raises(openai.BadRequestError, match="not a readable photo") as refused:
                await ai.images.edit(image=("x.png", b"junk", "image/png"), prompt="metric depth")
            with pytest.raises(openai.NotFoundError, match="no model"):
                await ai.images.edit(image=photo, prompt="metric depth", model="gpt-image-9")
        return depth, edit, new, names, refused.value

    depth, edit, new, names, refused = client.portal.call(asked)
    answer = plantain.decode(base64.b64decode(depth.data[0].b64_json), "metric depth")
    assert answer.metres.shape == (48, 64)
    assert answer.metres.mean() == pytest.approx(metres(200), rel=0.01)
    negatives = [np.asarray(Image.open(io.BytesIO(base64.b64decode(one.b64_json)))) for one in edit.data]
    assert [(one.shape, int(one.mean())) for one in negatives] == [((32, 32, 3), 55)] * 2
    assert Image.open(io.BytesIO(base64.b64decode(new.data[0].b64_json))).size == (80, 64)
    assert (names, refused.code, refused.param) == (["fake"], "unreadable_photo", "image")


def test_a_mask_of_openai_is_transparent_where_to_paint(client) -> None:
    rgba = np.zeros((48, 64, 4), np.uint8)
    rgba[:, :32, 3] = 255  # opaque on the left: kept
    out = io.BytesIO()
    Image.fromarray(rgba).save(out, "PNG")
    files = {"image": picture(100), "mask": out.getvalue()}
    told = client.post("/v1/images/edits", files=files, data={"prompt": "colorize"}).json()
    made = np.asarray(Image.open(io.BytesIO(base64.b64decode(told["data"][0]["b64_json"]))))
    assert (int(made[:, :32].mean()), int(made[:, 32:].mean())) == (100, 155)


# ---- many at a time


def test_requests_of_many_clients_share_calls_and_nobody_gets_anothers_answer(serving, painter) -> None:
    client = serving(Settings(Limits(inside=64)))
    painter.free.clear()
    levels = list(range(20, 250, 8))
    painter.bad = {levels[5], levels[17]}
    with ThreadPoolExecutor(len(levels)) as pool:
        answers = [pool.submit(send, client, level=level) for level in levels]
        assert painter.busy.wait(10)
        until(lambda: client.app.state.gate.inside >= len(levels))
        painter.free.set()
    for level, answer in zip(levels, (one.result() for one in answers), strict=True):
        if level in painter.bad:
            assert (answer.status_code, code_of(answer)) == (502, "model_failed")
        else:
            assert answer.json()["result"]["median"] == pytest.approx(metres(level), rel=0.01)
    assert max(painter.calls) == 4  # as many as the painter takes


def test_an_answer_does_not_hang_on_its_batch_mates(serving, painter) -> None:
    client = serving()
    alone = send(client, headers={"accept": "image/png"}).content
    painter.free.clear()
    with ThreadPoolExecutor(8) as pool:
        others = [pool.submit(send, client, level=30 * i, headers={"accept": "image/png"}) for i in range(1, 7)]
        mine = pool.submit(send, client, headers={"accept": "image/png"})
        until(lambda: client.app.state.gate.inside >= 7)
        painter.free.set()
    assert mine.result().content == alone
    assert len({one.result().content for one in others}) == 6


def test_a_client_that_leaves_is_taken_out_of_the_queue(serving, painter) -> None:
    client = serving()
    painter.free.clear()
    scope_gone = asyncio.Event()
    first = ThreadPoolExecutor(1).submit(send, client, level=10)
    assert painter.busy.wait(10)

    async def leaves() -> None:
        """A request of ASGI's own, whose client hangs up while it waits."""
        body, head = multipart({"task": "metric depth"}, picture(77))
        messages = [{"type": "http.request", "body": body, "more_body": False}]

        async def receive():
            if messages:
                return messages.pop()
            await scope_gone.wait()
            return {"type": "http.disconnect"}

        async def sent(_message):
            raise AssertionError("nobody is there")

        scope = {
            "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "POST", "path": "/v1/predict",
            "raw_path": b"/v1/predict", "query_string": b"", "scheme": "http", "headers": head, "server": ("x", 1),
            "client": ("y", 2), "root_path": "",
        }  # fmt: skip
        task = asyncio.create_task(client.app(scope, receive, sent))
        entries = client.app.state.engines["fake"].stages.buckets
        while not entries.entries:
            await asyncio.sleep(0.01)
        scope_gone.set()
        await asyncio.wait_for(task, 10)
        assert not entries.entries

    client.portal.call(leaves)
    painter.free.set()
    assert first.result().status_code == 200
    assert (painter.calls, client.app.state.gate.inside) == ([1], 0)


def multipart(fields: dict[str, str], image: bytes) -> tuple[bytes, list[tuple[bytes, bytes]]]:
    parts = [f'--b\r\nContent-Disposition: form-data; name="{k}"\r\n\r\n{v}\r\n'.encode() for k, v in fields.items()]
    head = b'--b\r\nContent-Disposition: form-data; name="image"; filename="x.png"\r\n\r\n'
    headers = [(b"content-type", b"multipart/form-data; boundary=b"), (b"host", b"localhost")]
    return b"".join(parts) + head + image + b"\r\n--b--\r\n", headers


# ---- jobs


def test_a_job_from_beginning_to_end(serving, tmp_path, painter) -> None:
    client = serving(Settings(state=tmp_path))
    painter.bad = {60}
    files = [("image", (f"{level}.png", picture(level))) for level in (20, 60, 200)]
    made = client.post("/v1/jobs", files=files, data=DEPTH)
    assert made.status_code == 202
    job = f"/v1/jobs/{made.json()['id']}"
    with client.stream("GET", f"{job}/events") as events:
        told = [json.loads(line[6:]) for line in events.iter_lines() if line.startswith("data: ")]
    assert (told[-1]["state"], told[-1]["done"], told[-1]["failed"], told[-1]["total"]) == ("done", 3, 1, 3)
    rows = client.get(f"{job}/results").json()["data"]
    assert [row["image"] for row in rows] == ["20.png", "60.png", "200.png"]
    assert "it cannot" in rows[1]["error"] and str(tmp_path) not in str(rows)
    arrays = np.load(io.BytesIO(client.get(f"{job}/results/2/arrays").content))
    assert arrays["metres"].astype(float).mean() == pytest.approx(metres(200), rel=0.01)
    assert code_of(client.get(f"{job}/results/1/painting")) == "file_not_found"
    assert client.get(f"{job}/results", params={"most": 2}).json()["next"] == 2
    assert client.get("/v1/jobs").json()["data"][0]["id"] == made.json()["id"]
    assert client.delete(job).status_code == 200
    assert code_of(client.get(job)) == "job_not_found"
    assert not list((tmp_path / "jobs").iterdir())


def test_a_server_without_state_keeps_no_jobs(client) -> None:
    assert code_of(send(client, "/v1/jobs")) == "no_jobs"


def test_jobs_of_one_key_are_not_there_for_another(serving, tmp_path) -> None:
    from plantain.serve.keys import digest

    keys = {digest("a" * 20): "ann", digest("b" * 20): "ben"}
    client = serving(Settings(keys=keys, state=tmp_path))
    ann, ben = ({"authorization": f"Bearer {letter * 20}"} for letter in "ab")
    job = send(client, "/v1/jobs", headers=ann).json()["id"]
    assert client.get(f"/v1/jobs/{job}", headers=ann).status_code == 200
    for answer in (client.get(f"/v1/jobs/{job}", headers=ben), client.delete(f"/v1/jobs/{job}", headers=ben)):
        assert code_of(answer) == "job_not_found"
    assert client.get("/v1/jobs", headers=ben).json()["data"] == []


def test_a_model_that_is_gone_leaves_the_job_for_the_next_start(serving, tmp_path, painter) -> None:
    def ends(photo, prompt, seed):
        raise SystemExit

    good, painter.call = painter.call, ends
    client = serving(Settings(state=tmp_path))
    job = send(client, "/v1/jobs", level=50).json()["id"]
    until(lambda: client.get("/readyz").status_code != 200)
    assert code_of(client.get("/readyz")) == "model_gone"
    assert code_of(send(client)) == "model_gone"
    assert client.get(f"/v1/jobs/{job}").json()["state"] in ("queued", "running")
    client.__exit__(None, None, None)
    painter.call = good
    again = serving(Settings(state=tmp_path))
    with again.stream("GET", f"/v1/jobs/{job}/events") as events:
        assert "event: done" in list(events.iter_lines())
    assert again.get(f"/v1/jobs/{job}/results").json()["data"][0]["confidence"] == 1
