"""`python -m wildrobot_cli`."""

from wildrobot_cli.cli.app import main

main()
