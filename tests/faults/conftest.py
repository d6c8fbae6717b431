"""A count of what a test survived."""

import collections

import pytest


@pytest.fixture
def survived(request):
    """A counter, by kind of fault, of those after which everything was as it should be, if the test passes."""
    counter = collections.Counter()
    yield counter
    request.node.user_properties.append(("survived", dict(counter)))
