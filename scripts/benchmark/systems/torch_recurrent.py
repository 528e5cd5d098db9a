"""The two recurrent models in a plain torch loop: nn.GRU for what is known beforehand, nn.GRUCell where attention asks
anew at each step."""

import harness
import torch
import torch.nn.functional as F
import torch_loop
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

# B batch, S source, T target, E embedding, H hidden, V vocabulary


class Encoder(nn.Module):
    """A bidirectional GRU that reads no padding."""

    def __init__(self, sizes: dict, vocabulary: int):
        super().__init__()
        self.embedding = nn.Embedding(vocabulary, sizes["embedding"], padding_idx=harness.PAD)
        self.dropout = nn.Dropout(sizes["dropout"])
        self.gru = nn.GRU(sizes["embedding"], sizes["hidden"], bidirectional=True, batch_first=True)

    def forward(self, src: Tensor) -> tuple[Tensor, Tensor]:
        """[B, S] -> annotations [B, S, 2H], last states of both directions [B, 2H]."""
        lengths = (src != harness.PAD).sum(1).cpu()
        embedded = self.dropout(self.embedding(src))
        packed, last = self.gru(pack_padded_sequence(embedded, lengths, batch_first=True, enforce_sorted=False))
        annotations, _ = pad_packed_sequence(packed, batch_first=True, total_length=src.size(1))
        return annotations, torch.cat([last[0], last[1]], -1)


class Decoder(nn.Module):
    """What both decoders share: the target embedding, tied to the output, the first state and the readout."""

    def __init__(self, sizes: dict, vocabulary: int):
        super().__init__()
        embedding, hidden = sizes["embedding"], sizes["hidden"]
        self.embedding = nn.Embedding(vocabulary, embedding, padding_idx=harness.PAD)
        nn.init.normal_(self.embedding.weight, std=embedding**-0.5)
        self.dropout = nn.Dropout(sizes["dropout"])
        self.bridge = nn.Linear(2 * hidden, hidden)
        self.readout = nn.Linear(3 * hidden + embedding, embedding)

    def logits(self, states: Tensor, embedded: Tensor, contexts: Tensor) -> Tensor:
        """[B, T, H], [B, T, E], [B, T, 2H] -> [B, T, V]."""
        hidden = self.readout(torch.cat([self.dropout(states), embedded, contexts], -1)).tanh()
        return F.linear(self.dropout(hidden), self.embedding.weight)


class GRUDecoder(Decoder):
    """Sutskever 2014, Cho 2014: one context for all steps, so that nn.GRU takes them at once."""

    def __init__(self, sizes: dict, vocabulary: int):
        super().__init__(sizes, vocabulary)
        self.gru = nn.GRU(sizes["embedding"] + 2 * sizes["hidden"], sizes["hidden"], batch_first=True)

    def forward(self, annotations: Tensor, summary: Tensor, mask: Tensor, tgt_in: Tensor) -> Tensor:
        embedded = self.dropout(self.embedding(tgt_in))
        contexts = summary[:, None].expand(-1, tgt_in.size(1), -1)
        states, _ = self.gru(torch.cat([embedded, contexts], -1), self.bridge(summary).tanh()[None])
        return self.logits(states, embedded, contexts)


class AttentionDecoder(Decoder):
    """Bahdanau 2015: e_tj = v . tanh(W s_{t-1} + U h_j), s_t = GRU([E y_{t-1}; c_t], s_{t-1})."""

    def __init__(self, sizes: dict, vocabulary: int):
        super().__init__(sizes, vocabulary)
        hidden, width = sizes["hidden"], sizes["attention"]
        self.query, self.key = nn.Linear(hidden, width), nn.Linear(2 * hidden, width, bias=False)
        self.energy = nn.Linear(width, 1, bias=False)
        self.cell = nn.GRUCell(sizes["embedding"] + 2 * hidden, hidden)

    def forward(self, annotations: Tensor, summary: Tensor, mask: Tensor, tgt_in: Tensor) -> Tensor:
        embedded = self.dropout(self.embedding(tgt_in))
        annotations = self.dropout(annotations)
        keys, state = self.key(annotations), self.bridge(summary).tanh()
        states, contexts = [], []
        for token in embedded.unbind(1):
            energy = self.energy((self.query(state)[:, None] + keys).tanh()).squeeze(-1)
            weights = energy.masked_fill(~mask, -torch.inf).softmax(-1)
            context = (weights[:, None] @ annotations).squeeze(1)
            state = self.cell(torch.cat([token, context], -1), state)
            states.append(state)
            contexts.append(context)
        return self.logits(torch.stack(states, 1), embedded, torch.stack(contexts, 1))


def main() -> None:
    job = harness.read_job()
    kinds = {"gru": GRUDecoder, "attention_rnn": AttentionDecoder}
    encoder = Encoder(job["model"], job["vocabulary"])
    decoder = kinds[job["model"]["type"]](job["model"], job["vocabulary"])
    criterion = nn.CrossEntropyLoss(ignore_index=harness.PAD, label_smoothing=job["label_smoothing"])

    def loss_of(src: Tensor, tgt_in: Tensor, tgt_out: Tensor) -> Tensor:
        logits = decoder(*encoder(src), src != harness.PAD, tgt_in)
        return criterion(logits.flatten(0, 1), tgt_out.flatten())

    torch_loop.measure(job, "torch", nn.ModuleList([encoder, decoder]), loss_of)


if __name__ == "__main__":
    main()
