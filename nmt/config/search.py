"""Section `search`: how translations are found."""

from collections.abc import Collection, Iterator
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from nmt.config.section import Conflict, Section

# Far beyond any use, so that a slip of the keyboard, or somebody else's model, does not fill the memory: together they
# are at most 32,768 hypotheses in a step, whose logits over 32,000 pieces take 4 GB.
Beam = Annotated[int, Field(ge=1, le=1000)]
BatchTokens = Annotated[int, Field(ge=1, le=1 << 16)]

BEST_ALONE = {"n_best": 1, "mbr": "none", "sample": False, "temperature": 1.0, "top_k": None, "top_p": None,
              "replace_unknown": False}  # fmt: skip
"""A search for the best translation, whatever else a config says: none is drawn, and nothing else chooses."""


class SearchConfig(Section):
    """Beam search, or sampling when `sample` is set."""

    BELONGS: ClassVar = {
        "beam": {"sample": (False,)},
        "seed": {"sample": (True,)},
        "repetition_guard": {"sample": (False,)},
        "max_length_factor": {"max_length": (None,)},
        "max_length_extra": {"max_length": (None,)},
    }

    beam: Beam = 5
    """Hypotheses kept a sentence; 1 is greedy search."""
    length_penalty: float = Field(1.0, ge=0, le=10)
    """alpha in score = log p(y|x) / n^alpha, n the length with its end mark; 0 prefers short translations."""
    n_best: Beam = 1
    """Translations returned a sentence, at most `beam`."""
    min_length: int = Field(0, ge=0, le=1 << 16)
    """Fewest pieces of a translation, end mark not counted."""
    max_length: int | None = Field(None, ge=1, le=1 << 16)
    """Most pieces of a translation, end mark not counted; by default what the next two allow."""
    max_length_factor: float = Field(2.0, ge=0, le=1000)
    """Most pieces of a translation as a multiple of the source's pieces ..."""
    max_length_extra: int = Field(20, ge=1, le=1 << 16)
    """... plus this many."""
    no_repeat_ngram: int = Field(0, ge=0, le=1 << 16)
    """Length of the n-grams of pieces that occur at most once in a translation; 0 allows all repetition."""
    repetition_guard: bool = True
    """Search again, without repeated n-grams, if a translation repeats a phrase that its source does not repeat."""
    sample: bool = False
    """Draw translations from the model instead of searching for the best."""
    temperature: float = Field(1.0, gt=0)
    """Sampling: divides the logits."""
    top_k: int | None = Field(None, ge=1)
    """Sampling: only among the k likeliest pieces."""
    top_p: float | None = Field(None, gt=0, le=1)
    """Sampling: only among the likeliest pieces that together reach this probability."""
    seed: int = Field(1, ge=0, lt=2**63)
    """Sampling: the random seed. A line's samples do not depend on its neighbours' order."""
    mbr: Literal["none", "chrf", "bleu"] = "none"
    """Minimum Bayes risk: of the n_best hypotheses the one that is most like the others, by this measure."""
    split: Literal["auto", "always", "never"] = "auto"
    """Lines of several sentences. auto translates sentence by sentence if the training lines were single sentences, and
    otherwise splits only lines that are longer than nearly all of those; always splits after each sentence; never
    splits only what the model cannot take as a whole."""
    replace_unknown: bool = False
    """Replace unknown words by the source words that the model attends to; for a tokenizer without byte_fallback."""
    batch_tokens: BatchTokens = 8192
    """Source pieces a batch, padding and beams included."""

    def idle_of(self, given: Collection[str]) -> list[str]:
        """What has no effect, of those settings alone that were `given`."""
        return [line for line in self.idle() if line.partition(":")[0] in given]

    def conflicts(self) -> Iterator[Conflict]:
        if not self.sample and self.n_best > self.beam:
            message = f"n_best ({self.n_best}) must not be larger than beam ({self.beam})"
            yield Conflict(("n_best", "beam", "sample"), message)
        if self.mbr != "none" and self.n_best == 1:
            message = "mbr chooses among n_best hypotheses: raise n_best (to 100 with sample, or to the beam)"
            yield Conflict(("mbr", "n_best"), message)
        if self.max_length is not None and self.min_length > self.max_length:
            message = f"min_length ({self.min_length}) must not be larger than max_length ({self.max_length})"
            yield Conflict(("min_length", "max_length"), message)
        if not self.sample and (self.temperature != 1 or self.top_k or self.top_p):
            message = "temperature, top_k and top_p belong to sampling: set sample"
            yield Conflict(("temperature", "top_k", "top_p", "sample"), message)
