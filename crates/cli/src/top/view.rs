//! A frame of `proactor top`: drawn to a terminal, or to plain text for `--once`.

use proactor::budget::Usage;
use proactor::diagnose::WorkerState;
use ratatui::backend::TestBackend;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Cell, Paragraph, Row, Table};
use ratatui::{Frame, Terminal};

use super::model::{Model, Sort};
use crate::say;

/// What plain text is as wide as.
const WIDTH: u16 = 160;
const KEYS: &str = " q quit   p pause   s sort   left/right sort column   up/down scroll ";

pub fn draw(frame: &mut Frame<'_>, model: &Model) {
    let ports = u16::try_from(model.now.snapshot.ports.len()).unwrap_or(u16::MAX);
    let area = frame.area();
    // The workers keep at least some lines, whatever number of ports there is.
    let room = (area.height / 2).max(2);
    let notes = notes(model);
    let [head, ports_area, gap, workers, foot] = Layout::vertical([
        Constraint::Length(1 + u16::try_from(notes.len()).unwrap_or(1)),
        Constraint::Length((ports.saturating_add(1)).min(room)),
        Constraint::Length(1),
        Constraint::Fill(1),
        Constraint::Length(1),
    ])
    .areas(area);
    let mut lines = vec![headline(model)];
    lines.extend(notes);
    frame.render_widget(Paragraph::new(lines), head);
    draw_ports(frame, ports_area, model);
    frame.render_widget(Paragraph::new(""), gap);
    draw_workers(frame, workers, model);
    let keys = Style::new().add_modifier(Modifier::REVERSED);
    frame.render_widget(Paragraph::new(Span::styled(KEYS, keys)), foot);
}

/// A frame without colours and keys, as long as it has to be.
pub fn plain(model: &Model) -> Result<String, String> {
    let workers = model.workers().len();
    let rows = 6 + 2 * model.now.snapshot.ports.len() + workers + notes(model).len();
    let height = u16::try_from(rows).unwrap_or(u16::MAX);
    let cannot = |error: std::convert::Infallible| error.to_string();
    let mut terminal = Terminal::new(TestBackend::new(WIDTH, height)).map_err(cannot)?;
    terminal.draw(|frame| draw(frame, model)).map_err(cannot)?;
    let buffer = terminal.backend().buffer();
    let mut text = String::new();
    for y in 0..height.saturating_sub(1) {
        let line: String = (0..WIDTH).map(|x| buffer[(x, y)].symbol()).collect();
        text += line.trim_end();
        text.push('\n');
    }
    Ok(text.trim_end().to_owned() + "\n")
}

fn headline(model: &Model) -> Line<'_> {
    let report = &model.now;
    let mut text = format!(
        "process {} ({})   {}   {}   sorted by {}",
        report.process,
        report.name.escape_debug(),
        say::counted(report.snapshot.ports.len() as u64, "port"),
        say::counted(report.threads.len() as u64, "thread"),
        model.sort.name(),
    );
    if model.paused {
        text += "   PAUSED";
    }
    Line::styled(text, Style::new().add_modifier(Modifier::BOLD))
}

/// What is out of the ordinary, a line each.
fn notes(model: &Model) -> Vec<Line<'_>> {
    let snapshot = &model.now.snapshot;
    let mut notes = Vec::new();
    let warning = Style::new().fg(Color::Red).add_modifier(Modifier::BOLD);
    if model.deadlocks > 0 {
        let text = format!(
            "{}: `proactor wait-chain {}` explains it",
            say::counted(model.deadlocks as u64, "deadlock"),
            model.now.process
        );
        notes.push(Line::styled(text, warning));
    }
    if let Some(trouble) = &model.trouble {
        notes.push(Line::styled(trouble.as_str(), warning));
    }
    notes.extend(shortage(&snapshot.budget).map(|text| Line::styled(text, warning)));
    let mut files = String::new();
    if let Some(backend) = snapshot.file_backend {
        files = format!("files by {backend}: {} under way", say::count(snapshot.file_operations as u64));
    }
    for (count, what) in
        [(snapshot.file_panics, "panics in file operations"), (snapshot.accept_pauses, "accept pauses")]
    {
        if count > 0 {
            files += &format!("{}{what} {}", if files.is_empty() { "" } else { "   " }, say::count(count));
        }
    }
    if !files.is_empty() {
        notes.push(Line::raw(files));
    }
    if model.now.omitted > 0 {
        let text =
            format!("{} threads, ports or workers found no room", say::count(model.now.omitted as u64));
        notes.push(Line::raw(text));
    }
    notes
}

/// That a limit of the process or of a port was reached, and where the process stands.
fn shortage(budget: &Usage) -> Option<String> {
    (budget.refused > 0).then(|| {
        format!(
            "{} refused for want of room; {} of {} locked, {} of {} operations",
            say::counted(budget.refused, "start"),
            say::bytes(budget.locked_bytes as u64),
            say::bytes(budget.limits.locked_bytes as u64),
            say::count(budget.blocks as u64),
            say::count(budget.limits.blocks as u64),
        )
    })
}

fn right(text: impl Into<String>) -> Cell<'static> {
    Cell::new(Line::raw(text.into()).right_aligned())
}

fn header(columns: &[(&'static str, u16, bool)], sorted: Option<&str>) -> (Row<'static>, Vec<Constraint>) {
    let style = |name: &str| {
        let style = Style::new().add_modifier(Modifier::UNDERLINED);
        if sorted == Some(name) { style.add_modifier(Modifier::BOLD) } else { style }
    };
    let cells = columns.iter().map(|(name, _, to_right)| {
        let line = Line::styled(*name, style(name));
        Cell::new(if *to_right { line.right_aligned() } else { line })
    });
    let widths = columns.iter().map(|(_, width, _)| match width {
        0 => Constraint::Fill(1),
        width => Constraint::Length(*width),
    });
    (Row::new(cells.collect::<Vec<_>>()), widths.collect())
}

/// A number and the most it may be.
fn of(count: usize, most: usize) -> String {
    format!("{}/{}", say::count(count as u64), short(most as u64))
}

/// A limit in few characters: 1024, 1Mi.
fn short(number: u64) -> String {
    match number {
        0..10_000 => number.to_string(),
        10_000..10_000_000 => format!("{}k", number / 1000),
        _ => format!("{}M", number / 1_000_000),
    }
}

fn rate(count: Option<u64>) -> String {
    count.map_or("-".to_owned(), say::count)
}

fn byte_rate(count: Option<u64>) -> String {
    count.map_or("-".to_owned(), say::bytes)
}

fn draw_ports(frame: &mut Frame<'_>, area: Rect, model: &Model) {
    let columns = [
        ("port", 5, true),
        ("running", 9, true),
        ("blocked", 8, true),
        ("parked", 7, true),
        ("workers", 11, true),
        ("queue", 12, true),
        ("pending", 9, true),
        ("handles", 13, true),
        ("locked", 10, true),
        ("refused", 8, true),
        ("packets/s", 11, true),
        ("bytes/s", 11, true),
    ];
    let (header, widths) = header(&columns, None);
    let rows = model.ports().into_iter().map(|row| {
        let port = row.port;
        let full = port.queued > 0 && port.blocked + port.running >= port.workers.len();
        let cells = Row::new([
            right(port.id.to_string()),
            right(of(port.running, port.limit)),
            right(say::count(port.blocked as u64)),
            right(say::count(port.parked as u64)),
            right(of(port.workers.len(), port.limits.workers)),
            right(of(port.queued, port.limits.posts)),
            right(say::count(port.pending as u64)),
            right(of(port.handles, port.limits.handles)),
            right(say::bytes(port.locked_bytes as u64)),
            right(say::count(port.refused)),
            right(rate(row.packets)),
            right(byte_rate(row.bytes)),
        ]);
        // Packets wait, and nobody is left who could come for them.
        if full && port.running == 0 { cells.style(Style::new().fg(Color::Red)) } else { cells }
    });
    frame.render_widget(Table::new(rows, widths).header(header).column_spacing(1), area);
}

fn draw_workers(frame: &mut Frame<'_>, area: Rect, model: &Model) {
    let columns = [
        ("port", 5, true),
        (Sort::Thread.name(), 10, true),
        (Sort::Name.name(), 16, false),
        (Sort::State.name(), 8, false),
        (Sort::Packets.name(), 11, true),
        (Sort::Bytes.name(), 11, true),
        ("packets", 13, true),
        ("waits for", 0, false),
    ];
    let (header, widths) = header(&columns, Some(model.sort.name()));
    let rows = model.workers().into_iter().skip(model.scrolled).map(|row| {
        let worker = row.worker;
        let (state, style) = match worker.state {
            WorkerState::Running => ("running", Style::new().fg(Color::Green)),
            WorkerState::Blocked => ("blocked", Style::new().fg(Color::Yellow)),
            WorkerState::Parked => ("parked", Style::new().add_modifier(Modifier::DIM)),
        };
        Row::new([
            right(row.port.to_string()),
            right(worker.thread.to_string()),
            Cell::new(worker.name.escape_debug().to_string()),
            Cell::new(Span::styled(state, style)),
            right(rate(row.packets)),
            right(byte_rate(row.bytes)),
            right(say::count(worker.packets)),
            Cell::new(row.waits_for),
        ])
    });
    frame.render_widget(Table::new(rows, widths).header(header).column_spacing(1), area);
}
