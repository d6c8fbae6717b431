"""Runs that start at an iterate of another run."""

import dataclasses
import shutil

import keras
import numpy as np
import pytest

from replication import configuration, files, records, training
from replication.configuration import Start
from replication.errors import UserError
from replication.records import damage
from replication.weights import build_network, flatten_weights, load_minimizer, load_weights
from tests.report import fixtures
from tests.scripts import succeed
from tests.training import short


@pytest.mark.parametrize("epoch", [0, 3])
def test_a_warm_start_begins_at_the_iterate_to_the_bit(kept, epoch):
    workdir = records.Workdir(kept.folder.parent.parent)
    warm = training.train(dataclasses.replace(short.LARGE, start=Start(short.RUN.name, epoch)), workdir, verbose=0)
    assert files.file_checksum(warm.initial_weights) == kept.iterate(epoch).checksum
    network = build_network(short.RUN)
    load_weights(network, kept.iterate(epoch))
    distance = np.linalg.norm(flatten_weights(load_minimizer(warm)) - flatten_weights(network))
    assert warm.result["distance_from_start"] == pytest.approx(distance, rel=1e-12)


def test_a_warm_start_at_x_0_is_the_run_from_x_0(kept):
    workdir = records.Workdir(kept.folder.parent.parent)
    warm = training.train(dataclasses.replace(short.LARGE, start=Start(short.RUN.name, 0)), workdir, verbose=0)
    assert warm.minimizer.checksum == training.train(short.LARGE, workdir, verbose=0).minimizer.checksum


def test_a_warm_started_run_is_replayed_from_its_own_start(kept):
    workdir = records.Workdir(kept.folder.parent.parent)
    run = dataclasses.replace(short.LARGE, epochs=2, start=Start(short.RUN.name, 3))
    warm = training.train(run, workdir, verbose=0)
    shutil.rmtree(kept.folder)
    training.train(run, workdir, verbose=0, keep=[1])
    assert warm.iterate(1).content["replayed"] == "identical"


def test_an_interrupted_warm_start_goes_on_from_where_it_began_or_not_at_all(kept, tmp_path):
    workdir, iterate = records.Workdir(kept.folder.parent.parent), kept.iterate(3)
    run = dataclasses.replace(short.LARGE, epochs=2, start=Start(short.RUN.name, 3))

    def interrupt(epoch, logs):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        training.train(run, workdir, verbose=0, callbacks=[keras.callbacks.LambdaCallback(on_epoch_end=interrupt)])
    assert workdir.run(run).state.exists()
    before = iterate.weights.read_bytes(), iterate.content
    shutil.copy(kept.final_weights, iterate.weights)
    files.write_json(iterate.folder / "iterate.json",
                     {**iterate.content, "checksum": files.file_checksum(iterate.weights)})
    with pytest.raises(UserError, match="began at other weights than .*remove the folder"):
        training.train(run, workdir, verbose=0)
    copy = records.Workdir(shutil.copytree(workdir.path, tmp_path / "copy"))
    moved, = damage.set_aside(copy)
    assert moved.name.startswith(run.name) and training.train(run, copy, verbose=0).result["epochs"] == 2
    iterate.weights.write_bytes(before[0])
    files.write_json(iterate.folder / "iterate.json", before[1])
    assert training.train(run, workdir, verbose=0).result["epochs"] == 2


def test_a_warm_start_at_an_iterate_that_was_not_kept_is_one_line(bare):
    workdir = records.Workdir(bare.folder.parent.parent)
    run = dataclasses.replace(short.LARGE, start=Start(short.RUN.name, 3))
    with pytest.raises(UserError, match="--keep_iterates=3"):
        training.train(run, workdir, verbose=0)
    assert not (workdir.run(run).folder / "config.json").exists()


def test_a_warm_start_needs_the_same_network(tmp_path):
    workdir = records.Workdir.create(tmp_path)
    text = configuration.Run(network="C1", regime="SB", trial=0, dataset="digits32", batch_size=359,
                             architecture="text")
    fixtures.write_run(workdir, text)
    run = dataclasses.replace(text, regime="LB", architecture="released", start=Start(text.name, 0))
    with pytest.raises(UserError, match=f"start.run='{text.name}': expected a run of the architecture released"):
        training.train(run, workdir, verbose=0)


@pytest.mark.parametrize("normalized", [True, False])
def test_a_warm_start_needs_the_same_normalization(tmp_path, normalized):
    workdir = records.Workdir.create(tmp_path)
    source = dataclasses.replace(short.RUN, without_normalization=normalized)
    fixtures.write_run(workdir, source)
    run = dataclasses.replace(short.LARGE, without_normalization=not normalized, start=Start(source.name, 0))
    with pytest.raises(UserError, match="expected a run with(out)? batch normalization"):
        training.train(run, workdir, verbose=0)


def test_a_warm_start_at_a_record_without_weights_tells_how_to_make_them(kept):
    workdir = records.Workdir(kept.folder.parent.parent)
    kept.iterate(3).weights.unlink()
    with pytest.raises(UserError, match="iterate.weights.h5: not there; .*remove the folder .* --keep_iterates=3"):
        training.train(dataclasses.replace(short.LARGE, start=Start(short.RUN.name, 3)), workdir, verbose=0)
    shutil.rmtree(kept.iterate(3).folder)
    training.train(short.RUN, workdir, verbose=0, keep=[3])
    assert kept.iterate(3).weights.exists()


def test_flags_keep_iterates_and_start_at_one(kept):
    workdir = kept.folder.parent.parent
    printed = succeed("train", f"--network={short.RUN.network}", "--regime=LB", "--dataset=digits", "--batch_size=719",
                      "--epochs=2", "--jit_compile=off", f"--workdir={workdir}", f"--warm_start={short.RUN.name}:3",
                      "--keep_iterates=0")
    record = records.Workdir(workdir).run(dataclasses.replace(short.LARGE, epochs=2, start=Start(short.RUN.name, 3)))
    assert str(record.folder) in printed
    assert list(short.checksums(record)) == [1, 2]
