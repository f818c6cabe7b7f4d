//! `proactor lab`: its experiments hold where these tests run, its JSON and its page say the same, and a wrong
//! command line is told from a claim that does not hold.

mod common;

use common::run;
use serde_json::Value;

const IDEAS: [&str; 24] = [
    "file-offset",
    "file-cache",
    "sync-or-pending",
    "send-order",
    "zero-copy",
    "skip-on-success",
    "zero-byte-receive",
    "one-in-flight",
    "concurrency-limit",
    "blocked-worker",
    "release-order",
    "thread-count",
    "thread-exit",
    "page-lock",
    "enobufs",
    "apc-or-port",
    "apc-drain",
    "wait-order",
    "wait-all-atomic",
    "pulse",
    "mutex-abandoned",
    "locks",
    "deadlock",
    "thread-states",
];

/// A file's name in a folder of its own for this test, gone afterwards.
struct Page(std::path::PathBuf);

impl Page {
    fn new(name: &str) -> Page {
        Page(std::env::temp_dir().join(format!("proactor-lab-test-{}-{name}.html", std::process::id())))
    }

    fn path(&self) -> &str {
        self.0.to_str().expect("the name of a folder for temporary files is text")
    }
}

impl Drop for Page {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

#[test]
fn every_idea_holds_and_the_page_needs_nothing_but_itself() {
    let page = Page::new("all");
    let output = run(&["lab", "--quick", "--json", "--html", page.path()]);
    let report: Value = serde_json::from_slice(&output.stdout).expect("JSON and nothing else");
    let found = report["experiments"].as_array().expect("a list");
    let ids: Vec<_> = found.iter().filter_map(|finding| finding["id"].as_str()).collect();
    assert_eq!(ids, IDEAS);
    for finding in found {
        assert_eq!(finding["verdict"]["holds"], true, "{}: {}", finding["id"], finding["verdict"]["reason"]);
        let rows = finding["rows"].as_array().expect("rows");
        assert!(rows.iter().all(|row| row["label"].is_string() && row["value"].is_number()), "{rows:?}");
        assert!(rows.len() > 2, "{} measured nothing", finding["id"]);
    }
    assert_eq!(report["quick"], true);
    assert!(output.status.success());
    assert!(output.stderr.is_empty(), "progress is for terminals");

    let text = std::fs::read_to_string(&page.0).expect("the page was written");
    for finding in found {
        let section = format!("<section id=\"{}\">", finding["id"].as_str().unwrap_or_default());
        assert!(text.contains(&section), "no {section}");
    }
    let plots: usize = found.iter().filter_map(|finding| finding["plots"].as_array()).map(Vec::len).sum();
    assert_eq!(text.matches("</svg>").count(), plots);
    needs_nothing(&text);
}

/// No address of anything to be fetched; what names the language of an image is none.
fn needs_nothing(page: &str) {
    let text = page.replace("xmlns=\"http://www.w3.org/2000/svg\"", "");
    for outside in ["http:", "https:", "src=", "<script", "<link", "@import", "url("] {
        assert!(!text.contains(outside), "the page has {outside}");
    }
    let targets = text.match_indices("href=\"").all(|(at, href)| text[at + href.len()..].starts_with('#'));
    assert!(targets, "a link leaves the page");
}

#[test]
fn the_named_ones_are_carried_out_in_that_order_and_no_other() {
    let output = run(&["lab", "thread-exit", "file-offset", "--quick", "--json"]);
    let report: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let found = report["experiments"].as_array().expect("a list");
    let ids: Vec<_> = found.iter().map(|finding| &finding["id"]).collect();
    assert_eq!(ids, ["thread-exit", "file-offset"]);
}

#[test]
fn the_table_ends_with_the_verdicts() {
    let output = run(&["lab", "thread-exit", "--quick"]);
    let text = String::from_utf8(output.stdout).expect("text");
    assert!(text.contains("=> holds: "), "{text}");
    assert!(text.lines().last().is_some_and(|line| line.starts_with("1 of 1 hold, on ")), "{text}");
}

#[test]
fn the_list_names_all_and_carries_none_out() {
    let output = run(&["lab", "--list"]);
    let text = String::from_utf8(output.stdout).expect("text");
    let names: Vec<_> = text.lines().filter_map(|line| line.split_whitespace().next()).collect();
    assert_eq!(names, IDEAS);
    assert!(output.status.success());
}

#[test]
fn a_wrong_command_line_is_2_and_an_unknown_name_lists_the_known() {
    let output = run(&["lab", "perpetual-motion"]);
    let sentence = String::from_utf8(output.stderr).expect("text");
    assert_eq!(output.status.code(), Some(2));
    assert!(output.stdout.is_empty());
    assert!(
        sentence.contains("perpetual-motion") && IDEAS.iter().all(|idea| sentence.contains(idea)),
        "{sentence}"
    );
    assert_eq!(run(&["lab", "--slow"]).status.code(), Some(2));
}

#[test]
fn a_page_that_cannot_be_written_is_told() {
    let output = run(&["lab", "thread-exit", "--quick", "--html", "/nowhere/at/all.html"]);
    let sentence = String::from_utf8(output.stderr).expect("text");
    assert_eq!(output.status.code(), Some(1));
    assert!(sentence.starts_with("error: /nowhere/at/all.html"), "{sentence}");
}
