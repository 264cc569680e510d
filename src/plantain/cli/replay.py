"""`--replay self`: the base's own paintings of prompts, so that tuning keeps the generator what it was."""

from __future__ import annotations

import json
from pathlib import Path

from plantain.cli.hosted import ahead, opened
from plantain.cli.options import ModelArgs
from plantain.cli.reporting import progress
from plantain.cli.terminal import print_error
from plantain.errors import PainterError, UsageError
from plantain.files import read_text, writing

SELF = "self"


def own_pictures(prompts: Path | None, folder: Path, asking: ModelArgs, seed: int, *, quiet: bool) -> Path | None:
    """Paints a picture for each line of a file of prompts into `folder`, with captions.json beside them; what is there
    already is not painted again. None after a dry run.

    UsageError without prompts, PainterError where no picture could be painted."""
    from plantain.pipeline.jobs import Generate, Job, PredictOptions
    from plantain.pipeline.store import Store
    from plantain.pipeline.stream import stream

    lines = _lines(prompts)
    jobs = [Job(f"{i:06d}", None, Generate(line, None), PredictOptions(seed=seed + i)) for i, line in enumerate(lines)]
    captions: dict[str, str] = {}
    with opened(asking, quiet=quiet) as model, progress(len(jobs), "pictures", quiet=quiet) as bar:
        store = Store(folder, model)
        if ahead(jobs, model, store, asking, quiet=quiet):
            return None
        for outcome, line in zip(stream(jobs, model, store=store), lines, strict=True):
            if outcome.error is None:
                captions[outcome.files["painting"].relative_to(folder).as_posix()] = line
            else:
                with bar.aside():
                    print_error(outcome.error, line)
            bar.step()
    if not captions:
        raise PainterError(f"none of {len(lines)} pictures could be painted; see the lines above")
    with writing(folder / "captions.json") as path:
        path.write_text(json.dumps(captions, indent=0, ensure_ascii=False), encoding="utf-8")
    return folder


def _lines(prompts: Path | None) -> list[str]:
    wanted = "give a file with a prompt a line: --replay self --prompts prompts.txt"
    if prompts is None:
        raise UsageError(f"own pictures are painted from prompts; {wanted}")
    try:
        lines = [line.strip() for line in read_text(prompts).splitlines() if line.strip()]
    except (OSError, ValueError) as error:
        raise UsageError(f"cannot read {prompts} ({error}); {wanted}") from error
    if not lines:
        raise UsageError(f"{prompts} holds no prompt; {wanted}")
    return lines
