"""Published timings, priors from physics, and the fit of both: `python -m core.cost.calibrate`."""
