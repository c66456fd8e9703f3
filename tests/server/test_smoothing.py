from __future__ import annotations

import math
import random

import numpy as np
import pytest

from trialog.server.smoothing import ema


def by_definition(values: list[float], weight: float) -> list[float]:
    """The debiased moving average, written down as it is defined."""
    last, count, out = 0.0, 0, []
    for value in values:
        if not math.isfinite(value):
            out.append(math.nan)
            continue
        last = weight * last + (1 - weight) * value
        count += 1
        out.append(last / (1 - weight**count))
    return out


@pytest.mark.parametrize("weight", [0.0, 0.3, 0.6, 0.9, 0.99, 0.999])
@pytest.mark.parametrize("n", [0, 1, 63, 64, 65, 1000, 10_000])
def test_ema_is_the_definition_on_random_data_with_gaps(weight: float, n: int) -> None:
    source = random.Random(n)
    values = [
        source.choice((math.nan, math.inf, -math.inf)) if source.random() < 0.1 else source.gauss(5, 100)
        for _ in range(n)
    ]
    np.testing.assert_allclose(ema(np.array(values), weight), by_definition(values, weight), rtol=1e-9, atol=1e-9)


def test_a_constant_series_stays_constant() -> None:
    np.testing.assert_allclose(ema(np.full(5000, 0.1), 0.97), 0.1, rtol=1e-12)


def test_nothing_finite_gives_nothing() -> None:
    assert np.isnan(ema(np.array([math.nan, math.inf]), 0.5)).all()
