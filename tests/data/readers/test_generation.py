"""Prompt lists of GenAI-Bench and ImgEdit."""

from __future__ import annotations

import pytest
from set_trees import knows_its_splits, photo, put, refuses

from plantain.data.readers import read
from plantain.data.readers.generation import NO_PHOTO

EDITS = {
    "1082": {"id": "animal/000342021.jpg", "prompt": "Change the shell.", "edit_type": "adjust"},
    "97": {"id": "for_add/000236569.jpg", "prompt": "Add a lamp.", "edit_type": "add"},
}


@pytest.fixture
def prompts(tmp_path):
    rows = {
        "00010": {"prompt": "No dog.", "models": {"DALLE_3": [5, 4, 5], "SDXL_Base": [1, 2, 1]}},
        "00009": {"prompt": "A dog.", "models": {"DALLE_3": [3, 3, 3]}},
    }
    folder = tmp_path / "GenAI-Image-1600"
    put(folder / "genai_image.json", rows)
    put(folder / "genai_skills.json", {"basic": [9], "negation": [10], "advanced": [10]})
    photo(folder / "DALLE_3/00010.jpeg")
    return folder


def test_prompts_tags_ratings_and_pictures(prompts):
    for root in (prompts, prompts.parent):
        plain, negated = read("genai-bench", root, "1600")
        assert (plain.id, negated.id) == ("00009", "00010")
        assert negated.facts["prompt"] == "No dog." and negated.facts["tags"] == ("negation", "advanced")
        assert plain.facts["tags"] == ("basic",)
        assert negated.facts["ratings"]["SDXL_Base"] == [1, 2, 1]
        assert negated.facts["pictures"] == {"DALLE_3": prompts / "DALLE_3/00010.jpeg"}
        assert plain.facts["pictures"] == {} and plain.photo == NO_PHOTO


def test_a_wrong_folder_of_prompts(prompts, tmp_path):
    refuses("genai-bench", tmp_path / "none", "527", "genai_image.json", "GenAI-Image-{527,1600}/")
    (prompts / "genai_skills.json").unlink()
    refuses("genai-bench", prompts, "1600", "genai_skills.json", "genai_image.json")
    knows_its_splits("genai-bench", prompts)


def test_edits_and_their_photos(tmp_path):
    put(tmp_path / "basic_edit.json", EDITS)
    for row in EDITS.values():
        photo(tmp_path / "singleturn" / row["id"])
    one, two = read("imgedit", tmp_path, "basic")
    assert (one.id, one.facts["edit_type"], one.facts["prompt"]) == ("97", "add", "Add a lamp.")
    assert (two.id, two.photo) == ("1082", tmp_path / "singleturn/animal/000342021.jpg")


def test_edits_in_the_readmes_folders(tmp_path):
    put(tmp_path / "ImgEdit/Benchmark/Basic/basic_edit.json", EDITS)
    put(tmp_path / "ImgEdit/Benchmark/UGE/UGE_edit.json", {"1": {"id": "7.jpg", "prompt": "Remove the lemon."}})
    for row in EDITS.values():
        photo(tmp_path / "ImgEdit/Benchmark/original_images" / row["id"])
    photo(tmp_path / "ImgEdit/Benchmark/hard/7.jpg")
    assert len(read("imgedit", tmp_path, "basic")) == 2
    (hard,) = read("imgedit", tmp_path, "uge")
    assert hard.facts == {"prompt": "Remove the lemon.", "edit_type": None} and hard.photo.exists()


def test_a_wrong_folder_of_edits(tmp_path):
    refuses("imgedit", tmp_path, "basic", "basic_edit.json", "singleturn/animal/")
    put(tmp_path / "basic_edit.json", EDITS)
    refuses("imgedit", tmp_path, "basic", "singleturn", "Benchmark.tar")
    photo(tmp_path / "singleturn/animal/000342021.jpg")
    refuses("imgedit", tmp_path, "basic", "singleturn/for_add/000236569.jpg", "Benchmark.tar")
    knows_its_splits("imgedit", tmp_path)
