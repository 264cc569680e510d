"""A model that answers in words, behind an address: anything that speaks OpenAI's chat interface, or Google's Gemini.

Chat(url="http://localhost:8000/v1", model="qwen3-vl").ask(photo, "What is this?")
Chat(url="https://generativelanguage.googleapis.com/v1beta", model="gemini-3.1-flash-lite", key_env="GEMINI_API_KEY")
"""

from __future__ import annotations

import base64
import io
import json
import os
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image

from plantain._shapes import UInt8
from plantain.errors import PainterError, UsageError

SIDE = 1024  # pixels of a photo's longer side as it is sent
AGAIN = (429, 500, 502, 503, 504)  # answers of a server that may go well a moment later


@dataclass(frozen=True)
class Chat:
    """`url`: up to and with the version; `key_env`: the environment variable that holds the key, if one is needed."""

    url: str
    model: str
    key_env: str = ""
    tries: int = 3
    seconds: float = 60.0

    @property
    def gemini(self) -> bool:
        """Whether the address speaks Google's own interface."""
        return "generativelanguage" in self.url or self.url.rstrip("/").endswith("v1beta")

    def ask(self, photo: UInt8[np.ndarray, "h w 3"], text: str) -> str:
        """The answer in words. PainterError where there is none; UsageError where the key is missing."""
        answer = self._post(*(self._gemini(photo, text) if self.gemini else self._openai(photo, text)))
        try:
            if self.gemini:
                return "".join(part.get("text", "") for part in answer["candidates"][0]["content"]["parts"]).strip()
            return str(answer["choices"][0]["message"]["content"]).strip()
        except (KeyError, IndexError, TypeError, AttributeError) as error:
            raise PainterError(f"{self.model} gave no answer in words: {json.dumps(answer)[:200]}") from error

    def _openai(self, photo: np.ndarray, text: str) -> tuple[str, dict[str, Any], dict[str, str]]:
        picture = {"type": "image_url", "image_url": {"url": f"data:image/jpeg;base64,{encoded(photo)}"}}
        message = {"role": "user", "content": [picture, {"type": "text", "text": text}]}
        key = self._key()
        head = {"Authorization": f"Bearer {key}"} if key else {}
        return f"{self.url.rstrip('/')}/chat/completions", {"model": self.model, "messages": [message],
                                                            "temperature": 0}, head  # fmt: skip

    def _gemini(self, photo: np.ndarray, text: str) -> tuple[str, dict[str, Any], dict[str, str]]:
        picture = {"inline_data": {"mime_type": "image/jpeg", "data": encoded(photo)}}
        body = {"contents": [{"parts": [picture, {"text": text}]}], "generationConfig": {"temperature": 0}}
        return f"{self.url.rstrip('/')}/models/{self.model}:generateContent", body, {"x-goog-api-key": self._key()}

    def _key(self) -> str:
        if self.key_env and self.key_env not in os.environ:
            raise UsageError(f"{self.model} wants a key: set the environment variable {self.key_env}")
        return os.environ.get(self.key_env, "")

    def _post(self, url: str, body: Mapping[str, Any], head: Mapping[str, str]) -> Any:
        """The answer's JSON; a busy server is asked again, later each time."""
        content = json.dumps(body).encode()
        for left in reversed(range(self.tries)):
            request = urllib.request.Request(url, content, {"Content-Type": "application/json", **head})
            try:
                with urllib.request.urlopen(request, timeout=self.seconds) as reply:
                    return json.load(reply)
            except urllib.error.HTTPError as error:
                told = error.read().decode(errors="replace")[:200].strip()
                if error.code not in AGAIN or not left:
                    raise PainterError(f"{self.model} answered {error.code} ({told})") from error
            except (OSError, ValueError) as error:
                if not left:
                    raise PainterError(f"{self.model} cannot be reached at {self.url} ({error})") from error
            time.sleep(0.5 * 2 ** (self.tries - left - 1))
        raise PainterError(f"{self.model} was asked no times; give tries of at least 1")


def encoded(photo: UInt8[np.ndarray, "h w 3"]) -> str:
    """A photo as base64 of a JPEG, no larger than SIDE."""
    image = Image.fromarray(photo)
    image.thumbnail((SIDE, SIDE))
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=92)
    return base64.b64encode(buffer.getvalue()).decode()
