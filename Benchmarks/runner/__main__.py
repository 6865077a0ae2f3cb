"""`./dev bench`: measures this client and others side by side. README.md, one directory up, tells how to read it."""

import argparse
import json
import os
import signal
import sys
import time
from datetime import datetime, timezone
from pathlib import Path

import measure
import table
from drivers import BUILD, Drivers, say
from figures import Rows
from machine import describe
from peers import PEERS, Context, Peer
from stage import Stage, Unavailable
from workloads import WORKLOADS, Workload


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="./dev bench", description="Measures this client and others, side by side, on this machine.")
    add = parser.add_argument
    add("--workloads", metavar="NAMES", default="", help="only these, by commas; a prefix will do (full, token-p256)")
    add("--peers", metavar="NAMES", default="", help="only these rows, by commas; mtls is always one of them")
    add("--rounds", type=int, metavar="N", help="rounds, in each of which every row runs once (default: 5)")
    add("--quick", action="store_true", help="one round, of fewer requests: to see that everything runs")
    add("--mtls", type=Path, metavar="PATH", help="measure this build of the command; otherwise the release is built")
    add("--before", type=Path, metavar="PATH", help="measure another build besides, as a row of its own")
    add("--json", type=Path, metavar="FILE", default=BUILD / "results.json",
        help="where to write all figures (default: Benchmarks/.build/results.json)")
    add("--list", action="store_true", help="list workloads and rows, and end")
    found = parser.parse_args()
    found.rounds = found.rounds or (1 if found.quick else 5)
    return found


def selected(names: str) -> list[Workload]:
    wanted = [name for name in names.split(",") if name]
    for name in wanted:
        if not any(workload.name.startswith(name) for workload in WORKLOADS):
            sys.exit(f"bench: no workload {name}; ./dev bench --list")
    exact = {workload.name for workload in WORKLOADS} & set(wanted)
    prefixes = tuple(name for name in wanted if name not in exact)
    return [workload for workload in WORKLOADS
            if not wanted or workload.name in exact or (prefixes and workload.name.startswith(prefixes))]


def rows_of(workload: Workload, options: argparse.Namespace) -> list[str]:
    rows = list(workload.rows)
    if options.before and workload.rows[0] == "mtls":
        rows.insert(1, "before")
    wanted = {name for name in options.peers.split(",") if name}
    for name in wanted - PEERS.keys():
        sys.exit(f"bench: no row {name}; ./dev bench --list")
    return [name for name in rows if not wanted or name in wanted or name in ("mtls", "before", workload.rows[0])]


def versions(names: list[str], drivers: Drivers) -> tuple[dict[str, str], dict[str, str]]:
    """Of those that are there; why the others are not. Builds what has to be built."""
    present, absent = {}, {}
    for name in names:
        try:
            present[name] = PEERS[name].version(drivers)
        except Unavailable as missing:
            absent[name] = str(missing)
            say(f"left out: {PEERS[name].title}: {missing}")
    return present, absent


def one_round(context: Context, workload: Workload, peers: list[Peer], number: int) -> list[dict]:
    """Each row once; which is first changes from round to round."""
    turn = number % len(peers)
    records = []
    ordered = peers[turn:] + peers[:turn]
    if workload.kind == "start":
        found = measure.several_starts(context, ordered, workload)
    else:
        found = {}
        for peer in ordered:
            try:
                found[peer.name] = getattr(measure, workload.kind)(context, peer, workload)
            except (measure.Failed, Unavailable) as failure:
                found[peer.name] = measure.Failed(str(failure))
    for peer in peers:
        figures = found[peer.name]
        what = {"error": str(figures)} if isinstance(figures, measure.Failed) else {"figures": figures}
        records.append({"workload": workload.name, "row": peer.name, "round": number} | what)
    return records


def main() -> int:
    options = arguments()
    if options.list:
        for workload in WORKLOADS:
            print(f"{workload.name:<18} {workload.title}\n{'':<18}   {', '.join(workload.rows)}")
        return 0
    workloads = selected(options.workloads)
    drivers = Drivers(options.mtls, options.before)
    names = list(dict.fromkeys(name for workload in workloads for name in rows_of(workload, options)))
    try:
        PEERS["mtls"].version(drivers)
    except Unavailable as missing:
        sys.exit(f"bench: {missing}")
    present, absent = versions(names, drivers)

    cores = sorted(os.sched_getaffinity(0))
    if len(cores) < 2:
        say("one core for the server and the clients: they disturb each other, and rates mean little")
    report = {"machine": describe(), "started": datetime.now(timezone.utc).isoformat(timespec="seconds"),
              "rounds": options.rounds, "quick": options.quick, "versions": present, "left_out": absent, "records": []}
    begun = time.monotonic()
    found = []
    try:
        with Stage(drivers.mtls, cores[0]) as stage:
            os.sched_setaffinity(0, {cores[-1]})
            context = Context(stage, drivers, options.quick)
            for workload in workloads:
                peers = [PEERS[name] for name in rows_of(workload, options) if name in present]
                records = []
                for number in range(options.rounds if peers else 0):
                    say(f"[{time.monotonic() - begun:5.0f} s] {workload.name}, round {number + 1} of {options.rounds}")
                    records += one_round(context, workload, peers, number)
                    report["records"] += records[-len(peers):]
                if records:
                    print(table.block(workload, records) + "\n", flush=True)
                    found += [(workload, verdict) for verdict in table.verdicts(workload, Rows(records))]
    except Unavailable as missing:
        sys.exit(f"bench: {missing}")
    finally:
        report["targets"] = [
            {"workload": workload.name, "target": verdict.text, "value": verdict.value, "bound": verdict.bound,
             "limit": verdict.limit, "met": verdict.is_met} for workload, verdict in found]
        if report["records"]:
            options.json.write_text(json.dumps(report, indent=1, ensure_ascii=False) + "\n")
    print(table.summary(found))
    for name, why in absent.items():
        print(f"left out: {PEERS[name].title}: {why}")
    print(f"all figures: {options.json}")
    return 0


STOPS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def stop(*_):
    """Once: what follows, the server's end and its directory's, is not to be interrupted."""
    for each in STOPS:
        signal.signal(each, signal.SIG_IGN)
    raise KeyboardInterrupt


if __name__ == "__main__":
    for each in STOPS:
        signal.signal(each, stop)
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        say("bench: interrupted")
        sys.exit(130)
