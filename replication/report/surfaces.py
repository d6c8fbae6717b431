"""The surfaces of a workdir as NumPy files, for other programs."""

import io

import numpy as np

from replication import files


def write(folder, store):
    """Writes steps, loss and accuracy of each surface to surface-RUN-CHOICES.npz in a folder, and removes others.

    The arrays are float64, "steps" [points], "loss" and "accuracy" [points, points] with NaN for gaps; the first axis
    is that of the first direction. `numpy.load(FILE)` reads them.

    Args:
        folder: The folder, a `pathlib.Path`.
        store: A `store.Store`.
    """
    names = set()
    for finished_run in store.runs:
        for item in finished_run.measurements["surface"]:
            arrays = {each: np.array(item.content[each], np.float64) for each in ("steps", "loss", "accuracy")}
            name = f"surface-{finished_run.name}-{item.choices.digest()}.npz"
            names.add(name)
            content = io.BytesIO()
            np.savez(content, **arrays)
            with files.replacing(folder / name) as temporary:
                temporary.write_bytes(content.getvalue())
    for path in folder.glob("surface-*.npz"):
        if path.name not in names:
            path.unlink(missing_ok=True)
