"""Recurrent layers: rnn (Elman 1990), lstm (Hochreiter 1997) and gru (Cho 2014) behind one state shape.

A layer's state is one tensor [B, S]: the output h, and for the lstm its memory cell c beside it (S = D or 2D).
"""

import torch
from torch import Tensor, nn

from nmt.layers.dropout import Dropout
from nmt.layers.loop import LoopLinear

# B batch, T time, D width of h, S width of the state, G width of the gates

KINDS = {"rnn": nn.RNN, "gru": nn.GRU, "lstm": nn.LSTM}
GATES = {"rnn": 1, "gru": 3, "lstm": 4}


def state_width(cell: str, width: int) -> int:
    """S: the lstm's state is h and c side by side."""
    return 2 * width if cell == "lstm" else width


class RecurrentLayer(nn.Module):
    """h_t = cell(x_t, h_{t-1}) over a whole sequence that is known beforehand, through torch's fused kernels."""

    def __init__(self, cell: str, inputs: int, width: int):
        super().__init__()
        self.cell, self.width = cell, width
        self.kernel = KINDS[cell](inputs, width, batch_first=True)

    def forward(self, x: Tensor, state: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Inputs [B, T, I] and the state before them [B, S] (zeros by default) -> h [B, T, D], last state [B, S]."""
        if state is None:
            state = x.new_zeros(x.size(0), state_width(self.cell, self.width))
        parts = tuple(part.contiguous() for part in state[None].split(self.width, -1))
        h, last = self.kernel(x, parts if self.cell == "lstm" else parts[0])
        return h, torch.cat(last, -1)[0] if self.cell == "lstm" else last[0]


class Cell(nn.Module):
    """One step, for inputs that depend on the state before. `gates` is the inputs' share, linear and so additive:

    - rnn:  h' = tanh(W x + U h)
    - gru:  r, z = sigmoid(W x + U h);  n = tanh(W_n x + r * (U_n h));  h' = (1 - z) * n + z * h
    - lstm: i, f, o = sigmoid(W x + U h);  g = tanh(W_g x + U_g h);  c' = f * c + i * g;  h' = o * tanh(c')

    The gates stand in torch's order: r, z, n and i, f, g, o.
    """

    def __init__(self, cell: str, width: int):
        super().__init__()
        self.cell, self.width = cell, width
        self.hidden = LoopLinear(width, GATES[cell] * width)

    def output(self, state: Tensor) -> Tensor:
        """h of a state: [B, S] -> [B, D]."""
        return state[..., : self.width]

    def forward(self, gates: Tensor, state: Tensor) -> Tensor:
        """W x + b [B, G] and the state [B, S] -> the next state [B, S]."""
        from_state = self.hidden(self.output(state))
        match self.cell:
            case "rnn":
                return (gates + from_state).tanh()
            case "gru":
                both = 2 * self.width
                reset, update = (gates[:, :both] + from_state[:, :both]).sigmoid().chunk(2, -1)
                new = torch.addcmul(gates[:, both:], reset, from_state[:, both:]).tanh()
                return torch.lerp(new, state, update)
            case "lstm":
                write, forget, new, show = (gates + from_state).chunk(4, -1)
                memory = forget.sigmoid() * state[:, self.width :] + write.sigmoid() * new.tanh()
                return torch.cat([show.sigmoid() * memory.tanh(), memory], -1)
        raise AssertionError(self.cell)


def reverse(x: Tensor, mask: Tensor) -> Tensor:
    """Each row back to front, its padding left in place on the right: [B, T, D], mask [B, T] -> [B, T, D]."""
    time = torch.arange(x.size(1), device=x.device)
    length = mask.sum(1, keepdim=True)
    source = torch.where(mask, length - 1 - time, time)
    return x.gather(1, source[:, :, None].expand_as(x))


class RecurrentEncoder(nn.Module):
    """Layers over the source; a bidirectional one is two that read in opposite directions (Schuster 1997).

    The backward direction reads each row reversed within its own length, so that no padding enters a state and no
    length has to be known on the host.
    """

    def __init__(self, cell: str, inputs: int, width: int, layers: int, bidirectional: bool, dropout: float):
        super().__init__()
        self.width = 2 * width if bidirectional else width
        sizes = [inputs] + [self.width] * (layers - 1)
        self.forwards = nn.ModuleList(RecurrentLayer(cell, size, width) for size in sizes)
        self.backwards = nn.ModuleList(RecurrentLayer(cell, size, width) for size in sizes if bidirectional)
        self.dropout = Dropout(dropout)

    def layers(self) -> list[tuple[RecurrentLayer, ...]]:
        """Both directions of each."""
        return list(zip(self.forwards, self.backwards, strict=True) if self.backwards else zip(self.forwards))

    def forward(self, x: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """[B, S, I], mask [B, S] -> annotations h [B, S, D] and a summary [B, D]: each direction's last h."""
        for index, layer in enumerate(self.forwards):
            x = self.dropout(x)
            ahead, _ = layer(x)
            if not self.backwards:
                x = ahead
                continue
            back, _ = self.backwards[index](reverse(x, mask))
            x = torch.cat([ahead, reverse(back, mask)], -1)
        last = (mask.sum(1) - 1)[:, None, None].expand(-1, 1, x.size(2))
        width = self.forwards[0].width
        return x, torch.cat([x.gather(1, last)[:, 0, :width], x[:, 0, width:]], -1)
