"""Kills a batch in its middle, lets it go on, and holds it against one that nobody disturbed.

    python benchmarks/batch_kills.py [--pictures 300] [--kills 4] [--workers 2] [--ray] [--model embedded]

Pictures cut from the bundled photographs, one of them broken, lie in a tar shard. The driver (SIGKILL, its whole
process group) and single workers are killed in turn at random moments; with --ray, Ray's actors too. Exit code 1 where
a picture has no outcome or two, something half-written is left, or an answer is not made of the same bytes as
undisturbed (of an archive: of the arrays in it, since its record says how long it took).
"""

from __future__ import annotations

import argparse
import hashlib
import io
import json
import os
import random
import signal
import subprocess
import sys
import tarfile
import tempfile
import time
import zipfile
from collections import Counter
from pathlib import Path

from PIL import Image

import plantain

SAMPLES = sorted((Path(plantain.__file__).parent / "samples").glob("*.jpg"))


def shard(path: Path, pictures: int) -> None:
    """A tar file of cut photographs, the last of them broken."""
    chance, opened = random.Random(0), [Image.open(one).convert("RGB") for one in SAMPLES]
    with tarfile.open(path, "w") as tar:
        for place in range(pictures):
            whole, out = chance.choice(opened), io.BytesIO()
            left, top = chance.randrange(whole.width // 2), chance.randrange(whole.height // 2)
            whole.crop((left, top, left + whole.width // 2, top + whole.height // 2)).save(out, "JPEG", quality=90)
            content = out.getvalue()[: 200 if place == pictures - 1 else None]
            member = tarfile.TarInfo(f"{place % 10}/{place:05}.jpg")
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))


def command(source: Path, out: Path, given: argparse.Namespace, *more: str) -> list[str]:
    fixed = [sys.executable, "-m", "plantain", "batch", str(source), given.question, "-o", str(out), "--quiet"]
    return [*fixed, "--model", given.model, "--workers", str(given.workers), *more]


def done(out: Path) -> int:
    rows = out / "rows.jsonl"
    return rows.read_bytes().count(b"\n") if rows.exists() else 0


def below(pid: int) -> list[int]:
    """All processes that a process has started, and those of theirs."""
    try:
        own = [int(one) for one in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []
    return own + [other for one in own for other in below(one)]


def workers_of(pid: int) -> list[int]:
    """The processes that hold a model: workers, and Ray's actors."""
    words = (b"spawn_main", b"ray::MapBatches", b"ray::MapWorker")
    found = []
    for one in below(pid):
        try:
            if any(word in Path(f"/proc/{one}/cmdline").read_bytes() for word in words):
                found.append(one)
        except OSError:
            continue
    return found


def disturbed(line: list[str], out: Path, pictures: int, kills: int) -> int:
    """Kills and starts again until the batch has ended; how many kills hit."""
    chance, hit = random.Random(1), 0
    while True:
        child = subprocess.Popen(line, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
        while child.poll() is None:
            wanted = done(out) + chance.randint(1, max(2, pictures // (kills + 1)))
            while child.poll() is None and (done(out) < wanted or hit >= kills):
                time.sleep(0.02)
            if child.poll() is not None or hit >= kills:
                continue
            victims = workers_of(child.pid)
            if hit % 2 and victims:
                os.kill(chance.choice(victims), signal.SIGKILL)
            else:
                for one in below(child.pid):  # Ray's processes have groups of their own
                    if b"ray" in Path(f"/proc/{one}/cmdline").read_bytes():
                        os.kill(one, signal.SIGKILL)
                os.killpg(child.pid, signal.SIGKILL)
            hit += 1
        if child.returncode >= 0:
            return hit


def content(out: Path) -> dict[str, str]:
    """Hashes of all that was answered."""
    told = {}
    for path in sorted(one for one in (out / "answers").rglob("*") if one.is_file()):
        name = path.relative_to(out).as_posix()
        if path.suffix == ".npz":
            with zipfile.ZipFile(path) as archive:
                told |= {f"{name}/{one}": hashlib.sha256(archive.read(one)).hexdigest() for one in archive.namelist()}
        else:
            told[name] = hashlib.sha256(path.read_bytes()).hexdigest()
    return told


def wrong(out: Path, calm: Path, pictures: int) -> list[str]:
    """What is not as it should be."""
    lines = [json.loads(line) for line in (out / "rows.jsonl").read_text().splitlines()]
    counts = Counter(line["id"] for line in lines)
    found = [f"{count} outcomes of {name}" for name, count in counts.items() if count != 1]
    found += [] if len(counts) == pictures else [f"{len(counts)} outcomes of {pictures} pictures"]
    failed = sum("error" in line for line in lines)
    found += [] if failed == 1 else [f"{failed} failed, where one is broken"]
    mine, theirs = content(out), content(calm)
    unlike = [name for name in mine.keys() | theirs.keys() if mine.get(name) != theirs.get(name)]
    same = len(theirs) - len(unlike)
    print(f"{len(counts)} outcomes, {failed} of them an error; {same} of {len(theirs)} parts the same")
    return found + [f"unlike undisturbed: {name}" for name in sorted(unlike)]


def main() -> int:
    args = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    args.add_argument("--pictures", type=int, default=300)
    args.add_argument("--kills", type=int, default=4)
    args.add_argument("--workers", type=int, default=2)
    args.add_argument("--model", default="embedded")
    args.add_argument("--question", default="metric depth")
    args.add_argument("--ray", action="store_true", help="the disturbed one on a local Ray cluster")
    given = args.parse_args()
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        shard(folder / "photos.tar", given.pictures)
        start = time.monotonic()
        subprocess.run(command(folder / "photos.tar", folder / "calm", given), stdout=subprocess.DEVNULL, check=False)
        calm_s, start = time.monotonic() - start, time.monotonic()
        ray = ("--ray", "local") if given.ray else ()
        line = command(folder / "photos.tar", folder / "out", given, *ray)
        hit = disturbed(line, folder / "out", given.pictures, given.kills)
        print(f"undisturbed: {calm_s:.0f} s; with {hit} kills{' on Ray' * given.ray}: {time.monotonic() - start:.0f} s")
        found = wrong(folder / "out", folder / "calm", given.pictures)
    for line in found[:20]:
        print(f"WRONG: {line}")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
