"""Smoothing of series. Pure functions over numpy arrays; computed over all points, before any reduction."""

from __future__ import annotations

import numpy as np

from trialog.server.columns import Float64

_BLOCK = 64


def ema(values: Float64, weight: float) -> Float64:
    """
    Return the debiased exponential moving average that TensorBoard shows.

    ``last = weight * last + (1 - weight) * value`` and ``out = last / (1 - weight ** k)``, where k counts the
    finite values so far. A value that is not finite is passed over: it changes nothing and yields NaN.

    ``weight`` lies in [0, 1).
    """
    smooth = np.full(len(values), np.nan)
    finite = np.isfinite(values)
    kept = values[finite]
    if not len(kept):
        return smooth
    if weight == 0.0:
        smooth[finite] = kept
        return smooth
    counts = np.arange(1, len(kept) + 1, dtype=np.float64)
    smooth[finite] = _decayed_sums(kept * (1.0 - weight), weight) / -np.expm1(counts * np.log(weight))
    return smooth


def _decayed_sums(values: Float64, weight: float) -> Float64:
    """
    Return ``s[i] = weight * s[i-1] + values[i]``.

    In blocks: inside a block the recurrence is one product with a triangular matrix of powers of the weight,
    and only the carry from block to block is a loop.
    """
    count = -(-len(values) // _BLOCK)
    blocks = np.zeros((count, _BLOCK))
    blocks.reshape(-1)[: len(values)] = values
    place = np.arange(_BLOCK)
    distance = place[:, None] - place[None, :]
    powers = np.where(distance >= 0, weight ** np.maximum(distance, 0), 0.0)
    inside = blocks @ powers.T
    carried = np.empty(count)
    decay, carry = weight**_BLOCK, 0.0
    for i, last in enumerate(inside[:, -1].tolist()):
        carried[i] = carry
        carry = decay * carry + last
    inside += carried[:, None] * weight ** (place + 1.0)
    sums: Float64 = inside.reshape(-1)[: len(values)]
    return sums
