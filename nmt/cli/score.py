from nmt.cli.common import Common, command


@command
def score(common: Common) -> None:
    """Being built."""
