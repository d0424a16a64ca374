"""`python -m gateway.simulator`: the same as `smsgw simulate`, without an installed command."""

import typer

from gateway.cli.simulate import simulate

if __name__ == "__main__":
    typer.run(simulate)
