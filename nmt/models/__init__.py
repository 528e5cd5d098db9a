"""The four models, told apart by their config."""

from nmt.config.model import AttentionRNNConfig, GRUConfig, ModelConfig, NTMConfig, TransformerConfig
from nmt.models.base import Seq2Seq


def build(config: ModelConfig, source_size: int, target_size: int) -> Seq2Seq:
    """A model with fresh weights for vocabularies of the two sizes. The only place that names every model."""
    match config:
        case GRUConfig():
            from nmt.models.gru import GRU

            return GRU(config, source_size, target_size)
        case AttentionRNNConfig():
            from nmt.models.attention_rnn import AttentionRNN

            return AttentionRNN(config, source_size, target_size)
        case TransformerConfig():
            from nmt.models.transformer import Transformer

            return Transformer(config, source_size, target_size)
        case NTMConfig():
            from nmt.models.ntm import NTM

            return NTM(config, source_size, target_size)
    raise AssertionError(config)
