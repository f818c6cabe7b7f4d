//! One message for many: the same bytes to all of them, and no more to those who have gone.

mod common;

use std::io::Read;
use std::net::TcpStream;

use common::{Kept, eventually, say};
use proactor_server::{Delivery, Framing, Room, Server};

fn crowd(count: usize) -> (Kept, Vec<TcpStream>) {
    let kept = Kept::new(Server::builder(Framing::lines()), |_, _| {});
    let peers: Vec<_> = (0..count).map(|_| kept.connect()).collect();
    eventually("they are in", || kept.server.sessions().all().len() == count);
    (kept, peers)
}

fn line(mut peer: &TcpStream, length: usize) -> Vec<u8> {
    let mut bytes = vec![0; length];
    peer.read_exact(&mut bytes).unwrap();
    bytes
}

#[test]
fn a_broadcast_reaches_all_in_the_order_it_was_sent() {
    let (kept, peers) = crowd(50);
    for text in [&b"first"[..], b"second"] {
        let frame = kept.server.sessions().frame(text).unwrap();
        assert_eq!(kept.server.sessions().broadcast(&frame), Delivery { sent: 50, missed: 0 });
    }
    assert!(peers.iter().all(|peer| line(peer, 13) == b"first\nsecond\n"));
}

#[test]
fn a_room_tells_those_who_are_in_it() {
    let (kept, peers) = crowd(4);
    let (room, all) = (Room::new(), kept.server.sessions().all());
    assert!(room.join(&all[0]) && room.join(&all[1]) && room.join(&all[2]));
    assert!(!room.join(&all[0]), "it is in");
    let sessions = kept.server.sessions();
    let (one, two, three) =
        (sessions.frame(b"1").unwrap(), sessions.frame(b"2").unwrap(), sessions.frame(b"3").unwrap());
    assert_eq!(room.send(&one).sent, 3);
    assert_eq!(room.send_except(&two, &all[0]).sent, 2);
    assert!(room.leave(&all[1]) && !room.leave(&all[1]));
    assert_eq!(room.send(&three).sent, 2);
    all.iter().for_each(proactor_server::Session::close);
    let mut heard: Vec<_> = peers.iter().map(|peer| say(peer, b"")).collect();
    heard.sort();
    assert_eq!(heard, [&b""[..], b"1\n2\n", b"1\n2\n3\n", b"1\n3\n"]);
}

#[test]
fn who_ends_leaves_its_rooms() {
    let (kept, peers) = crowd(40);
    let room = Room::new();
    kept.server.sessions().all().iter().for_each(|session| assert!(room.join(session)));
    assert_eq!(room.present().len(), 40);
    drop(peers);
    eventually("they are gone", || kept.server.sessions().all().is_empty());
    assert!(room.present().is_empty());
    assert_eq!(room.send(&kept.server.sessions().frame(b"echo?").unwrap()), Delivery::default());
}
