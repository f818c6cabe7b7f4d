//! What a socket can do now, waiting for that, and network events.

mod common;

use std::sync::atomic::{AtomicUsize, Ordering::*};
use std::sync::{Arc, Weak};
use std::time::Duration;

use common::{PATIENCE, eventually};
use proactor::{Address, Port, Ready, Socket, Status, op};

fn connected() -> (Socket, Socket) {
    let listener = Socket::listen("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let client = Socket::stream(&address).unwrap();
    client.connect_and_wait(&address).unwrap();
    let served = listener.begin(op::Accept::new()).unwrap().wait().take_connection().unwrap();
    (client, served)
}

fn send(socket: &Socket, text: &'static str) {
    socket.attempt(op::Send::new(text)).unwrap();
}

fn take(socket: &Socket, most: usize) -> Vec<u8> {
    socket.attempt(op::Recv::new(vec![0; most])).unwrap().data().to_vec()
}

/// How often a bell rang.
#[derive(Clone, Default)]
struct Bell(Arc<AtomicUsize>);

impl Bell {
    fn hung_on(socket: &Socket, wanted: Ready) -> Bell {
        let bell = Bell::default();
        let ringing = bell.clone();
        socket
            .select_events(wanted, move || {
                ringing.0.fetch_add(1, AcqRel);
            })
            .unwrap();
        bell
    }

    fn rung(&self) -> usize {
        self.0.load(Acquire)
    }
}

/// Waits until this is recorded, and takes what is.
fn expect(socket: &Socket, what: Ready) -> proactor::Events {
    let mut all = Ready::empty();
    let mut last = None;
    eventually(&format!("{what:?} is recorded"), || {
        let events = socket.events().unwrap();
        all |= events.ready;
        last = Some(events);
        all.contains(what)
    });
    assert_eq!(all, what);
    last.unwrap()
}

#[test]
fn a_socket_that_was_never_connected_can_do_nothing() {
    let address: Address = "127.0.0.1:9".parse::<std::net::SocketAddr>().unwrap().into();
    assert_eq!(Socket::stream(&address).unwrap().ready(), Ready::empty());
    assert_eq!(Socket::datagram(&address).unwrap().ready(), Ready::WRITE);
}

#[test]
fn data_come_before_the_end() {
    let (ours, theirs) = connected();
    assert_eq!(ours.ready(), Ready::WRITE | Ready::CONNECT);
    send(&theirs, "data");
    theirs.close().unwrap();
    eventually("there are data", || ours.ready().contains(Ready::READ));
    assert!(!ours.ready().contains(Ready::CLOSE), "the data are to be received first");
    assert_eq!(take(&ours, 8), b"data");
    eventually("it has ended", || ours.ready().contains(Ready::CLOSE));
    assert!(!ours.ready().contains(Ready::READ));
}

#[test]
fn a_wait_ends_with_the_first_that_can_do_something() {
    let (ours, theirs) = connected();
    let (other, _peer) = connected();
    let list = [(&other, Ready::READ), (&ours, Ready::READ)];
    assert_eq!(Socket::wait_ready(&list, Some(Duration::from_millis(1))), [Ready::empty(); 2]);
    std::thread::scope(|scope| {
        let waiter = scope.spawn(|| Socket::wait_ready(&list, Some(PATIENCE)));
        send(&theirs, "x");
        assert_eq!(waiter.join().unwrap(), [Ready::empty(), Ready::READ]);
    });
}

#[test]
fn a_wait_sees_a_close_and_a_connect_that_nobody_announces() {
    let listener = Socket::listen("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let (late, closed) = (Socket::stream(&address).unwrap(), Socket::stream(&address).unwrap());
    std::thread::scope(|scope| {
        let waiter = scope.spawn(|| Socket::wait_ready(&[(&late, Ready::WRITE)], Some(PATIENCE)));
        late.connect_and_wait(&address).unwrap();
        assert_eq!(waiter.join().unwrap(), [Ready::WRITE]);
        let waiter = scope.spawn(|| Socket::wait_ready(&[(&closed, Ready::READ)], Some(PATIENCE)));
        closed.close().unwrap();
        assert_eq!(waiter.join().unwrap(), [Ready::GONE]);
    });
}

#[test]
fn a_worker_that_waits_for_readiness_is_replaced() {
    let (ours, theirs) = connected();
    let port: Port<(), usize> = Port::new(1).unwrap();
    port.post((), 1).unwrap();
    port.post((), 2).unwrap();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            port.get().unwrap().unwrap();
            Socket::wait_ready(&[(&ours, Ready::READ)], Some(PATIENCE));
            port.close();
        });
        scope.spawn(|| {
            port.get().unwrap().unwrap();
            send(&theirs, "go on");
        });
    });
    assert_eq!(take(&ours, 8), b"go on");
}

#[test]
fn an_event_is_recorded_once_until_it_was_made_use_of() {
    let (ours, theirs) = connected();
    let bell = Bell::hung_on(&ours, Ready::READ | Ready::WRITE);
    assert_eq!(bell.rung(), 1);
    assert_eq!(ours.events().unwrap().ready, Ready::WRITE);
    send(&theirs, "one two");
    expect(&ours, Ready::READ);
    let rung = bell.rung();
    send(&theirs, " three");
    assert_eq!(ours.events().unwrap().ready, Ready::empty());
    assert_eq!(take(&ours, 3), b"one");
    assert!(bell.rung() > rung, "there is more");
    assert_eq!(ours.events().unwrap().ready, Ready::READ);
    eventually("all is there", || {
        ours.attempt(op::Recv::new(vec![0; 64]).peek()).is_ok_and(|recv| recv.data().ends_with(b"three"))
    });
    ours.events().unwrap();
    assert_eq!(take(&ours, 64), b" two three");
    assert_eq!(ours.events().unwrap().ready, Ready::empty());
}

#[test]
fn room_is_announced_again_only_to_who_found_none() {
    let (ours, theirs) = connected();
    let bell = Bell::hung_on(&ours, Ready::WRITE);
    assert_eq!(ours.events().unwrap().ready, Ready::WRITE);
    let mut sent = 0;
    while let Ok(send) = ours.attempt(op::Send::new(vec![0; 1 << 20])) {
        sent += send.bytes();
    }
    let rung = bell.rung();
    assert_eq!((rung, ours.events().unwrap().ready), (1, Ready::empty()));
    theirs.begin(op::Recv::new(vec![0; sent]).wait_all()).unwrap().wait();
    expect(&ours, Ready::WRITE);
}

#[test]
fn a_listener_announces_each_connection_after_an_accept() {
    let listener = Socket::listen("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let _bell = Bell::hung_on(&listener, Ready::ACCEPT | Ready::CLOSE);
    let clients: Vec<_> = (0..2)
        .map(|_| {
            let client = Socket::stream(&address).unwrap();
            client.connect_and_wait(&address).unwrap();
            client
        })
        .collect();
    expect(&listener, Ready::ACCEPT);
    assert!(listener.attempt(op::Accept::new()).is_ok());
    assert_eq!(listener.events().unwrap().ready, Ready::ACCEPT);
    assert!(listener.attempt(op::Accept::new()).is_ok());
    assert_eq!(listener.events().unwrap().ready, Ready::empty());
    drop(clients);
}

#[test]
fn a_connect_and_its_failure_are_announced() {
    let listener = Socket::listen("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let client = Socket::stream(&address).unwrap();
    let _bell = Bell::hung_on(&client, Ready::CONNECT | Ready::WRITE | Ready::CLOSE);
    assert_eq!(client.events().unwrap().ready, Ready::empty());
    client.connect_in_background(&address).unwrap();
    assert_eq!(expect(&client, Ready::CONNECT | Ready::WRITE).connect, Status::SUCCESS);
    listener.close().unwrap();
    let lonely = Socket::stream(&address).unwrap();
    let _bell = Bell::hung_on(&lonely, Ready::CONNECT | Ready::WRITE);
    lonely.connect_in_background(&address).unwrap();
    assert_eq!(expect(&lonely, Ready::CONNECT).connect, Status::CONNECTION_REFUSED);
}

#[test]
fn an_end_is_announced_after_the_data_and_a_reset_with_its_name() {
    let (ours, theirs) = connected();
    let _bell = Bell::hung_on(&ours, Ready::READ | Ready::CLOSE);
    send(&theirs, "data");
    theirs.close().unwrap();
    expect(&ours, Ready::READ);
    assert_eq!(take(&ours, 8), b"data");
    assert_eq!(expect(&ours, Ready::CLOSE).close, Status::SUCCESS);
    let (ours, theirs) = connected();
    let _bell = Bell::hung_on(&ours, Ready::CLOSE);
    theirs.set_linger(Some(Duration::ZERO)).unwrap();
    theirs.close().unwrap();
    assert_eq!(expect(&ours, Ready::CLOSE).close, Status::CONNECTION_RESET);
    let refused = ours.attempt(op::Recv::new(vec![0; 8])).unwrap_err();
    assert_eq!(refused.status, Status::CONNECTION_RESET);
}

#[test]
fn events_do_not_disturb_what_is_pending_and_can_be_given_up() {
    let (ours, theirs) = connected();
    let recv = ours.begin(op::Recv::new(vec![0; 8])).unwrap();
    let bell = Bell::hung_on(&ours, Ready::WRITE);
    assert!(ours.selects_events());
    send(&theirs, "data");
    assert_eq!(recv.wait().data(), b"data");
    ours.select_events(Ready::empty(), || ()).unwrap();
    assert!(!ours.selects_events());
    assert_eq!((bell.rung(), ours.events().unwrap().ready), (1, Ready::empty()));
    ours.close().unwrap();
    assert_eq!(ours.events(), Err(Status::INVALID_HANDLE));
    assert_eq!(ours.select_events(Ready::READ, || ()), Err(Status::INVALID_HANDLE));
}

#[test]
fn the_bell_before_is_dropped_where_its_socket_can_be_used() {
    struct Uses(Weak<Socket>);
    impl Drop for Uses {
        fn drop(&mut self) {
            if let Some(socket) = self.0.upgrade() {
                let _ = socket.events();
            }
        }
    }
    let (ours, _theirs) = connected();
    let ours = Arc::new(ours);
    for _ in 0..2 {
        let uses = Uses(Arc::downgrade(&ours));
        ours.select_events(Ready::READ, move || _ = &uses).unwrap();
    }
    ours.select_events(Ready::empty(), || ()).unwrap();
}
