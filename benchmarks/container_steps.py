"""Runs the steps of the Dockerfile in a plain environment, where there is no Docker.

    python benchmarks/container_steps.py [--keep FOLDER]

Only the files that `.dockerignore` lets in are copied; the file's own pip command makes an environment from them; the
server starts with the file's own ENV, ENTRYPOINT and CMD (as user 10001 where that can be), with a key; its own
HEALTHCHECK must say that all is well, a question must be answered, one without a key refused, and SIGTERM must end it.
Places of the image (/opt/plantain, /data, port 8000) become places of the folder. Takes minutes: packages are
downloaded. Exit code 1 where a step fails.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
USER = 10001
PHOTO = ROOT / "src/plantain/samples/coffee.jpg"


def instructions() -> list[tuple[str, str]]:
    """The Dockerfile as (INSTRUCTION, rest), lines joined."""
    text = re.sub(r"\\\n\s*", " ", (ROOT / "Dockerfile").read_text())
    lines = [line.split(maxsplit=1) for line in text.splitlines() if line.strip() and not line.startswith("#")]
    return [(word, rest) for word, rest in lines]


def context(home: Path) -> None:
    """What `.dockerignore` lets in (it begins with *, then names what is wanted)."""
    wanted = [line[1:] for line in (ROOT / ".dockerignore").read_text().split() if line.startswith("!")]
    for name in wanted:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, home / name, ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))
        else:
            shutil.copy2(source, home / name)


def ask(port: int, key: str) -> tuple[int, dict]:
    mark = secrets.token_hex(8)
    head = f'--{mark}\r\nContent-Disposition: form-data; name="task"\r\n\r\nmetric depth\r\n'
    head += f'--{mark}\r\nContent-Disposition: form-data; name="image"; filename="x.jpg"\r\n\r\n'
    body = head.encode() + PHOTO.read_bytes() + f"\r\n--{mark}--\r\n".encode()
    headers = {"Content-Type": f"multipart/form-data; boundary={mark}", "Authorization": f"Bearer {key}"}
    request = urllib.request.Request(f"http://127.0.0.1:{port}/v1/predict", body, headers)
    try:
        with urllib.request.urlopen(request, timeout=120) as reply:
            return reply.status, json.loads(reply.read())
    except urllib.error.HTTPError as error:
        return error.code, json.loads(error.read())


def another_user(python: Path) -> dict[str, Any]:
    """How a process is started as the image's user, where this one may do so and that one can read this Python."""
    other = {"user": USER, "group": USER, "extra_groups": []}
    try:
        subprocess.run([python, "-c", ""], check=True, **other)
    except (PermissionError, subprocess.CalledProcessError):
        print("as the user that runs this: user 10001 cannot be taken, or cannot read this Python")
        return {}
    return other


def steps(home: Path) -> list[str]:
    """Everything, in order; what went wrong."""
    told = instructions()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    data = home / "data"
    data.mkdir(mode=0o700)
    places = {"/opt/plantain": str(home / "opt"), "/data": str(data), "8000": str(port)}

    def here(text: str) -> str:
        for place, own in places.items():
            text = text.replace(place, own)
        return text

    (home / "src").mkdir()
    context(home / "src")
    build = next(rest for word, rest in told if word == "RUN" and "pip install" in rest)
    subprocess.run(here(build), shell=True, cwd=home / "src", check=True, env=os.environ | {"PYTHONPATH": ""})
    env = dict(re.findall(r"(\w+)=(\S+)", here(next(rest for word, rest in told if word == "ENV"))))
    env = {name: value.replace("$PATH", os.environ["PATH"]) for name, value in env.items()}
    key = secrets.token_hex(16)
    command = [word for name in ("ENTRYPOINT", "CMD") for word in json.loads(here(dict(told)[name]))]
    home.chmod(0o755)
    as_user = another_user(home / "opt/bin/python")
    if as_user:
        os.chown(data, USER, USER)
    env |= {"PLANTAIN_API_KEYS": key, "HOME": str(data)}
    program = shutil.which(command[0], path=env["PATH"])
    server = subprocess.Popen([program, *command[1:], "--port", str(port)], cwd=data, env=env, **as_user)
    try:
        return checked(server, here(dict(told)["HEALTHCHECK"]), port, key, env)
    finally:
        server.kill()


def checked(server: subprocess.Popen, health: str, port: int, key: str, env: dict[str, str]) -> list[str]:
    """What the running server does."""
    check = json.loads(health[health.index("CMD") + 3 :])
    check[0] = shutil.which(check[0], path=env["PATH"])
    wrong, end = [], time.monotonic() + 120
    while subprocess.run(check, env=env, capture_output=True).returncode:
        if time.monotonic() > end or server.poll() is not None:
            return ["the health check never held"]
        time.sleep(1)
    print("health check: ok")
    status, answer = ask(port, key)
    print("a question:", status, {name: answer.get(name) for name in ("task", "model", "confidence")})
    wrong += [] if status == 200 and answer["model"] == "embedded" else [f"a question got {status}: {answer}"]
    refused, _ = ask(port, "wrong")
    print("without the key:", refused)
    wrong += [] if refused == 401 else [f"a wrong key got {refused}"]
    server.send_signal(signal.SIGTERM)
    code = server.wait(70)
    print("SIGTERM: exit code", code)  # uvicorn ends in order, then by the signal itself
    return wrong + ([] if code in (0, -signal.SIGTERM) else [f"SIGTERM ended it with {code}"])


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--keep", type=Path)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as made:
        home = given.keep or Path(made)
        home.mkdir(parents=True, exist_ok=True)
        wrong = steps(home)
    print(*wrong, sep="\n", file=sys.stderr)
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main())
