"""The command line: parse, call, print. Exit codes: 0 done, 1 not done (the reason on stderr), 2 usage.

Each noun has a module; heavy imports happen inside the commands, so that `smsgw --help` is quick. Nothing here speaks
SQL or HTTP.
"""


def main() -> None:
    """Run the command line."""
    from gateway.cli.commands import app

    app(prog_name="smsgw")
