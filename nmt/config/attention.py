"""The kinds of attention that a model can have, each in a line, and which of them refuse each other.

Only the lines are written here. What settings, values and defaults there are, and what is refused with which reason, is
asked of the sections themselves.
"""

from collections.abc import Iterator
from itertools import product
from typing import Any, Literal, NamedTuple, get_args, get_origin

from nmt.config.model import ModelConfig
from nmt.config.section import Section

_REACHES = {
    "full": "all positions (Vaswani 2017)",
    "local": "a window (Beltagy 2020)",
    "linear": "all positions, products of features for weights, of which running sums suffice (Katharopoulos 2020)",
}
LINES = {
    "score": {
        "additive": "v . tanh(W q + U k) (Bahdanau 2015)",
        "dot": "W q . U k (Luong 2015, who has no W and U)",
        "scaled_dot": "the same over the root of its width (Vaswani 2017)",
        "general": "q . W k (Luong 2015)",
    },
    "weighting": {
        "softmax": "exp(e) / sum exp(e): some weight for everything",
        "sparsemax": "the probabilities nearest to e: 0 for whatever is 1 below the best (Martins & Astudillo 2016)",
        "entmax15": "between the two (Peters, Niculae & Martins 2019)",
        "sigmoid": "each position for itself: weights need not sum to one (Ramapuram 2024)",
    },
    "scope": {
        "global": "all of the source (Bahdanau 2015)",
        "local_monotonic": "a window that goes with the target's position (Luong 2015)",
        "local_predictive": "a window at a predicted position, with a Gaussian in it (Luong 2015)",
        "hard": "one position: drawn in training, the likeliest in translation (Xu 2015)",
    },
    "encoder_attention": _REACHES,
    "decoder_attention": {
        **_REACHES,
        "average": "the mean of the past instead of attention to it (Zhang 2018)",
        "ssru": "a recurrent unit instead of attention (Kim 2019)",
    },
    "positions": {
        "none": "no word order but that of what may be seen",
        "sinusoidal": "waves added to the embeddings (Vaswani 2017)",
        "learned": "a table added to the embeddings (Gehring 2017)",
        "rotary": "queries and keys turned by an angle a position (Su 2021)",
        "relative": "keys that know how far they are from the query (Shaw 2018)",
    },
}
OTHERS = (
    *("attention", "window", "entropy", "coverage", "input_feeding", "heads", "key_value_heads"),
    *("attention_dropout", "init"),
    *("slots", "slot_width", "read_heads", "write_heads", "reach"),
)
"""Switches and numbers, whose line is their own help text."""


class Setting(NamedTuple):
    """One of a model's settings."""

    name: str
    default: Any
    line: str
    values: dict[str, str]
    """A line for each value that it can have; empty for switches and numbers."""


class Refused(NamedTuple):
    """Values that a config may not have together."""

    values: dict[str, list]
    """Settings and, for each, those of its values of which none goes with any of the others'."""
    reason: str


class Kinds(NamedTuple):
    """All that one type of model can have."""

    type: str
    line: str
    settings: tuple[Setting, ...]
    refused: tuple[Refused, ...]


def kinds() -> list[Kinds]:
    """Of each type of model that attends."""
    found = []
    for section in get_args(get_args(ModelConfig)[0]):
        names = [name for name in section.model_fields if name in LINES or name in OTHERS]
        if names:
            settings = tuple(_setting(section, name) for name in names)
            found.append(Kinds(_type(section), section.__doc__ or "", settings, tuple(_refused(section, names))))
    return found


def choices(section: type[Section], names: list[str]) -> dict[str, tuple]:
    """The values of those settings that have a few; dropout is off, or on."""
    annotations = {name: section.model_fields[name].annotation for name in names}
    few = {name: get_args(each) for name, each in annotations.items() if get_origin(each) is Literal}
    few |= {name: (False, True) for name, each in annotations.items() if each is bool}
    return few | {name: (0.0, 0.1) for name in names if name == "attention_dropout"}


def _setting(section: type[Section], name: str) -> Setting:
    field = section.model_fields[name]
    values = {value: LINES[name][value] for value in get_args(field.annotation)} if name in LINES else {}
    return Setting(name, field.default, " ".join((field.description or "").split()), values)


def _refused(section: type[Section], names: list[str]) -> Iterator[Refused]:
    """What the section says of every combination, each reason once for the same settings."""
    found: dict[tuple[str, tuple[str, ...]], dict[str, list]] = {}
    few = choices(section, names)
    for values in product(*few.values()):
        chosen = dict(zip(few, values, strict=True))
        for settings, reason in section(type=_type(section), **chosen).conflicts():
            settings = tuple(name for name in settings if name in chosen)
            refused = found.setdefault((reason, settings), {name: [] for name in settings})
            for name, those in refused.items():
                if chosen[name] not in those:
                    those.append(chosen[name])
    return (Refused(values, reason) for (reason, _), values in found.items())


def _type(section: type[Section]) -> str:
    return get_args(section.model_fields["type"].annotation)[0]
