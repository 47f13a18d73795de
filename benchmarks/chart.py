"""Draws a table of docs/performance/ as a chart."""

import csv

from matplotlib import pyplot

MARKERS = [("list limit", "|", 120, "black"), ("pure Python", "o", 16, "#d98b00")]


def draw(path):
    """Draw a bar for each workload, with the limits as marks on it; the axis is logarithmic."""
    pyplot.rcParams.update({"svg.fonttype": "none", "svg.hashsalt": "poplib_c", "font.size": 9})
    with open(path, newline="") as file:
        rows = list(csv.DictReader(file))
    figure, axes = pyplot.subplots(figsize=(8, 0.25 * len(rows) + 1.2))
    places = range(len(rows))
    ratios = [float(row["times less"]) for row in rows]
    axes.barh(places, ratios, color="#3776ab", label="poplib_c")
    for column, marker, size, color in MARKERS:
        points = [(float(row[column]), at) for at, row in enumerate(rows) if row[column]]
        axes.scatter(*zip(*points), marker=marker, s=size, color=color, label=column, zorder=3)
    axes.set_yticks(places, [row["workload"] for row in rows])
    axes.invert_yaxis()
    axes.set_xscale("log", base=2)
    axes.xaxis.set_major_formatter("{x:g}")
    axes.set_xlim(0.9)
    axes.grid(axis="x", linewidth=0.3)
    axes.set_title("poplib's processor time ÷ the other client's time")
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.05), ncols=3, frameon=False)
    return figure
