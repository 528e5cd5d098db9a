"""Our cells against torch's, and the encoder against packed sequences."""

import pytest
import torch
from torch import nn

from nmt.layers.recurrent import KINDS, Cell, RecurrentEncoder, RecurrentLayer, reverse, state_width


@pytest.mark.parametrize("kind", ["rnn", "gru", "lstm"])
def test_a_cell_is_a_step_of_the_layer(kind):
    layer, cell, inputs = RecurrentLayer(kind, 4, 3).double(), Cell(kind, 3).double(), nn.Linear(4, 1).double()
    kernel = layer.kernel
    cell.hidden.weight.data, cell.hidden.bias.data = kernel.weight_hh_l0.data, kernel.bias_hh_l0.data
    inputs.weight.data, inputs.bias.data = kernel.weight_ih_l0.data, kernel.bias_ih_l0.data
    x, state = torch.randn(2, 5, 4).double(), torch.randn(2, state_width(kind, 3)).double()
    h, last = layer(x, state)
    for position in range(5):
        state = cell(inputs(x[:, position]), state)
        torch.testing.assert_close(cell.output(state), h[:, position])
    torch.testing.assert_close(state, last)


@pytest.mark.parametrize("kind", ["rnn", "gru", "lstm"])
@pytest.mark.parametrize("bidirectional", [True, False])
def test_encoder_is_torchs_on_packed_sequences(kind, bidirectional):
    encoder = RecurrentEncoder(kind, 4, 3, 2, bidirectional, 0.0).double().eval()
    oracle = KINDS[kind](4, 3, 2, batch_first=True, bidirectional=bidirectional).double()
    for index in range(2):
        for layers, suffix in ((encoder.forwards, ""), (encoder.backwards, "_reverse")):
            if layers:
                for name, weight in layers[index].kernel.named_parameters():
                    getattr(oracle, name.replace("l0", f"l{index}{suffix}")).data = weight.data
    x, lengths = torch.randn(3, 6, 4).double(), torch.tensor([6, 4, 1])
    packed = nn.utils.rnn.pack_padded_sequence(x, lengths, batch_first=True)
    output, last = oracle(packed)
    expected, _ = nn.utils.rnn.pad_packed_sequence(output, batch_first=True)
    last = last[0] if kind == "lstm" else last
    mask = torch.arange(6) < lengths[:, None]
    annotations, summary = encoder(x, mask)
    torch.testing.assert_close(annotations * mask[:, :, None], expected)
    top = last[-2:] if bidirectional else last[-1:]
    torch.testing.assert_close(summary, torch.cat(list(top), -1))


def test_reverse_turns_a_row_within_its_length():
    x = torch.arange(8.0).view(2, 4, 1)
    mask = torch.tensor([[True] * 4, [True, True, False, False]])
    assert reverse(x, mask).squeeze(-1).tolist() == [[3, 2, 1, 0], [5, 4, 6, 7]]
