from nmt.cli.common import Common, command


@command
def prepare(common: Common) -> None:
    """Being built."""
