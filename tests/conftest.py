"""What all tests share."""

from tests.places import end_of_run


def pytest_sessionfinish() -> None:
    """Also after failures: the clusters that tests on kind handed on go."""
    end_of_run()
