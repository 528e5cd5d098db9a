from nmt.cli.common import Common, command


@command
def tokenize(common: Common) -> None:
    """Being built."""
