"""Run the whole life of tabular machine learning models from the shell."""

__version__ = "0.1.0"
