"""`plantain learn`, and `--examples`: good folders, bad folders, files that are kept and asked."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from plantain.models.painters import learned
from plantain.models.painters.learned import Seen

SIZE = (80, 60)


@pytest.fixture(autouse=True)
def cheap(monkeypatch, tmp_path):
    """Colors of cells for features, so that no network runs; an empty working folder."""

    def look(encoder, photo, prompts):
        cells = photo.reshape(photo.shape[0] // 14, 14, photo.shape[1] // 14, 14, 3).mean((1, 3)) / 255
        return Seen((np.concatenate([cells, np.ones_like(cells)], -1).astype(np.float32),))

    monkeypatch.setattr(learned, "look", look)
    monkeypatch.chdir(tmp_path)


def refused(told, *parts):
    code, records, lines = told
    assert (code, records, len(lines)) == (2, [], 1), told
    assert all(part in lines[0] for part in parts), lines[0]
    assert not list(Path().glob("*.npz"))


def scene(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """A white plate with a dark crack across it, and where the crack is."""
    rng = np.random.default_rng(seed)
    photo, ids = np.full((SIZE[1], SIZE[0], 3), 230, np.uint8), np.zeros(SIZE[::-1], np.uint8)
    x = rng.integers(5, 50)
    photo[:, x : x + 20], ids[:, x : x + 20] = 20, 1
    return photo, ids


def folder(name="plates", count=3, classes="background\ncrack\n") -> Path:
    """A folder of photos with label maps."""
    home = Path(name)
    for part in ("images", "labels"):
        (home / part).mkdir(parents=True)
    for i in range(count):
        photo, ids = scene(i)
        Image.fromarray(photo).save(home / "images" / f"{i}.png")
        Image.fromarray(ids).save(home / "labels" / f"{i}.png")
    (home / "classes.txt").write_text(classes)
    return home


def test_a_question_is_learned_kept_and_asked(say) -> None:
    code, (told,), lines = say("learn", folder(), "segment crack, background", "-o", "cracks.npz")
    assert code == 0
    assert (told["file"], told["task"], told["examples"]) == ("cracks.npz", "semantic", 3)
    assert told["left_out"]["iou"]["crack"] > 0.7
    assert lines[0].startswith("IoU of examples left out")
    assert any(line.startswith("  crack: 0.") for line in lines)
    photo, ids = scene(9)
    Image.fromarray(photo).save("plate.png")
    code, (record,), _ = say("plate.png", "segment crack, background", "-m", "cracks.npz")
    assert (code, record["model"]) == (0, "cracks")
    with np.load(record["arrays"]) as arrays:
        assert ((arrays["ids"] == 0) == (ids == 1)).mean() > 0.9
    assert say("plate.png", "segment crack, background", "-m", "cracks.npz")[1][0]["skipped"]
    assert say("plate.png", "segment the crack", "-m", "cracks.npz")[0] == 0
    code, _, lines = say("plate.png", "segment stain, background", "-m", "cracks.npz")
    assert (code, len(lines)) == (2, 1)
    assert "'cracks' learned semantic (crack), not semantic (stain)" in lines[0]


def test_learned_again_it_answers_again(say) -> None:
    say("learn", folder(), "segment crack, background", "-o", "cracks.npz")
    Image.fromarray(scene(9)[0]).save("plate.png")
    asked = ("plate.png", "segment crack, background", "-m", "cracks.npz")
    say(*asked)
    say("learn", folder("more", 5), "segment crack, background", "-o", "cracks.npz")
    assert "skipped" not in say(*asked)[1][0]


def test_examples_are_shown_at_once(say) -> None:
    home = folder()
    for i in range(2):
        Image.fromarray(scene(20 + i)[0]).save(f"plate-{i}.png")
    asked = ("plate-0.png", "plate-1.png", "segment crack, background", "--examples", home)
    code, records, _ = say(*asked)
    assert (code, [r["model"] for r in records]) == (0, ["learned"] * 2)
    with np.load(records[0]["arrays"]) as arrays:
        assert ((arrays["ids"] == 0) == (scene(20)[1] == 1)).mean() > 0.9
    assert [r["skipped"] for r in say(*asked)[1]] == [True, True]


def test_masks_in_folders_of_their_names_are_examples_too(say) -> None:
    for i in range(2):
        photo, ids = scene(i)
        for name, picture in (("images", photo), ("masks/crack", ids * 255)):
            path = Path("set", name, f"{i}.png")
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(picture).save(path)
    for question in ("segment the crack", "segment crack, background", "matte of the crack"):
        code, (told,), _ = say("learn", "set", question, "-o", "x.npz")
        assert (code, told["examples"]) == (0, 2)


def test_a_class_without_a_pixel_is_a_warning(say) -> None:
    home = folder(classes="background\ncrack\nstain\n")
    code, (told,), lines = say("learn", home, "segment crack, stain, background", "-o", "x.npz")
    assert code == 0
    assert told["left_out"]["iou"]["stain"] is None
    assert lines[-1] == "warning: 'stain' has no pixel in any example"


def test_one_example_is_said_to_be_few(say) -> None:
    code, (told,), lines = say("learn", folder(count=1), "segment crack, background", "-o", "x.npz")
    assert (code, told["left_out"]) == (0, {})
    assert "give two or more" in lines[0]


def test_bad_folders_are_one_line(say) -> None:
    ask = ("segment crack, background", "-o", "x.npz")
    refused(say("learn", "nowhere", *ask), "nowhere/images is missing")
    Path("empty/images").mkdir(parents=True)
    refused(say("learn", "empty", *ask), "no picture")
    bare = folder("bare")
    (bare / "labels" / "1.png").unlink()
    refused(say("learn", bare, *ask), "1.png has no answer beside it", "labels/ (and classes.txt)")
    small = folder("small")
    Image.fromarray(scene(0)[1][:50]).save(small / "labels" / "1.png")
    refused(say("learn", small, *ask), "(80, 50) pixels, the photo (80, 60)")
    twice = folder("twice")
    Image.fromarray(scene(0)[0]).save(twice / "images" / "1.jpg")
    refused(say("learn", twice, *ask), "two pictures of the id '1'")
    refused(say("learn", folder("other"), "segment stain, background", "-o", "x.npz"), "no example knows 'stain'")
    refused(
        say("learn", folder("asked"), "metric depth", "-o", "x.npz"), "has no answer to metric depth: it has labels"
    )
    refused(say("learn", folder("named"), "segment crack, background", "-o", "x.zip"), "kept as .npz")
    Image.fromarray(scene(9)[0]).save("plate.png")
    refused(say("plate.png", "segment crack, background", "--examples", "nowhere"), "nowhere/images is missing")
    refused(say("plate.png", "segment crack, background", "-m", "gone.npz"), "no such file: gone.npz", "plantain learn")
