"""`python -m posttrail.cli`: the program by its module, as `posttrail up` starts the stages."""

from posttrail.cli.main import main

main()
