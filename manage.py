#!/usr/bin/env python
"""Entry point of every command of the portal."""

import os
import sys


def main() -> None:
    """Run one management command with the portal's settings; a witness has no portal."""
    if sys.argv[1:2] == ["omm_witness"]:
        from omm_portal.node.witness import main as witness

        sys.exit(witness(sys.argv[2:]))
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "omm_portal.settings")
    from django.core.management import execute_from_command_line

    execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
