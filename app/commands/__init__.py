"""One file per sub-command of `python -m app`; app/cli.py lists them."""
