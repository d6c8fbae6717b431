"""After which epochs of a run its iterates are kept and measured: a schedule is a whole number.

k >= 1 stands for every k-th epoch, k, 2k, ...; 0 for the powers of two, 1, 2, 4, ..., and the last epoch.
"""

from replication.errors import is_whole, require


def require_schedule(name, schedule):
    """Raises a UserError unless `schedule` is one."""
    require(is_whole(schedule, 0), name, schedule,
            "a whole number of at least 0 (k: every k-th epoch; 0: powers of two and the last)")


def contains(schedule, epoch):
    """Whether a schedule has an epoch of at least 1, of which it is not known whether it is the last."""
    return epoch % schedule == 0 if schedule else epoch.bit_count() == 1


def epochs(schedules, last):
    """The epochs that any of `schedules` has in a run of `last` epochs, in increasing order.

    >>> epochs([0], 6), epochs([2, 3], 7)
    ([1, 2, 4, 6], [2, 3, 4, 6])
    """
    return [epoch for epoch in range(1, last + 1)
            if any(contains(schedule, epoch) or (schedule == 0 and epoch == last) for schedule in schedules)]


def measured_epochs(schedule, last):
    """The epochs whose iterates are measured by a schedule: 0, as x_0 is kept always, and those of the schedule.

    >>> measured_epochs(0, 6)
    [0, 1, 2, 4, 6]
    """
    return [0, *epochs([schedule], last)]
