"""What the study compares: in each table the variants differ from a base config in the named settings alone."""

from typing import NamedTuple


class Variant(NamedTuple):
    """One model of the study, trained once a seed."""

    config: str
    """Name of the base config in configs/attention."""
    name: str
    settings: tuple[str, ...] = ()
    """What it changes in the base config, as on the command line of `nmt train`."""

    def arguments(self, seed: int) -> list[str]:
        """The rest of `nmt train`."""
        return ["--config", f"configs/attention/{self.config}.yaml", f"run={self.run(seed)}",
                f"training.seed={seed}", *self.settings]  # fmt: skip

    def run(self, seed: int) -> str:
        """The run folder."""
        return f"runs/attention/{self.config}/{self.name}/{seed}"


class Table(NamedTuple):
    """Variants side by side; the first is the one that the others are compared with."""

    title: str
    variants: tuple[Variant, ...]


def _rnn(name: str, *settings: str) -> Variant:
    return Variant("attention_rnn", name, tuple(f"model.{setting}" for setting in settings))


def _transformer(name: str, *settings: str) -> Variant:
    return Variant("transformer", name, tuple(f"model.{setting}" for setting in settings))


RNN, TRANSFORMER = _rnn("baseline"), _transformer("baseline")

TABLES = (
    Table("Attention or none", (RNN, Variant("gru", "baseline"), TRANSFORMER)),
    Table(
        "Attention RNN: scores",
        (RNN, _rnn("dot", "score=dot"), _rnn("scaled_dot", "score=scaled_dot"), _rnn("general", "score=general")),
    ),
    Table(
        "Attention RNN: weightings of the additive score",
        (RNN, *(_rnn(name, f"weighting={name}") for name in ("sparsemax", "entmax15", "sigmoid"))),
    ),
    Table(
        "Attention RNN: weightings of the general score",
        (
            _rnn("general", "score=general"),
            *(_rnn(f"general_{name}", "score=general", f"weighting={name}")
              for name in ("sparsemax", "entmax15", "sigmoid")),
        ),
    ),
    Table(
        "Attention RNN: scopes",
        (RNN, *(_rnn(name, f"scope={name}") for name in ("local_monotonic", "local_predictive", "hard"))),
    ),
    Table(
        "Attention RNN: coverage and input feeding",
        (
            RNN, _rnn("coverage", "coverage=true"), _rnn("input_feeding", "input_feeding=true"),
            _rnn("both", "coverage=true", "input_feeding=true"),
        ),
    ),
    Table("Attention RNN: cells", (RNN, _rnn("rnn", "cell=rnn"), _rnn("lstm", "cell=lstm"))),
    Table("Transformer: heads", (TRANSFORMER, *(_transformer(f"heads_{n}", f"heads={n}") for n in (1, 2, 8)))),
    Table(
        "Transformer: positions",
        (TRANSFORMER, *(_transformer(f"positions_{name}", f"positions={name}")
                        for name in ("none", "learned", "rotary", "relative"))),
    ),
    Table(
        "Transformer: scores and weightings",
        (
            TRANSFORMER,
            *(_transformer(name, f"score={name}") for name in ("dot", "additive", "general")),
            *(_transformer(name, f"weighting={name}") for name in ("sparsemax", "entmax15", "sigmoid")),
        ),
    ),
    Table(
        "Transformer: efficient variants",
        (
            TRANSFORMER,
            _transformer("multi_query", "key_value_heads=1"),
            _transformer("encoder_local", "encoder_attention=local", "window=4"),
            _transformer("encoder_linear", "encoder_attention=linear"),
            *(_transformer(f"decoder_{name}", f"decoder_attention={name}", *more)
              for name, *more in (("local", "window=4"), ("linear",), ("average",), ("ssru",))),
        ),
    ),
)  # fmt: skip


def variants() -> list[Variant]:
    """Every variant once, in the order of the tables."""
    return list(dict.fromkeys(variant for table in TABLES for variant in table.variants))
