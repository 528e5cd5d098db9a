"""What a model is worth on the development text: its loss, and the scores of what it really translates."""

import math
from collections import Counter
from collections.abc import Sequence
from typing import Any, NamedTuple

import torch

from nmt.config import Config, SearchConfig
from nmt.config.search import BEST_ALONE
from nmt.data.batching import batches
from nmt.data.masking import masker_of
from nmt.data.prepare import Pairs, Prepared
from nmt.decoding.splitting import Splitting
from nmt.decoding.target_order import in_order
from nmt.decoding.torch_engine import TorchEngine
from nmt.decoding.translator import Translator
from nmt.evaluation import metrics, tokenizers
from nmt.evaluation.metrics import Score
from nmt.models.base import Seq2Seq
from nmt.training import loss


class Scores(NamedTuple):
    """On the development text."""

    loss: float
    """Negative log-likelihood a target token in nats, over all pairs."""
    bleu: Score
    chrf: Score
    alike: float
    """Share of the most frequent translation."""

    @property
    def perplexity(self) -> float:
        """exp(loss)"""
        return perplexity(self.loss)

    def to_json(self) -> dict[str, Any]:
        """As plain values, with signatures."""
        named = {name: {"value": score.value, "signature": score.signature} for name, score in
                 {"bleu": self.bleu, "chrf": self.chrf}.items()}  # fmt: skip
        return {"loss": self.loss, "perplexity": self.perplexity, **named}

    def measured(self, measure: str) -> float:
        """The number by which checkpoints are compared."""
        return self.loss if measure == "loss" else getattr(self, measure).value


def perplexity(nats: float) -> float:
    """exp(nats), infinite where that is too large for a float."""
    return math.exp(nats) if nats < 700 else math.inf


def is_better(value: float, best: float | None, measure: str) -> bool:
    """Whether `value` is the best so far; what is not a number never is."""
    if math.isnan(value):
        return False
    return best is None or (value < best if measure == "loss" else value > best)


def validate(model: Seq2Seq, prepared: Prepared, config: Config, *, device: torch.device) -> Scores:
    """Score a model in evaluation mode. Changes nothing, so it may be interrupted anywhere."""
    nats, tokens = torch.zeros((), device=device), 0
    for batch in batches(prepared.dev, batch_tokens=config.training.batch_tokens):
        nats += loss.negative_log_likelihood(model, batch, device=device)
        tokens += loss.count(batch)
    text = prepared.dev_text.some(config.training.evaluate_sentences)
    return Scores(nats.item() / tokens, *score(model, prepared, text, config))


def score(model: Seq2Seq, prepared: Prepared, text: Pairs, config: Config) -> tuple[Score, Score, float]:
    """BLEU and chrF of the model's translations of a text, and the share of the most frequent one."""
    data, tag = config.data, config.data.dev.tag
    splitting = Splitting(data.source_language, data.target_language, prepared.report.sources)
    engine = in_order(TorchEngine(model), config.data.target_order)
    how = {"splitting": splitting, "masker": masker_of(config.tokenizer), "tag": tag}
    translator = Translator(engine, prepared.tokenizers, search_for(config), **how)
    hypotheses = translator.translate(text.source)
    tokenize = tokenizer(config, text).tokenize
    bleu = metrics.bleu(hypotheses, text.target, tokenize=tokenize)
    return bleu, metrics.chrf(hypotheses, text.target), alike(hypotheses, text.target)


def alike(hypotheses: Sequence[str], references: Sequence[str]) -> float:
    """The share of the most frequent translation, as far as it exceeds its share of the references."""
    ((text, count),) = Counter(hypotheses).most_common(1)
    usual = sum(reference == text for reference in references)
    return max(0.0, (count - usual) / len(hypotheses)) if len(hypotheses) > 1 else 0.0


def tokenizer(config: Config, text: Pairs) -> tokenizers.Choice:
    """BLEU's tokenizer for the development text, the same that `nmt eval` takes."""
    return tokenizers.choose(config.data.target_language, [text.target])


def search_for(config: Config) -> SearchConfig:
    """The config's search with the beam of evaluations in training: the best translation, nothing drawn."""
    how = {**BEST_ALONE, "beam": config.training.evaluate_beam, "repetition_guard": False}
    return config.search.model_copy(update=how)
