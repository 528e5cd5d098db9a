"""Section `finetune`: the finished model that a training goes on from."""

from collections.abc import Iterator

from pydantic import Field

from nmt.config.paths import ConfigPath
from nmt.config.section import Conflict, Section

EMBEDDINGS = ("embeddings", "source_embeddings", "target_embeddings", "output")
"""The parts that have a row for each piece of a vocabulary."""


class FinetuneConfig(Section):
    """Go on from a finished model, on other text or with other settings; `nmt finetune` takes model and tokenizer from
    it."""

    model: ConfigPath
    """Its run folder or bundle."""
    checksum: str | None = Field(None, pattern=r"^[0-9a-f]{64}$")
    """SHA-256 of its SHA256SUMS, so that a resumed run knows it again; `nmt finetune` fills it in."""
    freeze: tuple[str, ...] = ()
    """Parts that stay as they are, bit for bit: embeddings, source_embeddings, target_embeddings, output, encoder,
    decoder, attention, or one layer, such as encoder.1; of the neural Turing machine controller, heads, readout."""
    pieces: int = Field(0, ge=0, le=1 << 20)
    """So many pieces that the new text asks for are appended to the vocabulary (to each of two)."""
    words: ConfigPath | None = None
    """Instead: a text file of words, each of which shall become one piece."""

    def conflicts(self) -> Iterator[Conflict]:
        if self.pieces and self.words:
            yield Conflict(("pieces", "words"), "pieces are found in the text, words are a list: give one of them")
        frozen = [name for name in self.freeze if name in EMBEDDINGS]
        if frozen and (self.pieces or self.words):
            message = f"freeze: {frozen[0]} would keep the rows of appended pieces as they begin: nothing learns them"
            yield Conflict(("freeze", "pieces", "words"), message)
