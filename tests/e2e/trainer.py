"""A training script for the tests: logs rows at a pace and says on stdout, with the time, which ones it logged."""

from __future__ import annotations

import sys
import time

import trialog


def main() -> None:
    rows, pause_s = int(sys.argv[1]), float(sys.argv[2])
    run = trialog.init(project="crash", config={"lr": 0.1}, settings={"disable_stats": True})
    print(f"run {run.id}", flush=True)
    for step in range(rows):
        run.log({"loss": 1 / (step + 1), "accuracy": step / rows})
        print(f"{step} {time.time():.6f}", flush=True)
        time.sleep(pause_s)
    run.finish()
    print("done", flush=True)


if __name__ == "__main__":
    main()
