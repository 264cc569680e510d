"""The batch mode of both services: half the price, and found again by name after a kill at any moment."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from server import KEY, Service, street

from plantain.cli import main
from plantain.models.painters.hosted import batch

pytest.importorskip("google.genai")
pytest.importorskip("openai")

NAMES = ["gemini", "openai"]
MOST = {"gemini": 0.5 * 0.33515, "openai": 0.02}  # a picture in a batch; a price that somebody gave is not halved
PAID = {"gemini": 0.5 * 0.14573, "openai": 0.02}


@pytest.fixture(autouse=True)
def quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batch, "POLL_S", 0.02)
    monkeypatch.setenv("SECRET_OF_THE_TEST", KEY)


def line(service: Service, name: str, folder: Path, *more: str, photos: int = 3) -> list[str]:
    (folder / "photos").mkdir(exist_ok=True)
    for number in range(photos):
        Image.fromarray(street(number, (48, 36))).save(folder / "photos" / f"{number}.png")
    own = ["--base-url", service.url, "--option", "size=512"]
    if name == "openai":
        own = ["--base-url", f"{service.url}/v1", "--price", "0.02", "--option", "size=48x36"]
    own += ["--option", f"kept={folder / 'kept'}", "--option", "key_from=SECRET_OF_THE_TEST"]
    return [str(folder / "photos"), "metric depth", "-m", name, "-o", str(folder / "out"), "--batch", *own, *more]


def spent(folder: Path) -> float:
    lines = map(json.loads, (folder / "kept" / "ledger.jsonl").read_text().splitlines())
    return sum(one["usd"] for one in lines if "end" in one)


def killed(where: str, command: list[str]) -> None:
    """Runs a command in a process that dies at a place of the batch's code."""
    script = (
        "import os, sys\n"
        "from plantain.models.painters.hosted import batch\n"
        "from plantain.models.painters.hosted.base import Hosted\n"
        "batch.POLL_S = 0.02\n"
        "def die(*_, **__): os._exit(9)\n"
        f"{where}\n"
        "from plantain.cli import main\n"
        "main(sys.argv[1:])\n"
    )
    assert subprocess.run([sys.executable, "-c", script, *command], env=os.environ).returncode == 9


@pytest.mark.parametrize("name", NAMES)
def test_a_batch(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with Service() as service:
        service.plan = ["ok", "refused", "ok", "500"]
        command = line(service, name, tmp_path, photos=4)
        assert main(command) == 1
        said = capsys.readouterr()
        records = [json.loads(text) for text in said.out.splitlines()]
        errors = [str(one.get("error")) for one in records]
        assert ["error" in one for one in records] == [False, True, False, True]
        assert "refused" in errors[1]
        assert "not answered in the batch" in errors[3]
        assert "batch 1 of 1: 4 pictures" in said.err
        refusal = 0.5 * 865 * 2e-6 if name == "gemini" else 0.0
        assert spent(tmp_path) == pytest.approx(2 * PAID[name] + refusal, rel=0.01)
        assert sum(service.delivered.values()) == (3 if name == "gemini" else 2)
        assert not list((tmp_path / "kept" / "batches").glob("*.json"))
        assert main(command) == 1  # the one without an answer goes into another batch, the refusal does not
        assert max(service.delivered.values()) == 1
        assert len(service.batches) == 2
        assert sum("error" in json.loads(text) for text in capsys.readouterr().out.splitlines()) == 1
    assert not any(KEY.encode() in path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())


PLACES = {  # where a process dies -> how many batches the service has seen by then
    "before the service hears of it": (
        "Hosted.batch_begin = None; batch.Hosted.fault = die; KIND.batch_begin = die",
        0,
    ),
    "before the name is written down": (
        "save = batch.Batch.save\n"
        "batch.Batch.save = lambda self, painter, name='': die() if name else save(self, painter)",
        1,
    ),
    "while the service paints": ("Hosted.pause = die", 1),
    "before an answer is kept": ("Hosted.keep = die", 1),
    "before the batch is ended": ("batch._ended = die", 1),
}


KILLS = [*(("openai", place) for place in PLACES), ("gemini", "before the name is written down")]


@pytest.mark.parametrize(("name", "place"), KILLS)
def test_a_kill_at_any_moment(name: str, place: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    where, seen = PLACES[place]
    module, kind = ("gemini", "Gemini") if name == "gemini" else ("openai", "OpenAI")
    where = f"from plantain.models.painters.hosted.{module} import {kind} as KIND\n{where}"
    with Service() as service:
        command = line(service, name, tmp_path)
        killed(where, command)
        assert len(service.batches) == seen
        assert main(command) == 0
        assert len(service.batches) == 1
        assert list(service.delivered.values()) == [1, 1, 1]
        assert spent(tmp_path) == pytest.approx(3 * PAID[name], rel=0.01)
        assert "may have been paid" not in capsys.readouterr().err


def test_what_is_in_a_batch_is_not_asked_for_at_the_full_price(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with Service() as service:
        command = line(service, "openai", tmp_path)
        killed(PLACES["while the service paints"][0], command)
        assert main([word for word in command if word != "--batch"]) == 1
        assert "a batch that has not ended asks for this" in capsys.readouterr().err
        assert main(command) == 0
        assert list(service.delivered.values()) == [1, 1, 1]


def test_a_service_that_is_away_is_not_one_that_knows_no_batch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from plantain.models.painters.hosted.openai import OpenAI

    real, tries = OpenAI.batch_find, list[str]()

    def find(self: OpenAI, title: str) -> str:
        tries.append(title)
        if len(tries) == 1:
            import httpx2

            raise httpx2.ReadTimeout("away")
        return real(self, title)

    with Service() as service:
        command = line(service, "openai", tmp_path)
        killed(PLACES["before the name is written down"][0], command)
        monkeypatch.setattr(OpenAI, "batch_find", find)
        assert main(command) == 0
        assert (len(tries), len(service.batches)) == (2, 1)


def test_two_processes_ask_once(tmp_path: Path) -> None:
    with Service() as service:
        command = [sys.executable, "-m", "plantain", *line(service, "openai", tmp_path)]
        running = [subprocess.Popen(command, env=os.environ, stderr=subprocess.PIPE) for _ in range(2)]
        service.polls = 0
        assert [one.wait() for one in running] == [0, 0]
        assert (len(service.batches), list(service.delivered.values())) == (1, [1, 1, 1])


@pytest.mark.parametrize("name", NAMES)
def test_a_budget_holds_for_batches(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with Service() as service:
        command = line(service, name, tmp_path)
        assert main([*command, "--budget", f"{2.5 * MOST[name]:.4f}"]) == 2
        assert "is reached" in capsys.readouterr().err
        assert not service.batches
        assert main([*command, "--budget", f"{3.1 * MOST[name]:.4f}"]) == 0


def test_large_files_are_several_batches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batch, "MOST_BYTES", 2 * 48 * 36 * 3 - 1)
    with Service() as service:
        assert main(line(service, "openai", tmp_path, photos=5)) == 0
        assert len(service.batches) == 3


def test_a_service_that_is_away_for_a_moment_is_asked_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from plantain.models.painters.hosted.openai import OpenAI

    polls: list[Any] = []
    real = OpenAI.batch_poll

    def poll(self: OpenAI, name: str) -> Any:
        polls.append(name)
        if len(polls) == 1:
            import httpx2

            raise httpx2.ConnectError("away")
        return real(self, name)

    monkeypatch.setattr(OpenAI, "batch_poll", poll)
    with Service() as service:
        assert main(line(service, "openai", tmp_path)) == 0
    assert len(polls) > 1


def test_a_batch_that_is_not_taken_costs_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with Service() as service:
        command = line(service, "openai", tmp_path)
        service.batches = None  # type: ignore[assignment]  # the server fails, the connection ends
        assert main(command) == 2
        assert "batch" in capsys.readouterr().err


def test_outside_of_predict_nothing_is_asked_at_the_full_price(tmp_path: Path) -> None:
    from plantain.models import load
    from plantain.models.painting import Request

    with Service() as service:
        painter: Any = load("openai", base_url=f"{service.url}/v1", price=0.02, kept=tmp_path, batch=True)
        (made,) = painter.paint([Request("x", (), (48, 32))])
        assert "no batch has asked for it" in str(made)
        assert not service.tries
