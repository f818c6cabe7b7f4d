//! `proactor bench hostile`, `idle` and `soak`: they run, their tables agree with the exit status, and what fails
//! whatever the machine's speed is a failure: memory, descriptors, ends, answers that were lost.

mod common;

use common::run;

fn text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).expect("text")
}

/// The cells of the row that begins with `name`.
fn row(table: &str, name: &str) -> Vec<String> {
    let line = table
        .lines()
        .find(|line| line.starts_with(&format!("| {name} ")))
        .unwrap_or_else(|| panic!("{table}"));
    line.trim_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect()
}

#[test]
fn attacks_are_held_whatever_the_speed() {
    let output = run(&["bench", "hostile", "reset-flood", "claim-4-gib", "descriptors", "panics", "--quick"]);
    let table = text(output.stdout);
    for attack in ["reset-flood", "claim-4-gib", "descriptors", "panics"] {
        let cells = row(&table, attack);
        // Who behaves is owed to be served there, and no more.
        assert_eq!(cells[8], "held", "{table}");
        assert_eq!(cells.len(), 10);
    }
    assert!(output.status.success() && table.contains("4 of 4 held"));
    assert!(row(&table, "panics")[9].contains("the handler panicked"));
    assert!(table.contains("cargo xtask bench hostile"), "who wants the peer is told how to have it");
}

#[test]
fn an_attack_of_no_name_is_a_wrong_command_line_and_the_list_has_them_all() {
    assert_eq!(run(&["bench", "hostile", "politeness"]).status.code(), Some(2));
    let list = text(run(&["bench", "hostile", "--list"]).stdout);
    for attack in ["never-read", "half-open", "flood", "blocking", "descriptors"] {
        assert!(list.lines().any(|line| line.starts_with(attack)), "{list}");
    }
}

#[test]
fn an_idle_session_has_its_row() {
    let output = run(&["bench", "idle", "--quick"]);
    let table = text(output.stdout);
    let cells = row(&table, "proactor");
    assert!(cells[1].parse::<u32>().is_ok_and(|bytes| (50..10_000).contains(&bytes)), "{table}");
    assert_eq!(output.status.success(), cells[7] == "both", "{table}");
}

#[test]
fn a_short_soak_holds_and_says_its_seed() {
    let output = run(&["bench", "soak", "--seconds", "3", "--seed", "4"]);
    let said = text(output.stdout);
    assert!(output.status.success(), "{said}{}", text(output.stderr));
    assert!(said.starts_with("soak: 3 s, seed 4\n") && said.contains("\nheld: "), "{said}");
}
