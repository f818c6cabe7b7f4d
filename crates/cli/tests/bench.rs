//! `proactor bench`: each figure has a target, a peer and a verdict, text and JSON agree with the exit status, and a
//! wrong command line is told from a target that is missed.
//!
//! How fast anything is here, among other tests, says nothing: no test asks that a target be met.

mod common;

use common::run;
use serde_json::Value;

const MEASURED: [&str; 7] = [
    "section-alone",
    "section-contended",
    "event-set",
    "event-handoff",
    "wait-any",
    "apc-handoff",
    "named-handoff",
];

fn number(value: &Value) -> f64 {
    value.as_f64().filter(|number| number.is_finite()).unwrap_or_else(|| panic!("{value} is no number"))
}

#[test]
fn every_figure_has_a_peer_a_spread_a_target_and_a_verdict() {
    let output = run(&["bench", "objects", "--quick", "--json"]);
    let report: Value = serde_json::from_slice(&output.stdout).expect("JSON and nothing else");
    assert_eq!(report["quick"], true);
    let figures = report["figures"].as_array().expect("a list");
    for id in MEASURED {
        assert!(figures.iter().any(|figure| figure["id"] == id), "{id} is missing");
    }
    for figure in figures {
        assert!(MEASURED.iter().any(|id| figure["id"] == *id), "{figure}");
        for side in ["ours", "peer"] {
            let at = |percentile: &str| number(&figure[side][percentile]);
            assert!(0.0 < at("median_ns") && at("median_ns") <= at("p90_ns") && at("p90_ns") <= at("p99_ns"));
            assert!(figure[side]["what"].as_str().is_some_and(|what| what.len() > 3));
        }
        let ratio = |part: &str| number(&figure["ratio"][part]);
        let parts = ["least", "lower", "median", "upper", "most"].map(ratio);
        assert!(parts.is_sorted() && parts[0] > 0.0, "{parts:?}");
        assert!(figure["target"].is_object() && figure["holds"].is_boolean(), "{figure}");
    }
    let all_hold = figures.iter().all(|figure| figure["holds"] == true);
    assert_eq!(output.status.code(), Some(i32::from(!all_hold)));
    assert!(output.stderr.is_empty(), "progress is for terminals");
}

#[test]
fn the_table_has_a_line_for_each_figure_and_counts_those_that_hold() {
    let output = run(&["bench", "objects", "event-set", "--quick"]);
    let text = String::from_utf8(output.stdout).expect("text");
    let line = text.lines().find(|line| line.starts_with("event-set")).expect("a line for it");
    let holds = match line.split_whitespace().next_back() {
        Some("holds") => true,
        Some("missed") => false,
        other => panic!("{other:?} is no verdict"),
    };
    assert!(
        text.lines()
            .last()
            .is_some_and(|last| last.starts_with(&format!("{} of 1 hold, on ", i32::from(holds))))
    );
    assert_eq!(output.status.success(), holds);
}

#[test]
fn help_and_list_explain_every_figure_and_measure_none() {
    for args in [["bench", "objects", "--help"], ["bench", "objects", "--list"]] {
        let output = run(&args);
        let text = String::from_utf8(output.stdout).expect("text");
        assert!(output.status.success() && MEASURED.iter().all(|id| text.contains(id)), "{text}");
        assert_eq!(text.matches("Target: ").count(), MEASURED.len());
    }
}

#[test]
fn a_wrong_command_line_is_2_and_an_unknown_name_lists_the_known() {
    let output = run(&["bench", "objects", "light-speed"]);
    let sentence = String::from_utf8(output.stderr).expect("text");
    assert_eq!(output.status.code(), Some(2));
    assert!(output.stdout.is_empty());
    assert!(
        sentence.contains("light-speed") && MEASURED.iter().all(|id| sentence.contains(id)),
        "{sentence}"
    );
    assert_eq!(run(&["bench"]).status.code(), Some(2));
    assert_eq!(run(&["bench", "everything"]).status.code(), Some(2));
}
