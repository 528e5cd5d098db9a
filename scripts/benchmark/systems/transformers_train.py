"""Hugging Face transformers: MarianMT with its own label smoothing, in the plain loop (its Trainer only adds to it)."""

import harness
import torch_loop
from torch import Tensor
from transformers import MarianConfig, MarianMTModel
from transformers.trainer_pt_utils import LabelSmoother


def main() -> None:
    job = harness.read_job()
    sizes = job["model"]
    model = MarianMTModel(MarianConfig(
        vocab_size=job["vocabulary"], d_model=sizes["width"], max_position_embeddings=job["longest"],
        encoder_layers=sizes["encoder_layers"], encoder_attention_heads=sizes["heads"],
        encoder_ffn_dim=sizes["feed_forward"], decoder_layers=sizes["decoder_layers"],
        decoder_attention_heads=sizes["heads"], decoder_ffn_dim=sizes["feed_forward"], activation_function="relu",
        dropout=sizes["dropout"], attention_dropout=sizes["attention_dropout"],
        activation_dropout=sizes["feed_forward_dropout"], init_std=sizes["width"] ** -0.5, scale_embedding=True,
        pad_token_id=harness.PAD, eos_token_id=harness.EOS, decoder_start_token_id=harness.BOS,
        forced_eos_token_id=None, use_cache=False,
    ))  # fmt: skip
    smooth = LabelSmoother(epsilon=job["label_smoothing"], ignore_index=harness.PAD)

    def loss_of(src: Tensor, tgt_in: Tensor, tgt_out: Tensor) -> Tensor:
        mask = (src != harness.PAD).long()
        return smooth(model(input_ids=src, attention_mask=mask, decoder_input_ids=tgt_in), tgt_out)

    torch_loop.measure(job, "transformers", model, loss_of)


if __name__ == "__main__":
    main()
