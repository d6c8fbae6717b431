"""The errors that a user can mend; entry scripts show them as one line and exit with 1."""


class UserError(ValueError):
    """Something given to the package is wrong; the message says what, where and what would be right."""


class MissingDataError(UserError):
    """A data set is not on disk and must be prepared first."""


class BusyError(UserError):
    """Another process is working on the same thing."""


class TrainingFailedError(UserError):
    """A training run ended without a minimizer, for instance because its loss became NaN."""


class MeasurementFailedError(UserError):
    """A measurement of sharpness failed its checks, for instance because f is not finite."""
