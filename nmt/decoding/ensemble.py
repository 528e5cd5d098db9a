"""Several models that decide together on each piece of a translation, behind the contract of a single one.

    p(y_t | y_<t, x) = 1/M sum_m p_m(y_t | y_<t, x)        m of M models (Sutskever 2014)

The arithmetic mean, a mixture: it is a distribution as it stands, so that scores stay log-probabilities, and as the
logarithm is concave a text is never less probable than by the geometric mean of its members. One model that is sure is
heard, where a product of experts lets each of them veto.
"""

import math
from collections.abc import Sequence
from functools import reduce

import torch
from torch import Tensor, nn

from nmt.dtypes import at_least_float32
from nmt.ids import BOS, EOS
from nmt.models.base import Attention, Decoded, Seq2Seq, Step, Tree

# B batch, K hypotheses a sentence, S source, T target, D width, V vocabulary


class Ensemble(Seq2Seq):
    """Models of any type with the same vocabularies. Encoded and State are the tuples of theirs, and the hidden vectors
    stand side by side, so that the logits of all need not exist before `project`."""

    def __init__(self, members: Sequence[Seq2Seq]):
        super().__init__()
        self.members = nn.ModuleList(members)
        self.max_length = min(member.max_length for member in members)
        self.widths = [_width(member) for member in members]

    def encode(self, src: Tensor) -> Tree:
        """See Seq2Seq."""
        return tuple(member.encode(src) for member in self.members)

    def start(self, encoded: Tree, beams: int) -> Tree:
        """See Seq2Seq."""
        return tuple(member.start(own, beams) for member, own in zip(self.members, encoded, strict=True))

    def step(self, token: Tensor, encoded: Tree, state: Tree) -> Step:
        """See Seq2Seq."""
        each = zip(self.members, encoded, state, strict=True)
        steps = [member.step(token, own, before) for member, own, before in each]
        return Step(torch.cat([step.hidden for step in steps], -1), tuple(step.state for step in steps))

    def reorder(self, state: Tree, origin: Tensor) -> Tree:
        """See Seq2Seq."""
        return tuple(member.reorder(own, origin) for member, own in zip(self.members, state, strict=True))

    def forward(self, src: Tensor, tgt_in: Tensor) -> Decoded:
        """See Seq2Seq."""
        return Decoded(torch.cat([member(src, tgt_in).hidden for member in self.members], -1))

    def project(self, hidden: Tensor, vocabulary: Tensor | None = None) -> Tensor:
        """hidden [..., sum D] -> the logarithm of the mean of the members' probabilities [..., V], at least float32."""
        parts = zip(self.members, hidden.split(self.widths, -1), strict=True)
        logs = (_log_probabilities(member.project(part)) for member, part in parts)
        mean = reduce(torch.logaddexp, logs) - math.log(len(self.members))
        return mean if vocabulary is None else mean[..., vocabulary]

    def explain(self, src: Tensor, tgt_in: Tensor) -> Attention:
        """The attention to the source alone, as one layer with one head: the mean over the members of the mean of all
        heads. None where a member has none."""
        cross = [member.explain(src, tgt_in).cross for member in self.members]
        if any(maps is None for maps in cross):
            return Attention()
        return Attention(cross=torch.stack([maps.mean((1, 2)) for maps in cross]).mean(0)[:, None, None])


def _log_probabilities(logits: Tensor) -> Tensor:
    return logits.to(at_least_float32(logits.dtype)).log_softmax(-1)


@torch.inference_mode()
def _width(model: Seq2Seq) -> int:
    """D, which the contract does not tell: of one step."""
    begin = torch.tensor([[BOS]], device=next(model.parameters()).device)
    encoded = model.encode(torch.full_like(begin, EOS))
    return model.step(begin, encoded, model.start(encoded, 1)).hidden.size(-1)
