"""The structure of the code: the way of imports that CONTRIBUTING.md states, and how large modules are."""

import ast
import os
import pathlib
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).parent.parent
# A module imports nothing of a later row. Modules of one row may import each other, without cycles.
WAY = (
    ("replication",),
    ("replication.errors", "replication.console"),
    ("replication.fields", "replication.files", "replication.machine", "replication.statistics"),
    ("replication.paper",),
    ("replication.catalog",),
    ("models",),
    ("replication.memory", "replication.losses"),
    ("replication.devices",),
    ("replication.remedies",),
    ("replication.configuration",),
    ("replication.data",),
    ("replication.records",),
    ("replication.weights",),
    ("replication.training", "replication.sharpness"),
    ("replication.landscape", "replication.spectrum", "replication.robustness"),
    ("replication.store",),
    ("replication.experiments",),
    ("replication.report",),
    ("replication.execution",),
    ("replication.tuning",),
    ("flags",),
    ("replication.entry",),
)
SCRIPTS = {f"replication.{name}" for name in (
    "train", "measure_sharpness", "plot_parametric", "reproduce", "make_report", "verify", "tune", "prepare_data")}
SOURCES = sorted(path for folder in ("replication", "models", "flags") for path in (ROOT / folder).rglob("*.py"))


def name_of(path):
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


NAMES = {name_of(path): path for path in SOURCES}


def imports(path, *, lazy=True):
    """The modules of this project that a file imports; without `lazy`, those that it imports when it is imported."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    nodes = ast.walk(tree) if lazy else tree.body
    found = set()
    for node in nodes:
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            for alias in node.names:
                submodule = f"{node.module}.{alias.name}"
                found.add(submodule if submodule in NAMES else node.module)
    return {module for module in found if module in NAMES}


def row(module):
    fitting = [(len(package), index) for index, packages in enumerate(WAY) for package in packages
               if module == package or module.startswith(package + ".") and package != "replication"]
    return max(fitting)[1] if fitting else None


def test_every_module_has_its_place():
    assert [name for name in NAMES if row(name) is None] == sorted(SCRIPTS)


@pytest.mark.parametrize("name", sorted(set(NAMES) - SCRIPTS))
def test_imports_follow_the_way(name):
    against = {module for module in imports(NAMES[name]) if module in SCRIPTS or row(module) > row(name)}
    assert not against


def test_only_scripts_import_flags():
    importers = {name for name, path in NAMES.items() if any(
        module.partition(".")[0] == "flags" for module in imports(path))}
    assert importers <= SCRIPTS | {name for name in NAMES if name.startswith("flags")}


def test_models_import_nothing_of_the_package():
    for name, path in NAMES.items():
        if name.partition(".")[0] == "models":
            assert {module.partition(".")[0] for module in imports(path)} <= {"models"}, name


def test_training_imports_nothing_of_sharpness():
    for name, path in NAMES.items():
        if name.startswith("replication.training"):
            assert not any(module.startswith("replication.sharpness") for module in imports(path)), name


def test_there_are_no_cycles():
    edges = {name: imports(path) - {name} for name, path in NAMES.items()}
    # Importing a module runs the packages around it first; these import nothing of what stands beside them lazily.
    finished, current = set(), []

    def visit(name):
        if name in finished:
            return
        assert name not in current, " -> ".join([*current[current.index(name):], name])
        current.append(name)
        for other in sorted(edges[name]):
            visit(other)
        finished.add(current.pop())

    for name in sorted(edges):
        visit(name)


@pytest.mark.parametrize("package", ["remedies", "experiments", "configuration.measurements"])
def test_modules_that_are_found_by_name_do_not_import_who_finds_them(package):
    for name, path in NAMES.items():
        if name.startswith(f"replication.{package}."):
            assert f"replication.{package}" not in imports(path), name


def test_a_computation_stands_before_who_imports_it():
    from replication import configuration

    for kind in configuration.KINDS.values():
        assert row(kind.COMPUTATION) < row("replication.execution.measurement")
        assert "replication.execution.measurement" not in imports(NAMES[kind.COMPUTATION])


# Each script is imported by a process of its own, with the modules of flags that it reads.
_IMPORTS = """
import os, sys
import replication.configuration, replication.records, replication.store, replication.experiments
import replication.report, replication.remedies
print("packages", sorted({"tensorflow", "keras", "models"} & set(sys.modules)), flush=True)
for name in sys.argv[1:]:
    if not os.fork():
        try:
            __import__(name)
            print(name, sorted({"tensorflow", "keras"} & set(sys.modules)), flush=True)
        finally:
            os._exit(0)
    os.wait()
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork processes")
def test_drawing_and_reading_flags_need_no_tensorflow():
    process = subprocess.run([sys.executable, "-c", _IMPORTS, *sorted(SCRIPTS)], cwd=ROOT, check=True,
                             capture_output=True, text=True)
    assert process.stdout.splitlines() == [f"{name} []" for name in ("packages", *sorted(SCRIPTS))], process.stderr


def test_arguments_after_the_first_three_are_keyword_only():
    # `require` is called a hundred times with the same four; `exact` has the arguments of `tf.nn.moments`; `density` is
    # `trace` with one number more.
    exceptions = {("replication.errors", "require"), ("replication.sharpness.tracing", "exact"),
                  ("replication.spectrum.estimates", "density")}
    for name, path in NAMES.items():
        module = ast.parse(path.read_text(encoding="utf-8"))
        classes = [node for node in module.body if isinstance(node, ast.ClassDef)]
        for function in [node for parent in (module, *classes) for node in parent.body]:
            if (not isinstance(function, ast.FunctionDef) or function.name.startswith("_")
                    or (name, function.name) in exceptions):
                continue
            arguments = [each.arg for each in (*function.args.posonlyargs, *function.args.args)]
            assert len([each for each in arguments if each not in ("self", "cls")]) <= 3, (name, function.name)


def test_modules_are_neither_large_nor_crumbs():
    lengths = {name: len(path.read_text(encoding="utf-8").splitlines()) for name, path in NAMES.items()}
    assert max(lengths.values()) <= 300, max(lengths, key=lengths.get)
    assert sum(lengths.values()) / len(lengths) >= 85


def test_the_way_is_the_one_that_contributing_states():
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    block = text.partition("no imports form a cycle:\n\n")[2].partition("\n\n")[0]
    stated = [{name for name in line.strip().partition("  ")[0].split(", ")} for line in block.splitlines()]
    assert stated[:-1] == [{package.rpartition(".")[2] for package in packages} for packages in WAY[1:]]
    assert {f"replication.{name}" for name in stated[-1] - {"..."}} <= SCRIPTS
