"""Hosted painters: what they send, what they keep, what they never tell, and how many calls run at a time."""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from server import GOOGLE, KEY, Service, street

import plantain
from plantain.cli import main
from plantain.errors import MissingExtra, PainterError, PainterGone, UsageError
from plantain.models import load
from plantain.models.painters.hosted.budget import PRICES
from plantain.models.painters.hosted.faults import wait_of
from plantain.models.painters.hosted.gemini import SHAPES, Gemini
from plantain.models.painters.hosted.openai import OpenAI
from plantain.models.painting import Painting, Request

pytest.importorskip("google.genai")
pytest.importorskip("openai")

SIZE = (48, 32)
PHOTO = street(1, SIZE)
REQUEST = Request("metric depth", (PHOTO,), SIZE, seed=7)


@pytest.fixture
def service() -> Iterator[Service]:
    with Service() as made:
        yield made


def openai(service: Service, folder: Path, **options: Any) -> OpenAI:
    own = {"base_url": f"{service.url}/v1", "price": 0.02, "size": "48x32", "pause_s": 0.01, "kept": folder}
    made = load("openai", **own | options)
    assert isinstance(made, OpenAI)
    return made


def gemini(service: Service, folder: Path, **options: Any) -> Gemini:
    made = load("gemini", **{"base_url": service.url, "size": "512", "pause_s": 0.01, "kept": folder} | options)
    assert isinstance(made, Gemini)
    return made


def painted(made: Any) -> Painting:
    assert isinstance(made, Painting), made
    return made


# ---- what is sent


def test_gemini_is_asked_for_a_picture_of_the_photos_shape(service: Service, tmp_path: Path) -> None:
    painter = gemini(service, tmp_path, fields={"mediaResolution": "MEDIA_RESOLUTION_HIGH"})
    canvas = painter.canvas(640, 480)
    photo = np.zeros((canvas[1], canvas[0], 3), np.uint8)
    painted(painter.paint([Request("metric depth", (photo, photo), canvas, seed=7)])[0])
    sent = service.seen[0]["sent"]
    assert "temperature" not in json.dumps(sent)
    assert len(service.seen[0]["photos"]) == 2
    assert [list(part) for part in sent["contents"][0]["parts"]] == [["inlineData"], ["inlineData"], ["text"]]
    assert sent["generationConfig"] == {
        "seed": 7, "responseModalities": ["IMAGE"], "mediaResolution": "MEDIA_RESOLUTION_HIGH",
        "imageConfig": {"aspectRatio": "4:3", "imageSize": "512"},
    }  # fmt: skip
    assert {one["threshold"] for one in sent["safetySettings"]} == {"OFF"}


@pytest.mark.parametrize(
    ("photo", "ratio"), [((640, 480), "4:3"), ((1242, 375), "21:9"), ((100, 100), "1:1"), ((9, 16), "9:16")]
)
def test_gemini_paints_on_its_own_sizes(photo: tuple[int, int], ratio: str) -> None:
    assert Gemini(dry_run=True).canvas(*photo) == SHAPES[ratio]
    across, down = Gemini(dry_run=True, size="4K").canvas(*photo)
    assert (across, down) == tuple(4 * side for side in SHAPES[ratio])


def test_newer_models_have_slim_pictures() -> None:
    assert Gemini(dry_run=True, model_id="gemini-nano-banana-2.1").canvas(100, 800) == (352, 2928)


def test_a_server_of_ones_own_gets_a_seed_and_no_name(service: Service, tmp_path: Path) -> None:
    painter = openai(service, tmp_path, fields={"true_cfg_scale": 1.0})
    request = Request("colorize", (PHOTO,), SIZE, 5, "edit", {"steps": 4}, np.ones(SIZE[::-1], bool))
    painted(painter.paint([request])[0])
    sent = service.seen[0]["sent"]
    assert "model" not in sent
    assert "mask" in sent
    told = {"seed": "5", "size": "48x32", "num_inference_steps": "4", "true_cfg_scale": "1.0", "output_format": "png"}
    assert {name: sent[name] for name in told} == told
    named = openai(service, tmp_path, model_id="klein")
    painted(named.paint([REQUEST])[0])
    assert service.seen[1]["sent"]["model"] == "klein"
    assert named.identity != painter.identity


def test_a_picture_from_words(service: Service, tmp_path: Path) -> None:
    for painter, path in ((openai(service, tmp_path), "/v1/images/generations"), (gemini(service, tmp_path), ":gen")):
        assert painted(painter.paint([Request("a chair", (), SIZE, purpose="generate")])[0]).pixels.size
        assert path in service.seen[-1]["path"]


@given(width=st.integers(1, 9000), height=st.integers(1, 9000), size=st.sampled_from(["1K", "2K", "4K"]))
def test_gpt_image_2_gets_sizes_that_it_takes(width: int, height: int, size: str) -> None:
    """Source: developers.openai.com/api/docs/guides/image-generation: multiples of 16, 3:1, 0.65 to 8.3 MP."""
    across, down = OpenAI(dry_run=True, size=size).canvas(width, height)
    assert across % 16 == down % 16 == 0
    assert max(across, down) <= 3840
    assert max(across, down) <= 3 * min(across, down)
    assert 655_360 <= across * down <= 8_294_400


def test_what_a_service_does_not_take_is_said_before_it_costs(service: Service, tmp_path: Path) -> None:
    steps = Request("x", (PHOTO,), SIZE, sampling={"steps": 4})
    painter = gemini(service, tmp_path)
    (made,) = painter.paint([steps])
    assert isinstance(made, PainterError) and "takes no steps" in str(made)
    assert not service.tries
    assert painter.ledger.spent_usd == 0


# ---- options and keys


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"concurrency": 0}, "concurrency must be a number of at least 1"),
        ({"base_url": "http://me:secret@here.example/v1"}, "no price is known for the model at here.example:"),
        ({"budget": -1}, "budget must be"),
        ({"size": "5K"}, "takes size 512, 1K, 2K, 4K"),
        ({"model_id": "who-knows"}, "no price is known for who-knows"),
        ({}, "no key for openai: set OPENAI_API_KEY"),
    ],
)
def test_options_that_make_no_sense(options: dict[str, Any], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        load("openai", **options)


def test_no_key_is_one_line_and_exit_2(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Image.fromarray(PHOTO).save(tmp_path / "a.png")
    assert main([str(tmp_path / "a.png"), "metric depth", "-m", "gemini", "-o", str(tmp_path / "out")]) == 2
    said = capsys.readouterr()
    assert said.err == "plantain: no key for gemini: set GEMINI_API_KEY or GOOGLE_API_KEY in the environment\n"


def test_a_missing_client_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "openai", None)
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    with pytest.raises(MissingExtra, match="openai"):
        load("openai")


def test_a_key_goes_only_where_it_is_meant_for(
    service: Service, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    openai(service, tmp_path / "a").paint([REQUEST])
    openai(service, tmp_path / "b", key_from="OPENAI_API_KEY").paint([REQUEST])
    monkeypatch.setenv("OPENAI_BASE_URL", f"{service.url}/v1")
    openai(service, tmp_path / "c", base_url=None).paint([REQUEST])  # whoever set both means both
    assert [KEY in json.dumps(one["headers"]) for one in service.seen] == [False, True, True]


def test_a_redirect_is_followed_without_the_key(
    service: Service, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("THE_KEY", KEY)
    for number, painter in enumerate((openai, gemini)):
        service.plan = ["moved", "ok"]
        painted(painter(service, tmp_path, key_from="THE_KEY").paint([replace(REQUEST, seed=number)])[0])
        first, second = service.seen[-2:]
        assert KEY in json.dumps(first["headers"])
        assert KEY not in json.dumps(second["headers"])


def test_a_key_may_lie_in_the_systems_store(monkeypatch: pytest.MonkeyPatch) -> None:
    keyring = type("keyring", (), {"get_password": staticmethod(lambda service, user: f"{service} {user}")})
    monkeypatch.setitem(sys.modules, "keyring", keyring)
    assert load("gemini")._key == "plantain GEMINI_API_KEY"
    monkeypatch.setenv("GEMINI_API_KEY", "key\n")
    assert load("gemini")._key == "key"
    monkeypatch.setenv("GEMINI_API_KEY", "schlüssel")
    with pytest.raises(UsageError, match="no key has") as caught:
        load("gemini")
    assert "schl" not in str(caught.value)


def test_the_key_is_nowhere(service: Service, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not in reprs, identities, errors, records; also where the service says it back."""
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    painter = openai(service, tmp_path, key_from="OPENAI_API_KEY", model_id=None)
    monkeypatch.setattr(painter, "ask", lambda request: {"data": [{"revised_prompt": f"the key is {KEY}"}]})
    told = [repr(painter), repr(painter.paint([REQUEST])), str(painter.identity.to_json()), painter.note()]
    monkeypatch.setattr(
        painter, "ask", lambda request: 1 / 0 if not request.images else (_ for _ in ()).throw(OSError(KEY))
    )
    told += [repr(painter.paint([Request("b", (PHOTO,), SIZE), Request("c", (), SIZE)]))]
    assert KEY not in "".join(told)
    assert not any(KEY.encode() in path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())


# ---- what is kept


def test_an_answer_is_asked_for_once(service: Service, tmp_path: Path) -> None:
    painter = openai(service, tmp_path)
    first = painted(painter.paint([REQUEST])[0])
    again = painted(openai(service, tmp_path, budget=0.0).paint([REQUEST])[0])
    assert np.array_equal(first.pixels, again.pixels)
    assert sum(service.tries.values()) == 1
    other = (
        {"prompt": "metric depth!"}, {"seed": 8}, {"images": (PHOTO + 1,)}, {"size": (48, 48)}, {"purpose": "edit"},
        {"sampling": {"steps": 2}},
    )  # fmt: skip
    painter.paint([replace(REQUEST, **change) for change in other])
    openai(service, tmp_path, quality="low").paint([REQUEST])
    assert sum(service.tries.values()) == 8


def test_a_link_is_fetched_once_because_it_does_not_last(service: Service, tmp_path: Path) -> None:
    service.plan = ["link-here"]
    first = painted(openai(service, tmp_path).paint([Request("x", (), (64, 48))])[0])
    (kept,) = tmp_path.rglob("answers/*/*.json")
    assert "picture" in json.loads(kept.read_text())
    again = openai(service, tmp_path)
    service.__exit__()
    assert np.array_equal(first.pixels, painted(again.paint([Request("x", (), (64, 48))])[0]).pixels)


def test_a_damaged_answer_is_asked_for_again(service: Service, tmp_path: Path) -> None:
    painted(openai(service, tmp_path).paint([REQUEST])[0])
    (kept,) = tmp_path.rglob("answers/*/*.json")
    kept.write_bytes(kept.read_bytes()[:100])
    painted(openai(service, tmp_path).paint([REQUEST])[0])
    assert sum(service.tries.values()) == 2


def test_what_cannot_be_kept_is_used_and_ends_the_asking(
    service: Service, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    painter = openai(service, tmp_path)
    (tmp_path / "answers").write_text("a file where a folder was wanted")
    painted(painter.paint([REQUEST])[0])
    (made,) = painter.paint([Request("other", (PHOTO,), SIZE)])
    assert isinstance(made, PainterGone) and "not asked: cannot write" in str(made)
    assert sum(service.tries.values()) == 1


WORDS = """candidates content parts inlineData data b64_json url usage usageMetadata error promptFeedback finishReason
text candidatesTokensDetails input_tokens fileData"""
NAMES = st.sampled_from(WORDS.split())
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=4),
)


def test_no_error_upsets_a_painter(service: Service, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C in a notebook, a ledger on a full disk, strange JSON in an error, a client with other ideas: whatever
    comes, the call has ended in the ledger, so that nobody waits for it."""
    painter = openai(service, tmp_path)
    for error in (KeyboardInterrupt(), RuntimeError("odd"), ValueError("odd"), SystemExit()):
        monkeypatch.setattr(painter, "ask", lambda request, error=error: (_ for _ in ()).throw(error))
        if isinstance(error, Exception):
            assert "odd" in str(painter.paint([REQUEST])[0])
        else:
            with pytest.raises(type(error)):
                painter.paint([REQUEST])
    monkeypatch.undo()
    painted(painter.paint([REQUEST])[0])
    assert painter.ledger.calls == 5
    google = gemini(service, tmp_path)
    monkeypatch.setitem(GOOGLE, "500", (500, {"error": {"details": [{"violations": ["strange"]}, 7], "message": None}}))
    service.plan = ["500"]
    painted(google.paint([REQUEST])[0])
    monkeypatch.setattr(google.ledger, "end", lambda *_: (_ for _ in ()).throw(OSError(28, "No space left on device")))
    painted(google.paint([replace(REQUEST, seed=9)])[0])
    assert "No space left" in str(google.paint([replace(REQUEST, seed=10)])[0])


def test_a_page_instead_of_json_is_asked_for_again(service: Service, tmp_path: Path) -> None:
    for number, painter in enumerate((openai(service, tmp_path), gemini(service, tmp_path))):
        service.plan = ["no-json"]
        painted(painter.paint([replace(REQUEST, seed=number)])[0])


@given(answer=st.dictionaries(NAMES, JSON, max_size=5))
@settings(max_examples=40)
def test_no_answer_upsets_a_painter(answer: Any, tmp_path_factory: pytest.TempPathFactory) -> None:
    for kind in (Gemini, OpenAI):
        painter = kind(dry_run=True, kept=tmp_path_factory.mktemp("kept"))
        painter.dry_run = False
        painter.ask = lambda request: answer  # type: ignore[method-assign]
        (made,) = painter.paint([REQUEST])
        assert isinstance(made, PainterError | Painting)
        assert painter.ledger.calls == 1
        (again,) = painter.paint([REQUEST])
        assert str(again) == str(made)
        assert painter.ledger.calls == 1


# ---- kills


def run(service: Service, folder: Path, *more: str, photos: int = 1) -> list[str]:
    (folder / "photos").mkdir(exist_ok=True)
    for number in range(photos):
        Image.fromarray(street(number, SIZE)).save(folder / "photos" / f"{number}.png")
    options = [f"kept={folder / 'kept'}", "size=48x32", "pause_s=0.01", "concurrency=8"]
    told = [part for option in options for part in ("--option", option)]
    place = ["--base-url", f"{service.url}/v1", "--price", "0.02"]
    return [str(folder / "photos"), "metric depth", "-m", "openai", "-o", str(folder / "out"), *place, *told, *more]


DIES = """
import os, sys
from plantain.models.painters.hosted.base import Hosted
Hosted._painting = lambda *_: os._exit(9)
from plantain.cli import main
main(sys.argv[1:])
"""


def test_killed_between_answer_and_decoding(
    service: Service, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    line = run(service, tmp_path)
    assert subprocess.run([sys.executable, "-c", DIES, *line]).returncode == 9
    assert main(line) == 0
    assert sum(service.tries.values()) == 1
    assert "may have been paid" not in capsys.readouterr().err


def test_killed_while_the_service_paints(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with Service(seconds=20) as service:
        line = run(service, tmp_path)
        child = subprocess.Popen([sys.executable, "-m", "plantain", *line], stderr=subprocess.DEVNULL)
        while not service.begun:
            time.sleep(0.01)
        child.kill()
        child.wait()
        service.seconds = 0
        assert main(line) == 1
        said = capsys.readouterr().err
        assert "was killed and may have been paid without an answer; with --option resend=true it is made again" in said
        assert sum(service.tries.values()) == 1
        assert main([*line, "--option", "resend=true", "--budget", "0.03"]) == 2  # the lost call counts
        assert "budget of $0.03 is reached: $0.02 are spent" in capsys.readouterr().err
        assert main([*line, "--option", "resend=true"]) == 0
        assert "1 calls for $0.02; $0.04 in all" in capsys.readouterr().err


def test_ctrl_c_lets_calls_under_way_end_and_keeps_their_answers(tmp_path: Path) -> None:
    with Service(seconds=1.5) as service:
        line = run(service, tmp_path, photos=3)
        child = subprocess.Popen([sys.executable, "-m", "plantain", *line], stderr=subprocess.PIPE, text=True)
        while sum(service.begun.values()) < 3:
            time.sleep(0.01)
        child.send_signal(signal.SIGINT)
        assert "stopped" in child.communicate()[1]
        assert child.returncode == 130
        assert main(line) == 0
        assert max(service.begun.values()) == 1


# ---- many at a time


def test_so_many_calls_at_a_time_and_no_more(tmp_path: Path) -> None:
    with Service(seconds=0.1) as service:
        assert main(run(service, tmp_path, "--option", "concurrency=3", photos=12)) == 0
        assert 1 < service.most_at_once <= 3


def test_photos_that_are_the_same_are_paid_once(tmp_path: Path) -> None:
    with Service(seconds=0.2) as service:
        painter = openai(service, tmp_path, concurrency=8)
        with ThreadPoolExecutor(8) as pool:
            made = list(pool.map(lambda _: painter.paint([REQUEST])[0], range(8)))
        assert all(isinstance(one, Painting) for one in made)
        assert sum(service.tries.values()) == 1


def test_a_budget_ends_a_run_before_it_is_passed(
    service: Service, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    line = run(service, tmp_path, photos=9)
    assert main([*line, "--budget", "0.10"]) == 1
    said = capsys.readouterr()
    assert sum("error" in json.loads(one) for one in said.out.splitlines()) == 4
    assert said.err.count("plantain:") == 1  # said once, though four photos have to wait
    assert "5 calls for $0.10; $0.10 of $0.10 in all" in said.err
    assert main([*line, "--budget", "0.18"]) == 0
    assert sum(service.tries.values()) == 9


def test_when_the_service_asks_to_wait_all_wait(service: Service, tmp_path: Path) -> None:
    service.plan = ["rate-hint"] * 4
    start = time.monotonic()
    assert main(run(service, tmp_path, photos=4)) == 0
    assert time.monotonic() - start > 0.2
    assert sum(service.tries.values()) <= 12


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "3"}, 3.0), ({"retry-after-ms": "250", "retry-after": "9"}, 0.25), ({}, None),
        ({"retry-after": "soon"}, None), ({"retry-after": "-5"}, None), ({"retry-after-ms": "x"}, None),
    ],
)  # fmt: skip
def test_hints_of_headers(headers: dict[str, str], seconds: float | None) -> None:
    assert wait_of(headers) == seconds
    later = format_datetime(datetime.now(UTC) + timedelta(hours=1))
    assert wait_of({"retry-after": later}) == pytest.approx(3600, abs=30)


# ---- a dry run, and everything else that the rest of Plantain asks


@pytest.mark.parametrize("name", ["gemini", "openai"])
def test_a_dry_run_tells_the_price_and_asks_nothing(
    name: str, service: Service, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for number in range(3):
        Image.fromarray(street(number)).save(tmp_path / f"{number}.png")
    photos, out = [str(path) for path in sorted(tmp_path.glob("*.png"))], tmp_path / "out"
    line = [*photos, "metric depth", "-m", name, "--budget", "0.50", "--dry-run", "--samples", "2", "-o", str(out)]
    assert main(line) == 0
    said = capsys.readouterr()
    records = [json.loads(text) for text in said.out.splitlines()]
    assert [record["calls"] for record in records] == [2, 2, 2]
    total = sum(record["usd"] for record in records)
    assert f"6 calls of {records and load(name, dry_run=True).identity.name} for ${total:.2f} at most" in said.err
    assert f"${total / 2:.2f} with --batch" in said.err
    assert "$0.00 are spent so far of $0.50: enough for " in said.err
    assert not list(tmp_path.rglob("*.jsonl")) + list(out.rglob("*"))


def test_a_painter_that_costs_nothing_has_no_dry_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Image.fromarray(PHOTO).save(tmp_path / "a.png")
    for flag in ("--dry-run", "--batch"):
        assert main([str(tmp_path / "a.png"), "metric depth", flag, "-o", str(tmp_path)]) == 2
        assert "takes no option" in capsys.readouterr().err


def test_edits_pictures_and_options_of_the_command_line(service: Service, tmp_path: Path) -> None:
    Image.fromarray(PHOTO).save(tmp_path / "a.png")
    place = ["-m", "openai", "--base-url", f"{service.url}/v1", "--price", "0", "--option", f"kept={tmp_path / 'kept'}"]
    place += ["--option", "size=48x32", "--option", "fields.guidance_scale=2.5", "--option", "quality=low"]
    assert main(["edit", str(tmp_path / "a.png"), "colorize", "-o", str(tmp_path / "out"), *place]) == 0
    assert main(["generate", "a chair", "-o", str(tmp_path / "chair.png"), *place, "--steps", "3"]) == 0
    assert [one["sent"]["guidance_scale"] for one in service.seen] == ["2.5", "2.5"]
    assert service.seen[1]["sent"]["num_inference_steps"] == "3"
    assert (tmp_path / "chair.png").exists()
    assert (
        main(["edit", str(tmp_path / "a.png"), "colorize", "-o", str(tmp_path / "out"), *place, "--option", "x"]) == 2
    )


def test_a_predictor_with_samples_and_cost(service: Service, tmp_path: Path) -> None:
    model = plantain.load("openai", base_url=f"{service.url}/v1", price=0.02, kept=tmp_path, size="48x32")
    depth = model.predict(PHOTO, "metric depth", samples=2)
    assert depth.painting.usage.cost_usd == 0.02
    assert depth.painting.model.startswith("openai@127.0.0.1")
    assert sum(service.tries.values()) == 2
    truth = 9 - np.asarray(Image.fromarray(PHOTO).convert("L"), np.float32) / 32
    assert np.median(np.abs(depth.metres - truth)) < 0.1


def test_nothing_of_the_clients_is_loaded_before_it_is_asked_for() -> None:
    ask = "import plantain; plantain.MODELS; import sys; print('openai' in sys.modules, 'google.genai' in sys.modules)"
    told = subprocess.run([sys.executable, "-c", ask], capture_output=True, text=True, env=os.environ)
    assert told.stdout == "False False\n"


GUIDE = Path(__file__).parents[3] / "docs" / "hosted.md"
COMMANDS = [line for line in GUIDE.read_text().splitlines() if line.startswith("plantain ")]


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_of_the_guide(
    command: str, service: Service, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("plantain.models.painters.hosted.batch.POLL_S", 0.02)
    for name in ("photo.jpg", "photos/a.jpg"):
        Path(name).parent.mkdir(exist_ok=True)
        Image.fromarray(street()).save(name)
    for name in ("GEMINI_API_KEY", "OPENAI_API_KEY", "LITELLM_KEY"):
        monkeypatch.setenv(name, KEY)
    monkeypatch.setattr(Gemini, "default_url", service.url)
    monkeypatch.setattr(OpenAI, "default_url", f"{service.url}/v1")
    words = [re.sub(r"http://localhost:\d+", service.url, word) for word in shlex.split(command)[1:]]
    assert main(words) == 0, capsys.readouterr().err
    assert bool(service.tries) is ("--dry-run" not in words)
    assert KEY not in "".join(capsys.readouterr())


def test_prices_of_the_guide_are_those_of_the_table() -> None:
    text = GUIDE.read_text()
    for name, price in PRICES.items():
        (row,) = [line for line in text.splitlines() if line.startswith(f"| `{name}`")]
        assert price.date in row
        assert price.source in row
