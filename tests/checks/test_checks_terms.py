"""Terms: whatever is waived or known, no failure becomes a pass, and none goes unseen."""

from __future__ import annotations

from datetime import date, timedelta

from hypothesis import given
from hypothesis import strategies as st

from analyzer.checks.baselines import Baseline, Known, parse_baseline, write_baseline
from analyzer.checks.findings import Finding, RuleResult, conclude, exit_code
from analyzer.checks.rule import native_rule
from analyzer.checks.terms import Terms
from analyzer.checks.versions import RequiredVersion
from analyzer.checks.waivers import Waiver

TODAY = date(2026, 6, 1)
RULES = ("mirror-served", "network-mode")
SUBJECTS = ("docker.io", "ghcr.io", "a*")
VERDICTS = ("pass", "fail", "unknown", "skipped")


def result_of(rule_id: str, verdicts: dict[str, str]) -> RuleResult:
    rule = native_rule(rule_id, "It holds", family="mirrors")
    return conclude(
        rule,
        [
            Finding(rule_id, "mirrors", "error", subject, verdict, "proof", "as it is")
            for subject, verdict in verdicts.items()
        ],
    )


results = st.fixed_dictionaries(
    {
        rule: st.dictionaries(st.sampled_from(SUBJECTS), st.sampled_from(VERDICTS), max_size=3)
        for rule in RULES
    }
).map(lambda verdicts: [result_of(rule, told) for rule, told in verdicts.items()])

waivers = st.lists(
    st.builds(
        Waiver,
        rule=st.sampled_from(RULES),
        reason=st.just("known"),
        expires=st.integers(-2, 2).map(lambda days: TODAY + timedelta(days)),
        subject=st.sampled_from([None, *SUBJECTS]),
    ),
    max_size=3,
).map(tuple)

baselines = st.none() | st.lists(
    st.builds(Known, st.sampled_from(RULES), st.sampled_from(SUBJECTS), st.sampled_from(("fail", "unknown"))),
    max_size=3,
    unique_by=lambda known: (known.rule, known.subject),
).map(lambda known: Baseline("known.json", tuple(known)))


@given(results, waivers, baselines)
def test_a_failure_fails_or_is_waived_for_a_reason_that_stands_there(
    before: list[RuleResult], waived: tuple[Waiver, ...], baseline: Baseline | None
) -> None:
    after = Terms(TODAY, waivers=waived, baseline=baseline).apply(before, [])
    told = {(one.rule, one.subject): one for result in after for one in result.findings}
    for finding in (one for result in before for one in result.findings):
        now = told[finding.rule, finding.subject]
        if now.verdict == finding.verdict:
            assert now == finding
            continue
        assert (finding.verdict in ("fail", "unknown"), now.verdict) == (True, "waived")
        holding = [waiver for waiver in waived if waiver.names(finding) and waiver.expires >= TODAY]
        known = baseline.find(finding) if baseline is not None else None
        assert holding or (known is not None and known.covers(finding.verdict))
        assert now.waiver
    failing = any(
        one.verdict == "fail" for result in after for one in result.findings if one.severity == "error"
    )
    assert (exit_code(after, records=1) == 1) == failing


@given(results, waivers)
def test_what_was_noted_is_known_and_nothing_else(
    before: list[RuleResult], waived: tuple[Waiver, ...]
) -> None:
    from io import StringIO

    terms = Terms(TODAY, waivers=waived)
    stream = StringIO()
    write_baseline(terms.note(before, [], "known.json"), stream)
    baseline = parse_baseline(stream.getvalue(), "known.json")
    after = Terms(TODAY, waivers=waived, baseline=baseline).apply(before, [])
    rules = [result for result in after if result.rule.id in RULES]
    assert not any(result.verdict in ("fail", "unknown") for result in rules)
    # and the next run's news is news
    news = [result_of(RULES[0], {"quay.io": "fail"})]
    assert Terms(TODAY, baseline=baseline).apply(news, [])[0].verdict == "fail"


def test_an_expired_waiver_fails_by_itself() -> None:
    waiver = Waiver(RULES[0], "known", TODAY - timedelta(1))
    after = Terms(TODAY, waivers=(waiver,)).apply([result_of(RULES[0], {"docker.io": "pass"})], [])
    verdicts = {result.rule.id: result.verdict for result in after}
    assert verdicts == {"mirror-served": "pass", "waivers-current": "fail"}
    assert exit_code(after, records=1) == 1


def test_no_term_lets_the_terms_off() -> None:
    expired = Waiver(RULES[0], "known", TODAY - timedelta(1))
    terms = Terms(TODAY, waivers=(expired,))
    failing = terms.apply([result_of(RULES[0], {})], [])
    name = next(one.subject for result in failing for one in result.findings if one.rule == "waivers-current")
    baseline = Baseline("known.json", (Known("waivers-current", name, "fail"),))
    more = Waiver("waivers-current", "known", TODAY)
    after = Terms(TODAY, waivers=(expired, more), baseline=baseline).apply([result_of(RULES[0], {})], [])
    assert next(result.verdict for result in after if result.rule.id == "waivers-current") == "fail"


def test_the_required_version_is_judged_of_each_source() -> None:
    terms = Terms(TODAY, RequiredVersion(">=0.16"))
    sources = [("a.log", "v0.17.3"), ("b.log", "v0.15"), ("c.log", None)]
    [result] = terms.apply([], sources)
    assert [finding.verdict for finding in result.findings] == ["pass", "fail", "unknown"]
