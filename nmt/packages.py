"""Packages that only some features need, and the command that installs them."""

EXTRAS = {
    "comet": ("unbabel-comet>=2.2.2", "setuptools<81"),
    "ctranslate2": ("ctranslate2>=4.8.5",),
    "moses": ("sacremoses>=0.1.1",),
    "plots": ("matplotlib>=3.9",),
    "tensorboard": ("tensorboard>=2.15",),
    "langid": ("py3langid>=0.4",),
    "parquet": ("pyarrow>=15",),
    "zstd": ("backports.zstd>=1.0",),
}
"""Extra -> its requirements, as in pyproject.toml."""


def install(extra: str) -> str:
    """The command that installs the packages of an extra."""
    return " ".join(["pip install", *(f'"{each}"' for each in EXTRAS[extra])])
