"""The networks and the training step in PyTorch, the named peer of training; they run in a `peer.Peer`."""

import numpy as np


class TorchTraining:
    """Trains a network of table 1 with ADAM in PyTorch, in float32.

    The layers and their order are those of `models`; the initial kernels are PyTorch's own. Pools are padded
    equally on both sides, which costs the same. The optimizer is PyTorch's fused one.

    Args:
        name: Name of the network; C1 to C4 are built as released.
        inputs: Inputs, float32 [M, *input_shape], channels last.
        labels: Labels, whole numbers [M].
        classes: Number of classes.
        batch_size: Number of examples in a batch.
        threads: Threads within an operation.
        device: The device that computes, "GPU" or "CPU" (default).
        channels_last: Whether images lie in memory with the channels last, default False. Which is faster depends on
            the network and the machine.
    """

    def __init__(self, name, inputs, labels, *, classes, batch_size, threads, device="CPU",
                 channels_last=False):
        import torch

        torch.set_num_threads(threads)
        if device == "GPU":
            # TensorFlow uses TF32 by default, PyTorch only for convolutions.
            torch.set_float32_matmul_precision("high")
        self._torch = torch
        self._device = {"GPU": "cuda", "CPU": "cpu"}[device]
        self._batch_size = batch_size
        images = inputs.ndim == 4
        layout = torch.channels_last if images and channels_last else torch.contiguous_format
        self._inputs = torch.from_numpy(np.moveaxis(inputs, -1, 1).copy() if images else inputs)
        self._inputs = self._inputs.to(self._device).contiguous(memory_format=layout)
        self._labels = torch.from_numpy(labels.astype(np.int64)).to(self._device)
        self._network = _network(torch.nn, name, inputs.shape[1:], classes).to(self._device, memory_format=layout)
        self._optimizer = torch.optim.Adam(self._network.parameters(), fused=True)

    def count_parameters(self):
        """Returns the number of trainable weights."""
        return sum(parameter.numel() for parameter in self._network.parameters())

    def epoch(self):
        """Trains for one pass over the shuffled examples and returns the mean loss."""
        total = 0.0
        for rows in self._torch.randperm(len(self._labels), device=self._device).split(self._batch_size):
            self._optimizer.zero_grad()
            loss = self._torch.nn.functional.cross_entropy(self._network(self._inputs[rows]), self._labels[rows])
            loss.backward()
            self._optimizer.step()
            total += loss.item() * len(rows)
        return total / len(self._labels)


def _network(nn, name, input_shape, classes):
    if name in ("F1", "F2"):
        widths = [input_shape[0]] + [512] * (5 if name == "F1" else 7)
        layers = [layer for pair in zip(widths[:-1], widths[1:], strict=True) for layer in _dense(nn, *pair)]
        return nn.Sequential(*layers, nn.Linear(512, classes))
    side, channels = input_shape[0], input_shape[2]
    build = _shallow if name in ("C1", "C3") else _deep
    return nn.Sequential(*build(nn, side, channels, classes))


def _shallow(nn, side, channels, classes):
    layers = []
    for _ in range(2):
        layers += [*_convolution(nn, channels, 64, 5), nn.MaxPool2d(3, stride=2, padding=1)]
        channels, side = 64, -(-side // 2)
    layers += [nn.Flatten(), *_dense(nn, channels * side * side, 384), nn.Dropout(0.5)]
    return [*layers, *_dense(nn, 384, 192), nn.Dropout(0.5), nn.Linear(192, classes)]


def _deep(nn, side, channels, classes):
    layers, rate = [], 0.3
    for stack in ((64, 64), (128, 128), (256, 256, 256), (512, 512, 512), (512, 512, 512)):
        for number, filters in enumerate(stack, start=1):
            layers += _convolution(nn, channels, filters, 3)
            channels = filters
            if number < len(stack):
                layers.append(nn.Dropout(rate))
                rate = 0.4
        layers.append(nn.MaxPool2d(2))
        side //= 2
    layers += [nn.Flatten(), nn.Dropout(0.5), *_dense(nn, channels * side * side, 512), nn.Dropout(0.5)]
    return [*layers, nn.Linear(512, classes)]


def _dense(nn, fan_in, units):
    return [nn.Linear(fan_in, units), nn.BatchNorm1d(units), nn.ReLU()]


def _convolution(nn, channels, filters, size):
    return [nn.Conv2d(channels, filters, size, padding=size // 2), nn.BatchNorm2d(filters), nn.ReLU()]
