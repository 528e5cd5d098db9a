from nmt.cli.common import Common, command


@command
def init(common: Common) -> None:
    """Being built."""
