"""What happens when a hosted painter's service fails, against a server on this machine that speaks both wire formats.

    python benchmarks/hosted_faults.py [-o docs/generated/hosted-faults.md] [--photos 1000]

First a table: each fault through the command line, what one sees, how often the service was asked, what the ledger says
it cost, and whether the answer is kept. Then many photographs, a tenth of which meet a fault, with a kill in the middle
and the same command once more. No network, no key, no weights.
"""

from __future__ import annotations

import contextlib
import io
import os
import sys
import tempfile
from collections.abc import Sequence
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
    lines = [
        "# Faults of services",
        "",
        "By `python benchmarks/hosted_faults.py`, against a server on this machine. One photo each. Where an answer is kept,",
        "the line also says that it is not asked for again, and which file to delete if it shall be. USD: what the ledger",
        "counts; a call that may have been paid counts at its highest price ($0.02 a picture for openai, by `--price`).",
        "",
        *fault_table(),
        "",
        f"{given.photos:,} photographs, a tenth of which meet a fault, and SIGKILL in the middle. *Answered* are requests",
        "whose answer was delivered; *begun* those that a service which bills at the start would charge.",
        "",
    ]
    for resend in ("null", "false"):
        with tempfile.TemporaryDirectory() as place:
            lines.append(told(many(given.photos, Path(place), resend), given.photos, resend))
    text = "\n".join(lines) + "\n"
    print(text)
    if given.out:
        given.out.write_text(text)


if __name__ == "__main__":
    main()
