"""What Jenkins' schema of JUnit's XML allows (jenkinsci/xunit-plugin 031e285, junit-10.xsd)."""

from __future__ import annotations

import re
from xml.etree.ElementTree import Element

_SUMS = {"tests", "failures", "errors"}
_OUTCOME = (set[str](), set[str](), {"type", "message"})
_ELEMENTS: dict[str, tuple[set[str], set[str], set[str]]] = {
    # children, attributes that must be there, attributes that may be
    "testsuites": ({"testsuite"}, set(), {"name", "time", *_SUMS}),
    "testsuite": (
        {"testsuite", "properties", "testcase", "system-out", "system-err"},
        {"name", *_SUMS},
        {"group", "time", "skipped", "timestamp", "hostname", "id", "package", "file", "log", "url"},
    ),
    "properties": ({"property"}, set(), set()),
    "property": (set(), {"name", "value"}, set()),
    "testcase": (
        {"skipped", "error", "failure", "system-out", "system-err"},
        {"name"},
        {"time", "classname", "group"},
    ),
    "failure": _OUTCOME,
    "error": _OUTCOME,
    "skipped": _OUTCOME,
    "system-out": (set(), set(), set()),
}
_TIME = re.compile(r"(([0-9]{0,3},)*[0-9]{3}|[0-9]{0,3})*(\.[0-9]*)?")


def faults(element: Element) -> list[str]:
    """What the schema has against an element and all below it."""
    children, needed, allowed = _ELEMENTS[element.tag]
    found = [f"<{element.tag}> lacks {name}" for name in needed - set(element.keys())]
    found += [f"<{element.tag}> has {name}" for name in set(element.keys()) - needed - allowed]
    if not _TIME.fullmatch(element.get("time", "")):
        found.append(f"<{element.tag}> took {element.get('time')}")
    for child in element:
        if child.tag not in children:
            found.append(f"<{element.tag}> holds <{child.tag}>")
        else:
            found += faults(child)
    return found
