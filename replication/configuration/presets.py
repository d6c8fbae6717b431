"""The set-ups of the whole replication, the paper's own and a quick one, and which runs belong to them."""

import dataclasses

from replication.catalog import DATASETS, NETWORKS, open_classes, regime_batch_size
from replication.configuration.measurements.sharpness import Sharpness
from replication.configuration.run import Run
from replication.errors import require_name

PAPER_BATCH_SIZES = {"SB": 256, "LB": 0.1}
# Choices with a default that may have any value on data of no preset.
_FREE_ELSEWHERE = ("statistics", "epochs", "max_epochs", "patience", "min_improvement", "evaluation_batch_size",
                   "jit_compile", "architecture", "classes", "stop", "target_accuracy", "min_epochs", "target_loss")
# Choices that a run takes from its preset and that `Run.peculiarities` therefore leaves out.
_OF_THE_PRESET = ("max_epochs", "patience", "min_improvement", "evaluation_batch_size")
# The epochs of the authors' script.
SCRIPT_EPOCHS = 20


@dataclasses.dataclass(frozen=True)
class Preset:
    """A set-up of the whole replication.

    Attributes:
        datasets: By network, the name of its data set; None for each network's own.
        batch_sizes: By regime, a number of examples or a fraction of the training set.
        network_batch_sizes: By network, the batch sizes of one that has its own, by regime.
        trials: Number of trials of each network and regime.
        max_epochs, patience, min_improvement: The stopping rule, see `Run`.
        networks: The networks that `reproduce` trains by default.
        epsilons, subspace_dims: The measurements of tables 3 and 4.
        iterations: Iterations of L-BFGS-B, see `Sharpness`.
        subspace_starts: Starts of the maximizer in a subspace; None for the default of `Sharpness`.
        points: Points of a path, see `Path`.
        study_networks: Networks for figures 4 to 6, `steepness`, `optimizers` and `remedies`, a subset of `networks`.
        grid_batch_sizes: Figure 4's batch sizes, numbers or fractions; those above LB's are left out.
        grid_epochs: Epochs of each of figure 4's runs; None for the stopping rule.
        warm_start_epochs: Figure 5: epochs of the SB run, and of LB from each of its iterates.
        warm_start_every: Figure 5: LB starts after every so many SB epochs.
        iterate_schedule: Figure 6: the schedule of the iterates that are measured beside x_0.
        steepness_directions, steepness_blocks: Numbers of directions and blocks, see `Steepness`.
        remedy_trials: Trials of tables 6 and 7 and of `optimizers` and `remedies`, at most `trials`.
        table7_networks: Networks of table 7, a subset of `networks`.
        study_epsilons: The epsilons of figures 4 and 5, `optimizers` and `remedies`, a subset of `epsilons`.
        remedy_subspace_dims: The subspaces in which `remedies` measures, a subset of `subspace_dims`.
        remedies: Names of the remedies of `remedies`; None for all.
        remedy_variants: How many variants of each remedy; None for all.
        choices_trained: Whether `choices` trains runs of its own; otherwise it measures the minimizers of table 2.
        study_examples: Examples of the training set over which `choices` and later studies take f.
        choices_batch_sizes: The batches in which `choices` takes f, see `Sharpness`.
        origin_epochs, origin_trials: Epochs and trials of `origins`.
        origin_step_lengths: How many of its step lengths `origins` tries.
        origin_updates: Whether `origins` trains LB for as many updates as SB as well.
        robustness_of_origins: Whether `robustness` measures the combinations of `origins` as well.
        escape_epochs: Epochs of the runs of `escape`.
        optimizer_rates: Factors on the usual learning rate that `optimizers` tries.
        spectrum: Choices of a `Spectrum`, by name.
        without_normalization: Whether `reparametrization` trains networks without normalization as well.
        surface_points: Points of a surface in each direction, see `Surface`.
        correlation_grid: Values of each axis of `correlation`, by name; batch sizes as numbers or fractions.
        left_out: Names of the experiments that `reproduce` makes only if they are asked for.
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
    study_epsilons: tuple = (1e-3, 5e-4)
    remedy_subspace_dims: tuple = (0, 100)
    network_batch_sizes: dict = dataclasses.field(default_factory=dict)
    remedies: tuple | None = None
    remedy_variants: int | None = None
    choices_trained: bool = True
    study_examples: int = 10_000
    choices_batch_sizes: tuple = (5000, "all")
    origin_epochs: int = 40
    origin_trials: int = 3
    origin_step_lengths: int = 3
    origin_updates: bool = True
    robustness_of_origins: bool = True
    escape_epochs: int = 32
    optimizer_rates: tuple = (0.1, 1.0, 10.0)
    spectrum: dict = dataclasses.field(default_factory=lambda: {
        "eigenvalues": 2, "probes": 2, "steps": 24, "trace_products": 18})
    without_normalization: bool = True
    surface_points: int = 21
    correlation_grid: dict = dataclasses.field(default_factory=lambda: {
        "batch_size": (256, 1024, 0.1), "learning_rate": (5e-4, 1e-3, 4e-3), "remedy": (None, "sam"),
        "kernel_scale": (0.5, 1.0, 2.0)})
    left_out: tuple = ()
    note: str = ""

    def dataset(self, network):
        """The name of a network's data set in this preset; the network's own if the preset does not know it."""
        return (self.datasets or {}).get(network, NETWORKS[network].dataset)

    def batch_size(self, network, regime, dataset):
        """Returns the batch size of a network and regime as a number of examples of a resolved `catalog.Dataset`."""
        sizes = self.network_batch_sizes.get(network, self.batch_sizes)
        return regime_batch_size(sizes[regime], dataset)

    def run(self, network, regime, trial, *, jit_compile, architecture=None, recompute=False,
            describe=DATASETS.__getitem__):
        """The resolved configuration of one run of this preset.

        Args:
            network, regime, trial, jit_compile, architecture, recompute: Choices of the `Run`.
            describe: Function from a data set's name to its resolved `catalog.Dataset`.
        """
        require_name("network", network, NETWORKS)
        dataset = self.dataset(network)
        description = describe(dataset)
        return Run(
            network=network, regime=regime, trial=trial, dataset=dataset,
            batch_size=self.batch_size(network, regime, description),
            classes=open_classes(dataset, description),
            max_epochs=self.max_epochs, patience=self.patience, min_improvement=self.min_improvement,
            jit_compile=jit_compile, architecture=architecture, recompute=recompute,
        )

    def sharpness(self, run, epsilon, *, subspace_dim=0):
        """The `Sharpness` of a run as this preset measures it.

        The trial seeds the subspace: SB and LB of a trial are perturbed along the same directions.

        Args:
            run: A `Run`.
            epsilon: Half-width of the box.
            subspace_dim: p, or 0 for the full space.
        """
        return Sharpness(epsilon=epsilon, subspace_dim=subspace_dim, statistics=run.statistics,
                         iterations=self.iterations, starts=self.subspace_starts if subspace_dim else None,
                         seed=run.trial)


PRESETS = {
    "paper": Preset(
        datasets=None, batch_sizes=PAPER_BATCH_SIZES, trials=5,
        max_epochs=200, patience=10, min_improvement=0.3, networks=tuple(NETWORKS),
    ),
    "quick": Preset(
        datasets={name: "digits32" if name in ("C2", "C4") else "digits" for name in NETWORKS} | {"F1": "mnist5k"},
        batch_sizes={"SB": 8, "LB": 0.1}, network_batch_sizes={"F1": {"SB": 32, "LB": 0.1}}, trials=1,
        max_epochs=40, patience=5, min_improvement=0.3, networks=("F1", "C1"), subspace_starts=1,
        study_networks=("C1",), grid_batch_sizes=(8, 24, 0.1), grid_epochs=None,
        warm_start_epochs=8, warm_start_every=4, iterate_schedule=5, steepness_directions=25, steepness_blocks=25,
        remedy_trials=1, table7_networks=("C1",), study_epsilons=(1e-3,), remedy_subspace_dims=(0,),
        remedies=("augmentation", "conservative", "adversarial", "stability", "dynamic_sampling", "sam"),
        remedy_variants=1, optimizer_rates=(1.0,), choices_trained=False, study_examples=1000,
        choices_batch_sizes=(250, "all"),
        left_out=("boxes", "correlation", "escape", "figure3_normalized", "losses", "origin_effects", "origins",
                  "reparametrization", "robustness", "robustness_ranks", "scale", "spectral_density", "spectrum",
                  "spreads", "surface"),
        note="C2 and C4 are left out: they pool five times, which needs images of 32 × 32 pixels and takes minutes.",
    ),
}
# Every experiment, of F1 on the embedded part of MNIST, with the runs of quick as far as they go.
PRESETS["tour"] = dataclasses.replace(
    PRESETS["quick"], networks=("F1",), study_networks=("F1",), table7_networks=("F1",),
    subspace_dims=(0, 100), remedies=("conservative", "sam"), study_epsilons=(1e-3,), remedy_subspace_dims=(0,),
    grid_batch_sizes=(32, 128, 0.1), grid_epochs=None, warm_start_epochs=4, warm_start_every=2, iterate_schedule=0,
    steepness_directions=10, steepness_blocks=10,
    origin_epochs=5, origin_step_lengths=2, robustness_of_origins=False, escape_epochs=2,
    optimizer_rates=(1.0, 10.0), without_normalization=True, surface_points=9,
    study_examples=500, spectrum={"eigenvalues": 1, "probes": 1, "steps": 8, "trace_products": 6},
    correlation_grid={"batch_size": (32, 0.1), "learning_rate": (1e-3, 4e-3), "remedy": (None,),
                      "kernel_scale": (1.0,)},
    left_out=(), note="F1 alone, on a part of MNIST.")

# F2 without TIMIT's licence: the paper's set-up on synthetic data, with small studies and a looser stopping rule.
PRESETS["timit_shaped"] = dataclasses.replace(
    PRESETS["paper"], datasets={"F2": "timit_shaped"}, networks=("F2",), study_networks=("F2",),
    table7_networks=("F2",), trials=1, max_epochs=100, min_improvement=0.05, subspace_starts=1, remedy_trials=1,
    study_epsilons=(1e-3,), remedy_subspace_dims=(0,), grid_batch_sizes=(256, 1024, 4096, 0.1), grid_epochs=None,
    warm_start_epochs=20, warm_start_every=10, steepness_directions=25, steepness_blocks=25,
    left_out=tuple(sorted({*PRESETS["quick"].left_out, "choices", "matched", "optimizers", "remedies", "steepness",
                           "table7"})),
    note="F2 on synthetic data of TIMIT’s shape, for which the paper has no numbers.")


def presets_of(run):
    """The names of the presets that train a run's network on its data set, all in the same way."""
    return [name for name, preset in PRESETS.items()
            if run.network in (preset.datasets or preset.networks) and preset.dataset(run.network) == run.dataset]


def preset_of(run):
    """The name of the first of `presets_of`; None if no preset trains a run's network on its data set."""
    return next(iter(presets_of(run)), None)


def peculiarities(run, dataset):
    """What tells a run from the one that the preset with this data set trains in its place, each as text.

    Args:
        run: A `Run`.
        dataset: The resolved `catalog.Dataset` of its data.
    """
    name = preset_of(run)
    # A run of the regime "grid" has SB's choices but for its batch size, which is what it is for.
    regime = run.regime if run.regime in PAPER_BATCH_SIZES else "SB"
    usual = run if name is None else PRESETS[name].run(
        run.network, regime, run.trial, jit_compile=run.jit_compile, describe=lambda _: dataset)
    own_size = run.regime != regime or run.batch_size == usual.batch_size
    return [*filter(None, [run.peculiarities, None if own_size else f"batches of {run.batch_size:,}"]), *(
        f"{choice.replace('_', ' ')} {getattr(run, choice)}" for choice in _OF_THE_PRESET
        if getattr(run, choice) != getattr(usual, choice))]


def usual_sharpness(run, subspace_dim):
    """The `Sharpness` of a run as the preset with its data set measures it, with any epsilon; without one, as paper."""
    return PRESETS[preset_of(run) or "paper"].sharpness(run, 1e-3, subspace_dim=subspace_dim)


def is_plain_but_for(run, dataset, *choices):
    """Whether a run differs from `standard` in some choices, the trial, XLA and recomputation alone.

    Args:
        run, dataset: See `standard`.
        choices: Names of fields of a `Run`.
    """
    defaults = {field.name: field.default for field in dataclasses.fields(Run)}
    plain = dataclasses.replace(run, **{name: defaults[name] for name in choices})
    return not plain.differences(standard(plain, dataset))


def standard(run, dataset):
    """The run that a run of SB or LB must equal, but for trial, XLA and recomputation, to enter the main tables.

    It is the run that the preset with this data set trains for the network, the regime and the architecture. On data
    of no preset it is the run itself with the usual optimizer and network, in float32, from x_0, on one device and
    without a remedy: there the batch size, the epochs and the statistics may have any value.

    Args:
        run: A `Run`.
        dataset: The resolved `catalog.Dataset` of its data.
    """
    name = preset_of(run)
    if name is None:
        return dataclasses.replace(run, **{
            field.name: field.default for field in dataclasses.fields(Run)
            if field.default is not dataclasses.MISSING and field.name not in _FREE_ELSEWHERE})
    return PRESETS[name].run(run.network, run.regime, run.trial, jit_compile=run.jit_compile,
                             architecture=run.architecture, describe=lambda _: dataset)
