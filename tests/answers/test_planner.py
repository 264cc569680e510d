"""The planner against a server on this machine that answers oddly: whatever it says, the refusal stays as it was."""

from __future__ import annotations

import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

import plantain
from answers.worlds import PHOTO, World, at, box
from plantain.answers.planner import WORDS, Planner, read_or_plan, schema
from plantain.errors import UsageError
from plantain.tasks.language.reader import read_plan

pytest.importorskip("openai", reason="needs the extra hosted")
REFUSED = "what can I cut bread with?"


class Server(ThreadingHTTPServer):
    """Says what it is told to say, one after another and then the last again; keeps what it was asked."""

    daemon_threads = True

    def __init__(self, *says):
        super().__init__(("127.0.0.1", 0), Handler)
        self.says, self.asked, self.keys = list(says), [], []
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_port}/v1"


class Handler(BaseHTTPRequestHandler):
    def do_POST(self):
        server = self.server
        server.asked.append(json.loads(self.rfile.read(int(self.headers["content-length"]))))
        server.keys.append(self.headers["authorization"])
        says = server.says.pop(0) if len(server.says) > 1 else server.says[0]
        status, body, headers = says if isinstance(says, tuple) else (200, says, {})
        if callable(body):
            body = body()
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        for name, value in {"content-type": "application/json", **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_):
        pass


def said(content, **more):
    """A completion as the service words it."""
    text = content if isinstance(content, str) or content is None else json.dumps(content)
    choice = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": text, **more}}
    return {"id": "1", "object": "chat.completion", "created": 1, "model": "planny-7b", "choices": [choice]}


def question(want="where", **more):
    return {"want": want, "task": None, "names": ["bread knife"], "unit": None, "between": False, **more}


def plan_of(*questions, why=None):
    return said({"questions": list(questions), "why": why})


@pytest.fixture
def serve():
    servers = []

    def start(*says):
        servers.append(Server(*says))
        return servers[-1]

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def planner(server, **options):
    return Planner(server.url, "planny", **{"timeout_s": 5.0, "tries": 1, "pause_s": 0.0, **options})


def test_what_the_grammar_refuses_is_planned(serve, monkeypatch):
    monkeypatch.setenv("PLANTAIN_PLANNER_KEY", "secret")
    server = serve(plan_of(question()))
    plan = read_or_plan(REFUSED, planner(server))
    assert [(one.want, one.names) for one in plan.questions] == [("where", ("bread knife",))]
    assert plan.text == REFUSED
    assert plan.planner == {"model": "planny-7b", "read_as": ['where is "bread knife"']}
    (asked,) = server.asked
    assert (asked["model"], asked["messages"][1]["content"]) == ("planny", REFUSED)
    assert asked["response_format"]["json_schema"]["schema"] == schema()
    assert server.keys == ["Bearer secret"]


def test_what_the_grammar_reads_is_not_planned(serve):
    server = serve(plan_of(question()))
    assert read_or_plan("how far is the cup?", planner(server)).planner is None
    assert not server.asked


def test_several_questions_and_units(serve):
    server = serve(plan_of(question("distance", unit="ft"), question("map", task="normals", names=[])))
    plan = read_or_plan("wie weit ist das Messer, in Fuß, und die Normalen?", planner(server))
    assert [(one.want, one.unit) for one in plan.questions] == [("distance", "ft"), ("map", None)]


@pytest.mark.parametrize(("says", "why"), [
    (said("I would look for a knife."), "no JSON"),
    (said(""), "no JSON"),
    (said(None), "no JSON"),
    (said(None, refusal="not that"), "it refused (not that)"),
    (said("[1, 2]"), "no plan"),
    (said({"answer": 42}), "no plan"),
    (said({"questions": ["knife"]}), "no plan"),
    (plan_of(why="nobody sees the price"), "finds no question in it (nobody sees the price)"),
    (plan_of(question("map", task="ocr")), "no task 'ocr'"),
    (plan_of(question("price")), "no 'price'"),
    (plan_of(question(names=[])), "names too few things"),
    (plan_of(question("compare")), "names too few things"),
    (plan_of(question(names=[3])), "names are none"),
    (plan_of(question("distance", unit="miles")), "no unit miles"),
    (plan_of(question(names=["what breed is it?"])), "names are none"),
    ({**said(""), "choices": []}, "empty"),
    ({"detail": "odd"}, "empty"),
    (b"<html>hello</html>", "no JSON"),
    ((401, {"error": {"message": "no such key"}}, {}), "401"),
    ((429, {"error": {"message": "slow down"}}, {}), "429"),
    ((500, {"error": {"message": "broken"}}, {}), "500"),
    ((200, lambda: time.sleep(1.0) or said(""), {}), "no answer within 0.2 s"),
])  # fmt: skip
def test_faults_leave_the_refusal_as_it_was(serve, says, why):
    with pytest.raises(UsageError) as grammar:
        read_plan(REFUSED)
    with pytest.raises(UsageError) as told:
        read_or_plan(REFUSED, planner(serve(says), timeout_s=0.2 if "0.2" in why else 5.0))
    text = str(told.value)
    assert text.startswith(f"{grammar.value}; the planner did not help: ")
    assert why in text.removeprefix(str(grammar.value))
    assert "\n" not in text


def test_nobody_is_there():
    with pytest.raises(UsageError, match="cannot be reached"):
        read_or_plan(REFUSED, Planner("http://127.0.0.1:9/v1", tries=1))
    with pytest.raises(UsageError, match="is the address of a service"):
        read_or_plan(REFUSED, "localhost:8000")


@pytest.mark.parametrize(("status", "calls"), [(429, 3), (500, 3), (401, 1)])
def test_a_call_is_made_again_where_that_may_help(serve, status, calls):
    server = serve((status, {"error": {"message": "no"}}, {"retry-after": "0"}))
    with pytest.raises(UsageError, match=str(status)):
        read_or_plan(REFUSED, planner(server, tries=3))
    assert len(server.asked) == calls
    recovers = serve((429, {}, {"retry-after": "0"}), plan_of(question()))
    assert read_or_plan(REFUSED, planner(recovers, tries=2)).questions[0].want == "where"


@pytest.mark.parametrize(("want", "which"), WORDS)
def test_every_row_is_read_as_what_it_means(serve, want, which):
    """One name with an "and" in it, and two, one with a word of the grammar, where it takes two."""
    words = WORDS[want, which]
    names = ["black and white cup", "depth gauge"][: 2 if want == "compare" or which == "between" else 1]
    asked = question(want, task=which if want == "map" else None, names=names, between=which == "between")
    (read,) = read_or_plan(REFUSED, planner(serve(plan_of(asked)))).questions
    assert read.want == want
    assert want != "map" or read.tasks[0].name == which
    assert read.names == (tuple(names) if "{}" in words else ())
    assert read.between == (which == "between")


def test_asking_with_a_planner(serve):
    knife = {"bread knife": box(20, 40, 60, 80)}
    server = serve(plan_of(question("distance")))
    answer = plantain.ask(PHOTO, REFUSED, World(knife, at({"bread knife": 2.0}, knife)).model, planner=server.url)
    assert answer.value == pytest.approx(2.0, rel=0.01)
    assert answer.to_json()["planner"] == {"model": "planny-7b", "read_as": ['how far is "bread knife"']}
