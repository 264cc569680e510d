"""What must not happen: nobody gets in, nothing hangs, no traceback is told, nothing of a killed server is lost."""

from __future__ import annotations

import json
import os
import random
import signal
import socket
import struct
import subprocess
import sys
import time
import zlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from plantain.errors import UsageError
from plantain.serve.guard import OPEN
from plantain.serve.keys import Rates, digest, parsed, read_keys
from plantain.serve.settings import Limits, Settings
from serve.served import code_of, metres, picture, until

KEY = "k" * 24
DEPTH = {"task": "metric depth"}


def send(client, path="/v1/predict", image=None, headers=None, **fields):
    image = picture() if image is None else image
    return client.post(path, files={"image": ("photo.png", image)}, data=fields or DEPTH, headers=headers)


def bomb(width: int, height: int) -> bytes:
    """A PNG that says it is very large."""

    def chunk(name, content):
        return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(bytes(100))) + chunk(b"IEND", b"")


@pytest.mark.parametrize(
    ("fields", "image", "status", "code"),
    [
        ({}, b"", 400, "unreadable_photo"),
        ({}, b"junk", 400, "unreadable_photo"),
        ({}, picture()[:60], 400, "unreadable_photo"),
        ({}, b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", 400, "unreadable_photo"),
        ({}, bomb(60_000, 60_000), 400, "unreadable_photo"),
        ({}, bomb(5_000, 5_000), 413, "picture_too_large"),
        ({"task": "metric depht of"}, None, 400, "invalid_question"),
        ({"task": " "}, None, 400, "invalid_field"),
        ({"task": "segment " + "a, " * 2000}, None, 400, "invalid_field"),
        ({"task": "metric depth", "seed": "x"}, None, 400, "invalid_field"),
        ({"task": "metric depth", "samples": "60"}, None, 400, "too_much_work"),
        ({"task": "metric depth", "tile": "64"}, picture(9, 3000, 3000), 400, "too_much_work"),
        ({"task": "metric depth", "code": "nope"}, None, 400, "unknown_name"),
        ({"task": "metric depth", "style": "haiku"}, None, 400, "unknown_name"),
        ({"task": "metric depth", "quality": "best"}, None, 400, "unknown_name"),
        ({"task": "metric depth", "quality": "high", "samples": "4"}, None, 400, "too_much_work"),
        ({"task": "metric depth", "steps": "0"}, None, 400, "invalid_field"),
        ({"task": "metric depth", "steps": "999"}, None, 400, "invalid_question"),
        ({"task": "metric depth", "model": "other"}, None, 404, "model_not_found"),
        ({"task": "metric depth", "points": "1,2,3"}, None, 400, "invalid_question"),
        ({"task": "metric depth", "points": "900,900"}, None, 400, "invalid_question"),
        ({"task": "metric depth", "include": "secrets"}, None, 400, "invalid_field"),
        ({"image": "http://169.254.169.254/latest", "task": "metric depth"}, None, 400, "invalid_field"),
    ],
)
def test_wrong_input_is_one_clear_error(client, fields, image, status, code) -> None:
    if "image" in fields:  # an address where a picture is wanted
        answer = client.post("/v1/predict", data=fields)
    else:
        answer = send(client, image=image, **fields)
    assert (answer.status_code, code_of(answer)) == (status, code)


def test_uploads_that_are_too_large_are_refused_while_they_come(serving, painter) -> None:
    client = serving(Settings(Limits(body_bytes=10_000)))
    assert code_of(send(client, image=bytes(20_000))) == "too_large"  # by its length

    def chunks():  # of no length that is said
        head = b'--b\r\nContent-Disposition: form-data; name="image"; filename="x"\r\n\r\n'
        yield head
        for _ in range(100):
            yield bytes(1000)

    answer = client.post("/v1/predict", content=chunks(), headers={"content-type": "multipart/form-data; boundary=b"})
    assert (answer.status_code, code_of(answer)) == (413, "too_large")
    assert (client.app.state.gate.inside, painter.calls) == (0, [])


def test_one_more_than_the_house_holds_is_told_to_come_again(serving, painter) -> None:
    client = serving(Settings(Limits(inside=2)))
    painter.free.clear()
    with ThreadPoolExecutor(2) as pool:
        waiting = [pool.submit(send, client) for _ in range(2)]
        until(lambda: client.app.state.gate.inside >= 2)
        refused = send(client)
        assert (refused.status_code, code_of(refused)) == (429, "overloaded")
        assert int(refused.headers["retry-after"]) >= 1
        assert client.get("/healthz").status_code == 200  # who is not asked for work answers
        painter.free.set()
        assert [one.result().status_code for one in waiting] == [200, 200]
    assert send(client).status_code == 200


def test_all_pictures_together_are_bounded(serving, painter) -> None:
    client = serving(Settings(Limits(pixels_inside=64 * 48 + 1)))
    painter.free.clear()
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(send, client)
        assert painter.busy.wait(10)
        assert code_of(send(client)) == "overloaded"
        painter.free.set()
        assert first.result().status_code == 200


def test_a_request_that_takes_too_long_is_given_up(serving, painter) -> None:
    client = serving(Settings(Limits(seconds=0.3)))
    painter.free.clear()
    late = send(client)
    assert (late.status_code, code_of(late)) == (504, "timeout")
    assert client.app.state.gate.inside == 0
    painter.free.set()
    assert send(client).status_code == 200


def test_the_answer_to_a_crash_inside_tells_nothing_but_its_id(client, monkeypatch, caplog) -> None:
    def crash(*_):
        raise ZeroDivisionError("secret")

    monkeypatch.setattr("plantain.serve.routes.predict.reply", crash)
    answer = send(client, headers={"x-request-id": "find-me"})
    assert (answer.status_code, code_of(answer)) == (500, "internal_error")
    assert "secret" not in answer.text and answer.headers["x-request-id"] == "find-me"
    assert [record.fields["request_id"] for record in caplog.records if record.exc_info] == ["find-me"]


# ---- keys


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"authorization": ""},
        {"authorization": "Bearer"},
        {"authorization": f"Basic {KEY}"},
        {"authorization": f"Bearer {KEY[:-1]}"},
        {"authorization": f"Bearer {KEY}x"},
        {"authorization": f"Bearer {KEY} {KEY}"},
        {"x-api-key": KEY.upper()},
        {"x-api-key": ""},
        {"authorization": "Bearer \xe9\xe9"},
    ],
)
def test_without_a_key_nobody_gets_in(serving, headers) -> None:
    client = serving(Settings(keys={digest(KEY): "ours"}))
    raw = [(name.encode(), value.encode("latin-1")) for name, value in headers.items()]
    for path in (
        "/v1/models",
        "/metrics",
        "/v1/jobs",
        "//v1/models",
        "/healthz/../v1/models",
        "/docs/x",
        "/v1/predict/",
    ):
        answer = client.get(path, headers=raw)
        assert (answer.status_code, code_of(answer)) == (401, "invalid_api_key"), path
    assert client.post("/v1/predict", content=b"x", headers=raw).status_code == 401
    assert client.get("/healthz").status_code == 200


def test_a_key_lets_in(serving) -> None:
    client = serving(Settings(keys={digest(KEY): "ours", digest("z" * 20): "theirs"}))
    for headers in ({"authorization": f"Bearer {KEY}"}, {"authorization": f"bearer  {KEY}"}, {"x-api-key": "z" * 20}):
        assert client.get("/v1/models", headers=headers).status_code == 200


def test_a_fuzz_of_headers_keys_and_paths_lets_nobody_in(serving) -> None:
    client, chance = serving(Settings(keys={digest(KEY): "ours"})), random.Random(0)
    pieces = ["v1", "models", "..", ".", "%2e%2e", "healthz", "docs", "", "%00", "?", "predict", ";", "readyz", "é"]
    for _ in range(300):
        path = "/" + "/".join(chance.choices(pieces, k=chance.randint(1, 5)))
        name = chance.choice(["authorization", "x-api-key", "x-forwarded-for", "cookie", "x-original-url"])
        value = chance.choice([KEY[: chance.randint(0, 23)], "Bearer " + KEY[::-1][1:], "Bearer null", "/healthz"])
        answer = client.request(chance.choice(["GET", "POST", "HEAD", "PUT", "OPTIONS"]), path, headers={name: value})
        if answer.request.url.path not in OPEN:  # as the client has made it plain
            assert answer.status_code == 401, (path, name, value)


def test_keys_of_files_and_of_the_environment(tmp_path, monkeypatch) -> None:
    (tmp_path / "keys").write_text(f"# ours\nlab: {KEY}\n\n{'b' * 16}  # a second\n")
    monkeypatch.setenv("PLANTAIN_API_KEYS", f"web:{'c' * 16},")
    assert read_keys(tmp_path / "keys") == {digest(KEY): "lab", digest("b" * 16): "key-2", digest("c" * 16): "web"}
    with pytest.raises(UsageError, match="at least 16 letters"):
        parsed(["short"])
    with pytest.raises(UsageError, match="cannot read"):
        read_keys(tmp_path / "none")


def test_rates_are_of_each_key() -> None:
    now = [0.0]
    rates = Rates(2, lambda: now[0])

    def refused(who):
        try:
            rates.take(who)
        except Exception as error:
            return error.retry_s

    assert [refused("a"), refused("a"), refused("a"), refused("b")] == [None, None, 30, None]
    now[0] = 30
    assert [refused("a"), refused("a")] == [None, 30]


def test_a_page_in_a_browser_cannot_reach_a_server_of_this_machine(serving) -> None:
    client = serving(Settings(loopback=True))
    for host in ("127.0.0.1:8000", "localhost", "[::1]:80"):
        assert client.get("/v1/models", headers={"host": host}).status_code == 200
    for host in ("evil.example", "127.0.0.1.evil.example", "", "localhost@evil.example:80"):
        assert code_of(client.get("/v1/models", headers={"host": host})) == "wrong_host"
    answer = client.options("/v1/predict", headers={"origin": "https://evil.example", "host": "localhost"})
    assert "access-control-allow-origin" not in answer.headers


# ---- two hundred malformed requests


def test_two_hundred_malformed_requests_get_clear_errors(serving, painter) -> None:
    client, chance = serving(Settings(Limits(seconds=10))), random.Random(1)
    good, paths = picture(), ["/v1/predict", "/v1/ask", "/v1/decode", "/v1/images/edits", "/v1/images/generations"]
    paths += ["/v1/explain", "/v1/jobs"]
    for _ in range(200):
        body, kind = malformed(chance, good)
        answer = client.post(chance.choice(paths), content=body, headers={"content-type": kind})
        assert 400 <= answer.status_code < 500, (answer.status_code, answer.text[:300])
        code_of(answer)
    assert client.app.state.gate.inside == 0 and client.app.state.gate.pixels == 0
    assert send(client).status_code == 200


def malformed(chance: random.Random, good: bytes) -> tuple[bytes, str]:
    """A request that cannot be answered: damaged forms, wrong types, pictures with bytes changed or cut off."""
    boundary = chance.choice(["b", "x" * 70])
    image = bytearray(good)
    for _ in range(chance.randint(1, 20)):
        image[chance.randrange(8, 24)] = chance.randrange(256)  # in the head: no picture any more
    names = chance.choice([("image", "task"), ("photo", "task"), ("image", "prompt"), ("painting", "text"), ("", "")])
    value = chance.choice(["", "\x00", "9" * 50, "{}", "[[[[", "nonsense nonsense", "<script>", "../../etc/passwd"])
    parts = [
        f'--{boundary}\r\nContent-Disposition: form-data; name="{names[1]}"\r\n\r\n{value}\r\n'.encode(),
        f'--{boundary}\r\nContent-Disposition: form-data; name="{names[0]}"; filename="x"\r\n\r\n'.encode()
        + bytes(image) + b"\r\n",
    ]  # fmt: skip
    chance.shuffle(parts)
    body = b"".join(parts[: chance.randint(0, 2)]) + chance.choice([f"--{boundary}--\r\n".encode(), b"", b"--"])
    if chance.random() < 0.3:
        body = body[: chance.randrange(len(body) + 1)]
    kinds = [f"multipart/form-data; boundary={boundary}", "multipart/form-data", "application/json", "text/plain", ""]
    if chance.random() < 0.2:
        return chance.choice([b"{", b"null", b"[1]", b'{"prompt": 5}', b'{"text": ["a"]}', b"\xff\xfe"]), kinds[2]
    return body, chance.choice(kinds[:1] * 3 + kinds)


# ---- a process of its own


SERVER = """
import sys, time, plantain.serve.app as app, plantain.serve.run as run
from pathlib import Path
from plantain.models.painters.function import Function
from plantain.pipeline.predictor import wrap
from plantain.serve.settings import Settings
from plantain.tasks.language.parsing import parse
def paint(photo, prompt, seed):
    time.sleep(float(sys.argv[3]))
    return parse(prompt).encode(1 + 8 * photo.mean(-1) / 255)
made = app.create_app({"fake": wrap(Function(paint, name="fake"))}, Settings(state=Path(sys.argv[2]), lease_s=1))
run.serve(made, run.Place(port=int(sys.argv[1]), drain_s=20))
"""


class Process:
    """A server in a process of its own, whose painter takes `seconds` a picture."""

    def __init__(self, folder: Path, seconds: float) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        httpx = pytest.importorskip("httpx2")
        self.log = (folder / "log").open("ab")
        command = [sys.executable, "-c", SERVER, str(self.port), str(folder / "state"), str(seconds)]
        self.process = subprocess.Popen(command, stderr=self.log, env=os.environ | {"OMP_NUM_THREADS": "1"})
        self.client = httpx.Client(base_url=f"http://127.0.0.1:{self.port}", timeout=30)
        until = time.monotonic() + 60
        while True:
            try:
                assert self.client.get("/readyz").status_code == 200
                return
            except httpx.TransportError:
                assert self.process.poll() is None and time.monotonic() < until
                time.sleep(0.05)

    def events(self, job: str) -> list[str]:
        """All that is told of a job's progress."""
        with self.client.stream("GET", f"/v1/jobs/{job}/events") as told:
            return list(told.iter_lines())

    def end(self, how: int) -> int:
        self.process.send_signal(how)
        code = self.process.wait(30)
        self.log.close()
        self.client.close()
        return code


def test_sigterm_answers_who_is_in_the_house_and_jobs_survive_that_and_a_kill(tmp_path) -> None:
    first = Process(tmp_path, 0.15)
    files = [("image", (f"{level}.png", picture(level))) for level in range(10, 250, 20)]
    job = first.client.post("/v1/jobs", files=files, data=DEPTH).json()["id"]
    with ThreadPoolExecutor(2) as pool:
        waiting = pool.submit(send, first.client)
        until(lambda: "plantain_inside 1.0" in first.client.get("/metrics").text)
        watching = pool.submit(first.events, job)
        time.sleep(0.1)
        first.process.send_signal(signal.SIGTERM)
        assert waiting.result().status_code == 200  # it was in the house
        assert watching.result()  # the stream of progress has ended
    assert first.process.wait(30) in (0, -signal.SIGTERM)

    second = Process(tmp_path, 0.15)
    done = second.client.get(f"/v1/jobs/{job}").json()["done"]
    until(lambda: second.client.get(f"/v1/jobs/{job}").json()["done"] >= min(done + 2, 11))
    assert second.end(signal.SIGKILL) == -signal.SIGKILL

    third = Process(tmp_path, 0)
    until(lambda: third.client.get(f"/v1/jobs/{job}").json()["state"] == "done")
    rows = third.client.get(f"/v1/jobs/{job}/results").json()["data"]
    third.end(signal.SIGTERM)
    assert [row["image"] for row in rows] == [name for _, (name, _) in files]  # all of them, each once
    assert not any("error" in row for row in rows)
    lines = [json.loads(line) for line in (tmp_path / "log").read_text().splitlines()]
    asked = [line for line in lines if line["event"] == "request" and line["route"] == "/v1/predict"]
    assert asked[0]["status"] == 200 and len(asked[0]["request_id"]) == 32
    assert {line["event"] for line in lines} >= {"request", "draining"}
    assert metres(10) > 1
