"""nmt tokenize: text -> pieces or ids, and back."""

from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from nmt.cli import lines
from nmt.cli.common import Threads, command

if TYPE_CHECKING:
    from nmt.data.tokenizer import Tokenizer

_WINDOW = 1024  # lines handled together


Side, Format = Literal["source", "target"], Literal["pieces", "ids"]


@command
def tokenize(
    model: Annotated[Path, typer.Option(help="A run, a model bundle or a folder of prepared data.")],
    side: Annotated[Side, typer.Option(help="Side whose vocabulary and normalisation to use.")] = "source",
    format: Annotated[Format, typer.Option(help="What comes out or, with --decode, goes in.")] = "pieces",
    decode: Annotated[bool, typer.Option("--decode", help="Turn pieces or ids back into text.")] = False,
    input: Annotated[Path | None, typer.Option(help="One sentence a line; also .gz and .xz [stdin].")] = None,
    output: Annotated[Path | None, typer.Option(help="Where the result goes [stdout].")] = None,
    threads: Threads = None,
) -> None:
    """Cut text into pieces or ids, separated by blanks, or put it together again, line by line."""
    from nmt.data.tokenizer import load_tokenizers

    tokenizer = getattr(load_tokenizers(_folder(model)), side)
    name = "stdin" if input is None else str(input)
    work = _decoder(tokenizer, format, name) if decode else _encoder(tokenizer, format, threads)
    with lines.writer(output, inputs=(input or lines.STDIN,)) as write:
        for window in _windows(input):
            for line in work(window):
                write(line)
            write.flush()


def _folder(model: Path) -> Path:
    """A run keeps its bundle in model/."""
    return model / "model" if (model / "model").is_dir() else model


def _windows(path: Path | None) -> Iterator[list[str]]:
    from nmt.data.text import read_lines

    if path is None:
        return lines.windows(lines.stdin_lines(), _WINDOW)
    read = read_lines(path)
    return iter(lambda: list(islice(read, _WINDOW)), [])


def _encoder(
    tokenizer: "Tokenizer", format: Format, threads: int | None
) -> Callable[[list[str]], Iterator[str]]:
    from nmt.workers import threads_of

    def encode(window: list[str]) -> Iterator[str]:
        for ids in tokenizer.arrays(window, threads=threads_of(threads)):
            yield " ".join(tokenizer.pieces(ids) if format == "pieces" else map(str, ids))

    return encode


def _decoder(tokenizer: "Tokenizer", format: Format, name: str) -> Callable[[list[str]], Iterator[str]]:
    from nmt.errors import DataError

    parse = tokenizer.id_of if format == "pieces" else _number
    number = 0

    def decode(window: list[str]) -> Iterator[str]:
        nonlocal number
        for line in window:
            number += 1
            tokens = [token for token in line.split(" ") if token]
            ids = [parse(token) for token in tokens]
            for token, each in zip(tokens, ids, strict=True):
                if each is None or each >= tokenizer.size:
                    kind = "piece" if format == "pieces" else f"id below {tokenizer.size}"
                    raise DataError(
                        f'{name}:{number}: "{token}" is no {kind} of this vocabulary',
                        hint="--format says what the input holds, --side whose vocabulary it is",
                    )
            yield tokenizer.decode([ids])[0].replace("\n", " ")  # spelled as a byte it would break the line in two

    return decode


def _number(token: str) -> int | None:
    return int(token) if token.isascii() and token.isdigit() and len(token) < 20 else None
