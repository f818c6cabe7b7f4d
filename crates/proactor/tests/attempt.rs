//! Operations that do not wait, and connects without an operation of the caller's.

mod common;

use std::net::{SocketAddr, TcpListener};

use common::{PATIENCE, Packets, eventually};
use proactor::object::Thread;
use proactor::{Address, Ready, Socket, Status, op};

fn listener() -> (Socket, Address) {
    let listener = Socket::listen("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}

/// An address at which nobody listens.
fn nobody() -> Address {
    let gone = TcpListener::bind("127.0.0.1:0").unwrap();
    gone.local_addr().unwrap().into()
}

#[test]
fn s024_what_is_attempted_queues_no_packet() {
    let (ours, theirs) = Socket::pair().unwrap();
    let packets = Packets::new();
    ours.associate(&packets.port, 1).unwrap();
    assert_eq!(theirs.attempt(op::Send::new("ping")).unwrap().bytes(), 4);
    assert_eq!(ours.attempt(op::Recv::new(vec![0; 8])).unwrap().data(), b"ping");
    assert_eq!(ours.attempt(op::Recv::new(vec![0; 8])).unwrap_err().status, Status::DEVICE_NOT_READY);
    packets.assert_none();
    assert_eq!(ours.pending(), 0);
}

#[test]
fn an_attempt_does_not_overtake_what_is_pending() {
    let (ours, theirs) = Socket::pair().unwrap();
    let first = ours.begin(op::Recv::new(vec![0; 4])).unwrap();
    assert_eq!(ours.attempt(op::Recv::new(vec![0; 4])).unwrap_err().status, Status::DEVICE_NOT_READY);
    theirs.attempt(op::Send::new("onetwo")).unwrap();
    assert_eq!(first.wait().data(), b"onet");
    assert_eq!(ours.attempt(op::Recv::new(vec![0; 4])).unwrap().data(), b"wo");
}

#[test]
fn what_is_started_after_a_failed_attempt_still_hears_of_data() {
    let (ours, theirs) = Socket::pair().unwrap();
    for _ in 0..3 {
        assert_eq!(ours.attempt(op::Recv::new(vec![0; 4])).unwrap_err().status, Status::DEVICE_NOT_READY);
        let recv = ours.begin(op::Recv::new(vec![0; 4])).unwrap();
        theirs.attempt(op::Send::new("data")).unwrap();
        assert_eq!(recv.wait_timeout(PATIENCE).unwrap().data(), b"data");
    }
}

#[test]
fn a_send_goes_out_as_far_as_there_is_room_and_then_not_at_all() {
    let (ours, theirs) = Socket::pair().unwrap();
    let mut sent = 0;
    let refused = loop {
        match ours.attempt(op::Send::new(vec![7; 1 << 20])) {
            Ok(send) => sent += send.bytes(),
            Err(refused) => break refused,
        }
    };
    assert_eq!(refused.status, Status::DEVICE_NOT_READY);
    assert!(sent > 0 && sent < 1 << 30);
    let recv = theirs.begin(op::Recv::new(vec![0; sent]).wait_all()).unwrap().wait();
    assert_eq!(recv.bytes(), sent);
    assert!(ours.attempt(op::Send::new("more")).is_ok());
}

#[test]
fn what_can_only_wait_is_not_attempted() {
    let (ours, _theirs) = Socket::pair().unwrap();
    let refused = ours.attempt(op::Disconnect::new()).unwrap_err();
    assert_eq!(refused.status, Status::INVALID_PARAMETER);
    ours.close().unwrap();
    assert_eq!(ours.attempt(op::Recv::new(vec![0; 1])).unwrap_err().status, Status::INVALID_HANDLE);
}

#[test]
fn an_accept_takes_what_is_there_and_does_not_wait() {
    let (listener, address) = listener();
    assert_eq!(listener.attempt(op::Accept::new()).unwrap_err().status, Status::DEVICE_NOT_READY);
    let client = Socket::stream(&address).unwrap();
    client.connect_and_wait(&address).unwrap();
    let mut accept = listener.attempt(op::Accept::new()).unwrap();
    let served = accept.take_connection().unwrap();
    assert_eq!(served.peer_addr(), client.local_addr());
}

#[test]
fn s024_a_connect_that_is_waited_for_queues_no_packet_and_needs_no_address() {
    let (_listener, address) = listener();
    let packets = Packets::new();
    let client = Socket::stream(&address).unwrap();
    client.associate(&packets.port, 1).unwrap();
    client.connect_and_wait(&address).unwrap();
    assert_eq!(client.peer_addr().unwrap(), address);
    assert_eq!(client.connect_and_wait(&address), Err(Status::CONNECTION_ACTIVE));
    packets.assert_none();
}

#[test]
fn s372_calls_run_in_a_connect_that_is_waited_for() {
    let (listener, address) = listener();
    listener.listen_for(1).unwrap();
    // Nobody accepts, and more than have room come.
    let crowd: Vec<_> = (0..8).map(|_| Socket::stream(&address).unwrap()).collect();
    crowd.iter().for_each(|client| client.connect_in_background(&address).unwrap());
    let late = Socket::stream(&address).unwrap();
    let (tell, told) = std::sync::mpsc::channel();
    std::thread::scope(|scope| {
        let waiter = scope.spawn(|| {
            tell.send(Thread::current()).unwrap();
            late.connect_and_wait(&address)
        });
        let (ran, runs) = std::sync::mpsc::channel();
        told.recv().unwrap().queue_apc(move || ran.send(()).unwrap()).unwrap();
        runs.recv_timeout(PATIENCE).unwrap();
        late.close().unwrap();
        let ended = waiter.join().unwrap();
        assert!(matches!(ended, Err(Status::CANCELLED | Status::INVALID_HANDLE)), "{ended:?}");
    });
}

#[test]
fn a_connect_in_the_background_outlives_its_thread_and_is_seen_to_end() {
    let (_listener, address) = listener();
    let client = Socket::stream(&address).unwrap();
    std::thread::scope(|scope| {
        scope.spawn(|| client.connect_in_background(&address).unwrap());
    });
    eventually("it is connected", || client.ready().contains(Ready::CONNECT | Ready::WRITE));
    assert_eq!(client.connect_error(), None);
    assert_eq!(client.connect_in_background(&address), Err(Status::CONNECTION_ACTIVE));
}

#[test]
fn a_connect_in_the_background_that_is_refused_says_so_until_the_next() {
    let (_listener, good) = listener();
    let client = Socket::stream(&good).unwrap();
    client.connect_in_background(&nobody()).unwrap();
    let found = Socket::wait_ready(&[(&client, Ready::WRITE | Ready::FAILED)], Some(PATIENCE));
    assert_eq!(found, [Ready::FAILED]);
    assert_eq!(client.connect_error(), Some(Status::CONNECTION_REFUSED));
    client.connect_in_background(&good).unwrap();
    assert_eq!(client.connect_error(), None);
    let found = Socket::wait_ready(&[(&client, Ready::WRITE | Ready::FAILED)], Some(PATIENCE));
    assert_eq!(found, [Ready::WRITE]);
}

#[test]
fn a_socket_that_is_being_connected_is_not_connected_again() {
    // A network that is kept for documentation answers nothing.
    let far: Address = SocketAddr::from(([192, 0, 2, 1], 9)).into();
    let client = Socket::stream(&far).unwrap();
    match client.connect_in_background(&far) {
        Ok(()) if client.connect_error().is_none() => {
            assert_eq!(client.connect_in_background(&far), Err(Status::WSAEALREADY));
            assert_eq!(client.connect_and_wait(&far), Err(Status::WSAEALREADY));
        }
        // Where there is no network at all that is known at once.
        Ok(()) => assert!(!client.ready().contains(Ready::CONNECT)),
        Err(status) => assert!(status.is_error()),
    }
}

#[test]
fn who_listens_connects_to_nobody_and_a_backlog_needs_an_address() {
    let (listener, address) = listener();
    assert_eq!(listener.connect_and_wait(&address), Err(Status::INVALID_PARAMETER));
    let fresh = Socket::stream(&address).unwrap();
    assert_eq!(fresh.listen_for(5), Err(Status::INVALID_PARAMETER));
    listener.listen_for(1).unwrap();
    let client = Socket::stream(&address).unwrap();
    client.connect_and_wait(&address).unwrap();
    assert_eq!(client.listen_for(1), Err(Status::CONNECTION_ACTIVE));
}

#[test]
fn an_attempt_takes_datagrams_too() {
    let ours = Socket::udp("127.0.0.1:0").unwrap();
    let theirs = Socket::udp("127.0.0.1:0").unwrap();
    assert_eq!(ours.attempt(op::RecvFrom::new(vec![0; 8])).unwrap_err().status, Status::DEVICE_NOT_READY);
    theirs.attempt(op::SendTo::new("much too long", ours.local_addr().unwrap())).unwrap();
    let recv = ours.attempt(op::RecvFrom::new(vec![0; 8])).unwrap();
    assert_eq!((recv.status(), recv.data()), (Status::BUFFER_OVERFLOW, &b"much too"[..]));
    assert_eq!(recv.sender().cloned(), theirs.local_addr().ok());
}

#[test]
fn what_is_started_after_an_attempt_that_nobody_announces_goes_on() {
    let path = std::env::temp_dir().join(format!("proactor-attempt-{}", std::process::id()));
    let receiver = Socket::unix_datagram(&path).unwrap();
    let sender = Socket::unix_datagram(path.with_extension("from")).unwrap();
    let to = || op::SendTo::new("datagram", Address::Unix(path.clone()));
    let refused = loop {
        if let Err(refused) = sender.attempt(to()) {
            break refused.status;
        }
    };
    assert_eq!(refused, Status::DEVICE_NOT_READY, "its queue is full");
    let sent = sender.begin(to()).unwrap();
    while receiver.attempt(op::RecvFrom::new(vec![0; 16])).is_ok() {}
    let sent = sent.wait_timeout(PATIENCE).expect("there is room again");
    assert_eq!(sent.status(), Status::SUCCESS);
    for path in [path.clone(), path.with_extension("from")] {
        std::fs::remove_file(path).unwrap();
    }
}
