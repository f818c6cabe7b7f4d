//! What goes wrong with peers and resources: it is the matter of one session, or it passes; nothing is left behind,
//! and nothing spins meanwhile.

mod common;
#[path = "common/echo.rs"]
mod echo;

use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering::*};
use std::time::{Duration, Instant};

use common::{eventually, in_own_process, open_descriptors, pattern};
use echo::Echo;
use proactor::{BufPool, Op, Port, Socket, Status, Workers, op};
use rustix::fd::OwnedFd;
use rustix::net::{AddressFamily, SocketType};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// One echo, there and back.
fn echo(client: &mut TcpStream, data: &[u8]) {
    client.write_all(data).unwrap();
    let mut back = vec![0; data.len()];
    client.read_exact(&mut back).unwrap();
    assert!(back == data);
}

/// Takes every descriptor that is left, after there were `free` more: so many are free again when these are dropped.
fn fill_descriptors(free: usize) -> Vec<std::fs::File> {
    let most = (open_descriptors() + free) as u64;
    let limit = Rlimit { current: Some(most), ..getrlimit(Resource::Nofile) };
    setrlimit(Resource::Nofile, limit).unwrap();
    let mut all = Vec::new();
    loop {
        match std::fs::File::open("/dev/null") {
            Ok(file) => all.push(file),
            Err(error) => {
                assert_eq!(error.raw_os_error(), Some(24), "EMFILE");
                return all;
            }
        }
    }
}

fn open_sockets() -> usize {
    let links = std::fs::read_dir("/proc/self/fd")
        .unwrap()
        .filter_map(|entry| entry.unwrap().path().read_link().ok());
    links.filter(|link| link.to_string_lossy().starts_with("socket:")).count()
}

fn processor_time() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

#[test]
fn accepting_pauses_without_descriptors_and_goes_on_with_them() {
    in_own_process("accepting_pauses_without_descriptors_and_goes_on_with_them", || {
        let server = Echo::start(2);
        let mut served = TcpStream::connect(server.address).unwrap();
        echo(&mut served, b"before");
        // A client needs a descriptor for itself; these have theirs already.
        let waiting: Vec<OwnedFd> = (0..20)
            .map(|_| rustix::net::socket(AddressFamily::INET, SocketType::STREAM, None).unwrap())
            .collect();
        let filling = fill_descriptors(10);
        for client in &waiting {
            rustix::net::connect(client, &server.address).unwrap();
        }
        eventually("accepting pauses", || proactor::snapshot().accept_pauses > 0);

        let (begin, processor, pauses) =
            (Instant::now(), processor_time(), proactor::snapshot().accept_pauses);
        eventually("it is tried again now and then", || proactor::snapshot().accept_pauses > pauses + 8);
        let (elapsed, used) = (begin.elapsed(), processor_time() - processor);
        assert!(used < elapsed / 4, "{used:?} of a processor in {elapsed:?}: something spins");
        echo(&mut served, &pattern(1, 100_000));
        assert_eq!(server.open.load(SeqCst), 1, "nobody else could be let in");

        drop(filling);
        for client in waiting {
            echo(&mut TcpStream::from(client), b"after all");
        }
        echo(&mut served, b"after");
        drop(served);
        eventually("all sessions are over", || server.open.load(SeqCst) == 0);
        server.stop();
    });
}

#[test]
fn an_accept_that_could_never_be_resumed_is_refused() {
    in_own_process("an_accept_that_could_never_be_resumed_is_refused", || {
        let listener = Socket::listen("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().ip().unwrap();
        let port: Port = Port::new(1).unwrap();
        listener.associate(&port, 1).unwrap();
        let client = rustix::net::socket(AddressFamily::INET, SocketType::STREAM, None).unwrap();
        // Nothing has needed the library's own thread yet, and now it can't be started.
        let filling = fill_descriptors(4);
        let refused = listener.accept(op::Accept::new()).unwrap_err();
        assert_eq!(refused.status, Status::TOO_MANY_OPENED_FILES);
        drop(filling);
        let _ = listener.accept(refused.op).unwrap();
        // Again without any: this one pauses, and goes on.
        let filling = fill_descriptors(1);
        rustix::net::connect(&client, &address).unwrap();
        eventually("it has paused", || {
            let none = port.get_timeout(Duration::ZERO);
            assert_eq!(none.unwrap_err(), Status::TIMEOUT);
            proactor::snapshot().accept_pauses > 2
        });
        drop(filling);
        let packet = port.get_timeout(common::PATIENCE).unwrap();
        assert_eq!(packet.status(), Status::SUCCESS);
    });
}

/// A message of the server below, and its reply, which is more than any socket's buffers take.
const MESSAGE: usize = 64 << 10;
static REPLY: [u8; 16 << 20] = [7; 16 << 20];

/// Every other connection sends half a message; the others send one and do not read the reply.
const CLIENTS: &str = r#"
import socket, sys, time
clients = []
for number in range(20):
    client = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
    client.sendall(bytes(30000 if number % 2 else 65536))
    clients.append(client)
print("ready", flush=True)
time.sleep(600)
"#;

fn start_clients(address: SocketAddr) -> Child {
    let mut command = Command::new("python3");
    command.args(["-c", CLIENTS, &address.port().to_string()]).stdout(Stdio::piped());
    match command.spawn() {
        Ok(child) => child,
        Err(error) => {
            panic!("`python3` is needed for this test and could not be started ({error}): install it")
        }
    }
}

#[test]
fn two_hundred_clients_killed_in_mid_message_leave_nothing() {
    in_own_process("two_hundred_clients_killed_in_mid_message_leave_nothing", || {
        let port: Port<Option<Socket>> = Port::new(0).unwrap();
        let listener = Socket::listen("127.0.0.1:0").unwrap();
        listener.associate(&port, None).unwrap();
        let address = listener.local_addr().unwrap().ip().unwrap();
        let pool = BufPool::new(MESSAGE, 1000);
        let (port2, pool2, listener2) = (port.clone(), pool.clone(), listener.clone());
        let workers = Workers::start(&port, 4, move |packet| match (packet.key, packet.op) {
            (None, Op::Accept(mut accept)) => {
                let connection = accept.take_connection();
                let _ = listener2.accept(accept);
                let Some(socket) = connection else { return };
                socket.associate(&port2, Some(socket.clone())).unwrap();
                let _ = socket.recv(op::Recv::pooled(&pool2).wait_all());
            }
            (Some(socket), Op::Recv(recv)) if recv.result() == Ok(MESSAGE) => {
                let _ = socket.send(op::Send::new(&REPLY[..]));
            }
            (Some(socket), _) => drop(socket.close()),
            (None, op) => panic!("the listener got {op:?}"),
        });
        let workers = workers.unwrap();
        let _ = listener.accept(op::Accept::new()).unwrap();
        // One that comes and goes, so that all that is made only once is there before anything is counted.
        drop(TcpStream::connect(address).unwrap());
        // It has come, by two packets, and gone; all that is left is the listener.
        eventually("it has gone", || {
            let port = port.snapshot();
            (port.packets, port.handles, open_sockets()) == (2, 1, 1)
        });
        let (sockets, descriptors) = (open_sockets(), open_descriptors());

        let mut clients: Vec<_> = (0..10).map(|_| start_clients(address)).collect();
        for client in &mut clients {
            let mut line = String::new();
            BufReader::new(client.stdout.take().unwrap()).read_line(&mut line).unwrap();
            assert_eq!(line, "ready\n");
        }
        eventually("half of them are in mid-message", || pool.lent() == 100);
        eventually("each has its operation, and so has the listener", || port.snapshot().pending == 201);
        clients.iter_mut().for_each(|client| client.kill().unwrap());
        clients.iter_mut().for_each(|client| assert!(!client.wait().unwrap().success()));

        eventually("all buffers are back", || pool.lent() == 0);
        eventually("only the accept is pending", || port.snapshot().pending == 1);
        eventually("only the listener is left", || port.snapshot().handles == 1);
        eventually("all sockets are closed", || open_sockets() == sockets);
        // The library watches each worker through one of its own.
        assert!(open_descriptors() <= descriptors + 4, "descriptors are left");
        listener.close().unwrap();
        port.close();
        assert_eq!(workers.join(), 0, "a handler panicked");
    });
}

/// A client that behaves, for as long as others do not: its echoes must keep coming.
fn while_one_behaves(server: &Echo, others: impl FnOnce(SocketAddr)) {
    let over = AtomicBool::new(false);
    let address = server.address;
    std::thread::scope(|scope| {
        let good = scope.spawn(|| {
            let mut client = TcpStream::connect(address).unwrap();
            client.set_nodelay(true).unwrap();
            client.set_read_timeout(Some(common::PATIENCE)).unwrap();
            let (mut echoes, data) = (0, pattern(5, 1000));
            while !over.load(SeqCst) || echoes < 200 {
                echo(&mut client, &data);
                echoes += 1;
            }
        });
        others(address);
        over.store(true, SeqCst);
        good.join().unwrap();
    });
    eventually("every session is over", || server.open.load(SeqCst) == 0);
    eventually("all buffers are back", || server.pool.lent() == 0);
}

/// Writes until nothing more is taken. Returns how much was.
fn stuff(client: &mut TcpStream) -> usize {
    client.set_write_timeout(Some(Duration::from_millis(200))).unwrap();
    let (data, mut count) = (vec![1; 1 << 16], 0);
    loop {
        match client.write(&data) {
            Ok(n) => count += n,
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::WouldBlock);
                return count;
            }
        }
    }
}

#[test]
fn peers_that_reset_end_their_own_session_only() {
    let server = Echo::start(2);
    while_one_behaves(&server, |address| {
        for n in 0..100 {
            let mut client = TcpStream::connect(address).unwrap();
            if n % 2 == 0 {
                client.write_all(b"unanswered").unwrap();
            }
            let linger = Some(Duration::ZERO);
            rustix::net::sockopt::set_socket_linger(&client, linger).unwrap();
        }
    });
    server.stop();
}

#[test]
fn peers_that_close_half_get_all_they_sent_back() {
    let server = Echo::start(2);
    while_one_behaves(&server, |address| {
        for n in 0..20 {
            let mut client = TcpStream::connect(address).unwrap();
            let data = pattern(n, 50_000);
            client.write_all(&data).unwrap();
            client.shutdown(Shutdown::Write).unwrap();
            let mut back = Vec::new();
            client.read_to_end(&mut back).unwrap();
            assert!(back == data);
        }
    });
    server.stop();
}

#[test]
fn peers_that_never_read_wait_with_one_buffer_each() {
    let server = Echo::start(2);
    while_one_behaves(&server, |address| {
        let mut clients: Vec<_> = (0..5).map(|_| TcpStream::connect(address).unwrap()).collect();
        std::thread::scope(|scope| {
            clients.iter_mut().for_each(|client| drop(scope.spawn(|| assert!(stuff(client) > 1 << 16))));
        });
        let lent = server.pool.lent();
        assert!(lent <= 6, "{lent} buffers for six sessions");
    });
    server.stop();
}

#[test]
fn peers_that_never_write_hold_no_buffer() {
    let server = Echo::start(2);
    let clients: Vec<_> = (0..100).map(|_| TcpStream::connect(server.address).unwrap()).collect();
    eventually("all are let in", || server.open.load(SeqCst) == 100);
    eventually("no buffer is lent", || server.pool.lent() == 0);
    while_one_behaves(&server, |_| drop(clients));
    server.stop();
}

#[test]
fn peers_that_flood_starve_nobody() {
    let server = Echo::start(2);
    while_one_behaves(&server, |address| {
        std::thread::scope(|scope| {
            for n in 0..4 {
                scope.spawn(move || {
                    let mut client = TcpStream::connect(address).unwrap();
                    let mut reader = client.try_clone().unwrap();
                    let data = pattern(n, 24 << 20);
                    std::thread::scope(|scope| {
                        scope.spawn(|| {
                            client.write_all(&data).unwrap();
                            client.shutdown(Shutdown::Write).unwrap();
                        });
                        let mut back = Vec::new();
                        reader.read_to_end(&mut back).unwrap();
                        assert!(back == data);
                    });
                });
            }
        });
    });
    server.stop();
}
