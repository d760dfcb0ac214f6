from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analyzer.checks import Finding, Rule, RuleResult, evaluate, parse_rule
from analyzer.checks.facts import known_specs
from analyzer.errors import RuleError
from analyzer.limits import LIMITS

RULE = Rule(
    id="a-rule",
    title="t",
    family="custom",
    severity="error",
    subjects="SELECT DISTINCT subject FROM given ORDER BY subject",
    rows="SELECT * FROM given WHERE has_row",
    expect="ok",
    message="{name}",
    fix="mend",
    references=("https://example.com/",),
)
GIVEN = pa.schema(
    [
        ("subject", pa.string()),
        ("ok", pa.bool_()),
        ("evidence", pa.string()),
        ("evidence_why", pa.string()),
        ("records", pa.list_(pa.int64())),
        ("name", pa.string()),
        ("has_row", pa.bool_()),
    ]
)


def row(ok: bool | None, **more: Any) -> dict[str, Any]:
    return {"subject": "a", "ok": ok, "evidence": "proof", "records": [], "name": "n", "has_row": True} | more


def judge(rows: list[dict[str, Any]], rule: Rule = RULE, **options: Any) -> RuleResult:
    specs = known_specs()
    coverage: dict[str, Any] = {
        "source": "a.log",
        "debug": True,
        "complete": True,
        "startup": True,
        "trace_ids": True,
    }
    tables = {
        "given": pa.Table.from_pylist(rows, schema=GIVEN),
        "coverage": specs["coverage"].build([coverage | options.pop("coverage", {})]),
    }
    tables |= options.pop("tables", {})
    (result,) = evaluate(tables, [rule], **options)
    return result


def only(result: RuleResult) -> Finding:
    (finding,) = result.findings
    return finding


@given(st.lists(st.tuples(st.sampled_from("ab"), st.sampled_from([True, False, None])), max_size=8))
@settings(max_examples=12, deadline=None)
def test_a_subject_fails_else_is_unknown_else_passes(pairs: list[tuple[str, bool | None]]) -> None:
    expected: dict[str, str] = {}
    for subject in sorted({subject for subject, _ in pairs}):
        truths = [ok for name, ok in pairs if name == subject]
        expected[subject] = "fail" if False in truths else "unknown" if None in truths else "pass"
    result = judge([row(ok, subject=subject) for subject, ok in pairs])
    assert {f.subject: f.verdict for f in result.findings} == (expected or {"": "skipped"})
    worst = [v for v in ("fail", "unknown", "pass") if v in expected.values()]
    assert result.verdict == (worst[0] if worst else "skipped")


@pytest.mark.parametrize("empty", ["skipped", "unknown"])
def test_a_subject_without_rows_is_as_the_rule_says(empty: str) -> None:
    rule = replace(RULE, empty=empty, no_rows="nothing of {subject}")
    finding = only(judge([row(True, has_row=False)], rule))
    assert (finding.verdict, finding.message) == (empty, "nothing of a")


def test_without_a_subject_the_rule_is_skipped_with_a_reason() -> None:
    result = judge([], replace(RULE, no_subjects="there is none"))
    assert (result.verdict, result.reason, only(result).subject) == ("skipped", "there is none", "")


def test_without_a_configuration_the_reason_is_that() -> None:
    result = judge([], replace(RULE, subjects="SELECT registry AS subject FROM intended_registries"))
    assert "--config" in result.reason


def test_rows_of_another_subject_do_not_count() -> None:
    rule = replace(
        RULE, rows="SELECT * FROM given UNION ALL SELECT * REPLACE ('z' AS subject, false AS ok) FROM given"
    )
    assert judge([row(True)], rule).verdict == "pass"


@pytest.mark.parametrize("need", ["debug", "complete", "startup", "trace_ids"])
@pytest.mark.parametrize("value", [False, None])
def test_a_pass_without_its_coverage_is_unknown_and_a_failure_stays(need: str, value: bool | None) -> None:
    rule, gap = replace(RULE, needs=(need,)), {need: value}
    assert judge([row(True)], rule).verdict == "pass"
    unknown = judge([row(True)], rule, coverage=gap)
    assert (unknown.verdict, unknown.evidence) == ("unknown", "none")
    assert only(unknown).message.startswith("n; but the ")
    assert judge([row(False)], rule, coverage=gap).verdict == "fail"
    assert judge([row(True)], RULE, coverage=gap).verdict == "pass"


@pytest.mark.parametrize(
    ("need", "verdict"),
    [("debug", "unknown"), ("complete", "unknown"), ("startup", "unknown"), ("trace_ids", "skipped")],
)
def test_nothing_to_judge_is_unknown_where_it_may_be_hidden(need: str, verdict: str) -> None:
    rule = replace(RULE, needs=(need,))
    assert judge([row(True, has_row=False)], rule, coverage={need: False}).verdict == verdict
    assert judge([row(True, has_row=False)], rule).verdict == "skipped"


def test_without_any_coverage_a_pass_is_unknown() -> None:
    none = {"coverage": known_specs()["coverage"].build([])}
    assert judge([row(True)], replace(RULE, needs=("debug",)), tables=none).verdict == "unknown"


def test_one_start_without_coverage_is_enough() -> None:
    build = known_specs()["coverage"].build
    two = {"coverage": build([{"daemon": 0, "debug": True}, {"daemon": 1, "debug": False}])}
    assert judge([row(True)], replace(RULE, needs=("debug",)), tables=two).verdict == "unknown"


def test_the_gaps_are_named() -> None:
    gaps = [{"reason": "an answer without request", "record": 4, "line": 5}]
    result = judge(
        [row(True)], replace(RULE, needs=("complete",)), coverage={"complete": False, "gaps": gaps}
    )
    assert "the log is not complete (an answer without request)" in only(result).message


def test_a_pass_is_worth_its_weakest_row() -> None:
    result = judge(
        [row(True, name="sure"), row(True, evidence="inference", evidence_why="order", name="likely")]
    )
    assert (result.verdict, result.evidence) == ("pass", "inference")
    assert only(result).message == "likely (inferred: order) (and 1 more)"


def test_a_failure_is_worth_its_strongest_row() -> None:
    rows = [
        row(False, evidence="inference", records=[1], name="likely"),
        row(False, records=[2], name="sure"),
    ]
    result = judge([*rows, row(True, evidence="none")])
    assert (result.verdict, result.evidence) == ("fail", "proof")
    assert only(result).message == "sure (and 1 more)"


@pytest.mark.parametrize("evidence", ["none", None, "nonsense"])
def test_no_evidence_is_no_pass(evidence: str | None) -> None:
    result = judge([row(True), row(True, evidence=evidence)])
    assert (result.verdict, result.evidence) == ("unknown", "none")
    assert "nothing proves it" in only(result).message


def test_proof_can_be_required() -> None:
    inferred, proved = [row(True, evidence="inference")], [row(True)]
    assert judge(inferred, require_proof=True).verdict == "unknown"
    assert judge(proved, require_proof=True).verdict == "pass"
    assert judge([row(False, evidence="inference")], require_proof=True).verdict == "fail"


def test_rows_without_a_column_for_it_rest_on_what_the_rule_says() -> None:
    rule = replace(RULE, rows="SELECT subject, ok, name FROM given")
    assert judge([row(True)], rule).evidence == "proof"
    assert judge([row(True)], replace(rule, evidence="inference")).evidence == "inference"


def test_lines_are_those_of_the_deciding_rows_and_limited() -> None:
    rows = [row(True, records=[500]), *(row(False, records=[n, n + 1]) for n in range(100, 0, -2))]
    finding = only(judge(rows, locate=lambda record: ("a.log", record + 1)))
    assert finding.lines == tuple(range(3, 3 + LIMITS.finding_lines))
    assert len(finding.records) == LIMITS.finding_lines
    assert finding.source == "a.log"


def test_the_lines_of_the_row_that_is_told_are_always_there() -> None:
    rows = [row(False, evidence="inference", records=list(range(50)))] * 3 + [row(False, records=[900, 901])]
    finding = only(judge(rows, locate=lambda record: ("a.log", record + 1)))
    assert {901, 902} <= set(finding.lines)


def test_lines_are_of_one_source_and_a_lost_record_is_left_out() -> None:
    places = {1: ("a.log", 10), 2: ("b.log", 3)}
    finding = only(judge([row(False, records=[1, 2, 3])], locate=places.get))
    assert (finding.source, finding.lines, finding.records) == ("a.log", (10,), (1, 2, 3))


def test_the_source_is_that_of_the_row_that_is_told() -> None:
    rows = [row(False, evidence="inference", records=[1]), row(False, records=[2])]
    finding = only(judge(rows, locate={1: ("a.log", 10), 2: ("b.log", 3)}.get))
    assert (finding.source, finding.lines, finding.records) == ("b.log", (3,), (1, 2))


def test_a_column_record_names_one_record() -> None:
    rule = replace(RULE, rows="SELECT subject, ok, name, 7 AS record FROM given")
    assert only(judge([row(False)], rule)).records == (7,)


def test_file_and_line_give_the_place_of_what_no_record_shows() -> None:
    rule = replace(RULE, rows="SELECT subject, ok, name, 'b.toml' AS file, 3::BIGINT AS line FROM given")
    finding = only(judge([row(False)], rule, locate=lambda record: ("a.log", record)))
    assert (finding.source, finding.lines) == ("b.toml", (3,))


def test_words_of_the_log_are_made_harmless() -> None:
    finding = only(judge([row(False, subject="a\x1b]0;x\x07", name="\x1b[2J\u202e\x07{subject}")]))
    assert finding.subject == "a\\x1b]0;x\\x07"
    assert finding.message == "\\x1b[2J\\u202e\\x07{subject}"


def test_an_error_of_several_lines_reads_as_one() -> None:
    assert only(judge([row(False, name="stat x: no such file\n  failed to read")])).message == (
        "stat x: no such file; failed to read"
    )


def test_an_excerpt_passes_by_inference_only() -> None:
    excerpt = {"debug": True, "complete": False, "startup": False, "excerpt": True, "gaps": []}
    needy = replace(RULE, needs=("debug", "complete"))
    finding = only(judge([row(True)], needy, coverage=excerpt))
    assert (finding.verdict, finding.evidence) == ("pass", "inference")
    assert "excerpt" in finding.message
    assert only(judge([row(True)], needy, coverage={**excerpt, "excerpt": False})).verdict == "unknown"


def test_a_finding_carries_what_its_rule_advises() -> None:
    finding = only(judge([row(False)]))
    assert (finding.rule, finding.family, finding.severity) == ("a-rule", "custom", "error")
    assert (finding.fix, finding.references) == ("mend", ("https://example.com/",))


def test_a_message_may_name_a_column_of_the_subjects() -> None:
    rule = replace(RULE, subjects="SELECT 'a' AS subject, ['m'] AS mirrors", message="{name} for {mirrors}")
    assert only(judge([row(False)], rule)).message == "n for m"


BAD = [
    ("subjects", "SELECT 1 AS one", "subject"),
    ("subjects", "SELEC", "syntax"),
    ("subjects", "DROP TABLE given", "single SELECT"),
    ("rows", "SELECT * FROM nowhere", "nowhere"),
    ("rows", "SELECT 1 AS one", "subject"),
    ("rows", "SELECT * FROM given; SELECT 1", "single SELECT"),
    ("rows", "SELECT * FROM read_text('/etc/hostname')", "closed"),
    ("expect", "nothing = 1", "nothing"),
    ("expect", "'perhaps'", "perhaps"),
    ("expect", "true) FROM given; DROP TABLE given; SELECT (true", ""),
    ("message", "{missing}", "missing"),
]


@pytest.mark.parametrize(("key", "text", "what"), BAD)
def test_a_fault_of_the_sql_is_told_with_its_place(key: str, text: str, what: str) -> None:
    text_of = {"subjects": RULE.subjects, "rows": RULE.rows, "expect": RULE.expect, "message": RULE.message}
    text_of[key] = text
    lines = ['id = "a-rule"', 'title = "t"', "[check]", *(f'{k} = """{v}"""' for k, v in text_of.items())]
    rule = parse_rule("\n".join(lines), Path("a-rule.toml"))
    with pytest.raises(RuleError) as caught:
        judge([row(True)], rule)
    assert what in str(caught.value.what)
    assert caught.value.where == f"a-rule.toml:{4 + list(text_of).index(key)}:1"


def test_a_rule_that_runs_for_ever_is_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    from analyzer.checks import evaluation
    from analyzer.checks.engine import Engine as engine  # noqa: N813

    monkeypatch.setattr(evaluation, "Engine", lambda tables: engine(tables, seconds=0.2))
    rule = replace(RULE, subjects="SELECT 'a' AS subject, count(*) AS n FROM range(1000000000000)")
    with pytest.raises(RuleError, match="longer than"):
        judge([row(True)], rule)


def test_two_runs_give_the_same() -> None:
    rows = [row(bool(n % 3), subject=f"s{n % 7}", records=[n], name=f"n{n}") for n in range(200)]
    assert judge(rows) == judge(rows)


VERDICT_ROWS = st.tuples(
    st.sampled_from("ab"),
    st.sampled_from([True, False, None]),
    st.sampled_from(["proof", "inference", "none", None]),
    st.sampled_from([[], [1], [2, 1], [7], None]),
    st.sampled_from("xyz"),
)


@given(st.lists(VERDICT_ROWS, min_size=1, max_size=12))
@settings(max_examples=25, deadline=None)
def test_many_rows_are_judged_as_few_are(given_rows: list[Any]) -> None:
    from analyzer.checks import evaluation

    rows = [
        row(ok, subject=subject, evidence=evidence, records=records, name=name)
        for subject, ok, evidence, records, name in given_rows
    ]
    few = judge(rows)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(evaluation, "LIMITS", replace(LIMITS, rule_rows=0, finding_lines=3))
        many = judge(rows)
        patch.setattr(evaluation, "LIMITS", replace(LIMITS, finding_lines=3))
        assert many == judge(rows)
    assert [f.message for f in many.findings] == [f.message for f in few.findings]


def test_rows_in_a_file_are_judged_as_rows_in_memory() -> None:
    from analyzer.tables.spool import Spool

    rows = [row(n % 5 != 0, subject=f"s{n % 3}", records=[n], name=f"n{n}") for n in range(500)]
    spool = Spool(GIVEN, memory_bytes=0)
    spool.append(pa.Table.from_pylist(rows, schema=GIVEN))
    with spool.finish() as kept:
        assert not kept.in_memory
        assert judge(rows, tables={"given": kept}) == judge(rows)


def test_too_many_subjects_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    from analyzer.checks import evaluation

    monkeypatch.setattr(evaluation, "LIMITS", replace(LIMITS, rule_subjects=1))
    with pytest.raises(RuleError, match="more than 1 subjects"):
        judge([row(True), row(True, subject="b")])


BLAMED = "subject, ok, name, records, 'buildkitd.toml' AS config_file, CAST(line AS BIGINT) AS config_line"


def blaming(lines: str, subjects: str = "SELECT 'a' AS subject") -> Rule:
    rows = f"SELECT {BLAMED} FROM given JOIN (VALUES {lines}) AS blamed (name, line) USING (name)"
    return replace(RULE, rows=rows, subjects=subjects)


def place(finding: Finding) -> tuple[str | None, int | None]:
    return finding.config_file, finding.config_line


def test_the_row_that_decides_says_which_line_is_to_blame() -> None:
    rows = [row(True, name="well"), row(False, name="wrong")]
    assert place(only(judge(rows, blaming("('well', 3), ('wrong', 7)")))) == ("buildkitd.toml", 7)
    assert place(only(judge(rows[:1], blaming("('well', 3), ('wrong', 7)")))) == ("buildkitd.toml", 3)


def test_a_row_that_blames_nothing_leaves_it_to_its_subject() -> None:
    subjects = "SELECT 'a' AS subject, 'buildkitd.toml' AS config_file, 12 AS config_line"
    assert place(only(judge([row(False)], blaming("('n', NULL)", subjects)))) == ("buildkitd.toml", 12)
    assert place(only(judge([row(False)], blaming("('n', 4)", subjects)))) == ("buildkitd.toml", 4)


@pytest.mark.parametrize("empty", ["skipped", "unknown"])
def test_a_subject_without_rows_has_a_line_too(empty: str) -> None:
    subjects = "SELECT 'a' AS subject, 'buildkitd.toml' AS config_file, 12 AS config_line"
    rule = replace(RULE, subjects=subjects, empty=empty)
    assert place(only(judge([row(True, has_row=False)], rule))) == ("buildkitd.toml", 12)


def test_a_flag_has_no_line_and_is_no_file() -> None:
    subjects = "SELECT 'a' AS subject, '--oci-worker-net=host' AS config_file, NULL AS config_line"
    assert place(only(judge([row(False)], replace(RULE, subjects=subjects)))) == (None, None)
