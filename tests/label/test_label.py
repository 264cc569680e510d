"""`plantain label`: what becomes a label, what goes to the review, what was corrected, and what people changed."""

from __future__ import annotations

import json
import re
from pathlib import Path

import fakes_label
import numpy as np
import pytest
from PIL import Image, ImageDraw

pytest.importorskip("supervision", reason="the extra `label` is not installed")

from plantain.batch.worker import told_of
from plantain.cli import label as verb
from plantain.cli import main
from plantain.models.painters import learned
from plantain.models.painters.learned import Seen
from plantain.pipeline.jobs import Job
from plantain.pipeline.predictor import load
from plantain.pipeline.stream import stream

SIZE = (96, 72)


@pytest.fixture(autouse=True)
def here(monkeypatch, tmp_path):
    """The batch runs in this process (its own tests have workers), and learning sees colors alone."""

    def work_off(order, sources, _how, book, *, quiet):
        wanted = {one.id: one for one in sources if one.id not in book.done}
        if not wanted:
            return
        with load(order.model, **order.given) as model:
            book.claim(model.identity.to_json())
            jobs = [Job(one.id, Path(one.url), order.task, order.options, order.context) for one in wanted.values()]
            for outcome in stream(jobs, model, store=order.store(model)):
                book.add(told_of(wanted[outcome.job.id], outcome, order.folder).line)

    def look(_encoder, photo, _prompts):
        cells = photo.reshape(photo.shape[0] // 14, 14, photo.shape[1] // 14, 14, 3).mean((1, 3)) / 255
        return Seen((np.concatenate([cells, np.ones_like(cells)], -1).astype(np.float32),))

    monkeypatch.setattr(verb, "work_off", work_off)
    monkeypatch.setattr(learned, "look", look)
    monkeypatch.chdir(tmp_path)
    Path("classes.txt").write_text("cup\nplate\n")


def photo(name: str, *things: tuple[tuple[int, int, int], tuple[int, int, int, int]]) -> Path:
    """White, with rectangles of a color."""
    picture = Image.new("RGB", SIZE, "white")
    for color, at in things:
        ImageDraw.Draw(picture).rectangle(at, fill=color)
    path = Path("photos", name)
    path.parent.mkdir(parents=True, exist_ok=True)
    picture.save(path)
    return path


def label(*more, out="out", format="yolo") -> int:
    usual = {"--classes": "classes.txt", "--format": format, "-o": out, "-m": "fakes_label:paint"}
    fixed = [word for pair in usual.items() if pair[0] not in more for word in pair]
    return main(["label", "photos", *fixed, *map(str, more)])


def lines(out="out") -> dict[str, dict]:
    return {line["id"]: line for line in map(json.loads, Path(out, "photos.jsonl").read_text().splitlines())}


def content(out="out") -> dict[str, bytes]:
    return {str(p): p.read_bytes() for p in sorted(Path(out).rglob("*")) if p.is_file() and "answers" not in p.parts}


CUP, PLATE, PALE = fakes_label.CUP, fakes_label.PLATE, (255, 170, 170)


def table() -> None:
    photo("a/both.png", (CUP, (8, 8, 40, 40)), (PLATE, (50, 30, 90, 65)))
    photo("cup.png", (CUP, (10, 10, 60, 60)))
    photo("pale.png", (PALE, (10, 10, 60, 60)))
    photo("none.png")
    photo("fails.png", (fakes_label.FAILS, (0, 0, 95, 71)))


def test_labels_and_what_is_not_sure_or_not_there_is_said(capsys) -> None:
    table()
    assert label("--min-confidence", ".9") == 1
    out, err = capsys.readouterr()
    told = json.loads(out)
    figures = {"photos": 5, "labeled": 2, "held back": 1, "nothing found": 1, "failed": 1}
    assert {name: told.get(name) for name in figures} == figures
    assert "photos/none.png: no cup, no plate" in err and "photos/pale.png: not sure of cup" in err
    own = lines()
    assert own["a/both"]["labels"] == {"cup": 1, "plate": 1} and own["pale"]["unsure"] == {"cup": 1}
    assert "it cannot" in own["fails"]["error"] and own["fails"]["state"] == "failed"
    assert Path("out/labels/none.txt").read_text() == ""
    numbers = [row.split() for row in Path("out/labels/a/both.txt").read_text().splitlines()]
    assert [row[0] for row in numbers] == ["0", "1"]
    xs = np.array(numbers[0][1:], float).reshape(-1, 2) * SIZE
    assert np.abs([*xs.min(0), *xs.max(0)] - np.array([8, 8, 40, 40])).max() < 1
    assert {p.name for p in Path("out/images").rglob("*.png")} == {"both.png", "cup.png", "none.png"}
    assert Path("out/images/cup.png").read_bytes() == Path("photos/cup.png").read_bytes()
    before = content()
    assert label("--min-confidence", ".9") == 1 and content() == before  # the same again, and nothing is asked
    assert {p.name for p in Path("out/review/after-0/labels").rglob("*.txt")} >= {"pale.txt"}
    assert Path("out/review/after-0/labels/pale.txt").read_text()  # with what was unsure, to be mended
    page = Path("out/review.html").read_text()
    assert page.index("pale with its labels") < page.index("cup with its labels")  # the most doubtful first
    assert set(re.findall(r'src="(data:image/\w+)', page)) == {"data:image/png"}
    assert not re.search(r'(src|href)="(?!data:)', page)
    assert label("--min-confidence", "0", "--min-presence", "0") == 1  # other limits ask nothing anew
    assert lines()["pale"]["labels"] == {"cup": 1} and Path("out/images/pale.png").exists()
    assert label("--min-confidence", ".9") == 1
    assert not Path("out/labels/pale.txt").exists() and not Path("out/images/pale.png").exists()


@pytest.mark.parametrize(("task", "cups"), [("boxes", 2), ("masks", 2), ("segmentation", 1)])
def test_things_are_told_apart_or_not(task, cups, capsys) -> None:
    photo("two.png", (CUP, (5, 5, 30, 60)), (CUP, (60, 5, 90, 60)))
    Path("classes.txt").write_text("cup\n")
    assert label("--task", task, "--min-confidence", "0", "--min-presence", "0", format="coco") == 0
    rows = json.loads(Path("out/annotations.json").read_text())["annotations"]
    assert len(rows) == cups and all(bool(row["segmentation"]) == (task != "boxes") for row in rows)
    if task != "segmentation":
        found = sorted(row["bbox"] for row in rows)
        assert np.abs(np.array(found) - [[5, 5, 26, 56], [60, 5, 31, 56]]).max() <= 3


def test_corrections_stand_and_the_rest_is_learned(capsys) -> None:
    """What a "cup" is, is corrected: the blue ones."""
    for i in range(4):
        photo(f"{i}.png", (CUP, (4 + i, 8, 40, 50)), (PLATE, (50, 20 + i, 90, 65)))
    Path("classes.txt").write_text("cup\n")
    assert label("--review", "3") == 0
    review = Path("out/review/after-0/labels")
    assert len(list(review.glob("*.txt"))) == 3
    for path in review.glob("*.txt"):
        i = int(path.stem)
        path.write_text(polygon(50, 20 + i, 91, 66))
    capsys.readouterr()
    assert label("--corrections", review.parent, "-m", "embedded") == 0
    told, err = json.loads((said := capsys.readouterr()).out), said.err
    assert (told["corrected"], told["labeled"]) == (3, 1) and "IoU of examples left out" in err
    corrected = [id for id, line in lines().items() if line["state"] == "corrected"]
    for id in corrected:
        assert Path(f"out/labels/{id}.txt").read_text() == (review / f"{id}.txt").read_text()
    (rest,) = set("0123") - set(corrected)
    (row,) = Path(f"out/labels/{rest}.txt").read_text().splitlines()
    xs = np.array(row.split()[1:], float).reshape(-1, 2) * SIZE
    assert np.abs([*xs.min(0), *xs.max(0)] - np.array([50, 20 + int(rest), 90, 65])).max() < 8  # cells of 14 pixels
    assert Path("out/review/after-3").is_dir()
    assert (review / f"{corrected[0]}.txt").read_text() == polygon(50, 20 + int(corrected[0]), 91, 66)
    before = content()
    assert label("--corrections", review.parent, "-m", "embedded") == 0 and content() == before


def polygon(left: int, top: int, right: int, bottom: int) -> str:
    corners = [(left, top), (right, top), (right, bottom), (left, bottom)]
    return "0 " + " ".join(f"{x / SIZE[0]:.4f} {y / SIZE[1]:.4f}" for x, y in corners) + "\n"


def test_masks_as_pictures_are_corrections_in_any_format(capsys) -> None:
    for i in range(3):
        photo(f"{i}.png", (PLATE, (50, 20 + i, 90, 65)))
    ids = np.full(SIZE[::-1], 255, np.uint8)
    ids[21:66, 50:91] = 1
    for place, values in (("set/labels/1.png", ids), ("more/masks/plate/2.png", (ids == 1) * 255)):
        Path(place).parent.mkdir(parents=True)
        Image.fromarray(values.astype(np.uint8)).save(place)
    Path("set/classes.txt").write_text("background\nplate\n")
    assert label("--corrections", "set", "--corrections", "more", "-m", "embedded", format="coco") == 0
    content = json.loads(Path("out/annotations.json").read_text())
    names = {image["id"]: image["file_name"] for image in content["images"]}
    boxes = {names[row["image_id"]]: (row["category_id"], row["bbox"]) for row in content["annotations"]}
    assert boxes["1.png"] == boxes["2.png"] == (2, [50, 21, 41, 45])
    assert np.abs(np.array(boxes["0.png"][1]) - [50, 20, 41, 46]).max() <= 8
    assert lines()["1"]["state"] == lines()["2"]["state"] == "corrected"


def test_what_people_changed_is_never_overwritten(capsys) -> None:
    table()
    assert label() == 1
    Path("out/labels/cup.txt").write_text("0 .5 .5 .1 .1\n")
    assert label() == 1
    assert Path("out/labels/cup.txt").read_text() == "0 .5 .5 .1 .1\n"
    assert "out/labels/cup.txt was changed by hand" in capsys.readouterr().err
    assert label(format="coco", out="one") == 1
    changed = Path("one/annotations.json").read_text().replace("cup", "mug", 1)
    Path("one/annotations.json").write_text(changed)
    assert label("--min-confidence", ".9", format="coco", out="one") == 2
    assert Path("one/annotations.json").read_text() == changed


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (["--classes", "gone.txt"], "cannot read the classes in gone.txt"),
        (["--format", "cocoa"], "unknown format 'cocoa'; did you mean 'coco'"),
        (["--task", "mask"], "did you mean 'masks'"),
        (["--min-presence", "2"], "lie between 0 and 1"),
        (["--corrections", "gone"], "no such folder of corrections: gone"),
        (["--corrections", "photos"], "no corrected labels in photos"),
        (["--corrections", "strange"], "'mug', which is not among the classes: cup, plate"),
        (["--corrections", "other"], "labels of nobody, and no photo is called so"),
        (["--classes", "twice.txt"], "twice.txt names 'cup' twice"),
        (["--classes", "empty.txt"], "empty.txt names no class"),
    ],
)
def test_wrong_input_is_one_line(more, said, capsys) -> None:
    photo("cup.png", (CUP, (10, 10, 60, 60)))
    box = "0 .5 .5 .1 .1\n"
    files = {"twice.txt": "cup\ncup\n", "empty.txt": "background\n", "strange/data.yaml": "names: [mug]"}
    for name, text in (files | {"strange/labels/cup.txt": box, "other/nobody.txt": box}).items():
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_text(text)
    assert label(*more) == 2
    out, err = capsys.readouterr()
    assert not out and len(err.splitlines()) == 1 and said in err
    assert not Path("out/labels").exists()


def test_a_folder_that_is_not_there_leaves_nothing_behind(capsys) -> None:
    assert (
        main(["label", "nowhere", "--classes", "classes.txt", "--format", "coco", "-o", "out", "-m", "embedded"]) == 2
    )
    out, err = capsys.readouterr()
    assert not out and err == "plantain: no such folder or photo: nowhere\n"
    assert not Path("out").exists()


def test_folders_of_ours_are_no_photos(capsys) -> None:
    table()
    assert label(out="photos/out") == 1
    assert label(out="photos/out") == 1
    assert set(lines("photos/out")) == {"a/both", "cup", "pale", "none", "fails"}
