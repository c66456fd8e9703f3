"""The ``trialog`` command; each subcommand is one module."""
