"""Draws the results as a chart in SVG."""

import matplotlib

matplotlib.use("svg")
matplotlib.rcParams.update({"svg.fonttype": "none", "svg.hashsalt": "poplib_c", "font.size": 9})

from matplotlib import pyplot  # noqa: E402 (the backend comes first)

COLOR = "#3776ab"
MARKERS = [("list", "list limit", "|", "black"), ("python", "pure Python", "o", "#d98b00")]


def draw(rows, title, path):
    """Draw a bar for each workload, with marks for the limits, on a logarithmic axis."""
    figure, axes = pyplot.subplots(figsize=(8, 0.25 * len(rows) + 1.2))
    places = range(len(rows))
    axes.barh(places, [row.ratio("poplib_c") for row in rows], color=COLOR, label="poplib_c")
    for client, label, marker, color in MARKERS:
        points = [(row.ratio(client), at) for at, row in enumerate(rows) if client in row.cpu]
        size = 120 if marker == "|" else 16
        axes.scatter(*zip(*points), marker=marker, s=size, color=color, label=label, zorder=3)
    axes.set_yticks(places, [row.workload.name for row in rows])
    axes.invert_yaxis()
    axes.set_xscale("log", base=2)
    axes.xaxis.set_major_formatter("{x:g}")
    axes.set_xlim(0.9)
    axes.grid(axis="x", linewidth=0.3)
    axes.set_title(title)
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.05), ncols=3, frameon=False)
    figure.savefig(path, bbox_inches="tight", metadata={"Date": None, "Creator": None})
    pyplot.close(figure)
