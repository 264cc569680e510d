"""Prompts on which generation itself is tried, as published: GenAI-Bench (pictures from words) and ImgEdit (edits).

read_genai_bench(root, "1600")      # or "527"; there is no photo: `photo` is NO_PHOTO
read_imgedit(root, "basic")         # 737 edits of photos; "uge" has 47
"""

from __future__ import annotations

from pathlib import Path

from plantain.data.base import Example
from plantain.data.readers.base import Layout, in_order, read_json, step_in

NO_PHOTO = Path()  # where nothing is given but words
GENAI = Layout(
    "GenAI-Bench",
    """\
GenAI-Image-{527,1600}/
  genai_image.json               prompts by number, and people's ratings of six models' pictures
  genai_skills.json              the prompts of each tag
  DALLE_3/00000.jpeg             optional: the six models' pictures, a folder each
""",
    needed=("genai_image.json", "genai_skills.json"),
    splits=("527", "1600"),
)
IMGEDIT = Layout(
    "ImgEdit",
    """\
ImgEdit/
  basic_edit.json                    for "basic" (github.com/PKU-YuanGroup/ImgEdit, Benchmark/Basic)
  UGE_edit.json                      for "uge" (Benchmark/UGE)
  singleturn/animal/000342021.jpg    the photos of "basic", from Benchmark.tar; or original_images/
  hard/000029784.jpg                 those of "uge"; or original_images/
""",
    splits=("basic", "uge"),
)
FILES = {"basic": ("basic_edit.json", "Basic/basic_edit.json"), "uge": ("UGE_edit.json", "UGE/UGE_edit.json")}
PHOTOS = {"basic": ("singleturn", "original_images"), "uge": ("hard", "original_images")}


def read_genai_bench(root: Path, split: str) -> list[Example]:
    """Prompts. Facts: `prompt`; `tags` ("counting", "negation", ...); `ratings`, by model, people's 1..5 of how well
    its picture fits; `pictures`, by model, the paths of those pictures that are there."""
    root = step_in(root, f"GenAI-Image-{split}")
    GENAI.check(root, split)
    tags: dict[int, list[str]] = {}
    for tag, numbers in read_json(root / "genai_skills.json").items():
        for number in numbers:
            tags.setdefault(int(number), []).append(tag)
    examples = []
    for id, row in read_json(root / "genai_image.json").items():
        pictures = {model: root / model / f"{id}.jpeg" for model in row["models"]}
        there = {model: path for model, path in pictures.items() if path.exists()}
        facts = {"prompt": str(row["prompt"]), "tags": tuple(tags.get(int(id), ())), "ratings": row["models"]}
        examples.append(Example("genai-bench", id, NO_PHOTO, split, {}, facts | {"pictures": there}))
    return in_order(examples, GENAI)


def read_imgedit(root: Path, split: str) -> list[Example]:
    """Photos to be edited. Facts: `prompt`, and `edit_type` ("add", "adjust", "style", ...; None in "uge")."""
    root = step_in(root, "ImgEdit", "Benchmark")
    IMGEDIT.check(root, split)
    rows = read_json(IMGEDIT.either(root, *FILES[split]))
    folder = IMGEDIT.either(root, *PHOTOS[split])
    IMGEDIT.require(folder, (folder / row["id"] for row in rows.values()))
    return in_order(
        (
            Example(
                "imgedit",
                id,
                folder / row["id"],
                split,
                {},
                {"prompt": row["prompt"], "edit_type": row.get("edit_type")},
            )
            for id, row in rows.items()
        ),
        IMGEDIT,
    )
