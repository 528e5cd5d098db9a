"""Corpora to tune on: from the files of a folder to plain text of the wanted size."""

import random
from pathlib import Path
from typing import NamedTuple

from nmt import files
from nmt.config import ParallelText
from nmt.data.facts import language_of, languages_of
from nmt.data.text import read_pairs
from nmt.errors import DataError


class Corpus(NamedTuple):
    """A corpus in plain text files."""

    name: str
    languages: tuple[str, str]
    train: ParallelText
    dev: ParallelText | None


def prepare(text: str, pairs: int, folder: Path) -> Corpus:
    """Write the corpus that PATH[:SOURCE-TARGET] names below `folder`, with `pairs` drawn training pairs or all (0)."""
    path, languages = _parse(text)
    train, dev = (_find(path, languages, names) for names in (("train",), ("dev", "val")))
    if train is None:
        direction = "-".join(languages or ("de", "en"))
        raise DataError(
            f"{path}: no training text found; expected train*.SOURCE and train*.TARGET, or train*.tsv",
            hint=f"name the languages of the files, such as {path}:{direction}",
        )
    languages = languages or languages_of(train.files[0])
    if None in languages:
        raise DataError(f"{path}: the languages are not known", hint=f"name them: {path}:de-en")
    name = f"{(path if path.is_dir() else path.parent).name}-{'-'.join(languages)}{f'-{pairs}' if pairs else ''}"
    place = folder / name
    return Corpus(
        name, languages, _write(train, place, "train", languages, pairs),
        _write(dev, place, "dev", languages, 0) if dev else None,
    )  # fmt: skip


def _parse(text: str) -> tuple[Path, tuple[str, str] | None]:
    place, colon, direction = text.rpartition(":")
    source, dash, target = direction.partition("-")
    if colon and source and dash and target and not Path(text).exists():
        return Path(place), (source, target)
    return Path(text), None


def _find(path: Path, languages: tuple[str, str] | None, names: tuple[str, ...]) -> ParallelText | None:
    """The text with one of these names: two files that end in the languages, or a TSV."""
    if path.is_file():
        return ParallelText(tsv=path) if "train" in names else None
    if not path.is_dir():
        raise DataError(f"{path}: no such file or folder")
    inside = sorted(each for each in path.iterdir() if each.name.startswith(names))
    sides = [next((each for each in inside if language_of(each) == code), None) for code in languages or ()]
    if languages and None not in sides:
        return ParallelText(source=sides[0], target=sides[1])
    tsv = next((each for each in inside if ".tsv" in each.suffixes), None)
    if tsv is None:
        return None
    turned = languages is not None and languages_of(tsv) == languages[::-1]
    return ParallelText(tsv=tsv, columns=(2, 1) if turned else (1, 2))


def _write(text: ParallelText, folder: Path, name: str, languages: tuple[str, str], pairs: int) -> ParallelText:
    rows = list(read_pairs(text))
    if pairs:
        rows = random.Random(1).sample(rows, min(pairs, len(rows)))
    paths = [folder / f"{name}.{side}.{code}" for side, code in zip(("source", "target"), languages, strict=True)]
    for path, lines in zip(paths, zip(*rows, strict=True), strict=True):
        files.write_text(path, "".join(f"{line}\n" for line in lines))
    return ParallelText(source=paths[0], target=paths[1])
