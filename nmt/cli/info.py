from nmt.cli.common import Common, command


@command
def info(common: Common) -> None:
    """Being built."""
