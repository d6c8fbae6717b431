"""Downloads and prepares a data set, once; every other script only reads what this one has made.

    python -m replication.prepare_data --dataset=mnist --data_dir=DIR
"""

from absl import flags

from flags import data as data_flags
from replication import entry

# `--help` lists the flags of this script, wherever they are defined.
flags.adopt_module_key_flags(data_flags)


def main(argv):
    """Prepares the data set of the flags and says what was done."""
    del argv
    from replication import data

    print(data.prepare(data_flags.dataset(), data_flags.DATA_DIR.value))


if __name__ == "__main__":
    entry.run(main)
