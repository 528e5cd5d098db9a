"""The whole config of a run, and the checks that concern several sections at once."""

from collections.abc import Iterator

from nmt.config.data import DataConfig
from nmt.config.export import Export, obstacle
from nmt.config.finetune import FinetuneConfig
from nmt.config.model import ModelConfig
from nmt.config.paths import ConfigPath
from nmt.config.search import SearchConfig
from nmt.config.section import Conflict, Section
from nmt.config.tokenizer import TokenizerConfig
from nmt.config.training import TrainingConfig


def vocabulary_conflicts(section: Section) -> Iterator[Conflict]:
    """Of its sections `model` and `tokenizer`; one that is faulty elsewhere may lack them."""
    model, tokenizer = getattr(section, "model", None), getattr(section, "tokenizer", TokenizerConfig())
    if model and model.tied_embeddings == "all" and not tokenizer.shared:
        yield Conflict(
            ("model.tied_embeddings", "tokenizer.shared"),
            'model.tied_embeddings: "all" needs one vocabulary: set tokenizer.shared, or tie "target"',
        )
    if tokenizer.sampling and tokenizer.kind == "char":
        yield Conflict(
            ("tokenizer.sampling", "tokenizer.kind"),
            "tokenizer.sampling: characters cannot be segmented in more than one way; set it to 0",
        )
    symbols = len(tokenizer.symbols) + len(tokenizer.span_symbols)
    taken = 4 + tokenizer.spare + symbols + (256 if tokenizer.byte_fallback else 0)
    if tokenizer.vocabulary < taken + 4:
        yield Conflict(
            ("tokenizer.byte_fallback", "tokenizer.protect", "tokenizer.spare", "tokenizer.symbols",
             "tokenizer.vocabulary"),
            "tokenizer.vocabulary: byte_fallback, spare, symbols, protected spans and the special ids alone take "
            f"{taken}; raise it",
        )


def _tag_conflicts(data: DataConfig, tokenizer: TokenizerConfig, *, finetunes: bool) -> Iterator[Conflict]:
    if len(data.tags) > tokenizer.spare:
        way = "the model that is finetuned was trained with no more: leave tags out" if finetunes else "raise it"
        yield Conflict(
            ("data.train", "tokenizer.spare"),
            f"tokenizer.spare: {tokenizer.spare}, but data.train has {len(data.tags)} tags; {way}",
        )
    if data.both_ways and not tokenizer.shared:
        yield Conflict(
            ("data.train", "tokenizer.shared"),
            "tokenizer.shared: a text is used in both directions, which needs one vocabulary; set it",
        )


def _consistency_conflicts(model: ModelConfig, training: TrainingConfig) -> Iterator[Conflict]:
    """What a model cannot learn from two passes."""
    noise = [name for name in type(model).model_fields if name.endswith("dropout") or name == "stochastic_depth"]
    if training.r_drop and not training.cutoff and not any(getattr(model, name) for name in noise):
        yield Conflict(
            ("training.r_drop", "training.cutoff", *(f"model.{name}" for name in noise)),
            "training.r_drop: without any dropout two passes are the same; set model.dropout, or r_drop to 0",
        )
    for name in ("r_drop", "simcut"):
        if getattr(training, name) and getattr(model, "scope", None) == "hard":
            yield Conflict(
                (f"training.{name}", "model.scope"),
                f"training.{name}: hard attention looks elsewhere in each pass, and to hold the passes together would "
                "teach it to be sure before it knows; take another model.scope",
            )


class Config(Section):
    """One training run."""

    run: ConfigPath
    """The run folder: log, checkpoints and the finished model. Made by `nmt train`."""
    data: DataConfig
    """The corpus."""
    tokenizer: TokenizerConfig = TokenizerConfig()
    """Text <-> ids."""
    model: ModelConfig
    """The model; its `type` is gru, attention_rnn, transformer or ntm."""
    training: TrainingConfig = TrainingConfig()
    """The training loop."""
    search: SearchConfig = SearchConfig()
    """How translations are found, unless the command line says otherwise."""
    finetune: FinetuneConfig | None = None
    """The finished model that this run goes on from; without it the weights begin at random (see `nmt finetune`)."""
    export: Export | None = None
    """Engine that the finished model shall run on too (see `nmt export`); what that cannot run is not even trained."""

    def conflicts(self) -> Iterator[Conflict]:
        yield from vocabulary_conflicts(self)
        data, model = getattr(self, "data", None), getattr(self, "model", None)  # a faulty one may lack them
        if hasattr(data, "train"):
            yield from _tag_conflicts(data, self.tokenizer, finetunes=self.finetune is not None)
        if self.export and model and (why := obstacle(model)):
            yield Conflict(("export", "model.type"), f"export: {why}")
        if model:
            yield from _consistency_conflicts(model, self.training)
