"""`plantain push | pull` against a hub of our own on this machine, by the hub's real client."""

from __future__ import annotations

import base64
import hashlib
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("huggingface_hub")
pytest.importorskip("torch")
from plantain.cli import main

COMMIT = "0" * 39 + "1"
CONFIG = {"format": "plantain-tuned/1", "generator": "flux2-klein-base-4b", "method": "lora", "license": "Apache-2.0",
          "revision": "x", "steps": 1}  # fmt: skip


class Hub(BaseHTTPRequestHandler):
    """What the client asks of huggingface.co to make a repository, commit small files and fetch them."""

    files: dict[str, bytes]
    asked: list[str]
    token, home = "right", ""

    def log_message(self, *_: Any) -> None:
        pass

    def reply(self, status: int, body: Any = None, **headers: str) -> None:
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        for name, value in ({"Content-Length": str(len(content))} | headers).items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.asked.append(self.path)
        if self.headers.get("Authorization") != f"Bearer {self.token}":
            self.reply(401, {"error": "no"})
        elif self.path.endswith("/repos/create"):
            self.reply(200, {"url": f"{self.home}/me/tuned", "id": "me/tuned"})
        elif self.path.endswith("/validate-yaml"):
            self.reply(200, {"errors": [], "warnings": []})
        elif "/preupload/" in self.path:
            rows = json.loads(body)["files"]
            self.reply(
                200, {"files": [{"path": r["path"], "uploadMode": "regular", "shouldIgnore": False} for r in rows]}
            )
        else:
            rows = [json.loads(line) for line in body.splitlines()]
            self.files.update(
                {r["value"]["path"]: base64.b64decode(r["value"]["content"]) for r in rows if r["key"] == "file"}
            )
            self.reply(200, {"commitUrl": f"{self.home}/me/tuned/commit/1", "commitOid": COMMIT, "success": True})

    def do_GET(self) -> None:
        path = self.path.split("?")[0]
        if path.startswith("/api/models/me/tuned"):
            rows = [
                {"rfilename": name, "type": "file", "path": name, "size": len(self.files[name]), "oid": "1" * 40}
                for name in self.files
            ]
            tree = "/tree/" in path
            self.reply(
                200,
                rows if tree else {"id": "me/tuned", "sha": COMMIT, "siblings": rows},
                Content_Type="application/json",
            )
        elif "/resolve/" in path and (name := path.split(f"/resolve/{COMMIT}/")[-1]) in self.files:
            tag = hashlib.sha256(self.files[name]).hexdigest()
            self.reply(200, self.files[name], ETag=f'"{tag}"', X_Repo_Commit=COMMIT)
        else:
            self.reply(404, {"error": "none"}, X_Error_Code="RepoNotFound")

    do_HEAD = do_GET


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[type[Hub]]:
    from huggingface_hub import constants

    own = type("Own", (Hub,), {"files": {}, "asked": []})
    server = ThreadingHTTPServer(("127.0.0.1", 0), own)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    address = f"http://127.0.0.1:{server.server_address[1]}"
    own.home = address
    monkeypatch.setattr(constants, "ENDPOINT", address)
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", address + "/{repo_id}/resolve/{revision}/{filename}")
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("HF_TOKEN", "right")
    yield own
    server.shutdown()


@pytest.fixture
def tuned(tmp_path: Path) -> Path:
    place = tmp_path / "tuned"
    (place / "more").mkdir(parents=True)
    (place / "plantain.json").write_text(json.dumps(CONFIG))
    (place / "README.md").write_text("---\nlicense: apache-2.0\n---\nA card.\n")
    (place / "pytorch_lora_weights.safetensors").write_bytes(b"weights")
    (place / "notes.txt").write_text("not for others")
    return place


def test_what_was_pushed_is_pulled(hub: Any, tuned: Path, tmp_path: Path, capsys: Any) -> None:
    assert main(["push", str(tuned), "me/tuned", "--private"]) == 0
    assert set(hub.files) == {"plantain.json", "README.md", "pytorch_lora_weights.safetensors"}
    assert json.loads(capsys.readouterr().out)["commit"] == COMMIT
    assert main(["pull", "me/tuned", "-o", str(tmp_path / "pulled")]) == 0
    told = capsys.readouterr()
    assert json.loads(told.out)["generator"] == "flux2-klein-base-4b"
    assert f"-m flux2-klein-base-4b --lora {tmp_path / 'pulled'}" in told.err
    for name in hub.files:
        assert (tmp_path / "pulled" / name).read_bytes() == (tuned / name).read_bytes()


def test_what_goes_wrong_is_one_line(hub: Any, tuned: Path, tmp_path: Path, monkeypatch: Any, capsys: Any) -> None:
    def told(*words: str) -> str:
        assert main(list(words)) == 2
        line = capsys.readouterr().err.splitlines()[-1]  # the client may say more
        assert line.startswith("plantain: ")
        return line

    assert "has no plantain.json" in told("push", str(tmp_path / "cache"), "me/tuned")
    assert "is no name of a repository" in told("push", str(tuned), "me/tuned/again")
    assert "there is no me/other on the hub for you" in told("pull", "me/other")
    assert "it has no plantain.json; ask the adapter of another trainer" in told("pull", "me/tuned")
    monkeypatch.setattr(hub, "token", "another")
    assert "run `hf auth login`" in told("push", str(tuned), "me/tuned")
    assert hub.files == {}
