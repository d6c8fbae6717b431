"""f and its gradient in PyTorch, the named peer of a pass; what imports PyTorch runs in a `peer.Peer`."""

import contextlib
import importlib.metadata

import numpy as np

from benchmarks import peer


def version(package="torch"):
    """Returns the version of PyTorch, or of another package, or None if it is not installed."""
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def why_missing(device):
    """Returns in a few words why PyTorch cannot compute on a device, "GPU" or "CPU"; None if it can."""
    if version() is None:
        return "not installed"
    try:
        return None if device == "CPU" or _has_cuda() else "has no CUDA"
    except peer.Died as death:
        return str(death)


def _has_cuda():
    with contextlib.closing(peer.Peer("benchmarks.torch_peer", "Installation")) as installation:
        return installation.call("has_cuda")


class Installation:
    """The installed PyTorch."""

    def has_cuda(self):
        """Returns whether it computes on a GPU of this machine."""
        import torch

        return torch.cuda.is_available()


class TorchObjective:
    """f and its gradient over a set, for a stack of Linear, BatchNorm1d and ReLU with a last Linear.

    Normalization uses the statistics of the batch and keeps no averages. The examples are given in the order of the
    partition, and gradients are summed in float32; both save PyTorch work.

    Args:
        x: The weights, float [n], in the order kernel, bias, gamma, beta, layer by layer.
        widths: Numbers of inputs, hidden units and classes, such as [784, 512, ..., 10].
        inputs: Inputs, float32 [M, widths[0]], in the order of evaluation.
        labels: Labels, whole numbers [M].
        epsilon: Epsilon of the normalization.
        threads: Threads within an operation.
    """

    def __init__(self, x, widths, inputs, labels, *, epsilon, threads):
        import torch

        torch.set_num_threads(threads)
        self._torch = torch
        layers = []
        for fan_in, fan_out in zip(widths[:-2], widths[1:-1], strict=True):
            layers += [torch.nn.Linear(fan_in, fan_out),
                       torch.nn.BatchNorm1d(fan_out, eps=epsilon, track_running_stats=False), torch.nn.ReLU()]
        self._network = torch.nn.Sequential(*layers, torch.nn.Linear(*widths[-2:]))
        self._assign(x)
        self._inputs = torch.from_numpy(inputs)
        self._labels = torch.from_numpy(labels.astype(np.int64))
        self._hessian = None

    def value_and_gradient(self, boundaries):
        """Returns f, a float, and its gradient, float32 [n], over the k batches between `boundaries`, [k + 1]."""
        self._network.zero_grad()
        total = 0.0
        for start, stop in zip(boundaries[:-1], boundaries[1:], strict=True):
            logits = self._network(self._inputs[start:stop])
            loss = self._torch.nn.functional.cross_entropy(logits, self._labels[start:stop], reduction="sum")
            loss.backward()
            total += loss.item()
        size = len(self._labels)
        # A kernel of PyTorch has the shape [outputs, inputs].
        parts = [p.grad.T.reshape(-1) if p.ndim == 2 else p.grad for p in self._network.parameters()]
        return total / size, self._torch.cat(parts).numpy() / size

    def hessian_product(self, boundaries):
        """Multiplies the Hessian of f by a fixed direction, by curvlinops, over the batches between `boundaries`."""
        if self._hessian is None:
            from curvlinops import HessianLinearOperator

            batches = [(self._inputs[start:stop], self._labels[start:stop])
                       for start, stop in zip(boundaries[:-1], boundaries[1:], strict=True)]
            self._hessian = HessianLinearOperator(
                self._network, self._torch.nn.CrossEntropyLoss(), list(self._network.parameters()), batches,
                check_deterministic=False)
        return (self._hessian @ self._torch.ones(self._hessian.shape[1])).numpy()

    def _assign(self, x):
        weights = self._torch.from_numpy(np.asarray(x, np.float32))
        with self._torch.no_grad():
            for parameter in self._network.parameters():
                part, weights = weights[:parameter.numel()], weights[parameter.numel():]
                parameter.copy_(part.reshape(parameter.T.shape).T if parameter.ndim == 2 else part)
