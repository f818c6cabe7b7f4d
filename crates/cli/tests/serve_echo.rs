//! `proactor serve echo` as a process: what it sends back, how it ends, and what it counts.
//!
//! The tests follow the server by the lines it prints, so none of them waits for a time to pass.

mod common;

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::time::Duration;

use common::{Server, eventually};
use rustix::process::{Resource, getrlimit};

/// Sends `text` and reads as much back.
fn round(stream: &mut TcpStream, text: &[u8]) -> Vec<u8> {
    stream.write_all(text).unwrap();
    let mut back = vec![0; text.len()];
    stream.read_exact(&mut back).unwrap();
    back
}

#[test]
fn every_connection_gets_its_own_bytes_back() {
    let server = Server::start(&["--quiet"]);
    let mut streams: Vec<TcpStream> = (0..100).map(|_| server.connect()).collect();
    for turn in 0..3 {
        for (number, stream) in streams.iter_mut().enumerate() {
            stream.write_all(format!("{turn}/{number:03}").as_bytes()).unwrap();
        }
        for (number, stream) in streams.iter_mut().enumerate() {
            let mut back = [0; 5];
            stream.read_exact(&mut back).unwrap();
            assert_eq!(back, format!("{turn}/{number:03}").as_bytes());
        }
    }
    drop(streams);
    let summary = server.interrupt();
    assert!(summary.contains(": 100 connections, 300 messages, 1.5 KiB; 0 reset by peers"), "{summary}");
    assert!(summary.ends_with("0 faults"), "{summary}");
}

#[test]
fn more_than_any_buffer_holds_comes_back_in_order() {
    const WHOLE: usize = 8 << 20;
    let server = Server::start(&["--quiet", "--buffer", "1000"]);
    let mut stream = server.connect();
    let mut sender = stream.try_clone().unwrap();
    let sent: Vec<u8> = (0..WHOLE).map(|place| (place / 7 % 251) as u8).collect();
    let mut back = Vec::new();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            sender.write_all(&sent).unwrap();
            sender.shutdown(Shutdown::Write).unwrap();
        });
        // The peer has ended; what it sent before still comes back, and then the end.
        stream.read_to_end(&mut back).unwrap();
    });
    assert!(back == sent, "{} of {} bytes came back, or others", back.len(), sent.len());
    let summary = server.interrupt();
    assert!(summary.contains("1 connection,") && summary.contains(" 8.0 MiB;"), "{summary}");
}

#[test]
fn sigterm_ends_it_as_ctrl_c_does() {
    let server = Server::start(&["--quiet"]);
    let mut stream = server.connect();
    assert_eq!(round(&mut stream, b"still there?"), b"still there?");
    let summary = server.terminate();
    assert!(summary.starts_with("served ") && summary.contains("1 connection, 1 message, 12 B"), "{summary}");
    let mut rest = Vec::new();
    stream.read_to_end(&mut rest).unwrap();
    assert!(rest.is_empty(), "the connection was closed in order");
}

#[test]
fn a_line_of_figures_comes_each_second() {
    let mut server = Server::start(&[]);
    let mut stream = server.connect();
    round(&mut stream, b"hello");
    let line = server.line();
    for part in ["1 connections", "messages/s", "B/s", "running 0 blocked 0 parked", "queue 0"] {
        assert!(line.contains(part), "{line:?} lacks {part:?}");
    }
    assert!(!line.contains("faults"), "{line}");
    server.interrupt();
}

#[test]
fn peers_that_reset_are_counted_and_are_no_faults() {
    let server = Server::start(&["--quiet"]);
    for _ in 0..20 {
        let mut stream = server.connect();
        round(&mut stream, b"x");
        let socket = socket2::Socket::from(stream);
        socket.set_linger(Some(Duration::ZERO)).unwrap();
    }
    // One that asks and is answered after the others have gone: what came before it has been seen.
    round(&mut server.connect(), b"x");
    assert!(eventually(|| server.connections() == 0), "all sessions end");
    let (summary, aside) = server.interrupt_with_errors();
    assert!(summary.contains("21 connections") && summary.contains("; 20 reset by peers"), "{summary}");
    assert!(summary.ends_with("0 faults"), "{summary}");
    assert!(!aside.contains("fault"), "{aside}");
}

#[test]
fn who_finds_no_buffer_is_dropped_and_the_others_are_served() {
    // Four buffers, and peers that send a lot and read nothing: each keeps one.
    let args = ["--quiet", "--workers", "4", "--buffers", "4", "--buffer", "65536"];
    let server = Server::start(&args);
    let mut hoarders: Vec<TcpStream> = Vec::new();
    let dropped = eventually(|| {
        let mut stream = server.connect();
        stream.set_nonblocking(true).unwrap();
        hoarders.push(stream.try_clone().unwrap());
        let chunk = [7; 65536];
        let full = |stream: &mut TcpStream| eventually_full(stream, &chunk);
        // The connection that finds all buffers taken is reset.
        full(&mut stream).is_err_and(|error| error.kind() != std::io::ErrorKind::WouldBlock)
    });
    assert!(dropped, "the pool is limited");
    drop(hoarders);
    assert!(eventually(|| server.connections() == 0));
    assert_eq!(round(&mut server.connect(), b"and now?"), b"and now?");
    let (summary, aside) = server.interrupt_with_errors();
    assert!(
        !summary.contains(" 0 dropped for want of buffers") && summary.ends_with(" 0 faults"),
        "{summary}"
    );
    assert!(!aside.contains("fault"), "{aside}");
}

/// Writes until the peer's buffers and ours have been full for a while, or the connection breaks.
fn eventually_full(stream: &mut TcpStream, chunk: &[u8]) -> std::io::Result<()> {
    let mut refusals = 0;
    loop {
        match stream.write(chunk) {
            Ok(_) => refusals = 0,
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock && refusals < 50 => {
                refusals += 1;
                std::thread::sleep(Duration::from_millis(1));
            }
            Err(error) => return Err(error),
        }
    }
}

#[test]
fn thousands_of_connections_are_served_at_once() {
    let limit = getrlimit(Resource::Nofile).maximum.unwrap_or(u64::MAX);
    let many = if limit >= 4200 { 2000 } else { 200 };
    let allowed = rustix::process::Rlimit { current: Some(limit), maximum: Some(limit) };
    let _ = rustix::process::setrlimit(Resource::Nofile, allowed);
    let server = Server::start(&["--quiet"]);
    let mut streams: Vec<TcpStream> = (0..many).map(|_| server.connect()).collect();
    for stream in &mut streams {
        stream.write_all(b"here").unwrap();
    }
    for stream in &mut streams {
        let mut back = [0; 4];
        stream.read_exact(&mut back).unwrap();
        assert_eq!(&back, b"here");
    }
    assert_eq!(server.connections(), many);
    drop(streams);
    let summary = server.interrupt();
    let count = if many == 2000 { "2,000" } else { "200" };
    assert!(summary.contains(&format!(": {count} connections, {count} messages,")), "{summary}");
}

#[test]
fn without_descriptors_accepting_pauses_and_goes_on_when_others_have_ended() {
    let mut server = Server::start_with_descriptors(60);
    let mut streams: Vec<TcpStream> = (0..100).map(|_| server.connect()).collect();
    for stream in &mut streams {
        stream.write_all(b"x").unwrap();
    }
    // All are held until it has run out; it says so within some seconds.
    let paused = (0..20).any(|_| server.line().contains("accept pauses"));
    assert!(paused);
    for mut stream in streams {
        let mut back = [0];
        stream.read_exact(&mut back).unwrap();
        assert_eq!(&back, b"x");
    }
    let summary = server.interrupt();
    assert!(summary.contains("100 connections, 100 messages"), "{summary}");
    assert!(summary.contains("0 faults, ") && summary.contains("accept pause"), "{summary}");
}

#[test]
fn who_would_lock_too_much_is_dropped_and_the_others_are_served() {
    let server = Server::start(&["--quiet", "--limit-locked", "200K", "--buffer", "65536"]);
    // Peers that send a lot and read nothing: what waits for them to read is locked.
    let mut hoarders: Vec<TcpStream> = Vec::new();
    let dropped = eventually(|| {
        let mut stream = server.connect();
        stream.set_nonblocking(true).unwrap();
        hoarders.push(stream.try_clone().unwrap());
        let full = eventually_full(&mut stream, &[7; 65536]);
        full.is_err_and(|error| error.kind() != std::io::ErrorKind::WouldBlock)
    });
    assert!(dropped && hoarders.len() > 1, "the memory is limited, and one connection is not beyond it");
    drop(hoarders);
    assert!(eventually(|| server.connections() == 0));
    assert_eq!(round(&mut server.connect(), b"and now?"), b"and now?");
    let (summary, aside) = server.interrupt_with_errors();
    assert!(
        !summary.contains(" 0 dropped for want of buffers") && summary.ends_with(" 0 faults"),
        "{summary}"
    );
    assert!(!aside.contains("fault"), "{aside}");
}

#[test]
fn beyond_the_limit_a_connection_is_closed_and_counted() {
    let server = Server::start(&["--quiet", "--limit-sessions", "2"]);
    let [mut first, mut second] = [server.connect(), server.connect()];
    round(&mut first, b"x");
    round(&mut second, b"x");
    let mut rest = Vec::new();
    server.connect().read_to_end(&mut rest).unwrap();
    assert!(rest.is_empty());
    drop(first);
    assert!(eventually(|| server.connections() == 1));
    round(&mut server.connect(), b"x");
    let summary = server.interrupt();
    assert!(summary.contains(": 3 connections, 3 messages,"), "{summary}");
    assert!(summary.contains(" 1 refused beyond the limit, 0 faults"), "{summary}");
}

#[test]
fn a_port_can_be_taken_again_at_once() {
    let server = Server::start(&["--quiet"]);
    let address = server.address.clone();
    let mut stream = server.connect();
    round(&mut stream, b"first");
    // The server closes first, so the port is in TIME_WAIT.
    server.interrupt();
    let again = Server::start_at(&address, &["--quiet"]);
    assert_eq!(round(&mut again.connect(), b"second"), b"second");
    again.interrupt();
}
