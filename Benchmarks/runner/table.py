"""The blocks of the table: figures, then targets."""

from collections.abc import Iterable

from figures import Ratio, Rows, Verdict
from peers import PEERS
from workloads import Workload

# By the kind of the workload: key, head of the column, decimals.
LOAD = (
    ("rate", "{unit}/s", 0), ("cpu", "CPU µs", 1), ("p50_us", "p50 µs", 0), ("p99_us", "p99 µs", 0),
    ("server", "server µs", 1), ("resumed", "resumed", 2))
COLUMNS = {
    "load": LOAD,
    "idle": (("kib_each", "KiB each", 1), ("kib_all", "KiB in all", 0), ("sockets", "sockets", 0)),
    "start": (("wall", "wall ms", 2), ("cpu", "CPU ms", 2)),
    "token_rate": tuple((f"rate_{n}", f"{n} sess.", 0) for n in (1, 2, 4, 8, 16))
    + tuple((f"times_{n}", f"×{n}", 2) for n in (2, 4, 8, 16)),
    "loop_gap": (("idle_ms", "idle ms", 2), ("busy_ms", "busy ms", 2), ("more_ms", "more ms", 2)),
}
WIDTH = 13
FIGURES = {"cpu": "CPU", "wall": "wall time"}


def verdicts(workload: Workload, rows: Rows) -> list[Verdict]:
    found = []
    for target in workload.targets:
        ratio = rows.ratio(target.ours, target.peer, workload.figure)
        text = f"{FIGURES[workload.figure]}, {target.ours} ÷ {target.peer}"
        found.append(Verdict(text, ratio and ratio.middle, "at most", target.most, ratio))
    for key, (bound, limit) in workload.limits.items():
        head = {key: head for key, head, _ in COLUMNS[workload.kind]}[key]
        found.append(Verdict(f"{head}, {workload.rows[0]}", rows.median(workload.rows[0], key), bound, limit))
    return found


def _number(value: float | None, decimals: int) -> str:
    return "–" if value is None else f"{value:,.{decimals}f}"


def _spread(ratio: Ratio | None) -> str:
    return f"({ratio.least:.2f}–{ratio.most:.2f})" if ratio and ratio.rounds > 1 else ""


def verdict_line(verdict: Verdict) -> str:
    state = {True: "met", False: "NOT MET", None: "not measured"}[verdict.is_met]
    return (f"  target  {verdict.text:<34} {_number(verdict.value, 2):>7}  {_spread(verdict.ratio):<13} "
            f"{verdict.bound} {verdict.limit:g}: {state}")


def block(workload: Workload, records: list[dict]) -> str:
    rows = Rows(records)
    columns = [column for column in COLUMNS[workload.kind] if any(
        rows.median(row, column[0]) is not None for row in rows.names())]
    ours = workload.rows[0]
    compared = workload.kind in ("load", "start", "idle")
    figure = "kib_each" if workload.kind == "idle" else workload.figure
    heads = [head.format(unit=workload.unit) for _, head, _ in columns] + ([f"{ours} ÷ it"] if compared else [])
    lines = [f"{workload.name}: {workload.title}", " " * 30 + "".join(f"{head:>{WIDTH}}" for head in heads)]
    for name in dict.fromkeys(record["row"] for record in records):
        cells = [_number(rows.median(name, key), decimals) for key, _, decimals in columns]
        ratio = rows.ratio(ours, name, figure)
        if compared:
            cells.append(f"{ratio.middle:.2f}" if ratio and name != ours else "")
        errors = [record["error"] for record in records if record["row"] == name and "error" in record]
        note = f"  failed in {len(errors)} rounds: {errors[0]}" if errors else ""
        if not note and PEERS[name].note:
            note = f"  ({PEERS[name].note})"
        lines.append(f"  {PEERS[name].title:<28}" + "".join(f"{cell:>{WIDTH}}" for cell in cells) + note)
    return "\n".join(lines + [verdict_line(verdict) for verdict in verdicts(workload, rows)])


def summary(found: Iterable[tuple[Workload, Verdict]]) -> str:
    found = list(found)
    measured = [(workload, verdict) for workload, verdict in found if verdict.is_met is not None]
    missed = [f"  {workload.name}: {verdict.text} {verdict.value:.2f}, {verdict.bound} {verdict.limit:g}"
              for workload, verdict in measured if not verdict.is_met]
    lines = [f"{len(measured) - len(missed)} of {len(measured)} targets met"
             + (f", {len(found) - len(measured)} not measured" if len(found) > len(measured) else "")]
    return "\n".join(lines + missed)
