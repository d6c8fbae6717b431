"""The records on disk: the layout of a workdir, and the only code that knows it.

    WORKDIR/runs/F1-SB-trial0-1a2b3c4d/config.json, history.csv, initial.weights.h5,
        final.weights.h5, result.json, failure.json, sharpness/*.json, steepness/*.json, backup/
    WORKDIR/runs/F1-SB-trial0-1a2b3c4d/iterates/0007/iterate.weights.h5, iterate.json, sharpness/*.json
    WORKDIR/runs/F1-SB-trial0-1a2b3c4d/iterates/0000/sharpness/*.json, measured at initial.weights.h5
    WORKDIR/paths/*.json
    WORKDIR/tuning/F1-digits-random-1a2b3c4d/search.json, best.json, runs/, and the state of keras-tuner
    WORKDIR/damaged/, the parts that `damage.set_aside` has moved there
    WORKDIR/tables/  WORKDIR/figures/  WORKDIR/report/index.html
"""

from replication.records.folder import FILE_REMEDY, IterateRecord, WeightsRecord, configuration_of
from replication.records.run import RunRecord, SearchRecord, read_configuration
from replication.records.workdir import Workdir

__all__ = ["FILE_REMEDY", "IterateRecord", "RunRecord", "SearchRecord", "WeightsRecord", "Workdir", "configuration_of",
           "read_configuration"]
