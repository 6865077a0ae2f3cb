"""What is measured, and what the project asks of itself."""

from dataclasses import dataclass, field

MIB = 1 << 20


@dataclass(frozen=True)
class Target:
    """`figure` of the row `ours`, divided by that of the row `peer`, is `most` at most."""

    peer: str
    most: float
    ours: str = "mtls"


@dataclass(frozen=True)
class Workload:
    name: str
    title: str
    kind: str = "load"  # which function of measure.py; load: a driver, and what it says of itself
    mode: str = "get"  # of the drivers
    unit: str = "request"  # what CPU time is divided by: request, handshake, MiB
    figure: str = "cpu"  # what ratios are made of: cpu or wall
    server: str = "full"  # which of stage.py's
    path: str = "/hello"
    key: str = "p256"
    token: bool = False
    requests: int = 0
    quick: int = 0  # the same with --quick
    concurrency: int = 1
    warm_up: int = 0
    size: int = 0  # bytes of a body
    rows: tuple[str, ...] = ()
    targets: tuple[Target, ...] = ()
    limits: dict[str, tuple[str, float]] = field(default_factory=dict)  # absolute: key → (at most|at least, value)


GET_ROWS = ("mtls", "mtls-global", "floor", "libcurl-gnutls", "libcurl-openssl", "go", "node", "ahc", "wrk")
PEM_ROWS = ("mtls", "floor", "libcurl-gnutls", "libcurl-openssl", "go", "node", "ahc")
TOKEN_ROWS = ("mtls", "floor", "libcurl-gnutls", "libcurl-openssl")


def _get(name: str, title: str, **settings) -> Workload:
    return Workload(name, title, rows=GET_ROWS, **settings)


def _full(key: str, concurrency: int, token: bool, targets: tuple[Target, ...]) -> Workload:
    kind = {"p256": "P-256", "rsa2048": "RSA-2048"}[key]
    return Workload(
        f"{'token' if token else 'full'}-{key}" + (f"-{concurrency}" if concurrency > 1 else ""),
        f"full handshakes, key {kind} {'in SoftHSM' if token else 'in a PEM file'}, "
        + (f"{concurrency} at once" if concurrency > 1 else "one at a time"),
        mode="full", unit="handshake", path="/resumed", key=key, token=token, concurrency=concurrency,
        requests=400, quick=150, warm_up=2 * concurrency + 10, rows=TOKEN_ROWS if token else PEM_ROWS, targets=targets)


def _resumed(version: str, server: str) -> Workload:
    return Workload(
        f"resumed-{version}", f"resumed handshakes, TLS {version}", mode="resumed", unit="handshake", server=server,
        path="/resumed", requests=400, quick=150, warm_up=10, rows=PEM_ROWS,
        targets=(Target("floor", 1.15), Target("go", 0.90)))


def _bulk(name: str, title: str, path: str) -> Workload:
    return Workload(
        name, title, mode=name, unit="MiB", path=path, requests=3, quick=1, warm_up=1, size=256 * MIB,
        rows=("mtls", "floor-buffered", "libcurl-gnutls", "libcurl-openssl", "go", "node", "ahc"),
        targets=(Target("libcurl-gnutls", 0.95), Target("floor-buffered", 1.15)))


FLOOR_PEM = (Target("floor", 1.10),)
FLOOR_P256 = (Target("floor", 1.20), Target("libcurl-openssl", 0.75))
FLOOR_RSA = (Target("floor", 1.05), Target("libcurl-openssl", 0.80))

WORKLOADS = (
    _get("get", "small GETs, one after another, one connection", requests=10000, quick=3000, warm_up=1000,
         targets=(Target("libcurl-gnutls", 0.90), Target("wrk", 1.25), Target("ahc", 0.50, ours="mtls-global"))),
    _get("pool", "small GETs, 64 at once over a pool", requests=20000, quick=8000, warm_up=2000, concurrency=64,
         targets=(Target("libcurl-gnutls", 0.75), Target("wrk", 1.15), Target("ahc", 0.50, ours="mtls-global"))),
    _full("p256", 1, False, FLOOR_PEM),
    _full("p256", 8, False, FLOOR_PEM),
    _full("rsa2048", 1, False, FLOOR_PEM),
    _full("rsa2048", 8, False, FLOOR_PEM),
    _resumed("1.3", "tickets"),
    _resumed("1.2", "tickets-1.2"),
    _full("p256", 1, True, FLOOR_P256),
    _full("p256", 8, True, FLOOR_P256),
    _full("rsa2048", 1, True, FLOOR_RSA),
    _full("rsa2048", 8, True, FLOOR_RSA),
    Workload("token-rate", "a token that takes 20 ms for a signature, by its sessions", kind="token_rate",
             rows=("TokenRate",), limits={"times_8": ("at least", 7.0)}),
    _bulk("down", "256 MiB down, one connection", "/big"),
    _bulk("up", "256 MiB up, one connection", "/upload"),
    Workload("idle", "memory of 1,000 idle connections", kind="idle", mode="idle", path="/slow",
             requests=1000, quick=250, rows=("mtls", "floor", "libcurl-gnutls", "libcurl-openssl", "go", "node", "ahc"),
             limits={"kib_each": ("at most", 32.0)}),
    Workload("start", "one GET by a command, key in a PEM file", kind="start", figure="wall", requests=15, quick=7,
             rows=("mtls", "curl", "libcurl-gnutls", "floor", "go", "node"), targets=(Target("curl", 1.0),)),
    Workload("start-token", "one GET by a command, key in SoftHSM", kind="start", figure="wall", token=True,
             requests=15, quick=7, rows=("mtls", "curl", "curl-module", "libcurl-gnutls", "floor"),
             targets=(Target("curl", 0.8),)),
    Workload("loop-gap", "the loop's longest gap: 8 connections, a token that takes 300 ms", kind="loop_gap",
             rows=("LoopGap",), limits={"more_ms": ("at most", 5.0)}),
)
