//! What an experiment says when it is over: the same values for the terminal, for JSON and for the page.

use serde::{Deserialize, Serialize};

use crate::say;

/// All that one run of the lab found.
#[derive(Debug, Serialize, Deserialize)]
pub struct Report {
    pub machine: Machine,
    /// Fewer rounds: good enough to see that an idea holds, too few for figures.
    pub quick: bool,
    pub experiments: Vec<Finding>,
}

/// Where it was measured; figures without that say little.
#[derive(Debug, Serialize, Deserialize)]
pub struct Machine {
    pub processor: String,
    pub processors: usize,
    pub kernel: String,
    /// Who moves the data of files that cannot be moved at once: "io_uring" or "threads".
    pub file_backend: String,
    /// The file system of the experiments' files.
    pub files_on: String,
}

/// One experiment, carried out.
#[derive(Debug, Serialize, Deserialize)]
pub struct Finding {
    pub id: String,
    pub title: String,
    pub claim: String,
    pub done: String,
    pub seconds: f64,
    #[serde(flatten)]
    pub measured: Measured,
}

/// What an experiment gives back.
#[derive(Debug, Serialize, Deserialize)]
pub struct Measured {
    pub verdict: Verdict,
    pub rows: Vec<Row>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub plots: Vec<Plot>,
    /// What a reader of the figures ought to know.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}

/// Whether the claim holds, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verdict {
    pub holds: bool,
    pub reason: String,
}

impl Verdict {
    pub fn holds(reason: impl Into<String>) -> Verdict {
        Verdict { holds: true, reason: reason.into() }
    }

    pub fn fails(reason: impl Into<String>) -> Verdict {
        Verdict { holds: false, reason: reason.into() }
    }

    /// The first of the objections that applies, or `reason` if none does.
    pub fn unless(
        objections: impl IntoIterator<Item = (bool, String)>,
        reason: impl Into<String>,
    ) -> Verdict {
        match objections.into_iter().find(|(applies, _)| *applies) {
            Some((_, objection)) => Verdict::fails(objection),
            None => Verdict::holds(reason),
        }
    }

    pub fn word(&self) -> &'static str {
        if self.holds { "holds" } else { "does not" }
    }
}

/// A line of the table.
#[derive(Debug, Serialize, Deserialize)]
pub struct Row {
    pub label: String,
    pub value: f64,
    pub unit: String,
}

impl Row {
    pub fn new(label: impl Into<String>, value: f64, unit: &str) -> Row {
        Row { label: label.into(), value, unit: unit.into() }
    }

    pub fn count(label: impl Into<String>, value: impl TryInto<u64>, unit: &str) -> Row {
        let value = value.try_into().ok().unwrap_or(u64::MAX);
        Row::new(label, value as f64, unit)
    }

    /// The value with as many digits as say something.
    pub fn shown(&self) -> String {
        shown(self.value)
    }
}

/// A number, not negative, with three digits that count and groups of thousands.
pub fn shown(value: f64) -> String {
    if value.fract() == 0.0 || value >= 1000.0 {
        return say::count(value.round() as u64);
    }
    match value {
        _ if value >= 100.0 => format!("{value:.0}"),
        _ if value >= 10.0 => format!("{value:.1}"),
        _ if value >= 0.1 => format!("{value:.2}"),
        _ => format!("{value:.3}"),
    }
}

/// Series to be drawn in one frame.
#[derive(Debug, Serialize, Deserialize)]
pub struct Plot {
    pub title: String,
    pub x: String,
    pub y: String,
    pub shape: Shape,
    pub series: Vec<Series>,
}

/// How the points of a plot are drawn.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Shape {
    /// Side by side at each of the names; a point's x is the index of its name.
    Bars(Vec<String>),
    /// A line over evenly spaced names.
    Lines(Vec<String>),
    /// Bins against a logarithmic axis: two points each, where it begins and where it ends.
    Histogram,
}

/// A name and its points.
#[derive(Debug, Serialize, Deserialize)]
pub struct Series {
    pub name: String,
    pub points: Vec<(f64, f64)>,
}

impl Series {
    /// One value for each name of the axis, in order.
    pub fn over_names(name: impl Into<String>, values: impl IntoIterator<Item = f64>) -> Series {
        let points = values.into_iter().enumerate().map(|(index, value)| (index as f64, value)).collect();
        Series { name: name.into(), points }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_show_the_digits_that_count() {
        let cases = [
            (0.0, "0"),
            (3.0, "3"),
            (0.0123, "0.012"),
            (0.456, "0.46"),
            (12.34, "12.3"),
            (345.6, "346"),
            (1234.4, "1,234"),
            (1_234_567.0, "1,234,567"),
        ];
        for (value, text) in cases {
            assert_eq!(shown(value), text);
        }
    }

    #[test]
    fn one_objection_is_enough() {
        let verdict = Verdict::unless([(false, "a".into()), (true, "b".into())], "fine");
        assert_eq!(verdict, Verdict::fails("b"));
        assert!(Verdict::unless([(false, "a".into())], "fine").holds);
    }
}
