"""Metric 2.1 in PyTorch, from the paper's formula, and the Hessian of curvlinops; nothing of the package is imported.

    python torch_side.py PROBLEM.npz RESULT.npz

The problem holds the layers as a list of words, the weights of each, the examples in batches, epsilon, and directions.
The result holds f, its gradient, the largest f in the box that projected gradient ascent finds from several starts, and
the products of the Hessian with the directions.
"""

import sys

import numpy as np
import torch
from curvlinops import HessianLinearOperator

STEPS, STARTS = 40, 3


class Network:
    """A stack of layers that normalizes by the statistics of each batch.

    Args:
        layers: Words: dense, conv (3 x 3, same), normalization, relu, pool (2 x 2) and flatten.
        arrays: The weights of all layers in their order, in Keras's shapes.
        epsilon: That of the normalizations.
    """

    def __init__(self, layers, arrays, epsilon):
        self._layers = layers
        self._shapes = [array.shape for array in arrays]
        self._epsilon = epsilon

    def loss(self, x, batches):
        """Returns the mean cross-entropy over all examples at the weights x, a tensor [n]."""
        sizes = [int(np.prod(shape)) for shape in self._shapes]
        weights = [part.reshape(shape) for part, shape in zip(torch.split(x, sizes), self._shapes)]
        total, number = 0.0, 0
        for inputs, labels in batches:
            total = total + torch.nn.functional.cross_entropy(self.logits(inputs, iter(weights)), labels,
                                                              reduction="sum")
            number += len(labels)
        return total / number

    def logits(self, h, weights):
        """Returns the logits of inputs h, with the next of an iterator of weights for each layer."""
        for layer in self._layers:
            if layer == "dense":
                h = h @ next(weights) + next(weights)
            elif layer == "conv":
                # Keras: height, width, in, out; images with their channels last.
                kernel, bias = next(weights).permute(3, 2, 0, 1), next(weights)
                h = torch.nn.functional.conv2d(h.permute(0, 3, 1, 2), kernel, bias, padding="same").permute(0, 2, 3, 1)
            elif layer == "normalization":
                axes = tuple(range(h.ndim - 1))
                mean, variance = h.mean(axes), h.var(axes, unbiased=False)
                h = (h - mean) / torch.sqrt(variance + self._epsilon) * next(weights) + next(weights)
            elif layer == "relu":
                h = torch.relu(h)
            elif layer == "pool":
                h = torch.nn.functional.max_pool2d(h.permute(0, 3, 1, 2), 2).permute(0, 2, 3, 1)
            elif layer == "flatten":
                h = h.reshape(len(h), -1)
            else:
                raise ValueError(layer)
        return h


class Module(torch.nn.Module):
    """A `Network` with weights of its own, as curvlinops takes it."""

    def __init__(self, network, arrays):
        super().__init__()
        self._network = network
        self.weights = torch.nn.ParameterList([torch.from_numpy(array) for array in arrays])

    def forward(self, inputs):
        return self._network.logits(inputs, iter(self.weights))


def products(network, arrays, batches, directions):
    """Returns the products of the Hessian of the mean loss with directions, an array [n, m], as one [n, m]."""
    module = Module(network, arrays)
    operator = HessianLinearOperator(module, torch.nn.CrossEntropyLoss(), list(module.parameters()), batches,
                                     check_deterministic=False)
    return (operator @ torch.from_numpy(directions)).detach().numpy()


def largest(loss, x, epsilon, generator):
    """Returns the largest f in the box around x that projected gradient ascent finds.

    Each step goes along the sign of the gradient, by a share of the box that is halved whenever f falls.
    """
    half = epsilon * (x.abs() + 1)
    best = -np.inf
    for start in range(STARTS):
        y = (2 * torch.rand(len(x), generator=generator, dtype=x.dtype) - 1) * half * (start > 0)
        share, value = 2.0, -np.inf
        for _ in range(STEPS):
            point = (x + y).requires_grad_()
            here = loss(point)
            slope, = torch.autograd.grad(here, point)
            if here.item() > value:
                value, kept, direction = here.item(), y, slope.sign()
            else:
                share /= 2
            y = torch.clamp(kept + share * direction * half, -half, half)
        best = max(best, value)
    return best


def main(problem, result):
    """Solves a problem of `tests.cross.test_torch`."""
    torch.set_num_threads(1)
    content = np.load(problem)
    arrays = [content[f"weight{i}"] for i in range(int(content["weights"]))]
    network = Network(list(content["layers"]), arrays, float(content["normalization_epsilon"]))
    bounds = content["bounds"]
    inputs, labels = torch.from_numpy(content["inputs"]), torch.from_numpy(content["labels"].astype(np.int64))
    batches = [(inputs[a:b], labels[a:b]) for a, b in zip(bounds[:-1], bounds[1:])]
    x = torch.from_numpy(np.concatenate([array.reshape(-1) for array in arrays])).requires_grad_()
    loss = network.loss(x, batches)
    gradient, = torch.autograd.grad(loss, x)
    highest = largest(lambda point: network.loss(point, batches), x.detach(), float(content["epsilon"]),
                      torch.Generator().manual_seed(0))
    np.savez(result, loss=loss.item(), gradient=gradient.numpy(), highest=highest,
             products=products(network, arrays, batches, content["directions"]))


if __name__ == "__main__":
    main(*sys.argv[1:])
