//! `proactor doctor`: its table and its JSON agree, and its exit status says whether a server can run.

mod common;

use common::{proactor, run};
use serde_json::Value;

#[test]
fn where_these_tests_run_a_server_can_run() {
    let output = run(&["doctor"]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{text}");
    assert!(text.ends_with("A server can run here.\n"), "{text}");
}

#[test]
fn the_table_is_aligned_and_has_every_check_of_the_json() {
    let json: Value = serde_json::from_slice(&run(&["doctor", "--json"]).stdout).unwrap();
    assert_eq!(json["can_serve"], true);
    let text = String::from_utf8(run(&["doctor"]).stdout).unwrap();
    let mut lines = text.lines();
    let column = text.find("  ok  ").unwrap_or_else(|| panic!("{text}"));
    for check in json["checks"].as_array().unwrap() {
        let (name, state) = (check["name"].as_str().unwrap(), check["state"].as_str().unwrap());
        let line = lines.find(|line| line.starts_with(name)).unwrap_or_else(|| panic!("{name}: {text}"));
        assert!(line[column + 2..].starts_with(state), "{line}");
        assert!(line.ends_with(check["found"].as_str().unwrap()), "{line}");
        assert_eq!(check["cost"].is_string(), state == "lack", "{check}");
        assert_eq!(check["mend"].is_string(), state == "lack", "{check}");
        assert!(check["figures"].is_object() && check["required"].is_boolean(), "{check}");
    }
}

#[test]
fn few_descriptors_are_a_lack_that_a_server_can_live_with() {
    let mut shell = std::process::Command::new("sh");
    let program = proactor(&[]).get_program().to_owned();
    let output =
        shell.args(["-c", "ulimit -n 256 && exec \"$0\" doctor --json"]).arg(program).output().unwrap();
    assert!(output.status.success());
    let json: Value = serde_json::from_slice(&output.stdout).unwrap();
    let check =
        json["checks"].as_array().unwrap().iter().find(|check| check["name"] == "open files").unwrap();
    assert_eq!((&check["state"], &check["figures"]["hard"]), (&"lack".into(), &256.into()));
    assert!(check["figures"]["connections"].as_u64().unwrap() < 256);
    assert!(check["mend"].as_str().unwrap().contains("LimitNOFILE="));
}

#[test]
fn without_descriptors_no_server_can_run_and_the_status_says_so() {
    let mut shell = std::process::Command::new("sh");
    let program = proactor(&[]).get_program().to_owned();
    let output = shell.args(["-c", "ulimit -n 4 && exec \"$0\" doctor"]).arg(program).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert!(text.contains("sockets") && text.ends_with("are mended.\n"), "{text}");
}
