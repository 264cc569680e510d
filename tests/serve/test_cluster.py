"""The server on Ray: replicas of the same application, over HTTP."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from importlib.util import find_spec

import pytest

from plantain.errors import UsageError
from plantain.serve.settings import Settings
from serve.served import metres, picture, until
from serve.test_jobs import begin, rows

SERVER = """
import os, sys
from pathlib import Path
from plantain.serve.cluster import run
from plantain.serve.keys import digest
from plantain.serve.place import Place
from plantain.serve.settings import Settings
def load():
    from plantain.models.painters.function import Function
    from plantain.pipeline.predictor import wrap
    from plantain.tasks.language.parsing import parse
    def paint(photo, prompt, seed):
        return parse(prompt).encode(1 + 8 * photo.mean(-1) / 255)
    return {"fake": wrap(Function(paint, name=f"fake-{os.getpid()}"))}
settings = Settings(keys={digest("k" * 20): "ours"}, state=Path(sys.argv[2]))
run(load, settings, Place(port=int(sys.argv[1]), drain_s=5), "local", 2)
"""


def test_what_a_cluster_cannot_share_is_refused(tmp_path) -> None:
    from plantain.serve.cluster import check

    with pytest.raises(UsageError, match="cannot share a file of SQLite"):
        check(Settings(state=tmp_path), "10.0.0.1:6379", 2)
    with pytest.raises(UsageError, match="--replicas must be at least 1"):
        check(Settings(), "local", 0)
    check(Settings(state=tmp_path, jobs="postgresql://db/x"), "10.0.0.1:6379", 2)


def test_replicas_on_a_local_ray_answer_as_one_server(tmp_path) -> None:
    if not all(map(find_spec, ("ray", "grpc_reflection"))):  # which ray[serve] brings
        pytest.skip("the extra `ray` is not installed")
    httpx = pytest.importorskip("httpx2")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-c", SERVER, str(port), str(tmp_path / "state")]
    environment = os.environ | {"OMP_NUM_THREADS": "1", "RAY_USAGE_STATS_ENABLED": "0"}
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, env=environment, start_new_session=True)
    try:
        levels, headers = range(0, 240, 10), {"authorization": f"Bearer {'k' * 20}"}
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60, headers=headers) as client:
            ready(client, process, tmp_path / "log")
            with ThreadPoolExecutor(8) as pool:
                told = list(pool.map(lambda level: ask(client, level), levels))
            assert [one["result"]["median"] for one in told] == pytest.approx(list(map(metres, levels)), rel=0.02)
            until(lambda: told.append(ask(client, 0)) or len({one["model"] for one in told}) == 2)  # both of them
            assert httpx.get(f"http://127.0.0.1:{port}/v1/models").status_code == 401
            assert client.post("/v1/predict", data={"task": "metric depth"}).json()["error"]["param"] == "image"
            job = begin(client, (20, 60, 200), task="metric depth")
            assert [row["image"] for row in rows(client, job)] == ["20.png", "60.png", "200.png"]
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)


def ask(client, level):
    answer = client.post("/v1/predict", files={"image": picture(level)}, data={"task": "metric depth"})
    assert answer.status_code == 200, answer.text
    return answer.json()


def ready(client, process, log) -> None:
    """Waits until the replicas answer."""
    end = time.monotonic() + 180
    while True:
        assert process.poll() is None and time.monotonic() < end, log.read_text()
        with suppress(OSError):
            socket.create_connection((client.base_url.host, client.base_url.port), 1).close()
            if client.get("/readyz").status_code == 200:
                return
        time.sleep(0.2)
