"""YAML that says another thing than it seems to: names that stand twice, numbers of YAML 1.1, aliases without end."""

import re

import yaml

_OCTAL = re.compile(r"[-+]?0[0-7_]+")
_SEXAGESIMAL = re.compile(r"[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+(?:\.[0-9_]*)?")
_TRUTH = re.compile(r"(?i)yes|no|on|off")
_MOST = 100_000
"""Values that aliases may add to those that are written."""


class MisreadError(yaml.MarkedYAMLError):
    """YAML in which something is read as what nobody means by it."""


def refuse_misread(text: str) -> None:
    """Refuse YAML in which a mapping has a name twice, or in which a plain word is read as another one.

    A reader of YAML keeps the last of two names without a word. `010` is 8 for it, `1:30` is 90, and a name `no` is
    False; in quotes they are texts. The values `yes` and `no` may stay, since a setting that is not true or false
    refuses them. Aliases may stay, unless one contains itself, or few lines of them stand for more than memory holds.

    Args:
        text: The YAML.

    Raises:
        MisreadError: If there is such a name, number or alias, or it is nested too deep.
        yaml.YAMLError: If it is not YAML.
    """
    try:
        whole = yaml.compose(text, Loader=yaml.SafeLoader)
    except RecursionError as error:
        raise MisreadError(problem="it is nested too deep") from error
    waiting, seen = [whole], set[int]()
    while waiting:
        node = waiting.pop()
        if id(node) in seen:
            continue
        seen.add(id(node))  # an alias is the node itself, and may lie inside of it
        if isinstance(node, yaml.ScalarNode):
            _refuse_number(node)
        elif isinstance(node, yaml.SequenceNode):
            waiting += node.value
        elif isinstance(node, yaml.MappingNode):
            _refuse_names([name for name, _ in node.value if isinstance(name, yaml.ScalarNode)])
            waiting += [each for pair in node.value for each in pair]
    if whole is not None:
        sizes: dict[int, int | None] = {}
        if _size(whole, sizes) - len(sizes) > _MOST:
            raise MisreadError(
                problem=f"its aliases (*name) stand for more than {_MOST:,} further values; write out what is meant"
            )


def _size(node: yaml.Node, sizes: dict[int, int | None]) -> int:
    """Number of values of a node with those of its aliases; refuse one that contains itself.

    Args:
        node: The node.
        sizes: Sizes by the identity of the node; None of those that it is in. Gets that of the node.
    """
    if id(node) in sizes:
        if (size := sizes[id(node)]) is None:
            raise MisreadError(
                problem="an alias (*name) stands inside of what it names, which has no end; write out what is meant",
                problem_mark=node.start_mark,
            )
        return size
    sizes[id(node)] = None
    inside: list[yaml.Node] = []
    if isinstance(node, yaml.SequenceNode):
        inside = node.value
    elif isinstance(node, yaml.MappingNode):
        inside = [each for pair in node.value for each in pair]
    size = 1 + sum(_size(each, sizes) for each in inside)
    sizes[id(node)] = size
    return size


def _refuse_number(node: yaml.ScalarNode) -> None:
    """Refuse a plain number that YAML 1.1 counts by eights or sixties."""
    if node.style is not None or node.tag not in ("tag:yaml.org,2002:int", "tag:yaml.org,2002:float"):
        return
    if _OCTAL.fullmatch(node.value):
        counted = f"{int(node.value.replace('_', ''), 8)}, since it begins with 0 (octal)"
        meant = str(int(node.value.replace("_", "")))
    elif _SEXAGESIMAL.fullmatch(node.value):
        counted, meant = "a number of sixties", "one number"
    else:
        return
    raise MisreadError(
        problem=f"YAML reads {node.value} as {counted}; write {meant}, or '{node.value}' in quotes where it is a text",
        problem_mark=node.start_mark,
    )


def _refuse_names(names: list[yaml.ScalarNode]) -> None:
    """Refuse a name that stands twice in one mapping, or that is no name for YAML."""
    lines: dict[str, int] = {}
    for name in names:
        if name.value in lines:
            raise MisreadError(
                problem=f"`{name.value}` stands there a second time, after line {lines[name.value]}; keep one of the "
                "two",
                problem_mark=name.start_mark,
            )
        if name.style is None and _TRUTH.fullmatch(name.value):
            raise MisreadError(
                problem=f"YAML reads the name {name.value} as true or false; write '{name.value}' in quotes",
                problem_mark=name.start_mark,
            )
        lines[name.value] = name.start_mark.line + 1
