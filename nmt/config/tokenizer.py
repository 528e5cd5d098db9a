"""Section `tokenizer`: SentencePiece."""

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from nmt.config.section import Section

SYMBOLS = tuple(map(chr, range(0x10FF00, 0x10FF08)))
"""Private-use characters that stand for the protected spans of a line."""

Protected = Literal["placeholders", "tags", "urls", "emails"]
"""A kind of span that is protected."""
Normalisation = Literal["identity", "nfc", "nfc_folded", "nfkc", "nfkc_cf", "nmt_nfkc", "nmt_nfkc_cf"]
"""Rules of `nmt.data.normalisation`."""


def _one_piece(symbol: str) -> str:
    if any(each.isspace() or each == "▁" for each in symbol):
        raise ValueError(f"{symbol!r} holds a blank, at which text is cut into words; leave it out")
    if re.fullmatch(r"<(pad|s|/s|unk|spare\d+|0x[0-9A-F]{2})>", symbol):
        raise ValueError(f"{symbol!r} is the name of a special id; choose another spelling")
    return symbol


Symbol = Annotated[str, Field(min_length=1, max_length=64), AfterValidator(_one_piece)]


def _safe(pattern: str) -> str:
    """A regular expression that cannot take exponential time."""
    try:
        compiled = re.compile(pattern)
    except (re.error, OverflowError, RecursionError) as error:
        raise ValueError(f"{pattern!r} is not a regular expression: {error}") from error
    outline = re.sub(r"\\[^1-9]|\[\^?\]?(?:\\.|[^\]\\])*\]", "x", pattern)
    if compiled.groups or re.search(r"\)[*+{]|\\[1-9]|\(\?[^:=!<]", outline):
        raise ValueError(f"{pattern!r} holds a capturing or repeated group, a flag or a back-reference")
    if compiled.match(""):
        raise ValueError(f"{pattern!r} matches the empty text")
    return pattern


SpanPattern = Annotated[str, Field(min_length=1, max_length=200), AfterValidator(_safe)]
"""A regular expression for spans; its groups are `(?:...)` and not repeated by `*`, `+` or `{}`."""


class TokenizerConfig(Section):
    """Text <-> ids. The first four ids are padding, begin, end and unknown."""

    kind: Literal["unigram", "bpe", "char"] = "bpe"
    """The subword model."""
    vocabulary: int = Field(8000, ge=8, le=1 << 20)
    """Number of ids, including 4 special ones, `spare`, `symbols`, and 256 bytes with byte_fallback. For `char` the
    largest number."""
    spare: int = Field(8, ge=0, le=1000)
    """Slots for tags: control symbols that no text can spell, reserved when the tokenizer is trained. The tags of
    `data.train` take them in the order in which they come; free ones wait for a later training on more data."""
    shared: bool = True
    """One vocabulary for both sides (and embeddings that may be tied), or one a side."""
    source_normalisation: Normalisation = "nfc_folded"
    """Unicode normalisation of the source, kept inside its tokenizer. `nfc_folded` composes accents and folds shapes
    (full-width letters, ligatures, kinds of blanks); the _cf rules fold case too; `identity` changes nothing."""
    target_normalisation: Normalisation = "identity"
    """Unicode normalisation of the target. The model writes what the rule leaves: with any other rule than `identity`
    translations lack the characters that it replaces, and `nmt prepare` reports what that costs."""
    split_digits: bool = True
    """Make each digit a piece of its own, so that a model can copy numbers that it has never seen."""
    symbols: tuple[Symbol, ...] = ()
    """Strings that are always one piece, such as markup or placeholders. They hold no blanks, are never normalised, and
    get an id even if the training text lacks them."""
    byte_fallback: bool = True
    """Spell characters outside the vocabulary as their UTF-8 bytes, so that nothing is unknown. Takes 256 ids."""
    character_coverage: float = Field(0.9999, gt=0, le=1)
    """Share of the text's characters that get an id of their own; the rarest are spelled as bytes or unknown."""
    sample: int = Field(1_000_000, ge=1)
    """Train on at most this many sentences a side, drawn by the seed (fewer if they hold more than 100 million
    characters, or 30 million for unigram: about half a gigabyte of memory)."""
    seed: int = Field(1, ge=0, lt=2**63)
    """Draws the sample and the held-out pairs."""
    protect: tuple[Protected, ...] = ("placeholders", "tags", "urls", "emails")
    """Spans that the model copies unchanged, up to 8 per line. An empty list turns protection off."""
    protect_patterns: tuple[SpanPattern, ...] = Field((), max_length=32)
    """Regular expressions for further spans to protect, such as `[A-Z]{2}-\\d{4}`."""
    sampling: float = Field(0.0, ge=0, le=1)
    """Subword regularisation in training: BPE-dropout's probability, or the unigram model's alpha. 0 is off."""

    def normalisation(self, side: str) -> Normalisation:
        """The rule of the source or the target."""
        return getattr(self, f"{side}_normalisation")

    @property
    def span_symbols(self) -> tuple[str, ...]:
        """The symbols for protected spans that the tokenizer reserves."""
        return SYMBOLS if self.protect or self.protect_patterns else ()
