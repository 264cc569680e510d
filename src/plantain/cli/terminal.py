"""What the command line shares from its first moment on."""

from __future__ import annotations

import sys

STDIN = "<stdin>"  # what `-` becomes: the parser takes a lone dash for an option


def print_error(what: object, about: str | None = None) -> None:
    """One line for people; `about`: what it is about, where the error does not say so."""
    text = str(what) if about is None or about in str(what) else f"{about}: {what}"
    print("plantain:", " ".join(text.split()), file=sys.stderr, flush=True)
