"""A supervisor over tiny children; started by the tests with a list of children as JSON.

``fake_node.py LIST [--nursery]``: with a nursery the children are born there, as in a real node.
"""

import asyncio
import json
import os
import sys

import django

from omm_portal.node import env
from omm_portal.node.births import Births
from omm_portal.node.process import ChildSpec
from omm_portal.node.runfiles import take_lock
from omm_portal.node.supervisor import Supervisor


async def main(children: list[dict[str, object]], births: Births) -> int:
    node = env.load()
    node.log_dir.mkdir(parents=True, exist_ok=True)
    specs = [
        ChildSpec(
            str(child["name"]),
            (sys.executable, str(child["file"])),
            {"OMM_PROCESS": str(child["name"])},
            float(str(child["stop"])),
        )
        for child in children
    ]
    order = [[spec.name] for spec in specs]
    return await Supervisor(node, specs, {}, stop_order=order, births=births).run()


def forked_births(lock: int) -> Births:
    os.environ["DJANGO_SETTINGS_MODULE"] = "omm_portal.settings"
    django.setup()
    from standby.management.commands.omm import fork_nursery

    return Births.inherited(*fork_nursery(lock))


if __name__ == "__main__":
    held = take_lock(env.load().run_dir)
    found = forked_births(held) if "--nursery" in sys.argv else Births()
    sys.exit(asyncio.run(main(json.loads(sys.argv[1]), found)))
