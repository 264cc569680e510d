"""What happens when a hosted painter's service fails, against a server on this machine that speaks both wire formats.

    python benchmarks/hosted_faults.py [-o docs/generated/hosted-faults.md] [--photos 1000]

First a table: each fault through the command line, what one sees, how often the service was asked, what the ledger says
it cost, and whether the answer is kept. Then many photographs, a tenth of which meet a fault, with a kill in the middle
and the same command once more. No network, no key, no weights.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from PIL import Image

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "models" / "hosted"))

from server import KEY, Service, street

from plantain.cli import main as plantain

DOWN = "no service there"


@dataclass(frozen=True)
class Fault:
    """What a service does, request by request (then it is well again), and what becomes of one photo: "painting", or
    words of the one line that people read. `pictures`: what the ledger counts; `kept`: whether the answer is."""

    name: str
    plan: Sequence[str]
    seen: str
    tries: int = 1
    pictures: float = 1.0
    kept: bool = True
    code: int = 0
    services: Sequence[str] = ("gemini", "openai")
    options: Sequence[str] = ()


GONE, FAILED = 2, 1  # exit codes where a service cannot be asked at all, and where one answer is of no use
FAULTS = (
    Fault("429 with a hint (0.2 s)", ["rate-hint"], "painting", 2),
    Fault("429 without a hint", ["rate", "rate"], "painting", 3),
    Fault("429, come back in two hours", ["rate-long"], "it asks to wait 7200 s", 1, 0, False, GONE),
    Fault("500", ["500"], "painting", 2),
    Fault("502 with a page of HTML", ["502"], "painting", 2),
    Fault("503 once", ["503"], "painting", 2),
    Fault("503 all the time", ["503"] * 9, "6 tries in", 6, 0, False, GONE),
    Fault("cut in the middle of the answer", ["cut"], "painting", 2, 2),
    Fault("cut before the answer", ["reset"], "painting", 2, 2),
    Fault("slow: no answer in time", ["slow"], "painting", 2, 2),
    Fault(DOWN, [], "cannot be reached", 0, 0, False, GONE),
    Fault("PNG that is JPEG", ["jpeg"], "painting"),
    Fault("several pictures, drafts first", ["drafts"], "painting"),
    Fault("refused before painting", ["refused"], "refused", 1, 0, True, FAILED),
    Fault("IMAGE_SAFETY", ["IMAGE_SAFETY"], "refused (IMAGE_SAFETY)", 1, 1, True, FAILED, ["gemini"]),
    Fault("NO_IMAGE", ["NO_IMAGE"], "gave no picture (NO_IMAGE)", 1, 1, True, FAILED, ["gemini"]),
    Fault("IMAGE_PROHIBITED_CONTENT, no content", ["IMAGE_PROHIBITED_CONTENT"], "refused (IMAGE_PROHIBITED_CONTENT)",
          1, 1, True, FAILED, ["gemini"]),
    Fault("IMAGE_RECITATION", ["IMAGE_RECITATION"], "refused (IMAGE_RECITATION)", 1, 1, True, FAILED, ["gemini"]),
    Fault("words alone", ["words"], "words alone", 1, 1, True, FAILED, ["gemini"]),
    Fault("empty answer", ["empty"], "empty answer", 1, 1, True, FAILED),
    Fault("a link to elsewhere", ["link"], "leads elsewhere", 1, 1, True, FAILED),
    Fault("a link to the same server", ["link-here"], "painting"),
    Fault("half the size", ["half"], "painting"),
    Fault("the photo between bars", ["bars"], "painting"),
    Fault("the middle of the photo alone", ["cut-out"], "show the middle", 1, 1, True, FAILED),
    Fault("a PDF called PNG", ["no-picture"], "no picture", 1, 1, True, FAILED),
    Fault("quota used up", ["quota"], "quota", 1, 0, False, GONE),
    Fault("bad key", ["bad-key"], "key", 1, 0, False, GONE),
    Fault("no such model", ["no-model"], "404", 1, 0, False, GONE),
    Fault("a request it does not take", ["bad-request"], "4", 1, 0, False, FAILED),
    Fault("budget below the price", [], "budget of $0.01 is reached", 0, 0, False, GONE, options=["--budget", "0.01"]),
)  # fmt: skip


@dataclass(frozen=True)
class Seen:
    """What became of a photo: the exit code, the line on stdout, the lines on stderr, calls, USD, files of answers."""

    code: int
    record: dict[str, object]
    said: str
    tries: int
    usd: float
    kept: list[Path]
    paid: int = 0
    everything: str = field(default="", repr=False)


def command(service: Service, name: str, photos: Path, folder: Path, *more: str) -> list[str]:
    """The command line that asks a service on this machine about photos."""
    place = [service.url] if name == "gemini" else [f"{service.url}/v1", "--price", "0.02", "--option", "size=96x72"]
    options = [f"kept={folder / 'kept'}", "key_from=SECRET_OF_THE_TEST", "pause_s=0.01", "timeout_s=1.2"]
    options += ["size=512"] if name == "gemini" else []
    told = [part for one in options for part in ("--option", one)]
    return [str(photos), "metric depth", "-m", name, "-o", str(folder / "out"), "--base-url", *place, *told, *more]


def ask(service: Service, name: str, folder: Path, *more: str) -> Seen:
    """One photo through the command line."""
    photo = folder / "street.png"
    Image.fromarray(street()).save(photo)
    before = sum(service.tries.values())
    os.environ["SECRET_OF_THE_TEST"] = KEY
    with contextlib.redirect_stdout(io.StringIO()) as out, contextlib.redirect_stderr(io.StringIO()) as err:
        code = plantain(command(service, name, photo, folder, *more))
    ledger = folder / "kept" / "ledger.jsonl"
    lines = [json.loads(line) for line in ledger.read_text().splitlines()] if ledger.exists() else []
    usd = sum(line["usd"] for line in lines if "end" in line)
    kept = sorted((folder / "kept").rglob("answers/*/*.json"))
    said, printed = err.getvalue(), out.getvalue()
    record = json.loads(printed.splitlines()[-1]) if printed else {}
    paid = max(service.delivered.values(), default=0)
    tries = sum(service.tries.values()) - before
    return Seen(code, record, said, tries, usd, kept, paid, printed + said)


@contextlib.contextmanager
def provoked(fault: Fault, name: str, folder: Path) -> Iterator[Callable[[], Seen]]:
    """A service with a fault; each call gives what one photo makes of it."""
    service = Service()
    service.plan = list(fault.plan)
    if fault.name == DOWN:
        service.server.server_close()
    with contextlib.nullcontext() if fault.name == DOWN else service:
        yield lambda: ask(service, name, folder, *fault.options)


def fault_table() -> list[str]:
    """The table in Markdown."""
    rows = ["| fault | service | what one sees | tries | USD | kept |", "|-|-|-|-|-|-|"]
    for fault in FAULTS:
        for name in fault.services:
            with tempfile.TemporaryDirectory() as place, provoked(fault, name, Path(place)) as once:
                seen = once()
                told = seen.said.splitlines()[0] if seen.code else "plantain: street.png: a painting" + lossy(seen)
                told = told.split(": ", 2)[2].partition(" (not asked again")[0].replace(str(Path(place)), "...")
                told = re.sub(r"127\.0\.0\.1:\d+", "HOST", told)
                cells = (fault.name, name, told, seen.tries, f"{seen.usd:.3f}", "yes" if seen.kept else "-")
                rows.append(f"| {' | '.join(str(cell).replace('|', ' ') for cell in cells)} |")
    return rows


def lossy(seen: Seen) -> str:
    confidence = seen.record.get("confidence")
    return f" (confidence {confidence:.2f})" if isinstance(confidence, float) else ""


# ---- many photographs, a tenth with faults, and a kill in the middle


PASSING = ("rate-hint", "rate", "500", "502", "503", "reset", "cut", "slow")  # at the first try
LASTING = ("jpeg", "refused", "empty", "half")


def tenth(key: str, attempt: int) -> str:
    """A fault for every tenth request, by its hash; those that pass are over at the second try."""
    number = int(key[:8], 16)
    if number % 10:
        return "ok"
    faults = PASSING + LASTING
    chosen = faults[number // 10 % len(faults)]
    return chosen if attempt == 1 or chosen in LASTING else "ok"


@dataclass(frozen=True)
class Tally:
    """What many photographs came to after a kill in the middle, the same command again, and once more with
    `resend=true`: paintings and errors of the second run, paintings of the third; requests that the service began, and
    answered, more than once by the end of the second; calls that the ledger counts as perhaps paid for nothing."""

    outcomes: int
    painted: int
    failed: int
    before_kill: int
    begun_twice: int
    delivered_twice: int
    broken: int
    killed: int
    finally_painted: int
    seconds: float


def many(count: int, folder: Path, resend: str = "null") -> Tally:
    """The same command twice, of which the first is killed when half of the answers were delivered; then once more."""
    photos = folder / "photos"
    photos.mkdir(parents=True)
    for number in range(count):
        Image.fromarray(street(number, (24, 18))).save(photos / f"{number:04}.png")
    start = time.perf_counter()
    with Service(tenth, seconds=0.03) as service:
        options = ("--option", "size=32x24", "--option", "concurrency=8")
        base = [sys.executable, "-m", "plantain", *command(service, "openai", photos, folder, *options)]
        line, env = [*base, "--option", f"resend={resend}"], os.environ | {"SECRET_OF_THE_TEST": KEY}
        with (folder / "first.txt").open("w") as sink:
            first = subprocess.Popen(line, env=env, stdout=sink, stderr=sink)
            while sum(service.delivered.values()) < count // 2 and first.poll() is None:
                time.sleep(0.002)
            first.send_signal(signal.SIGKILL)
            first.wait()
        before = sum(service.tries.values())
        done = subprocess.run(line, env=env, capture_output=True, text=True)
        twice = [sum(times > 1 for times in counted.values()) for counted in (service.begun, service.delivered)]
        ledger = [json.loads(text) for text in (folder / "kept" / "ledger.jsonl").read_text().splitlines()]
        last = subprocess.run([*base, "--option", "resend=true"], env=env, capture_output=True, text=True)
    records, final = ([json.loads(text) for text in run.stdout.splitlines()] for run in (done, last))
    (folder / "second.txt").write_text(done.stdout + done.stderr)
    (folder / "third.txt").write_text(last.stdout + last.stderr)
    doubts = [one.get("doubt") for one in ledger]
    failed = sum("error" in one for one in records)
    outcomes = len({one["image"] for one in records})
    final_painted = sum("error" not in one for one in final)
    seconds = time.perf_counter() - start
    counts = doubts.count("broken"), doubts.count("killed")
    return Tally(outcomes, len(records) - failed, failed, before, *twice, *counts, final_painted, seconds)


def told(tally: Tally, count: int, resend: str) -> str:
    mode = {"null": "by default", "false": "with `resend=false`"}[resend]
    return (
        f"- {mode}: {tally.outcomes:,} outcomes of {count:,} photographs ({tally.painted:,} paintings, {tally.failed} "
        f"errors); {tally.before_kill:,} calls before the kill; requests answered twice: {tally.delivered_twice}, "
        f"begun twice: {tally.begun_twice}; calls that the ledger counts as perhaps paid for nothing: {tally.broken} "
        f"that broke off, {tally.killed} of the killed run. Once more with `resend=true`: {tally.finally_painted:,} "
        f"paintings. {tally.seconds:.0f} s for the three runs."
    )


PREFACE = """# Faults of services

By `python benchmarks/hosted_faults.py`, against a server on this machine. One photo each. Where an answer is kept, the
line also says that it is not asked for again, and which file to delete if it shall be. USD: what the ledger counts; a
call that may have been paid counts at its highest price ($0.02 a picture for openai, by `--price`)."""
MIDDLE = """{:,} photographs, a tenth of which meet a fault, and SIGKILL in the middle. *Answered* are requests whose
answer was delivered; *begun* those that a service which bills at the start would charge."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-o", "--out", type=Path)
    parser.add_argument("--photos", type=int, default=1000)
    given = parser.parse_args()
    lines = [PREFACE, "", *fault_table(), "", MIDDLE.format(given.photos), ""]
    for resend in ("null", "false"):
        with tempfile.TemporaryDirectory() as place:
            lines.append(told(many(given.photos, Path(place), resend), given.photos, resend))
    text = "\n".join(lines) + "\n"
    print(text)
    if given.out:
        given.out.write_text(text)


if __name__ == "__main__":
    main()
