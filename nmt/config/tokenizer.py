"""Section `tokenizer`: SentencePiece."""

from typing import Literal

from pydantic import Field

from nmt.config.section import Section


class TokenizerConfig(Section):
    """Text <-> ids. The first four ids are padding, begin, end and unknown."""

    kind: Literal["unigram", "bpe", "char"] = "bpe"
    """The subword model."""
    vocabulary: int = Field(8000, ge=8, le=1 << 20)
    """Number of ids, the 4 special ones, `spare` (and 256 bytes with byte_fallback) included. For `char` the largest
    number."""
    spare: int = Field(8, ge=0, le=1000)
    """Slots for tags: control symbols that no text can spell, reserved when the tokenizer is trained. The tags of
    `data.train` take them in the order in which they come; free ones wait for a later training on more data."""
    shared: bool = True
    """One vocabulary for both sides (and embeddings that may be tied), or one a side."""
    normalisation: Literal["nmt_nfkc", "nmt_nfkc_cf", "nfkc", "nfkc_cf", "identity"] = "nmt_nfkc"
    """Unicode normalisation, kept inside the tokenizer; the _cf kinds fold case too."""
    byte_fallback: bool = True
    """Spell characters outside the vocabulary as bytes, so that nothing is unknown."""
    character_coverage: float = Field(0.9995, gt=0, le=1)
    """Share of the text's characters that get an id of their own; 1.0 for small alphabets."""
    sample: int = Field(1_000_000, ge=1)
    """Train on at most this many sentences a side, drawn by the seed (fewer if they hold more than 100 million
    characters, or 30 million for unigram: about half a gigabyte of memory)."""
    seed: int = Field(1, ge=0, lt=2**63)
    """Draws the sample and the held-out pairs."""
    sampling: float = Field(0.0, ge=0, le=1)
    """Subword regularisation in training: BPE-dropout's probability, or the unigram model's alpha. 0 is off."""
