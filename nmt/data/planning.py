"""Which rows go into a batch together: a pure function of their lengths."""

import numpy as np


def plan(lengths: np.ndarray, *, batch_tokens: int) -> list[np.ndarray]:
    """The rows of `lengths` [N, 2] (pieces, end mark not counted), sorted by length and cut into batches.

    A batch has rows * (longest side + 1) <= batch_tokens; a pair that is longer than that is a batch of its own.
    Rows come by their longer side, and among equals by which side that is: upwards and downwards in turn, so that the
    shorter sides change little where one length meets the next.
    """
    longer = lengths.max(1)
    leaning = (lengths[:, 0] - lengths[:, 1]) * (1 - 2 * (longer % 2))
    order = np.lexsort((leaning, longer))  # stable: equals stay in the order in which they came
    batches, begin = [], 0
    for end, width in enumerate((longer[order] + 1).tolist()):  # ascending: the last pair is the widest
        if end > begin and (end + 1 - begin) * width > batch_tokens:
            batches.append(order[begin:end])
            begin = end
    return [*batches, order[begin:]] if len(order) else []
