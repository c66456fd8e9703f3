"""``python -m trialog`` is the ``trialog`` command."""

import sys

from trialog.cli import main

if __name__ == "__main__":
    sys.exit(main())
