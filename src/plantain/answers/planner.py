"""A language model that reads what the grammar refuses: other languages, several steps, reasoning.

It gets the text and the schema of a plan, never the photo, and what it gives is read by the grammar again: it can ask
for nothing that a person could not type. Whatever goes wrong leaves the grammar's refusal as it was.
"""

from __future__ import annotations

import json
import os
import random
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, get_args
from urllib.parse import urlsplit

from plantain.errors import MissingExtra, UsageError
from plantain.models.painters.hosted.faults import Fault, connection_fault, http_fault, wait_of
from plantain.tasks.language.english import is_name
from plantain.tasks.language.plan import Plan, Want
from plantain.tasks.language.reader import read_plan
from plantain.tasks.language.units import UNITS

KEYS = ("PLANTAIN_PLANNER_KEY", "OPENAI_API_KEY")  # environment variables that may have the key, the first one first
LONGEST = 200  # letters of what a service says
MOST = 8  # questions of one text
WORDS: dict[tuple[str, str], str] = {  # what the grammar reads as a want of a task; {} is the names
    ("map", "metric-depth"): "metric depth",
    ("map", "relative-depth"): "relative depth",
    ("map", "normals"): "surface normals",
    ("map", "edges"): "edges",
    ("map", "panoptic"): "segment everything",
    ("map", "keypoints"): "keypoints",
    ("map", "refer"): "mask of {}",
    ("map", "semantic"): "labels: {}",
    ("map", "instances"): "instances of {}",
    ("map", "detect"): "boxes of {}",
    ("map", "matte"): "alpha matte of {}",
    ("disparity", ""): "disparity",
    ("point-cloud", ""): "point cloud of {}",
    ("distance", ""): "how far is {}",
    ("distance", "between"): "distance between {}",
    ("size", ""): "how big is {}",
    ("compare", ""): "which is closer, {}",
    ("count", ""): "count {}",
    ("where", ""): "where is {}",
    ("presence", ""): "is there {}",
    ("cutout", ""): "cut out {}",
}
UNITED = ("distance", "size", "compare", "point-cloud")  # wants that take a unit
ASK = """You turn what somebody asks about one photo into questions for a vision program. You do not see the photo.
Answer with JSON of the schema. Each question has:
- want: map (a picture of numbers or of areas), count, distance (how far things are from the camera, or with "between"
  from each other), size, where, presence (is it there), compare (which is nearer), cutout, disparity, point-cloud
- task: for a map one of {tasks}; else null
- names: short English noun phrases of visible things, such as "bread knife"; none for a map of the whole picture
- unit: one of {units}, or null; between: true for the distance of two things from each other
Reason from what is meant to things that can be seen: "what can I cut bread with?" is where, ["knife"].
If no such question helps, as for the name, text, age or price of a thing, give no questions and say why in English."""


@dataclass(frozen=True)
class Planner:
    """An OpenAI-compatible service of chat completions at `url` (".../v1"). `model`: which of its models; `timeout_s`
    of one of `tries`, `pause_s` after the first of them."""

    url: str
    model: str = ""
    timeout_s: float = 30.0
    tries: int = 3
    pause_s: float = 1.0

    def __post_init__(self) -> None:
        if urlsplit(self.url).scheme not in ("http", "https"):
            raise UsageError(
                f"the planner is the address of a service, as in http://localhost:8000/v1, not {self.url!r}"
            )

    def plan(self, text: str) -> Plan:
        """What the model makes of a text, read by the grammar. PlannerFailed, with why, for anything that is no plan.

        Raises MissingExtra without the client."""
        record, told = self._asked(text)
        questions = list(_questions(record))
        if not questions:
            raise PlannerFailed(f"it finds no question in it ({_short(record.get('why') or 'without saying why')})")
        plans = [read_plan(question) for question in questions]
        both = tuple(question for plan in plans for question in plan.questions)
        return Plan(text, both, planner={"model": told or self.model, "read_as": questions})

    def _asked(self, text: str) -> tuple[Mapping[str, Any], str]:
        """The JSON that came back, and which model it is of; further tries where another may help."""
        client = self._client()
        for attempt in range(1, self.tries + 1):
            try:
                return self._once(client, text)
            except PlannerFailed as failure:
                if attempt == self.tries or not failure.again:
                    raise
                wait = self.pause_s * 2 ** (attempt - 1) if failure.wait_s is None else failure.wait_s
                time.sleep(min(wait, self.timeout_s) * random.uniform(0.5, 1.0))
        raise AssertionError("the last try raises or returns")

    def _once(self, client: Any, text: str) -> tuple[Mapping[str, Any], str]:
        """One call."""
        import openai

        asked = [{"role": "system", "content": instructions()}, {"role": "user", "content": text}]
        form = {"type": "json_schema", "json_schema": {"name": "plan", "strict": True, "schema": schema()}}
        try:
            made = client.chat.completions.create(
                model=self.model or "default", messages=asked, response_format=form, temperature=0
            )
        except openai.APIStatusError as error:
            body = error.body if isinstance(error.body, dict) else {}
            said = _short(body.get("message") or body.get("detail") or error.message)
            fault = http_fault(error.status_code, f"{error.status_code}: {said}", wait_of(error.response.headers))
            raise PlannerFailed.of(fault) from error
        except Exception as error:  # of the connection, or what came back was no JSON
            raise PlannerFailed.of(connection_fault(error, self.timeout_s)) from error
        return _content(made), str(getattr(made, "model", "") or "")

    def _client(self) -> Any:
        try:
            import openai
        except ImportError as error:
            raise MissingExtra("openai", "hosted") from error
        key = next((value for name in KEYS if (value := os.environ.get(name))), "none")
        return openai.OpenAI(api_key=key, base_url=self.url.rstrip("/"), max_retries=0, timeout=self.timeout_s)


class PlannerFailed(UsageError):
    """A planner that gave no plan."""

    def __init__(self, why: str, *, again: bool = False, wait_s: float | None = None) -> None:
        super().__init__(why)
        self.again, self.wait_s = again, wait_s

    @classmethod
    def of(cls, fault: Fault) -> PlannerFailed:
        return cls(fault.text, again=fault.again, wait_s=fault.wait_s)


def read_or_plan(text: str, planner: str | Planner | None = None) -> Plan:
    """The plan of a text by the grammar, or by the planner where the grammar refuses it.

    UsageError as the grammar has it, and why the planner did not help."""
    try:
        return read_plan(text)
    except UsageError as refusal:
        if planner is None or not text.strip():
            raise
        asked = Planner(planner) if isinstance(planner, str) else planner
        try:
            return asked.plan(text)
        except MissingExtra:
            raise
        except UsageError as failure:
            raise UsageError(f"{refusal}; the planner did not help: {failure}") from failure


# ---- what is sent and what comes back


def instructions() -> str:
    return ASK.format(tasks=", ".join(task for want, task in WORDS if want == "map"), units=", ".join(UNITS))


def schema() -> dict[str, Any]:
    """The JSON schema of a plan."""
    maps = [task for want, task in WORDS if want == "map"]
    question = {
        "want": {"type": "string", "enum": list(get_args(Want))},
        "task": {"type": ["string", "null"], "enum": [*maps, None]},
        "names": {"type": "array", "items": {"type": "string"}},
        "unit": {"type": ["string", "null"], "enum": [*UNITS, None]},
        "between": {"type": "boolean"},
    }
    whole = {"questions": {"type": "array", "items": _object(question)}, "why": {"type": ["string", "null"]}}
    return _object(whole)


def _object(properties: Mapping[str, Any]) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": list(properties), "additionalProperties": False}


def _content(made: Any) -> Mapping[str, Any]:
    """The JSON object of a completion. PlannerFailed for any other."""
    choices = getattr(made, "choices", None)
    if not choices:
        raise PlannerFailed("its answer is empty")
    message = choices[0].message
    if getattr(message, "refusal", None):
        raise PlannerFailed(f"it refused ({_short(message.refusal)})")
    text = (message.content or "").strip()
    text = text.removeprefix("```json").removeprefix("```").removesuffix("```").strip()
    try:
        record = json.loads(text)
    except ValueError:
        raise PlannerFailed(f"its answer is no JSON ({_short(text) or 'nothing'})") from None
    if not isinstance(record, dict) or not isinstance(record.get("questions"), list):
        raise PlannerFailed(f"its answer is no plan ({_short(text)})")
    return record


def _questions(record: Mapping[str, Any]) -> Iterator[str]:
    """The questions of a plan as a person would type them. PlannerFailed for a want, task or unit that is none."""
    for one in record["questions"][:MOST]:
        if not isinstance(one, dict):
            raise PlannerFailed(f"its answer is no plan ({_short(one)})")
        want, task, names, unit = (one.get(key) for key in ("want", "task", "names", "unit"))
        which = str(task or "") if want == "map" else "between" if want == "distance" and one.get("between") else ""
        if (str(want), which) not in WORDS:
            raise PlannerFailed(f"there is no task {which!r}" if want == "map" else f"nothing is told by {want!r}")
        if not isinstance(names, list) or not all(isinstance(name, str) and is_name(name.strip()) for name in names):
            raise PlannerFailed(f"its names are none ({_short(names)})")
        if unit is not None and unit not in UNITS:
            raise PlannerFailed(f"there is no unit {_short(unit)}")
        words = WORDS[str(want), which]
        if "{}" in words and len(names) < (2 if want == "compare" or which == "between" else 1):
            if want != "point-cloud":
                raise PlannerFailed(f"it names too few things for {words.replace('{}', '...')!r}")
            words = "point cloud"
        listed = " and ".join(f'"{_quotable(name)}"' for name in names)
        yield words.replace("{}", listed) + (f" in {unit}" if unit and want in UNITED else "")


def _quotable(name: str) -> str:
    return " ".join(name.replace('"', " ").split())


def _short(value: Any) -> str:
    text = " ".join(str(value).split())
    return text if len(text) <= LONGEST else f"{text[:LONGEST]} ..."
