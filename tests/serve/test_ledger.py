"""The table of jobs, in SQLite and in PostgreSQL: one text serves both."""

from __future__ import annotations

import sqlite3
from concurrent.futures import ThreadPoolExecutor

import pytest

from plantain.errors import OutputError
from serve.postgres import Server
from serve.served import code_of, metres, until
from serve.test_jobs import begin, pixels, rows

from plantain.serve.ledger import Ledger  # isort: skip
from plantain.serve.settings import Settings  # isort: skip


@pytest.fixture(scope="module")
def postgres():
    server = Server()
    yield server
    server.stop()


@pytest.fixture(params=["sqlite", "postgres"])
def ledger(request, tmp_path):
    url = str(tmp_path / "jobs.sqlite") if request.param == "sqlite" else request.getfixturevalue("postgres").url
    made = Ledger(url)
    yield made
    for row in made.stale(2e12, 2e12) + made.open():
        made.forget(row.id)
    made.close()


def test_a_job_in_the_table(ledger) -> None:
    job = ledger.add("ann", "fake", "how far is the “cup”?", {"kind": "ask"}, ["a%s.png", "b?.png", "ü'.png"])
    assert (ledger.of("ann"), ledger.open()) == ([], [])  # nobody sees it before its pictures are there
    assert ledger.turn(job, "queued")
    (row,) = ledger.of("ann")
    assert (row.state, row.total, row.done, row.failed, row.ended) == ("queued", 3, 0, 0, None)
    assert (row.question, row.to_json()["kind"], ledger.of("ben")) == ("how far is the “cup”?", "ask", [])
    assert ledger.record(job, 1, {"error": "it cannot"}) and ledger.record(job, 2, {"value": 1.5})
    assert not ledger.record(job, 2, {"value": 2.5})  # the first word counts
    assert [item["name"] for item in ledger.items(job)] == ["a%s.png", "b?.png", "ü'.png"]
    assert [item["place"] for item in ledger.items(job, done=False)] == [0]
    assert ledger.items(job, done=True, first=2, most=1)[0]["record"] == {"value": 1.5}
    assert (ledger.find(job).done, ledger.find(job).failed) == (2, 1)
    assert ledger.turn(job, "done") and not ledger.turn(job, "cancelled")
    ended = ledger.find(job).ended  # to the microsecond
    assert (ledger.stale(ended, 0), ledger.stale(ended + 0.01, 0)[0].id) == (
        [],
        job,
    )
    assert ledger.claim(job, "one", 60)
    ledger.forget(job)
    assert (ledger.find(job), ledger.items(job)) == (None, [])


def test_a_claim_is_one_workers_until_it_ends_or_is_given_back(ledger) -> None:
    job = ledger.add("ann", "fake", "metric depth", {}, ["a"])
    assert ledger.claim(job, "one", 60) and ledger.claim(job, "one", 60)
    assert not ledger.claim(job, "two", 60)
    ledger.release(job, "two")
    assert not ledger.claim(job, "two", 60)
    ledger.release(job, "one")
    assert ledger.claim(job, "two", -1)  # it has ended already
    assert ledger.claim(job, "one", 60) and not ledger.claim(job, "two", 60)


def test_of_many_who_want_a_job_one_gets_it(ledger) -> None:
    job = ledger.add("ann", "fake", "metric depth", {}, ["a"])
    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(lambda i: ledger.claim(job, f"worker {i}", 60), range(32))) == 1


def test_a_table_of_a_server_before_claims_and_kinds_is_read(tmp_path, serving) -> None:
    (tmp_path / "jobs").mkdir()
    with sqlite3.connect(tmp_path / "jobs.sqlite") as base:
        base.executescript(
            "CREATE TABLE jobs (id TEXT PRIMARY KEY, owner TEXT NOT NULL, created REAL NOT NULL, ended REAL,"
            " state TEXT NOT NULL, model TEXT NOT NULL, question TEXT NOT NULL, options TEXT NOT NULL,"
            " total INTEGER NOT NULL, error TEXT);"
            "CREATE TABLE items (job TEXT NOT NULL REFERENCES jobs (id) ON DELETE CASCADE, place INTEGER NOT NULL,"
            " name TEXT NOT NULL, record TEXT, failed INTEGER, PRIMARY KEY (job, place));"
            "INSERT INTO jobs VALUES ('old', 'anybody', 1e9, NULL, 'running', 'fake', 'metric depth', '{\"seed\": 3}',"
            " 1, NULL);"
            "INSERT INTO items (job, place, name) VALUES ('old', 0, 'photo.png');"
        )
    base.close()
    client = serving(Settings(state=tmp_path))
    (row,) = rows(client, "/v1/jobs/old")
    assert (row["image"], row["error_type"]) == ("photo.png", "PhotoError")  # its photo was not kept in this test


def test_what_a_full_disk_refuses_leaves_the_table_as_it_was(tmp_path) -> None:
    ledger = Ledger(str(tmp_path / "jobs.sqlite"))
    base = ledger._base._base
    base.execute(f"PRAGMA max_page_count = {base.execute('PRAGMA page_count').fetchone()[0] + 2}")
    with pytest.raises(OutputError, match="full"):
        ledger.add("ann", "fake", "metric depth", {}, ["x" * 100] * 1000)
    assert ledger.stale(2e12, 2e12) == []
    job = ledger.add("ann", "fake", "metric depth", {}, ["a"])  # what still has room goes on
    assert ledger.turn(job, "queued")
    ledger.close()


def test_a_job_goes_on_after_its_database_was_killed(postgres, serving, tmp_path, painter, monkeypatch) -> None:
    monkeypatch.setattr("plantain.serve.jobs.AGAIN_S", 0.2)
    client = serving(Settings(state=tmp_path, jobs=postgres.url, lease_s=1))
    levels = range(10, 250, 30)
    painter.free.clear()
    job = begin(client, levels, text="how far is the cup?")
    assert painter.busy.wait(10)
    postgres.kill()
    painter.free.set()
    answer = client.get(job)
    assert (answer.status_code, code_of(answer)) == (503, "jobs_unavailable")
    assert client.get("/readyz").status_code == 200
    postgres.start()
    until(lambda: client.get(job).status_code == 200)
    told = rows(client, job)
    assert [row["value"] for row in told] == pytest.approx([metres(level) for level in levels], rel=0.03)
    assert sum(painter.calls) == 2 * len(levels)  # a mask and a depth each, none twice
    assert pixels(client, job, 7, task="metric-depth").ndim == 3
