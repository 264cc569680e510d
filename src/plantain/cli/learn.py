"""`plantain learn EXAMPLES QUESTION`: a question learned from a folder of photos with true answers, kept as a file."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from plantain.cli.reporting import emit
from plantain.errors import UsageError


def learn(
    examples: Path,
    question: str,
    /,
    *,
    out: Annotated[Path, Parameter(name=["--out", "-o"])],
    weights: Path | None = None,
) -> int:
    """Learns a question from photos with true answers, and keeps what was learned as a file for `--model`.

    plantain learn my-set "segment crack, background" -o cracks.npz
    plantain photo.jpg "segment crack, background" -m cracks.npz

    Parameters
    ----------
    examples
        A folder of photos (images/) with answers in any form that is read: labels/, masks/, annotations.json, answers/.
    question
        What is asked, as in `plantain predict`.
    out
        The file, which ends in .npz.
    weights
        The folder of other weights of the embedded generator.
    """
    if out.suffix != ".npz":
        raise UsageError(f"what was learned is kept as .npz, not {out}")
    from plantain.data.readers.examples import read_examples
    from plantain.models.painters.embedded import Embedded
    from plantain.models.painters.learned import learn as fit
    from plantain.models.painters.learned import save
    from plantain.pipeline.examples import paired, report
    from plantain.tasks.language.parsing import interpret

    task, start = interpret(question), time.monotonic()
    pairs = paired(task, read_examples(examples, task))
    lesson = fit(Embedded() if weights is None else Embedded(weights), task, pairs).lesson
    save(lesson, out)
    seconds = round(time.monotonic() - start, 2)
    emit(
        {"file": str(out), "task": lesson.task, "examples": len(pairs), "seconds": seconds, "left_out": lesson.left_out}
    )
    for line in report(lesson.left_out, len(pairs)):
        print(line, file=sys.stderr, flush=True)
    return 0
