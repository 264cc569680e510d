"""`plantain explain`: how questions are read, without a model."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Annotated

from cyclopts import Parameter

from plantain.cli.reporting import emit
from plantain.cli.terminal import STDIN
from plantain.errors import UsageError


def explain(*texts: Annotated[str, Parameter(name="TEXT")]) -> int:
    """Says how questions are read: a JSON line each, and no model is asked.

    A line has `text`, `tasks`, `names`, `want`; where they were said `unit`, `near_m`, `far_m`, `frame`, `points`,
    `colours`; then `prompts`, which a painter would get, and `notes` on what was mended or dropped. A text that is
    refused has `"want": "refuse"` and `error`; one that is refused alone has exit code 2.

    Parameters
    ----------
    texts
        Questions, each in quotes, or - for a question a line on standard input.
    """
    if not texts:
        raise UsageError('give a question in quotes, as in: plantain explain "how far is the cup?"')
    from plantain.tasks.language.parsing import explained

    lines = [explained(text) for text in each(texts)]
    for line in lines:
        emit(line)
    refused = [line for line in lines if line["want"] == "refuse"]
    if refused and len(texts) > 1 and not any(" " in text for text in texts):
        print(f'note: one question takes quotes: plantain explain "{" ".join(texts)}"', file=sys.stderr)
    return 2 if refused and len(lines) == 1 else 0


def each(texts: tuple[str, ...]) -> Iterator[str]:
    """The texts, and the lines of standard input where `-` stands."""
    for text in texts:
        if text != STDIN:
            yield text
        elif sys.stdin is None:
            raise UsageError("standard input is closed; send a question a line")
        else:
            yield from sys.stdin.read().removesuffix("\n").split("\n")
