//! OVERLAPPEDs of receives and sends, started, cancelled, completed by the peer, closed below, waited for, used again.
//!
//! What has to hold: each operation that was started ends exactly once, by the way it was to end (its packet, or its
//! OVERLAPPED); one that was refused never does; nobody writes beyond a buffer, or to what has ended; and no
//! descriptor is left.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use crate::{Choices, Handle, alone, deadline, descriptors, eventually};

#[repr(C)]
struct Overlapped {
    internal: usize,
    bytes: usize,
    offset: u64,
    event: Handle,
}

#[repr(C)]
struct Part {
    length: u32,
    bytes: *mut u8,
}

#[repr(C)]
struct Address([u8; 16]);

#[allow(non_snake_case)]
unsafe extern "C" {
    fn CancelIo(handle: Handle) -> i32;
    fn CancelIoEx(handle: Handle, overlapped: *mut Overlapped) -> i32;
    fn CloseHandle(handle: Handle) -> i32;
    fn CreateEventA(security: usize, manual: i32, set: i32, name: usize) -> Handle;
    fn CreateIoCompletionPort(file: Handle, existing: Handle, key: usize, threads: u32) -> Handle;
    fn GetOverlappedResult(handle: Handle, overlapped: *mut Overlapped, bytes: *mut u32, wait: i32) -> i32;
    fn GetQueuedCompletionStatus(
        port: Handle,
        bytes: *mut u32,
        key: *mut usize,
        overlapped: *mut *mut Overlapped,
        wait: u32,
    ) -> i32;
    fn WSAGetLastError() -> i32;
    fn WSARecv(
        socket: Handle,
        parts: *const Part,
        count: u32,
        bytes: *mut u32,
        flags: *mut u32,
        overlapped: *mut Overlapped,
        routine: usize,
    ) -> i32;
    fn WSASend(
        socket: Handle,
        parts: *const Part,
        count: u32,
        bytes: *mut u32,
        flags: u32,
        overlapped: *mut Overlapped,
        routine: usize,
    ) -> i32;
    fn WSASocketA(family: i32, kind: i32, protocol: i32, info: usize, group: u32, flags: u32) -> Handle;
    fn WSAStartup(version: u16, data: *mut u8) -> i32;
    fn closesocket(socket: Handle) -> i32;
    fn proactor_connect(socket: Handle, address: *const Address, length: i32) -> i32;
}

const PENDING: usize = 0x103;
const WSA_IO_PENDING: i32 = 997;
const MARK: u8 = 0xa5;
const LENGTH: usize = 256;
const MARGIN: usize = 64;

/// An operation at an address that stays.
struct Op {
    overlapped: Overlapped,
    buffer: [u8; LENGTH + MARGIN],
    length: usize,
    /// Its end is a packet.
    by_packet: bool,
    socket: Handle,
}

struct Link {
    socket: Handle,
    peer: std::net::TcpStream,
    by_packet: bool,
}

struct State {
    choices: Choices,
    port: Handle,
    event: Handle,
    listener: std::net::TcpListener,
    links: Vec<Link>,
    under_way: HashMap<usize, Box<Op>>,
    /// Ended; nobody may write to them any more.
    #[expect(clippy::vec_box, reason = "each keeps its address")]
    over: Vec<Box<Op>>,
    started: u64,
    ended: u64,
}

impl State {
    fn connect(&mut self) {
        let number = self.listener.local_addr().expect("it is bound").port().to_be_bytes();
        let mut address = Address([0; 16]);
        address.0[..8].copy_from_slice(&[2, 0, number[0], number[1], 127, 0, 0, 1]);
        // SAFETY: the address is a `sockaddr_in` of 16 bytes.
        let socket = unsafe {
            let socket = WSASocketA(2, 1, 6, 0, 0, 1);
            assert_ne!(socket, usize::MAX);
            assert_eq!(proactor_connect(socket, &raw const address, 16), 0);
            socket
        };
        let (peer, _) = self.listener.accept().expect("it was connected");
        peer.set_nonblocking(true).expect("it is a socket");
        let by_packet = !self.choices.once_in(3);
        if by_packet {
            // SAFETY: numbers alone.
            assert_eq!(unsafe { CreateIoCompletionPort(socket, self.port, socket, 0) }, self.port);
        }
        self.links.push(Link { socket, peer, by_packet });
    }

    fn start(&mut self) {
        let Link { socket, by_packet, .. } = self.links[self.choices.below(self.links.len())];
        let kind = self.choices.below(4);
        // With the event's lowest bit set there is no packet, with the event alone there are both.
        let event = [0, 0, self.event, self.event | 1][kind];
        let by_packet = by_packet && kind != 3;
        let length = self.choices.below(LENGTH + 1);
        let overlapped = Overlapped { internal: 0, bytes: 0, offset: 0, event };
        let mut op = Box::new(Op { overlapped, buffer: [MARK; LENGTH + MARGIN], length, by_packet, socket });
        let (into, at) = (op.buffer.as_mut_ptr() as usize, &raw mut op.overlapped as usize);
        let receives = self.choices.below(3) > 0;
        let begin = move || {
            let part = Part { length: length as u32, bytes: into as *mut u8 };
            let mut flags = 0;
            let none = std::ptr::null_mut();
            // SAFETY: the operation and its buffer stay until it has ended.
            unsafe {
                let failed = match receives {
                    true => {
                        WSARecv(socket, &raw const part, 1, none, &raw mut flags, at as *mut Overlapped, 0)
                    }
                    false => WSASend(socket, &raw const part, 1, none, 0, at as *mut Overlapped, 0),
                };
                failed == 0 || WSAGetLastError() == WSA_IO_PENDING
            }
        };
        // A thread that ends at once takes with it what is bound to it.
        let foreign = self.choices.once_in(16);
        let started = if foreign { std::thread::spawn(begin).join().expect("it returns") } else { begin() };
        if started {
            self.started += 1;
            assert!(self.under_way.insert(at, op).is_none());
        }
    }

    fn take(&mut self, wait: u32) -> bool {
        let (mut bytes, mut key, mut overlapped) = (0, 0, std::ptr::null_mut::<Overlapped>());
        // SAFETY: all may be written to.
        unsafe {
            GetQueuedCompletionStatus(self.port, &raw mut bytes, &raw mut key, &raw mut overlapped, wait);
        }
        if overlapped.is_null() {
            return false;
        }
        let op =
            self.under_way.remove(&(overlapped as usize)).expect("a packet is of an operation under way");
        assert!(op.by_packet, "none was to come");
        assert_eq!((key, bytes as usize), (op.socket, op.overlapped.bytes));
        self.end(op);
        true
    }

    fn end(&mut self, op: Box<Op>) {
        // SAFETY: a plain read of what others wrote.
        let internal = unsafe { (&raw const op.overlapped.internal).read_volatile() };
        assert_ne!(internal, PENDING);
        assert!(op.overlapped.bytes <= op.length);
        assert!(op.buffer[op.length..].iter().all(|byte| *byte == MARK), "beyond the buffer");
        self.ended += 1;
        self.over.push(op);
    }

    /// Ends those that have no packet and are complete.
    fn look(&mut self) {
        let complete = |op: &Op| {
            // SAFETY: a plain read of what others write.
            !op.by_packet && unsafe { (&raw const op.overlapped.internal).read_volatile() } != PENDING
        };
        let over: Vec<usize> =
            self.under_way.iter().filter(|(_, op)| complete(op)).map(|(at, _)| *at).collect();
        for at in over {
            let mut op = self.under_way.remove(&at).expect("it was there");
            let mut bytes = 0;
            // SAFETY: the operation is alive.
            unsafe { GetOverlappedResult(op.socket, &raw mut op.overlapped, &raw mut bytes, 0) };
            assert_eq!(bytes as usize, op.overlapped.bytes);
            self.end(op);
        }
    }

    fn cancel(&mut self) {
        let socket = self.links[self.choices.below(self.links.len())].socket;
        let some = self.under_way.values().find(|op| op.socket == socket).map(|op| &raw const op.overlapped);
        // SAFETY: an address is only compared.
        unsafe {
            match (self.choices.below(3), some) {
                (0, _) => CancelIo(socket),
                (1, Some(overlapped)) => CancelIoEx(socket, overlapped.cast_mut()),
                _ => CancelIoEx(socket, std::ptr::null_mut()),
            };
        }
    }

    fn peer(&mut self) {
        use std::io::{Read, Write};

        let at = self.choices.below(self.links.len());
        let mut scratch = [MARK; 4096];
        let some = self.choices.below(600);
        // What would have to wait is left: the peer is never waited for.
        match self.choices.below(3) {
            0 => drop(self.links[at].peer.read(&mut scratch)),
            _ => drop(self.links[at].peer.write(&scratch[..some])),
        }
    }

    fn close(&mut self) {
        let at = self.choices.below(self.links.len());
        let Link { socket, peer, .. } = self.links.swap_remove(at);
        if self.choices.once_in(2) {
            drop(peer);
        }
        // SAFETY: a number alone.
        assert_eq!(unsafe { closesocket(socket) }, 0);
    }

    /// What has ended is as it was when it did; then its memory is given back.
    fn forget(&mut self) {
        for op in self.over.drain(..) {
            // SAFETY: a plain read.
            assert_ne!(unsafe { (&raw const op.overlapped.internal).read_volatile() }, PENDING);
            assert!(op.buffer[op.length..].iter().all(|byte| *byte == MARK), "beyond the buffer");
        }
    }

    fn step(&mut self) {
        if self.links.is_empty() || (self.links.len() < 6 && self.choices.once_in(20)) {
            return self.connect();
        }
        match self.choices.below(16) {
            0..6 => self.start(),
            6..9 => drop(self.take(0)),
            9 => self.look(),
            10 => self.cancel(),
            11..15 => self.peer(),
            _ if self.choices.once_in(4) => self.close(),
            _ => self.forget(),
        }
    }

    /// Closes all, and waits until all that was started has ended.
    fn finish(&mut self) {
        while !self.links.is_empty() {
            self.close();
        }
        let end = Instant::now() + Duration::from_secs(20);
        while !self.under_way.is_empty() {
            assert!(Instant::now() < end, "{} operations do not end", self.under_way.len());
            self.take(1);
            self.look();
        }
        assert!(!self.take(0), "a packet of nothing");
        assert_eq!(self.started, self.ended);
        self.forget();
    }
}

#[test]
fn every_operation_that_is_started_ends_exactly_once() {
    let _alone = alone();
    let mut data = [0; 1024];
    // SAFETY: there is room for what it says; the rest are numbers.
    let (port, event) = unsafe {
        assert_eq!(WSAStartup(0x202, data.as_mut_ptr()), 0);
        (CreateIoCompletionPort(usize::MAX, 0, 0, 0), CreateEventA(0, 1, 0, 0))
    };
    let mut state = State {
        choices: Choices::from_environment(),
        port,
        event,
        listener: std::net::TcpListener::bind("127.0.0.1:0").expect("there is a port"),
        links: Vec::new(),
        under_way: HashMap::new(),
        over: Vec::new(),
        started: 0,
        ended: 0,
    };
    let (end, mut baseline, mut rounds) = (deadline(), 0, 0);
    while Instant::now() < end {
        for _ in 0..300 {
            state.step();
        }
        state.finish();
        rounds += 1;
        if rounds <= 5 {
            // What is made once is there after some rounds.
            baseline = descriptors();
        } else {
            assert!(eventually(|| descriptors() <= baseline + 2), "descriptors are left");
        }
    }
    println!("{} operations", state.started);
    // SAFETY: numbers alone.
    unsafe {
        assert_ne!(CloseHandle(port), 0);
        assert_ne!(CloseHandle(event), 0);
    }
}
