"""The page in the server: where it is, who gets in, what of Gradio is let through, and what its events answer."""

from __future__ import annotations

import asyncio
import base64
import json
import subprocess
import sys
from contextlib import nullcontext
from types import SimpleNamespace

import numpy as np
import pytest

from plantain.models import Capabilities
from plantain.pipeline.predictor import wrap
from plantain.serve.errors import ApiError
from plantain.serve.guard import Body
from plantain.serve.keys import parsed
from plantain.serve.page.access import check_origin, paths_in
from plantain.serve.page.cache import new_folder, owned
from plantain.serve.page.mount import until_end
from plantain.serve.page.service import PageService
from plantain.serve.settings import Limits, Settings
from serve.served import Painter, code_of, metres, picture

pytest.importorskip("gradio", reason="the extra `page` is not installed")
from fastapi.testclient import TestClient

from plantain.serve.app import create_app

PAGE, KEY = Settings(page=True), "0123456789abcdef"
ORDER = {"fn_index": 0, "data": [], "session_hash": "x"}


def dropped(content: bytes, name: str = "photo.png") -> dict:
    """A file as Gradio brings it."""
    path = new_folder() / name
    path.write_bytes(content)
    return {"path": str(path), "orig_name": name}


def basic(key: str) -> dict[str, str]:
    return {"authorization": "Basic " + base64.b64encode(f"me:{key}".encode()).decode()}


def told(answer) -> str:
    """The words of an event: the first that it gives back."""
    return answer[0] if isinstance(answer, list | tuple) else answer


@pytest.fixture
def events(client):
    from plantain.serve.page.events import Events

    service = PageService(client.app.state)
    yield Events(service)
    service.close()


def who(key: str | None = None):
    """A request by the owner of a key."""
    import gradio

    scope = {"client": ("1.2.3.4", 5)} | ({} if key is None else {"plantain.key": key})
    return gradio.Request(request=SimpleNamespace(scope=scope))


def run(event):
    return asyncio.run(event)


def ask(events, photo, text, request=None, **said):
    options = {"model": "", "fov": 0, "samples": 1, "seed": 0, "least": 0} | said
    return run(events.ask(photo, text, *options.values(), request or who()))


# ---- the server


def test_the_page_is_there_behind_a_prefix_too(serving, painter) -> None:
    client = serving(PAGE)
    assert client.get("/", follow_redirects=False).headers["location"] == "/ui/"
    page = client.get("/ui/")
    assert page.status_code == 200 and "Plantain" in page.text
    assert "frame-ancestors 'self'" in page.headers["content-security-policy"]
    assert client.get("/ui/config").json()["root"] == "http://testserver/ui"
    assert client.get("/v1/models").status_code == 200
    app = create_app({"fake": wrap(painter)}, PAGE)
    with TestClient(app, root_path="/plantain") as behind:  # what uvicorn makes of --prefix
        assert behind.get("/plantain/", follow_redirects=False).headers["location"] == "/plantain/ui/"
        assert behind.get("/plantain/ui/config").json()["root"] == "http://testserver/plantain/ui"
        proxied = {"x-forwarded-proto": "https", "x-forwarded-host": "example.org"}
        assert behind.get("/plantain/ui/config", headers=proxied).json()["root"] == "https://example.org/plantain/ui"


def test_without_it_nothing_of_gradio_is_loaded(serving) -> None:
    assert serving().get("/ui/").status_code == 404
    ask = "import plantain.serve.page.mount, sys; print('gradio' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", ask], capture_output=True, text=True, check=True).stdout == "False\n"


def test_keys_are_asked_for_and_a_browser_may_give_them(serving) -> None:
    client = serving(Settings(page=True, keys=parsed([f"lab: {KEY}"])))
    for path in ("/", "/ui/", "/ui/config", "/ui/assets/x.js", "/ui/gradio_api/upload"):
        refused = client.get(path) if "upload" not in path else client.post(path, files={"files": picture()})
        assert code_of(refused) == "invalid_api_key"
        assert refused.headers["www-authenticate"].startswith("Basic ")
    for headers in (basic(KEY), {"authorization": f"Bearer {KEY}"}):
        assert client.get("/ui/", headers=headers).status_code == 200
    for wrong in (basic(KEY + "x"), {"authorization": "Basic %%%"}, {"authorization": f"Basic {KEY}"}, basic("")):
        assert code_of(client.get("/ui/", headers=wrong)) == "invalid_api_key"
    api = client.get("/v1/models", headers=basic(KEY))  # other sites could have a browser send it
    assert code_of(api) == "invalid_api_key" and api.headers["www-authenticate"] == "Bearer"


def test_only_what_the_page_needs_is_let_through(serving, tmp_path) -> None:
    client = serving(PAGE)
    (tmp_path / "secret.txt").write_text("secret")
    api = "/ui/gradio_api"
    for path in (f"file={tmp_path}/secret.txt", "file=/etc/passwd", "file=http://127.0.0.1/x", "proxy=http://x.hf.space/",
                 "info", "deep_link?session_hash=x", "dev/reload", "run/ask", "call/ask"):  # fmt: skip
        assert code_of(client.get(f"{api}/{path}")) == "not_found", path
    for path in ("run/ask", "api/ask", "call/ask", "run-history/connect", "stream/x"):
        assert code_of(client.post(f"{api}/{path}", json=ORDER)) == "not_found", path
    for path in ("/ui/login", "/ui/monitoring", "/ui/robots.txt", "/ui/../v1/models/x"):
        assert client.get(path).status_code == 404
    own = dropped(b"mine", "a.txt")["path"]
    assert client.get(f"{api}/file={own}").content == b"mine"
    file = {"path": str(tmp_path / "secret.txt"), "meta": {"_type": "gradio.FileData"}}
    for bad in (file, file | {"path": "http://127.0.0.1:1/x.png"}, {"value": [{"path": "/etc/passwd"}]}, {"path": 3}):
        refused = client.post(f"{api}/queue/join", json=ORDER | {"data": [bad]})
        assert refused.status_code == 400 and "not kept" in refused.json()["error"]["message"]
    assert code_of(client.post(f"{api}/queue/join", content=b"{")) == "invalid_request"
    assert code_of(client.post(f"{api}/reset", json={}, headers={"origin": "http://evil.example"})) == "wrong_origin"
    assert code_of(client.post(f"{api}/queue/join", content=b" " * (2**20 + 1))) == "too_large"
    assert [*paths_in(json.dumps({"a": [{"path": "x"}], "path": None}).encode())] == ["x"]


@pytest.mark.parametrize(
    ("headers", "own"),
    [
        ({"sec-fetch-site": "cross-site"}, False),
        ({"sec-fetch-site": "same-site"}, False),
        ({"origin": "http://evil.example"}, False),
        ({"origin": "null"}, False),
        ({"sec-fetch-site": "same-origin"}, True),
        ({"origin": "http://testserver"}, True),
        ({"origin": "https://example.org", "x-forwarded-host": "example.org"}, True),
        ({}, True),
    ],
)
def test_orders_come_from_the_page_itself(headers, own) -> None:
    raw = {name.encode(): value.encode() for name, value in ({"host": "testserver"} | headers).items()}
    with nullcontext() if own else pytest.raises(ApiError, match="from the page itself alone"):
        check_origin(raw)


def test_uploads_are_bounded_and_loading_the_page_is_no_question(serving) -> None:
    client = serving(Settings(Limits(job_bytes=5000, rate=2), page=True))
    for _ in range(5):
        assert client.get("/ui/").status_code == 200
    upload = "/ui/gradio_api/upload"
    assert code_of(client.post(upload, files={"files": b"x" * 6000})) == "too_large"
    (path,) = client.post(upload, files={"files": ("a.png", picture())}).json()
    assert owned(path).read_bytes() == picture()
    assert code_of(client.post(upload, files={"files": b"x"})) == "rate_limit_exceeded"


def test_streams_to_browsers_end_with_the_server() -> None:
    """uvicorn would else wait for every page that is open."""
    sent = []

    async def heartbeat(scope, receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": []})
        while True:
            await send({"type": "http.response.body", "body": b"x", "more_body": True})
            await asyncio.sleep(0.01)

    async def life():
        ending = asyncio.Event()
        asyncio.get_running_loop().call_later(0.05, ending.set)

        async def send(message):
            sent.append(message)

        await asyncio.wait_for(until_end(heartbeat, {"method": "GET"}, None, send, ending), 10)

    asyncio.run(life())
    assert sent[-1] == {"type": "http.response.body", "body": b"", "more_body": False}


def test_a_stream_learns_that_its_client_has_gone() -> None:
    """Else heartbeats of pages that were closed, and progress of jobs, would go on for nobody."""
    messages = [{"type": "http.request", "body": b""}, {"type": "http.disconnect"}]

    async def receive():
        return messages.pop(0)

    async def heard():
        body = Body({}, receive, 10)
        return [(await asyncio.wait_for(body(), 5))["type"] for _ in range(2)]

    assert run(heard()) == ["http.request", "http.disconnect"]


# ---- its events


def test_a_question_is_answered_and_can_be_pointed_at(events) -> None:
    photo = dropped(picture(100), "my kitchen.png")
    words, value, name, _, _, _ = ask(events, photo, "metric depth")
    assert "depth:" in words and "fake" in words
    assert value["id"] == name and value["size"] == [64, 48]
    assert [(one["about"], one["view"]) for one in value["layers"]][:3] == [
        ("", "photo"), ("metric depth", "answer"), ("metric depth", "painting"),
    ]  # fmt: skip
    assert all(owned(one["image"]["path"]).suffix == ".png" for one in value["layers"])
    read = events.read_points([name, [[3.5, 4.2], [60, 40]]], who())
    assert [float(lines[1].split(" m away")[0]) for lines in read["points"]] == pytest.approx(
        [metres(100)] * 2, rel=0.01
    )
    assert "say the camera" in read["apart"]
    run(events.camera(name, 90, who()))  # 32 pixels of focal length: 56.5 pixels apart at one depth
    far = float(events.read_points([name, [[0, 24], [56.5, 24]]], who())["apart"].split()[0])
    assert far == pytest.approx(metres(100) * 56.5 / 32, rel=0.01)
    _, files = run(events.files(name, who()))
    assert files["value"][0].endswith("my kitchen.zip") and len(files["value"]) > 4
    line, cloud = run(events.cloud(name, 90, who()))
    assert "points" in line and owned(cloud["value"]).read_bytes()[:3] == b"ply"


def test_answers_are_seen_by_the_key_that_asked(events) -> None:
    _, _, name, *_ = ask(events, dropped(picture()), "metric depth", who("lab"))
    assert "points" in events.read_points([name, [[1, 1]]], who("lab"))
    for request in (who("other"), who()):
        assert events.read_points([name, [[1, 1]]], request) == {"error": "this answer is not kept any more; ask again"}
        assert "not kept any more" in told(run(events.files(name, request)))
    for nonsense in (None, [], [name], [name, "x"], [name, [[1]]], [name, [[1, "y"]]], [name, [[999, 1]]]):
        assert set(events.read_points(nonsense, who("lab"))) == {"error"}


@pytest.mark.parametrize(
    ("photo", "text", "said"),
    [
        (None, "metric depth", "drop a photo first"),
        ({"path": "/etc/passwd"}, "metric depth", "drop it again"),
        ({"path": "../x"}, "metric depth", "drop it again"),
        (b"no picture", "metric depth", "not a readable photo"),
        (picture(), "", "say what you want"),
        (picture(), "fnd the cups", "is not understood; ask for example &quot;find the cups&quot;"),
        (picture(), "remove the cup", "the tab Edit"),
        (picture(), "how tall is the cup?", "say the field of view under Options"),
        (picture(width=4000, height=4001), "metric depth", "make the picture smaller"),
    ],
)
def test_what_cannot_be_answered_is_one_line(photo, text, said, events) -> None:
    answer = ask(events, dropped(photo) if isinstance(photo, bytes) else photo, text)
    assert said in told(answer) and 'role="alert"' in told(answer)
    assert "/tmp" not in told(answer) and "--fov" not in told(answer)
    assert len(answer) == 6


def test_limits_hold_on_the_page(serving) -> None:
    from plantain.serve.page.events import Events

    events = Events(PageService(serving(Settings(Limits(rate=2, inside=1))).app.state))
    photo = dropped(picture())
    assert "m," in told(ask(events, photo, "metric depth"))
    events.service.gate.enter()
    assert "requests are waiting" in told(ask(events, photo, "metric depth"))
    assert "more than 2 requests a minute" in told(ask(events, photo, "metric depth"))
    assert events.service.gate.inside == 1 and events.service.gate.pixels == 0
    slow = Events(PageService(serving(Settings(Limits(seconds=0.05))).app.state))
    slow.service.state.engines["fake"].model.painter.free.clear()
    assert "no answer within 0.05 s" in told(ask(slow, photo, "metric depth"))


def test_words_that_are_typed_are_no_markup(events) -> None:
    text = "segment <img src=x onerror=alert(1)>, wall"
    for words in (
        told(ask(events, dropped(picture()), text)),
        run(events.read_text(text)),
        run(events.read_text("<b>fnd")),
    ):
        assert "<img" not in words and "<b>fnd" not in words


def test_a_legend_is_painted_or_shown_in_its_colors(events) -> None:
    """The painter paints white: with white for the wall everything is wall, and is shown in what was chosen."""
    photo, rows = dropped(picture()), [{"name": "wall", "color": "#ffffff"}, {"name": "cup", "color": "#00ff00"}]
    options = ("", 0, 1, 0, 0, who())
    words, _, name, legend, _, _ = run(events.ask_legend(photo, rows, True, *options))
    assert "wall 100 %" in words and legend == rows
    rows[0]["color"] = "#ff8800"
    _, _, name, legend, _, _ = run(
        events.ask_legend(photo, [*rows, {"name": " ", "color": "#000000"}], False, *options)
    )
    assert legend == rows
    assert events.service.get(name, {}).predictions[0].colors == ((255, 136, 0), (0, 255, 0))
    for wrong, said in (([], "no class"), ("x", "list of names"), ([{"name": "a", "color": "no"}], "no")):
        assert said in told(run(events.ask_legend(photo, wrong, True, *options)))


def test_two_answers_are_compared(events) -> None:
    asked = (dropped(picture(100)), "metric depth", "fake", 0, "fake", 7, 0, who())
    words, value = run(events.compare(*asked))
    assert "they differ by 0%" in words and "fake, seed 0" in words and "fake, seed 7" in words
    assert {one["about"] for one in value["layers"][1:]} == {"fake, seed 0", "fake, seed 7"}
    assert len(events.read_points([value["id"], [[1, 1]]], who())["points"][0]) == 3
    assert "no model" in told(run(events.compare(*asked[:4], "nobody", *asked[5:])))


def test_edits_and_pictures_from_words(events) -> None:
    from plantain.models.painting import Painting

    photo = dropped(picture(100))
    words, path = run(events.edit(photo, "colorize", "", 0, who()))
    assert "made by a machine" in words
    assert (Painting.load(owned(path).read_bytes()).rgb == 155).all()  # the painter's edits are negatives
    assert run(events.use({"path": path})) == path
    _, path = run(events.generate("a chair", "", 9, who()))
    assert (Painting.load(owned(path).read_bytes()).rgb == 9).all()
    assert "drop a photo first" in told(run(events.edit(None, "colorize", "", 0, who())))


def test_examples_are_shown_with_every_question(serving) -> None:
    """A painter of many images gets photo and painting of each example beside the photo."""
    from plantain.serve.page.events import Events

    seen = []

    class Many(Painter):
        def paint(self, requests):
            seen.extend(len(request.images) for request in requests)
            return super().paint(requests)

    many = Many()
    many.capabilities = Capabilities(max_images=5, float_output=True)
    events = Events(PageService(serving(many=wrap(many)).app.state))
    mask = np.zeros((48, 64), np.uint8)
    mask[:, 30:] = 255
    from PIL import Image

    Image.fromarray(mask).save(path := new_folder() / "one.png")
    files = [dropped(picture(form="JPEG"), "one.jpg"), {"path": str(path), "orig_name": "one.png"}]
    words, chosen, question, file, _ = run(events.learn(files, "segment the crack", "many", who()))
    assert "Learned" in words and question == "segment the crack" and file["visible"] is False
    answer = ask(events, dropped(picture()), question, model=chosen["value"])
    assert "crack" in told(answer) and seen == [3]
    assert "not kept any more" in told(ask(events, dropped(picture()), question, who("other"), model=chosen["value"]))
    alone = told(run(events.learn(files[:1], "segment the crack", "many", who())))
    assert "there is no answer among the files" in alone
    assert "takes 1 at most" in told(run(events.learn(files, "segment the crack", "fake", who())))


def test_the_field_of_view_is_read_from_the_photo(events) -> None:
    """36 mm wide on film of 36 x 24: the angle is 2 atan(36 / 2 / 36) for a photo of that shape."""
    import io
    import math

    from PIL import Image

    out, exif = io.BytesIO(), Image.Exif()
    exif.get_ifd(0x8769)[0xA405] = 36
    Image.new("RGB", (360, 240)).save(out, "JPEG", exif=exif)
    words, fov = run(events.dropped(dropped(out.getvalue(), "a.jpg")))
    assert words == "" and fov == pytest.approx(2 * math.degrees(math.atan(0.5)), abs=0.1)
    assert "not a readable photo" in told(run(events.dropped(dropped(b"no"))))
