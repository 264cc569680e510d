"""The command line: `plantain photo.jpg "metric depth" -o out/`. One file a group of verbs, loaded when it is called.

Results are JSON lines on stdout; everything for people goes to stderr. Exit code 0: all is well; 1: some photos or a
painter failed; 2: the question, a photo or the place to write is wrong, or the painter cannot be asked at all; 130:
stopped by Ctrl-C.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from plantain.cli.terminal import STDIN, print_error
from plantain.errors import PainterError, PainterGone, PlantainError

if TYPE_CHECKING:
    from cyclopts import App

VERBS = {
    "ask": ("ask:ask", "Answers a question about photos (the verb that may be left out)."),
    "predict": ("predict:predict", "Paints one map of every photo: files, and a JSON line each."),
    "explain": ("explain:explain", "Says how a question is read, without a model."),
    "generate": ("generate:generate", "Paints a picture from words."),
    "edit": ("generate:edit", "Changes photos as told: colorize, denoise, deblur, and so on."),
    "encode": ("codec:encode", "Paints a true answer: numbers become a picture."),
    "decode": ("codec:decode", "Reads painted pictures: colors become numbers."),
    "tasks": ("tables:tasks", "Lists what can be asked."),
    "models": ("tables:models", "Lists who can be asked."),
    "learn": ("learn:learn", "Learns a question from a few photos with true answers, in seconds."),
    "data": ("", "Instruction data for tuning: build, inspect, validate, stats, export, teach."),
    "train": ("train:train", "Trains the embedded generator, or tunes an open one on your data."),
    "push": ("hub:push", "Puts a tuned generator on the Hugging Face hub."),
    "pull": ("hub:pull", "Brings a tuned generator from the hub."),
    "bench": ("", "Benchmarks: run, score, report, compare, calibrate, list, robustness."),
    "batch": ("batch:batch", "Answers a question about a great many pictures: folders, shards, stores."),
    "show": ("show:show", "Shows answers in Rerun's viewer: depth in space, classes, boxes, points."),
    "label": ("label:label", "Labels photos for other tools: COCO, YOLO, VOC, LabelMe, CVAT, FiftyOne."),
    "video": ("video:video", "Answers a question about every frame of clips, steadily."),
    "serve": ("serve:serve", "Answers over HTTP: questions, edits, long jobs."),
    "mcp": ("mcp:mcp", "Tools for agents (Model Context Protocol)."),
    "verify": ("verify:verify", "Says whether a file is an answer of Plantain, and unchanged."),
    "sign": ("verify:sign", "Signs a picture of Plantain with a certificate (C2PA)."),
    "doctor": ("doctor:doctor", "Checks the installation, and how exactly a painter keeps its place."),
}
BENCH = {
    "run": ("bench:run", "Asks a model about every picture of benchmarks, and scores it."),
    "score": ("bench:score", "Scores the kept answers of runs again."),
    "report": ("bench:report", "One page of several runs."),
    "compare": ("bench:compare", "Two runs, picture by picture."),
    "calibrate": ("bench:calibrate", "Fits the confidence of a model."),
    "list": ("bench:benchmarks", "Lists the benchmarks."),
    "robustness": ("robustness:robustness", "Benchmarks under corruptions: plots against severity."),
}
DATA = {
    "build": ("data:build", "Photos with true answers become shards of instruction samples."),
    "inspect": ("data:inspect", "A page of random samples of shards, to look at."),
    "validate": ("data:validate", "Checks shards: hashes, paintings against truths, sides, held-out pictures."),
    "stats": ("data:stats", "Counts what shards hold, as JSON lines."),
    "teach": ("data:teach", "Asks specialists about photographs, for training by their answers."),
    "export": ("data:export", "Shards as folders of another trainer: ai-toolkit, musubi."),
}
COMPLETION = "--install-completion"
GROUPS = {"bench": BENCH, "data": DATA}
HELP = """Turns image generators into vision models: photo + words -> painting -> numbers.

plantain photo.jpg "how far is the cup?"
plantain photo.jpg "metric depth" -o out/
plantain photos/ "segment wall, floor, bed" -o out/
plantain *.jpg "find the cups" --format coco -o out/"""


def app() -> App:
    """The table of verbs as a cyclopts app; no verb is imported yet."""
    from cyclopts import App

    from plantain import __version__

    made = App(
        name="plantain", help=HELP, version=__version__, suppress_keyboard_interrupt=False, help_format="plaintext"
    )
    _add(made, VERBS)
    made.register_install_completion_command(name=COMPLETION, help="Lets the shell complete verbs and options.")
    for name, verbs in GROUPS.items():
        group = App(name=name, help=VERBS[name][1], sort_key=list(VERBS).index(name), help_format="plaintext")
        _add(group, verbs)
        made.command(group)
    return made


def _add(group: App, verbs: Mapping[str, tuple[str, str]]) -> None:
    for order, (verb, (place, line)) in enumerate(verbs.items()):
        if place:
            group.command(f"plantain.cli.{place}", name=verb, help=line, sort_key=order)


def overview() -> str:
    """What `plantain --help` says: read from the table of verbs, so that nothing has to be imported for it."""
    verbs = "\n".join(f"  {verb:<12}{line}" for verb, (_, line) in VERBS.items())
    more = (
        f"--version             Says which version this is.\n{COMPLETION}  Lets the shell complete verbs and options."
    )
    return f"{HELP}\n\nVerbs (`plantain VERB --help` says more):\n{verbs}\n\n{more}"


def run(tokens: Sequence[str]) -> int:
    """Does one command; raises PlantainError. Without a verb, the words are those of `ask`."""
    if not tokens or tokens[0] in ("--help", "-h"):
        print(overview())
        return 0
    from cyclopts import CycloptsError

    from plantain.errors import UsageError

    words = [STDIN if token == "-" else token for token in tokens]
    if words[0] not in {*VERBS, "--version", COMPLETION}:
        words.insert(0, "ask")
    try:
        code = app()(words, exit_on_error=False, print_error=False, result_action="return_value")
    except CycloptsError as error:
        raise UsageError(f"{str(error).rstrip('.')}; see: plantain {words[0]} --help") from error
    return code if isinstance(code, int) else 0


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command line and gives its exit code; every error that Plantain means is one line on stderr."""
    if sys.stdout is None:
        print_error("standard output is closed; send it to a file, or to /dev/null")
        return 2
    try:
        code = run(sys.argv[1:] if argv is None else argv)
        sys.stdout.flush()
        return code
    except PlantainError as error:
        print_error(error)
        return 1 if isinstance(error, PainterError) and not isinstance(error, PainterGone) else 2
    except KeyboardInterrupt:
        print_error("stopped; what is done is whole, and the same command goes on from there")
        return 130
    except OSError as error:  # of standard output: whatever else the system refuses is an error of Plantain
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if isinstance(error, BrokenPipeError):  # the reader of our lines has gone, as in `plantain ... | head -1`
            return 141
        print_error(f"cannot write to standard output: {error.strerror or error}; what is done is whole")
        return 2
