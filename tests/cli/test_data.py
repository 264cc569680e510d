"""`plantain data`: from a folder to shards, looked at, checked, counted and handed over; and what it refuses."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from plantain.models import MODELS, Identity, ModelSpec, Painter
from plantain.models.painting import Painting

sys.path.append(str(Path(__file__).parents[1] / "data"))
from scenes_folder import write_captioned, write_folder

SMALL = ("--size", 64, "--workers", 1, "--quiet")


class Gray(Painter):
    """Paints everything in the gray of its seed."""

    identity = Identity("gray", revision="1")

    def canvas(self, width, height):
        return 64, 48

    def paint(self, requests):
        return [Painting(np.full((r.size[1], r.size[0], 3), r.seed, np.uint8)) for r in requests]


@pytest.fixture
def rooms(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_folder(Path("rooms"), 4)
    return Path("rooms")


def test_from_a_folder_to_shards_that_others_read(say, rooms) -> None:
    write_captioned(Path("pictures"))
    code, (told,), err = say("data", "build", rooms, "-o", "shards", "--samples", 12, "--replay", "pictures", *SMALL)
    assert (code, told["samples"], told["made"], err) == (0, 12, 12, [])
    assert (
        say("data", "build", rooms, "-o", "shards", "--samples", 12, "--replay", "pictures", *SMALL)[1][0]["made"] == 0
    )
    code, (told,), _ = say("data", "inspect", "shards", "--count", 4)
    page = Path(told["out"]).read_text()
    assert code == 0 and page.count('class="sample"') == 4 and page.count("<img") >= 8 and "rooms/" in page
    assert say("data", "validate", "shards", "-q")[:2] == (0, [{"samples": 12, "faults": 0}])
    code, lines, _ = say("data", "stats", "shards")
    assert code == 0 and lines[0]["samples"] == 12 and {"by", "value", "samples"} <= lines[1].keys()
    code, (told,), _ = say("data", "export", "shards", "--format", "musubi", "-o", "musubi", "-q")
    assert code == 0 and told["samples"] == 12 and Path("musubi/dataset.toml").exists()


def test_validation_says_what_is_wrong_and_exits_with_2(say, rooms) -> None:
    say("data", "build", rooms, "-o", "shards", "--samples", 4, *SMALL)
    Path("held").mkdir()
    Image.open(rooms / "images" / "2.png").save("held/2.jpg")
    code, lines, err = say("data", "validate", "shards", "--against", "held", "-q")
    assert code == 2 and lines[-1]["faults"] == len(err) > 0
    assert "rooms/2 is a held-out picture" in err[0] and lines[0]["check"] == "held out"
    code, _, err = say("data", "build", rooms, "-o", "clean", "--samples", 8, "--against", "held", *SMALL)
    assert code == 0 and "left out: the photo rooms/2 is a held-out picture" in err[0]
    assert say("data", "validate", "clean", "--against", "held", "-q")[0] == 0


def test_the_base_keeps_its_own_pictures(say, rooms, monkeypatch) -> None:
    monkeypatch.setitem(MODELS, "gray", ModelSpec("gray", f"{__name__}:Gray", "Gray."))
    Path("prompts.txt").write_text("a red chair\n\na dog, seen from above\n")
    command = ("data", "build", rooms, "-o", "shards", "--samples", 10, "--replay", "self", "--replay-share", 0.5,
               "--prompts", "prompts.txt", "-m", "gray", "--seed", 7, *SMALL)  # fmt: skip
    code, (told,), _ = say(*command)
    assert code == 0 and told["samples"] == 10
    captions = json.loads(Path("shards/replay/captions.json").read_text())
    assert list(captions.values()) == ["a red chair", "a dog, seen from above"]
    grays = {np.asarray(Image.open(Path("shards/replay") / name)).flat[0] for name in captions}
    assert grays == {7, 8}, "a seed for each prompt"
    counts = {
        line["value"]: line["samples"] for line in say("data", "stats", "shards")[1] if line.get("by") == "source"
    }
    assert counts == {"rooms": 5, "replay": 5}


@pytest.mark.parametrize(
    ("words", "part"),
    [
        ((), "say where the photos are"),
        (("nowhere",), "no such folder: nowhere"),
        (("rooms", "--kind", "excerpts"), "holds no excerpt set"),
        (("rooms", "--kind", "folders"), "did you mean 'folder'"),
        (("rooms", "--size", "20"), "between 64 and 4096"),
        (("rooms", "--style", "rude"), "unknown prompt style 'rude'"),
        (("rooms", "--generator", "longcat-image-edit"), "always paints about a megapixel"),
        (("rooms", "--samples", "0"), "samples must be at least 1"),
        (("rooms", "--paired", "2"), "--paired lies between 0 and 1"),
        (("rooms", "--replay", "pictures"), "no such folder: pictures"),
        (("rooms", "--replay", "self"), "own pictures are painted from prompts"),
        (("rooms", "--replay", "rooms", "--replay-share", "1"), "lies between 0 and 1, not 1"),
    ],
)
def test_what_cannot_be_built_is_one_line(say, rooms, words, part) -> None:
    code, lines, err = say("data", "build", *words, "-q")
    assert (code, lines, len(err)) == (2, [], 1) and part in err[0], err
    assert not Path("shards").exists()


def test_shards_that_are_none(say, rooms) -> None:
    for verb in (["inspect"], ["validate"], ["stats"], ["export", "--format", "musubi"]):
        code, _, err = say("data", verb[0], "rooms", *verb[1:])
        assert code == 2 and "no finished shards" in err[0]
        assert say("data", *verb)[0] == 2
