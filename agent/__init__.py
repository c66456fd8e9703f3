"""Everything that runs on the agent thread. Internal: import from ``trialog``, not from here."""
