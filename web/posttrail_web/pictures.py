"""The way of a mail across hosts as a graph: where each box and line stands. Pure, no markup.

A box is a mail; depth goes to the right, children one below the other, a parent beside its first.
"""

from collections.abc import Iterator

import msgspec
from posttrail_answers.hops import Node, Tree

BOX_WIDTH = 210
BOX_HEIGHT = 64
GAP_X = 70
GAP_Y = 18


class Box(msgspec.Struct, frozen=True):
    """One mail; x and y of its upper left corner."""

    x: int
    y: int
    node: Node


class Line(msgspec.Struct, frozen=True):
    """From a mail to one that came of it."""

    path: str
    """As in SVG's `d`."""
    node: Node
    """The child: its link says what the line rests on."""


class Graph(msgspec.Struct, frozen=True):
    """The whole picture."""

    boxes: tuple[Box, ...]
    lines: tuple[Line, ...]
    width: int
    height: int


def graph(tree: Tree) -> Graph:
    """The picture of a tree."""
    boxes: list[Box] = []
    lines: list[Line] = []
    _place(tree.root, 0, 0, boxes, lines)
    return Graph(
        tuple(boxes), tuple(lines),
        max(box.x for box in boxes) + BOX_WIDTH, max(box.y for box in boxes) + BOX_HEIGHT,
    )  # fmt: skip


def _place(node: Node, depth: int, row: int, boxes: list[Box], lines: list[Line]) -> int:
    """Puts a mail and all below it from this row on; gives the first free row."""
    box = Box(depth * (BOX_WIDTH + GAP_X), row * (BOX_HEIGHT + GAP_Y), node)
    boxes.append(box)
    free = row
    for child in node.children:
        target = (box.x + BOX_WIDTH + GAP_X, free * (BOX_HEIGHT + GAP_Y))
        lines.append(Line(_curve(box, *target), child))
        free = _place(child, depth + 1, free, boxes, lines)
    return max(free, row + 1)


def _curve(parent: Box, x: int, y: int) -> str:
    start = (parent.x + BOX_WIDTH, parent.y + BOX_HEIGHT // 2)
    end = (x, y + BOX_HEIGHT // 2)
    half = GAP_X // 2
    return (
        f"M{start[0]} {start[1]} C{start[0] + half} {start[1]} "
        f"{end[0] - half} {end[1]} {end[0]} {end[1]}"
    )


def in_order(node: Node, depth: int = 0) -> Iterator[tuple[int, Node]]:
    """The tree as a list with depths, for those who cannot see the picture."""
    yield depth, node
    for child in node.children:
        yield from in_order(child, depth + 1)
