"""What files say of themselves, and whether it is noticed that somebody changed them. Other programs pack them anew:
Pillow, OpenCV, NumPy, json."""

from __future__ import annotations

import io
import json
from datetime import datetime, timedelta
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image, PngImagePlugin

import plantain
from plantain.doctor import SAMPLE
from plantain.errors import PlantainError
from plantain.imaging.provenance import XMP_KEYWORD
from plantain.models.painting import Painting
from plantain.output.verify import verify
from plantain.predictions.types import Depth
from plantain.tasks.language.parsing import parse

FORMATS = ("mm", "kitti", "disparity")
DEEP = "deep/kitchen.metric-depth.png"  # the painting of 16 bits, which Pillow does not write


def room(photo, prompt, seed):
    """A wall that runs away, whatever the photo; float, so that the painting has 16 bits."""
    metres = 1 + 3 * np.linspace(0, 1, photo.shape[1])[None] * np.ones(photo.shape[:2])
    return parse(prompt).encode(metres.astype(np.float32)).astype(np.float32) / 255


def room8(photo, prompt, seed):
    return (room(photo, prompt, seed) * 255).round().astype(np.uint8)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Depth, classes and things of one photo, in every format."""
    place = tmp_path_factory.mktemp("answers")
    photo = Image.open(SAMPLE).convert("RGB").resize((96, 64))
    photo.save(place / "kitchen.png")
    plantain.load("function", paint=room).predict(place / "kitchen.png", "metric depth", seed=7).save(
        place / "deep", photo=place / "kitchen.png", format=FORMATS
    )
    plantain.load("function", paint=room8).predict(photo, "metric depth").save(place / "flat", photo=photo)
    truth = {"wall": 0, "floor": 1}
    ids = np.zeros((64, 96), np.int16)
    ids[40:] = 1
    known = plantain.Labels(ids=ids, classes=tuple(truth), confidence=np.ones((64, 96), np.float32))
    plantain.load("oracle", truth=known).predict(photo, "segment wall, floor").save(
        place / "classes", photo=photo, format=("labels", "coco", "panoptic")
    )
    return place


def every(folder):
    return [path for path in sorted(folder.rglob("*")) if path.is_file() and path.name != "kitchen.png"]


def test_every_file_says_who_made_it_and_that_it_is_unchanged(folder):
    names = set()
    for path in every(folder):
        verdict = verify(path)
        assert verdict.state == "unchanged", path
        assert verdict.record["note"] == "machine-made estimate", path
        assert verdict.record["model"] in ("function", "oracle"), path
        assert verdict.record["version"] == plantain.__version__
        assert verdict.record["prompt"]
        names.add(path.name.split(".", 2)[-1])
    assert {"png", "overlay.png", "npz", "mm.png", "labels.json", "coco.json", "panoptic.json"} <= names
    told = verify(folder / "deep" / "kitchen.metric-depth.npz").record
    assert (told["seed"], told["task"], told["code"]) == (7, "metric-depth", "cube/1")


def test_one_changed_pixel_is_noticed_in_every_picture(folder, tmp_path):
    for path in every(folder):
        if path.suffix != ".png" or path == folder / DEEP:
            continue
        with Image.open(path) as image:
            info = PngImagePlugin.PngInfo()
            for key, text in image.text.items():
                info.add_itxt(key, text)
            pixel = image.getpixel((5, 3))
            changed = tuple((np.add(pixel, 1) % 250).tolist()) if isinstance(pixel, tuple) else (pixel + 1) % 250
            image.putpixel((5, 3), changed)
            image.save(tmp_path / path.name, pnginfo=info)
        assert verify(tmp_path / path.name).state == "changed", path


def repacked(path, to):
    """The same pixels by Pillow, packed as tightly as it can."""
    with Image.open(path) as image:
        info = PngImagePlugin.PngInfo()
        for key, text in image.text.items():
            info.add_text(key, text, zip=True)
        image.save(to, pnginfo=info, optimize=True)


def test_pictures_packed_anew_are_unchanged(folder, tmp_path):
    for path in every(folder):
        if path.suffix == ".png" and path != folder / DEEP:
            repacked(path, tmp_path / path.name)
            assert (tmp_path / path.name).read_bytes() != path.read_bytes()
            assert verify(tmp_path / path.name).state == "unchanged", path


def test_sixteen_bits_packed_anew_by_another_program(folder, tmp_path):
    """OpenCV reads and writes the levels; the record is taken over chunk by chunk, as lossless packers do."""
    cv2 = pytest.importorskip("cv2")
    path = folder / DEEP
    content = path.read_bytes()
    levels = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_UNCHANGED)
    assert levels.dtype == np.uint16
    for step, state in ((0, "unchanged"), (1, "changed")):
        levels[10, 10, 0] += step
        packed = cv2.imencode(".png", levels, [cv2.IMWRITE_PNG_FILTER, cv2.IMWRITE_PNG_ALL_FILTERS])[1].tobytes()
        told = content[33 : content.index(b"IDAT") - 4]  # all text chunks
        (tmp_path / "new.png").write_bytes(packed[:33] + told + packed[33:])
        assert verify(tmp_path / "new.png").state == state
        assert verify(tmp_path / "new.png").what == "painting"


def test_arrays_saved_anew_and_arrays_changed(folder, tmp_path):
    with np.load(folder / "deep" / "kitchen.metric-depth.npz") as stored:
        arrays = dict(stored)
    np.savez(tmp_path / "same.npz", **arrays)
    assert verify(tmp_path / "same.npz").state == "unchanged"
    arrays["metres"] = arrays["metres"].copy()
    arrays["metres"][3, 3] *= 2
    np.savez(tmp_path / "other.npz", **arrays)
    assert verify(tmp_path / "other.npz").state == "changed"
    del arrays["provenance"]
    np.savez(tmp_path / "stripped.npz", **arrays)
    assert verify(tmp_path / "stripped.npz").state == "unhashed"
    np.savez(tmp_path / "theirs.npz", values=arrays["metres"])
    assert verify(tmp_path / "theirs.npz").state == "unknown"


def test_json_written_anew_and_json_changed(folder, tmp_path):
    content = json.loads((folder / "classes" / "photo.semantic.coco.json").read_text())
    (tmp_path / "a.json").write_text(json.dumps(dict(reversed(content.items())), indent=4))
    assert verify(tmp_path / "a.json").state == "unchanged"
    content["annotations"][0]["score"] = 0.123
    (tmp_path / "a.json").write_text(json.dumps(content))
    assert verify(tmp_path / "a.json").state == "changed"


def test_what_was_read_and_saved_again_still_says_who_made_it(folder, tmp_path):
    answer = Depth.from_npz(folder / "deep" / "kitchen.metric-depth.npz")
    again = verify(answer.to_npz(tmp_path / "b.npz"))
    assert (again.state, again.record["seed"], again.record["prompt"][:7]) == ("unchanged", 7, "Predict")


def test_other_programs_read_the_label(folder, tmp_path):
    """IPTC's word for pictures by trained generators, where programs for photographs look for it."""
    with Image.open(folder / "flat" / "photo.metric-depth.png") as image:
        (described,) = ElementTree.fromstring(image.text[XMP_KEYWORD].split("?>")[1].split("<?")[0])[0]
    kind = described.attrib["{http://iptc.org/std/Iptc4xmpExt/2008-02-29/}DigitalSourceType"]
    assert kind.endswith("digitalsourcetype/trainedAlgorithmicMedia")
    answer = Depth.from_npz(folder / "flat" / "photo.metric-depth.npz")
    (place,) = answer.save(tmp_path / "a.jpg", photo=folder / "kitchen.png").values()
    with Image.open(place) as image:
        assert image.getexif()[0x010E].startswith("machine-made estimate: metric-depth by")
    answer.save(tmp_path / "a.ply", fov_deg=60)
    assert b"comment machine-made estimate by function" in (tmp_path / "a.ply").read_bytes()[:300]


def test_exit_codes_and_lines(folder, tmp_path, say):
    good = folder / "flat" / "photo.metric-depth.png"
    code, (line,), err = say("verify", good)
    assert (code, line["state"], line["model"], err) == (0, "unchanged", "function", [])
    (tmp_path / "broken.png").write_bytes(good.read_bytes()[:-200])
    (tmp_path / "empty.npz").write_bytes(b"")
    (tmp_path / "bad.json").write_text("{")
    for name in ("broken.png", "empty.npz", "bad.json", "none.png"):
        code, lines, err = say("verify", tmp_path / name, good)
        assert (code, len(lines), len(err)) == (2, 2, 1), name
        assert "error" in lines[0]
    code, (line,), _ = say("verify", folder / "kitchen.png")
    assert (code, line["state"], "fits" in line) == (1, "unknown", False)
    assert say("verify")[0] == 2


def test_a_painting_whose_record_is_gone_is_not_known_but_suspected(folder, tmp_path, say):
    Image.fromarray(Painting.load(folder / "flat" / "photo.metric-depth.png").rgb).save(tmp_path / "fake.png")
    code, (line,), _ = say("verify", tmp_path / "fake.png")
    assert (code, line["state"]) == (1, "unknown")
    assert max(line["fits"], key=line["fits"].get).startswith("cube")


# ---- signatures


@pytest.fixture(scope="module")
def keys(tmp_path_factory):
    """A certificate of an authority of our own, and one that it vouches for, as C2PA wants them."""
    pytest.importorskip("c2pa", reason="needs the extra sign")
    x509 = pytest.importorskip("cryptography.x509")
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    place, now = tmp_path_factory.mktemp("keys"), datetime(2026, 1, 1)
    pairs = {who: ec.generate_private_key(ec.SECP256R1()) for who in ("authority", "signer")}
    house = x509.NameAttribute(x509.NameOID.ORGANIZATION_NAME, "Example")
    names = {who: x509.Name([house, x509.NameAttribute(x509.NameOID.COMMON_NAME, f"Example {who}")]) for who in pairs}
    made = {}
    for who, key in pairs.items():
        builder = x509.CertificateBuilder().subject_name(names[who]).issuer_name(names["authority"])
        builder = builder.public_key(key.public_key()).serial_number(x509.random_serial_number())
        builder = builder.not_valid_before(now).not_valid_after(now + timedelta(days=7000))
        ours = who == "authority"
        builder = builder.add_extension(x509.BasicConstraints(ours, None), True)
        flags = dict.fromkeys(("content_commitment", "key_encipherment", "data_encipherment", "key_agreement",
                               "encipher_only", "decipher_only"), False)  # fmt: skip
        usage = x509.KeyUsage(digital_signature=not ours, key_cert_sign=ours, crl_sign=ours, **flags)
        builder = builder.add_extension(usage, True)
        if not ours:
            extended = x509.ExtendedKeyUsage([x509.ExtendedKeyUsageOID.EMAIL_PROTECTION])
            builder = builder.add_extension(extended, False)
            vouched = x509.AuthorityKeyIdentifier.from_issuer_public_key(pairs["authority"].public_key())
            builder = builder.add_extension(vouched, False)
        builder = builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False)
        made[who] = builder.sign(pairs["authority"], hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
    private = pairs["signer"].private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (place / "key.pem").write_bytes(private)
    (place / "chain.pem").write_bytes(made["signer"] + made["authority"])
    return place


def test_a_signature_holds_until_a_byte_of_the_file_is_changed(folder, keys, tmp_path, say):
    path = tmp_path / "signed.png"
    path.write_bytes((folder / "flat" / "photo.metric-depth.png").read_bytes())
    code, (line,), _ = say("sign", path, "--key", keys / "key.pem", "--chain", keys / "chain.pem")
    signature = line["signature"]
    assert (code, line["state"], signature["holds"]) == (0, "unchanged", True)
    assert (signature["by"], signature["record"]["model"]) == ("Example signer, Example", "function")
    content = path.read_bytes()
    forged = content.replace(b'"model": "function"', b'"model": "Function"')
    assert forged != content
    path.write_bytes(recounted(forged))
    verdict = verify(path)
    assert verdict.record["model"] == "Function"
    assert verdict.state == "unchanged"  # the pixels are as they were: only the signature tells
    assert (verdict.signature.holds, verdict.is_whole) == (False, False)


def recounted(content: bytes) -> bytes:
    """A PNG with the check sums of its chunks put right."""
    import struct
    import zlib

    out, at = io.BytesIO(), 8
    out.write(content[:8])
    while at < len(content):
        (size,) = struct.unpack(">I", content[at : at + 4])
        body = content[at + 4 : at + 8 + size]
        out.write(content[at : at + 4] + body + struct.pack(">I", zlib.crc32(body)))
        at += 12 + size
    return out.getvalue()


def test_only_what_is_ours_and_whole_is_signed_and_keys_must_fit(folder, keys, tmp_path, say):
    (tmp_path / "a.png").write_bytes((folder / "kitchen.png").read_bytes())
    assert say("sign", tmp_path / "a.png", "--key", keys / "key.pem", "--chain", keys / "chain.pem")[0] == 2
    (tmp_path / "b.png").write_bytes((folder / "flat" / "photo.metric-depth.png").read_bytes())
    before = (tmp_path / "b.png").read_bytes()
    for key, chain in ((keys / "none.pem", keys / "chain.pem"), (keys / "chain.pem", keys / "chain.pem")):
        code, _, err = say("sign", tmp_path / "b.png", "--key", key, "--chain", chain)
        assert (code, len(err)) == (2, 1)
    assert (tmp_path / "b.png").read_bytes() == before


def test_junk_is_one_clear_error(tmp_path):
    for name, content in {
        "a.bin": b"\x00\x01junk",
        "b.npz": b"PK\x03\x04junk",
        "c.png": b"\x89PNG\r\n\x1a\njunk",
    }.items():
        (tmp_path / name).write_bytes(content)
        with pytest.raises(PlantainError):
            verify(tmp_path / name)
