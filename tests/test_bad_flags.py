"""Each mistake in a flag: one clear line, exit code 1, no traceback, nothing on disk."""

import pytest

from tests.scripts import assert_one_line, cases, script

FLAGS = [
    ("train", ["--batch_size=60001"], ["batch_size=60001", "60000"]),
    ("train", ["--learning_rate=nan"], ["learning_rate=nan"]),
    ("train", ["--architecture=released"], ["architecture='released'", "F1 has only one"]),
    ("train", ["--regime=grid"], ["--batch_size: required with --regime=grid"]),
    ("train", ["--config=absent.json", "--precision=mixed_float16"], ["--precision", "--config"]),
    ("train", ["--config=absent.json", "--architecture=text"], ["--architecture", "--config"]),
    ("train", ["stray"], ["'stray'", "--help"]),
    ("train", ["--config=absent.json"], ["absent.json"]),
    ("train", ["--config=absent.json", "--network=F1"], ["--network", "--config"]),
    ("train", ["--sam_rho=0.1"], ["--sam_rho", "--remedy=sam"]),
    ("train", ["--remedy=sam", "--augmentation_flip"], ["--augmentation_flip", "--remedy=augmentation"]),
    ("train", ["--remedy=augmentation"], ["remedy='augmentation'", "F1 is not convolutional"]),
    ("train", ["--network=C1", "--dataset=digits32", "--remedy=augmentation", "--jit_compile=on"],
     ["jit_compile=True", "augmentation"]),
    ("train", ["--remedy=dynamic_sampling", "--dynamic_sampling_first_batch_size=300"],
     ["first_batch_size=300", "at most 256"]),
    ("train", ["--config=absent.json", "--remedy=sam"], ["--remedy", "--config"]),
    ("train", ["--config=absent.json", "--sam_rho=0.1"], ["--sam_rho", "--config"]),
    ("train", ["--config=absent.json", "--warm_start=F1-SB-trial0-6189c893:1"], ["--warm_start", "--config"]),
    ("train", ["--warm_start=F1-SB-trial0-6189c893"], ["warm_start='F1-SB-trial0-6189c893'", "RUN:EPOCH"]),
    ("train", ["--warm_start=mine:1"], ["start.run='mine'"]),
    ("train", ["--warm_start=F1-SB-trial1-6189c893:1"], ["start.run='F1-SB-trial1-6189c893'", "trial 0"]),
    ("train", ["--dropout=0.5"], ["dropout=0.5", "F1 has no dropout"]),
    ("train", ["--network=C1", "--dropout=1"], ["dropout=1.0", "[0, 1)"]),
    ("train", ["--config=absent.json", "--dropout=0.5"], ["--dropout", "--config"]),
    ("train", ["--devices=2"], ["--devices", "--strategy=mirrored"]),
    ("train", ["--nosynchronized"], ["--synchronized", "--strategy=mirrored"]),
    ("train", ["--strategy=mirrored", "--devices=2", "--jit_compile=on"], ["jit_compile=True", "mirrored"]),
    ("train", ["--strategy=mirrored", "--devices=2", "--remedy=sam"], ["remedy='sam'", "mirrored"]),
    ("train", ["--strategy=mirrored", "--devices=2", "--dataset=digits", "--batch_size=718"], ["batch_size=718"]),
    ("train", ["--config=absent.json", "--strategy=mirrored"], ["--strategy", "--config"]),
    ("measure_sharpness", ["--devices=2"], ["--devices", "--strategy=mirrored"]),
    ("tune", ["--objective=sharpness", "--max_sharpness=5"], ["max_sharpness=5.0", "objective=sharpness"]),
    ("tune", ["--max_sharpness=0"], ["max_sharpness=0.0", "positive"]),
    ("tune", ["--validation_share=0"], ["validation_share=0.0", "between 0 and 1"]),
    ("tune", ["--validation_share=1"], ["validation_share=1.0", "between 0 and 1"]),
    ("reproduce", ["--networks=F1,F9"], ["F9"]),
    ("reproduce", ["--architecture=text"], ["architecture='text'", "F1 has only one"]),
    ("reproduce", ["--networks=C1,F1", "--architecture=text"], ["architecture='text'", "F1 has only one"]),
    ("reproduce", ["--networks=F1,F2", "--recompute"], ["--recompute", "none of F1, F2 convolves"]),
    ("train", ["--recompute"], ["recompute=True", "F1 does not convolve"]),
    ("reproduce", ["--experiments=table9"], ["table9", "table2"]),
    ("reproduce", ["--experiments=table6", "--networks=F1"], ["table6", "nothing to run of F1", "C1, C2, C3, C4"]),
    ("reproduce", ["--experiments=table2,searches"], ["searches", "replication.tune"]),
    ("reproduce", ["--networks=F1", "--batch_sizes=8,99999"], ["--batch_sizes", "--experiments=figure4"]),
    ("reproduce", ["--experiments=table2", "--warm_start_every=2"], ["--warm_start_every", "--experiments=figure5"]),
    ("reproduce", ["--ray_cpus=2"], ["--ray_cpus", "--executor=ray"]),
    ("reproduce", ["--executor=ray", "--jobs=2"], ["--jobs", "--executor=local"]),
    ("reproduce", ["--executor=ray", "--ray_address=head"], ["ray_address='head'", "HOST:PORT"]),
    ("reproduce", ["--batch_sizes=8,1438"], ["batch_sizes=1438", "1437"]),
    ("reproduce", ["--batch_sizes=0"], ["batch_sizes=0", "1437"]),
    ("reproduce", ["--batch_sizes="], ["--batch_sizes", "empty"]),
    ("reproduce", ["--batch_sizes=8,many"], ["batch_sizes='many'", "fractions"]),
    ("reproduce", ["--batch_sizes=1.5"], ["batch_sizes='1.5'", "fractions"]),
    ("reproduce", ["--warm_start_every=13"], ["warm_start_every=13", "from 1 to 8"]),
    ("measure_sharpness", ["--epsilon=0"], ["epsilon=0"]),
    ("measure_sharpness", ["--epsilon=-1e-3"], ["epsilon=-0.001"]),
    ("measure_sharpness", ["--epsilon=small"], ["--epsilon=small"]),
    ("measure_sharpness", ["--epsilon=nan"], ["epsilon=nan"]),
    ("measure_sharpness", ["--subspace_dim=-1"], ["subspace_dim=-1"]),
    ("measure_sharpness", ["--subspace_dim=1.5"], ["--subspace_dim=1.5"]),
    ("verify", ["--tables=9"], ["9"]),
    ("train", ["--target_loss=0.1"], ["target_loss=0.1", "none without stop=loss"]),
    ("train", ["--stop=loss"], ["target_loss=None", "a number with stop=loss"]),
    ("train", ["--stop=loss", "--target_loss=0.1", "--epochs=3"], ["--stop=loss", "--epochs=3"]),
    ("train", ["--epochs=3", "--patience=2"], ["--patience", "--epochs=3"]),
    ("train", ["--stop=epochs", "--max_epochs=9"], ["--max_epochs", "--stop=epochs"]),
    ("train", ["--epochs=3", "--stop=ceased"], ["--stop=ceased", "--epochs=3"]),
    ("train", ["--without_normalization", "--statistics=moving"], ["--statistics=moving", "--without_normalization"]),
    ("train", ["--strategy=mirrored", "--devices=2", "--nosynchronized", "--without_normalization"],
     ["synchronized=False", "batch statistics"]),
    ("train", ["--without_normalization", "--remedy=ghost_normalization"], ["ghost_normalization"]),
    ("train", ["--remedy=dynamic_sampling", "--dynamic_sampling_theta=0.3"],
     ["--dynamic_sampling_theta", "--dynamic_sampling_test=variance"]),
    ("train", ["--remedy=imitation", "--imitation_warmup_epochs=2"],
     ["--imitation_warmup_epochs", "--imitation_rule=sqrt or linear"]),
    ("train", ["--remedy=imitation"], ["--remedy=imitation", "--imitation_rule, --imitation_noise, --imitation_ghost"]),
    ("train", ["--kernel_scale=1e-170"], ["kernel_scale=1e-170", "1e-6 to 1e6"]),
    ("train", ["--warm_start=F1-SB-trial0-6189c893:7", "--kernel_scale=2"], ["--kernel_scale=2", "--warm_start"]),
    ("train", ["--warm_start=F1-SB-trial0-6189c893:7", "--kernel_initializer=he_uniform"], ["--kernel_initializer"]),
    ("verify", ["--networks=F9"], ["F9", "F1, F2"]),
]
# Names that are not in a closed set, and numbers beyond a bound, in absl's own words.
REFUSED = [
    ("train", ["--network=F9"], ["--network=F9", "<F1|F2|C1|C2|C3|C4|S1|S2|S3>"]),
    ("train", ["--regime=MB"], ["--regime=MB", "<SB|LB|grid>"]),
    ("train", ["--dataset=svhn"], ["--dataset=svhn", "mnist"]),
    ("train", ["--batch_size=0"], ["batch_size", "a positive integer"]),
    ("train", ["--epochs=-1"], ["epochs", "non-negative"]),
    ("train", ["--learning_rate=-0.1"], ["learning_rate", "a positive number"]),
    ("train", ["--trial=-1"], ["trial", "[0, 2147483647]"]),
    ("train", ["--optimizer=lion"], ["--optimizer=lion", "<adam|sgd|momentum|adagrad>"]),
    ("train", ["--statistics=none"], ["--statistics=none", "<batch|moving>"]),
    ("train", ["--network=C1", "--architecture=resnet"], ["--architecture=resnet", "<released|text>"]),
    ("train", ["--precision=float16"], ["--precision=float16", "mixed_float16"]),
    ("train", ["--remedy=dropout"], ["--remedy=dropout", "augmentation|conservative"]),
    ("train", ["--remedy=sam", "--sam_rho=-1"], ["sam_rho", "a number of at least 0"]),
    ("train", ["--network=C1", "--remedy=augmentation", "--augmentation_rotation=200"],
     ["augmentation_rotation", "180"]),
    ("train", ["--remedy=conservative", "--conservative_iterations=0"],
     ["conservative_iterations", "integer >= 2"]),
    ("train", ["--remedy=adversarial", "--adversarial_clean_share=2"], ["adversarial_clean_share", "[0, 1]"]),
    ("train", ["--remedy=stability", "--stability_deviation=-0.1"], ["stability_deviation", "a number of at least 0"]),
    ("train", ["--remedy=dynamic_sampling", "--dynamic_sampling_test=luck"],
     ["--dynamic_sampling_test=luck", "<schedule|variance>"]),
    ("train", ["--keep_iterates=-1"], ["keep_iterates", "non-negative"]),
    ("train", ["--strategy=mirrored", "--devices=1"], ["devices", ">= 2"]),
    ("tune", ["--network=../F1"], ["--network=../F1", "<F1|F2|C1|C2|C3|C4|S1|S2|S3>"]),
    ("tune", ["--dataset=../digits"], ["--dataset=../digits", "mnist"]),
    ("tune", ["--tuner=grid"], ["--tuner=grid", "<random|bayesian|hyperband>"]),
    ("tune", ["--tuner=../random"], ["--tuner=../random"]),
    ("tune", ["--objective=test_accuracy"], ["--objective=test_accuracy", "<val_accuracy|sharpness>"]),
    ("tune", ["--max_trials=0"], ["max_trials", "a positive integer"]),
    ("tune", ["--epochs=0"], ["epochs", "a positive integer"]),
    ("tune", ["--seed=-1"], ["seed", "[0, 2147483647]"]),
    ("reproduce", ["--preset=slow"], ["--preset=slow", "<paper|quick|timit_shaped|tour>"]),
    ("reproduce", ["--networks=C1", "--architecture=both"], ["--architecture=both", "<released|text>"]),
    ("reproduce", ["--trials=0"], ["trials", "a positive integer"]),
    ("reproduce", ["--jobs=0"], ["jobs", "a positive integer"]),
    ("reproduce", ["--warm_start_every=0"], ["warm_start_every", "a positive integer"]),
    ("measure_sharpness", ["--batch_size=0"], ["batch_size", "expected a whole number of at least 1, or all"]),
    ("measure_sharpness", ["--examples=0"], ["examples", "a positive integer"]),
    ("measure_sharpness", ["--starts=0"], ["starts", "a positive integer"]),
    ("plot_parametric", ["--points=1"], ["points", ">= 2"]),
    ("plot_parametric", ["--path=straight"], ["--path=straight", "<linear|curved>"]),
    ("train", [f"--trial={2**31}"], ["trial", "[0, 2147483647]"]),
    ("train", ["--training_loss=hinge"], ["--training_loss=hinge", "label_smoothing"]),
    ("measure_sharpness", ["--box=cube"], ["--box=cube", "<paper|relative>"]),
]


def of_scripts(found):
    """The cases of each script, as pairs of its name and a list of arguments and words."""
    return [(name, [each[1:] for each in found if each[0] == name]) for name in sorted({each[0] for each in found})]


@pytest.mark.parametrize("name, found", of_scripts(FLAGS))
def test_flags(name, found, tmp_path):
    work = tmp_path / "work"
    for process, (_, words) in zip(cases(name, [[*arguments, f"--workdir={work}"] for arguments, _ in found]), found):
        assert_one_line(process, *words)
    assert not work.exists()


@pytest.mark.parametrize("name, found", of_scripts(REFUSED))
def test_flags_that_absl_refuses(name, found, tmp_path):
    work = tmp_path / "work"
    for process, (_, words) in zip(cases(name, [[*arguments, f"--workdir={work}"] for arguments, _ in found]), found):
        first, hint = process.stderr.splitlines()
        assert process.returncode == 1 and first.startswith("FATAL Flags parsing error: flag ") and "--helpfull" in hint
        for word in words:
            assert word in first
    assert not work.exists()


@pytest.mark.parametrize("name", ["train", "reproduce", "measure_sharpness", "plot_parametric", "make_report",
                                  "verify", "tune", "prepare_data"])
def test_help_names_the_flags(name):
    process = script(name, "--help")
    expected = "--workdir" if name != "prepare_data" else "--data_dir"
    assert expected in process.stdout
    assert "replication." + name in process.stdout


@pytest.mark.parametrize("arguments, words", [
    (("reproduce", "--networks=", "--dry_run"), ["networks=''"]),
    (("reproduce", "--remake_damaged", "--dry_run"), ["--remake_damaged", "one of the two"]),
    (("reproduce", "--experiments=", "--dry_run"), ["experiments=''"]),
    (("train", "--workdir="), ["workdir=''"]),
    (("measure_sharpness", "--dataset=mnist"), ["--dataset", "--model"]),
    (("measure_sharpness", "--model=mine.keras", "--workdir=work"), ["--workdir", "--model"]),
])
def test_values_that_would_mean_something_else(arguments, words, tmp_path):
    name, *given = arguments
    if not any(each.startswith("--workdir") for each in given):
        given.append(f"--workdir={tmp_path}")
    assert_one_line(script(name, *given), *words)
