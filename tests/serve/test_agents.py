"""The tools of `plantain mcp`, asked by the client of the library itself."""

from __future__ import annotations

import asyncio
import base64
import io
import json
import sys

import numpy as np
import pytest
from PIL import Image

from serve.served import Painter, metres, picture

mcp = pytest.importorskip("mcp", reason="the extra `mcp` is not installed")

from plantain.pipeline.predictor import wrap  # noqa: E402
from plantain.serve.agents import Pictures, create_server, guarded  # noqa: E402
from plantain.serve.keys import digest  # noqa: E402
from plantain.serve.settings import Limits, Settings  # noqa: E402


def split(level_left: int, level_right: int) -> bytes:
    """A picture whose halves have different levels."""
    levels = np.full((48, 64, 3), level_left, np.uint8)
    levels[:, 32:] = level_right
    out = io.BytesIO()
    Image.fromarray(levels).save(out, "PNG")
    return out.getvalue()


@pytest.fixture
def call(tmp_path):
    """Calls a tool; gives the result, whose texts are read as JSON."""
    folder = tmp_path / "allowed"
    folder.mkdir()
    (folder / "photo.png").write_bytes(split(20, 220))
    (tmp_path / "secret.png").write_bytes(picture(1))
    (folder / "link.png").symlink_to(tmp_path / "secret.png")
    server, engine = create_server(wrap(Painter()), [folder], Limits(seconds=20, pixels=5000))

    def run(name, **arguments):
        async def asked():
            async with mcp.Client(server) as client:
                return await client.call_tool(name, arguments)

        return asyncio.run(asked())

    yield run
    engine.close()


def told(result) -> dict:
    assert not result.is_error, result
    return json.loads(result.content[0].text)


def test_every_tool(call) -> None:
    assert told(call("explain", text="how far is the cup?"))["want"] == "distance"
    assert told(call("ask", image="photo.png", text="where is the cup?"))["value"] == [0, 0, 64, 48]
    depth = call("predict", image="photo.png", task="metric depth")
    assert told(depth)["unit"] == "m" and told(depth)["size"] == [64, 48]
    assert depth.content[1].mime_type == "image/png"
    assert Image.open(io.BytesIO(base64.b64decode(depth.content[1].data))).format == "PNG"
    assert len(call("predict", image="photo.png", task="metric depth", picture="none").content) == 1
    points = told(call("measure", image="photo.png", points=[[3, 3], [60, 3]]))["points"]
    assert [point["metres"] for point in points] == pytest.approx([metres(20), metres(220)], rel=0.01)
    compared = told(call("compare_depths", image="photo.png", first=[60, 3], second=[3, 3]))
    assert compared["nearer"] == "second"
    assert compared["difference_m"] == pytest.approx(metres(220) - metres(20), rel=0.02)
    edited = call("edit", image="photo.png", text="colorize").content[0]
    assert np.asarray(Image.open(io.BytesIO(base64.b64decode(edited.data))))[0, 0].tolist() == [235] * 3


def test_pictures_come_as_base64_too(call) -> None:
    sent = base64.b64encode(picture(100)).decode()
    for image in (sent, f"data:image/png;base64,{sent}"):
        points = told(call("measure", image=image, points=[[1, 1]]))["points"]
        assert points[0]["metres"] == pytest.approx(metres(100), rel=0.01)


@pytest.mark.parametrize(
    ("name", "arguments", "said"),
    [
        ("ask", {"image": "none.png", "text": "where is the cup?"}, "no such picture in the allowed folders"),
        ("ask", {"image": "../secret.png", "text": "where is the cup?"}, "no such picture in the allowed folders"),
        ("ask", {"image": "link.png", "text": "where is the cup?"}, "no such picture in the allowed folders"),
        ("ask", {"image": "/etc/passwd", "text": "where is the cup?"}, "no such picture in the allowed folders"),
        ("ask", {"image": "http://127.0.0.1/x.png", "text": "where is the cup?"}, "no address is fetched"),
        ("ask", {"image": "data:image/png;base64,???", "text": "where is the cup?"}, "no base64"),
        ("ask", {"image": "photo.png", "text": "make me rich"}, "ask for example"),
        ("ask", {"image": "photo.png", "text": " "}, "say what you want"),
        ("predict", {"image": "photo.png", "task": "metric depth", "picture": "hologram"}, "picture"),
        ("measure", {"image": "photo.png", "points": [[1, 2, 3]]}, "points"),
        ("measure", {"image": "photo.png", "points": [[900, 2]]}, "is not in the picture of 64 x 48"),
        ("nonsense", {}, "nonsense"),
    ],
)
def test_wrong_arguments_are_one_clear_error(call, name, arguments, said) -> None:
    try:
        result = call(name, **arguments)
        text = result.content[0].text if result.is_error else ""
    except mcp.MCPError as error:  # of the protocol
        text = str(error)
    assert said in text and "Traceback" not in text


def test_large_pictures_are_refused(tmp_path) -> None:
    (tmp_path / "large.png").write_bytes(picture(1, 300, 300))
    with pytest.raises(Exception, match="megapixels"):
        Pictures((tmp_path,), Limits(pixels=50_000)).read("large.png")
    with pytest.raises(Exception, match="MiB"):
        Pictures((tmp_path,), Limits(body_bytes=100)).read("large.png")
    with pytest.raises(Exception, match="MiB"):
        Pictures((), Limits(body_bytes=100)).read("data:," + "A" * 200)


def test_over_http_the_guard_stands_before_it() -> None:
    from fastapi.testclient import TestClient

    key = "k" * 20
    server, engine = create_server(wrap(Painter()), [], Limits())
    hello = {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {
        "protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "t", "version": "1"}}}  # fmt: skip
    headers = {"accept": "application/json, text/event-stream"}
    with TestClient(guarded(server, Settings(keys={digest(key): "ours"}))) as client:
        refused = client.post("/mcp", json=hello, headers=headers)
        assert (refused.status_code, refused.json()["error"]["code"]) == (401, "invalid_api_key")
        answer = client.post("/mcp", json=hello, headers=headers | {"authorization": f"Bearer {key}"})
        assert answer.status_code == 200 and "plantain" in answer.text
    engine.close()


def test_over_standard_input_as_agents_start_it(tmp_path) -> None:
    (tmp_path / "photo.png").write_bytes(picture(100))
    command = mcp.StdioServerParameters(
        command=sys.executable, args=["-m", "plantain", "mcp", "--folder", str(tmp_path)], cwd=str(tmp_path),
        env={"PYTHONPATH": ":".join(filter(None, sys.path))},
    )  # fmt: skip

    async def asked():
        async with mcp.Client(command) as client:
            tools = await client.list_tools()
            return [tool.name for tool in tools.tools], await client.call_tool("explain", {"text": "surface normals"})

    names, result = asyncio.run(asked())
    assert names == ["ask", "explain", "predict", "measure", "compare_depths", "edit"]
    assert told(result)["tasks"] == ["normals"]
