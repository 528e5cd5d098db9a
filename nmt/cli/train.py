from nmt.cli.common import Common, command


@command
def train(common: Common) -> None:
    """Being built."""
