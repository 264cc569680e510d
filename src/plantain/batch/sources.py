"""Pictures wherever they lie: files, members of tar shards, rows of Parquet tables, objects of a store.

A source is small and travels between processes; whoever works on it reads it. Whole shards are never in memory: a
member of a tar file is read by its place, a table by its row groups."""

from __future__ import annotations

import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from glob import has_magic
from importlib import import_module
from pathlib import Path, PurePosixPath
from typing import Any

from plantain.errors import MissingExtra, PhotoError, UsageError

ENDINGS = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff", ".gif", ".ppm", ".avif", ".heic")
SHARDS = (".tar", ".parquet")
LONGEST = 120  # letters of a part of an id


@dataclass(frozen=True)
class Source:
    """One picture. `id`: what its answer is called, below the folder of answers; `url`: a file, or where it lies in a
    store; within it `offset` and `size` (bytes) of a member of a tar file, or `row` and `column` of a table."""

    id: str
    url: str
    name: str = ""
    offset: int | None = None
    size: int | None = None
    row: int | None = None
    column: str | None = None

    @property
    def image(self) -> str:
        """What people call it: its place, and what it is called there."""
        inside = self.name or ("" if self.row is None else f"row {self.row}")
        return f"{self.url}#{inside}" if inside else self.url

    def read(self) -> Path | bytes:
        """A path of this machine, or the bytes of the picture. Raises PhotoError."""
        try:
            if self.row is not None and self.column is not None:
                return _cell(self.url, self.row, self.column)
            if self.offset is not None:
                with _opened(self.url) as file:
                    file.seek(self.offset)
                    return bytes(file.read(self.size))
            if not is_url(self.url):
                return Path(self.url)
            with _opened(self.url) as file:
                return bytes(file.read())
        except OSError as error:
            raise PhotoError(f"cannot read {self.image}: {error.strerror or error}") from error


def is_url(word: str) -> bool:
    """Whether a word is for fsspec: "s3://bucket/photos", "zip://*.jpg::photos.zip"."""
    return "://" in word


def is_shard(word: str) -> bool:
    return word.lower().endswith(SHARDS)


def shards(word: str) -> list[str]:
    """The shards that a word means: one itself, those of a pattern or in a folder; none where it means photos."""
    path = Path(word)
    if is_url(word):
        return [] if not is_shard(word) else _matches(word)
    if path.is_dir():
        return [str(one) for one in sorted(path.rglob("*")) if is_shard(one.name)]
    if has_magic(word) and is_shard(word):
        return [str(one) for one in sorted(Path().glob(word) if not path.is_absolute() else _absolute(path))]
    return [word] if is_shard(word) else []


def _absolute(pattern: Path) -> Iterator[Path]:
    return Path(pattern.anchor).glob(str(pattern.relative_to(pattern.anchor)))


def sources(word: str, column: str | None = None) -> Iterator[Source]:
    """The pictures in the shards or the store that a word means, in an order that is always the same.

    UsageError where there are none, MissingExtra where a package is missing."""
    found = shards(word)
    if found:
        several = len(found) > 1
        for shard in found:
            base = clean(PurePosixPath(shard.split("::")[0]).stem) if several else ""
            yield from (_rows(shard, base, column) if shard.lower().endswith(".parquet") else _members(shard, base))
        return
    objects = _matches(word)
    fixed = word.split("::")[0].split("*")[0].rpartition("/")[0]
    names = [one.split("::")[0].removeprefix(fixed).lstrip("/") for one in objects]
    for name, one in zip(apart(names), objects, strict=True):
        yield Source(name, one)


def _matches(word: str) -> list[str]:
    """Objects of a store. UsageError for none."""
    fsspec = _package("fsspec")
    try:
        if not is_shard(word) and not has_magic(word):
            word = word.rstrip("/") + "/**"
        files = [one for one in fsspec.open_files(word) if one.path.lower().endswith((*ENDINGS, *SHARDS))]
    except (OSError, ValueError, ImportError) as error:
        raise UsageError(f"cannot list {word}: {error}") from error
    first, *outer = word.split("::")  # "zip://*.jpg::s3://bucket/photos.zip"
    found = sorted("::".join([f"{first.split('://')[0]}://{one.path}", *outer]) for one in files)
    if not found:
        raise UsageError(f"no picture at {word}; looked for names ending in {' '.join(ENDINGS)}")
    return found


# ---- tar files


def _members(shard: str, base: str) -> Iterator[Source]:
    """The pictures of a tar file, by their place in it. UsageError for one that is compressed, or is none."""
    try:
        with _opened(shard) as file, tarfile.open(fileobj=file, mode="r:") as tar:
            members = [one for one in tar if one.isfile() and one.name.lower().endswith(ENDINGS)]
    except (tarfile.TarError, OSError) as error:
        raise UsageError(f"{shard} is no plain tar file ({error}); unpack a compressed one first") from error
    if not members:
        raise UsageError(f"no picture in {shard}; looked for names ending in {' '.join(ENDINGS)}")
    for name, one in zip(apart([one.name for one in members]), members, strict=True):
        yield Source(f"{base}/{name}" if base else name, shard, one.name, one.offset_data, one.size)


# ---- tables


def _rows(shard: str, base: str, column: str | None) -> Iterator[Source]:
    """The pictures of a Parquet table, a row each."""
    table = _table(shard)
    chosen = _column(table.schema_arrow, column, shard)
    for row in range(table.metadata.num_rows):
        yield Source(f"{base or clean(PurePosixPath(shard).stem)}/{row:08}", shard, row=row, column=chosen)


def _column(schema: Any, wanted: str | None, shard: str) -> str:
    """The column of pictures: bytes, or a struct with the field bytes, as data sets have them. UsageError for none."""
    types = {field.name: str(field.type) for field in schema}
    fits = [name for name, kind in types.items() if kind.endswith("binary") or kind.startswith("struct<bytes: ")]
    if wanted is not None and wanted not in fits:
        raise UsageError(f"{shard} has no column {wanted!r} of pictures; it has: {', '.join(fits) or 'none'}")
    if not fits:
        raise UsageError(f"{shard} has no column of pictures (bytes); its columns: {', '.join(types)}")
    return wanted or ("image" if "image" in fits else fits[0])


@lru_cache(maxsize=4)
def _table(url: str) -> Any:
    parquet = _package("pyarrow.parquet")
    try:
        return parquet.ParquetFile(_opened(url))
    except (OSError, ValueError) as error:
        raise UsageError(f"{url} cannot be read as Parquet: {error}") from error


@lru_cache(maxsize=2)
def _group(url: str, group: int, column: str) -> Any:
    return _table(url).read_row_group(group, columns=[column]).column(0)


def _cell(url: str, row: int, column: str) -> bytes:
    """The bytes of a picture of a table. PhotoError for an empty cell."""
    metadata, group = _table(url).metadata, 0
    inside = row
    while inside >= metadata.row_group(group).num_rows:
        inside -= metadata.row_group(group).num_rows
        group += 1
    value = _group(url, group, column)[inside].as_py()
    content = value.get("bytes") if isinstance(value, dict) else value
    if not content:
        raise PhotoError(f"row {row} of {url} holds no picture")
    return bytes(content)


# ---- what all share


def _opened(url: str) -> Any:
    """A stream of bytes that can be sought in."""
    if not is_url(url):
        return open(url, "rb")
    store, path = _store(url)
    return store.open(path, "rb")


@lru_cache(maxsize=64)
def _store(url: str) -> tuple[Any, str]:
    """A store and a place in it, kept: one that nobody holds closes its archive."""
    store, path = _package("fsspec.core").url_to_fs(url)
    return store, path


def _package(name: str) -> Any:
    try:
        return import_module(name)
    except ImportError as error:
        raise MissingExtra(name.split(".")[0], "batch") from error


def apart(names: list[str]) -> list[str]:
    """Names of pictures as ids: without their endings, where these do not tell them apart.

    >>> apart(["a/x.jpg", "a/y.jpg", "a/y.png", "../up.jpg"])
    ['a/x', 'a/y.jpg', 'a/y.png', 'up']
    """
    plain = [clean(str(PurePosixPath(name).with_suffix(""))) for name in names]
    counts: dict[str, int] = {}
    for one in plain:
        counts[one] = counts.get(one, 0) + 1
    full = [one if counts[one] == 1 else clean(name) for one, name in zip(plain, names, strict=True)]
    seen: dict[str, int] = {}
    for place, one in enumerate(full):  # the same name twice in one archive
        seen[one] = seen.get(one, 0) + 1
        full[place] = one if seen[one] == 1 else f"{one}.{seen[one]}"
    return full


def clean(name: str) -> str:
    """A relative name that stays below the folder of answers, whatever an archive says.

    >>> clean("/etc/../passwd"), clean("a//b/./c")
    ('etc/passwd', 'a/b/c')
    """
    parts = [part.replace("\0", "")[-LONGEST:] for part in name.replace("\\", "/").split("/")]
    return "/".join(part for part in parts if part.strip(". ")) or "picture"
