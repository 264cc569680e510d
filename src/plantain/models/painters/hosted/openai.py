"""Anything that speaks OpenAI's `/v1/images/edits`: OpenAI itself, vLLM-Omni, SGLang, LiteLLM."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from plantain.errors import PainterError, UsageError
from plantain.models.painters.hosted.base import Hosted
from plantain.models.painters.hosted.budget import Tokens
from plantain.models.painters.hosted.faults import Fault, http_fault, loaded, wait_of
from plantain.models.painters.hosted.pictures import decoded, encoded, png
from plantain.models.painting import Request

AREAS = {"512": 512**2, "1K": 1024**2, "2K": 2048**2, "4K": 3840 * 2160}  # pixels
STEP, LONGEST, SLIMMEST = 16, 3840, 3  # gpt-image-2: multiples, pixels, aspect
FIXED = ((1024, 1024), (1536, 1024), (1024, 1536))  # all that gpt-image-1 and 1.5 paint
GRID = {"low": 16, "medium": 48, "high": 96}  # of gpt-image-2
PHOTO_TOKENS = 1536  # of one picture that is sent, at most
SPENT = ("insufficient_quota", "billing_hard_limit_reached", "billing_not_active")
REFUSED = ("moderation_blocked", "content_policy_violation", "content_filter")
SAMPLING = {"steps": "num_inference_steps", "guidance": "guidance_scale"}  # names of vLLM-Omni and SGLang
RUNNING = ("validating", "in_progress", "finalizing", "cancelling")


class OpenAI(Hosted):
    """gpt-image-2, or whatever answers at `base_url`, which gets a seed, and a model's name only where one is given."""

    service, package = "openai", "openai"
    default_model: ClassVar[str] = "gpt-image-2"
    default_url = "https://api.openai.com/v1"
    url_variable = "OPENAI_BASE_URL"
    keys = ("OPENAI_API_KEY",)
    most_images = 16

    def connect(self, key: str) -> Any:
        import openai

        return openai.OpenAI(api_key=key, base_url=self.url, max_retries=0, timeout=self.timeout_s)

    def canvas(self, width: int, height: int) -> tuple[int, int]:
        """Of the photo's shape, as near as the model can; the area is that of `size`."""
        if fixed := re.fullmatch(r"(\d+)x(\d+)", self.size):
            return int(fixed[1]), int(fixed[2])
        if self.size not in AREAS:
            raise UsageError(f"openai takes size {', '.join(AREAS)} or WIDTHxHEIGHT, not {self.size!r}")
        if self.model_id.startswith("gpt-image-1"):
            return min(FIXED, key=lambda one: abs(math.log(one[0] / one[1] * height / width)))
        shape = min(max(width / height, height / width), SLIMMEST)
        long = min(math.sqrt(AREAS[self.size] * shape), LONGEST)
        short = max(1, math.floor(long / shape / STEP + 1e-6)) * STEP
        long = min(math.floor(long / STEP + 1e-6) * STEP, SLIMMEST * short)
        return (long, short) if width > height else (short, long)

    def form(self, request: Request) -> dict[str, Any]:
        """The fields that are sent beside the pictures."""
        form: dict[str, Any] = {"prompt": request.prompt, "size": f"{request.size[0]}x{request.size[1]}"}
        form |= {"model": self.model_id} if self.model_id else {}
        form |= {"quality": self.quality} if self.quality else {}
        known = {} if self.own else SAMPLING
        if unknown := [name for name in request.sampling if name not in known]:
            raise PainterError(f"the service takes no {', '.join(unknown)}")
        form |= {} if self.own else {"seed": request.seed}  # without one vLLM-Omni draws its own
        form |= {known[name]: value for name, value in request.sampling.items()}
        return form | {"output_format": "png"} | self.fields

    def ask(self, request: Request) -> Mapping[str, Any]:
        form, images = self.form(request), self.client.images.with_raw_response
        first = {name: form.pop(name) for name in ("prompt", "model") if name in form}
        if not request.images:
            return loaded(images.generate(**first, extra_body=form).content)
        photos = [(f"photo{i}.png", png(one), "image/png") for i, one in enumerate(request.images)]
        mask = {}
        if request.mask is not None:  # transparent is where to paint
            rgba = np.dstack([request.images[0], np.where(request.mask, 0, 255).astype(np.uint8)])
            mask = {"mask": ("mask.png", png(rgba), "image/png")}
        pictures = photos[0] if len(photos) == 1 else photos
        return loaded(images.edit(image=pictures, **mask, **first, extra_body=form).content)

    def fault(self, error: Exception) -> Fault | None:
        import openai

        if not isinstance(error, openai.APIStatusError):
            return None
        body = error.body if isinstance(error.body, dict) else {}
        code, said = str(error.code or ""), body.get("message") or body.get("detail") or error.message
        said = said if isinstance(said, str) else json.dumps(said)
        text = " ".join(filter(None, (str(error.status_code), code))) + f": {said}"
        if code in REFUSED:
            return Fault(text, refusal={"error": {"code": code, "message": said}})
        return http_fault(error.status_code, text, wait_of(error.response.headers), gone=code in SPENT)

    def picture(self, answer: Mapping[str, Any]) -> bytes | str:
        """The last picture."""
        if refusal := answer.get("error"):
            raise PainterError(f"the service refused ({refusal.get('code')}): {refusal.get('message')}")
        for one in reversed(answer.get("data") or ()):
            if one.get("b64_json"):
                return decoded(one["b64_json"])
            if one.get("url"):
                return str(one["url"])
        raise PainterError("the service gave an empty answer")

    def most(self, request: Request) -> Tokens:
        """Source of the output: the calculator of developers.openai.com/api/docs/guides/image-generation, in code at
        community.openai.com/t/1382699 (2026-06-05): 7024 tokens for 1024 x 1024 at high, 5488 for 1536 x 1024."""
        (width, height), grid = request.size, GRID.get(self.quality or "high", GRID["high"])
        short = round(grid * min(width, height) / max(width, height))
        painted = math.ceil(grid * short * (2_000_000 + width * height) / 4_000_000)
        return Tokens(len(request.prompt.encode()) // 2 + 50, PHOTO_TOKENS * len(request.images), 0, painted)

    def used(self, answer: Mapping[str, Any]) -> Tokens | None:
        usage = answer.get("usage")
        if not usage:
            return None
        image = (usage.get("input_tokens_details") or {}).get("image_tokens", usage.get("input_tokens", 0))
        return Tokens(max(0, usage.get("input_tokens", 0) - image), image, 0, usage.get("output_tokens", 0))

    # ---- batches

    def batch_line(self, key: str, request: Request) -> dict[str, Any]:
        photos = [f"data:image/png;base64,{encoded(png(one))}" for one in request.images]
        body = self.form(request) | ({"images": [{"image_url": one} for one in photos]} if photos else {})
        url = f"/v1/images/{'edits' if photos else 'generations'}"
        return {"custom_id": key, "method": "POST", "url": url, "body": body}

    def batch_begin(self, lines: Path, title: str) -> str:
        with lines.open("rb") as content:
            url = json.loads(content.readline())["url"]
            content.seek(0)
            file = self.client.files.create(file=content, purpose="batch")
        made = self.client.batches.create(
            input_file_id=file.id, endpoint=url, completion_window="24h", metadata={"plantain": title}
        )
        return str(made.id)

    def batch_find(self, title: str) -> str:
        found = (one for one in self.client.batches.list() if (one.metadata or {}).get("plantain") == title)
        return next((str(one.id) for one in found), "")

    def batch_poll(self, name: str) -> tuple[str, list[str] | None]:
        job = self.client.batches.retrieve(name)
        if job.status in RUNNING:
            return job.status, None
        return job.status, [file for file in (job.output_file_id, job.error_file_id) if file]

    def batch_read(self, file: str) -> Iterator[tuple[str, Mapping[str, Any] | None, str]]:
        for line in self.client.files.content(file).text.splitlines():
            one = json.loads(line)
            response = one.get("response") or {}
            body, error = response.get("body") or {}, one.get("error") or {}
            failed = body.get("error") or error
            kept = response.get("status_code") == 200 or failed.get("code") in REFUSED
            yield one["custom_id"], body if kept else None, str(failed.get("message", ""))
