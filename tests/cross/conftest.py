"""The side of PyTorch runs in an environment of its own."""

collect_ignore = ["torch_side.py"]
