"""`plantain data build | inspect | validate | stats | export | teach`: photos with answers become data for training."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from plantain.cli.options import ModelArgs, Quiet, Whole
from plantain.cli.replay import SELF, own_pictures
from plantain.cli.reporting import emit, progress
from plantain.cli.terminal import print_error
from plantain.errors import MissingExtra, PhotoError, UnknownName, UsageError

if TYPE_CHECKING:
    from plantain.data.instructions import Settings

Names = Annotated[tuple[str, ...], Parameter(negative_iterable="", show_default=False)]
Out = Annotated[Path, Parameter(name=["--out", "-o"])]
HELD_OUT, CAPTIONED = "held-out pictures", "captioned pictures"
WORD = "plantain data build photos/ -o shards/"


@Parameter(name="*")
@dataclass(frozen=True)
class SampleArgs:
    """How samples are made."""

    kind: Names = ()
    "What the folders are: folder (one's own), excerpts, excerpts:NAME, a published set; one for all, or one each."
    split: str = "train"
    "Which part of the sets."
    size: Whole = 512
    "Pixels of a side, of a square of the same area."
    style: Names = ()
    "Wordings of the prompts: imperative, caption, json, terse; all when not said."
    paired: float = 0.2
    "Share of questions that are asked with one or two example pairs."
    replay: Path | None = None
    "A folder of captioned pictures, so that it stays a generator; or self: what the model paints from --prompts."
    replay_share: float = 0.2
    "Share of such samples."
    prompts: Path | None = None
    "Of --replay self: a file with a prompt a line."
    against: Path | None = None
    "A folder of held-out pictures: near copies of them are left out."
    generator: str | None = None
    "The open generator that is to be tuned: sides by its own rule."
    license: str = ""
    "Terms of the photos, where their folder has no LICENSE."
    lossless: Annotated[bool, Parameter(negative="", show_default=False)] = False
    "Photos as PNG too; paintings always are."

    def settings(self) -> Settings:
        """UsageError for a number that makes no sense, UnknownName for a name that is none, PhotoError for a folder."""
        from plantain.data.inspection import hashes_of
        from plantain.data.instructions import Settings

        if not 0 <= self.paired <= 1:
            raise UsageError(f"--paired lies between 0 and 1, not {self.paired:g}")
        held = () if self.against is None else hashes_of(_folder(self.against, HELD_OUT))
        held_out = tuple(row.tobytes() for row in held)
        return Settings(_canvases(self.size, self.generator), _styles(self.style), self.paired, held_out=held_out)


def build(
    *sources: Path,
    out: Out = Path("shards"),
    samples: Whole | None = None,
    making: SampleArgs = SampleArgs(),
    asking: ModelArgs = ModelArgs(),
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
    samples
        So many samples; as many as there are photos when not said.
    workers
        Processes; one for each core when not said.
    seed
        The same seed gives the same samples.
    """
    from plantain.data.build import build as run
    from plantain.data.build import plan_build
    from plantain.data.sources import REPLAY, Source, parse_sources

    if not sources:
        raise UsageError(f"say where the photos are: {WORD}")
    settings = making.settings()
    found = parse_sources(sources, _listed(making.kind), making.split, making.license)
    replay = making.replay
    if replay is not None and str(replay) == SELF and not replay.is_dir():
        replay = own_pictures(making.prompts, out / "replay", asking, seed, quiet=quiet)
        if replay is None:
            return 0
    kept = None if replay is None else Source(REPLAY, _folder(replay, CAPTIONED), making.split, making.license)
    plan = plan_build(found, settings, samples, kept, making.replay_share, seed=seed, lossless=making.lossless)
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


def _folder(path: Path, what: str) -> Path:
    if not path.is_dir():
        raise PhotoError(f"no such folder: {path}; give the folder of {what}")
    return path


def inspect(*shards: Path, out: Out = Path("sheet.html"), count: Whole = 24, seed: Whole = 0) -> int:
    """A page of random samples, to look at: photo, painting, what is known, what is read back, the words.

    Parameters
    ----------
    shards
        Folders of shards.
    out
        The page, which needs nothing beside it.
    count
        So many samples.
    seed
        Which ones.
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
        Leave out samples that are not known everywhere: musubi has no masks, and teaches what stands in a hole too.
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


SETS = (
    "ade20k", "nyu", "camvid", "coco", "animals", "captions", "panoptic", "persons", "people", "salient", "kitti",
    "bsds", "portraits", "pose",
)  # fmt: skip


def teach(
    data: Path,
    weights: Path,
    /,
    *,
    out: Out = Path("told"),
    sets: Names = SETS,
    workers: Whole = 2,
    limit: Whole | None = None,
) -> int:
    """Asks four specialists about the training photographs of excerpt sets, for `plantain train --teachers`.

    Classes of ADE20K and VOC by DeepLab, main objects by U2NetP, boxes of COCO's 80 things by NanoDet. Sets that were
    asked about already are left alone. About a second a photo on two cores. A JSON line on stdout.

    Parameters
    ----------
    data
        The folder of excerpt sets.
    weights
        The folder of the specialists' files, which are known by their SHA-256.
    out
        The folder of their answers.
    sets
        These sets alone.
    workers
        Processes that read photographs.
    limit
        Photographs a set, for a rehearsal.
    """
    try:
        from plantain.train.teach import TEACHERS
        from plantain.train.teach import teach as run
    except ImportError as error:
        raise MissingExtra("torch", "train") from error
    tell = partial(print, file=sys.stderr, flush=True)
    run(_folder(data, "photographs"), weights, out, sets, workers, limit, tell)
    emit({"out": str(out), "sets": list(sets), "teachers": list(TEACHERS)})
    return 0
