"""The set-ups of the whole replication: the paper's own, and a quick one."""

import dataclasses

from replication.catalog import DATASETS, NETWORKS, open_classes, regime_batch_size
from replication.configuration import Run
from replication.errors import require_name

PAPER_BATCH_SIZES = {"SB": 256, "LB": 0.1}


@dataclasses.dataclass(frozen=True)
class Preset:
    """A set-up of the whole replication.

    Attributes:
        datasets: By network, the name of its data set; None for each network's own.
        batch_sizes: By regime, a number of examples or a fraction of the training set.
        trials: Trials of each network and regime.
        max_epochs, patience, min_improvement: The stopping rule, as in `Run`.
        networks: The networks it runs.
        epsilons, subspace_dims: The measurements of tables 3 and 4.
        iterations: As in `Sharpness`.
        subspace_starts: Starts of the maximizer in a subspace; None for the default of `Sharpness`.
        points: As in `Path`.
        study_networks: Those of `networks` of which figures 4, 5 and 6, `steepness`, `optimizers` and
            `remedies` are made.
        grid_batch_sizes: Figure 4's, like `batch_sizes`; those above LB's are left out.
        grid_epochs: Epochs of each of figure 4's runs; None for the stopping rule.
        warm_start_epochs: Figure 5: epochs of the SB run, and of LB from each of its iterates.
        warm_start_every: Every how many of the SB epochs LB is started.
        iterate_schedule: Figure 6: the iterates that are measured beside x_0, as in `experiments.Needs.iterates`.
        steepness_directions, steepness_blocks: As in `Steepness`.
        remedy_trials: Trials of tables 6 and 7 and of `optimizers` and `remedies`, at most `trials`.
        table7_networks: Those of `networks` that table 7 has.
        remedy_epsilons: Those of `epsilons` at which `optimizers` and `remedies` measure.
        note: A sentence for the readers of its report; "" for none.
    """

    datasets: dict | None
    batch_sizes: dict
    trials: int
    max_epochs: int
    patience: int
    min_improvement: float
    networks: tuple
    epsilons: tuple = (1e-3, 5e-4)
    subspace_dims: tuple = (0, 100)
    iterations: int = 10
    subspace_starts: int | None = None
    points: int = 25
    study_networks: tuple = ("F2", "C1")
    grid_batch_sizes: tuple = (*(2**power for power in range(6, 17)), 0.1)
    grid_epochs: int | None = 100
    warm_start_epochs: int = 100
    warm_start_every: int = 1
    iterate_schedule: int = 0
    steepness_directions: int = 100
    steepness_blocks: int = 100
    remedy_trials: int = 5
    table7_networks: tuple = tuple(NETWORKS)
    remedy_epsilons: tuple = (1e-3, 5e-4)
    note: str = ""

    def dataset(self, network):
        """The name of a network's data set in this preset; of a network that it does not know, the network's own."""
        return (self.datasets or {}).get(network, NETWORKS[network].dataset)

    def run(self, network, regime, trial, *, jit_compile, architecture=None, describe=DATASETS.__getitem__):
        """The resolved configuration of one run of this preset.

        Args:
            network, regime, trial, jit_compile, architecture: As in `Run`.
            describe: Function from a data set's name to its `Dataset` with nothing left open.
        """
        require_name("network", network, NETWORKS)
        dataset = self.dataset(network)
        description = describe(dataset)
        return Run(
            network=network, regime=regime, trial=trial, dataset=dataset,
            batch_size=regime_batch_size(self.batch_sizes[regime], description),
            classes=open_classes(dataset, description),
            max_epochs=self.max_epochs, patience=self.patience, min_improvement=self.min_improvement,
            jit_compile=jit_compile, architecture=architecture,
        )


PRESETS = {
    "paper": Preset(
        datasets=None, batch_sizes=PAPER_BATCH_SIZES, trials=5,
        max_epochs=200, patience=10, min_improvement=0.3, networks=tuple(NETWORKS),
    ),
    "quick": Preset(
        datasets={name: "digits32" if name in ("C2", "C4") else "digits" for name in NETWORKS},
        batch_sizes={"SB": 8, "LB": 0.1}, trials=1,
        max_epochs=40, patience=5, min_improvement=0.3, networks=("F1", "C1"), subspace_starts=1,
        study_networks=("C1",), grid_batch_sizes=(8, 24, 0.1), grid_epochs=None,
        warm_start_epochs=8, warm_start_every=4, steepness_directions=25, steepness_blocks=25,
        remedy_trials=1, table7_networks=("C1",), remedy_epsilons=(1e-3,),
        note="C2 and C4 stay out of it: they pool five times, which takes images of 32 × 32 pixels and minutes.",
    ),
}
