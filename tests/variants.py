"""Variants of every model, tiny: for `make test` so many that each pair of options of a model occurs together at least
once, and more of them, drawn, for `make soak`. What the config refuses is left out."""

import random
from functools import cache
from itertools import combinations

import pytest
import torch
from pydantic import TypeAdapter

from nmt.config import ModelConfig, Section
from nmt.models import build

VOCABULARY = 11

RECURRENT = {
    "cell": ["rnn", "gru", "lstm"],
    "encoder_layers": [1, 2],
    "decoder_layers": [1, 2],
    "bidirectional": [True, False],
    "tied_embeddings": ["none", "target", "all"],
}
OPTIONS = {
    "gru": RECURRENT,
    "attention_rnn": RECURRENT | {
        "score": ["additive", "dot", "scaled_dot", "general"],
        "weighting": ["softmax", "sparsemax", "entmax15", "sigmoid"],
        "scope": ["global", "local_monotonic", "local_predictive", "hard"],
        "coverage": [False, True],
        "input_feeding": [False, True],
    },
    "transformer": {
        "heads": [4, 2, 1],
        "key_value_heads": [None, 1, 2],
        "score": ["scaled_dot", "dot", "additive", "general"],
        "weighting": ["softmax", "sparsemax", "entmax15", "sigmoid"],
        "encoder_attention": ["full", "local", "linear"],
        "decoder_attention": ["full", "local", "linear", "average", "ssru"],
        "norm": ["pre", "post"],
        "init": ["xavier", "deep"],
        "positions": ["none", "sinusoidal", "learned", "rotary", "relative"],
        "activation": ["relu", "gelu", "swiglu"],
        "tied_embeddings": ["none", "target", "all"],
        "encoder_layers": [1, 2],
        "decoder_layers": [1, 2],
    },
    "ntm": {
        "cell": ["rnn", "gru", "lstm"],
        "read_heads": [1, 2],
        "write_heads": [1, 2],
        "reach": [0, 1, 2],
        "tied_embeddings": ["none", "target", "all"],
    },
}
SIZES = {
    "gru": {"embedding": 6, "hidden": 5},
    "attention_rnn": {"embedding": 6, "hidden": 5, "attention": 7, "window": 1},
    "transformer": {"width": 8, "feed_forward": 12, "window": 1},
    "ntm": {"embedding": 6, "hidden": 5, "slots": 7, "slot_width": 3},
}


CANDIDATES, DRAWN = 30, 100
Choice = tuple[str, object]
"""An option and one of its values."""


def config_of(variant: dict) -> Section:
    """The model section of a variant, unchecked for conflicts."""
    return TypeAdapter(ModelConfig).validate_python(SIZES[variant["type"]] | {"max_length": 20} | variant)


def pairs(variant: dict) -> set[frozenset[Choice]]:
    """The pairs of options that a variant shows together."""
    return set(map(frozenset, combinations(variant.items(), 2)))


def possible(kind: str, options: dict[str, list]) -> set[frozenset[Choice]]:
    """The pairs that the config does not refuse, while every other option has the first of its values, which goes
    with everything."""
    usual = {"type": kind} | {name: values[0] for name, values in options.items()}
    choices = [(name, value) for name, values in options.items() for value in values]
    different = (pair for pair in combinations(choices, 2) if pair[0][0] != pair[1][0])
    return {frozenset(pair) for pair in different if not list(config_of(usual | dict(pair)).conflicts())}


def complete(wanted: dict, options: dict[str, list], allowed: set[frozenset[Choice]], draw: random.Random) -> dict:
    """A variant with what is wanted, whose other options are drawn among those that go with the ones before."""
    variant = dict(wanted)
    for name in draw.sample(sorted(options.keys() - wanted.keys()), len(options) - len(wanted)):
        choices = [
            value for value in options[name]
            if all(frozenset(((name, value), other)) in allowed for other in variant.items())
        ]  # fmt: skip
        variant[name] = draw.choice(choices)
    return {name: variant[name] for name in options}


def pairwise(kind: str, options: dict[str, list], drawn: int = 0) -> list[dict]:
    """Greedily, of some variants with a pair that was not seen yet, the one that shows the most of such pairs, until
    every possible pair was seen; and so many others, drawn."""
    allowed = possible(kind, options)
    draw, missing, chosen = random.Random(1), set(allowed), []
    while missing:
        wanted = dict(min(missing, key=lambda pair: sorted(map(str, pair))))
        candidates = [complete(wanted, options, allowed, draw) for _ in range(CANDIDATES)]
        chosen.append(max(candidates, key=lambda variant: len(pairs(variant) & missing)))
        missing -= pairs(chosen[-1])
    return chosen + [complete({}, options, allowed, draw) for _ in range(drawn)]


@cache
def variants() -> list:
    """pytest parameters: the pairwise ones plain, others marked soak."""
    parameters = {}
    for kind, options in OPTIONS.items():
        needed = len(pairwise(kind, options))
        for number, variant in enumerate(pairwise(kind, options, DRAWN)):
            marks = [] if number < needed else [pytest.mark.soak]
            name = f"{kind}-" + "-".join(map(str, variant.values()))
            parameters.setdefault(name, pytest.param({"type": kind, **variant}, id=name, marks=marks))
    return list(parameters.values())


def few_variants() -> list:
    """As `variants`, with only every fourth of the pairwise ones plain: for laws that hardly depend on the options."""
    return [
        parameter if number % 4 == 0 or parameter.marks
        else pytest.param(*parameter.values, id=parameter.id, marks=pytest.mark.soak)
        for number, parameter in enumerate(variants())
    ]  # fmt: skip


def model_of(variant: dict, **settings):
    """A tiny float64 model in evaluation mode whose weights are all drawn, biases and norms included."""
    model = build(config_of(variant | settings), VOCABULARY, VOCABULARY).double().eval()
    torch.manual_seed(1)
    for weight in model.parameters():
        torch.nn.init.normal_(weight, std=0.4)
    return model
