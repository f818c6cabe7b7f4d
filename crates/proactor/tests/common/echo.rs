//! An echo server on the library, as a program would write it: the session's one buffer is received into and
//! sent from, in turn.

#![allow(dead_code, reason = "each test program uses a part of it")]

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::*};

use proactor::{BufPool, Op, Packet, Port, Socket, Status, Workers, op};

/// Accepts that wait at once.
const ACCEPTS: usize = 8;

pub struct Echo {
    pub port: Port<Option<Arc<Session>>>,
    pub listener: Socket,
    pub address: SocketAddr,
    pub pool: BufPool,
    pub open: Arc<AtomicUsize>,
    workers: Option<Workers>,
}

/// One client. Its socket is closed when the last operation, and so the last packet, is gone.
pub struct Session {
    socket: Socket,
    open: Arc<AtomicUsize>,
}

impl Drop for Session {
    fn drop(&mut self) {
        self.open.fetch_sub(1, SeqCst);
    }
}

impl Echo {
    pub fn start(workers: usize) -> Echo {
        let port = Port::new(0).unwrap();
        let listener = Socket::listen("127.0.0.1:0").unwrap();
        listener.associate(&port, None).unwrap();
        let pool = BufPool::new(64 << 10, 4096);
        let open = Arc::new(AtomicUsize::new(0));
        let context = Context {
            port: port.clone(),
            listener: listener.clone(),
            pool: pool.clone(),
            open: open.clone(),
        };
        let workers = Workers::start(&port, workers, move |packet| context.handle(packet)).unwrap();
        for _ in 0..ACCEPTS {
            let _ = listener.accept(op::Accept::new()).unwrap();
        }
        let address = listener.local_addr().unwrap().ip().unwrap();
        Echo { port, listener, address, pool, open, workers: Some(workers) }
    }

    /// Ends the server and sees to it that nobody's handler panicked.
    pub fn stop(mut self) {
        self.listener.close().unwrap();
        self.port.close();
        if let Some(workers) = self.workers.take() {
            assert_eq!(workers.join(), 0, "a handler panicked");
        }
    }
}

struct Context {
    port: Port<Option<Arc<Session>>>,
    listener: Socket,
    pool: BufPool,
    open: Arc<AtomicUsize>,
}

impl Context {
    fn handle(&self, packet: Packet<Option<Arc<Session>>>) {
        match (packet.key, packet.op) {
            (None, Op::Accept(mut accept)) => {
                let connection = accept.take_connection();
                // Refused only when the listener is closed.
                let _ = self.listener.accept(accept);
                if let Some(socket) = connection {
                    self.welcome(socket);
                }
            }
            (Some(session), Op::Recv(recv)) if recv.status().is_success() && recv.bytes() > 0 => {
                if session.socket.send(recv.into_send()).is_err() {
                    let _ = session.socket.close();
                }
            }
            (Some(session), Op::Send(send)) if send.status().is_success() => {
                if session.socket.recv(send.into_recv()).is_err() {
                    let _ = session.socket.close();
                }
            }
            // The end of it, one way or the other. The key owns the session, so it is closed by hand.
            (Some(session), _) => drop(session.socket.close()),
            (None, op) => panic!("the listener got {op:?}"),
        }
    }

    fn welcome(&self, socket: Socket) {
        let _ = socket.set_nodelay(true);
        self.open.fetch_add(1, SeqCst);
        let session = Arc::new(Session { socket, open: self.open.clone() });
        match session.socket.associate(&self.port, Some(session.clone())) {
            // The server was stopped with this one on its way in.
            Err(Status::INVALID_HANDLE) => return,
            associated => associated.unwrap(),
        }
        if session.socket.recv(op::Recv::pooled(&self.pool)).is_err() {
            let _ = session.socket.close();
        }
    }
}
