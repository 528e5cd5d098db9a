"""A check of an exported model's files before CTranslate2 (Klein 2020) loads them.

They must be those that the config and the tokenizers ask for (see ctranslate2_format.py). The table of model.bin is
compared row by row before anything large is read, so that a file of any size is refused in an instant.
"""

import os
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import IO

import numpy as np

from nmt import checksums
from nmt.config import ModelConfig
from nmt.config.export import obstacle
from nmt.data.tokenizer import Tokenizers
from nmt.decoding.ctranslate2_format import (
    HEAD,
    QUANTIZATIONS,
    Entry,
    Layout,
    Setting,
    companions,
    entries,
    layout,
    name_of_format,
    shown,
)
from nmt.decoding.engine import CTRANSLATE2_WEIGHTS
from nmt.errors import CheckpointError

_AGAIN = "copy the whole folder again, or export the model again"
_CHUNK = 1 << 20  # bytes of weights that are looked at together


def check(folder: Path, config: ModelConfig, tokenizers: Tokenizers) -> None:
    """Raise CheckpointError unless the files of a folder are those that a config and its tokenizers ask for, whole and
    with numbers that are finite."""
    if why := obstacle(config):
        raise CheckpointError(f"{folder}: holds {CTRANSLATE2_WEIGHTS}, but by its config {why}", hint=_AGAIN)
    _check_companions(folder, companions(tokenizers))
    path = folder / CTRANSLATE2_WEIGHTS
    checksums.check_plain(path)
    with open(path, "rb") as file:
        table = _Reader(file, path).table(layout(config, tokenizers.source.size, tokenizers.target.size))
        checksums.check(path)
        for entry, begin in table:
            file.seek(begin)
            if not _are_finite(file, entry):
                raise CheckpointError(
                    f"{path}: {entry.name} holds an infinity, or what is not a number",
                    hint="export the model again, with another --quantization if the original has finite weights",
                )


def _check_companions(folder: Path, expected: Mapping[str, bytes]) -> None:
    """Raise CheckpointError unless the other files that CTranslate2 would read are the expected ones."""
    for name, content in expected.items():
        checksums.check_plain(folder / name, most=len(content))
        if (folder / name).read_bytes() != content:
            raise CheckpointError(
                f"{folder / name}: is damaged or was changed: it is not what the tokenizers ask for", hint=_AGAIN
            )
    for name in sorted(each.name for each in folder.iterdir()):
        if ("vocabulary" in name or name == "vmap.txt") and name not in expected:
            raise CheckpointError(
                f"{folder / name}: CTranslate2 would read this file, which does not belong to the model",
                hint="remove it",
            )


def _are_finite(file: IO[bytes], entry: Entry) -> bool:
    """Whether the numbers that come next are finite, and positive if they are scales, by which CTranslate2 divides."""
    kind, left = name_of_format(entry), entry.bytes
    while left and "float" in kind:
        content = file.read(min(left, _CHUNK))
        if kind == "bfloat16":  # the upper half of a float32
            numbers = (np.frombuffer(content, "<u2").astype("<u4") << 16).view("<f4")
        else:
            numbers = np.frombuffer(content, np.dtype(kind))
        least = numbers.min() > 0 if entry.name.endswith("_scale") else True
        if not (least and np.isfinite(numbers).all()):
            return False
        left -= len(content)
    return True


class _Reader:
    """Reads the table of an open file and refuses it at the first place that is not as expected."""

    def __init__(self, file: IO[bytes], path: Path):
        self.file, self.path, self.size = file, path, path.stat().st_size

    def table(self, expected: Layout) -> list[tuple[Entry, int]]:
        """The variables, and where in the file their numbers begin."""
        if self._take(len(HEAD)) != HEAD:
            raise self._fault("its first bytes are not those of CTranslate2's Transformer")
        tables = [
            [each for name, variable in expected.variables.items() for each in entries(name, variable, kind)]
            for kind in QUANTIZATIONS
        ]
        count = self._number("I")
        possible = [each for each in tables if len(each) == count]
        if not possible:
            lengths = " or ".join(map(str, sorted({len(each) for each in tables})))
            raise self._fault(f"expected {lengths} variables, found {count:,}")
        found: list[tuple[Entry, int]] = []
        for place in range(count):
            entry = Entry(self._string(), self._shape(), self._number("B"), self._number("I"))
            wanted, possible = possible[0][place], [each for each in possible if each[place] == entry]
            if not possible:
                raise self._fault(f"expected {wanted}, found {entry}")
            found.append((entry, self.file.tell()))
            setting = expected.variables.get(entry.name)
            if isinstance(setting, Setting):
                number = np.frombuffer(self._take(entry.bytes), setting.dtype)[0]
                if number != setting:
                    raise self._fault(f"{entry.name}: expected {setting}, found {number}")
            else:
                self._skip(entry.bytes)
        self._check_aliases(expected.aliases)
        return found

    def _check_aliases(self, expected: Mapping[str, str]) -> None:
        count = self._number("I")
        if count != len(expected):
            raise self._fault(f"expected {len(expected)} aliases, found {count:,}")
        for wanted in expected.items():
            alias = self._string(), self._string()
            if alias != wanted:
                raise self._fault(f"expected the alias {_named(wanted)}, found {_named(alias)}")
        if more := self.size - self.file.tell():
            raise self._fault(f"{more:,} bytes follow its end")

    def _shape(self) -> tuple[int, ...]:
        return tuple(self._number("I") for _ in range(self._number("B")))

    def _string(self) -> str:
        content = self._take(self._number("H"))
        if not content.endswith(b"\0"):
            raise self._fault("a name does not end with a zero byte")
        return content[:-1].decode(errors="replace")

    def _number(self, kind: str) -> int:
        return struct.unpack(f"<{kind}", self._take(struct.calcsize(f"<{kind}")))[0]

    def _take(self, size: int) -> bytes:
        self._check_left(size)
        return self.file.read(size)

    def _skip(self, size: int) -> None:
        self._check_left(size)
        self.file.seek(size, os.SEEK_CUR)

    def _check_left(self, size: int) -> None:
        if size > self.size - self.file.tell():
            raise self._fault(f"ends early, after {self.size:,} bytes")

    def _fault(self, what: str) -> CheckpointError:
        return CheckpointError(f"{self.path}: does not fit its config and tokenizers: {what}", hint=_AGAIN)


def _named(alias: tuple[str, str]) -> str:
    return " = ".join(map(shown, alias))
