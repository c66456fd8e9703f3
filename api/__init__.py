"""The experiment tracker that never harms the training and never loses a row."""

from trialog._version import __version__

__all__ = ["__version__"]
