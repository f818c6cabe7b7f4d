//! Frames, rates and keys, from reports of this process with numbers put in.

use proactor::diagnose::WorkerState;
use proactor::{Port, Workers};
use ratatui::Terminal;
use ratatui::backend::TestBackend;

use super::model::Sort;
use super::*;

/// A report with one port of three workers, and the port that it is of.
fn report() -> (Report, Port, Workers) {
    let port: Port = Port::new(2).unwrap();
    let workers = Workers::start(&port, 3, |_| {}).unwrap();
    let id = port.snapshot().id;
    loop {
        let mut report = diagnose::report();
        report.snapshot.ports.retain(|port| port.id == id);
        let seen = &mut report.snapshot.ports[0];
        if seen.workers.len() < 3 {
            std::thread::yield_now();
            continue;
        }
        seen.workers.sort_by(|a, b| a.name.cmp(&b.name));
        (seen.packets, seen.bytes) = (600, 0);
        for (worker, packets) in seen.workers.iter_mut().zip([100, 200, 300]) {
            worker.packets = packets;
            worker.state = WorkerState::Parked;
        }
        return (report, port, workers);
    }
}

fn end(port: &Port, workers: Workers) {
    port.close();
    workers.join();
}

/// Two seconds later; the first worker took 20 packets, the second 2000.
fn later(report: &Report) -> Report {
    let mut report = report.clone();
    report.taken += Duration::from_secs(2);
    let port = &mut report.snapshot.ports[0];
    port.workers[0].packets += 20;
    port.workers[1].packets += 2000;
    port.workers[1].bytes += 4096;
    port.packets += 2020;
    port.bytes += 4096;
    report
}

fn screen(model: &Model, width: u16, height: u16) -> Vec<String> {
    let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
    terminal.draw(|frame| view::draw(frame, model)).unwrap();
    let buffer = terminal.backend().buffer();
    (0..height).map(|y| (0..width).map(|x| buffer[(x, y)].symbol()).collect::<String>()).collect()
}

fn names(model: &Model) -> Vec<&str> {
    model.workers().iter().map(|row| &*row.worker.name).collect()
}

#[test]
fn rates_come_from_two_reports_and_the_time_between_them() {
    let (first, port, workers) = report();
    let mut model = Model::new(first.clone());
    assert_eq!(model.ports()[0].packets, None, "one report says nothing of rates");
    model.update(Ok(later(&first)));
    let row = &model.ports()[0];
    assert_eq!((row.packets, row.bytes), (Some(1010), Some(2048)));
    assert_eq!(model.workers()[0].packets, Some(1000));
    // The same one again is none.
    model.update(Ok(later(&first)));
    assert_eq!(model.ports()[0].packets, Some(1010));
    end(&port, workers);
}

#[test]
fn workers_are_sorted_by_each_column_in_turn() {
    let (first, port, workers) = report();
    let mut model = Model::new(first.clone());
    model.update(Ok(later(&first)));
    assert_eq!(names(&model), ["worker-1", "worker-0", "worker-2"], "by packets a second, then by packets");
    assert!(pressed(&mut model, KeyCode::Char('s'), false));
    assert_eq!((model.sort, names(&model)[0]), (Sort::Bytes, "worker-1"));
    model.now.snapshot.ports[0].workers[2].state = WorkerState::Blocked;
    assert!(pressed(&mut model, KeyCode::Right, false));
    assert_eq!((model.sort, names(&model)[0]), (Sort::State, "worker-2"));
    model.now.snapshot.ports[0].workers[0].name = "worker-10".into();
    model.sort = Sort::Name;
    assert_eq!(names(&model), ["worker-1", "worker-2", "worker-10"]);
    for _ in Sort::ALL {
        assert!(pressed(&mut model, KeyCode::Left, false));
    }
    assert_eq!(model.sort, Sort::Name, "once round");
    end(&port, workers);
}

#[test]
fn a_pause_keeps_what_is_shown() {
    let (first, port, workers) = report();
    let mut model = Model::new(first.clone());
    assert!(pressed(&mut model, KeyCode::Char(' '), false));
    model.update(Ok(later(&first)));
    assert_eq!((model.now.taken, model.paused), (first.taken, true));
    assert!(screen(&model, 100, 20)[0].contains("PAUSED"));
    assert!(pressed(&mut model, KeyCode::Char('p'), false));
    model.update(Ok(later(&first)));
    assert!(model.now.taken > first.taken);
    end(&port, workers);
}

#[test]
fn keys_end_it_and_others_do_not() {
    let (first, port, workers) = report();
    let mut model = Model::new(first);
    assert!(!pressed(&mut model, KeyCode::Char('q'), false));
    assert!(!pressed(&mut model, KeyCode::Esc, false));
    assert!(!pressed(&mut model, KeyCode::Char('c'), true));
    assert!(pressed(&mut model, KeyCode::Char('c'), false));
    for _ in 0..5 {
        assert!(pressed(&mut model, KeyCode::Down, false));
    }
    assert_eq!(model.scrolled, 2, "the last worker stays in view");
    assert!(pressed(&mut model, KeyCode::Home, false));
    assert_eq!(model.scrolled, 0);
    assert!(pressed(&mut model, KeyCode::End, false) && pressed(&mut model, KeyCode::Up, false));
    assert_eq!(model.scrolled, 1);
    end(&port, workers);
}

#[test]
fn a_frame_has_ports_workers_limits_and_keys() {
    let (first, port, workers) = report();
    let mut model = Model::new(first.clone());
    model.update(Ok(later(&first)));
    let lines = screen(&model, 120, 20);
    assert!(lines[0].contains(&format!("process {}", std::process::id())), "{}", lines[0]);
    assert!(lines[1].contains("running") && lines[1].contains("packets/s"), "{}", lines[1]);
    for part in ["/2 ", "3/1024", "0/1048k", "1,010", "2.0 KiB"] {
        assert!(lines[2].contains(part), "{part}: {}", lines[2]);
    }
    assert!(lines[4].contains("waits for"), "{}", lines[4]);
    assert!(lines[5].contains("worker-1") && lines[5].contains("parked") && lines[5].contains("packets"));
    assert!(lines[19].contains("q quit") && lines[19].contains("pause"));
    end(&port, workers);
}

#[test]
fn what_is_out_of_the_ordinary_has_a_line() {
    let (first, port, workers) = report();
    let mut model = Model::new(first);
    model.deadlocks = 2;
    model.update(Err("it does not answer".into()));
    model.now.snapshot.accept_pauses = 7;
    let text = view::plain(&model).unwrap();
    for part in ["2 deadlocks: `proactor wait-chain", "it does not answer", "accept pauses 7"] {
        assert!(text.contains(part), "{part}: {text}");
    }
    model.update(Ok(later(&model.now.clone())));
    assert!(!view::plain(&model).unwrap().contains("it does not answer"));
    end(&port, workers);
}

#[test]
fn names_cannot_command_the_terminal() {
    let (mut first, port, workers) = report();
    first.snapshot.ports[0].workers[0].name = "\u{1b}[2J\u{7}".into();
    first.name = "\u{1b}]0;x\u{7}".into();
    let text = view::plain(&Model::new(first)).unwrap();
    assert!(!text.chars().any(|c| c.is_control() && c != '\n'), "{text:?}");
    end(&port, workers);
}

#[test]
fn every_size_of_terminal_can_be_drawn_on() {
    let (first, port, workers) = report();
    let model = Model::new(first);
    for (width, height) in [(1, 1), (10, 3), (40, 5), (80, 24), (300, 100)] {
        assert_eq!(screen(&model, width, height).len(), usize::from(height));
    }
    end(&port, workers);
}

#[test]
fn an_interval_is_within_its_bounds() {
    assert_eq!(interval("0.5"), Ok(Duration::from_millis(500)));
    for wrong in ["0", "61", "-1", "NaN", "inf", "x", ""] {
        assert!(interval(wrong).is_err(), "{wrong}");
    }
}
