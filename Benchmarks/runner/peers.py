"""Whom we measure, and by which command. A row of a block is one of these."""

import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from drivers import Drivers
from stage import PIN, Stage, Unavailable, run
from workloads import Workload

HOLD = "60"  # seconds that a driver would keep idle connections; it is ended as soon as it has told of them


@dataclass(frozen=True)
class Command:
    words: list[str]
    environment: dict[str, str] = field(default_factory=dict)
    output: str = "json"  # or wrk


@dataclass(frozen=True)
class Context:
    """What a command is made of."""

    stage: Stage
    drivers: Drivers
    quick: bool

    def requests(self, workload: Workload) -> int:
        return workload.quick if self.quick else workload.requests


@dataclass(frozen=True)
class Peer:
    name: str
    title: str
    version: Callable[[Drivers], str]  # raises Unavailable
    command: Callable[[Context, Workload], Command]
    note: str = ""


# --- mtls ---

def _mtls_identity(context: Context, workload: Workload) -> list[str]:
    stage, key = context.stage, workload.key
    words = ["--cacert", str(stage.authority), "-E", str(stage.certificate(key))]
    if workload.token:
        return words + ["--key", stage.key_uri(key), "--pin-env", "BENCH_PIN", "--module", str(stage.module)]
    return words + ["--key", str(stage.key(key))]


def _mtls_bench(context: Context, workload: Workload, program: Path, executor: str) -> Command:
    words = [str(program), "bench", "--json", "--executor", executor, *_mtls_identity(context, workload)]
    if workload.mode == "idle":
        words += ["--idle-connections", str(context.requests(workload)), "--hold", HOLD, "--concurrency", "64"]
    else:
        words += ["--requests", str(context.requests(workload)), "--warm-up", str(workload.warm_up)]
        words += ["--concurrency", str(workload.concurrency)]
    if workload.mode in ("full", "resumed"):
        words += ["--new-connections"]
    if workload.mode == "full":
        words += ["--no-resumption"]
    if workload.mode == "up":
        words += ["--method", "POST", "--data-size", str(workload.size)]
    return Command(words + [context.stage.url(workload.server, workload.path)])


def _mtls(program: Callable[[Drivers], Path], executor: str = "loop"):
    def command(context: Context, workload: Workload) -> Command:
        path = program(context.drivers)
        if workload.kind != "start":
            return _mtls_bench(context, workload, path, executor)
        url = context.stage.url(workload.server, workload.path)
        return Command([str(path), "-s", "-o", "/dev/null", *_mtls_identity(context, workload), url])

    return command


# --- Drivers: all of them know the same options ---

def _driver(path: Callable[[Drivers], list[str]], *more: str, token: Callable[[Stage], list[str]] | None = None):
    def command(context: Context, workload: Workload) -> Command:
        stage, once = context.stage, workload.kind == "start"
        words = [*path(context.drivers), *more, f"mode={workload.mode}", f"ca={stage.authority}"]
        words += [f"cert={stage.certificate(workload.key)}", f"requests={1 if once else context.requests(workload)}"]
        words += [f"concurrency={workload.concurrency}", f"warm-up={workload.warm_up}", f"size={workload.size}"]
        if workload.mode == "idle":
            words.append(f"hold={HOLD}")
        if workload.token:
            if token is None:
                raise Unavailable("knows no tokens")
            words += [f"key={stage.key_uri(workload.key)}?pin-value={PIN}", *token(stage)]
        else:
            words.append(f"key={stage.key(workload.key)}")
        # The floor's connections are made one after another: nothing has to keep them apart.
        floor = workload.mode == "idle" and "floor" in Path(words[0]).name
        return Command([*words, f"url={stage.url(workload.server, '/hello' if floor else workload.path)}"])

    return command


def _floor(*more: str):
    return _driver(lambda drivers: [str(drivers.floor)], *more, token=lambda stage: [f"module={stage.module}"])


def _said(*words: str):
    def version(_: Drivers) -> str:
        if shutil.which(words[0]) is None:
            raise Unavailable(f"{words[0]} is not installed")
        return run(*words).splitlines()[0].strip()

    return version


def _node() -> str:
    return os.environ.get("NODE", "node")


# --- Others ---

def _wrk(context: Context, workload: Workload) -> Command:
    seconds = "1" if context.quick else "2"
    words = ["wrk", "-t1", f"-c{workload.concurrency}", f"-d{seconds}s", "--latency"]
    return Command(words + [context.stage.url("open", workload.path)], output="wrk")


def _wrk_version(_: Drivers) -> str:
    if shutil.which("wrk") is None:
        raise Unavailable("wrk is not installed")
    return "wrk"


def _curl(module_named: bool):
    def command(context: Context, workload: Workload) -> Command:
        stage = context.stage
        words = ["curl", "-s", "-o", "/dev/null", "--http1.1", "--cacert", str(stage.authority)]
        words += ["--cert", str(stage.certificate(workload.key))]
        if workload.token:
            words += ["--engine", "pkcs11", "--key-type", "ENG"]
            words += ["--key", f"{stage.key_uri(workload.key)}?pin-value={PIN}"]
        else:
            words += ["--key", str(stage.key(workload.key))]
        more = {"PKCS11_MODULE_PATH": str(stage.module)} if module_named else {}
        return Command(words + [stage.url(workload.server, workload.path)], more)

    return command


def _program(name: str) -> Peer:
    return Peer(name, name, lambda drivers: drivers.program(name).name,
                lambda context, _: Command([str(context.drivers.program(name)), "--json"]))


PEERS = {peer.name: peer for peer in (
    Peer("mtls", "mtls, on the loop", lambda d: run(d.mtls, "--version").strip(), _mtls(lambda d: d.mtls)),
    Peer("mtls-global", "mtls, global pool", lambda d: run(d.mtls, "--version").strip(),
         _mtls(lambda d: d.mtls, "global")),
    Peer("before", "mtls, the build to compare", lambda d: run(d.before, "--version").strip(),
         _mtls(lambda d: d.before)),
    Peer("floor", "floor: bare GnuTLS in C", lambda d: run(d.floor, "mode=version").strip(), _floor()),
    Peer("floor-buffered", "floor, with buffers", lambda d: run(d.floor, "mode=version").strip(),
         _floor("transport=buffered")),
    Peer("libcurl-gnutls", "libcurl on GnuTLS", lambda d: run(d.curl_gnutls, "mode=version").strip(),
         _driver(lambda d: [str(d.curl_gnutls)], token=lambda stage: [])),
    Peer("libcurl-openssl", "libcurl on OpenSSL", lambda d: run(d.curl_openssl, "mode=version").strip(),
         _driver(lambda d: [str(d.curl_openssl)], token=lambda stage: ["engine=pkcs11"])),
    Peer("go", "Go net/http", lambda d: run(d.go, "mode=version").strip(), _driver(lambda d: [str(d.go)])),
    Peer("node", "Node https.Agent", lambda d: "Node " + _said(_node(), "--version")(d),
         _driver(lambda d: [_node(), str(d.node)])),
    Peer("ahc", "AsyncHTTPClient", lambda d: d.ahc_version(), _driver(lambda d: [str(d.ahc)])),
    Peer("wrk", "wrk", _wrk_version, _wrk, note="shows no client certificate"),
    Peer("curl", "curl", _said("curl", "--version"), _curl(module_named=False)),
    Peer("curl-module", "curl, its module named", _said("curl", "--version"), _curl(module_named=True)),
    _program("TokenRate"),
    _program("LoopGap"),
)}
