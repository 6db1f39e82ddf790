"""A name that a YAML gives twice: its reader keeps the last one without a word."""

import yaml


class RepeatedNameError(yaml.MarkedYAMLError):
    """A mapping has a name twice."""


def refuse_repeated_names(text: str) -> None:
    """Refuse YAML in which one mapping has a name twice.

    Args:
        text: The YAML.

    Raises:
        RepeatedNameError: If there is such a name.
        yaml.YAMLError: If it is not YAML.
    """
    waiting, seen = [yaml.compose(text, Loader=yaml.SafeLoader)], set[int]()
    while waiting:
        node = waiting.pop()
        if id(node) in seen or not isinstance(node, yaml.CollectionNode):
            continue
        seen.add(id(node))  # an alias is the node itself, and may lie inside of it
        if isinstance(node, yaml.SequenceNode):
            waiting += node.value
            continue
        lines: dict[str, int] = {}
        for name, value in node.value:
            if isinstance(name, yaml.ScalarNode):
                if name.value in lines:
                    first = lines[name.value]
                    raise RepeatedNameError(
                        problem=f"`{name.value}` stands there a second time, after line {first}; keep one of the two",
                        problem_mark=name.start_mark,
                    )
                lines[name.value] = name.start_mark.line + 1
            waiting.append(value)
