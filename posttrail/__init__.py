"""posttrail: contracts between the stages, and the command line. No stage's code."""

from importlib.metadata import version

__version__ = version("posttrail")
