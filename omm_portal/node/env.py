"""The environment of one node: every ``OMM_*`` variable, checked once, before anything runs."""

import hashlib
import ipaddress
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from omm_portal.node.reader import EnvironmentProblem, Reader
from omm_portal.node.secrets import Secret, SecretUnreadable, kept_secret

BASE_DIR = Path(__file__).resolve().parent.parent.parent
EXIT_BAD_ENVIRONMENT = 2
SECRET_MIN_LENGTH = 32
BEATS_PER_TIMEOUT = 10
MIN_SILENCE_BEATS = 4
PROBE_SECONDS = 0.2
WITNESS_PORT = 16323
MOST_WITNESSES = 5
UNIX_PATH_LIMIT = 107
SPLIT_POLICIES = ("longest_active", "most_rfps")

PLAIN_NAMES = frozenset(
    {
        "OMM_ADDRESS",
        "OMM_PEER_ADDRESS",
        "OMM_BIND",
        "OMM_PATHS",
        "OMM_WITNESSES",
        "OMM_DATA_DIR",
        "OMM_LOG_DIR",
        "OMM_WEB_PORT",
        "OMM_RFP_PORT",
        "OMM_LINK_PORT",
        "OMM_ALLOWED_HOSTS",
        "OMM_TRUSTED_PROXIES",
        "OMM_PUBLIC_URL",
        "OMM_SESSION_HOURS",
        "OMM_METRICS_NETWORKS",
        "OMM_HEARTBEAT_INTERVAL",
        "OMM_CONTACT_TIMEOUT",
        "OMM_STARTUP_WAIT",
        "OMM_HANDOVER_WAIT",
        "OMM_REPLICATION_WAIT",
        "OMM_ERROR_GRACE",
        "OMM_SIP_LOST_WAIT",
        "OMM_RFP_HEARTBEAT",
        "OMM_SPLIT_POLICY",
        "OMM_ADDRESS_TRIAL",
    }
)
SECRET_NAMES = frozenset(
    {
        "OMM_PAIR_SECRET",
        "OMM_PAIR_SECRET_PREVIOUS",
        "OMM_ADMIN_PASSWORD",
        "DATABASE_URL",
        "REDIS_URL",
    }
)
SECRET_FILE_NAMES = frozenset(f"{name}_FILE" for name in SECRET_NAMES)
INTERNAL_NAMES = frozenset({"OMM_ENV_FILE", "OMM_PROCESS"})
PATH_NAMES = SECRET_FILE_NAMES | {"OMM_DATA_DIR", "OMM_LOG_DIR"}
KNOWN_NAMES = PLAIN_NAMES | SECRET_NAMES | SECRET_FILE_NAMES | INTERNAL_NAMES


@dataclass(frozen=True, slots=True)
class NodeEnvironment:
    """Everything one node is told from outside. Durations are seconds, addresses are canonical."""

    address: str
    peer_address: str
    bind: str
    paths: tuple[tuple[str, str], ...]
    witnesses: tuple[tuple[str, int], ...]
    pair_secret: Secret
    pair_secret_previous: Secret | None
    data_dir: Path
    log_dir: Path
    web_port: int
    rfp_port: int
    link_port: int
    admin_password: Secret | None
    allowed_hosts: tuple[str, ...]
    trusted_proxies: tuple[str, ...]
    public_url: str
    session_hours: float
    metrics_networks: tuple[str, ...]
    heartbeat_interval: float
    contact_timeout: float
    startup_wait: float
    handover_wait: float
    replication_wait: float
    error_grace: float
    sip_lost_wait: float
    rfp_heartbeat: float
    split_policy: str
    address_trial: float
    database_url: Secret | None
    redis_url: Secret | None
    process: str

    @property
    def all_paths(self) -> tuple[tuple[str, str], ...]:
        """Every heartbeat path as (own, peer) address, the main one first; empty without a peer."""
        if not self.peer_address:
            return ()
        return ((self.address, self.peer_address), *self.paths)

    @property
    def pair_secrets(self) -> tuple[bytes, ...]:
        """The pair secret and, while it is being changed, the one before it."""
        known = filter(None, (self.pair_secret, self.pair_secret_previous))
        return tuple(secret.reveal().encode() for secret in known)

    @property
    def run_dir(self) -> Path:
        """Where the files of the running node are: sockets, lease, process list."""
        return self.data_dir / "run"

    @property
    def lease_path(self) -> Path:
        """The role lease."""
        return self.run_dir / "lease"

    @property
    def term_path(self) -> Path:
        """The highest term this node ever showed."""
        return self.data_dir / "term"

    @property
    def control_socket(self) -> Path:
        """Where the pair runtime takes commands."""
        return self.run_dir / "control.sock"

    @property
    def supervisor_socket(self) -> Path:
        """Where the supervisor takes commands."""
        return self.run_dir / "supervisor.sock"

    @property
    def pids_path(self) -> Path:
        """The list of the node's processes."""
        return self.run_dir / "pids.json"

    @property
    def database_path(self) -> Path:
        """The SQLite file of configuration and journal (unused with ``DATABASE_URL``)."""
        return self.data_dir / "omm.sqlite3"

    @property
    def live_path(self) -> Path:
        """The SQLite file of events, sessions and live base-station rows."""
        return self.data_dir / "live.sqlite3"

    @property
    def redis_socket(self) -> Path:
        """The embedded Redis' Unix socket; in a short directory when the path would be too long."""
        path = self.run_dir / "redis.sock"
        if len(os.fsencode(path)) <= UNIX_PATH_LIMIT:
            return path
        short = hashlib.sha256(os.fsencode(self.data_dir)).hexdigest()[:16]
        return Path(f"/tmp/omm-{os.getuid()}-{short}/redis.sock")  # noqa: S108 (made 0700, owner checked)

    @property
    def web_url(self) -> str:
        """This node's own web address, for people."""
        return f"http://{host_in_url(self.address)}:{self.web_port}"

    @property
    def pair_origins(self) -> frozenset[str]:
        """Web origins at which pages of this pair may be open: addresses, names and proxy.

        A name allowed here counts for both OMMs: the two are told the same names.
        """
        addresses = filter(None, (self.address, self.peer_address))
        names = (name for name in self.allowed_hosts if not name.startswith((".", "*")))
        hosts = (*map(host_in_url, addresses), *names)
        return frozenset(
            filter(None, (self.public_url, *(f"http://{host}:{self.web_port}" for host in hosts)))
        )


def host_in_url(address: str) -> str:
    """An IP address as it stands in a URL: IPv6 in brackets."""
    return f"[{address}]" if ":" in address else address


def load() -> NodeEnvironment:
    """The node's environment from the process and ``OMM_ENV_FILE``; raises EnvironmentProblem."""
    return parse(gather(os.environ))


def gather(process: Mapping[str, str]) -> dict[str, str]:
    """The process' variables over those of the environment file (default ``.env``, may be absent).

    Relative paths count from the file's own directory, or, in the process, from the current one.
    Raises EnvironmentProblem when a file that was named cannot be read.
    """
    named = process.get("OMM_ENV_FILE", "")
    path = Path(named) if named else BASE_DIR / ".env"
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        if named:
            raise EnvironmentProblem(f"OMM_ENV_FILE: {path} does not exist") from None
        text = ""
    except (OSError, UnicodeDecodeError) as problem:
        raise EnvironmentProblem(f"OMM_ENV_FILE: cannot read {path}: {problem}") from None
    return {
        **_anchored(parse_file(text), path.absolute().parent),
        **_anchored(process, Path.cwd()),
    }


def _anchored(values: Mapping[str, str], directory: Path) -> dict[str, str]:
    """The values with their relative paths made absolute."""
    paths = {name: values[name] for name in PATH_NAMES if values.get(name)}
    return {**values, **{name: str(directory / text) for name, text in paths.items()}}


def parse_file(text: str) -> dict[str, str]:
    """``NAME=value`` lines; the value is everything after ``=``, verbatim.

    Blank lines and lines that begin with ``#`` are skipped, ``export`` is allowed, and one pair of
    quotes around the whole value is taken off. Nothing else is interpreted.
    """
    values: dict[str, str] = {}
    for number, raw in enumerate(text.splitlines(), start=1):
        line = raw.strip().removeprefix("export ").lstrip()
        if not line or line.startswith("#"):
            continue
        name, separator, value = line.partition("=")
        if not separator or not name.strip().isidentifier():
            raise EnvironmentProblem(f"OMM_ENV_FILE: line {number} is not NAME=value")
        values[name.strip()] = _unquoted(value.strip())
    return values


def _unquoted(value: str) -> str:
    if len(value) >= 2 and value[0] == value[-1] and value[0] in "'\"":
        return value[1:-1]
    return value


def parse(values: Mapping[str, str]) -> NodeEnvironment:
    """Check all variables and put them together; raises EnvironmentProblem naming the variable."""
    _refuse_unknown(values)
    reader = Reader(values)
    address = reader.address("OMM_ADDRESS")
    if not address:
        raise EnvironmentProblem("OMM_ADDRESS is missing: the IP address of this OMM")
    peer = reader.address("OMM_PEER_ADDRESS")
    data_dir = reader.directory("OMM_DATA_DIR", BASE_DIR / "data")
    node = NodeEnvironment(
        address=address,
        peer_address=peer,
        bind=reader.address("OMM_BIND", unspecified=True) or address,
        paths=reader.paths("OMM_PATHS"),
        witnesses=reader.endpoints("OMM_WITNESSES", WITNESS_PORT),
        pair_secret=_pair_secret(reader, peer, data_dir),
        pair_secret_previous=long_secret(reader, "OMM_PAIR_SECRET_PREVIOUS"),
        data_dir=data_dir,
        log_dir=reader.directory("OMM_LOG_DIR", data_dir / "logs"),
        web_port=reader.port("OMM_WEB_PORT", 8000),
        rfp_port=reader.port("OMM_RFP_PORT", 16321),
        link_port=reader.port("OMM_LINK_PORT", 16322),
        admin_password=reader.secret("OMM_ADMIN_PASSWORD"),
        allowed_hosts=reader.texts("OMM_ALLOWED_HOSTS"),
        trusted_proxies=reader.networks("OMM_TRUSTED_PROXIES"),
        public_url=reader.url("OMM_PUBLIC_URL"),
        session_hours=reader.seconds("OMM_SESSION_HOURS", 12),
        metrics_networks=reader.networks("OMM_METRICS_NETWORKS"),
        heartbeat_interval=reader.seconds("OMM_HEARTBEAT_INTERVAL", 0.1),
        contact_timeout=reader.seconds("OMM_CONTACT_TIMEOUT", 1.0),
        startup_wait=reader.seconds("OMM_STARTUP_WAIT", 3.0),
        handover_wait=reader.seconds("OMM_HANDOVER_WAIT", 2.0),
        replication_wait=reader.seconds("OMM_REPLICATION_WAIT", 1.0),
        error_grace=reader.seconds("OMM_ERROR_GRACE", 3.0),
        sip_lost_wait=reader.seconds("OMM_SIP_LOST_WAIT", 30.0),
        rfp_heartbeat=reader.seconds("OMM_RFP_HEARTBEAT", 15.0),
        split_policy=reader.choice("OMM_SPLIT_POLICY", SPLIT_POLICIES),
        address_trial=reader.seconds("OMM_ADDRESS_TRIAL", 60.0),
        database_url=reader.service_url("DATABASE_URL", ("postgres", "postgresql")),
        redis_url=reader.service_url("REDIS_URL", ("redis", "rediss", "unix")),
        process=values.get("OMM_PROCESS", ""),
    )
    _check_together(node)
    return node


def _refuse_unknown(values: Mapping[str, str]) -> None:
    unknown = sorted(name for name in values if name.startswith("OMM_") and name not in KNOWN_NAMES)
    if unknown:
        raise EnvironmentProblem(f"{', '.join(unknown)}: no such setting (misspelt?)")


def _pair_secret(reader: Reader, peer: str, data_dir: Path) -> Secret:
    secret = long_secret(reader, "OMM_PAIR_SECRET")
    if secret is not None:
        return secret
    if peer:
        raise EnvironmentProblem(
            "OMM_PAIR_SECRET is missing: with OMM_PEER_ADDRESS set both OMMs need the same secret"
        )
    try:
        return kept_secret(data_dir / "pair-secret")
    except SecretUnreadable as problem:
        raise EnvironmentProblem(f"OMM_DATA_DIR: {problem}") from None


def long_secret(reader: Reader, name: str) -> Secret | None:
    """A pair secret, or None; raises EnvironmentProblem for one that is too short."""
    secret = reader.secret(name)
    if secret is not None and len(secret) < SECRET_MIN_LENGTH:
        raise EnvironmentProblem(f"{name} is too short: at least {SECRET_MIN_LENGTH} characters")
    return secret


def _check_witnesses(node: NodeEnvironment) -> None:
    if not node.witnesses:
        return
    if not node.peer_address:
        raise EnvironmentProblem("OMM_WITNESSES is set but OMM_PEER_ADDRESS is not")
    hosts = [address for address, _ in node.witnesses]
    if len(set(hosts)) < len(hosts):
        raise EnvironmentProblem("OMM_WITNESSES names one host twice")
    if {node.address, node.peer_address} & set(hosts):
        raise EnvironmentProblem(
            "OMM_WITNESSES names one of the two OMMs: a witness belongs on a third host"
        )
    if len(hosts) % 2 == 0 or len(hosts) > MOST_WITNESSES:
        raise EnvironmentProblem(
            f"OMM_WITNESSES names {len(hosts)} witnesses: more than half of them must agree, so "
            "name one, three or five"
        )


def _check_together(node: NodeEnvironment) -> None:
    """Rules over more than one variable."""
    if node.address == node.peer_address:
        raise EnvironmentProblem("OMM_PEER_ADDRESS is this OMM's own address (OMM_ADDRESS)")
    if node.pair_secret_previous == node.pair_secret:
        raise EnvironmentProblem("OMM_PAIR_SECRET_PREVIOUS is the same as OMM_PAIR_SECRET")
    addresses = [node.address, *filter(None, [node.peer_address])]
    if len({ipaddress.ip_address(address).version for address in addresses}) > 1:
        raise EnvironmentProblem("OMM_PEER_ADDRESS is not of the IP version of OMM_ADDRESS")
    if node.paths and not node.peer_address:
        raise EnvironmentProblem("OMM_PATHS is set but OMM_PEER_ADDRESS is not")
    _check_witnesses(node)
    own = [own for own, _ in node.all_paths]
    if len(set(own)) < len(own):
        raise EnvironmentProblem("OMM_PATHS names one of this OMM's own addresses twice")
    ports = {node.web_port, node.rfp_port, node.link_port}
    if len(ports) < 3:
        raise EnvironmentProblem("OMM_WEB_PORT, OMM_RFP_PORT and OMM_LINK_PORT must differ")
    if node.contact_timeout < node.heartbeat_interval * BEATS_PER_TIMEOUT - 1e-9:
        raise EnvironmentProblem(
            f"OMM_CONTACT_TIMEOUT is shorter than {BEATS_PER_TIMEOUT} times OMM_HEARTBEAT_INTERVAL"
        )
    shortest = node.heartbeat_interval * MIN_SILENCE_BEATS + PROBE_SECONDS
    if node.contact_timeout < shortest - 1e-9:
        raise EnvironmentProblem(
            f"OMM_CONTACT_TIMEOUT is shorter than {shortest:g}: {MIN_SILENCE_BEATS} heartbeats "
            f"and {PROBE_SECONDS:g} s of probes"
        )
