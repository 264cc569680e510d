"""A service on this machine that speaks Gemini's and OpenAI's wire formats, with every fault that services have.

The formats were recorded from google-genai 3.6.1 and openai 3.57.0. `Service(choose)` asks `choose(key, attempt)` what
becomes of a request: "ok", or the name of a fault. It counts, by a hash of what is asked for, the tries, the calls that
were begun (a service that bills at the start would charge them) and those whose answer was delivered."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import re
import select
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import numpy as np
from PIL import Image

KEY = "sk-secret-6f1d0c7e-do-not-tell"


class Quiet(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def handle_error(self, *_: object) -> None: ...  # clients that were killed


class Service:
    """`with Service() as service: service.url`. `plan` overrides `choose` for the next requests, one entry each."""

    def __init__(self, choose: Callable[[str, int], str] = lambda key, attempt: "ok", seconds: float = 0.0) -> None:
        self.choose, self.seconds, self.plan = choose, seconds, list[str]()
        self.tries, self.begun, self.delivered = Counter[str](), Counter[str](), Counter[str]()
        self.most_at_once = self.at_once = 0
        self.seen: list[dict[str, Any]] = []
        self.files: dict[str, bytes] = {}
        self.batches: dict[str, dict[str, Any]] = {}
        self.polls = 1  # of a batch before it has ended
        self.lock = threading.Lock()
        self.server = Quiet(("127.0.0.1", 0), type("Bound", (Handler,), {"service": self}))
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def __enter__(self) -> Service:
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.server.shutdown()
        self.server.server_close()

    def fate(self, key: str) -> str:
        with self.lock:
            self.tries[key] += 1
            return self.plan.pop(0) if self.plan else self.choose(key, self.tries[key])


def depth_of(photo: Image.Image) -> Image.Image:
    """A painting of metric depth, in the color code that Plantain asks for: the darker, the farther."""
    from plantain.predictions.types import Depth
    from plantain.tasks import MetricDepth

    metres = 9 - np.asarray(photo.convert("L"), np.float32) / 32
    ones = np.ones_like(metres)
    return Image.fromarray(MetricDepth().encode(Depth(values=metres, valid=ones > 0, confidence=ones)))


def picture(shown: bytes | None, size: tuple[int, int], form: str = "PNG", bars: float = 0.0, cut: float = 0.0) -> str:
    """The depth of the photo that was sent, as the painting of a service that sees; base64."""
    image = Image.open(io.BytesIO(shown)).convert("RGB") if shown else Image.new("RGB", size, (90, 140, 200))
    image = depth_of(image)
    if cut:  # the middle alone
        edge = round(image.width * cut / 2)
        image = image.crop((edge, 0, image.width - edge, image.height))
    if image.size != size and not bars:
        image = image.resize(size, Image.Resampling.NEAREST)
    if bars:  # the whole photo between bars
        wide = Image.new("RGB", (round(image.width * (1 + bars)), image.height), (0, 0, 0))
        wide.paste(image, ((wide.width - image.width) // 2, 0))
        image = wide
    out = io.BytesIO()
    image.save(out, form)
    return base64.b64encode(out.getvalue()).decode()


def google_error(code: int, status: str, message: str, *details: dict[str, Any]) -> tuple[int, dict[str, Any]]:
    return code, {"error": {"code": code, "message": message, "status": status, "details": list(details)}}


QUOTA = {"@type": "type.googleapis.com/google.rpc.QuotaFailure",
         "violations": [{"quotaId": "GenerateRequestsPerDayPerProjectPerModel", "quotaValue": "250"}]}  # fmt: skip
HINT = {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "0.2s"}
LONG = {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "7200s"}
BAD_KEY = {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "API_KEY_INVALID"}
GOOGLE = {
    "rate-hint": google_error(429, "RESOURCE_EXHAUSTED", "Resource exhausted", HINT),
    "rate": google_error(429, "RESOURCE_EXHAUSTED", "Resource exhausted"),
    "rate-long": google_error(429, "RESOURCE_EXHAUSTED", "Resource exhausted", LONG),
    "quota": google_error(429, "RESOURCE_EXHAUSTED", "You exceeded your current quota", QUOTA, HINT),
    "500": google_error(500, "INTERNAL", "An internal error has occurred"),
    "503": google_error(503, "UNAVAILABLE", "The model is overloaded."),
    "bad-key": google_error(400, "INVALID_ARGUMENT", f"API key not valid: {KEY}", BAD_KEY),
    "no-model": google_error(404, "NOT_FOUND", "models/x is not found"),
    "bad-request": google_error(400, "INVALID_ARGUMENT", "Unable to process input image"),
}


def openai_error(code: int, name: str | None, message: str, kind: str = "") -> tuple[int, dict[str, Any]]:
    return code, {"error": {"message": message, "type": kind or name, "param": None, "code": name}}


OPEN = {
    "rate-hint": openai_error(429, "rate_limit_exceeded", "Rate limit reached"),
    "rate": openai_error(429, "rate_limit_exceeded", "Rate limit reached"),
    "rate-long": openai_error(429, "rate_limit_exceeded", "Rate limit reached"),
    "quota": openai_error(429, "insufficient_quota", "You exceeded your current quota"),
    "500": openai_error(500, None, "The server had an error", "server_error"),
    "503": openai_error(503, None, "overloaded", "server_error"),
    "bad-key": openai_error(401, "invalid_api_key", f"Incorrect API key provided: {KEY}"),
    "no-model": openai_error(404, "model_not_found", "The model x does not exist"),
    "bad-request": (422, {"detail": [{"loc": ["body", "size"], "msg": "bad size", "type": "value_error"}]}),
    "refused": openai_error(400, "moderation_blocked", "Your request was rejected by the safety system."),
}
HEADERS = {"rate-hint": {"retry-after-ms": "200"}, "rate-long": {"retry-after": "7200"}}


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    service: Service

    def log_message(self, *_: object) -> None: ...

    def do_GET(self) -> None:
        self.batch_routes(b"")

    def do_POST(self) -> None:
        body = self.body()
        if ":generateContent" in self.path:
            self.paint(google_request(body), google_answer, GOOGLE)
        elif self.path.endswith(("/images/edits", "/images/generations")):
            self.paint(openai_request(body, self.headers.get("Content-Type", "")), openai_answer, OPEN)
        else:
            self.batch_routes(body)

    def body(self) -> bytes:
        if self.headers.get("Transfer-Encoding") != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        body = b""
        while length := int(self.rfile.readline().strip() or b"0", 16):
            body += self.rfile.read(length)
            self.rfile.readline()
        self.rfile.readline()
        return body

    def reply(self, code: int, content: Any, headers: dict[str, str] | None = None) -> None:
        raw = content if isinstance(content, bytes) else json.dumps(content).encode()
        self.send_response(code)
        for name, value in {
            "Content-Type": "application/json",
            "Content-Length": str(len(raw)),
            **(headers or {}),
        }.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(raw)

    def hang_up(self) -> None:
        self.close_connection = True
        self.connection.shutdown(socket.SHUT_RDWR)

    def still_there(self) -> bool:
        """Whether the client still waits for its answer."""
        readable, _, _ = select.select([self.connection], [], [], 0)
        return not readable or self.connection.recv(1, socket.MSG_PEEK) != b""

    # ---- paintings

    def paint(self, asked: dict[str, Any], answer: Callable[..., Any], errors: dict[str, Any]) -> None:
        service, key = self.service, asked["key"]
        fate = service.fate(key)
        with service.lock:
            service.seen.append(asked | {"headers": dict(self.headers), "path": self.path, "fate": fate})
            service.at_once += 1
            service.most_at_once = max(service.most_at_once, service.at_once)
        try:
            self.come_true(fate, asked, answer, errors)
        finally:
            with service.lock:
                service.at_once -= 1

    def come_true(self, fate: str, asked: dict[str, Any], answer: Callable[..., Any], errors: dict[str, Any]) -> None:
        service, key = self.service, asked["key"]
        if fate == "reset":
            return self.hang_up()
        if fate in errors:
            return self.reply(*errors[fate], HEADERS.get(fate))
        if fate == "moved":
            return self.reply(307, {}, {"Location": self.service.url.replace("127.0.0.1", "localhost") + self.path})
        if fate == "no-json":
            return self.reply(200, b"<html>log in first</html>")
        if fate == "502":
            return self.reply(502, b"<html>bad gateway</html>")
        with service.lock:
            service.begun[key] += 1
        time.sleep(service.seconds + (1.5 if fate == "slow" else 0))
        if not self.still_there():
            return self.hang_up()
        if fate == "cut":
            self.send_response(200)
            self.send_header("Content-Length", "100000")
            self.end_headers()
            self.wfile.write(b'{"candi')
            self.wfile.flush()
            return self.hang_up()
        with service.lock:
            service.delivered[key] += 1
        self.reply(200, answer(fate, asked, service))

    # ---- batches and files

    def batch_routes(self, body: bytes) -> None:
        service, path = self.service, self.path.partition("?")[0]
        if path.startswith("/upload/"):  # Google's files come in two steps
            if "start" in self.headers.get("X-Goog-Upload-Command", ""):
                self.reply(
                    200, {}, {"x-goog-upload-url": f"{service.url}/upload/data", "x-goog-upload-status": "active"}
                )
            else:
                name = f"files/f{len(service.files)}"
                service.files[name] = body
                self.reply(200, {"file": {"name": name}}, {"x-goog-upload-status": "final"})
        elif path == "/v1/files":
            name = f"file-{len(service.files)}"
            service.files[name] = multipart(body, self.headers["Content-Type"])["file"][0]
            self.reply(
                200, {"id": name, "object": "file", "bytes": 1, "created_at": 1, "filename": "x", "purpose": "batch"}
            )
        elif path.endswith(":batchGenerateContent"):
            config = json.loads(body)["batch"]
            self.reply(200, google_batch(service, self.begin(config["inputConfig"]["fileName"], config["displayName"])))
        elif path == "/v1/batches" and self.command == "POST":
            config = json.loads(body)
            self.reply(200, openai_batch(service, self.begin(config["input_file_id"], config["metadata"]["plantain"])))
        elif path.startswith("/v1/batches"):
            google = "x-goog-api-key" in {name.lower() for name in self.headers}
            show = google_batch if google else openai_batch
            name = path.removeprefix("/v1/batches").strip("/")
            if name:
                self.reply(200, show(service, name.removeprefix("b-"), polled=True))
            elif google:
                self.reply(200, {"operations": [show(service, one) for one in service.batches]})
            else:
                everything = [show(service, one) for one in service.batches]
                self.reply(200, {"object": "list", "data": everything, "has_more": False})
        elif name := re.fullmatch(r"(?:/download)?/v1/(files/\w+):download|/v1/files/([\w-]+)/content", path):
            self.reply(200, service.files[name[1] or name[2]])
        elif path == "/picture.png":
            self.reply(200, base64.b64decode(picture(None, (64, 48))))
        else:
            self.reply(404, openai_error(404, "not_found", f"no route {path}")[1])

    def begin(self, file: str, title: str) -> str:
        name = str(len(self.service.batches))
        self.service.batches[name] = {"title": title, "file": file, "polls": 0, "output": None}
        return name


def multipart(body: bytes, kind: str) -> dict[str, list[bytes]]:
    found = re.search("boundary=(.*)", kind)
    assert found
    fields: dict[str, list[bytes]] = {}
    for part in body.split(b"--" + found[1].encode())[1:-1]:
        head, _, value = part.removeprefix(b"\r\n").partition(b"\r\n\r\n")
        name = re.search(rb'name="([^"]+)"', head)
        assert name
        fields.setdefault(name[1].decode(), []).append(value.removesuffix(b"\r\n"))
    return fields


def key_of(*parts: Any) -> str:
    return hashlib.sha256(repr(parts).encode()).hexdigest()


def google_request(body: bytes | dict[str, Any]) -> dict[str, Any]:
    sent = body if isinstance(body, dict) else json.loads(body)
    parts = sent["contents"][0]["parts"]
    photos = [base64.urlsafe_b64decode(part["inlineData"]["data"]) for part in parts if "inlineData" in part]
    prompt = next(part["text"] for part in parts if "text" in part)
    config = sent.get("generationConfig", {})
    return {"key": key_of(prompt, photos, config), "prompt": prompt, "photos": photos, "sent": sent}


def google_answer(fate: str, asked: dict[str, Any], service: Service) -> dict[str, Any]:
    shown = asked["photos"][0] if asked["photos"] else None
    width, height = Image.open(io.BytesIO(shown)).size if shown else (64, 64)
    usage = {"promptTokenCount": 865, "candidatesTokenCount": 1120, "thoughtsTokenCount": 800, "totalTokenCount": 2785,
             "candidatesTokensDetails": [{"modality": "IMAGE", "tokenCount": 1120}]}  # fmt: skip
    blocked = {"promptFeedback": {"blockReason": "PROHIBITED_CONTENT"}, "usageMetadata": {"promptTokenCount": 865}}
    if fate == "refused":
        return blocked
    finish, parts = "STOP", [image_part(picture(shown, (width, height)))]
    if fate in ("IMAGE_SAFETY", "NO_IMAGE", "IMAGE_PROHIBITED_CONTENT", "IMAGE_RECITATION"):
        finish, parts = fate, []
    elif fate == "words":
        parts = [{"text": "I can only describe this picture."}]
    elif fate == "empty":
        return {"usageMetadata": usage}
    elif fate == "jpeg":
        parts = [image_part(picture(shown, (width, height), "JPEG"))]  # and says that it is PNG
    elif fate == "drafts":
        draft = {**image_part(picture(None, (40, 30))), "thought": True}
        parts = [{"text": "thinking", "thought": True}, draft, image_part(picture(None, (40, 30))), *parts]
    elif fate == "link":
        parts = [{"fileData": {"fileUri": "https://elsewhere.example/x.png"}}]
    elif fate == "link-here":
        parts = [{"fileData": {"fileUri": f"{service.url}/picture.png"}}]
    elif fate == "half":
        parts = [image_part(picture(shown, (width // 2, height // 2)))]
    elif fate == "cut-out":
        parts = [image_part(picture(shown, (height, height), cut=1 - height / width))]
    elif fate == "bars":
        parts = [image_part(picture(shown, (width, height), bars=0.5))]
    elif fate == "no-picture":
        parts = [image_part(base64.b64encode(b"%PDF-1.7 not a picture").decode())]
    content = {} if fate == "IMAGE_PROHIBITED_CONTENT" else {"content": {"role": "model", "parts": parts}}
    return {"candidates": [{**content, "finishReason": finish, "index": 0}], "usageMetadata": usage}


def image_part(data: str) -> dict[str, Any]:
    return {"inlineData": {"mimeType": "image/png", "data": data}}


def openai_request(body: bytes | dict[str, Any], kind: str = "") -> dict[str, Any]:
    if isinstance(body, dict) or "json" in kind:
        sent = body if isinstance(body, dict) else json.loads(body)
        photos = [base64.b64decode(one["image_url"].partition(",")[2]) for one in sent.get("images", ())]
        fields = {name: str(value) for name, value in sent.items() if name != "images"}
    else:
        parts = multipart(body, kind)
        photos = parts.pop("image", []) + parts.pop("image[]", [])
        fields = {name: values[0].decode(errors="replace") for name, values in parts.items()}
    return {"key": key_of(sorted(fields.items()), photos), "prompt": fields["prompt"], "photos": photos, "sent": fields}


def openai_answer(fate: str, asked: dict[str, Any], service: Service) -> dict[str, Any]:
    shown = asked["photos"][0] if asked["photos"] else None
    width, height = (int(side) for side in asked["sent"].get("size", "64x48").split("x"))
    usage = {"input_tokens": 1300, "input_tokens_details": {"image_tokens": 1200, "text_tokens": 100},
             "output_tokens": 1756, "total_tokens": 3056}  # fmt: skip
    data = [{"b64_json": picture(shown, (width, height))}]
    if fate == "empty":
        data = []
    elif fate == "jpeg":
        data = [{"b64_json": picture(shown, (width, height), "JPEG")}]
    elif fate == "drafts":
        data = [{"b64_json": picture(None, (40, 30))}, *data]
    elif fate == "link":
        data = [{"url": "https://elsewhere.example/x.png"}]
    elif fate == "link-here":
        data = [{"url": f"{service.url}/picture.png"}]
    elif fate == "half":
        data = [{"b64_json": picture(shown, (width // 2, height // 2))}]
    elif fate == "cut-out":
        data = [{"b64_json": picture(shown, (height, height), cut=1 - height / width)}]
    elif fate == "bars":
        data = [{"b64_json": picture(shown, (width, height), bars=0.5)}]
    elif fate == "no-picture":
        data = [{"b64_json": base64.b64encode(b"%PDF-1.7 not a picture").decode()}]
    return {"created": 1700000000, "data": data, "output_format": "png", "usage": usage}


def run_batch(service: Service, name: str, google: bool) -> str:
    """The file of answers to a file of requests."""
    lines = []
    for line in service.files[service.batches[name]["file"]].splitlines():
        one = json.loads(line)
        asked = google_request(one["request"]) if google else openai_request(one["body"])
        key, fate = one["key" if google else "custom_id"], service.fate(asked["key"])
        errors = GOOGLE if google else OPEN
        if fate in errors:
            code, error = errors[fate]
            lines.append(
                {"key": key, **error}
                if google
                else {"custom_id": key, "response": {"status_code": code, "body": error}}
            )
            continue
        service.begun[asked["key"]] += 1
        service.delivered[asked["key"]] += 1
        made = (google_answer if google else openai_answer)(fate, asked, service)
        lines.append(
            {"key": key, "response": made}
            if google
            else {"custom_id": key, "response": {"status_code": 200, "body": made}}
        )
    output = f"files/out{name}" if google else f"file-out{name}"
    service.files[output] = "\n".join(map(json.dumps, lines)).encode()
    return output


def ended(service: Service, name: str, polled: bool, google: bool) -> str | None:
    """The output of a batch once it was polled often enough."""
    batch = service.batches[name]
    batch["polls"] += polled
    if batch["polls"] > service.polls and batch["output"] is None:
        batch["output"] = run_batch(service, name, google)
    return batch["output"]


def google_batch(service: Service, name: str, polled: bool = False) -> dict[str, Any]:
    output = ended(service, name, polled, True)
    told = {"displayName": service.batches[name]["title"], "name": f"batches/{name}",
            "state": "BATCH_STATE_SUCCEEDED" if output else "BATCH_STATE_RUNNING"}  # fmt: skip
    return {"name": f"batches/{name}", "metadata": told | ({"output": {"responsesFile": output}} if output else {})}


def openai_batch(service: Service, name: str, polled: bool = False) -> dict[str, Any]:
    output = ended(service, name, polled, False)
    batch = service.batches[name]
    return {"id": f"b-{name}", "object": "batch", "endpoint": "/v1/images/edits", "input_file_id": batch["file"],
            "completion_window": "24h", "status": "completed" if output else "in_progress", "created_at": 1,
            "output_file_id": output, "metadata": {"plantain": batch["title"]}}  # fmt: skip


def street(number: int = 0, size: tuple[int, int] = (96, 72)) -> np.ndarray:
    """A photo with edges, another one for each number."""
    rng = np.random.default_rng(number)
    image = np.full((size[1], size[0], 3), rng.integers(60, 200, 3), np.uint8)
    for _ in range(8):
        x, y = rng.integers(0, size[0] - 8), rng.integers(0, size[1] - 8)
        image[y : y + rng.integers(8, 40), x : x + rng.integers(8, 40)] = rng.integers(0, 255, 3)
    return image
