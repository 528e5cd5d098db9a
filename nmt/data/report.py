"""What preparing found: kept, dropped and why, and how the tokenizer fits the text."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from nmt.config.sources import SourcesConfig
from nmt.data.cleaning import heavy
from nmt.data.overlap import Drop, Overlap
from nmt.data.round_trip import RoundTrip


class Side(NamedTuple):
    """One side of the text that was kept, or of the development text."""

    words: int = 0
    """Separated by white space."""
    pieces: int = 0
    """End marks not counted."""
    unknown: int = 0
    """Pieces that the vocabulary lacks."""
    longest: int = 0
    """Pieces of the longest sentence. A tag is a piece."""


class Text(NamedTuple):
    """Encoded pairs."""

    pairs: int
    too_long: int
    """Pairs that were left out because a side has more pieces than the model takes."""
    source: Side
    target: Side
    several: int = 0
    """Pairs whose source holds more than one sentence."""


def total(texts: Sequence[Text]) -> Text:
    """Of several texts together."""

    def side(sides: Iterable[Side]) -> Side:
        words, pieces, unknown, longest = zip(*sides, strict=True)
        return Side(sum(words), sum(pieces), sum(unknown), max(longest))

    pairs, too_long, sources, targets, several = zip(*texts, strict=True)
    return Text(sum(pairs), sum(too_long), side(sources), side(targets), sum(several))


class TextReport(NamedTuple):
    """What became of one of several training texts."""

    tag: str | None
    read: int
    dropped: dict[str, int]
    kept: int


class Report(NamedTuple):
    """All counts of one preparation. Saved as report.json."""

    read: int
    """Training pairs in the files."""
    dropped: dict[str, int]
    """Reason -> pairs; reasons that never applied are left out."""
    overlap: dict[str, Overlap]
    """Split -> training pairs that share text with it, found after the other filters."""
    overlap_rule: Drop
    """Which of these were dropped: `data.overlap`."""
    train: Text
    dev: Text
    test_pairs: int | None
    vocabulary: tuple[int, int]
    """Ids of source and target."""
    shared: bool
    """Whether both sides have one vocabulary."""
    round_trip: RoundTrip
    """The development target, encoded and decoded by the target tokenizer."""
    usual: int
    """Pieces that 99% of the training sources do not exceed, a tag included."""
    augmented: tuple[int, ...] = ()
    """Changed copies of the pairs of each training text, which the other counts leave out."""
    texts: tuple[TextReport, ...] = ()
    """The training texts one by one, if there are several."""
    notes: tuple[str, ...] = ()
    """Notes from reading the files, such as header lines."""
    text_warnings: tuple[str, ...] = ()
    """Warnings about the training texts, such as swapped sides."""

    @property
    def sources(self) -> SourcesConfig:
        """The facts about the training sources by which a model splits lines."""
        return SourcesConfig(length=self.usual, several=self.train.several / max(self.train.pairs, 1))

    def to_json(self) -> dict[str, Any]:
        """As plain values."""
        return _plain(self)

    @classmethod
    def of_json(cls, value: dict[str, Any]) -> "Report":
        """The inverse of `to_json`. Raises KeyError or TypeError when it is something else."""

        def text(plain: dict[str, Any]) -> Text:
            sides = {side: Side(**plain[side]) for side in ("source", "target")}
            return Text(**{**plain, **sides})

        parts = {
            "overlap": {split: Overlap(**counts) for split, counts in value["overlap"].items()},
            "train": text(value["train"]), "dev": text(value["dev"]), "vocabulary": tuple(value["vocabulary"]),
            "round_trip": RoundTrip.of_json(value["round_trip"]), "augmented": tuple(value["augmented"]),
            "texts": tuple(TextReport(**each) for each in value["texts"]),
            "notes": tuple(value["notes"]), "text_warnings": tuple(value["text_warnings"]),
        }  # fmt: skip
        return cls(**{**value, **parts})

    def lines(self) -> list[str]:
        """A small table, and what deserves attention below it."""
        notes = [f"note: {each}" for each in self.notes]
        return [*self._pairs(), *self._pieces(), *notes, *(f"warning: {each}" for each in self.warnings())]

    def _pairs(self) -> Iterator[str]:
        def row(name: str, count: int) -> str:
            return f"{name:<24}{count:>12,}{count / self.read:>9.1%}"

        yield f"{'training pairs read':<24}{self.read:>12,}"
        yield row("  kept", self.train.pairs)
        for reason, count in self.dropped.items():
            yield row(f"  {reason}", count)
        yield from self._texts()
        yield from self._overlap()
        if any(self.augmented):
            yield f"{'augmented copies':<24}{sum(self.augmented):>12,}"
        yield f"{'development pairs':<24}{self.dev.pairs + self.dev.too_long:>12,}"
        if self.test_pairs is not None:
            yield f"{'test pairs':<24}{self.test_pairs:>12,}"

    def _texts(self) -> Iterator[str]:
        """Each of several texts: its pairs, and why some of them were dropped."""
        if self.texts:
            yield f"{'by text':<24}{'read':>12}{'kept':>12}"
        for number, text in enumerate(self.texts):
            reasons = ", ".join(f"{reason} {count:,}" for reason, count in text.dropped.items())
            name = f"  data.train[{number}]" + (f", {text.tag}" if text.tag is not None else "")
            yield f"{name:<24}{text.read:>12,}{text.kept:>12,}" + (f"  {reasons}" if reasons else "")

    def _overlap(self) -> Iterator[str]:
        """Lines on the text that training shares with each split."""
        found = {split: counts for split, counts in self.overlap.items() if any(counts)}
        if found:
            yield f"{'shared with':<24}{'whole pairs':>12}{'sources':>12}{'targets':>12}"
        for split, counts in found.items():
            yield _row(f"  {split}", [f"{each:,}" for each in counts])

    def _pieces(self) -> Iterator[str]:
        sides = (self.train.source, self.train.target)
        yield f"{'':<24}{'source':>12}{'target':>12}"
        yield _row("vocabulary" + (" (shared)" if self.shared else ""), [f"{size:,}" for size in self.vocabulary])
        yield _row("words", [f"{side.words:,}" for side in sides])
        yield _row("pieces", [f"{side.pieces:,}" for side in sides])
        yield _row("pieces a word", [f"{side.pieces / max(side.words, 1):.2f}" for side in sides])
        yield _row("longest, in pieces", [f"{side.longest:,}" for side in sides])
        yield _row("longest of 99%", [f"{self.usual:,}"])
        yield _row("several sentences", [f"{self.sources.several:.1%}"])
        yield _row("unknown", [f"{_unknown(side):.3%}" for side in sides])
        yield _row("ceiling, BLEU", ["", f"{self.round_trip.bleu:.1f}"])
        yield _row("ceiling, same lines", ["", f"{self.round_trip.identical / self.round_trip.lines:.1%}"])

    def warnings(self) -> list[str]:
        """Sentences about what may spoil a result."""
        found = [*self.text_warnings, *heavy(self.dropped, self.read)]
        for split, counts in self.overlap.items():
            seen = {"keep": counts.pairs + counts.sources, "pairs": counts.sources}.get(self.overlap_rule, 0)
            if seen:
                found.append(f"{seen:,} training pairs have a source of {split}; `data.overlap: sources` drops them")
        if self.dev.too_long:
            found.append(
                f"{self.dev.too_long:,} development pairs are longer than model.max_length; the loss leaves them out"
            )
        if max(_unknown(self.dev.source), _unknown(self.dev.target)) > 0.01:
            found.append("more than 1% of the development text is unknown; tokenizer.byte_fallback would spell it")
        return [*found, *self.round_trip.warnings()]


def _row(name: str, values: list[str]) -> str:
    return f"{name:<24}{''.join(f'{value:>12}' for value in values)}"


def _unknown(side: Side) -> float:
    return side.unknown / max(side.pieces, 1)


def _plain(value: Any) -> Any:
    if isinstance(value, tuple) and not hasattr(value, "_asdict"):
        return [_plain(inner) for inner in value]
    if hasattr(value, "_asdict"):
        value = value._asdict()
    return {name: _plain(inner) for name, inner in value.items()} if isinstance(value, dict) else value
