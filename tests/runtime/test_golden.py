"""The golden trace is one policy's and its estimator's, on any processor."""

import io
from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("onnxruntime")

from wildrobot_cli.runtime.bundles.bundle import GOLDEN
from wildrobot_cli.runtime.bundles.policy import load
from wildrobot_cli.runtime.golden import TOLERANCE, read_golden
from wildrobot_cli.runtime.golden import replay as follow


def with_trace(bundle, trace):
    buffer = io.BytesIO()
    np.savez(buffer, **trace)
    return replace(bundle, files=bundle.files | {GOLDEN: buffer.getvalue()})


def test_a_heading_whose_last_bits_added_up_is_the_same_policys(bundle):
    """As where a product and a sum are rounded once, and it turns for long."""
    trace, policy = read_golden(bundle), load(bundle)
    drift = np.linspace(0.0, 5 * TOLERANCE, len(trace["command"]), dtype=np.float32)
    trace["heading_target"] = trace["heading_target"] + drift
    (place,) = (t.start for t in bundle.description.observation if t.name == "heading_error")
    trace["observation"][:, place] += drift * bundle.description.parts["heading_error"].scale
    trace["action"] = np.stack([policy(seen)[1] for seen in trace["observation"]])
    assert drift[-1] > TOLERANCE
    assert follow(with_trace(bundle, trace), policy).passed


@pytest.mark.parametrize(
    ("term", "change"),
    [
        (
            "phase",
            lambda d: {"clock": d.clock._replace(frequencies=(1.001 * d.clock.frequencies[0],))},
        ),
        ("heading_error", lambda d: {"heading_joint": None}),
    ],
)
def test_an_estimator_that_goes_on_in_another_way_is_found(bundle, term, change):
    other = replace(bundle, description=replace(bundle.description, **change(bundle.description)))
    result = follow(other, load(bundle))
    assert not result.passed
    assert result.places["observation"].startswith(term)
