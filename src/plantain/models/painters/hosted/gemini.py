"""Google's image models (Nano Banana) by google-genai: one `generateContent` a picture, or a batch of them."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import urlsplit

from plantain.errors import PainterError, UsageError
from plantain.models.painters.hosted.base import Hosted
from plantain.models.painters.hosted.budget import Tokens
from plantain.models.painters.hosted.faults import Fault, http_fault, loaded, wait_of
from plantain.models.painters.hosted.pictures import decoded, png
from plantain.models.painting import Request

SHAPES = {  # aspectRatio -> pixels at 1K. Source: ai.google.dev/gemini-api/docs/image-generation
    "1:1": (1024, 1024), "2:3": (848, 1264), "3:2": (1264, 848), "3:4": (896, 1200), "4:3": (1200, 896),
    "4:5": (928, 1152), "5:4": (1152, 928), "9:16": (768, 1376), "16:9": (1376, 768), "21:9": (1584, 672),
}  # fmt: skip
SLIM = {"1:4": (512, 2064), "4:1": (2064, 512), "1:8": (352, 2928), "8:1": (2928, 352)}  # of models without "pro"
SCALES = {"512": 0.5, "1K": 1, "2K": 2, "4K": 4}
TOKENS = {  # of one picture by imageSize; what is not here is a picture of 4K
    "gemini-3-pro-image": {"1K": 1120, "2K": 1120, "4K": 2000},
    "gemini-nano-banana-2.1": {"1K": 1120, "2K": 1680, "4K": 2520},
}
PHOTO_TOKENS, MOST_TOKENS = 1120, 2520
THOUGHTS = 2500  # tokens that a model may think before it paints; 700 to 900 are usual
HARMS = ("HARASSMENT", "HATE_SPEECH", "SEXUALLY_EXPLICIT", "DANGEROUS_CONTENT")  # photographs of streets are none
REFUSED = ("SAFETY", "PROHIBITED", "RECITATION", "BLOCKLIST", "SPII")
RUNNING = ("PENDING", "RUNNING", "QUEUED", "UNSPECIFIED", "PAUSED", "UPDATING", "CANCELLING")


class Gemini(Hosted):
    """Nano Banana Pro, or another image model of the Gemini API."""

    service, package = "gemini", "google-genai"
    default_model: ClassVar[str] = "gemini-3-pro-image"
    default_url = "https://generativelanguage.googleapis.com"
    url_variable = "GOOGLE_GEMINI_BASE_URL"
    keys = ("GEMINI_API_KEY", "GOOGLE_API_KEY")
    most_images = 14

    def connect(self, key: str) -> Any:
        from google import genai
        from google.genai.types import HttpOptions

        def stay(request: Any) -> None:
            """A redirect to another host is not given the key."""
            if request.url.host != urlsplit(self.url).hostname:
                request.headers.pop("x-goog-api-key", None)

        options = HttpOptions(
            base_url=self.url,
            timeout=max(1, round(self.timeout_s * 1000)),
            client_args={"event_hooks": {"request": [stay]}},
        )
        return genai.Client(api_key=key, vertexai=False, http_options=options)

    def canvas(self, width: int, height: int) -> tuple[int, int]:
        """The service's own size whose shape is nearest."""
        if self.size not in SCALES or self.quality is not None:
            raise UsageError(
                f"gemini takes size {', '.join(SCALES)} and no quality, not {self.size!r}, {self.quality!r}"
            )
        across, down = self._shapes[self._ratio((width, height))]
        return round(across * SCALES[self.size]), round(down * SCALES[self.size])

    @property
    def _shapes(self) -> dict[str, tuple[int, int]]:
        return SHAPES if "pro" in self.model_id else SHAPES | SLIM

    def _ratio(self, size: tuple[int, int]) -> str:
        """The aspectRatio nearest to a size."""
        shapes = self._shapes
        return min(shapes, key=lambda r: abs(math.log(shapes[r][0] / shapes[r][1] * size[1] / size[0])))

    def body(self, request: Request) -> dict[str, Any]:
        """What is sent, as the API writes it; pictures as bytes."""
        if request.sampling:
            raise PainterError(f"the service takes no {', '.join(request.sampling)}")
        photos = [{"inlineData": {"mimeType": "image/png", "data": png(one)}} for one in request.images]
        image = {"aspectRatio": self._ratio(request.size), "imageSize": self.size}
        return {
            "contents": [{"role": "user", "parts": [*photos, {"text": request.prompt}]}],
            "safetySettings": [{"category": f"HARM_CATEGORY_{harm}", "threshold": "OFF"} for harm in HARMS],
            "generationConfig": {"responseModalities": ["IMAGE"], "imageConfig": image, "seed": request.seed}
            | self.fields,
        }

    def ask(self, request: Request) -> Mapping[str, Any]:
        body = self.body(request)
        config = body["generationConfig"] | {
            "safetySettings": body["safetySettings"],
            "shouldReturnHttpResponse": True,  # as it came: names that this client does not know stay as they are
            "automaticFunctionCalling": {"disable": True},
            "automaticContinuation": False,  # which would be a second call, and a second price
        }
        reply = self.client.models.generate_content(model=self.model_id, contents=body["contents"], config=config)
        return loaded(reply.sdk_http_response.body)

    def fault(self, error: Exception) -> Fault | None:
        from google.genai.errors import APIError

        if not isinstance(error, APIError):
            return None
        told = error.details.get("error", error.details) if isinstance(error.details, dict) else {}
        entries = [one for one in told.get("details") or () if isinstance(one, dict)]
        delay = next((str(one["retryDelay"]) for one in entries if "retryDelay" in one), "")
        wait = float(delay.rstrip("s")) if delay.rstrip("s").replace(".", "", 1).isdigit() else None
        quotas = [str(one) for entry in entries for one in entry.get("violations") or ()]
        spent = any("PerDay" in quota or "'quotaValue': '0'" in quota for quota in quotas)
        bad_key = any(entry.get("reason") == "API_KEY_INVALID" for entry in entries)
        text = f"{error.code} {error.status or ''}: {error.message or 'no reason given'}"
        text += "; the quota of a day is used up" if spent else ""
        if wait is None:
            wait = wait_of(getattr(error.response, "headers", None) or {})
        return http_fault(error.code, text, wait, gone=spent or bad_key)

    def picture(self, answer: Mapping[str, Any]) -> bytes | str:
        """The last picture that is no thought."""
        feedback = answer.get("promptFeedback") or {}
        if "blockReason" in feedback:
            why = f": {feedback['blockReasonMessage']}" if "blockReasonMessage" in feedback else ""
            raise PainterError(f"the service refused the prompt or the photo ({feedback['blockReason']}){why}")
        candidate = (answer.get("candidates") or [{}])[0]
        parts = [p for p in (candidate.get("content") or {}).get("parts") or () if not p.get("thought")]
        pictures = [blob["data"] for p in parts if (blob := p.get("inlineData") or {}).get("data")]
        if pictures:
            return decoded(pictures[-1])
        if links := [p["fileData"]["fileUri"] for p in parts if "fileData" in p]:
            return str(links[-1])
        said = " ".join(p["text"] for p in parts if p.get("text")) or candidate.get("finishMessage", "")
        finish = candidate.get("finishReason", "STOP")
        what = "the service refused" if any(word in finish for word in REFUSED) else "the service gave no picture"
        if not said and finish == "STOP":
            raise PainterError("the service gave an empty answer")
        raise PainterError(f"{what} ({'words alone' if finish == 'STOP' else finish})" + (f": {said}" if said else ""))

    def most(self, request: Request) -> Tokens:
        picture = TOKENS.get(self.model_id, {}).get(self.size, MOST_TOKENS)
        return Tokens(len(request.prompt.encode()) // 2 + 50, PHOTO_TOKENS * len(request.images), THOUGHTS, picture)

    def used(self, answer: Mapping[str, Any]) -> Tokens | None:
        usage = answer.get("usageMetadata")
        if not usage:
            return None
        came, thought = usage.get("candidatesTokenCount", 0), usage.get("thoughtsTokenCount", 0)
        kinds = usage.get("candidatesTokensDetails") or [{"modality": "IMAGE", "tokenCount": came}]
        image = sum(kind.get("tokenCount", 0) for kind in kinds if kind.get("modality") == "IMAGE")
        return Tokens(usage.get("promptTokenCount", 0), 0, max(0, came - image) + thought, image)

    # ---- batches

    def batch_line(self, key: str, request: Request) -> dict[str, Any]:
        return {"key": key, "request": self.body(request)}

    def batch_begin(self, lines: Path, title: str) -> str:
        file = self.client.files.upload(file=lines, config={"display_name": title, "mime_type": "jsonl"})
        made = self.client.batches.create(model=self.model_id, src=file.name, config={"display_name": title})
        return str(made.name)

    def batch_find(self, title: str) -> str:
        return next((str(one.name) for one in self.client.batches.list() if one.display_name == title), "")

    def batch_poll(self, name: str) -> tuple[str, list[str] | None]:
        job = self.client.batches.get(name=name)
        state = str(job.state and job.state.name).removeprefix("JOB_STATE_")
        if state in RUNNING:
            return state.lower(), None
        return state.lower(), [job.dest.file_name] if job.dest and job.dest.file_name else []

    def batch_read(self, file: str) -> Iterator[tuple[str, Mapping[str, Any] | None, str]]:
        for line in self.client.files.download(file=file).splitlines():
            one = json.loads(line)
            yield one["key"], one.get("response"), str((one.get("error") or one.get("status") or {}).get("message", ""))
