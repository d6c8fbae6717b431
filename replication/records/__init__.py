"""The records on disk: the layout of a workdir, and the only code that knows it.

    WORKDIR/runs/F1-SB-trial0-1a2b3c4d/config.json, history.csv, initial.weights.h5,
        final.weights.h5, final.keras, result.json, failure.json, backup/, KIND/*.json
    WORKDIR/runs/F1-SB-trial0-1a2b3c4d/iterates/0007/iterate.weights.h5, iterate.json, KIND/*.json
    WORKDIR/runs/F1-SB-trial0-1a2b3c4d/iterates/0000/KIND/*.json, measured at initial.weights.h5
    WORKDIR/KIND/*.json, measurements that join two runs, such as paths/*.json
    WORKDIR/tuning/F1-digits-random-1a2b3c4d/search.json, best.json, runs/, and the state of keras-tuner
    WORKDIR/damaged/, the parts that `damage.set_aside` has moved there
    WORKDIR/tables/  WORKDIR/figures/  WORKDIR/report/index.html  WORKDIR/measurements.csv

KIND is the kind of a measurement, a key of `configuration.KINDS`.
"""

from replication.records.folder import FILE_REMEDY
from replication.records.run import RunRecord, SearchRecord, read_configuration, read_data
from replication.records.workdir import Workdir

__all__ = ["FILE_REMEDY", "RunRecord", "SearchRecord", "Workdir", "read_configuration", "read_data"]
