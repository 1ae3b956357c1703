"""How right fastpost's own mode is, on gold: `make eval`, or `python -m eval`."""
