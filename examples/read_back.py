"""Reads the runs of this folder back: the best of each project, and one whole history."""

import trialog

with trialog.init(project="examples") as run:
    run.define_metric("loss", summary="min")
    for value in (3.0, 1.0, 2.0):
        run.log({"loss": value})

api = trialog.Api(path="trialog-runs")
for stored in api.runs("examples"):
    print(stored.name, stored.state, stored.config, stored.summary.get("loss"))
for row in api.run(run.id).scan_history(keys=["loss"]):
    print(row)
