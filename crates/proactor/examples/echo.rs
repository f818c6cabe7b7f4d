//! An echo server: every connection gets back what it sends.
//!
//! `cargo run --release -p proactor --example echo`, then `nc 127.0.0.1 7000`.

use proactor::{Op, Packet, Port, Socket, Status, Workers, op};

fn main() -> Result<(), Status> {
    let port: Port<()> = Port::new(0)?;
    let listener = Socket::listen("127.0.0.1:7000")?;
    listener.associate(&port, ())?;
    listener.accept(op::Accept::new())?;

    let ours = port.clone();
    let workers = Workers::start(&port, 8, move |packet| {
        if let Err(status) = handle(&ours, packet)
            && !status.is_ordinary()
        {
            eprintln!("{status}");
        }
    })?;
    workers.join();
    Ok(())
}

fn handle(port: &Port<()>, packet: Packet<()>) -> Result<(), Status> {
    match packet.op {
        Op::Accept(mut accept) => {
            let connection = accept.take_connection();
            accept.socket()?.accept(accept)?;
            if let Some(connection) = connection {
                connection.associate(port, ())?;
                connection.recv(op::Recv::new(vec![0; 4096]))?;
            }
        }
        // 0 bytes: the peer is done, and the socket closes with the operation that held it open.
        Op::Recv(recv) if recv.result()? == 0 => {}
        Op::Recv(recv) => drop(recv.socket()?.send(recv.into_send())?),
        Op::Send(send) if send.result()? > 0 => drop(send.socket()?.recv(send.into_recv())?),
        _ => {}
    }
    Ok(())
}
