"""Which epochs a schedule has."""

import pytest

from replication.configuration import tasks
from replication.errors import UserError


@pytest.mark.parametrize("keep, last, expected", [
    ([], 5, []),
    ([1], 4, [1, 2, 3, 4]),
    ([3], 10, [3, 6, 9]),
    ([20], 10, []),
    ([0], 10, [1, 2, 4, 8, 10]),
    ([0], 8, [1, 2, 4, 8]),
    ([0], 0, []),
    ([0, 5], 10, [1, 2, 4, 5, 8, 10]),
])
def test_epochs_of_schedules(keep, last, expected):
    assert tasks.scheduled_epochs(keep, last) == expected


@pytest.mark.parametrize("schedule, last, expected", [(0, 5, [0, 1, 2, 4, 5]), (3, 7, [0, 3, 6]), (0, 0, [0])])
def test_x_0_is_measured_by_every_schedule(schedule, last, expected):
    assert tasks.measured_epochs(schedule, last) == expected


@pytest.mark.parametrize("schedule", [-1, 1.5, True, "2"])
def test_a_schedule_is_a_whole_number(schedule):
    with pytest.raises(UserError, match="keep=.*whole number"):
        tasks.require_schedule("keep", schedule)
