"""Attention rollout (Abnar and Zuidema 2020): where the information at a position came from, through all layers.

    A_l = norm(1/2 W_l + 1/2 I),   R_l = A_l R_{l-1},   R_0 = I                          (eq. 1)

W_l is the mean of a layer's heads; I stands for the residual connection, which hands a position's own information on;
norm makes rows sum to one, also where the weights do not (sigmoid). From the second layer on a position holds something
of all others, so that the weights of one layer alone tell little about the tokens below.

For the translation the paper has no equation, but the same thought: a decoder layer mixes the target's positions and
then adds what is read from the source, of which each position holds R, the encoder's rollout,

    Y_l = A_l Y_{l-1},   then   Y_l = 1/2 Y_l + 1/2 norm(C_l) R,   Y_0 = 0

with the cross-attention C_l. What of Y is missing to one is the target's own share; rows are shown without it.
"""

import numpy as np

# N positions, S source, T target, H heads


def of(weights: np.ndarray) -> np.ndarray:
    """Self-attention [layer, H, N, N] -> rollout [N, N], rows that sum to one."""
    rolled = np.eye(weights.shape[-1])
    for layer in weights:
        rolled = _with_residual(layer) @ rolled
    return rolled


def cross(encoder: np.ndarray, decoder: np.ndarray, cross: np.ndarray) -> np.ndarray:
    """Attention of all three kinds, [layer, H, ...] each -> from each target position to the source [T, S]. Row t of
    the last two is that of one step."""
    source, rolled = of(encoder), np.zeros(cross.shape[-2:])
    for to_target, to_source in zip(decoder, cross, strict=True):
        rolled = 0.5 * _with_residual(to_target) @ rolled + 0.5 * _normalised(to_source.mean(0)) @ source
    return _normalised(rolled)


def _with_residual(layer: np.ndarray) -> np.ndarray:
    return _normalised(0.5 * layer.mean(0) + 0.5 * np.eye(layer.shape[-1]))


def _normalised(weights: np.ndarray) -> np.ndarray:
    """Rows that sum to one; one of zeros, which looks nowhere, stays."""
    total = weights.sum(-1, keepdims=True)
    return np.divide(weights, total, out=np.zeros_like(weights), where=total != 0)
