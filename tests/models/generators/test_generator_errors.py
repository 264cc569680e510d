"""What users of open generators see: plans, licenses, the hub's refusals, lack of memory, adapters that do not fit."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import diffusers
import huggingface_hub
import numpy as np
import pytest
import torch
from peft import LoraConfig
from PIL import Image
from safetensors.torch import load_file, save_file

from plantain.cli import main
from plantain.cli.reporting import notes
from plantain.errors import MissingExtra, PlantainError, UsageError
from plantain.models.painters.generators import plan, weights
from plantain.models.painters.generators.spec import GENERATORS
from plantain.models.painting import Painting, Request
from plantain.pipeline import predictor

torch.set_num_threads(1)


@pytest.fixture
def photo(tmp_path: Path) -> str:
    pixels = np.random.default_rng(0).integers(0, 256, (90, 121, 3), np.uint8)
    Image.fromarray(pixels).save(tmp_path / "photo.png")
    return str(tmp_path / "photo.png")


@pytest.fixture
def empty_hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A cache of the hub in which nothing is."""
    for name in ("HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE"):
        monkeypatch.setattr(huggingface_hub.constants, name, str(tmp_path / "hub"))
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))


def told(capsys: Any, *words: str) -> tuple[int, str, str]:
    """Exit code, stdout, and the error line of a command."""
    code = main(list(words))
    out, err = capsys.readouterr()
    return code, out, "\n".join(line for line in err.splitlines() if line.startswith("plantain:"))


def request(model: Any) -> Request:
    size = model.canvas(90, 121)
    return Request("Paint the depth.", (np.zeros((size[1], size[0], 3), np.uint8),), size, sampling={"steps": 2})


# ---- the hub


@pytest.mark.usefixtures("empty_hub")
def test_absent_weights_offline(photo: str, capsys: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    code, _, error = told(capsys, photo, "metric depth", "-m", "flux2-klein-4b", "-o", str(tmp_path / "out"))
    assert code == 2 and error.count("\n") == 0
    assert "flux2-klein-4b (black-forest-labs/FLUX.2-klein-4B, about 16 GB) are not on this machine" in error
    assert "hf download black-forest-labs/FLUX.2-klein-4B" in error and "--weights" in error


class Hub(BaseHTTPRequestHandler):
    """Speaks as the hub does of a repository that is gated, or that is not there."""

    def do_GET(self) -> None:
        if "/api/models/black-forest-labs/" in self.path and "/revision/" in self.path:
            told = {"id": "black-forest-labs/x", "sha": "a" * 40, "siblings": [{"rfilename": "model_index.json"}],
                    "tags": [], "downloads": 0, "gated": "auto", "private": False, "disabled": False}  # fmt: skip
            self.answer(200, json.dumps(told).encode(), {"Content-Type": "application/json"})
        elif "/api/models/black-forest-labs/" in self.path and "/tree/" in self.path:
            files = [{"type": "file", "path": "model_index.json", "size": 9, "oid": "b" * 40}]
            self.answer(200, json.dumps(files).encode(), {"Content-Type": "application/json"})
        elif "/resolve/" in self.path:
            self.answer(401, b"", {"X-Error-Code": "GatedRepo", "X-Error-Message": "Access to model is restricted."})
        else:
            self.answer(404, b"", {"X-Error-Code": "RepoNotFound"})

    do_HEAD = do_GET

    def answer(self, code: int, body: bytes, head: dict[str, str]) -> None:
        self.send_response(code)
        for key, value in (head | {"Content-Length": str(len(body))}).items():
            self.send_header(key, value)
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)

    def log_message(self, *_: Any) -> None: ...


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch, empty_hub: None) -> Iterator[None]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    address = f"http://127.0.0.1:{server.server_port}"
    for name in ("ENDPOINT", "HUGGINGFACE_CO_URL_HOME"):
        monkeypatch.setattr(huggingface_hub.constants, name, address)
    monkeypatch.setattr(
        huggingface_hub.constants, "HUGGINGFACE_CO_URL_TEMPLATE", address + "/{repo_id}/resolve/{revision}/{filename}"
    )
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", False)
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    huggingface_hub.close_session()
    yield
    server.shutdown()
    huggingface_hub.close_session()


@pytest.mark.usefixtures("hub")
def test_gated_weights_without_a_token_say_how_to_get_one(photo: str, capsys: Any, tmp_path: Path) -> None:
    code, _, error = told(capsys, photo, "normals", "-m", "flux2-klein-9b", "-o", str(tmp_path / "out"))
    assert code == 2
    assert "black-forest-labs/FLUX.2-klein-9B is gated: accept its license at" in error
    assert "https://huggingface.co/black-forest-labs/FLUX.2-klein-9B" in error and "hf auth login" in error


@pytest.mark.usefixtures("hub")
def test_a_repository_that_is_not_there(photo: str, capsys: Any, tmp_path: Path) -> None:
    words = (photo, "normals", "-m", "flux2-klein-9b", "--weights", "nobody/nothing", "-o", str(tmp_path / "out"))
    code, _, error = told(capsys, *words)
    assert code == 2 and "there is no nobody/nothing on the hub for you" in error


# ---- folders and classes


def test_a_folder_of_another_class(folder: Any, photo: str, capsys: Any, tmp_path: Path) -> None:
    place = str(folder("flux1-kontext"))
    words = (photo, "normals", "-m", "flux2-klein-4b", "--weights", place, "-o", str(tmp_path / "out"))
    code, _, error = told(capsys, *words)
    assert code == 2
    assert "holds a FluxKontextPipeline, but flux2-klein-4b needs a Flux2KleinPipeline" in error
    assert "take -m flux1-kontext" in error
    code, _, error = told(
        capsys, photo, "normals", "-m", "flux2-klein-4b", "--weights", str(tmp_path), "-o", str(tmp_path / "o")
    )
    assert code == 2 and "there is no model_index.json that can be read" in error


def test_a_class_that_this_diffusers_lacks(painter: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(diffusers, "__version__", "0.30.0")
    monkeypatch.setattr(weights, "_package", lambda name, **_: Lacking() if name == "diffusers" else object())
    with pytest.raises(UsageError, match=r"diffusers 0.30.0 has no QwenImage21Pipeline.*pip install -U diffusers"):
        _ = painter("qwen-image-2.1", fresh=True).pipe


class Lacking:
    __version__ = "0.30.0"


def test_damaged_weights(folder: Any, painter: Any, tmp_path: Path) -> None:
    import shutil

    place = shutil.copytree(folder("instruct-pix2pix"), tmp_path / "broken")
    for file in (place / "unet").glob("*.safetensors"):
        file.write_bytes(file.read_bytes()[:1000])
    with pytest.raises(UsageError, match="instruct-pix2pix cannot be loaded from"):
        _ = painter("instruct-pix2pix", weights=place).pipe


# ---- memory


def exhausted(model: Any, most: int) -> list[int]:
    """Makes the denoiser run out of memory where it gets more than `most` photos; gives the sizes of its batches."""
    sizes, denoiser = list[int](), getattr(model.pipe, model.spec.denoiser)

    def check(_: Any, args: Any, kwargs: Any) -> None:
        rows = (args[0] if args else kwargs["hidden_states"]).shape[0]
        sizes.append(rows)
        if rows > most:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB.")

    first = next(one for one in denoiser.modules() if isinstance(one, torch.nn.Linear))
    first.register_forward_pre_hook(check, with_kwargs=True)
    return sizes


def test_no_memory_says_what_to_switch_on_in_order_with_numbers(painter: Any) -> None:
    model = painter("flux1-kontext", fresh=True)
    exhausted(model, 0)
    with pytest.raises(UsageError) as caught:
        model.paint([request(model)])
    text = str(caught.value)
    places = [
        text.index(part)
        for part in ("--offload (", "--quantize int8 (", "--quantize nf4 (", "--quantize nf4 --offload (")
    ]
    assert places == sorted(places)
    assert "flux1-kontext does not fit into the memory of cpu: it takes about 34 GB (computed)" in text


def test_no_memory_for_a_batch_is_tried_with_fewer(painter: Any) -> None:
    model = painter("flux1-kontext", fresh=True)
    _ = model.pipe
    linear = exhausted(model, 1)
    made = model.paint([request(model)] * 4)
    assert all(isinstance(one, Painting) for one in made) and model.together == 1
    assert linear[0] == 4


def test_no_memory_ends_the_command_with_2(
    painter: Any, photo: str, capsys: Any, monkeypatch: Any, tmp_path: Path
) -> None:
    model = painter("flux1-kontext", fresh=True)
    exhausted(model, 0)
    monkeypatch.setattr(predictor, "load_model", lambda *_, **__: model)
    code, _, error = told(capsys, photo, "normals", "-m", "flux1-kontext", "-o", str(tmp_path / "out"))
    assert code == 2 and "in this order, try --offload" in error


# ---- adapters


def lora(folder: Any, name: str, place: Path, targets: str = "") -> Path:
    spec = GENERATORS[name]
    pipe = weights.pipeline(spec, str(folder(name)), dtype=torch.float32, device="cpu", quantize=None)
    denoiser = getattr(pipe, spec.denoiser)
    denoiser.add_adapter(LoraConfig(r=2, target_modules=targets or spec.lora_targets, init_lora_weights=False))
    denoiser.save_lora_adapter(str(place))
    return place / "pytorch_lora_weights.safetensors"


def test_an_adapter_of_another_base(painter: Any, folder: Any, tmp_path: Path) -> None:
    other = lora(folder, "sdxl-instruct-pix2pix", tmp_path / "sdxl")
    with pytest.raises(UsageError, match="another base"):
        _ = painter("flux2-klein-4b", adapter=other).pipe
    wide = {f"transformer.{key}": torch.cat([value, value], -1) if "lora_A" in key else torch.cat([value, value])
            for key, value in load_file(lora(folder, "flux2-klein-base-4b", tmp_path / "klein")).items()}  # fmt: skip
    save_file(wide, tmp_path / "wide.safetensors")
    with pytest.raises(UsageError, match=r"does not fit flux2-klein-4b.*made for another base"):
        _ = painter("flux2-klein-4b", adapter=tmp_path / "wide.safetensors").pipe


def test_an_adapter_that_names_its_base(painter: Any, folder: Any, tmp_path: Path) -> None:
    state = {
        f"transformer.{key}": value
        for key, value in load_file(lora(folder, "flux2-klein-base-4b", tmp_path / "k")).items()
    }
    save_file(state, tmp_path / "a.safetensors", {"base": "flux2-klein-base-9b"})
    with pytest.raises(UsageError, match="was made for flux2-klein-base-9b, not for flux2-klein-4b"):
        _ = painter("flux2-klein-4b", adapter=tmp_path / "a.safetensors").pipe
    save_file(state, tmp_path / "b.safetensors", {"base": "flux2-klein-base-4b"})
    assert painter("flux2-klein-4b", adapter=tmp_path / "b.safetensors").pipe  # distilled from that base
    save_file(state, tmp_path / "c.safetensors")
    (tmp_path / "adapter_config.json").write_text('{"base_model_name_or_path": "Qwen/Qwen-Image-Edit-2511"}')
    with pytest.raises(UsageError, match="was made for Qwen/Qwen-Image-Edit-2511"):
        _ = painter("flux2-klein-4b", adapter=tmp_path / "c.safetensors").pipe


def test_an_adapter_without_values_is_no_adapter(painter: Any, folder: Any, tmp_path: Path) -> None:
    state = {
        f"transformer.{key}": torch.zeros_like(value)
        for key, value in load_file(lora(folder, "flux2-klein-4b", tmp_path)).items()
    }
    save_file(state, tmp_path / "zeros.safetensors")
    with pytest.raises(UsageError, match=r"none of the \d+ keys"):
        _ = painter("flux2-klein-4b", adapter=tmp_path / "zeros.safetensors").pipe


@pytest.mark.parametrize(("where", "says"), [("missing", "there is no adapter at"), (".", "no .safetensors file in")])
def test_an_adapter_that_is_not_there(painter: Any, tmp_path: Path, where: str, says: str) -> None:
    (tmp_path / "empty").mkdir()
    place = "missing" if where == "missing" else tmp_path / "empty"
    with pytest.raises(UsageError, match=says):
        _ = painter("flux2-klein-4b", adapter=place).identity


# ---- quantizing


def test_quantizing_takes_two_names(painter: Any) -> None:
    with pytest.raises(UsageError, match="--quantize takes nf4 or int8, not 'fp8'"):
        _ = painter("flux1-kontext", quantize="fp8").pipe


def test_quantizing_without_its_package(painter: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "bitsandbytes", None)
    with pytest.raises(MissingExtra, match="pip install 'bitsandbytes'"):
        _ = painter("flux1-kontext", quantize="nf4", device="cuda").pipe
    with pytest.raises(UsageError, match="nf4 needs an NVIDIA GPU, and this runs on cpu; take --quantize int8"):
        _ = painter("flux1-kontext", quantize="nf4").pipe


def test_models_that_cannot_be_quantized_say_so(photo: str, capsys: Any, tmp_path: Path) -> None:
    code, _, error = told(capsys, photo, "normals", "--quantize", "nf4", "-o", str(tmp_path / "out"))
    assert code == 2 and "takes no option 'quantize'" in error
    code, _, error = told(capsys, photo, "normals", "--plan", "-o", str(tmp_path / "out"))
    assert code == 2 and "--plan is for large generators" in error


# ---- plans, identity, license


@pytest.mark.parametrize("name", GENERATORS)
def test_a_plan_loads_nothing(name: str, photo: str, capsys: Any, empty_hub: None, monkeypatch: Any) -> None:
    monkeypatch.setattr(weights, "pipeline", lambda *_, **__: pytest.fail("loaded"))
    code, out, _ = told(capsys, photo, "metric depth", "-m", name, "--plan")
    spec = GENERATORS[name]
    assert code == 0
    assert out.startswith(f"{name}: {spec.cls} from {spec.repo}, not on this machine")
    assert all(f"  {part}: {billions:.3f} billion parameters" in out for part, billions in spec.params.items())
    width, height = spec.size.canvas(121, 90)
    assert out.endswith(f"canvas: 121 x 90 -> {width} x {height}\n")
    assert out.count("(computed)") == len(spec.params) + len(plan.WAYS)


def test_a_plan_counts_what_lies_in_a_folder(folder: Any, photo: str, capsys: Any) -> None:
    place = folder("flux1-kontext")
    pipe = diffusers.DiffusionPipeline.from_pretrained(place)
    counted = plan.parameters(GENERATORS["flux1-kontext"], place)
    for name, count in counted.items():
        assert count == sum(one.numel() for one in getattr(pipe, name).parameters())
    code, out, _ = told(capsys, photo, "metric depth", "-m", "flux1-kontext", "--weights", str(place), "--plan")
    assert code == 0 and "on this machine" in out and "on disk" in out


def test_memory_by_hand() -> None:
    """klein 4B: 3.876 + 4.022 billion parameters of 2 bytes, .084 of 4, and a megapixel of work (3 x 256 x 4 bytes)."""
    needed = dict(plan.ways(plan.parameters(GENERATORS["flux2-klein-4b"]), 1_000_000))
    assert needed[""] == pytest.approx(3.876 * 2 + 4.022 * 2 + 0.084 * 4 + 3.072, abs=1e-3)
    assert needed["--offload"] == pytest.approx(3.876 * 2 + 0.084 * 4 + 3.072, abs=1e-3)
    assert needed["--quantize nf4"] == pytest.approx((3.876 + 4.022) * 0.5625 + 0.084 * 4 + 3.072, abs=1e-3)


def test_an_identity_hangs_on_everything(painter: Any, folder: Any, tmp_path: Path) -> None:
    import shutil

    base = painter("instruct-pix2pix").identity
    assert base.weights and base.revision == "" and base.dtype == "float32" and "unregistered" in base.settings
    assert "steps=100" in base.settings and "image_guidance_scale=1.5" in base.settings
    place = shutil.copytree(folder("instruct-pix2pix"), tmp_path / "other")
    file = next((place / "unet").glob("*.safetensors"))
    state = load_file(file)
    save_file({name: value + 1e-3 for name, value in state.items()}, file, {"format": "pt"})
    others = [
        painter("instruct-pix2pix", weights=place).identity,
        painter("instruct-pix2pix", quantize="int8").identity,
        painter("instruct-pix2pix", megapixels=0.1).identity,
        painter("instruct-pix2pix", adapter=lora(folder, "instruct-pix2pix", tmp_path / "lora")).identity,
    ]
    assert len({base.key, *(one.key for one in others)}) == 5
    assert painter("instruct-pix2pix").identity.key == base.key


def test_the_license_is_said_once_and_can_be_quieted(painter: Any, caplog: Any) -> None:
    model = painter("instruct-pix2pix", fresh=True)
    model.paint([request(model)])
    model.paint([request(model)])
    said = "license of the weights: MIT; not registered yet: plantain doctor -m instruct-pix2pix"
    assert caplog.text.count(said) == 1
    caplog.clear()
    with notes(quiet=True):
        assert painter("instruct-pix2pix", fresh=True).pipe and not caplog.text


def test_a_failure_of_one_request_is_its_own(painter: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    model = painter("flux1-kontext")
    good, bad = request(model), request(model)
    arguments = model._arguments
    monkeypatch.setattr(model, "_arguments", lambda p, r, *a: 1 / 0 if r is bad else arguments(p, r, *a))
    made = model.paint([good, bad, good])
    assert [type(one).__name__ for one in made] == ["Painting", "PainterError", "Painting"]
    assert isinstance(made[1], PlantainError) and "ZeroDivisionError" in str(made[1])
