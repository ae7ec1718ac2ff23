"""What a kind node makes of the container runtime's answers."""

import pytest

from cka_lab.providers.kind.node import _moment


@pytest.mark.parametrize("fraction", ["", ".1", ".12345", ".123456", ".1234567", ".123456789"])
def test_a_time_has_as_many_digits_as_it_needs(fraction):
    assert _moment(f"1970-01-01T00:01:00{fraction}Z") == pytest.approx(60 + float(f"0{fraction}"), abs=1e-6)


def test_no_time_is_zero():
    assert _moment("0001-01-01T00:00:00Z") == _moment("") == _moment(None) == 0.0
