"""The DHCP servers that there are configurations for: one module each, all of the same shape."""

from __future__ import annotations

from dataclasses import dataclass
from types import ModuleType

from rfps.dhcp import dhcpd, dnsmasq, kea, mikrotik, windows
from rfps.dhcp.plan import Form, Plan


@dataclass(frozen=True, slots=True)
class Server:
    """One kind of DHCP server."""

    code: str
    title: str
    filename: str
    check: str
    """Command that checks the file's syntax, with ``{file}`` in it; empty: there is none."""
    module: ModuleType

    def render(self, plan: Plan) -> str:
        """The configuration, with a comment on top that tells what it is; no trailing blanks."""
        mark = self.module.COMMENT
        about = [
            plan.title or "Base stations (RFPs)",
            f"Option 43: {plan.option43.hex(' ')}",
            _FORMS[plan.form],
        ]
        comment = "".join(f"{mark} {line}\n" for line in about)
        return f"{comment}\n{self.module.render(plan)}"


_FORMS = {
    Form.COMPLETE: "Whole configuration: this server answers base stations only.",
    Form.MINIMAL: "Part of a configuration: put it into the one that is there.",
}

SERVERS = {
    code: Server(code, module.TITLE, module.FILENAME, module.CHECK, module)
    for code, module in (
        ("dhcpd", dhcpd),
        ("dnsmasq", dnsmasq),
        ("kea", kea),
        ("mikrotik", mikrotik),
        ("windows", windows),
    )
}
"""By the name that pages and REST use."""
