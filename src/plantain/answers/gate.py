"""Answers that are not sure enough to be acted on: they say so, and what they would have said."""

from __future__ import annotations

from dataclasses import replace

from plantain.answers.types import Answer


def gated(answer: Answer, min_confidence: float, min_presence: float) -> Answer:
    """The answer, without its value where its confidence or the presence of what it is about is too low.

    Presence is no reason where the answer is itself about presence, or says that nothing was found."""
    present = answer.presence
    asks_more = answer.want != "presence" and answer.value is not None
    if asks_more and present is not None and present < min_presence:
        why = f"{100 * present:.0f} % that it is there, {100 * min_presence:.0f} % are wanted"
    elif answer.confidence < min_confidence:
        why = f"confidence {answer.confidence:.2f}, {min_confidence:.2f} is wanted"
    else:
        return answer
    said = f"not sure enough ({why}); it would be: {answer.said}"
    return replace(answer, said=said, value=None, interval=None, gated=True)
