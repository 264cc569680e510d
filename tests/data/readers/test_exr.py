"""OpenEXR pictures that OpenCV 4.11 wrote of `made()`, kept here as text: base 85 of zlib of the file."""

from __future__ import annotations

import base64
import zlib
from pathlib import Path

import numpy as np
import pytest

from plantain.data.readers._exr import read_exr
from plantain.errors import PhotoError

# by compression (none, ZIPS and ZIP are read, PIZ is not); all float but one in half; the last two have 2 lines
WRITTEN = {
    "zip": (
        "c-kw|H)LdDU|>kjNX*Mi%_#;lax#lc7|elUP7EL!5MYF2cMOpr3=xLp{M>?~)Z*gI{5%vkNRl}vu_Q4(GcP5-oFOT{!YGqLfB^wO"
        "MhOCON@j6EPGTiNbvc=Nss2SNsYOUEuoDV0D^hbDiwjbdOM((hGV>YIa`F>P7+Ao%8|;gdi&9hbAjUhV=9K`ol^LZma3EQMtRy@$"
        "r6dE*2nJ6^h{AV_2u*W=xMEIn0z-2fn?PHGy^cbM&ZlN(7DXk2ukjTQ0!ohx7+CB%8Wc9IGgngJ5R9C_(4?;d6lc2j<bw+vP#wRB"
        "fWXal)>=SG#^_HE+t@gqTok0%y=YKyIr4ysqluF_MSPwiqhp810X6}fM8+lo!41sfG8;i62U!H}yys}*<t=M}!|(K`RcF(6NfuAh"
        "o6lLA4m+_hyj;$94it!*5Jy@(U;rxR;o%L~aGVurv#hAXj{AZv(o%2uZpyc8Fmz#<_D}Hu0OB8n+y"
    ),
    "zips_half": (
        "c-n=LxlY4C6h&Va_ML`;hLQpS30c5KB0xbw5h+btOgvFWGInHJAyh=-E9m$KC@5(u_y;5kz5<C{`;HQzz(@8S&GB>QD!rXTCMzPX"
        "j^q2vi-rqNN3m3gdnb~S^vdu)`?J&dvm>qGsvD{((t-bD4ViVF*lB9t4X))f=ohst%jm*ER))8$qps)N{QI7#eN_)#6^^ZvBXo6N"
        "dB;&#wc>^o>p<FG;KY(orUyq+D^$u)KYyzHcsSN8wq<(kC&piCYB%ou`h>i)_XqQfxt2|{z&vLv<}LG{`N(`@eljz;G}oDBW}T^-"
        "ce&A_SMfMZ5P6d4(H{fzZUdT4kfnLC0nHZ3(LC6IW*g*b1~#DC1rszEHlQhhNt&7sXo_HpX2S+Fdtlo1u@h2L0yCzM1yVC8fmzeX"
        "0-Py>In&1ioGF8O)5ijwselF3#{!(GfJM{C0-ULWCDX?OoT-9k)5l6kXZFF0>2m;5Q`-mMCuEw-"
    ),
    "none": (
        "c-n<du?~VT5Iu~8qaWdJWN|V?9gLF+3v+Fca7k?mt%!+(U#7n%6cCWXOJ4Kt?!9--mn&}q06bwzp)@6tWGt-9*$%2rRbGR`XcCSl"
        "!1X1~&=}Hcz}-?X%OX-j-{7nZpI{DMO_~TnCY9{|S0_o~DHE9Wn7fivfpTk7<ThlMG{jOf3sdKQ28L&ds*c~IvZXEeW0>_$^d%7q"
        "oBTw;(W`}5uQM&$<rl7hmCw7E?fzJ6A3=wKcGKbmxvER4"
    ),
    "piz": (
        "c-n<du?~VT6nqc{NB_jg;$#Rq=w`ygT-!%@No@&j5EBQ#On=RSARvR6Tywp5@7ij$_Iv=~Ia3OyaYB-@uyNiFnn?q%<6-6`GY7c7"
        "6eSu%T1|8_3<R?*B_;F~&bkf>mN3BYDg>EAvfJOBB!#C^U^!Cl7YeFT#->1S6J|+6CN;AVwA+u!@Dfpd>i4LuTdTqh7NaM|k(7kZ"
        "e<~pMhVZdBzijVMcf4SNdo*y8+4g(`R69#9"
    ),
}


def made(height: int = 18) -> np.ndarray:
    """What was written: numbers that half can hold, on more lines than a block of ZIP has."""
    y, x = np.mgrid[:height, :3]
    return np.stack([y / 32, -x / 4, 1 - y / 64], -1).astype(np.float32)


def written(folder: Path, name: str) -> Path:
    path = folder / f"{name}.exr"
    path.write_bytes(zlib.decompress(base64.b85decode(WRITTEN[name])))
    return path


@pytest.mark.parametrize(("name", "height"), [("zip", 18), ("zips_half", 18), ("none", 2)])
def test_pictures_of_opencv(name, height, tmp_path):
    assert np.array_equal(read_exr(written(tmp_path, name)), made(height))


def test_channels_in_another_order(tmp_path):
    path = written(tmp_path, "zip")
    assert np.array_equal(read_exr(path, "BR"), made()[..., [2, 0]])
    with pytest.raises(PhotoError, match=r"\('A'\); wanted: one part, scan lines, channels RGBA"):
        read_exr(path, "RGBA")


def test_other_files_are_refused(tmp_path):
    with pytest.raises(PhotoError, match=r"piz.exr is no OpenEXR picture that Plantain reads \(4\)"):
        read_exr(written(tmp_path, "piz"))
    data = written(tmp_path, "zip").read_bytes()
    for name, content in (("png", b"\x89PNG"), ("tiles", data[:5] + b"\x02" + data[6:]), ("short", data[:-40])):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(PhotoError, match=f"{name} is no OpenEXR picture"):
            read_exr(tmp_path / name)
