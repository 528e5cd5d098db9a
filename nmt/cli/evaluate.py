from nmt.cli.common import Common, command


@command
def evaluate(common: Common) -> None:
    """Being built."""
