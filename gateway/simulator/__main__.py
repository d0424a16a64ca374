"""`python -m gateway.simulator`: the same as `smsgw simulate`, for who has no command installed."""

import typer

from gateway.cli.simulate import simulate

if __name__ == "__main__":
    typer.run(simulate)
