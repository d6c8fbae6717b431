"""Downloads, reads or generates a data set and prepares it, once; every other script only reads the prepared data.

    python -m replication.prepare_data --dataset=mnist --data_dir=DIR
    python -m replication.prepare_data --dataset=timit --kaldi_dir=KALDI --data_dir=DIR
    python -m replication.prepare_data --dataset=timit_shaped --frames=50000 --data_dir=DIR
"""

import flags.data
import flags.dataset
import flags.preparation
from replication import entry


def main(argv):
    """Prepares the data set that the flags name and prints what was done."""
    from replication import data

    print(data.prepare(flags.dataset.dataset(), flags.data.DATA_DIR.value, **flags.preparation.options()))


if __name__ == "__main__":
    entry.run(main)
