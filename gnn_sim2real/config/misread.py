"""YAML that says another thing than it seems to: names that stand twice, and numbers of YAML 1.1."""

import re

import yaml

_OCTAL = re.compile(r"[-+]?0[0-7_]+")
_SEXAGESIMAL = re.compile(r"[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+(?:\.[0-9_]*)?")
_TRUTH = re.compile(r"(?i)yes|no|on|off")


class MisreadError(yaml.MarkedYAMLError):
    """YAML in which something is read as what nobody means by it."""


def refuse_misread(text: str) -> None:
    """Refuse YAML in which a mapping has a name twice, or in which a plain word is read as another one.

    A reader of YAML keeps the last of two names without a word. `010` is 8 for it, `1:30` is 90, and a name `no` is
    False; in quotes they are texts. The values `yes` and `no` may stay, since a setting that is not true or false
    refuses them.

    Args:
        text: The YAML.

    Raises:
        MisreadError: If there is such a name or number.
        yaml.YAMLError: If it is not YAML.
    """
    waiting, seen = [yaml.compose(text, Loader=yaml.SafeLoader)], set[int]()
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
