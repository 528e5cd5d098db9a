"""Every variant of every model, tiny: all combinations for `make soak`, and for `make test` so many that each pair of
options of a model occurs together at least once."""

from itertools import combinations, product

import pytest
import torch
from pydantic import TypeAdapter

from nmt.config import ModelConfig
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
    "attention_rnn": RECURRENT | {"score": ["additive", "dot", "scaled_dot", "general"]},
    "transformer": {
        "heads": [1, 2],
        "norm": ["pre", "post"],
        "positions": ["sinusoidal", "learned", "rotary"],
        "activation": ["relu", "gelu", "swiglu"],
        "tied_embeddings": ["none", "target", "all"],
        "encoder_layers": [1, 2],
        "decoder_layers": [1, 2],
    },
}
SIZES = {
    "gru": {"embedding": 6, "hidden": 5},
    "attention_rnn": {"embedding": 6, "hidden": 5, "attention": 7},
    "transformer": {"width": 8, "feed_forward": 12},
}


def pairs(variant: dict) -> set:
    """The pairs of options that a variant shows together."""
    return set(combinations(sorted(variant.items()), 2))


def pairwise(options: dict[str, list]) -> list[dict]:
    """Greedily, the variant that shows the most new pairs, until every pair was seen."""
    everything = [dict(zip(options, values, strict=True)) for values in product(*options.values())]
    missing, chosen = set().union(*map(pairs, everything)), []
    while missing:
        best = max(everything, key=lambda variant: len(pairs(variant) & missing))
        missing -= pairs(best)
        chosen.append(best)
    return chosen


def variants() -> list:
    """pytest parameters: the pairwise ones plain, the others marked soak."""
    parameters = []
    for kind, options in OPTIONS.items():
        chosen = pairwise(options)
        for values in product(*options.values()):
            variant = dict(zip(options, values, strict=True))
            marks = [] if variant in chosen else [pytest.mark.soak]
            name = f"{kind}-" + "-".join(str(value) for value in values)
            parameters.append(pytest.param({"type": kind, **variant}, id=name, marks=marks))
    return parameters


def model_of(variant: dict, **settings):
    """A tiny float64 model in evaluation mode whose weights are all drawn, biases and norms included."""
    config = SIZES[variant["type"]] | {"max_length": 20} | variant | settings
    model = build(TypeAdapter(ModelConfig).validate_python(config), VOCABULARY, VOCABULARY).double().eval()
    torch.manual_seed(1)
    for weight in model.parameters():
        torch.nn.init.normal_(weight, std=0.4)
    return model
