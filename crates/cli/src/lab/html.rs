//! What was found, as one page that needs nothing but itself: style and images are in it, and it follows the
//! reader's choice of light or dark.

use super::plot;
use super::report::{Finding, Measured, Plot, Report, Row};

const STYLE: &str = include_str!("page.css");

/// The page.
pub fn page(report: &Report) -> String {
    let held = report.experiments.iter().filter(|finding| finding.measured.verdict.holds).count();
    let all = report.experiments.len();
    let machine = &report.machine;
    let mut out = format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n<title>Proactor lab</title>\n\
         <style>\n{STYLE}{}</style>\n</head>\n<body>\n",
        colours()
    );
    out.push_str(&format!(
        "<header>\n<h1>Proactor lab</h1>\n<p class=\"lead\">What completion ports do, tried and measured on this \
         machine. <b>{held} of {all}</b> claims hold.</p>\n<p class=\"machine\">{} &middot; {} processors &middot; {} \
         &middot; files on {} by {}{}</p>\n",
        escaped(&machine.processor),
        machine.processors,
        escaped(&machine.kernel),
        escaped(&machine.files_on),
        escaped(&machine.file_backend),
        if report.quick { " &middot; a quick run: few rounds, rough figures" } else { "" },
    ));
    out.push_str("<nav><ol>\n");
    for finding in &report.experiments {
        out.push_str(&format!(
            "<li><a href=\"#{}\"><span>{}</span>{}</a></li>\n",
            finding.id,
            escaped(&finding.title),
            badge(&finding.measured)
        ));
    }
    out.push_str("</ol></nav>\n</header>\n<main>\n");
    report.experiments.iter().for_each(|finding| out.push_str(&section(finding)));
    let names: Vec<_> = report.experiments.iter().map(|finding| finding.id.as_str()).collect();
    let command =
        if all == super::EXPERIMENTS.len() { String::new() } else { format!(" {}", names.join(" ")) };
    let quick = if report.quick { " --quick" } else { "" };
    out.push_str(&format!(
        "</main>\n<footer><p>Made by <code>proactor lab{command}{quick} --html FILE</code>. Run it on a quiet machine \
         and the figures are better.</p></footer>\n</body>\n</html>\n"
    ));
    out
}

fn section(finding: &Finding) -> String {
    let measured = &finding.measured;
    let mut out = format!(
        "<section id=\"{}\">\n<div class=\"head\"><h2>{}</h2>{}</div>\n<p class=\"claim\">{}</p>\n",
        finding.id,
        escaped(&finding.title),
        badge(measured),
        escaped(&finding.claim)
    );
    let class = if measured.verdict.holds { "verdict good" } else { "verdict bad" };
    out.push_str(&format!(
        "<p class=\"{class}\"><b>{}</b> {}</p>\n",
        if measured.verdict.holds { "It holds:" } else { "It does not:" },
        escaped(&measured.verdict.reason)
    ));
    if !measured.plots.is_empty() {
        out.push_str("<div class=\"plots\">\n");
        measured.plots.iter().for_each(|plot| out.push_str(&figure(plot)));
        out.push_str("</div>\n");
    }
    out.push_str(&table(measured));
    out.push_str(&format!("<p class=\"done\"><b>What was done.</b> {}</p>\n", escaped(&finding.done)));
    for note in &measured.notes {
        out.push_str(&format!("<p class=\"note\">{}</p>\n", escaped(note)));
    }
    out.push_str(&format!(
        "<p class=\"again\">Again: <code>proactor lab {}</code>, {:.1} s</p>\n</section>\n",
        finding.id, finding.seconds
    ));
    out
}

fn badge(measured: &Measured) -> String {
    let class = if measured.verdict.holds { "good" } else { "bad" };
    format!("<span class=\"badge {class}\">{}</span>", measured.verdict.word())
}

fn figure(plot: &Plot) -> String {
    let mut out = format!("<figure>\n<figcaption>{}</figcaption>\n", escaped(&plot.title));
    if plot.series.len() > 1 {
        out.push_str("<ul class=\"legend\">");
        for (index, series) in plot.series.iter().enumerate() {
            let place = index % plot::SERIES.len();
            out.push_str(&format!("<li><i class=\"s{place}\"></i>{}</li>", escaped(&series.name)));
        }
        out.push_str("</ul>\n");
    }
    out.push_str(&plot::svg(plot));
    out.push_str("</figure>\n");
    out
}

/// The most columns that a phone has room for.
const COLUMNS: usize = 4;

/// If the rows are the same few values of several things, a line for each thing and a column for each value.
fn crossed(rows: &[Row]) -> Option<String> {
    let labels: Option<Vec<_>> = rows.iter().map(|row| row.label.rsplit_once(": ")).collect();
    let labels = labels?;
    let columns = labels.iter().take_while(|label| label.0 == labels[0].0).count();
    let like_the_first = |(index, label): (usize, &(&str, &str))| {
        label.1 == labels[index % columns].1 && label.0 == labels[index - index % columns].0
    };
    let crossed = columns > 1
        && columns <= COLUMNS
        && rows.len() > columns
        && rows.len().is_multiple_of(columns)
        && labels.iter().enumerate().all(like_the_first);
    if !crossed {
        return None;
    }
    let mut out = String::from("<table class=\"crossed\">\n<tr><th></th>");
    let shared: Vec<_> = (0..columns)
        .map(|column| rows.iter().skip(column).step_by(columns).all(|row| row.unit == rows[column].unit))
        .collect();
    for column in 0..columns {
        let unit = if shared[column] { rows[column].unit.as_str() } else { "" };
        out.push_str(&format!("<th>{}<span>{}</span></th>", escaped(labels[column].1), escaped(unit)));
    }
    out.push_str("</tr>\n");
    for (line, labels) in rows.chunks_exact(columns).zip(labels.chunks_exact(columns)) {
        out.push_str(&format!("<tr><td>{}</td>", escaped(labels[0].0)));
        for (row, shared) in line.iter().zip(&shared) {
            let unit = if *shared { "" } else { row.unit.as_str() };
            out.push_str(&format!("<td class=\"value\">{} <span>{}</span></td>", row.shown(), escaped(unit)));
        }
        out.push_str("</tr>\n");
    }
    out.push_str("</table>\n");
    Some(out)
}

/// Rows whose labels begin alike, up to a colon, stand under one heading.
fn table(measured: &Measured) -> String {
    if measured.rows.is_empty() {
        return String::new();
    }
    if let Some(table) = crossed(&measured.rows) {
        return table;
    }
    let mut out = String::from("<table>\n");
    let mut group = None;
    for row in &measured.rows {
        let (begin, rest) = match row.label.rsplit_once(": ") {
            Some((begin, rest)) => (Some(begin), rest),
            None => (None, row.label.as_str()),
        };
        if begin != group {
            if let Some(begin) = begin {
                out.push_str(&format!(
                    "<tr class=\"group\"><th colspan=\"3\">{}</th></tr>\n",
                    escaped(begin)
                ));
            }
            group = begin;
        }
        out.push_str(&format!(
            "<tr><td>{}</td><td class=\"value\">{}</td><td class=\"unit\">{}</td></tr>\n",
            escaped(rest),
            row.shown(),
            escaped(&row.unit)
        ));
    }
    out.push_str("</table>\n");
    out
}

/// Gives the colours that plots are drawn in a meaning for light and for dark. A style sheet's rule is stronger
/// than an attribute of the image.
fn colours() -> String {
    let mut out = String::new();
    let mut map = |color, variable: &str| {
        let name = plot::name(color);
        out.push_str(&format!("svg [fill=\"{name}\"]{{fill:var({variable})}}"));
        out.push_str(&format!("svg [stroke=\"{name}\"]{{stroke:var({variable})}}\n"));
    };
    for (index, color) in plot::SERIES.into_iter().enumerate() {
        map(color, &format!("--s{index}"));
    }
    map(plot::TEXT, "--soft");
    map(plot::LINE, "--line");
    out
}

/// Text as HTML has it.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lab::report::{Machine, Series, Shape, Verdict};

    fn report() -> Report {
        let plot = |shape| Plot {
            title: "a < b".into(),
            x: "x".into(),
            y: "y".into(),
            shape,
            series: vec![Series { name: "one".into(), points: vec![(1.0, 1.0), (10.0, 5.0)] }],
        };
        let names = || vec!["a".into(), "b".into()];
        let measured = Measured {
            verdict: Verdict::fails("1 < 2 & so on"),
            rows: vec![Row::new("kind: value", 1.5, "us")],
            plots: vec![plot(Shape::Histogram), plot(Shape::Bars(names())), plot(Shape::Lines(names()))],
            notes: vec!["a note".into()],
        };
        let finding = Finding {
            id: "x".into(),
            title: "A <title>".into(),
            claim: "c".into(),
            done: "d".into(),
            seconds: 0.1,
            measured,
        };
        let machine = Machine {
            processor: "P".into(),
            processors: 2,
            kernel: "K".into(),
            file_backend: "threads".into(),
            files_on: "ext4".into(),
        };
        Report { machine, quick: true, experiments: vec![finding] }
    }

    #[test]
    fn what_does_not_hold_is_said_and_text_is_escaped() {
        let page = page(&report());
        assert!(page.contains("It does not:") && page.contains("<b>0 of 1</b>"));
        assert!(page.contains("1 &lt; 2 &amp; so on") && page.contains("A &lt;title&gt;"));
        assert!(!page.contains("A <title>"));
    }

    #[test]
    fn each_shape_is_drawn() {
        assert_eq!(page(&report()).matches("</svg>").count(), 3);
    }

    #[test]
    fn the_same_values_of_several_things_are_crossed() {
        let rows = |labels: &[&str]| -> Vec<Row> {
            labels.iter().map(|label| Row::new(*label, 1.0, "us")).collect()
        };
        let table = crossed(&rows(&["a: x", "a: y", "b: x", "b: y"])).expect("two things, two values");
        assert_eq!(table.matches("<tr>").count(), 3);
        for other in
            [&["a: x", "a: y", "b: x"][..], &["a: x", "a: y", "b: x", "b: z"], &["x", "y"], &["a: x", "a: y"]]
        {
            assert!(crossed(&rows(other)).is_none(), "{other:?}");
        }
    }

    #[test]
    fn a_plot_of_nothing_is_left_out() {
        let mut report = report();
        report.experiments[0].measured.plots.iter_mut().for_each(|plot| plot.series.clear());
        assert!(!page(&report).contains("<svg"));
    }
}
