"""What a server allows: limits, keys and places."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

LOOPBACK = ("127.0.0.1", "localhost", "::1")


@dataclass(frozen=True)
class Limits:
    """How much a request may bring and cost, and how many may be in the house at a time.

    `body_bytes`: of an upload; of a job `job_bytes`. `pixels`: of one picture; of all that are being worked on together
    `pixels_inside`. `seconds`: from the first byte to the answer. `inside`: requests that wait or are worked on; one
    more is told to come again. `paintings`: that one question may take. `rate`: requests a minute and key, None for
    any number. `text`: letters of a question. `steps`: of a painter. `jobs`: that are not done yet."""

    body_bytes: int = 20 * 2**20
    job_bytes: int = 200 * 2**20
    pixels: int = 16_000_000
    pixels_inside: int = 128_000_000
    seconds: float = 120.0
    inside: int = 32
    paintings: int = 16
    rate: float | None = None
    text: int = 4000
    steps: int = 100
    jobs: int = 100


@dataclass(frozen=True)
class Settings:
    """`keys`: SHA-256 digest -> name of who may ask; anybody where there is none. `state`: the folder of jobs; None
    where there are none. `loopback`: only names of this machine are answered to, so that no page in a browser can
    reach the server under a name of its own (DNS rebinding). `kept_days`: how long an ended job is kept. `page`:
    whether there is a page for people at /ui, which needs the extra `page`. `jobs`: where the table of jobs lies, as
    postgresql://USER@HOST/NAME; in a file of the folder where it is "". `lease_s`: how long a job of a server that died
    waits for another one."""

    limits: Limits = field(default_factory=Limits)
    keys: Mapping[bytes, str] = field(default_factory=dict)
    state: Path | None = None
    loopback: bool = False
    kept_days: float = 7.0
    page: bool = False
    jobs: str = ""
    lease_s: float = 10.0
