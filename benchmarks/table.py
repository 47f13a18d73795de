"""Formats the results as tables, in plain text and in reStructuredText."""

HEADS = ["", "poplib", "poplib_c", "times less", "goal", "list limit", "of limit", "met"]
HEADS += ["pure Python", "C: lines", "C: receives"]
OF_LIMIT = 0.9
THREADS_GAIN = 1.7


def number(value, digits=1):
    return "" if value is None else f"{value:.{digits}f}"


def duration(seconds):
    """Format a duration with about three digits."""
    scale, unit = (1, "s") if seconds >= 1 else (1e3, "ms") if seconds >= 1e-3 else (1e6, "µs")
    value = seconds * scale
    return f"{value:.{2 if value < 10 else 1 if value < 100 else 0}f} {unit}"


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
        *[duration(row.cpu[client]) for client in ("poplib", "poplib_c")],
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
                goal = THREADS_GAIN if client == "poplib_c" else None
                yield what, number(gain, 2), number(goal), goal and gain >= goal
        if row.workload.delay:
            gain = row.wall["poplib"] / row.wall["poplib_c"]
            goal = row.workload.wall or None
            met = None if goal is None else gain >= goal
            yield f"{row.workload.name}: wall time, times less", number(gain, 2), number(goal), met
        if row.workload.name == "RETR 20 MB":
            ours, theirs = (row.rss[client] / 1e6 for client in ("poplib_c", "poplib"))
            what = f"{row.workload.name}: peak memory, MB"
            yield what, number(ours), f"<= {theirs:.1f}", ours <= theirs


def aligned(table):
    widths = [max(map(len, column)) for column in zip(*table)]
    for line in table:
        first, *rest = (cell.ljust(width) for cell, width in zip(line, widths))
        numbers = [cell.strip().rjust(width) for cell, width in zip(rest, widths[1:])]
        yield "  ".join([first, *numbers]).rstrip()


def in_text(rows):
    return "\n".join(aligned([HEADS, *map(cells, rows)]))


def others_in_text(rows):
    lines = [["", "found", "goal", "met"]]
    lines += [[what, found, goal, verdict(met)] for what, found, goal, met in other_goals(rows)]
    return "\n".join(aligned(lines)) if len(lines) > 1 else ""


def in_rst(lines):
    """Return a list-table. The first line is the header."""
    text = [".. list-table::", "   :header-rows: 1", ""]
    for line in lines:
        for index, cell in enumerate(line):
            text.append(f"   {'* -' if index == 0 else '  -'} {cell}".rstrip())
    return "\n".join(text) + "\n"


def rows_in_rst(rows):
    return in_rst([HEADS, *map(cells, rows)])


def others_in_rst(rows):
    lines = [[what, found, goal, verdict(met)] for what, found, goal, met in other_goals(rows)]
    return in_rst([["", "found", "goal", "met"], *lines]) if lines else ""


def growth(lines, messages):
    """Describe the results of Runner.lines() and .messages()."""
    each = ", ".join(f"{count:,}: {seconds * 1e9:.0f} ns" for count, seconds in lines)
    tenths = ", ".join(f"{seconds * 1e6:.1f}" for seconds in messages)
    return (
        f"Processor time of a line, by the number of lines in the reply: {each}.\n"
        f"Microseconds for a message, for each tenth of the messages: {tenths}.\n"
    )
