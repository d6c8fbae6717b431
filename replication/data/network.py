"""A short check that an address can be reached."""

import queue
import threading


def why_unreachable(url, *, timeout=5.0):
    """Why a file cannot be downloaded, or None where it can.

    Asks by the library and thus through the proxies and certificates that TFDS downloads with.

    Args:
        url: Address of a file.
        timeout: Seconds after which there counts as no network.

    Returns:
        A few words, or None.
    """
    answers = queue.SimpleQueue()
    # In a thread, because no timeout of a connection covers the look-up of the host's name.
    threading.Thread(target=lambda: answers.put(_ask(url, timeout)), daemon=True).start()
    try:
        return answers.get(timeout=timeout)
    except queue.Empty:
        return f"no answer in {timeout:g} s"


def _ask(url, timeout):
    import requests

    try:
        response = requests.head(url, timeout=timeout, allow_redirects=True)
    except (OSError, ValueError) as error:
        return type(error).__name__
    return None if response.ok else f"HTTP {response.status_code}"
