"""Attacks on model.bin, and a program that loads exported models after such attacks: `exported.py FOLDER SEED COUNT`.

CTranslate2 is C++, which a broken file might kill, so real loads are tried in processes of their own.
"""

import random
import struct
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from nmt import checksums
from nmt.decoding.translator import Translator
from nmt.errors import NMTError

LINES = ["A man. ü漢 <s>", "", "bushes " * 12]
VALUES = [0, 1, 2, 3, 4, 6, 7, 15, 16, 17, 255, 256, 65_535, 2**31 - 1, 2**31, 2**32 - 1]


class Field(NamedTuple):
    """A part of the table."""

    name: str
    begin: int
    kind: str
    """How struct names it, or `s` for text and numbers."""
    size: int


def fields(content: bytes) -> Iterator[Field]:
    """The parts of a whole file, in their order."""
    at = 0

    def take(name: str, kind: str) -> tuple[Field, int]:
        nonlocal at
        found = Field(name, at, kind, struct.calcsize(f"<{kind}"))
        (value,) = struct.unpack_from(f"<{kind}", content, at)
        at += found.size
        return found, value

    def text(name: str, size: int) -> Field:
        nonlocal at
        at += size
        return Field(name, at - size, "s", size)

    def string(name: str) -> Iterator[Field]:
        field, size = take(f"length of {name}", "H")
        yield field
        yield text(name, size)

    yield take("version", "I")[0]
    yield from string("kind")
    yield take("revision", "I")[0]
    field, count = take("variables", "I")
    yield field
    for _ in range(count):
        yield from string("name")
        field, rank = take("rank", "B")
        yield field
        for _ in range(rank):
            yield take("size", "I")[0]
        yield take("format", "B")[0]
        field, size = take("bytes", "I")
        yield field
        yield text("numbers" if rank else "setting", size)
    field, count = take("aliases", "I")
    yield field
    for _ in range(count):
        yield from string("alias")
        yield from string("variable")
    assert at == len(content)


def changed(content: bytes, field: Field, value: int, draw: random.Random) -> bytes:
    """The file with another value in a field."""
    if field.kind == "s":
        other = draw.randbytes(field.size)
    else:
        other = struct.pack(f"<{field.kind}", value % (1 << 8 * field.size))
    return content[: field.begin] + other + content[field.begin + field.size :]


def attacked(content: bytes, every: list[Field], draw: random.Random) -> bytes:
    """The file after a random attack: on the table, on the numbers or on both."""
    match draw.choice(["field", "field", "numbers", "flip", "cut", "append", "move"]):
        case "field":
            return changed(content, draw.choice(every), draw.choice(VALUES), draw)
        case "numbers":
            return changed(content, draw.choice([each for each in every if each.name == "numbers"]), 0, draw)
        case "flip":
            broken = bytearray(content)
            for _ in range(draw.choice([1, 3, 100])):
                broken[draw.randrange(len(broken))] ^= 1 << draw.randrange(8)
            return bytes(broken)
        case "cut":
            return content[: draw.randrange(len(content))]
        case "append":
            return content + draw.randbytes(draw.choice([1, 4, 1000]))
    first, last = sorted(draw.randrange(len(content)) for _ in range(2))
    return content[:first] + content[last:] + content[first:last]


def main(folder: Path, seed: int, count: int) -> None:
    """Attack, load and translate `count` times; each case is named before it is tried."""
    content = (folder / "model.bin").read_bytes()
    names = [line.split(maxsplit=1)[1] for line in (folder / checksums.NAME).read_text().splitlines()]
    every, loaded = [*fields(content)], 0
    for number in range(count):
        print(f"seed {seed} case {number}", flush=True)
        (folder / "model.bin").write_bytes(attacked(content, every, random.Random(f"{seed} {number}")))
        checksums.write(folder, names)
        try:
            translator = Translator.load(folder, device="cpu", threads=1)
            translator.translate(LINES, beam=3)
            translator.score([(LINES[0], LINES[2]), ("", "")])
            loaded += 1
        except NMTError as error:
            assert "\n" not in error.message and error.hint, error.message
    print(f"loaded {loaded}")


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
