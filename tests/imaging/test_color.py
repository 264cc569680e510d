"""Colors of pictures with ICC profiles, which are made here byte by byte after ICC.1:2022."""

from __future__ import annotations

import io
import struct

import numpy as np
import pytest
from PIL import Image, ImageCms

from plantain.imaging import read_photo
from plantain.imaging.color import srgb_transform

# red, green, blue of Display P3 and sRGB under the light D50, as in the profiles that Apple and the ICC publish
P3 = ((0.51512, 0.2412, -0.00105), (0.29198, 0.69225, 0.04189), (0.1571, 0.06657, 0.78407))
SRGB = ((0.43607, 0.22249, 0.01392), (0.38515, 0.71687, 0.09708), (0.14307, 0.06061, 0.7141))
D50 = (0.9642, 1.0, 0.8249)
CURVE = (2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)  # of both, IEC 61966-2-1


def fixed(*values):
    return b"".join(struct.pack(">i", round(value * 65536)) for value in values)


def xyz(*values):
    return b"XYZ \0\0\0\0" + fixed(*values)


def parametric(*values):
    """A tone curve: type 0, a gamma alone, or type 3, sRGB's."""
    return b"para\0\0\0\0" + struct.pack(">HH", 0 if len(values) == 1 else 3, 0) + fixed(*values)


def text(words):
    return (
        b"mluc\0\0\0\0" + struct.pack(">II2s2sII", 1, 12, b"en", b"US", 2 * len(words), 28) + words.encode("utf-16-be")
    )


def profile(space, kind, **tags):
    """Header of 128 bytes, table of tags, tags."""
    tags = {"desc": text("made by hand"), "cprt": text("none"), "wtpt": xyz(*D50)} | tags
    place, table, body = 132 + 12 * len(tags), b"", b""
    for name, content in tags.items():
        content += b"\0" * (-len(content) % 4)
        table += name.encode() + struct.pack(">II", place + len(body), len(content))
        body += content
    head = struct.pack(">I4sI4s4s4s", place + len(body), b"test", 0x04300000, kind, space, b"Lab " if kind == b"prtr"
                       else b"XYZ ")  # fmt: skip
    head += struct.pack(">6H", 2026, 1, 1, 0, 0, 0) + b"acsp" + b"\0" * 28 + fixed(*D50)
    return head.ljust(128, b"\0") + struct.pack(">I", len(tags)) + table + body


def rgb_profile(colorants, *curve):
    tags = dict(zip(("rXYZ", "gXYZ", "bXYZ"), (xyz(*one) for one in colorants), strict=True))
    return profile(b"RGB ", b"mntr", **tags, **dict.fromkeys(("rTRC", "gTRC", "bTRC"), parametric(*curve)))


def cmyk_profile(lightness):
    """One table from four inks to Lab, each with no ink or all of it: gray of this lightness where there is cyan."""
    head = b"mft1\0\0\0\0" + bytes((4, 3, 2, 0)) + fixed(1, 0, 0, 0, 1, 0, 0, 0, 1)
    ramp = bytes(range(256))
    nodes = b"".join(bytes((round(2.55 * (lightness if cyan else 100)), 128, 128)) for cyan in (0, 1) for _ in range(8))
    return profile(b"CMYK", b"prtr", A2B0=head + ramp * 4 + nodes + ramp * 3)


DISPLAY_P3 = rgb_profile(P3, *CURVE)
LINEAR_GRAY = profile(b"GRAY", b"mntr", kTRC=parametric(1.0))


def saved(image, icc, file_format="PNG", **options):
    buffer = io.BytesIO()
    image.save(buffer, file_format, icc_profile=icc, **options)
    return buffer.getvalue()


def near(found, wanted, within=1):
    np.testing.assert_allclose(found.astype(int) - np.array(wanted), 0, atol=within)


@pytest.mark.parametrize(("file_format", "options"), [("PNG", {}), ("TIFF", {}), ("WEBP", {"lossless": True}),
                                                      ("JPEG", {"quality": 100, "subsampling": 0})])  # fmt: skip
def test_display_p3_becomes_srgb(file_format, options):
    """By hand, (220, 60, 40) of Display P3 is (239, 35, 17) of sRGB, and with a gamma of 2.2, as some screens' profiles
    have, (241, 30, 4); a neutral gray stays what it is."""
    raw = saved(Image.new("RGB", (16, 16), (220, 60, 40)), DISPLAY_P3, file_format, **options)
    within = 1 if file_format != "JPEG" else 4
    near(read_photo(raw), (239, 35, 17), within)
    screen = rgb_profile(P3, 2.2)
    raw = saved(Image.new("RGB", (16, 16), (220, 60, 40)), screen, file_format, **options)
    near(read_photo(raw), (241, 30, 4), within)
    near(read_photo(saved(Image.new("RGB", (16, 16), (128, 128, 128)), DISPLAY_P3, file_format, **options)), [128] * 3)


def test_the_matrices_by_hand():
    """P3 to XYZ to sRGB, channel by channel, for colors that sRGB can show."""
    rng = np.random.default_rng(0)
    stored = rng.integers(60, 180, (8, 8, 3), dtype=np.uint8)
    level = stored / 255
    linear = np.where(level <= 0.04045, level / 12.92, ((level + 0.055) / 1.055) ** 2.4)
    seen = (linear @ np.array(P3) @ np.linalg.inv(np.array(SRGB))).clip(0, 1)
    wanted = np.where(seen <= 0.0031308, 12.92 * seen, 1.055 * seen ** (1 / 2.4) - 0.055) * 255
    near(read_photo(saved(Image.fromarray(stored), DISPLAY_P3)), wanted, 2)


def test_a_pil_image_and_one_that_is_turned():
    image = Image.open(io.BytesIO(saved(Image.new("RGB", (4, 2), (220, 60, 40)), DISPLAY_P3)))
    near(read_photo(image), (239, 35, 17))
    exif = Image.Exif()
    exif[0x0112] = 6
    turned = read_photo(saved(Image.new("RGB", (4, 2), (220, 60, 40)), DISPLAY_P3, exif=exif))
    assert turned.shape == (4, 2, 3)
    near(turned, (239, 35, 17))


def test_transparency_palettes_and_gray_in_rgb():
    half = Image.new("RGBA", (2, 2), (220, 60, 40, 51))  # a fifth of (239, 35, 17) on white
    near(read_photo(saved(half, DISPLAY_P3)), (252, 211, 207))
    near(read_photo(saved(Image.new("RGB", (2, 2), (220, 60, 40)).quantize(4), DISPLAY_P3)), (239, 35, 17))
    near(read_photo(saved(Image.new("L", (2, 2), 99), DISPLAY_P3)), [99] * 3)
    near(read_photo(saved(Image.new("L", (2, 2), 188), rgb_profile(SRGB, 1.0))), [222] * 3)  # linear light of 188 / 255


def test_gray_of_linear_light():
    """128 / 255 of the light is 188 of sRGB: 255 (1.055 x .50196 ^ (1 / 2.4) - .055)."""
    for mode, color in (("L", 128), ("LA", (128, 255))):
        near(read_photo(saved(Image.new(mode, (2, 2), color), LINEAR_GRAY)), [188] * 3)
    near(read_photo(saved(Image.fromarray(np.full((2, 2), 0x8042, np.uint16)), LINEAR_GRAY)), [188] * 3)
    near(read_photo(saved(Image.new("LA", (2, 2), (128, 51)), LINEAR_GRAY)), [242] * 3)


def test_inks_are_what_their_profile_says():
    """Lab (50, 0, 0) is 119 of sRGB, where a table of no profile would give (0, 255, 255). Paper is white."""
    inks = cmyk_profile(50)
    for file_format in ("JPEG", "TIFF"):
        near(read_photo(saved(Image.new("CMYK", (16, 16), (255, 0, 0, 0)), inks, file_format)), [119] * 3, 2)
        near(read_photo(saved(Image.new("CMYK", (16, 16), (0, 0, 0, 0)), inks, file_format)), [255] * 3, 2)


@pytest.mark.parametrize(
    "icc",
    [b"", b"garbage", b"\0" * 200, DISPLAY_P3[:140], DISPLAY_P3[:16] + b"Luv " + DISPLAY_P3[20:],
     LINEAR_GRAY, cmyk_profile(50)],
)  # fmt: skip
def test_a_profile_that_is_broken_or_of_other_pixels_is_ignored(icc):
    near(read_photo(saved(Image.new("RGB", (2, 2), (220, 60, 40)), icc)), (220, 60, 40), 0)


def test_rgb_profiles_on_inks_are_ignored():
    inks = Image.new("CMYK", (16, 16), (255, 0, 0, 0))
    assert np.array_equal(read_photo(saved(inks, DISPLAY_P3, "TIFF")), read_photo(saved(inks, None, "TIFF")))


def test_srgb_costs_nothing():
    """Most photos carry sRGB's profile: their pixels are not touched, bit for bit."""
    own = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    for icc in (own, rgb_profile(SRGB, *CURVE)):
        assert srgb_transform(icc, "RGB") is None
        noise = np.random.default_rng(0).integers(0, 255, (32, 32, 3), dtype=np.uint8)
        assert np.array_equal(read_photo(saved(Image.fromarray(noise), icc)), noise)
