//! Ways into the table, built by the compiler: sorted indexes to search, and an array by errno.
//!
//! The rule they keep: a code converts back to one status. Two rows that claim the same code stop the build.

use super::table::{Code, Row, TABLE};

/// Which code an index is sorted by.
#[derive(Clone, Copy)]
enum Column {
    Value,
    Win32,
    Winsock,
}

/// A code and the number of its row.
type Entry = (u32, u8);

const NO_ROW: u8 = u8::MAX;
const _: () = assert!(TABLE.len() < NO_ROW as usize, "row numbers are kept in a byte");

static BY_VALUE: [Entry; TABLE.len()] = sorted(Column::Value);
static BY_WIN32: [Entry; entries(Column::Win32)] = sorted(Column::Win32);
static BY_WINSOCK: [Entry; entries(Column::Winsock)] = sorted(Column::Winsock);
static BY_ERRNO: [u8; errno_limit()] = errnos();

/// The row of an NTSTATUS.
pub(super) const fn by_value(value: u32) -> Option<&'static Row> {
    search(&BY_VALUE, value)
}

/// The row that a Win32 error converts back to.
pub(super) const fn by_win32(code: u32) -> Option<&'static Row> {
    search(&BY_WIN32, code)
}

/// The row that a Winsock error converts back to.
pub(super) const fn by_winsock(code: u32) -> Option<&'static Row> {
    search(&BY_WINSOCK, code)
}

/// The row that an errno converts back to: one load, for this is asked on every failed call.
pub(super) const fn by_errno(errno: i32) -> Option<&'static Row> {
    if errno < 0 || errno as usize >= BY_ERRNO.len() {
        return None;
    }
    match BY_ERRNO[errno as usize] {
        NO_ROW => None,
        row => Some(&TABLE[row as usize]),
    }
}

const fn search(index: &'static [Entry], key: u32) -> Option<&'static Row> {
    let (mut low, mut high) = (0, index.len());
    while low < high {
        let middle = low + (high - low) / 2;
        let (found, row) = index[middle];
        if found == key {
            return Some(&TABLE[row as usize]);
        }
        if found < key {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    None
}

const fn column(row: &Row, column: Column) -> Option<&Code> {
    match column {
        Column::Value => None,
        Column::Win32 => row.win32.as_ref(),
        Column::Winsock => row.winsock.as_ref(),
    }
}

const fn entries(by: Column) -> usize {
    let (mut count, mut row) = (0, 0);
    while row < TABLE.len() {
        if let Some(code) = column(&TABLE[row], by) {
            count += code.back as usize + code.also.len();
        }
        row += 1;
    }
    count
}

const fn sorted<const N: usize>(by: Column) -> [Entry; N] {
    let mut index = [(0, 0); N];
    let (mut len, mut row) = (0, 0);
    while row < TABLE.len() {
        if let Column::Value = by {
            insert(&mut index, len, (TABLE[row].value, row as u8));
            len += 1;
        } else if let Some(code) = column(&TABLE[row], by) {
            if code.back {
                insert(&mut index, len, (code.number, row as u8));
                len += 1;
            }
            let mut other = 0;
            while other < code.also.len() {
                insert(&mut index, len, (code.also[other], row as u8));
                len += 1;
                other += 1;
            }
        }
        row += 1;
    }
    assert!(len == N, "the count of entries is wrong");
    index
}

/// Puts an entry in its place among the first `len`, which are sorted.
const fn insert<const N: usize>(index: &mut [Entry; N], len: usize, entry: Entry) {
    let mut place = len;
    while place > 0 && index[place - 1].0 > entry.0 {
        index[place] = index[place - 1];
        place -= 1;
    }
    assert!(place == 0 || index[place - 1].0 != entry.0, "two rows take the same code back");
    index[place] = entry;
}

/// One more than the largest errno of the table.
const fn errno_limit() -> usize {
    let (mut limit, mut row) = (0, 0);
    while row < TABLE.len() {
        if let Some(code) = &TABLE[row].errno {
            limit = larger(limit, code.number as usize + 1);
            let mut other = 0;
            while other < code.also.len() {
                limit = larger(limit, code.also[other] as usize + 1);
                other += 1;
            }
        }
        row += 1;
    }
    limit
}

const fn larger(a: usize, b: usize) -> usize {
    if a > b { a } else { b }
}

const fn errnos<const N: usize>() -> [u8; N] {
    let mut rows = [NO_ROW; N];
    let mut row = 0;
    while row < TABLE.len() {
        if let Some(code) = &TABLE[row].errno {
            if code.back {
                claim(&mut rows, code.number, row);
            }
            let mut other = 0;
            while other < code.also.len() {
                claim(&mut rows, code.also[other], row);
                other += 1;
            }
        }
        row += 1;
    }
    rows
}

const fn claim<const N: usize>(rows: &mut [u8; N], errno: u32, row: usize) {
    assert!(rows[errno as usize] == NO_ROW, "two rows take the same errno back");
    rows[errno as usize] = row as u8;
}
