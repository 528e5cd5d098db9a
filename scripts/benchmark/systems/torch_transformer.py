"""torch.nn.Transformer in a plain loop: what one writes by hand with torch's own parts."""

import math

import harness
import torch
import torch.nn.functional as F
import torch_loop
from torch import Tensor, nn

# B batch, S source, T target, D width, V vocabulary


class Plain(nn.Module):
    """Tied embeddings, sinusoidal positions, nn.Transformer."""

    def __init__(self, sizes: dict, vocabulary: int, longest: int):
        super().__init__()
        width, self.heads = sizes["width"], sizes["heads"]
        self.embedding = nn.Embedding(vocabulary, width, padding_idx=harness.PAD)
        nn.init.normal_(self.embedding.weight, std=width**-0.5)
        angle = torch.arange(longest)[:, None] * torch.exp(torch.arange(0, width, 2) * (-math.log(10_000) / width))
        self.register_buffer("positions", torch.stack([angle.sin(), angle.cos()], -1).flatten(1))
        self.dropout = nn.Dropout(sizes["dropout"])
        self.transformer = nn.Transformer(
            width, sizes["heads"], sizes["encoder_layers"], sizes["decoder_layers"], sizes["feed_forward"],
            sizes["dropout"], batch_first=True, norm_first=True,
        )  # fmt: skip

    def embed(self, ids: Tensor) -> Tensor:
        x = self.embedding(ids) * self.embedding.embedding_dim**0.5
        return self.dropout(x + self.positions[: ids.size(1)])

    def forward(self, src: Tensor, tgt_in: Tensor) -> Tensor:
        """[B, S], [B, T] -> logits [B, T, V]. Padding is on the right, so that the causal mask hides the target's."""
        padding = src == harness.PAD
        causal = torch.ones(tgt_in.size(1), tgt_in.size(1), dtype=torch.bool, device=src.device).triu(1)
        hidden = self.transformer(
            self.embed(src), self.embed(tgt_in), tgt_mask=causal, tgt_is_causal=True, src_key_padding_mask=padding,
            memory_key_padding_mask=padding,
        )  # fmt: skip
        return F.linear(hidden, self.embedding.weight)


def main() -> None:
    job = harness.read_job()
    model = Plain(job["model"], job["vocabulary"], job["longest"])
    criterion = nn.CrossEntropyLoss(ignore_index=harness.PAD, label_smoothing=job["label_smoothing"])

    def loss_of(src: Tensor, tgt_in: Tensor, tgt_out: Tensor) -> Tensor:
        return criterion(model(src, tgt_in).flatten(0, 1), tgt_out.flatten())

    torch_loop.measure(job, "torch", model, loss_of)


if __name__ == "__main__":
    main()
