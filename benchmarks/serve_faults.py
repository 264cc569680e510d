"""What goes wrong around a server: nobody gets in, nobody waits for ever, no crash is told, nothing of a job is lost.

    python benchmarks/serve_faults.py [--requests 2000]

Against servers in processes of their own, whose painter is a line of Python: a fuzz of headers, keys and paths against
one with keys; clients that hang up in the middle of an upload; jobs on a full disk (a tmpfs of 2 MiB, for root)
that go on once there is room; answers in a job's store that are cut off, emptied or overwritten while the server is
down; a table of jobs that is none. One JSON line each; exit code 1 where a line says "wrong".
"""

from __future__ import annotations

import argparse
import io
import json
import os
import random
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections import Counter
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx2 as httpx
import numpy as np
from PIL import Image

KEY = "k" * 24
SERVER = """
import sys, time
from pathlib import Path
from plantain.models.painters.function import Function
from plantain.pipeline.predictor import wrap
from plantain.serve import jobs
from plantain.serve.app import create_app
from plantain.serve.keys import parsed
from plantain.serve.place import Place
from plantain.serve.run import serve
from plantain.serve.settings import Limits, Settings
from plantain.tasks.language.parsing import parse
port, state, keys, seconds = sys.argv[1:]
jobs.RETRY_S = 1.0
def paint(photo, prompt, seed):
    time.sleep(float(seconds))
    return parse(prompt).encode(1 + 8 * photo.mean(-1) / 255)
settings = Settings(Limits(seconds=5), parsed([keys]), Path(state), lease_s=1)
serve(create_app({"line": wrap(Function(paint, name="line"))}, settings), Place(port=int(port), drain_s=10))
"""


def photo(level: int, width: int = 160, height: int = 120) -> bytes:
    out = io.BytesIO()
    Image.fromarray(np.full((height, width, 3), level, np.uint8)).save(out, "PNG")
    return out.getvalue()


@contextmanager
def server(state: Path, keys: str = "", seconds: float = 0.0):
    """A server and its client; the log is told of crashes afterwards."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    log = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the server
    command = [sys.executable, "-c", SERVER, str(port), str(state), keys, str(seconds)]
    process = subprocess.Popen(command, stderr=log, env=os.environ | {"OMP_NUM_THREADS": "1"})
    headers = {"authorization": f"Bearer {KEY}"} if keys else {}
    client = httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=30, headers=headers)
    crashes: list[str] = []
    try:
        for _ in range(600):
            with suppress(httpx.TransportError):
                client.get("/readyz")
                break
            time.sleep(0.1)
        yield client, crashes
        process.send_signal(signal.SIGTERM)
        process.wait(30)
    finally:
        process.kill()
        log.seek(0)
        crashes += [line for line in log.read().decode().splitlines() if '"trace"' in line or "Traceback" in line]
        client.close()


def told(name: str, wrong: bool, **figures) -> bool:
    print(json.dumps({"fault": name, "wrong": wrong, **figures}), flush=True)
    return wrong


def wait(true, seconds: float = 60.0) -> bool:
    end = time.monotonic() + seconds
    while not true():
        if time.monotonic() > end:
            return False
        time.sleep(0.1)
    return True


def predicted(client, content: bytes) -> int:
    return client.post("/v1/predict", files={"image": content}, data={"task": "metric depth"}).status_code


def strangers(folder: Path, count: int) -> bool:
    """Raw requests of paths, headers and keys that are nearly right; only what is open to all may be answered."""
    chance, open_to_all = random.Random(0), {"/healthz", "/readyz", "/docs", "/openapi.json"}
    pieces = [
        "v1",
        "models",
        "jobs",
        "..",
        ".",
        "%2e%2e",
        "%2f",
        "healthz",
        "docs",
        "",
        "%00",
        ";",
        "readyz",
        "\\",
        "ui",
    ]
    keys = ["", "Bearer", KEY[:-1], KEY + "x", KEY.upper(), f"Basic {KEY}", f"Bearer {KEY[:-1]}", "Bearer null", "\x00"]
    names = ["authorization", "x-api-key", "x-forwarded-for", "x-original-url", "x-rewrite-url", "cookie", "host"]
    statuses: Counter[str] = Counter()
    inside = []
    with server(folder, f"ours:{KEY}") as (client, crashes):
        where = (client.base_url.host, client.base_url.port)
        for _ in range(count):
            path = "/" + "/".join(chance.choices(pieces, k=chance.randint(1, 5)))
            lines = [f"{chance.choice(names)}: {chance.choice([*keys, '/healthz', 'localhost'])}" for _ in range(3)]
            method = chance.choice(["GET", "POST", "HEAD", "PUT", "OPTIONS", "get", "DELETE", "X" * 9])
            head = "\r\n".join([f"{method} {path} HTTP/1.1", "connection: close", *lines, "", ""]).encode("latin-1")
            with socket.create_connection(where, 10) as raw:
                raw.settimeout(10)
                raw.sendall(head)
                answer = raw.recv(65_536).decode("latin-1")
            status = answer.split(" ")[1] if answer.startswith("HTTP/") else "closed"
            statuses[status] += 1
            if status not in ("401", "400", "closed") and path not in open_to_all:
                inside.append((method, path, lines, status))
        good = client.get("/v1/models").status_code
    wrong = bool(inside or crashes or good != 200)
    return told("strangers", wrong, requests=count, statuses=dict(statuses), inside=inside[:3], crashes=crashes[:1])


def leavers(folder: Path, count: int = 100) -> bool:
    """Clients that hang up anywhere in an upload, or send nothing more."""
    chance, body = random.Random(1), photo(90)
    part = b'--b\r\nContent-Disposition: form-data; name="image"; filename="x.png"\r\n\r\n' + body
    with server(folder) as (client, crashes):
        where, silent = (client.base_url.host, client.base_url.port), []
        for i in range(count):
            path = chance.choice(["/v1/predict", "/v1/jobs", "/v1/images/edits", "/v1/decode"])
            head = f"POST {path} HTTP/1.1\r\nhost: localhost\r\ncontent-type: multipart/form-data; boundary=b\r\n"
            sent = f"{head}content-length: {len(part) + 500}\r\n\r\n".encode() + part[: chance.randrange(len(part))]
            raw = socket.create_connection(where, 10)
            raw.sendall(sent[: chance.randint(1, len(sent))])
            silent.append(raw) if i % 10 == 0 else raw.close()
        asked: list[int] = []  # 429 while those who left are still being noticed
        wait(lambda: asked.append(predicted(client, body)) or asked[-1] == 200, 20)
        empty = wait(lambda: "plantain_inside 0.0" in client.get("/metrics").text, 20)
        jobs = len(client.get("/v1/jobs").json()["data"])
        for raw in silent:
            raw.close()
    wrong = asked[-1] != 200 or not {*asked} <= {200, 429} or not empty or bool(crashes) or jobs > 0
    return told("clients that leave", wrong, clients=count, answers=asked, nobody_left_inside=empty, jobs=jobs,
                crashes=crashes[:1])  # fmt: skip


def full_disk(folder: Path) -> bool:
    """A job on a disk that has room for its photos, and not for its answers; then there is room."""
    folder.mkdir()
    if os.getuid() or subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "none", str(folder)]).returncode:
        return told("full disk", False, skipped="takes root, and a system that mounts tmpfs")
    try:
        with server(folder / "state") as (client, crashes):
            filler = folder / "filler"
            files = [("image", (f"{level}.png", photo(level, 640, 480))) for level in range(0, 240, 10)]
            job = client.post("/v1/jobs", files=files, data={"task": "metric depth"}).json()["id"]
            with suppress(OSError), filler.open("wb") as out:
                while True:
                    out.write(bytes(4096))
            refused = Counter()
            for _ in range(5):
                answer = client.post("/v1/jobs", files=files[:3], data={"task": "metric depth"})
                refused[f"{answer.status_code} {answer.json().get('error', {}).get('code', 'kept')}"] += 1
            answered = predicted(client, photo(9))
            while_full = client.get(f"/v1/jobs/{job}").json()
            subprocess.run(["mount", "-o", "remount,size=64m", str(folder)], check=True)
            done = wait(lambda: client.get(f"/v1/jobs/{job}").json()["state"] == "done")
            rows = client.get(f"/v1/jobs/{job}/results").json()["data"]
            errors = [row["error"] for row in rows if "error" in row]
        wrong = not done or len(rows) != len(files) or bool(errors) or answered != 200 or bool(crashes)
        return told("full disk", wrong, while_full={k: while_full[k] for k in ("state", "done", "error")},
                    new_jobs=dict(refused), predict=answered, answers=len(rows), errors=errors[:1],
                    crashes=crashes[:1])  # fmt: skip
    finally:
        subprocess.run(["umount", "-l", str(folder)])


def torn_answers(folder: Path) -> bool:
    """Answers of a job that were damaged while the server was down, before their outcomes were told: painted again."""
    with server(folder, seconds=0.2) as (client, crashes):
        files = [("image", (f"{level}.png", photo(level))) for level in range(0, 240, 10)]
        job = client.post("/v1/jobs", files=files, data={"task": "metric depth"}).json()["id"]
        wait(lambda: client.get(f"/v1/jobs/{job}").json()["done"] >= 8)
    import sqlite3

    with sqlite3.connect(folder / "jobs.sqlite") as base:  # as if it had died before it could say so
        base.execute("UPDATE items SET record = NULL, failed = NULL")
    base.close()
    damaged = sorted((folder / "jobs" / job / "answers").glob("*.npz"))
    for i, path in enumerate(damaged):
        content = path.read_bytes()
        path.write_bytes([content[: len(content) // 2], b"", b"\x00" * len(content), content[:-9] + bytes(9)][i % 4])
    with server(folder) as (client, more):
        done = wait(lambda: client.get(f"/v1/jobs/{job}").json()["state"] == "done")
        rows = client.get(f"/v1/jobs/{job}/results").json()["data"]
        medians = [float(np.median(arrays_of(client, job, row["place"])["metres"])) for row in rows]
    right = np.allclose(medians, [1 + 8 * level / 255 for level in range(0, 240, 10)], rtol=0.02)
    wrong = not (done and right and len(rows) == len(files)) or bool(crashes or more)
    return told("damaged answers", wrong, damaged=len(damaged), answers=len(rows), right=bool(right),
                crashes=(crashes + more)[:1])  # fmt: skip


def arrays_of(client, job: str, place: int):
    return np.load(io.BytesIO(client.get(f"/v1/jobs/{job}/results/{place}/arrays").content))


def torn_table(folder: Path) -> bool:
    """A table of jobs that is none: one line, exit code 2."""
    folder.mkdir()
    (folder / "jobs.sqlite").write_bytes(bytes(range(256)) * 40)
    command = [sys.executable, "-m", "plantain", "serve", "--state", str(folder)]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=120)
    lines = ended.stderr.strip().splitlines()
    return told(
        "a table that is none", ended.returncode != 2 or len(lines) != 1, code=ended.returncode, said=lines[-1:]
    )


def main() -> int:
    args = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    args.add_argument("--requests", type=int, default=2000, help="of strangers")
    given = args.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        wrong = [
            strangers(folder / "strangers", given.requests),
            leavers(folder / "leavers"),
            full_disk(folder / "disk"),
            torn_answers(folder / "answers"),
            torn_table(folder / "table"),
        ]
    return int(any(wrong))


if __name__ == "__main__":
    sys.exit(main())
