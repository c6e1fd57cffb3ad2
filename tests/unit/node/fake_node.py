"""A supervisor over tiny children; started by the tests with a list of children as JSON."""

import asyncio
import json
import sys

from omm_portal.node import env
from omm_portal.node.process import ChildSpec
from omm_portal.node.runfiles import take_lock
from omm_portal.node.supervisor import Supervisor


async def main(children: list[dict[str, object]]) -> int:
    node = env.load()
    node.log_dir.mkdir(parents=True, exist_ok=True)
    specs = [
        ChildSpec(str(c["name"]), (sys.executable, "-c", str(c["code"])), {}, float(str(c["stop"])))
        for c in children
    ]
    order = [[spec.name] for spec in specs]
    return await Supervisor(node, specs, {}, stop_order=order).run()


if __name__ == "__main__":
    take_lock(env.load().run_dir)
    sys.exit(asyncio.run(main(json.loads(sys.argv[1]))))
