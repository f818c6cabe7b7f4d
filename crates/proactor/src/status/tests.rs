//! What the table promises, row by row.

use std::collections::{HashMap, HashSet};

use super::table::{Code, Row, TABLE};
use super::*;

/// The number that carries a Winsock error, for the rows that are not a status of NT.
fn carried(row: &Row) -> Option<u32> {
    (row.value & 0xFFFF_0000 == CARRIES_WIN32).then_some(row.value & 0xFFFF)
}

#[test]
fn no_value_and_no_name_stands_twice() {
    let values: HashSet<_> = TABLE.iter().map(|row| row.value).collect();
    let names: HashSet<_> = TABLE.iter().map(|row| row.name).collect();
    assert_eq!(values.len(), TABLE.len());
    assert_eq!(names.len(), TABLE.len());
}

#[test]
fn names_are_those_of_windows() {
    for row in TABLE {
        match carried(row) {
            None => assert!(row.name.starts_with("STATUS_"), "{}", row.name),
            Some(number) => {
                let winsock = row.winsock.as_ref().expect("carries a Winsock error");
                assert_eq!((row.name, number), (winsock.name, winsock.number));
                assert_eq!(Status(row.value).to_win32(), number);
            }
        }
    }
}

#[test]
fn messages_are_sentences_that_can_stand_after_a_colon() {
    for row in TABLE {
        assert!(row.message.starts_with(|c: char| c.is_ascii_lowercase()), "{}: {}", row.name, row.message);
        assert!(!row.message.ends_with('.'), "{}: {}", row.name, row.message);
    }
}

#[test]
fn a_number_has_the_same_name_in_every_row_and_a_name_the_same_number() {
    fn check(column: impl Fn(&Row) -> &Option<Code>) {
        let (mut names, mut numbers) = (HashMap::new(), HashMap::new());
        for (row, code) in TABLE.iter().filter_map(|row| Some((row, column(row).as_ref()?))) {
            assert_eq!(*names.entry(code.number).or_insert(code.name), code.name, "in {}", row.name);
            assert_eq!(*numbers.entry(code.name).or_insert(code.number), code.number, "in {}", row.name);
        }
    }
    check(|row| &row.win32);
    check(|row| &row.winsock);
    check(|row| &row.errno);
}

#[test]
fn every_code_given_out_converts_back_to_a_status_with_that_code() {
    for status in Status::known() {
        let win32 = status.to_win32();
        // ERROR_REM_NOT_LIST has no row of its own; it is carried.
        assert_eq!(Status::from_win32(win32).to_win32(), win32, "{status}");
        if status.row().is_some_and(|row| row.winsock.is_some()) {
            let winsock = status.to_winsock();
            assert_eq!(Status::from_winsock(winsock).to_winsock(), winsock, "{status}");
        }
        if let Some(errno) = status.to_errno() {
            assert_eq!(Status::from_errno(errno).to_errno(), Some(errno), "{status}");
        }
    }
}

#[test]
fn a_row_marked_both_ways_is_what_its_codes_mean() {
    for row in TABLE {
        let status = Status(row.value);
        for code in row.win32.iter() {
            assert!(!code.back || Status::from_win32(code.number) == status, "{status}");
            assert!(code.also.iter().all(|&other| Status::from_win32(other) == status), "{status}");
        }
        for code in row.winsock.iter() {
            assert!(!code.back || Status::from_winsock(code.number) == status, "{status}");
            assert!(code.also.iter().all(|&other| Status::from_winsock(other) == status), "{status}");
        }
        for code in row.errno.iter() {
            assert!(!code.back || Status::from_errno(code.number as i32) == status, "{status}");
            assert!(code.also.iter().all(|&other| Status::from_errno(other as i32) == status), "{status}");
        }
    }
}

#[test]
fn shortages_and_ordinary_ends_fail_or_say_so() {
    for row in TABLE {
        let status = Status(row.value);
        assert!(!(status.is_shortage() && status.is_success()), "{status}");
        assert!(!(status.is_shortage() && status.is_ordinary()), "{status}");
    }
    for winsock_no_bufs in Status::known().filter(|status| status.to_winsock() == 10055) {
        assert!(!winsock_no_bufs.is_ordinary(), "{winsock_no_bufs}");
    }
}

#[test]
fn look_ups_work_in_constants() {
    const RESET: Status = Status::from_errno(libc::ECONNRESET);
    const CODES: (u32, u32, bool) = (RESET.to_win32(), RESET.to_winsock(), RESET.is_ordinary());
    assert_eq!(CODES, (64, 10054, true));
}
