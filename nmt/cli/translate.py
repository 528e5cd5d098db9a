from nmt.cli.common import Common, command


@command
def translate(common: Common) -> None:
    """Being built."""
