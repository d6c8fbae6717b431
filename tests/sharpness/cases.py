"""Small problems whose sharpness is known by other means."""

import itertools

import keras
import numpy as np
import scipy.optimize
import scipy.special

# Examples of 6 inputs and 3 classes.
M = 48
INPUTS = np.random.default_rng(0).normal(size=(M, 6)).astype("float32")
LABELS = np.arange(M) % 3


def dense(units=3, activation="softmax"):
    """A model of one layer for such inputs, the same each time."""
    keras.utils.set_random_seed(0)
    return keras.Sequential([keras.Input((6,)), keras.layers.Dense(units, activation=activation)])


def softmax_regression(features, classes, *, seed, examples=150):
    """Inputs [M, features] and labels [M] that no weights separate, so that a minimizer exists."""
    generator = np.random.default_rng(seed)
    inputs = generator.normal(size=(examples, features))
    logits = inputs @ generator.normal(size=(features, classes))
    labels = np.array([generator.choice(classes, p=p) for p in scipy.special.softmax(logits, axis=1)])
    return inputs, labels


def loss_and_gradient(theta, inputs, labels):
    """Mean cross-entropy of softmax regression with weights theta = (kernel, bias), and its gradient."""
    features = inputs.shape[1]
    classes = len(theta) // (features + 1)
    logits = inputs @ theta[:features * classes].reshape(features, classes) + theta[features * classes:]
    log_p = scipy.special.log_softmax(logits, axis=1)
    rows = np.arange(len(labels))
    residual = np.exp(log_p)
    residual[rows, labels] -= 1
    residual /= len(labels)
    return -log_p[rows, labels].mean(), np.concatenate([(inputs.T @ residual).ravel(), residual.sum(axis=0)])


def minimizer(inputs, labels, classes, *, seed=0):
    """Weights at which the gradient of softmax regression is zero to about 1e-8."""
    start = np.random.default_rng(seed).normal(size=(inputs.shape[1] + 1) * classes)
    return scipy.optimize.minimize(loss_and_gradient, start, args=(inputs, labels), jac=True, method="BFGS",
                                   options={"gtol": 1e-8, "maxiter": 5000}).x


def brute_force_sharpness(theta, inputs, labels, epsilon, matrix=None):
    """Metric 2.1 by trying every corner of the box: f is convex in theta, and in y of theta + A y.

    `matrix` is a dense A [n, p]; None for A = I.
    """
    matrix = np.eye(len(theta)) if matrix is None else matrix
    half_widths = epsilon * (np.abs(np.linalg.pinv(matrix) @ theta) + 1)
    loss = loss_and_gradient(theta, inputs, labels)[0]
    highest = max(loss_and_gradient(theta + matrix @ (signs * half_widths), inputs, labels)[0]
                  for signs in itertools.product([-1.0, 1.0], repeat=matrix.shape[1]))
    return (highest - loss) / (1 + loss) * 100


def regression_model(theta, features, *, dtype="float64"):
    """The Keras model of softmax regression with these weights."""
    classes = len(theta) // (features + 1)
    inputs = keras.Input((features,), dtype=dtype)
    model = keras.Model(inputs, keras.layers.Dense(classes, activation="softmax", dtype=dtype)(inputs))
    model.set_weights([theta[:features * classes].reshape(features, classes), theta[features * classes:]])
    return model


def normalized_network(normalization, *, nested=False, features=6, classes=3, dropout=0.0, seed=0):
    """A two-layer network with the given normalization layer, on its own or inside a sub-model."""
    def glorot(offset):
        return keras.initializers.GlorotUniform(seed=seed + offset)

    inputs = keras.Input((features,))
    block = [keras.layers.Dense(8, kernel_initializer=glorot(0)), normalization, keras.layers.ReLU(),
             keras.layers.Dropout(dropout, seed=seed)]
    x = inputs
    for layer in [keras.Sequential(block)] if nested else block:
        x = layer(x)
    return keras.Model(inputs, keras.layers.Dense(classes, activation="softmax", kernel_initializer=glorot(1))(x))
