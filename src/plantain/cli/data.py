"""`plantain data build | inspect | validate | stats | export`: photos with true answers become data for tuning."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from plantain.cli.options import ModelArgs, Quiet, Whole
from plantain.cli.replay import SELF, own_pictures
from plantain.cli.reporting import emit, progress
from plantain.cli.terminal import print_error
from plantain.errors import PhotoError, UnknownName, UsageError

Names = Annotated[tuple[str, ...], Parameter(negative_iterable="", show_default=False)]
Out = Annotated[Path, Parameter(name=["--out", "-o"])]
HELD_OUT = "held-out pictures"
WORD = "plantain data build photos/ -o shards/"


def build(
    *sources: Path,
    out: Out = Path("shards"),
    kind: Names = (),
    samples: Whole | None = None,
    size: Whole = 512,
    split: str = "train",
    style: Names = (),
    replay: Path | None = None,
    replay_share: float = 0.2,
    prompts: Path | None = None,
    asking: ModelArgs = ModelArgs(),
    paired: float = 0.2,
    against: Path | None = None,
    generator: str | None = None,
    license: str = "",
    lossless: Annotated[bool, Parameter(negative="", show_default=False)] = False,
    workers: Whole | None = None,
    seed: Whole = 0,
    quiet: Quiet = False,
) -> int:
    """Photos with true answers become shards of instruction samples, for tuning a generator.

    The same command with the same seed gives the same shards, whatever the number of workers; stopped at any moment,
    it goes on where it was. A JSON line on stdout.

    Parameters
    ----------
    sources
        Folders of photos with answers beside them (images/ with depth/, masks/, labels/, annotations.json, answers/).
    out
        The folder of shards.
    kind
        What the folders are: folder (people's own), excerpts:NAME, excerpts (all of them), or a published set by name;
        one for all folders, or one for each in turn.
    samples
        So many samples; as many as there are photos when not said.
    size
        Pixels of a side, of a square of the same area.
    split
        Which part of the sets.
    style
        Wordings of the prompts: imperative, caption, json, terse; all when not said.
    replay
        A folder of captioned pictures, so that the generator stays one: text to image, and repairs. Or self: pictures
        that the model paints itself from --prompts, into OUT/replay.
    replay_share
        Share of such samples.
    prompts
        Of --replay self: a file with a prompt a line.
    paired
        Share of questions that are asked with one or two example pairs.
    against
        A folder of held-out pictures: near copies of them are left out.
    generator
        The open generator that is to be tuned: sides by its own rule.
    license
        Terms of the photos, where their folder has no LICENSE.
    lossless
        Photos as PNG too; paintings always are.
    workers
        Processes; one for each core when not said.
    """
    from plantain.data.build import build as run
    from plantain.data.build import plan_build
    from plantain.data.inspection import hashes_of
    from plantain.data.instructions import Settings
    from plantain.data.sources import REPLAY, Source, parse_sources

    if not sources:
        raise UsageError(f"say where the photos are: {WORD}")
    _check_share("--paired", paired)
    found = parse_sources(sources, _listed(kind), split, license)
    if replay is not None and str(replay) == SELF and not replay.is_dir():
        replay = own_pictures(prompts, out / "replay", asking, seed, quiet=quiet)
        if replay is None:
            return 0
    kept = None if replay is None else Source(REPLAY, _folder(replay, "captioned pictures"), split, license)
    held_out = () if against is None else tuple(row.tobytes() for row in hashes_of(_folder(against, HELD_OUT)))
    settings = Settings(_canvases(size, generator), _styles(style), paired, held_out=held_out)
    plan = plan_build(found, settings, samples, kept, replay_share, seed=seed, lossless=lossless)
    with progress(plan.shards, "shards", quiet=quiet) as bar:
        told = run(plan, out, os.cpu_count() or 1 if workers is None else workers, bar.step)
    for line in told.pop("unreadable"):
        print_error(f"left out: {line}")
    emit({"out": str(out)} | told)
    return 0


def _listed(texts: tuple[str, ...]) -> list[str]:
    return [name.strip() for text in texts for name in text.split(",") if name.strip()]


def _styles(given: tuple[str, ...]) -> tuple[str, ...]:
    from plantain.tasks.base import STYLES

    wanted = _listed(given) or ["all"]
    for name in wanted:
        if name not in (*STYLES, "all"):
            raise UnknownName("prompt style", name, (*STYLES, "all"))
    return STYLES if "all" in wanted else tuple(dict.fromkeys(wanted))


def _canvases(size: int, generator: str | None) -> tuple[tuple[int, int], ...]:
    from plantain.models.painters.generators.sizes import Size
    from plantain.models.painters.generators.spec import GENERATORS

    if generator is not None and generator not in GENERATORS:
        raise UnknownName("generator", generator, GENERATORS)
    if not 64 <= size <= 4096:
        raise UsageError(f"--size lies between 64 and 4096 pixels, not {size}")
    rule = Size(multiple=32) if generator is None else GENERATORS[generator].size
    return rule.buckets(size)


def _check_share(name: str, value: float) -> None:
    if not 0 <= value <= 1:
        raise UsageError(f"{name} lies between 0 and 1, not {value:g}")


def _folder(path: Path, what: str) -> Path:
    if not path.is_dir():
        raise PhotoError(f"no such folder: {path}; give the folder of {what}")
    return path


def inspect(
    *shards: Path, out: Out = Path("sheet.html"), count: Whole = 24, seed: Whole = 0, quiet: Quiet = False
) -> int:
    """A page of random samples, to look at: photo, painting, what is known, what is read back, the words.

    Parameters
    ----------
    shards
        Folders of shards.
    out
        The page, which needs nothing beside it.
    count
        So many samples.
    """
    from plantain.eval.sheet import sheet

    emit({"out": str(sheet(_given(shards), out, count, seed))})
    return 0


def _given(shards: tuple[Path, ...]) -> tuple[Path, ...]:
    if not shards:
        raise UsageError("say which folder of shards: plantain data stats shards/")
    return shards


def validate(*shards: Path, against: Path | None = None, quiet: Quiet = False) -> int:
    """Checks shards: hashes, equal sides, weights, paintings that say what their truth said, held-out pictures.

    A JSON line a fault and a line on stderr, then one that counts them. Exit code 2 where anything is wrong.

    Parameters
    ----------
    shards
        Folders of shards.
    against
        A folder of held-out pictures, near copies of which must not be among the samples.
    """
    from plantain.data.inspection import hashes_of
    from plantain.data.inspection import validate as check
    from plantain.data.stream import Shards

    parts = [Shards(folder) for folder in _given(shards)]
    held_out = None if against is None else hashes_of(_folder(against, HELD_OUT))
    wrong, total = 0, sum(map(len, parts))
    with progress(total, "samples", quiet=quiet) as bar:
        for fault in (fault for part in parts for fault in check(part, held_out, bar.step)):
            wrong += 1
            with bar.aside():
                print_error(fault)
                emit({"where": fault.where, "check": fault.check, "fault": fault.what})
    emit({"samples": total, "faults": wrong})
    return 2 if wrong else 0


def stats(*shards: Path) -> int:
    """Counts what shards hold, as JSON lines: by task, code, style, source, license and size, with the share of absent
    things.

    Parameters
    ----------
    shards
        Folders of shards.
    """
    from plantain.data.inspection import stats as lines

    for line in lines(_given(shards)):
        emit(line)
    return 0


def export(
    *shards: Path,
    format: str,
    out: Out = Path("export"),
    whole: Annotated[bool, Parameter(negative="", show_default=False)] = False,
    quiet: Quiet = False,
) -> int:
    """Shards as folders of pictures, control pictures and captions, as other trainers read them.

    Parameters
    ----------
    shards
        Folders of shards.
    format
        ai-toolkit or musubi.
    out
        The new folder.
    whole
        Leave out samples that are not known everywhere: these trainers teach what stands in a hole too.
    """
    from plantain.data.export import export as run
    from plantain.data.stream import Shards

    total = sum(len(Shards(folder)) for folder in _given(shards))
    with progress(total, "samples", quiet=quiet) as bar:
        told = run(shards, out, format, whole=whole, done=bar.step)
    if told["left_out"]:
        print(f"{told['left_out']} of {total} samples were left out: too many pictures for this trainer, or holes",
              file=sys.stderr)  # fmt: skip
    emit({"out": str(out)} | told)
    return 0
