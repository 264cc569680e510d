"""What people see where a planner answers oddly: a server on this machine that gives every fault, as a table.

    python benchmarks/planner_faults.py [-o docs/planner.md]

No service is called. `tests/answers/test_planner.py` takes server and faults from here, and holds the page to them.
"""

from __future__ import annotations

import argparse
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from plantain.answers.planner import Planner, read_or_plan
from plantain.errors import UsageError

REFUSED = "what can I cut bread with?"  # by the grammar
SHORT_S = 0.2  # how long a planner that is slow is waited for here

HEAD = """# A planner for what the grammar refuses

The [grammar](asking.md) reads English questions of its own forms. What it refuses (another language, several steps,
reasoning) can go to a language model: any service of OpenAI's chat completions, one on your own machine too.

```
pip install '.[hosted]'
plantain kitchen.jpg "womit kann ich Brot schneiden?" --planner http://localhost:8000/v1 --planner-model NAME
```

The key is taken from `PLANTAIN_PLANNER_KEY`, else `OPENAI_API_KEY`. The text alone is sent, never the photo, with the
JSON schema of a plan; nothing is sent that the grammar reads. What comes back is put into English and read by the
grammar again, so a planner can ask for nothing that a person could not type. It is said on standard error
(`planner: NAME reads this as: where is "bread knife"`) and kept in every JSON line: `"planner": {"model": ...,
"read_as": [...]}`. In Python: `plantain.ask(photo, text, planner="http://localhost:8000/v1")`, or `Planner(url, model,
timeout_s=..., tries=...)` of `plantain.answers.planner`.

## Faults

Whatever goes wrong, the grammar's refusal stands, with why the planner did not help at its end, and the exit code is 2.
States that pass (429, 5xx, no answer in time, a connection that broke) are tried three times, or after what the service
asks to wait. Made by `python benchmarks/planner_faults.py -o docs/planner.md` against a server on this machine:

| what the planner does | after "...; the planner did not help:" |
|-|-|
"""


def said(content: Any, **more: Any) -> dict[str, Any]:
    """A completion as the service words it."""
    text = content if isinstance(content, str) or content is None else json.dumps(content)
    choice = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": text, **more}}
    return {"id": "1", "object": "chat.completion", "created": 1, "model": "planny-7b", "choices": [choice]}


def question(want: str = "where", **more: Any) -> dict[str, Any]:
    return {"want": want, "task": None, "names": ["bread knife"], "unit": None, "between": False, **more}


def plan_of(*questions: Any, why: str | None = None) -> dict[str, Any]:
    return said({"questions": list(questions), "why": why})


def slowly() -> dict[str, Any]:
    time.sleep(5 * SHORT_S)
    return said("")


FAULTS: dict[str, Any] = {  # what the server says: a body, or (state, body, headers); a function is called
    "chats": said("I would look for a knife."),
    "says nothing": said(""),
    "has no content": said(None),
    "refuses": said(None, refusal="I would rather not"),
    "gives a list": said("[1, 2]"),
    "gives other JSON": said({"answer": 42}),
    "gives words for questions": said({"questions": ["knife"]}),
    "finds no question": plan_of(why="nobody sees the price"),
    "names a task that is none": plan_of(question("map", task="ocr")),
    "names a want that is none": plan_of(question("price")),
    "names no thing": plan_of(question(names=[])),
    "compares one thing": plan_of(question("compare")),
    "gives numbers for names": plan_of(question(names=[3])),
    "gives a question for a name": plan_of(question(names=["what breed is it?"])),
    "names a unit that is none": plan_of(question("distance", unit="miles")),
    "gives no choices": {**said(""), "choices": []},
    "gives an object of another kind": {"detail": "odd"},
    "gives a web page": b"<html>hello</html>",
    "knows no such key": (401, {"error": {"message": "no such key"}}, {}),
    "knows no such model": (404, {"error": {"message": "no model of this name"}}, {}),
    "has enough of us": (429, {"error": {"message": "slow down"}}, {"retry-after": "0"}),
    "breaks": (500, {"error": {"message": "broken"}}, {"retry-after": "0"}),
    "is slow": (200, slowly, {}),
}


class Server(ThreadingHTTPServer):
    """Says what it is told to say, one after another and then the last again; keeps what it was asked."""

    daemon_threads = True

    def __init__(self, *says: Any) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.says, self.asked, self.keys = list(says), list[Any](), list[Any]()
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/v1"


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_POST(self) -> None:
        server = self.server
        server.asked.append(json.loads(self.rfile.read(int(self.headers["content-length"]))))
        server.keys.append(self.headers["authorization"])
        says = server.says.pop(0) if len(server.says) > 1 else server.says[0]
        status, body, headers = says if isinstance(says, tuple) else (200, says, {})
        body = body() if callable(body) else body
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        try:
            self.send_response(status)
            for name, value in {"content-type": "application/json", **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)
        except OSError:  # whoever asked has gone
            pass

    def log_message(self, *_: Any) -> None:
        pass


@contextmanager
def serving(*says: Any) -> Iterator[Server]:
    server = Server(*says)
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()


def told(fault: str) -> str:
    """What a person sees of a fault."""
    wait_s = SHORT_S if fault == "is slow" else 5.0
    with serving(FAULTS[fault]) as server:
        try:
            read_or_plan(REFUSED, Planner(server.url, "planny", timeout_s=wait_s, tries=1, pause_s=0.0))
        except UsageError as error:
            return str(error).split("; the planner did not help: ")[1]
    raise AssertionError(f"a planner that {fault} gave a plan")


def page() -> str:
    return HEAD + "".join(f"| {fault} | {told(fault)} |\n" for fault in FAULTS)


def main() -> None:
    args = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    args.add_argument("-o", "--out", type=Path)
    given = args.parse_args()
    if given.out:
        given.out.write_text(page(), encoding="utf-8")
    else:
        print(page())


if __name__ == "__main__":
    main()
