"""`plantain verify FILE...` says whether files are answers of Plantain, and unchanged; `plantain sign` signs them."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter

from plantain.cli.reporting import emit
from plantain.cli.terminal import print_error
from plantain.errors import PlantainError, UsageError

if TYPE_CHECKING:
    from plantain.output.verify import Verdict

LIKELY = 0.7  # how well an unknown picture must fit a color code before that is said: photographs fit by .3 at most
GRAY = "log-gray"  # how these codes begin: any gray picture fits them


def verify(
    *files: Annotated[Path, Parameter(name="FILE...")],
    json: Annotated[bool, Parameter(negative="", show_default=False)] = False,
) -> int:
    """Says whether files are answers of Plantain, who made them and how, and whether they were changed since.

    Exit code 0: all are, and unchanged; 1: one is not known, was changed, or cannot be told; 2: one cannot be read.

    Parameters
    ----------
    files
        PNG (paintings, overlays, exports), .npz, and JSON files that hold a record.
    json
        JSON lines on a terminal too.
    """
    from plantain.output.verify import verify as judged

    if not files:
        raise UsageError("give files, as in: plantain verify out/photo.metric-depth.png")
    worst = 0
    for path in files:
        try:
            verdict = judged(path)
        except PlantainError as error:
            print_error(error, str(path))
            emit({"file": str(path), "error": str(error), "error_type": type(error).__name__})
            worst = 2
            continue
        tell(verdict, as_json=json or not sys.stdout.isatty())
        worst = max(worst, 0 if verdict.is_whole else 1)
    return worst


def tell(verdict: Verdict, *, as_json: bool) -> None:
    """A line about a file. Of an unknown picture also the depth code that its colors fit, if there is one."""
    likely = None if verdict.is_ours or verdict.what != "picture" else likely_code(verdict.path)
    if as_json:
        emit(verdict.to_json() | ({} if likely is None else {"fits": {likely[0]: likely[1]}}))
        return
    hint = "" if likely is None else (
        f"; its colors fit the depth code {likely[0]!r} ({likely[1]:.2f}): perhaps a painting whose record is gone"
    )  # fmt: skip
    print(f"{verdict.path}: {verdict}{hint}")


def likely_code(path: Path) -> tuple[str, float] | None:
    """The depth code that a picture's colors fit best, and how well (0..1); None where none does."""
    from plantain.codecs.curve import fits
    from plantain.models.painting import Painting

    known = {name: share for name, share in fits(Painting.load(path).rgb).items() if not name.startswith(GRAY)}
    name, share = max(known.items(), key=lambda pair: pair[1])
    return (name, round(float(share), 3)) if share >= LIKELY else None


def sign(
    file: Path,
    /,
    *,
    key: Path,
    chain: Path,
    algorithm: Literal["es256", "es384", "ps256", "ed25519"] = "es256",
) -> int:
    """Signs a picture of Plantain with a certificate: a C2PA manifest in the PNG, which `verify` reads.

    Parameters
    ----------
    file
        A PNG that Plantain wrote and nobody changed since.
    key
        The private key (PEM, PKCS 8).
    chain
        The certificates (PEM): the signer's first, then whoever vouches for it.
    algorithm
        Of the key.
    """
    from plantain.output.signing import sign as signed
    from plantain.output.verify import verify as judged

    verdict = judged(file)
    if not verdict.is_whole or verdict.what not in ("painting", "picture"):
        raise UsageError(f"only unchanged pictures of Plantain are signed; {file} is {verdict}")
    told = {name: value for name, value in verdict.to_json().items() if name not in ("file", "state", "signature")}
    signed(file, told, key, chain, algorithm)
    tell(judged(file), as_json=not sys.stdout.isatty())
    return 0
