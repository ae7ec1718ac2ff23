"""What tests on real clusters share."""

import pytest

from tests.places import home, make_provider, need


@pytest.fixture(scope="module")
def provider():
    """kind's, in the data folder that this worker's tests share."""
    need("kind")
    with home("kind"):
        yield make_provider("kind")
