"""Mixed traffic at twice what the server can do, on this machine alone; and what batching brings beside a naive server.

    python benchmarks/serve_load.py [--minutes 1] [--clients 64] [--seconds-each 20]

1. Throughput: eight clients ask the embedded generator about photos (no photo twice), first a naive server (a request,
   a call of the model, in the framework's threads), then `plantain serve`, then both once more.
2. Load: clients without mercy, twice as many as the server lets in, ask, predict and edit, with broken requests among
   them. Exit code 1 where the server crashes, an accepted request is not answered, a refusal is not a 429 with
   Retry-After, an answer is not that of its own photo, or memory has grown by more than 5 % after the first third.
"""

from __future__ import annotations

import argparse
import asyncio
import io
import os
import random
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

import httpx2 as httpx
import numpy as np
from PIL import Image

import plantain

SAMPLES = sorted((Path(plantain.__file__).parent / "samples").glob("*.jpg"))
QUESTIONS = ("metric depth", "surface normals", "segment the person", "segment wall, floor, cat, cup")
NAIVE = """
import sys, uvicorn
from fastapi import FastAPI, File, Form
from plantain.pipeline.predictor import load
from plantain.serve.replies import summary
model, app = load("embedded"), FastAPI()
@app.post("/v1/predict")
def predict(image: bytes = File(), task: str = Form()):
    return {"result": summary(model.predict(image, task))}
@app.get("/readyz")
def ready():
    return {}
uvicorn.run(app, port=int(sys.argv[1]), log_level="critical")
"""


@dataclass
class Seen:
    """What clients saw: seconds of answers, statuses, and what was wrong."""

    seconds: list[float] = field(default_factory=list)
    statuses: Counter[int] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)


@contextmanager
def server(command: list[str], log: Path) -> Iterator[tuple[int, subprocess.Popen[bytes]]]:
    """A server in a process of its own, until it is ready; its port."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with log.open("wb") as file:
        child = subprocess.Popen([part.replace("PORT", str(port)) for part in command], stderr=file)
        try:
            until = time.monotonic() + 120
            while True:
                try:
                    httpx.get(f"http://127.0.0.1:{port}/readyz").raise_for_status()
                    break
                except httpx.HTTPError:
                    if child.poll() is not None or time.monotonic() > until:
                        raise SystemExit(f"the server did not start: {log.read_text()[-2000:]}") from None
                    time.sleep(0.2)
            yield port, child
        finally:
            child.terminate()
            child.wait(90)


def photos(seed: int) -> Iterator[bytes]:
    """JPEGs cut from the bundled samples, none twice."""
    chance, opened = random.Random(seed), [Image.open(path).convert("RGB") for path in SAMPLES]
    while True:
        whole = chance.choice(opened)
        left, top = chance.randrange(whole.width // 4), chance.randrange(whole.height // 4)
        cut = whole.crop((left, top, left + whole.width * 3 // 4, top + whole.height * 3 // 4)).resize((480, 360))
        out = io.BytesIO()
        cut.save(out, "JPEG", quality=90)
        yield out.getvalue()


# ---- throughput


async def busy(port: int, clients: int, seconds: float, seed: int) -> tuple[int, float]:
    """Clients that ask one after the other: how many answers they got, and in how many seconds."""
    supply, done, until = photos(seed), 0, time.monotonic() + seconds
    start = time.monotonic()

    async def one(http: httpx.AsyncClient, which: int) -> None:
        nonlocal done
        while time.monotonic() < until:
            answer = await http.post("/v1/predict", files={"image": next(supply)}, data={"task": QUESTIONS[which % 4]})
            answer.raise_for_status()
            done += 1

    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=120) as http:
        await asyncio.gather(*(one(http, i) for i in range(clients)))
    return done, time.monotonic() - start


def throughput(folder: Path, seconds: float) -> None:
    """Both servers in turn, twice, so that a busy machine tells."""
    commands = {
        "one request, one call": [sys.executable, "-c", NAIVE, "PORT"],
        "plantain serve": [sys.executable, "-m", "plantain", "serve", "--port", "PORT"],
    }
    rates: dict[str, list[float]] = {name: [] for name in commands}
    costs: dict[str, list[float]] = {name: [] for name in commands}
    for turn in range(2):
        for name, command in commands.items():
            with server(command, folder / "log") as (port, child):
                asyncio.run(busy(port, 8, 1, 99))  # the model is loaded
                before = cpu_seconds(child.pid)
                done, took = asyncio.run(busy(port, 8, seconds, turn))
                rates[name].append(done / took)
                costs[name].append((cpu_seconds(child.pid) - before) / done)
    for name in commands:
        told = " and ".join(f"{rate:.2f}" for rate in rates[name])
        spent = " and ".join(f"{cost:.2f}" for cost in costs[name])
        print(f"{name}: {told} answers a second; {spent} processor seconds an answer", flush=True)
    naive, ours = (statistics.mean(found) for found in rates.values())
    dear, cheap = (statistics.mean(found) for found in costs.values())
    print(f"beside the naive server: {ours / naive:.2f} times the answers a second")
    print(f"beside the naive server: {dear / cheap:.2f} times the answers a processor second", flush=True)


def cpu_seconds(pid: int) -> float:
    """What a process has used of the processor, which says more than the clock on a machine that others use too."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


# ---- load


def requests_of(
    chance: random.Random, supply: Iterator[bytes]
) -> tuple[str, dict[str, bytes], dict[str, str], set[int]]:
    """A request of the mixture, and the statuses that it may get beside 429."""
    kind = chance.random()
    if kind < 0.5:
        return "/v1/predict", {"image": next(supply)}, {"task": chance.choice(QUESTIONS)}, {200}
    if kind < 0.65:
        return "/v1/ask", {"image": next(supply)}, {"text": "how far is the person?"}, {200}
    if kind < 0.75:
        return "/v1/images/edits", {"image": next(supply)}, {"prompt": "colorize"}, {200}
    if kind < 0.85:
        return "/v1/predict", {"image": b"junk"}, {"task": "metric depth"}, {400}
    if kind < 0.95:
        return "/v1/predict", {"image": next(supply)}, {"task": "nonsense and more of it"}, {400}
    return "/v1/predict", {}, {"task": "metric depth"}, {400}


async def load(port: int, clients: int, seconds: float, memory: Callable[[], int]) -> tuple[Seen, list[int]]:
    seen, supply, until = Seen(), photos(7), time.monotonic() + seconds
    sizes: list[int] = []

    async def one(http: httpx.AsyncClient, which: int) -> None:
        chance = random.Random(which)
        while time.monotonic() < until:
            path, files, fields, fine = requests_of(chance, supply)
            name = f"load-{which}-{chance.randrange(10**9)}"
            start = time.monotonic()
            try:
                answer = await http.post(path, files=files, data=fields, headers={"x-request-id": name})
            except httpx.HTTPError as error:
                seen.wrong.append(f"{path}: {type(error).__name__} {error}")
                continue
            judge(seen, answer, name, fine)
            if answer.status_code == 200:
                seen.seconds.append(time.monotonic() - start)
            if answer.status_code == 429:
                await asyncio.sleep(min(1.0, float(answer.headers.get("retry-after", 1))) * chance.random())

    async def watch() -> None:
        while time.monotonic() < until:
            sizes.append(memory())
            await asyncio.sleep(1)

    limits = httpx.Limits(max_connections=None)
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=300, limits=limits) as http:
        await asyncio.gather(watch(), *(one(http, i) for i in range(clients)))
    return seen, sizes


def judge(seen: Seen, answer: httpx.Response, name: str, fine: set[int]) -> None:
    """Notes what an answer should not be."""
    seen.statuses[answer.status_code] += 1
    if answer.status_code not in fine | {429}:
        seen.wrong.append(f"{answer.status_code} where {fine} was wanted: {answer.text[:200]}")
    if answer.status_code == 429 and not answer.headers.get("retry-after"):
        seen.wrong.append("a 429 without Retry-After")
    if answer.headers.get("x-request-id") != name:
        seen.wrong.append("the answer to another request")
    if answer.status_code >= 400 and set(answer.json()) != {"error"}:
        seen.wrong.append(f"an error of another form: {answer.text[:200]}")


async def alone_and_in_company(port: int) -> list[str]:
    """Whether paintings are the same bytes alone and in the company of others."""
    chosen = list(islice(photos(5), 6))

    async def ask(http: httpx.AsyncClient, photo: bytes) -> bytes:
        data, headers = {"task": "metric depth"}, {"accept": "image/png"}
        while True:
            answer = await http.post("/v1/predict", files={"image": photo}, data=data, headers=headers)
            if answer.status_code != 429:
                return answer.raise_for_status().content
            await asyncio.sleep(0.2)

    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=120) as http:
        alone = [await ask(http, photo) for photo in chosen]
        together = await asyncio.gather(*(ask(http, photo) for photo in chosen))
    same = sum(one == other for one, other in zip(alone, together, strict=True))
    print(f"the same bytes alone and in company: {same} of {len(chosen)}")
    return [] if same == len(chosen) else ["an answer hangs on its batch-mates"]


def resident(pid: int) -> int:
    """Bytes in memory of a process."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def under_load(folder: Path, minutes: float, clients: int) -> list[str]:
    """Twice as many clients as the server lets in."""
    command = [sys.executable, "-m", "plantain", "serve", "--port", "PORT", "--max-inside", str(clients // 2)]
    with server(command, folder / "log") as (port, child):
        wrong = asyncio.run(alone_and_in_company(port))
        seen, sizes = asyncio.run(load(port, clients, minutes * 60, lambda: resident(child.pid)))
        metrics = httpx.get(f"http://127.0.0.1:{port}/metrics").text
        if child.poll() is not None:
            wrong.append("the server has ended")
    print(f"{clients} clients for {minutes:g} min: {sum(seen.statuses.values())} requests, {dict(seen.statuses)}")
    points = np.percentile(seen.seconds, (50, 90, 99)) if seen.seconds else (0, 0, 0)
    print("seconds of an answer: median {:.2f}, 90 % {:.2f}, 99 % {:.2f}".format(*points))
    calls, asked = (value(metrics, f"plantain_call_requests_{what}") for what in ("count", "sum"))
    print(f"requests in one call of the model: {asked / max(calls, 1):.2f} on average")
    third = len(sizes) // 3
    early, late = (statistics.median(part) / 2**20 for part in (sizes[third : 2 * third], sizes[2 * third :]))
    print(f"resident memory: {early:.0f} MiB in the second third, {late:.0f} MiB in the last ({late / early - 1:+.1%})")
    wrong += [f"memory has grown by {late / early - 1:.1%}"] if late > 1.05 * early else []
    return wrong + seen.wrong


def value(metrics: str, name: str) -> float:
    return sum(float(line.rsplit(" ", 1)[1]) for line in metrics.splitlines() if line.startswith(f"{name}{{"))


def main() -> int:
    args = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    args.add_argument("--minutes", type=float, default=1.0)
    args.add_argument("--clients", type=int, default=64)
    args.add_argument("--seconds-each", type=float, default=20.0, help="of a turn of the comparison; 0 for none")
    given = args.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        if given.seconds_each:
            throughput(Path(folder), given.seconds_each)
        wrong = under_load(Path(folder), given.minutes, given.clients)
    for line, count in Counter(wrong).most_common(20):
        print(f"WRONG ({count} times): {line}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
