"""The whole config of a run, and the checks that concern several sections at once."""

from pydantic import model_validator

from nmt.config.data import DataConfig
from nmt.config.model import ModelConfig
from nmt.config.paths import ConfigPath
from nmt.config.search import SearchConfig
from nmt.config.section import Section, refuse
from nmt.config.tokenizer import TokenizerConfig
from nmt.config.training import TrainingConfig


class Config(Section):
    """One training run."""

    run: ConfigPath
    """The run folder: log, checkpoints and the finished model. Made by `nmt train`."""
    data: DataConfig
    """The corpus."""
    tokenizer: TokenizerConfig = TokenizerConfig()
    """Text <-> ids."""
    model: ModelConfig
    """The model; its `type` is gru, attention_rnn or transformer."""
    training: TrainingConfig = TrainingConfig()
    """The training loop."""
    search: SearchConfig = SearchConfig()
    """How translations are found, unless the command line says otherwise."""

    @model_validator(mode="after")
    def _fits(self):
        faults = []
        if self.model.tied_embeddings == "all" and not self.tokenizer.shared:
            faults.append('model.tied_embeddings: "all" needs one vocabulary: set tokenizer.shared, or tie "target"')
        if self.tokenizer.sampling and self.tokenizer.kind == "char":
            faults.append("tokenizer.sampling: characters cannot be segmented in more than one way; set it to 0")
        if self.tokenizer.byte_fallback and self.tokenizer.vocabulary < 264:
            faults.append("tokenizer.vocabulary: byte_fallback alone takes 260; raise it or switch that off")
        if self.search.sample and self.training.measure != "loss":
            faults.append("training.measure: a best checkpoint cannot be chosen by samples; unset search.sample")
        refuse(faults)
        return self
