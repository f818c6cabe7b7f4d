//! Every operation that is started completes exactly once (S017), whatever happens meanwhile.
//!
//! Some hundred sockets of both ends connect, send, receive, are reset, cancelled and closed by chance, by four
//! workers and two threads that do nothing but harm; files are read and written beside them. Each operation has
//! a number of its own in a ledger. At the end nothing may be left: no operation, handle, descriptor or memory.

mod common;

use std::fs;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicUsize, Ordering::*};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use common::{Random, eventually, in_own_process, open_descriptors, pattern};
use proactor::files::{Choice, set_choice};
use proactor::{
    Address, Buf, File, Modes, Op, Operation, Packet, Port, Refused, Socket, Started, Workers, op,
};

const SLOTS: usize = 120;
const ACTIONS: usize = 12_000;
const FILE: usize = 1 << 20;

/// What has become of each operation, by its number.
struct Ledger {
    entries: Vec<AtomicU8>,
    next: AtomicUsize,
    started: AtomicUsize,
    completed: AtomicUsize,
    cancelled: AtomicUsize,
    refused: AtomicUsize,
}

const STARTED: u8 = 1;
const COMPLETED: u8 = 2;
const REFUSED: u8 = 3;

impl Ledger {
    fn new() -> Ledger {
        let entries = (0..1 << 21).map(|_| AtomicU8::new(0)).collect();
        let [next, started, completed, cancelled, refused] = Default::default();
        Ledger { entries, next, started, completed, cancelled, refused }
    }

    /// A number for an operation that is about to be started.
    fn enter(&self) -> usize {
        let number = self.next.fetch_add(1, Relaxed);
        self.entries[number].store(STARTED, SeqCst);
        self.started.fetch_add(1, SeqCst);
        number
    }

    fn complete(&self, number: usize, cancelled: bool) {
        let before = self.entries[number].swap(COMPLETED, SeqCst);
        assert_eq!(before, STARTED, "operation {number} completed in state {before}");
        let count = if cancelled { &self.cancelled } else { &self.completed };
        count.fetch_add(1, SeqCst);
    }

    fn refuse(&self, number: usize) {
        let before = self.entries[number].swap(REFUSED, SeqCst);
        assert_eq!(before, STARTED, "operation {number} was refused in state {before}");
        self.refused.fetch_add(1, SeqCst);
    }

    fn open(&self) -> usize {
        let over = self.completed.load(SeqCst) + self.cancelled.load(SeqCst) + self.refused.load(SeqCst);
        self.started.load(SeqCst) - over
    }
}

/// What a packet belongs to.
#[derive(Clone, Copy, Debug)]
enum Key {
    Listener,
    File,
    End { slot: usize, side: usize, generation: u64 },
}

/// One end of a connection.
#[derive(Default)]
struct End {
    generation: u64,
    socket: Option<Socket>,
    /// The place in each stream; the bytes follow from it.
    sent: u64,
    received: u64,
    /// Receives stacked at once, in the order in which they were started.
    batch: Vec<(usize, Option<Vec<u8>>)>,
}

#[derive(Default)]
struct Connection {
    ends: [End; 2],
    /// Sends may have been cut short from now on, so that what comes is no longer known.
    broken: bool,
}

struct Stress {
    port: Port<Key>,
    ledger: Ledger,
    slots: Vec<Mutex<Connection>>,
    listener: Socket,
    address: SocketAddr,
    file: File,
    contents: Vec<u8>,
    stopping: AtomicBool,
    bytes_checked: AtomicUsize,
}

/// The byte at a place of the stream that this end sends.
fn byte(slot: usize, generation: u64, side: usize, place: u64) -> u8 {
    let mixed =
        (place / 8 + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ generation.wrapping_mul(0xD6E8_FEB8_6659_FD93);
    (mixed >> (place % 8 * 8)) as u8 ^ (slot * 2 + side) as u8
}

impl Stress {
    fn new(path: &std::path::Path, seed: u64) -> Arc<Stress> {
        let contents = pattern(seed, FILE);
        fs::write(path, &contents).unwrap();
        let port = Port::new(2).unwrap();
        let listener = Socket::listen("127.0.0.1:0").unwrap();
        listener.associate(&port, Key::Listener).unwrap();
        let file = File::options().read(true).write(true).open(path).unwrap();
        file.associate(&port, Key::File).unwrap();
        let address = listener.local_addr().unwrap().ip().unwrap();
        let slots = (0..SLOTS).map(|_| Mutex::default()).collect();
        let [stopping, bytes_checked] = [AtomicUsize::new(0), AtomicUsize::new(0)];
        let stopping = AtomicBool::new(stopping.into_inner() != 0);
        let ledger = Ledger::new();
        Arc::new(Stress { port, ledger, slots, listener, address, file, contents, stopping, bytes_checked })
    }

    fn slot(&self, slot: usize) -> MutexGuard<'_, Connection> {
        self.slots[slot].lock().unwrap()
    }

    /// Enters an operation and starts it. `None`: it was refused.
    fn start<O: Operation>(
        &self,
        start: impl FnOnce(usize) -> Result<Started<O>, Refused<O>>,
    ) -> Option<usize> {
        let number = self.ledger.enter();
        match start(number) {
            Ok(Started::Done(_)) => self.ledger.complete(number, false),
            Ok(_) => {}
            Err(_) => {
                self.ledger.refuse(number);
                return None;
            }
        }
        Some(number)
    }

    fn accept(&self) {
        if !self.stopping.load(SeqCst) {
            let first = op::Accept::receive_first(vec![0; 16]);
            self.start(|number| self.listener.accept(first.with_tag(number)));
        }
    }

    /// Fills a slot, if it is empty, with a connect; its first data say which slot it is.
    fn connect(&self, slot: usize, generation: u64) {
        let mut connection = self.slot(slot);
        if connection.ends[0].socket.is_some() || self.stopping.load(SeqCst) {
            return;
        }
        let address = Address::Ip(self.address);
        let Ok(socket) = Socket::to_connect(&address) else { return };
        if generation.is_multiple_of(3) {
            socket.set_modes(Modes::SKIP_COMPLETION_PORT_ON_SUCCESS).unwrap();
        }
        socket.associate(&self.port, Key::End { slot, side: 0, generation }).unwrap();
        *connection = Connection::default();
        connection.ends = std::array::from_fn(|_| End { generation, ..End::default() });
        let mut name = (slot as u64).to_le_bytes().to_vec();
        name.extend_from_slice(&generation.to_le_bytes());
        self.start(|number| socket.connect(op::Connect::new(address).with_data(name).with_tag(number)));
        connection.ends[0].socket = Some(socket);
    }

    /// Stacks some receives, of which all must be back before the next are started: their order is then known.
    fn receive(&self, slot: usize, side: usize, connection: &mut Connection) {
        let end = &mut connection.ends[side];
        let Some(socket) = end.socket.clone() else { return };
        assert!(end.batch.is_empty());
        for size in [1 + slot * 7, 3000, 20_000] {
            let number = self.ledger.enter();
            // Noted before it is started: its packet may be handled as soon as it is there.
            end.batch.push((number, None));
            match socket.recv(op::Recv::new(vec![0; size]).with_tag(number)) {
                Ok(Started::Done(recv)) => {
                    self.ledger.complete(number, false);
                    if let Some(last) = end.batch.last_mut() {
                        last.1 = Some(recv.data().to_vec());
                    }
                }
                Ok(_) => {}
                Err(_) => {
                    self.ledger.refuse(number);
                    end.batch.pop();
                    break;
                }
            }
        }
        self.examine(slot, side, connection);
    }

    /// When all of a batch are back: are they what the peer sent?
    fn examine(&self, slot: usize, side: usize, connection: &mut Connection) {
        let broken = connection.broken;
        let end = &mut connection.ends[side];
        if end.batch.is_empty() || end.batch.iter().any(|(_, data)| data.is_none()) {
            return;
        }
        let batch = std::mem::take(&mut end.batch);
        let mut some = false;
        for got in batch.into_iter().filter_map(|(_, data)| data).flatten() {
            some = true;
            if !broken {
                let expected = byte(slot, end.generation, 1 - side, end.received);
                assert_eq!(got, expected, "slot {slot} side {side} at byte {}", end.received);
                self.bytes_checked.fetch_add(1, Relaxed);
            }
            end.received += 1;
        }
        // Nothing at all: ended, reset or cancelled. Chance or the end of the test will close it.
        if some {
            self.receive(slot, side, connection);
        }
    }

    fn send(&self, slot: usize, side: usize, size: usize) {
        let mut connection = self.slot(slot);
        let end = &mut connection.ends[side];
        let Some(socket) = end.socket.clone() else { return };
        let places = end.sent..end.sent + size as u64;
        let data: Vec<u8> = places.map(|place| byte(slot, end.generation, side, place)).collect();
        if self.start(|number| socket.send(op::Send::new(data).with_tag(number))).is_some() {
            end.sent += size as u64;
        }
    }

    fn handle(&self, packet: Packet<Key>) {
        let cancelled = packet.status() == proactor::Status::CANCELLED;
        match (packet.key, packet.op) {
            (Key::Listener, Op::Accept(accept)) => {
                self.ledger.complete(accept.tag(), cancelled);
                self.accept();
                self.accepted(accept);
            }
            (Key::File, Op::Read(read)) => {
                self.ledger.complete(read.tag(), cancelled);
                let begin = read.offset() as usize;
                assert_eq!(read.data(), &self.contents[begin..begin + read.bytes()], "of the file");
            }
            (Key::File, Op::Write(write)) => self.ledger.complete(write.tag(), cancelled),
            (Key::End { slot, side, generation }, Op::Recv(recv)) => {
                self.ledger.complete(recv.tag(), cancelled);
                let mut connection = self.slot(slot);
                let end = &mut connection.ends[side];
                if end.generation == generation {
                    let tag = recv.tag();
                    let entry = end.batch.iter_mut().find(|(number, _)| *number == tag);
                    entry.expect("a receive belongs to its batch").1 = Some(recv.data().to_vec());
                    self.examine(slot, side, &mut connection);
                }
            }
            (Key::End { slot, generation, .. }, Op::Connect(connect)) => {
                self.ledger.complete(connect.tag(), cancelled);
                let mut connection = self.slot(slot);
                if connection.ends[0].generation == generation && connect.status().is_success() {
                    self.receive(slot, 0, &mut connection);
                }
            }
            (Key::End { .. }, Op::Send(send)) => {
                assert!(send.status().is_error() || send.bytes() == send.bufs()[0].len(), "S328");
                self.ledger.complete(send.tag(), cancelled);
            }
            (Key::End { .. }, Op::Disconnect(disconnect)) => {
                self.ledger.complete(disconnect.tag(), cancelled);
            }
            (key, op) => panic!("{key:?} got {op:?}"),
        }
    }

    fn accepted(&self, mut accept: op::Accept) {
        let (Some(socket), 16) = (accept.take_connection(), accept.bytes()) else { return };
        let number = |range| u64::from_le_bytes(<[u8; 8]>::try_from(&accept.data()[range]).unwrap());
        let (slot, generation) = (number(0..8) as usize, number(8..16));
        let mut connection = self.slot(slot);
        let end = &mut connection.ends[1];
        if end.generation != generation || self.stopping.load(SeqCst) {
            return;
        }
        assert!(end.socket.is_none(), "one connection was accepted twice");
        socket.associate(&self.port, Key::End { slot, side: 1, generation }).unwrap();
        end.socket = Some(socket);
        self.receive(slot, 1, &mut connection);
    }

    /// Ends a connection in one of several ways and frees its slot.
    fn close(&self, slot: usize, how: usize) {
        let mut connection = std::mem::take(&mut *self.slot(slot));
        for (side, end) in connection.ends.iter_mut().enumerate() {
            let Some(socket) = end.socket.take() else { continue };
            match how {
                0 => drop(socket.close()),
                1 => {
                    socket.set_linger(Some(Duration::ZERO)).unwrap();
                    socket.close().unwrap();
                }
                2 => {
                    let _ = socket.cancel_all();
                }
                _ => {
                    let started =
                        self.start(|number| socket.disconnect(op::Disconnect::new().with_tag(number)));
                    // One end lives on through its receives. Not both: neither of them reads any more, and sends
                    // of both would wait for ever.
                    if started.is_none() || side == 1 || how > 3 {
                        socket.close().unwrap();
                    }
                }
            }
        }
    }

    /// Harm, by chance.
    fn act(&self, random: &mut Random) {
        let (slot, side) = (random.below(SLOTS), random.below(2));
        match random.below(100) {
            0..25 => self.connect(slot, 1 + random.next() / 2),
            25..65 => self.send(slot, side, 1 + random.below(30_000)),
            65..72 => self.close(slot, random.below(6)),
            72..76 => {
                // One receive, while others are stacked with it; the stream goes on.
                let connection = self.slot(slot);
                if let Some(socket) = &connection.ends[side].socket {
                    let _ = socket.cancel_mine();
                }
                drop(connection);
                self.break_and_cancel(slot, side);
            }
            76..80 => self.overlapped(random),
            80..82 => self.with_thread(),
            82 => drop(self.listener.cancel_all()),
            _ => self.file(random),
        }
    }

    fn break_and_cancel(&self, slot: usize, side: usize) {
        let mut connection = self.slot(slot);
        connection.broken = true;
        if let Some(socket) = &connection.ends[side].socket {
            let _ = socket.cancel_all();
        }
    }

    fn wait<O: Operation>(&self, number: usize, begun: Result<proactor::Overlapped<O>, Refused<O>>) {
        match begun {
            Ok(overlapped) => {
                let status = overlapped.wait().status();
                self.ledger.complete(number, status == proactor::Status::CANCELLED);
            }
            Err(_) => self.ledger.refuse(number),
        }
    }

    /// Operations that their starter waits for, and cancels, or that find their peer.
    fn overlapped(&self, random: &mut Random) {
        let (ours, theirs) = Socket::pair().unwrap();
        let number = self.ledger.enter();
        let recv = ours.begin(op::Recv::new(vec![0; 100]));
        if random.one_in(2) {
            ours.cancel_mine().unwrap();
        } else if random.one_in(2) {
            let number = self.ledger.enter();
            self.wait(number, theirs.begin(op::Send::new("hello")));
        } else {
            theirs.close().unwrap();
        }
        self.wait(number, recv);
    }

    /// A thread that ends with something pending.
    fn with_thread(&self) {
        let (ours, _theirs) = Socket::pair().unwrap();
        let number = self.ledger.enter();
        let recv = std::thread::scope(|scope| {
            scope.spawn(|| ours.begin(op::Recv::new(vec![0; 100]))).join().unwrap()
        });
        self.wait(number, recv);
    }

    fn file(&self, random: &mut Random) {
        let begin = random.below(FILE - 70_000);
        let len = 1 + random.below(64 << 10);
        if random.one_in(3) {
            let data: Buf = self.contents[begin..begin + len].to_vec().into();
            self.start(|number| self.file.write(op::Write::new(begin as u64, data).with_tag(number)));
        } else {
            self.start(|number| self.file.read(op::Read::new(begin as u64, vec![0; len]).with_tag(number)));
        }
        if random.one_in(50) {
            let _ = self.file.cancel_all();
        }
    }
}

fn round(seed: u64) {
    println!("seed {seed}, files by {:?}", proactor::snapshot().file_backend);
    let path = std::env::temp_dir().join(format!("proactor-stress-{}", std::process::id()));
    let stress = Stress::new(&path, seed);
    let handler = stress.clone();
    let workers = Workers::start(&stress.port, 4, move |packet| handler.handle(packet)).unwrap();
    (0..8).for_each(|_| stress.accept());
    std::thread::scope(|scope| {
        for n in 0..2 {
            let stress = &stress;
            scope.spawn(move || {
                let mut random = Random::new(seed * 2 + n);
                (0..ACTIONS).for_each(|_| stress.act(&mut random));
            });
        }
    });
    stress.stopping.store(true, SeqCst);
    (0..SLOTS).for_each(|slot| stress.close(slot, 0));
    let _ = stress.listener.close();
    let ledger = &stress.ledger;
    eventually("every operation has completed", || {
        workers.panics() > 0 || {
            // What was half shut by chance ends with the peers that are closed now.
            (0..SLOTS).for_each(|slot| stress.close(slot, 0));
            ledger.open() == 0
        }
    });
    assert_eq!(workers.panics(), 0, "a handler found something wrong: see above");
    let _ = stress.file.close();
    eventually("the port has no handle", || stress.port.snapshot().handles == 0);
    assert_eq!(stress.port.snapshot().pending, 0);
    println!(
        "{} started = {} completed + {} cancelled + {} refused, {} bytes checked",
        ledger.started.load(SeqCst),
        ledger.completed.load(SeqCst),
        ledger.cancelled.load(SeqCst),
        ledger.refused.load(SeqCst),
        stress.bytes_checked.load(SeqCst)
    );
    assert!(stress.bytes_checked.load(SeqCst) > 1 << 16, "most of the streams should have been sound");
    stress.port.close();
    assert_eq!(workers.join(), 0);
    fs::remove_file(&path).unwrap();
}

/// Memory that is resident, in KiB.
fn resident() -> usize {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

fn rounds(choice: Choice) {
    set_choice(choice).unwrap();
    let seed = match std::env::var("PROACTOR_STRESS_SEED") {
        Ok(seed) => seed.parse().unwrap(),
        Err(_) => u64::from(std::process::id()),
    };
    let rounds = std::env::var("PROACTOR_STRESS_ROUNDS").map_or(4, |rounds| rounds.parse().unwrap());
    round(seed);
    let (descriptors, memory) = (open_descriptors(), resident());
    for n in 1..rounds {
        round(seed + n);
        println!("{} KiB resident", resident());
    }
    assert_eq!(open_descriptors(), descriptors, "descriptors are left");
    let grown = resident().saturating_sub(memory);
    println!("{memory} KiB after the first round, {grown} KiB more after the last");
    assert!(grown < 24 << 10, "{grown} KiB more than after the first round");
}

#[test]
fn s017_every_operation_completes_exactly_once_with_files_by_threads() {
    let name = "s017_every_operation_completes_exactly_once_with_files_by_threads";
    in_own_process(name, || rounds(Choice::Threads));
}

#[test]
fn s017_every_operation_completes_exactly_once_with_files_by_io_uring() {
    let name = "s017_every_operation_completes_exactly_once_with_files_by_io_uring";
    // Where there is no io_uring, threads serve again: the rest is tested all the same.
    in_own_process(name, || rounds(Choice::Auto));
}
