//! Rows of a run as a table that reads well on a terminal and is markdown as it stands.

use crate::lab::report::Machine;

/// Columns of equal width, the first row the heads.
pub fn table(rows: &[Vec<String>]) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let long =
        |column: usize| rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max();
    let widths: Vec<usize> = (0..columns).map(|column| long(column).unwrap_or(0).max(3)).collect();
    let mut out = String::new();
    for (at, row) in rows.iter().enumerate() {
        line(&mut out, row, &widths, ' ');
        if at == 0 {
            line(&mut out, &[], &widths, '-');
        }
    }
    out
}

fn line(out: &mut String, row: &[String], widths: &[usize], fill: char) {
    for (at, width) in widths.iter().enumerate() {
        let cell = row.get(at).map_or("", String::as_str);
        let rest = width.saturating_sub(cell.chars().count());
        out.push_str(&format!("|{fill}{cell}{}{fill}", String::from(fill).repeat(rest)));
    }
    out.push_str("|\n");
}

/// Where it was measured.
pub fn place(machine: &Machine) -> String {
    format!("{} ({} processors), {}, loopback", machine.processor, machine.processors, machine.kernel)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_longest_cell() {
        let cells = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
        let text = table(&[cells(&["attack", "x"]), cells(&["a", "12345"])]);
        assert_eq!(text, "| attack | x     |\n|--------|-------|\n| a      | 12345 |\n");
    }
}
