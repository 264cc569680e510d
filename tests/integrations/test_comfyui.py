"""The nodes of ComfyUI against a real server on loopback; ComfyUI's own module is a stand-in (fake_comfy_api)."""

from __future__ import annotations

import asyncio
import importlib.util
import inspect
import json
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="torch comes with the extra `train`")
uvicorn = pytest.importorskip("uvicorn", reason="the extra `serve` is not installed")

import fake_comfy_api  # noqa: E402

from plantain.models.painters.function import Function  # noqa: E402
from plantain.pipeline.predictor import wrap  # noqa: E402
from plantain.predictions.types import Alpha, Depth, Instances, Keypoints, Labels, Normals, Panoptic  # noqa: E402
from plantain.serve.app import create_app  # noqa: E402
from plantain.serve.keys import digest  # noqa: E402
from plantain.serve.settings import Limits, Settings  # noqa: E402
from plantain.tasks import TASKS  # noqa: E402
from plantain.tasks.language.parsing import parse  # noqa: E402

HERE = Path(__file__).parents[2] / "integrations/comfyui"
H, W = 48, 64
LEFT = np.arange(W)[None, :].repeat(H, 0) < W // 2
SURE = np.ones((H, W), np.float32)


def truth(task):
    """One true answer to each task: the left half of the picture is the thing, a flat wall 2 m away."""
    box = np.array([[0, 0, W // 2, H]], np.float32)
    about = {"confidence": SURE}
    one, first = np.ones(1, np.float32), np.zeros(1, int)
    thing = Instances(
        boxes=box, labels=first, classes=task.queries[:1] or ("x",), scores=one, masks=LEFT[None], **about
    )
    names = getattr(task, "points", None) or task.queries
    return {
        "metric-depth": lambda: Depth(values=2 * SURE, valid=SURE > 0, **about),
        "relative-depth": lambda: Depth(values=np.cumsum(SURE, 1), valid=SURE > 0, scale="affine", **about),
        "normals": lambda: Normals(xyz=np.tile(np.float32([0, 0, 1]), (H, W, 1)), valid=SURE > 0, **about),
        "semantic": lambda: Labels(ids=np.where(LEFT, 0, 1), classes=task.queries, **about),
        "instances": lambda: thing, "detect": lambda: thing,
        "refer": lambda: Alpha(alpha=LEFT[None].astype(np.float32), names=task.queries, **about),
        "matte": lambda: Alpha(alpha=LEFT[None].astype(np.float32), names=task.queries, **about),
        "edges": lambda: np.eye(H, W, dtype=np.float32),
        "keypoints": lambda: Keypoints(xy=np.full((len(names), 2), 20.0), visible=np.ones(len(names), bool),
                                       names=tuple(names), scores=np.ones(len(names), np.float32), **about),
        "panoptic": lambda: Panoptic(ids=np.where(LEFT, 0, -1), classes=task.classes, segments=LEFT.astype(np.int32),
                                     segment_labels=np.zeros(1, int), segment_scores=np.ones(1, np.float32), **about),
    }[task.name]()  # fmt: skip


def paint(photo, prompt, _seed):
    try:
        task = parse(prompt)
    except Exception:
        return 255 - photo
    painted = task.encode(truth(task))
    return np.asarray(painted)


@pytest.fixture(scope="module")
def nodes():
    """The package as ComfyUI loads it: by its path."""
    fake_comfy_api.install()
    spec = importlib.util.spec_from_file_location(
        "plantain_nodes", HERE / "__init__.py", submodule_search_locations=[str(HERE)]
    )
    package = importlib.util.module_from_spec(spec)
    sys.modules["plantain_nodes"] = package
    spec.loader.exec_module(package)
    yield package
    for name in [name for name in sys.modules if name.split(".")[0] in ("plantain_nodes", "comfy_api")]:
        del sys.modules[name]


@pytest.fixture(scope="module")
def address():
    """A server with a key, on a free port of this machine."""
    painter = Function(paint, name="fake", multiple=1)
    app = create_app({"fake": wrap(painter)}, Settings(Limits(), keys={digest("secret"): "me"}))
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="error"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        assert thread.is_alive()
    yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    server.should_exit = True
    thread.join(20)


@pytest.fixture(autouse=True)
def key(monkeypatch):
    monkeypatch.setenv("PLANTAIN_KEY", "secret")


PHOTO = torch.full((2, H, W, 3), 0.4)


def test_every_task_has_a_node_and_all_schemas_hold(nodes) -> None:
    from plantain_nodes.nodes import ROWS

    assert set(ROWS) == set(TASKS)
    listed = asyncio.run(asyncio.run(nodes.comfy_entrypoint()).get_node_list())
    assert len(listed) == len(TASKS) + 2
    for one in listed:
        schema = one.define_schema()
        schema.validate()
        taken = inspect.signature(one.execute).parameters
        free = any(p.kind is p.VAR_KEYWORD for p in taken.values())
        assert all(own.id in taken or free for own in schema.inputs), schema.node_id
        assert "key" not in {own.id for own in schema.inputs}  # workflows are saved into pictures


def test_nodes_import_what_comfyui_brings_alone() -> None:
    found = {line.split()[1].split(".")[0] for path in HERE.glob("*.py") for line in path.read_text().splitlines()
             if line.startswith(("import ", "from "))}  # fmt: skip
    assert found - set(sys.stdlib_module_names) - {""} == {"numpy", "PIL", "torch", "comfy_api"}


@pytest.mark.parametrize("name", list(TASKS))
def test_each_node_gives_what_the_server_answers(nodes, address, name) -> None:
    from plantain_nodes.nodes import ROWS, TASK_NODES

    row = ROWS[name]
    words = {} if row.words is None else {row.words[0]: row.words[1]}
    out = TASK_NODES[name].execute(PHOTO, **words, server=address, seed=3).args
    assert len(out) == 1 + len(row.outputs)
    assert out[0].dtype == torch.float32 and out[0].shape[0] == 2 and out[0].shape[-1] == 3
    for (kind, _, _), value in zip(row.outputs, out[1:], strict=True):
        if kind in ("Mask", "Image"):
            assert value.dtype == torch.float32 and value.shape[1:3] == (H, W)
            assert value.ndim == (4 if kind == "Image" else 3)
        else:
            assert isinstance(value, {"String": str, "Float": float, "Int": int}[kind])
    left = torch.from_numpy(LEFT)
    if name == "metric-depth":
        assert out[1].shape[0] == 2 and float(out[1].mean()) == pytest.approx(2.0, rel=0.02)
    elif name == "normals":
        assert torch.allclose(out[1].mean((0, 1, 2)), torch.tensor([0.5, 0.5, 1.0]), atol=0.02)
    elif name in ("refer", "matte", "instances", "detect"):
        overlap = ((out[1][0] > 0.5) & left).sum() / ((out[1][0] > 0.5) | left).sum()
        assert float(overlap) > 0.9
    elif name == "semantic":
        assert out[1].shape[0] == 2 * 3 and out[2].split("\n")[:3] == ["wall", "floor", "bed"]
        assert torch.equal(out[1][0] > 0.5, left)
    elif name == "panoptic":
        assert torch.equal(out[1][0] > 0.5, left) and len(out[2].splitlines()) == len(out[1]) == 2
    if name == "instances":
        assert out[3] == 2 and json.loads(out[2].split("\n")[0])[0]["class"] == "cup"  # one in each of two pictures


def test_ask_and_edit(nodes, address) -> None:
    from plantain_nodes.nodes import PlantainAsk, PlantainEdit

    line, value, details = PlantainAsk.execute(PHOTO, "how far is everything?", server=address).args
    assert "2.0" in line and json.loads(details)["model"] == "fake" and isinstance(value, float)
    mask = torch.zeros((1, H, W))
    mask[:, :, W // 2 :] = 1
    (edited,) = PlantainEdit.execute(PHOTO, "make it a negative", mask=mask, server=address).args
    assert edited.shape == (2, H, W, 3)
    assert float(edited[0, :, : W // 4].mean()) == pytest.approx(0.4, abs=0.02)
    assert float(edited[0, :, -W // 4 :].mean()) == pytest.approx(0.6, abs=0.03)


def test_what_goes_wrong_is_one_line(nodes, address, monkeypatch) -> None:
    from plantain_nodes.client import ServerError
    from plantain_nodes.nodes import TASK_NODES, PlantainAsk

    with pytest.raises(ServerError, match="nobody"):
        TASK_NODES["edges"].execute(PHOTO, server=address, model="nobody")
    with pytest.raises(ServerError, match=r"no plantain at http://127\.0\.0\.1:9 .*; start it: plantain serve"):
        PlantainAsk.execute(PHOTO, "how far is it?", server="http://127.0.0.1:9")
    monkeypatch.setenv("PLANTAIN_KEY", "wrong")
    with pytest.raises(ServerError, match="key"):
        TASK_NODES["edges"].execute(PHOTO, server=address)
