"""Formats the results as tables (lists of lines of cells), and a table as plain text."""

import fetch

HEADS = ["workload", "poplib, µs", "poplib_c, µs", "times less", "goal", "list limit", "of limit"]
HEADS += ["met", "pure Python", "C: lines", "C: receives"]
OF_LIMIT = 0.9
THREADS_GAIN = 1.7


def number(value, digits=1):
    return "" if value is None else f"{value:.{digits}f}"


def microseconds(seconds):
    """Return three digits or more."""
    value = seconds * 1e6
    return number(value, 2 if value < 10 else 1 if value < 100 else 0)


def is_met(row):
    """Whether the row meets its goals; None without goals."""
    goals = []
    if row.workload.goal:
        goals.append(row.ratio("poplib_c") >= row.workload.goal)
    if row.of_limit is not None:
        goals.append(row.of_limit >= OF_LIMIT)
    return all(goals) if goals else None


def verdict(met):
    return {True: "yes", False: "no", None: ""}[met]


def cells(row):
    """Return the columns of a row."""
    return [
        row.workload.name,
        *[microseconds(row.cpu[client]) for client in ("poplib", "poplib_c")],
        number(row.ratio("poplib_c"), 2),
        number(row.workload.goal or None),
        number(row.ratio("list"), 2),
        number(row.of_limit, 2),
        verdict(is_met(row)),
        *[number(row.ratio(client)) for client in ("python", "split", "receive")],
    ]


def other_goals(rows):
    """Yield results other than ratios of processor time: (name, found, goal, whether met)."""
    for row in rows:
        if row.workload.threads > 1:
            for client in ("poplib", "poplib_c"):
                gain = row.wall[f"{client} alone"] / row.wall[client]
                what = f"{row.workload.name}: rate of {client}, times one thread's"
                has_goal = client == "poplib_c" and row.workload.goal
                goal = THREADS_GAIN if has_goal else None
                yield what, number(gain, 2), number(goal), goal and gain >= goal
        if row.workload.delay or row.workload.wall:
            gain = row.wall["poplib"] / row.wall["poplib_c"]
            goal = row.workload.wall or None
            met = None if goal is None else gain >= goal
            yield f"{row.workload.name}: wall time, times less", number(gain, 2), number(goal), met
        if row.workload.method == "rest":
            ours, theirs = (row.rss[client] / 1024 for client in ("poplib_c", "poplib"))
            what = f"{row.workload.name}: KiB of a connection after RETR 20 kB"
            yield what, number(ours), f"<= {theirs:.1f}", ours <= theirs
        if row.workload.name == "RETR 20 MB":
            ours, theirs = (row.rss[client] / 1e6 for client in ("poplib_c", "poplib"))
            what = f"{row.workload.name}: peak memory, MB"
            yield what, number(ours), f"<= {theirs:.1f}", ours <= theirs


def main(rows):
    """Return the table of the workloads whose time counts."""
    return [HEADS, *[cells(row) for row in rows if row.workload.method != "rest"]]


def fetches(fetched):
    """Yield what fetch.measure() found: like other_goals()."""
    for delay, seconds in fetched.items():
        what = fetch.NAME + (f", syncs {delay} ms longer" if delay else "")
        goal = seconds["mpop"] / fetch.GOALS[delay] if "mpop" in seconds else None
        ours, met = seconds["poplib-c"], None if goal is None else seconds["poplib-c"] <= goal
        yield f"{what}: s", number(ours, 2), "" if goal is None else f"<= {goal:.2f}", met
        if goal is not None:
            yield f"{what}: s, mpop", number(seconds["mpop"], 2), "", None


def others(interpreter, rows, growth=None, fetched=None):
    """Return the table of everything else.

    growth: Runner.lines() and Runner.messages(). fetched: fetch.measure().
    """
    table = [["", "found", "goal", "met"], ["interpreter", interpreter, "", ""]]
    goals = [*other_goals(rows), *fetches(fetched or {})]
    table += [[what, found, goal, verdict(met)] for what, found, goal, met in goals]
    if growth is not None:
        lines, messages = growth
        for count, seconds in lines:
            table.append([f"LIST of {count:,}: ns for a line", number(seconds * 1e9, 0), "", ""])
        tenths = ", ".join(number(seconds * 1e6) for seconds in messages)
        table.append(["RETR 2 kB: µs for a message, in each tenth of the run", tenths, "", ""])
    return table


def in_text(table):
    """Return the lines, their columns aligned."""
    widths = [max(map(len, column)) for column in zip(*table)]
    for first, *rest in table:
        numbers = [cell.rjust(width) for cell, width in zip(rest, widths[1:])]
        yield "  ".join([first.ljust(widths[0]), *numbers]).rstrip()
