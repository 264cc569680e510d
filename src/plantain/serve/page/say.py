"""What the page says, as HTML in which nothing that people typed is markup."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from plantain.answers.ask import CAMERA
from plantain.serve.page.kept import KeptAnswer
from plantain.serve.page.understood import Understood, refused

WARNING = "Not to be believed as it stands"


FIELD = "say the field of view under Options (a phone's main camera held wide has about 70 degrees)"


def for_page(message: str) -> str:
    """An error in the words of the page rather than in those of the command line."""
    found = refused(message)
    return found.refused if found.edit else message.replace(CAMERA, FIELD)


def hint(text: str) -> str:
    return f'<p class="pl-hint">{escape(text)}</p>'


def bad(text: str) -> str:
    """An error: one line."""
    return f'<p class="pl-bad" role="alert">{escape(text)}</p>'


def doubts(lines: Sequence[str]) -> str:
    """Why something is not to be believed; "" where there is no reason."""
    if not lines:
        return ""
    each = "".join(f"<p>{escape(one)}</p>" for one in lines)
    return f'<div class="pl-doubts" role="alert"><p><b>{WARNING}</b></p>{each}</div>'


def answer(kept: KeptAnswer, why_not: Sequence[str], besides: Sequence[str] = ()) -> str:
    """The line for people, why it is not to be believed, who said it, and what else is to be known."""
    notes = "".join(f'<p class="pl-by">Note: {escape(one)}</p>' for one in kept.answer.notes)
    by = f'<p class="pl-by">{escape("; ".join((f"{kept.model}, {kept.seconds:.1f} s", *besides)))}</p>'
    return f'<p class="pl-said">{escape(kept.answer.text)}</p>{doubts(why_not)}{notes}{by}'


def comparison(first: KeptAnswer, second: KeptAnswer, agreements: Sequence[str]) -> str:
    """Both lines, and how far they agree."""
    said = (f"<p><b>{escape(one.model)}</b>: {escape(one.answer.text)}</p>" for one in (first, second))
    return "".join(said) + "".join(f'<p class="pl-said">{escape(line)}</p>' for line in agreements)


def read(found: Understood) -> str:
    """What was understood while somebody types."""
    if found.refused:
        tries = "".join(f'<button type="button" class="pl-try">{escape(one)}</button>' for one in found.better)
        better = f'<p class="pl-tries">Try: {tries}</p>' if tries else ""
        return f'<p class="pl-read" role="status">{escape(found.refused)}.</p>{better}'
    lines = [*found.lines, *(f"Note: {note}" for note in found.notes)]
    label = "Understood: " if lines else ""
    return f'<p class="pl-read" role="status">{label}{escape(" ".join(lines))}</p>'


def lines(texts: Sequence[str]) -> str:
    return "".join(f'<p class="pl-hint">{escape(one)}</p>' for one in texts)
