"""Gated, rewritten, routed: with stand-ins for those who are asked, and a real server for those who answer in words."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import numpy as np
import pytest

import plantain
from plantain import tasks
from plantain.errors import PainterError, UsageError
from plantain.models import MODELS, ModelSpec
from plantain.models.endpoints import Chat
from plantain.models.specialists.base import Specialist
from plantain.predictions.calibration import Fit
from plantain.predictions.types import Alpha, Depth, Instances

HIGH, WIDE = 12, 16
PHOTO = np.zeros((HIGH, WIDE, 3), np.uint8)


class Stand(Specialist):
    """A specialist that says what it was made with."""

    def __init__(self, name="stand", sure=0.9, presence=None, claims=("refer", "instances", "detect", "metric-depth")):
        super().__init__()
        self.name, self.sure, self.presence = name, sure, presence
        self.supported_tasks = dict.fromkeys(claims, "all")
        self.asked = []

    def answer(self, photo, task):
        self.asked.append(task)
        sure = np.full((HIGH, WIDE), self.sure, np.float32)
        if task.name == "metric-depth":
            return Depth(values=np.ones((HIGH, WIDE), np.float32), valid=np.ones((HIGH, WIDE), bool), confidence=sure)
        names = task.queries
        presence = None if self.presence is None else {name: self.presence for name in names}
        if task.name == "refer":
            alpha = np.ones((len(names), HIGH, WIDE), np.float32)
            return Alpha(alpha=alpha, names=names, presence=presence, confidence=sure)
        return Instances(
            boxes=np.array([[0, 0, 4, 4]], np.float32), labels=np.zeros(1, np.int64), classes=names,
            scores=np.array([self.sure], np.float32), presence=presence, confidence=sure,
            masks=np.ones((1, HIGH, WIDE), bool) if task.name == "instances" else None,
        )  # fmt: skip


@pytest.fixture
def stands(monkeypatch):
    """The table holds these alone."""

    class Book(dict):
        def __setitem__(self, name, stand):
            row = ModelSpec(name, "test_wrappers:given", "A stand.", "specialist", fixed={"stand": stand})
            monkeypatch.setitem(MODELS, name, row)
            super().__setitem__(name, stand)

    return Book()


def given(stand):
    return stand


@pytest.fixture
def server():
    """A server that answers as told: a list of (status, words); what it was sent is kept."""
    told, heard = [], []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            heard.append(
                (self.path, dict(self.headers), json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            )
            status, words = told.pop(0) if len(told) > 1 else told[0]
            gemini = {"candidates": [{"content": {"parts": [{"text": words}]}}]}
            body = gemini if "generateContent" in self.path else {"choices": [{"message": {"content": words}}]}
            self.send_response(status)
            self.end_headers()
            self.wfile.write(json.dumps(body if words is not None else {}).encode())

        def log_message(self, *args):
            pass

    http = HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=http.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{http.server_port}", told, heard
    http.shutdown()


def test_whoever_is_asked_and_how_sure_they_are_is_part_of_the_identity(stands):
    """Answers hang on the confidence of the models that are asked, and so on what sets it right."""
    stands["a"], stands["b"] = Stand("a"), Stand("b")

    def key(*names, fits=None, **spec):
        for stand in stands.values():
            stand.calibration = fits or {}
        model = plantain.load("routed", spec={"ask": list(names), **spec})
        return model.identity.key

    fits = {"refer": Fit((0.0, 1.0), (0.0, 0.5))}
    keys = [key("a"), key("b"), key("a", "b"), key("a", fits=fits), key("a", min_confidence=0.5)]
    assert len(set(keys)) == len(keys)
    assert key("a") == keys[0]


# ---- gated


def test_by_its_own_presence(stands):
    stands["sure"], stands["unsure"] = Stand(presence=0.8), Stand(presence=0.3)
    assert plantain.load("gated", spec={"model": "sure"}).predict(PHOTO, "segment the cat").masks.all()
    assert not plantain.load("gated", spec={"model": "unsure"}).predict(PHOTO, "segment the cat").masks.any()
    found = plantain.load("gated", spec={"model": "unsure"}).predict(PHOTO, tasks.InstanceSegmentation("cat"))
    assert len(found) == 0 and found.masks.shape == (0, HIGH, WIDE)
    loose = plantain.load("gated", spec={"model": "unsure", "min_score": 0.2})
    assert loose.predict(PHOTO, "segment the cat").masks.all()


def test_by_a_judge_who_is_asked_as_the_paper_asks(stands, server):
    url, told, heard = server
    stands["stand"] = Stand(presence=0.1)
    gated = plantain.load("gated", spec={"model": "stand", "judge": {"url": f"{url}/v1", "model": "m"}})
    told[:] = [(200, "(A): Yes"), (200, "(B): No.")]
    seen = gated.predict(PHOTO, tasks.ReferringSegmentation(("the cat", "a unicorn")))
    assert seen.masks[0].all() and not seen.masks[1].any() and seen.presence == {"the cat": 1.0, "a unicorn": 0.0}
    path, _, body = heard[0]
    assert path == "/v1/chat/completions" and body["model"] == "m" and body["temperature"] == 0
    picture, words = body["messages"][0]["content"]
    assert picture["image_url"]["url"].startswith("data:image/jpeg;base64,")
    assert words["text"] == (
        "Is there an instance of the cat visible in this image? Choose your answer from the following options: "
        "(A): Yes, (B): No."
    )


@pytest.mark.parametrize(
    "task", [tasks.ReferringSegmentation("a cat"), tasks.InstanceSegmentation("cat"), tasks.ObjectDetection("cat")]
)
def test_nobody_is_asked_to_paint_what_is_not_there(stands, server, task):
    url, told, _ = server
    stands["stand"] = Stand()
    told[:] = [(200, "No")]
    gated = plantain.load("gated", spec={"model": "stand", "judge": {"url": url, "model": "m"}})
    seen = gated.predict(PHOTO, task)
    assert not stands["stand"].asked and list(seen.presence.values()) == [0.0] and seen.size == (WIDE, HIGH)
    with pytest.raises(UsageError, match="gated answers"):
        gated.predict(PHOTO, "metric depth")


# ---- rewriting


def test_a_query_becomes_a_phrase(stands, server):
    url, told, heard = server
    stands["stand"] = Stand(presence=0.7)
    told[:] = [(200, '"the red mug on the left".\n')]
    model = plantain.load("rewriting", spec={"model": "stand", "writer": {"url": url, "model": "m"}})
    seen = model.predict(PHOTO, tasks.ReferringSegmentation("what could one drink from?"))
    assert stands["stand"].asked[0].text == "the red mug on the left"
    assert seen.names == ("what could one drink from?",) and seen.presence == {"what could one drink from?": 0.7}
    assert "what could one drink from?" in heard[0][2]["messages"][0]["content"][1]["text"]


def test_an_empty_phrase(stands, server):
    url, told, _ = server
    stands["stand"] = Stand()
    told[:] = [(200, "  \n")]
    with pytest.raises(PainterError, match="without words"):
        plantain.load("rewriting", spec={"model": "stand", "writer": {"url": url, "model": "m"}}).predict(
            PHOTO, tasks.ReferringSegmentation("x y")
        )


# ---- routed


def test_the_most_confident_answers(stands):
    stands["a"], stands["b"] = Stand("a", 0.6), Stand("b", 0.8)
    stands["c"] = Stand("c", 0.99, claims=("refer",))
    routed = plantain.load("routed", spec={"ask": ["a", "b", "c"]})
    assert routed.predict(PHOTO, "metric depth").confidence.max() == pytest.approx(0.8)
    assert not stands["c"].asked
    assert routed.predict(PHOTO, tasks.InstanceSegmentation("cat")).scores.tolist() == pytest.approx([0.8])


def test_enough_is_enough(stands):
    stands["a"], stands["b"] = Stand("a", 0.6), Stand("b", 0.8)
    plantain.load("routed", spec={"ask": ["a", "b"], "min_confidence": 0.5}).predict(PHOTO, "metric depth")
    assert stands["a"].asked and not stands["b"].asked


def test_nobody_claims_it(stands):
    stands["a"] = Stand("a", claims=("refer",))
    with pytest.raises(UsageError, match="routed answers refer, not normals"):
        plantain.load("routed", spec={"ask": ["a"]}).predict(PHOTO, "normals")


# ---- specs and endpoints


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_a_spec_from_a_file(encoding, stands, tmp_path):
    stands["a"] = Stand("a", 0.6)
    (tmp_path / "s.toml").write_text('ask = ["a"]\n', encoding=encoding)
    assert plantain.load("routed", spec=tmp_path / "s.toml").predict(PHOTO, "metric depth").confidence.min() > 0.5


@pytest.mark.parametrize(("spec", "says"), [(None, "wants a spec"), ({}, "must say 'model'; it says: nothing"),
                                            ("none.toml", "no spec at")])  # fmt: skip
def test_a_wrong_spec(spec, says):
    with pytest.raises(UsageError, match=says):
        plantain.load("gated", spec=spec)


def test_gemini_is_spoken_to_in_its_own_way(server, monkeypatch):
    url, told, heard = server
    told[:] = [(200, "yes")]
    monkeypatch.setenv("SOME_KEY", "secret")
    assert Chat(f"{url}/v1beta", "gemini-x", key_env="SOME_KEY").ask(PHOTO, "?") == "yes"
    path, head, body = heard[0]
    assert path == "/v1beta/models/gemini-x:generateContent" and head["X-Goog-Api-Key"] == "secret"
    assert body["contents"][0]["parts"][1] == {"text": "?"}


def test_a_busy_server_is_asked_again(server, monkeypatch):
    url, told, heard = server
    monkeypatch.setattr("time.sleep", lambda seconds: None)
    told[:] = [(503, "busy"), (200, "yes")]
    assert Chat(url, "m").ask(PHOTO, "?") == "yes" and len(heard) == 2


def test_what_servers_refuse(server, monkeypatch):
    url, told, _ = server
    told[:] = [(401, "no")]
    with pytest.raises(PainterError, match="m answered 401"):
        Chat(url, "m").ask(PHOTO, "?")
    told[:] = [(200, None)]
    with pytest.raises(PainterError, match="gave no answer in words"):
        Chat(url, "m").ask(PHOTO, "?")
    with pytest.raises(UsageError, match="set the environment variable NO_SUCH_KEY"):
        Chat(url, "m", key_env="NO_SUCH_KEY").ask(PHOTO, "?")
    with pytest.raises(PainterError, match="cannot be reached"):
        Chat("http://127.0.0.1:9", "m", tries=1).ask(PHOTO, "?")
