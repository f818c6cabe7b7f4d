//! What was found, as text for a terminal.

use super::experiments::Experiment;
use super::report::{Finding, Report};

/// Columns that text is folded to; a terminal of the usual 80 has a margin then.
const WIDTH: usize = 76;

/// The names and titles of experiments.
pub fn list(experiments: &[Experiment]) -> String {
    let width = experiments.iter().map(|experiment| experiment.id.len()).max().unwrap_or(0);
    experiments.iter().map(|experiment| format!("{:width$}  {}\n", experiment.id, experiment.title)).collect()
}

/// Each experiment with its figures, and the verdicts once more at the end.
pub fn show(report: &Report) -> String {
    let mut out = String::new();
    for finding in &report.experiments {
        out.push_str(&one(finding));
        out.push('\n');
    }
    out.push_str(&verdicts(report));
    out
}

fn one(finding: &Finding) -> String {
    let measured = &finding.measured;
    let mut out = format!("{}: {}\n", finding.id, finding.title);
    out.push_str(&folded(&finding.claim, "  "));
    let labels = measured.rows.iter().map(|row| row.label.chars().count()).max().unwrap_or(0);
    let values: Vec<_> = measured.rows.iter().map(super::report::Row::shown).collect();
    let width = values.iter().map(String::len).max().unwrap_or(0);
    for (row, value) in measured.rows.iter().zip(values) {
        let line = format!("    {:labels$}  {value:>width$} {}", row.label, row.unit);
        out.push_str(line.trim_end());
        out.push('\n');
    }
    for note in &measured.notes {
        out.push_str(&folded(note, "  "));
    }
    out.push_str(&folded(&format!("=> {}: {}", measured.verdict.word(), measured.verdict.reason), "  "));
    out
}

fn verdicts(report: &Report) -> String {
    let width = report.experiments.iter().map(|finding| finding.id.len()).max().unwrap_or(0);
    let mut out = String::new();
    for finding in &report.experiments {
        let verdict = &finding.measured.verdict;
        let title = if verdict.holds { &finding.title } else { &verdict.reason };
        out.push_str(&format!(
            "{:width$}  {:8}  {:4.1} s  {title}\n",
            finding.id,
            verdict.word(),
            finding.seconds
        ));
    }
    let held = report.experiments.iter().filter(|finding| finding.measured.verdict.holds).count();
    let machine = &report.machine;
    out.push_str(&format!(
        "\n{held} of {} hold, on {} ({} processors), {}, files on {} by {}\n",
        report.experiments.len(),
        machine.processor,
        machine.processors,
        machine.kernel,
        machine.files_on,
        machine.file_backend
    ));
    out
}

/// Text in lines of limited length, each begun in the same way.
fn folded(text: &str, begin: &str) -> String {
    let mut out = String::new();
    let mut line = String::from(begin);
    for word in text.split_whitespace() {
        if line.len() + 1 + word.len() > WIDTH && line.len() > begin.len() {
            out.push_str(line.trim_end());
            out.push('\n');
            line = String::from(begin);
        }
        line.push_str(word);
        line.push(' ');
    }
    out.push_str(line.trim_end());
    out.push('\n');
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_folded_at_words() {
        let text = "word ".repeat(40);
        let lines = folded(&text, "  ");
        assert!(lines.lines().all(|line| line.len() <= WIDTH && line.starts_with("  word")));
        assert_eq!(lines.split_whitespace().count(), 40);
    }
}
