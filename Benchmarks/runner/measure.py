"""Runs one command, and makes figures of what it said and used."""

import json
import os
import re
import signal
import statistics
import subprocess
import threading
import time

from peers import Command, Context, Peer
from workloads import MIB, Workload

LIMIT = 120  # seconds for one command


class Failed(Exception):
    """What the command said, or how it ended."""


class Process:
    """A command that runs: its output, what it used, and never longer than the limit."""

    def __init__(self, command: Command, context: Context):
        self.started = time.perf_counter()
        self._process = subprocess.Popen(
            command.words, env=context.stage.environment(**command.environment), stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True)
        self._timer = threading.Timer(LIMIT, self._kill)
        self._timer.start()
        self._complaints = b""
        self._reader = threading.Thread(target=self._read_complaints)
        self._reader.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._timer.cancel()
        if self._process.returncode is None:
            self._kill()
            self._process.wait()
        self._reader.join()
        self._process.stdout.close()
        self._process.stderr.close()

    def _kill(self):
        """The command, and what it started."""
        try:
            os.killpg(self._process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass

    def _read_complaints(self):
        self._complaints = self._process.stderr.read()

    def line(self) -> str:
        return self._process.stdout.readline().decode(errors="replace")

    def sockets(self) -> int:
        count, directory = 0, f"/proc/{self._process.pid}/fd"
        for name in os.listdir(directory):
            try:
                count += os.readlink(f"{directory}/{name}").startswith("socket:")
            except OSError:
                pass
        return count

    def rest(self) -> tuple[str, float, float]:
        """The output, once the command has ended well; its wall time; its processor time."""
        output = self._process.stdout.read().decode(errors="replace")
        _, status, usage = os.wait4(self._process.pid, 0)
        wall = time.perf_counter() - self.started
        self._process.returncode = os.waitstatus_to_exitcode(status)
        self._reader.join()
        if self._process.returncode:
            said = self._complaints.decode(errors="replace").strip().splitlines() or output.strip().splitlines()
            raise Failed(said[0][:200] if said else f"status {self._process.returncode}")
        return output, wall, usage.ru_utime + usage.ru_stime


def _json(text: str) -> dict:
    lines = [line for line in text.splitlines() if line.startswith("{")]
    if not lines:
        raise Failed(f"no result: {text[:200]!r}")
    return json.loads(lines[-1])


def _units(said: dict, workload: Workload) -> float:
    return said["requests"] * workload.size / MIB if workload.unit == "MiB" else said["requests"]


def _figures(said: dict, workload: Workload, server: float) -> dict:
    units = _units(said, workload)
    if said["errors"] or not units:
        raise Failed(f"{said['errors']} of {said['requests']} requests failed")
    figures = {"rate": units / said["wall_s"], "cpu": (said["user_s"] + said["sys_s"]) / units * 1e6}
    for key in ("p50_us", "p99_us"):
        if said.get(key) and workload.unit != "MiB":
            figures[key] = said[key]
    if workload.mode == "resumed":
        figures["resumed"] = said["handshakes_resumed"] / said["requests"]
    # Of the warm-up, too: it tells whether the server was the limit, and no more.
    figures["server"] = server / units * 1e6
    return figures


def _wrk(output: str, processor: float) -> dict:
    counted = re.search(r"(\d+) requests in ([\d.]+)(m?s)", output)
    if not counted or "Non-2xx" in output or "Socket errors" in output:
        raise Failed(f"unexpected output: {output[-200:]!r}")
    said = {"requests": int(counted[1]), "errors": 0, "wall_s": float(counted[2]), "user_s": processor, "sys_s": 0}
    for percent in ("50", "99"):
        found = re.search(percent + r"%\s+([\d.]+)(us|ms|s)", output)
        if found:
            said[f"p{percent}_us"] = float(found[1]) * {"us": 1, "ms": 1e3, "s": 1e6}[found[2]]
    return said


def load(context: Context, peer: Peer, workload: Workload) -> dict:
    """Rate, processor time for each request, handshake or MiB, latencies."""
    command = peer.command(context, workload)
    before = context.stage.server_seconds()
    with Process(command, context) as process:
        output, _, processor = process.rest()
    said = _wrk(output, processor) if command.output == "wrk" else _json(output)
    return _figures(said, workload, context.stage.server_seconds() - before)


def idle(context: Context, peer: Peer, workload: Workload) -> dict:
    """The memory that each connection takes, by the growth of the resident set."""
    with Process(peer.command(context, workload), context) as process:
        line = process.line()
        sockets = process.sockets() if line else 0
        if not line:
            process.rest()
    said = _json(line)
    if said["errors"] or sockets < said["requests"]:
        raise Failed(f"{said['errors']} errors, {sockets} sockets in place of {said['requests']}")
    return {
        "kib_each": (said["rss_kb"] - said["rss_base_kb"]) / said["requests"],
        "kib_all": said["rss_kb"], "sockets": sockets,
    }


def start(context: Context, peer: Peer, workload: Workload) -> dict:
    """How long a process takes that makes one request."""
    with Process(peer.command(context, workload), context) as process:
        _, wall, processor = process.rest()
    return {"wall": wall * 1e3, "cpu": processor * 1e3}


def several_starts(context: Context, peers: list[Peer], workload: Workload) -> dict[str, dict | Failed]:
    """A start is short: within a round each command starts several times, in turn, and its medians are the round's."""
    found: dict[str, list[dict]] = {peer.name: [] for peer in peers}
    failed: dict[str, Failed] = {}
    for number in range(context.requests(workload) + 1):
        for peer in peers:
            if peer.name in failed:
                continue
            try:
                figures = start(context, peer, workload)
            except Failed as failure:
                failed[peer.name] = failure
                continue
            if number:  # the first reads from the disk
                found[peer.name].append(figures)
    return failed | {
        name: {key: statistics.median(each[key] for each in runs) for key in runs[0]}
        for name, runs in found.items() if name not in failed}


def _program(context: Context, peer: Peer, workload: Workload) -> dict:
    """These bring their own server: they get all the cores."""
    allowed = os.sched_getaffinity(0)
    os.sched_setaffinity(0, range(os.cpu_count() or 1))
    try:
        with Process(peer.command(context, workload), context) as process:
            return _json(process.rest()[0])
    finally:
        os.sched_setaffinity(0, allowed)


def token_rate(context: Context, peer: Peer, workload: Workload) -> dict:
    """Signatures per second with so many sessions, and times what one session gives."""
    rates = {int(sessions): rate for sessions, rate in _program(context, peer, workload)["rates"].items()}
    figures = {f"rate_{sessions}": rate for sessions, rate in rates.items()}
    return figures | {f"times_{sessions}": rate / rates[1] for sessions, rate in rates.items() if sessions > 1}


def loop_gap(context: Context, peer: Peer, workload: Workload) -> dict:
    said = _program(context, peer, workload)
    idle_ms, busy_ms = said["idle_max_us"] / 1e3, said["busy_max_us"] / 1e3
    return {"idle_ms": idle_ms, "busy_ms": busy_ms, "more_ms": busy_ms - idle_ms}
