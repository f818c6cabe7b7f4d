//! A chat: every line that one connection sends goes to all others.
//!
//! `cargo run --release -p proactor --example chat`, then `nc 127.0.0.1 7001` from several terminals.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use proactor::{Buf, Op, Packet, Port, Socket, Status, Workers, op};

/// What a socket is associated with: the listener has no number.
type Key = Option<u64>;

#[derive(Default)]
struct Room {
    last: u64,
    members: HashMap<u64, Socket>,
}

fn main() -> Result<(), Status> {
    let port: Port<Key> = Port::new(0)?;
    let listener = Socket::listen("127.0.0.1:7001")?;
    listener.associate(&port, None)?;
    listener.accept(op::Accept::new())?;

    let (ours, room) = (port.clone(), Mutex::new(Room::default()));
    Workers::start(&port, 8, move |packet| {
        let key = packet.key;
        if let Err(status) = handle(&ours, &room, packet) {
            if !status.is_ordinary() {
                eprintln!("{status}");
            }
            leave(&room, key);
        }
    })?
    .join();
    Ok(())
}

fn handle(port: &Port<Key>, room: &Mutex<Room>, packet: Packet<Key>) -> Result<(), Status> {
    match packet.op {
        Op::Accept(mut accept) => {
            let connection = accept.take_connection();
            accept.socket()?.accept(accept)?;
            let Some(connection) = connection else { return Ok(()) };
            let mut room = room.lock().unwrap();
            room.last += 1;
            connection.associate(port, Some(room.last))?;
            connection.recv(op::Recv::new(vec![0; 1024]))?;
            let number = room.last;
            room.members.insert(number, connection);
        }
        Op::Recv(recv) if recv.result()? == 0 => leave(room, packet.key),
        Op::Recv(recv) => {
            // One buffer for all who get it.
            let line: Arc<[u8]> = recv.data().into();
            let room = room.lock().unwrap();
            for (_, member) in room.members.iter().filter(|(number, _)| Some(**number) != packet.key) {
                // One that can't be sent to is told by its own receive.
                let _ = member.send(op::Send::new(Buf::from(line.clone())));
            }
            recv.socket()?.recv(recv)?;
        }
        Op::Send(send) => drop(send.result()?),
        _ => {}
    }
    Ok(())
}

fn leave(room: &Mutex<Room>, key: Key) {
    if let Some(socket) = key.and_then(|number| room.lock().unwrap().members.remove(&number)) {
        let _ = socket.close();
    }
}
