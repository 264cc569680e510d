"""The record that travels inside files: who made them, from what words, and a hash of what they hold.

The hash is over decoded pixels and arrays, never over bytes of a file, so that packing a file anew changes nothing and
changing one pixel does. It is no signature: whoever changes a file can write a new hash (`plantain sign` signs).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, PngImagePlugin

from plantain import __version__
from plantain._shapes import Shaped
from plantain.imaging.deep_png import deep_png

NOTE = "machine-made estimate"
KEYWORD = "provenance"  # of the text chunk of pictures that are no paintings, and the key of .npz and JSON files
CONTENT = "content"  # the hash, in a record
SOFTWARE = f"Plantain {__version__}"
XMP_KEYWORD = "XML:com.adobe.xmp"
# Source: XMP specification part 3, 1.1.5 (PNG); IPTC NewsCodes, digital source type "trainedAlgorithmicMedia"
XMP = f"""<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?><x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF
 xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description rdf:about=""
 xmlns:xmp="http://ns.adobe.com/xap/1.0/" xmp:CreatorTool="{SOFTWARE}"
 xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/"
 Iptc4xmpExt:DigitalSourceType="http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"
/></rdf:RDF></x:xmpmeta><?xpacket end="r"?>"""


def fingerprint(arrays: Mapping[str, Shaped[np.ndarray, "..."]]) -> str:
    """SHA-256 over arrays by name: their dtypes, shapes and bytes, in the order of the names."""
    whole = hashlib.sha256()
    for name in sorted(arrays):
        array = np.ascontiguousarray(arrays[name])
        whole.update(json.dumps([name, array.dtype.str, list(np.shape(arrays[name]))]).encode())
        whole.update(array.data if array.size else b"")
    return f"sha256:{whole.hexdigest()}"


def fingerprint_of_json(content: Any) -> str:
    """SHA-256 over what a JSON file says, whatever its spaces and the order of its keys."""
    text = json.dumps(content, sort_keys=True, separators=(",", ":"))
    return f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"


def planes(image: Image.Image) -> dict[str, Shaped[np.ndarray, "..."]]:
    """What a picture of 8 bits (or of 16 in gray) holds, however it is packed: numbers of a palette as they are, gray
    as RGB, opacity only where there is some."""
    if image.mode == "P":
        return {"numbers": np.asarray(image)}
    if image.mode.startswith("I"):
        return {"gray": np.asarray(image).astype(np.uint16)}
    if image.has_transparency_data:
        return {"rgba": np.asarray(image.convert("RGBA"))}
    return {"rgb": np.asarray(image.convert("RGB"))}


def texts(record: Mapping[str, Any], keyword: str = KEYWORD) -> dict[str, str]:
    """The text chunks of a PNG. Half letters (lone surrogates) stand as JSON's own \\u escapes."""
    told = json.dumps(record, ensure_ascii=False).encode("utf-8", "backslashreplace").decode()
    return {keyword: told, XMP_KEYWORD: XMP}


def png(
    picture: Image.Image | Shaped[np.ndarray, "h w 3"],
    record: Mapping[str, Any],
    *,
    keyword: str = KEYWORD,
    level: int = 3,
) -> bytes:
    """A PNG with its record and the hash of its pixels: an image of Pillow's, or RGB of 16 bits as an array."""
    if isinstance(picture, np.ndarray):
        return deep_png(picture, texts({**record, CONTENT: fingerprint({"rgb": picture})}, keyword))
    info, out = PngImagePlugin.PngInfo(), BytesIO()
    for key, text in texts({**record, CONTENT: fingerprint(planes(picture))}, keyword).items():
        info.add_itxt(key, text)
    picture.save(out, format="PNG", pnginfo=info, compress_level=level)
    return out.getvalue()


def save_png(picture: Image.Image, path: Path, record: Mapping[str, Any], level: int = 3) -> None:
    """`png` in a file."""
    path.write_bytes(png(picture, record, level=level))


def sealed(content: Mapping[str, Any], record: Mapping[str, Any]) -> dict[str, Any]:
    """What a JSON file says, with its record and the hash of the rest."""
    rest = {key: value for key, value in content.items() if key != KEYWORD}
    return {**rest, KEYWORD: {**record, CONTENT: fingerprint_of_json(rest)}}


def exif(record: Mapping[str, Any]) -> Image.Exif:
    """The record in short for JPEG and WebP: what it is, by whom, and with what software.

    Source: EXIF 2.32, tags 0x010E (ImageDescription) and 0x0131 (Software)."""
    made = Image.Exif()
    made[0x010E] = f"{NOTE}: {record.get('task', '')} by {record.get('model', 'unknown')}"
    made[0x0131] = SOFTWARE
    return made
