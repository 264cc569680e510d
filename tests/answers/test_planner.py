"""The planner against a server on this machine that answers oddly: whatever it says, the refusal stays as it was."""

from __future__ import annotations

from pathlib import Path

import pytest

import plantain
from answers.worlds import PHOTO, World, at, box
from planner_faults import FAULTS, REFUSED, Server, plan_of, question
from plantain.answers.planner import WORDS, Planner, read_or_plan, schema
from plantain.errors import UsageError
from plantain.tasks.language.reader import read_plan

pytest.importorskip("openai", reason="needs the extra hosted")
PAGE = Path(__file__).parents[2] / "docs" / "planner.md"


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


WHY = {  # in the table's order
    "chats": "no JSON", "says nothing": "no JSON", "has no content": "no JSON", "refuses": "it refused",
    "gives a list": "no plan", "gives other JSON": "no plan", "gives words for questions": "no plan",
    "finds no question": "nobody sees the price", "names a task that is none": "no task 'ocr'",
    "names a want that is none": "nothing is told by 'price'", "names no thing": "names too few things",
    "compares one thing": "names too few things", "gives numbers for names": "names are none",
    "gives a question for a name": "names are none", "names a unit that is none": "no unit miles",
    "gives no choices": "empty", "gives an object of another kind": "empty", "gives a web page": "no JSON",
    "knows no such key": "401: ", "knows no such model": "404: ", "has enough of us": "429: ", "breaks": "500: ",
    "is slow": "no answer within 0.2 s",
}  # fmt: skip


@pytest.mark.parametrize("fault", FAULTS)
def test_faults_leave_the_refusal_as_it_was(serve, fault):
    with pytest.raises(UsageError) as grammar:
        read_plan(REFUSED)
    with pytest.raises(UsageError) as told:
        read_or_plan(REFUSED, planner(serve(FAULTS[fault]), timeout_s=0.2 if fault == "is slow" else 5.0))
    text = str(told.value)
    assert text.startswith(f"{grammar.value}; the planner did not help: ")
    why = text.removeprefix(f"{grammar.value}; the planner did not help: ")
    assert WHY[fault] in why
    assert "\n" not in text
    assert f"| {fault} | {why} |\n" in PAGE.read_text(), "run: python benchmarks/planner_faults.py -o docs/planner.md"


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
