"""API keys, compared in constant time, and how often each may ask."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import os
import re
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from plantain.errors import UsageError
from plantain.files import read_text
from plantain.serve.errors import LATER, ApiError

VARIABLE = "PLANTAIN_API_KEYS"
SHORTEST = 16  # letters of a key
REMEMBERED = 10_000  # askers whose rate is known


def digest(key: str) -> bytes:
    return hashlib.sha256(key.encode("utf-8", "surrogateescape")).digest()


def read_keys(file: Path | None) -> dict[bytes, str]:
    """The keys of a file (a key a line, or NAME:KEY; # begins a remark) and of the variable PLANTAIN_API_KEYS (apart by
    commas), as digest -> name. UsageError for a file that cannot be read or has none, and for keys that are short."""
    try:
        lines = [] if file is None else read_text(file).splitlines()
    except (OSError, ValueError) as error:
        raise UsageError(f"cannot read the keys in {file}: {error}") from error
    found = parsed([*lines, *os.environ.get(VARIABLE, "").split(",")])
    if file is not None and not found:
        raise UsageError(f"no key in {file}; write one a line, as NAME:KEY")
    return found


def parsed(lines: Iterable[str]) -> dict[bytes, str]:
    """Digest -> name.

    >>> list(parsed(["# ours", "", "lab: 0123456789abcdef"]).values())
    ['lab']
    """
    found: dict[bytes, str] = {}
    for line in (one.split("#")[0].strip() for one in lines):
        if not line:
            continue
        name, _, key = line.rpartition(":")
        if len(key := key.strip()) < SHORTEST:
            raise UsageError(f"a key has at least {SHORTEST} letters; make one: openssl rand -hex 24")
        found[digest(key)] = name.strip() or f"key-{len(found) + 1}"
    return found


def name_of(headers: Mapping[bytes, bytes], keys: Mapping[bytes, str], *, password: bool = False) -> str | None:
    """Whose key a request carries (`Authorization: Bearer KEY`, or `x-api-key`); None for none of ours. `password`: it
    may also be the password that a browser asks its user for (`Authorization: Basic`), with any name.

    Every key is compared, and in constant time, so that the time tells nothing."""
    given = digest((_bearer(headers) or (_password(headers) if password else b"")).decode("latin-1"))
    matches = [name for known, name in keys.items() if hmac.compare_digest(known, given)]
    return matches[0] if matches else None


def _bearer(headers: Mapping[bytes, bytes]) -> bytes:
    bearer = re.fullmatch(rb"(?i:bearer) +(\S+) *", headers.get(b"authorization", b""))
    return bearer[1] if bearer else headers.get(b"x-api-key", b"")


def _password(headers: Mapping[bytes, bytes]) -> bytes:
    """The password of RFC 7617: base64 of name:password."""
    basic = re.fullmatch(rb"(?i:basic) +(\S+) *", headers.get(b"authorization", b""))
    try:
        return base64.b64decode(basic[1], validate=True).partition(b":")[2] if basic else b""
    except (ValueError, binascii.Error):
        return b""


class Rates:
    """A bucket of tokens an asker: `a_minute` requests, at once or spread."""

    def __init__(self, a_minute: float | None, clock: Callable[[], float] = time.monotonic) -> None:
        self.a_minute, self.clock = a_minute, clock
        self._left: dict[str, tuple[float, float]] = {}

    def take(self, who: str) -> None:
        """One request. ApiError 429 for one too many."""
        if self.a_minute is None:
            return
        most, now = max(1.0, self.a_minute), self.clock()
        left, then = self._left.pop(who, (most, now))
        left = min(most, left + (now - then) * self.a_minute / 60)
        self._left[who] = (left - 1 if left >= 1 else left, now)
        while len(self._left) > REMEMBERED:  # whoever was away the longest
            self._left.pop(next(iter(self._left)))
        if left < 1:
            wait = (1 - left) * 60 / self.a_minute
            message = f"more than {self.a_minute:g} requests a minute; come again in {wait:.0f} s"
            raise ApiError(429, "rate_limit_exceeded", message, kind=LATER, retry_s=wait)
