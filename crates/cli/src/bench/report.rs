//! What a benchmark says when it is over: the same values for the terminal and for JSON.

use serde::Serialize;

use crate::lab::report::{Machine, shown};

/// All that one run measured.
#[derive(Debug, Serialize)]
pub struct Report {
    pub machine: Machine,
    /// Fewer rounds: enough to see that it runs, too few for figures.
    pub quick: bool,
    pub figures: Vec<Figure>,
}

/// One comparison.
#[derive(Debug, Serialize)]
pub struct Figure {
    pub id: &'static str,
    /// Under which circumstances, where there are several; empty otherwise.
    pub case: &'static str,
    pub ours: Side,
    pub peer: Side,
    /// Ours by the peer's: of times less is better, of rates more.
    pub of: Of,
    pub ratio: Spread,
    pub target: Target,
    pub holds: bool,
}

/// Who was measured, and how long an operation took.
#[derive(Debug, Serialize)]
pub struct Side {
    pub what: &'static str,
    #[serde(flatten)]
    pub latency: Latency,
}

#[derive(Clone, Copy, Debug, Serialize)]
pub struct Latency {
    pub median_ns: f64,
    pub p90_ns: f64,
    pub p99_ns: f64,
}

/// What the ratio is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Of {
    Times,
    Rates,
}

/// What is to be reached.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Target {
    /// A ratio of times.
    AtMost(f64),
    /// A ratio of rates.
    AtLeast(f64),
    /// Our median, whatever the ratio.
    Nanoseconds(f64),
}

impl Target {
    fn met(self, ratio: f64, median_ns: f64) -> bool {
        match self {
            Target::AtMost(most) => ratio <= most,
            Target::AtLeast(least) => ratio >= least,
            Target::Nanoseconds(most) => median_ns <= most,
        }
    }

    pub fn text(self) -> String {
        match self {
            Target::AtMost(most) => format!("at most {most}"),
            Target::AtLeast(least) => format!("at least {least}"),
            Target::Nanoseconds(most) => format!("{most} ns"),
        }
    }
}

/// Ratios of all rounds.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Spread {
    pub median: f64,
    /// Half of the rounds lie between these two.
    pub lower: f64,
    pub upper: f64,
    pub least: f64,
    pub most: f64,
    pub rounds: usize,
}

impl Spread {
    pub fn of(mut ratios: Vec<f64>) -> Spread {
        ratios.sort_by(f64::total_cmp);
        let at = |share: f64| {
            let rank = (share * ratios.len() as f64).ceil() as usize;
            ratios.get(rank.max(1) - 1).copied().unwrap_or(f64::NAN)
        };
        Spread {
            median: at(0.5),
            lower: at(0.25),
            upper: at(0.75),
            least: at(0.0),
            most: at(1.0),
            rounds: ratios.len(),
        }
    }

    /// The same the other way round: times become rates.
    pub fn inverted(self) -> Spread {
        Spread {
            median: 1.0 / self.median,
            lower: 1.0 / self.upper,
            upper: 1.0 / self.lower,
            least: 1.0 / self.most,
            most: 1.0 / self.least,
            rounds: self.rounds,
        }
    }
}

impl Figure {
    /// Times compared, or rates if that is what the target is of.
    pub fn new(
        id: &'static str,
        case: &'static str,
        names: (&'static str, &'static str),
        compared: super::measure::Compared,
        target: Target,
    ) -> Figure {
        let (of, ratio) = match target {
            Target::AtLeast(_) => (Of::Rates, compared.ratio.inverted()),
            Target::AtMost(_) | Target::Nanoseconds(_) => (Of::Times, compared.ratio),
        };
        Figure {
            id,
            case,
            ours: Side { what: names.0, latency: compared.ours },
            peer: Side { what: names.1, latency: compared.peer },
            of,
            ratio,
            target,
            holds: target.met(ratio.median, compared.ours.median_ns),
        }
    }

    fn name(&self) -> String {
        if self.case.is_empty() { self.id.to_owned() } else { format!("{}, {}", self.id, self.case) }
    }
}

/// The figures as text.
pub fn show(report: &Report) -> String {
    let width = report.figures.iter().map(|figure| figure.name().len()).max().unwrap_or(0).max(11);
    let mut out = format!(
        "{:width$}  {:>9}  {:>9}  {:>5}  {:>14}  {:>12}\n",
        "measurement", "ours, ns", "peer, ns", "ratio", "half within", "target"
    );
    for figure in &report.figures {
        let within = format!("{:.2} to {:.2}", figure.ratio.lower, figure.ratio.upper);
        out.push_str(&format!(
            "{:width$}  {:>9}  {:>9}  {:>5.2}  {within:>14}  {:>12}  {}\n",
            figure.name(),
            shown(figure.ours.latency.median_ns),
            shown(figure.peer.latency.median_ns),
            figure.ratio.median,
            figure.target.text(),
            if figure.holds { "holds" } else { "missed" },
        ));
    }
    out.push('\n');
    out.push_str(&sides(report, width));
    let held = report.figures.iter().filter(|figure| figure.holds).count();
    let machine = &report.machine;
    out.push_str(&format!(
        "\n{held} of {} hold, on {} ({} processors), {}\n",
        report.figures.len(),
        machine.processor,
        machine.processors,
        machine.kernel
    ));
    out
}

/// Who was compared, and the slower operations of both.
fn sides(report: &Report, width: usize) -> String {
    let mut out = format!("{:width$}  {:>9}  {:>9}  {:>9}\n", "", "median ns", "90 %", "99 %");
    for figure in &report.figures {
        for (place, side) in [("", &figure.ours), ("beside ", &figure.peer)] {
            let name = if place.is_empty() { figure.name() } else { String::new() };
            let Latency { median_ns, p90_ns, p99_ns } = side.latency;
            out.push_str(&format!(
                "{name:width$}  {:>9}  {:>9}  {:>9}  {place}{}\n",
                shown(median_ns),
                shown(p90_ns),
                shown(p99_ns),
                side.what
            ));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spread_is_of_the_nearest_ranks() {
        let spread = Spread::of((1..=100).rev().map(f64::from).collect());
        assert_eq!((spread.least, spread.lower, spread.median), (1.0, 25.0, 50.0));
        assert_eq!((spread.upper, spread.most, spread.rounds), (75.0, 100.0, 100));
        assert!(Spread::of(Vec::new()).median.is_nan());
    }

    #[test]
    fn rates_are_times_inverted() {
        let spread = Spread::of(vec![0.5, 1.0, 2.0, 4.0]).inverted();
        assert_eq!((spread.least, spread.median, spread.most), (0.25, 1.0, 2.0));
        assert!(spread.lower <= spread.median && spread.median <= spread.upper);
    }

    #[test]
    fn a_target_is_met_up_to_its_limit_and_nothing_meets_none() {
        assert!(Target::AtMost(1.1).met(1.1, 0.0) && !Target::AtMost(1.1).met(1.11, 0.0));
        assert!(Target::AtLeast(0.9).met(0.9, 0.0) && !Target::AtLeast(0.9).met(0.89, 0.0));
        assert!(Target::Nanoseconds(20.0).met(9.0, 20.0) && !Target::Nanoseconds(20.0).met(0.1, 21.0));
        assert!(!Target::AtMost(1.1).met(f64::NAN, 0.0) && !Target::AtLeast(0.9).met(f64::NAN, 0.0));
    }
}
