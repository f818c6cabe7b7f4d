//! A steady state allocates nothing: an operation that came back is started again, block, buffer and all.

#[path = "../src/driver/counting.rs"]
mod counting;

use std::time::Duration;

use counting::{Counting, allocations};
use proactor::{BufPool, Modes, Op, Packet, Port, Socket, Started, op};

#[global_allocator]
static ALLOCATOR: Counting = Counting;

const WARM_UP: usize = 2_000;
const ROUNDS: usize = 10_000;

/// Runs `round` until everything that grows has grown, then many times more, and shows that those did not allocate.
fn allocates_nothing(mut round: impl FnMut()) {
    (0..WARM_UP).for_each(|_| round());
    let before = allocations();
    (0..ROUNDS).for_each(|_| round());
    assert_eq!(allocations() - before, 0, "allocations in {ROUNDS} rounds");
}

/// Two sockets on one port that pass what comes on to each other, for as long as packets are taken.
fn echo(port: &Port<usize>, sockets: &[Socket; 2]) -> impl FnMut() {
    let (port, sockets) = (port.clone(), sockets.clone());
    move || {
        let Packet { key, op } = port.get_timeout(Duration::from_secs(20)).unwrap();
        match op {
            Op::Recv(recv) => {
                assert_eq!(recv.bytes(), 64);
                assert!(matches!(sockets[key].send(recv.into_send()).unwrap(), Started::Queued(_)));
            }
            Op::Send(send) => {
                assert_eq!(send.bytes(), 64);
                let _ = sockets[key].recv(send.into_recv()).unwrap();
            }
            op => panic!("unexpected: {op:?}"),
        }
    }
}

fn associated(port: &Port<usize>, pair: (Socket, Socket)) -> [Socket; 2] {
    let sockets = [pair.0, pair.1];
    for (key, socket) in sockets.iter().enumerate() {
        socket.associate(port, key).unwrap();
    }
    sockets
}

fn tcp() -> (Socket, Socket) {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let client = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let server = listener.accept().unwrap().0;
    let pair = [client, server].map(|stream| Socket::from_fd(stream).unwrap());
    pair.iter().for_each(|socket| socket.set_nodelay(true).unwrap());
    pair.into()
}

#[test]
fn an_echo_of_a_steady_state_allocates_nothing() {
    for pair in [tcp(), Socket::pair().unwrap()] {
        let port = Port::new(1).unwrap();
        let sockets = associated(&port, pair);
        let _ = sockets[1].recv(op::Recv::new(vec![0; 64])).unwrap();
        let _ = sockets[0].send(op::Send::new(vec![1; 64])).unwrap();
        allocates_nothing(echo(&port, &sockets));
    }
}

#[test]
fn an_echo_from_a_pool_allocates_nothing() {
    let port = Port::new(1).unwrap();
    let sockets = associated(&port, tcp());
    let pool = BufPool::new(64, 4);
    for socket in &sockets {
        let _ = socket.recv(op::Recv::pooled(&pool)).unwrap();
    }
    let _ = sockets[0].send(op::Send::new(vec![1; 64])).unwrap();
    // The send's own buffer goes back and forth on one side; the pool's do on the other.
    allocates_nothing(echo(&port, &sockets));
    assert!(pool.lent() <= 2);
}

#[test]
fn completions_at_once_without_packets_allocate_nothing() {
    let (one, other) = Socket::pair().unwrap();
    let port: Port = Port::new(1).unwrap();
    for socket in [&one, &other] {
        socket.set_modes(Modes::SKIP_COMPLETION_PORT_ON_SUCCESS).unwrap();
        socket.associate(&port, 1).unwrap();
    }
    let mut operation = Some(op::Send::new(vec![1; 64]));
    allocates_nothing(|| {
        let send = one.send(operation.take().unwrap()).unwrap().done().unwrap();
        let recv = other.recv(send.into_recv()).unwrap().done().unwrap();
        assert_eq!(recv.bytes(), 64);
        operation = Some(recv.into_send());
    });
}

#[test]
fn packets_of_completions_at_once_allocate_nothing() {
    let (one, other) = Socket::pair().unwrap();
    let port = Port::new(1).unwrap();
    let sockets = associated(&port, (one, other));
    let mut operation = Some(op::Send::new(vec![1; 64]));
    let taken = || port.get_timeout(Duration::from_secs(20)).unwrap().op;
    allocates_nothing(|| {
        assert!(matches!(sockets[0].send(operation.take().unwrap()).unwrap(), Started::Queued(_)));
        let Op::Send(send) = taken() else { panic!("a send was started") };
        assert!(matches!(sockets[1].recv(send.into_recv()).unwrap(), Started::Queued(_)));
        let Op::Recv(recv) = taken() else { panic!("a receive was started") };
        operation = Some(recv.into_send());
    });
}

#[test]
fn datagrams_answered_from_the_same_block_allocate_nothing() {
    let port: Port = Port::new(1).unwrap();
    let sockets = [(); 2].map(|()| Socket::udp("127.0.0.1:0").unwrap());
    for (key, socket) in sockets.iter().enumerate() {
        socket.associate(&port, key).unwrap();
    }
    let to = sockets[1].local_addr().unwrap();
    let _ = sockets[1].recv_from(op::RecvFrom::new(vec![0; 64])).unwrap();
    let _ = sockets[0].send_to(op::SendTo::new(vec![1; 64], to)).unwrap();
    allocates_nothing(|| {
        let Packet { key, op } = port.get_timeout(Duration::from_secs(20)).unwrap();
        match op {
            Op::RecvFrom(recv) => {
                assert_eq!(recv.bytes(), 64);
                let _ = sockets[key].send_to(recv.into_reply()).unwrap();
            }
            Op::SendTo(send) => drop(sockets[key].recv_from(send.into_recv_from()).unwrap()),
            op => panic!("unexpected: {op:?}"),
        }
    });
}

#[test]
fn posts_allocate_nothing() {
    let port: Port = Port::new(1).unwrap();
    allocates_nothing(|| {
        port.post(1, 2).unwrap();
        assert!(matches!(port.get().unwrap().unwrap().op, Op::Posted(2)));
    });
}
