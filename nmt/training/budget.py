"""Time for a training: how long one takes on this machine, and sizes that fit into a number of minutes."""

from collections.abc import Callable
from typing import NamedTuple

import torch

from nmt import runtime
from nmt.config import Config, SearchConfig
from nmt.data import sizes
from nmt.data.batching import Batch
from nmt.data.sizes import Sizes
from nmt.decoding.torch_engine import TorchEngine
from nmt.ids import BOS, EOS, UNK
from nmt.models import build
from nmt.training.learner import Learner
from nmt.training.ranks import Ranks

SAMPLE = 1024
"""Tokens of the batch that is computed; larger ones are extrapolated."""
SEARCHED = 4096, 40
"""Source tokens that are translated, and pieces of each translation; more of both are extrapolated."""
FORWARD = 1 / 3
"""Share of an update's time that its forward pass takes."""
RESERVE = 0.1
"""Share of the minutes for preparing the text and saving."""
FEWEST_PASSES = 3
"""Passes over the text for which a smaller model is better than fewer passes."""


class Text(NamedTuple):
    """Facts of a text on which the time depends, besides the config."""

    vocabulary: int
    pieces: float
    """Mean length of a sentence pair."""
    dev_pairs: int


class Pace(NamedTuple):
    """Seconds on an idle machine."""

    update: float
    evaluation: float

    def seconds(self, steps: int) -> float:
        """Duration of a whole training."""
        return steps * self.update + sizes.EVALUATIONS * self.evaluation

    def steps_within(self, seconds: float) -> int:
        """Updates for which there is time."""
        return max(0, int((seconds - sizes.EVALUATIONS * self.evaluation) / self.update))


class Plan(NamedTuple):
    """Sizes, and the seconds that the training takes."""

    sizes: Sizes
    seconds: float


def measure(config: Config, text: Text, device: torch.device) -> Pace:
    """Compute a few batches of random pieces with a model as the config describes it."""
    training, length = config.training, max(2, round(text.pieces))
    model = build(config.model, text.vocabulary, text.vocabulary)
    learner = Learner(model, training, device=device, ranks=Ranks(), slots=0)
    rows = max(1, min(training.batch_tokens, SAMPLE) // length)
    batch = _random(rows, length, text.vocabulary)

    def gradient() -> None:
        learner.add_gradient(batch)
        learner.optimizer.forget()

    def update() -> None:
        learner.update([batch], step=1, rate=0.0, interrupted=lambda: False)

    update()  # the first one is slower
    whole, part = runtime.time_idle(update, device), runtime.time_idle(gradient, device)
    token = part / (rows * length)
    step = max(0.0, whole - part) + token * training.batch_tokens * training.accumulate
    wanted = min(training.evaluate_sentences or text.dev_pairs, text.dev_pairs)
    count, pieces = max(1, min(wanted, SEARCHED[0] // length)), min(length, SEARCHED[1])
    sources = _random(count, length, text.vocabulary).src.tolist()
    greedy = SearchConfig(beam=1, max_length=pieces)
    engine = TorchEngine(learner.model)
    searching = runtime.time_idle(lambda: engine.search(sources, greedy, attention=None, details=False), device)
    searching *= wanted / count * length / pieces
    return Pace(step, searching + FORWARD * token * text.dev_pairs * length)


def _random(rows: int, length: int, vocabulary: int) -> Batch:
    pieces = torch.randint(UNK + 1, vocabulary, (rows, length - 1), generator=torch.Generator().manual_seed(1))
    end, begin = (torch.full((rows, 1), mark) for mark in (EOS, BOS))
    ended = torch.cat([pieces, end], 1)
    return Batch(ended, torch.cat([begin, pieces], 1), ended)


def plan(
    family: sizes.Family, wanted: Sizes, text: Text, *, draft: Callable[[Sizes], Config], device: torch.device,
    minutes: float | None = None,
) -> Plan:  # fmt: skip
    """The wanted sizes, or if they do not fit into the minutes fewer updates, or a smaller model.

    `draft` makes the config for sizes.
    """
    found = wanted
    while True:
        pace = measure(draft(found), text, device)
        steps = found.steps if minutes is None else pace.steps_within(60 * minutes * (1 - RESERVE))
        if steps >= found.steps:
            return Plan(found, pace.seconds(found.steps))
        shorter = sizes.shortened(found, steps)
        smaller = sizes.smaller(family, found)
        if smaller is None or (shorter.passes >= FEWEST_PASSES and steps >= sizes.FEWEST_UPDATES):
            return Plan(shorter, pace.seconds(shorter.steps))
        found = smaller
