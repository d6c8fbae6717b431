"""Three small networks for digits, where a test needs a network and not one of the paper's.

Tracing and compiling take most of a test's time, and grow with the layers of the network.
"""

import functools

import models
from models.networks import fully_connected
from replication import catalog

ONE_LAYER, TWO_LAYERS, WIDE = "S1", "S2", "S3"

for _name, _layers, _units in ((ONE_LAYER, 1, 8), (TWO_LAYERS, 2, 128), (WIDE, 1, 320)):
    catalog.NETWORKS[_name] = catalog.Network(_name, dataset="digits", input_shape=(64,), classes=10)
    models.BUILDERS[_name] = functools.partial(fully_connected, hidden_layers=_layers, units=_units)
