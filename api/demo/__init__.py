"""The demo's training: an ordinary script on real data, which the ``trialog demo`` command runs."""
