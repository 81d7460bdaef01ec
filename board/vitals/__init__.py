"""How the processes are doing, and what is wrong: `/health` and `/metrics`."""
