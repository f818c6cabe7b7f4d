//! `examples/win32/echo.c` as one writes it on the core: the same buffers, the same operations in flight, the same
//! number of workers. It serves until its standard input ends.

use std::io::{Read, Write};

use proactor::{Op, Packet, Port, Socket, Status, Workers, op};

const BUFFER: usize = 16 * 1024;
const ACCEPTS: usize = 8;
const WORKERS: usize = 4;

fn handle(port: &Port<()>, packet: Packet<()>) -> Result<(), Status> {
    match packet.op {
        Op::Accept(mut accept) => {
            let connection = accept.take_connection();
            accept.socket()?.accept(accept)?;
            if let Some(connection) = connection {
                connection.set_nodelay(true)?;
                connection.associate(port, ())?;
                connection.recv(op::Recv::new(vec![0; BUFFER]))?;
            }
        }
        Op::Recv(recv) if recv.bytes() > 0 => {
            let socket = recv.socket()?;
            socket.send(recv.into_send())?;
        }
        Op::Send(send) => {
            let socket = send.socket()?;
            socket.recv(send.into_recv())?;
        }
        _ => {}
    }
    Ok(())
}

fn main() -> Result<(), Status> {
    let port: Port<()> = Port::new(0)?;
    let listener = Socket::listen("127.0.0.1:0")?;
    listener.associate(&port, ())?;
    for _ in 0..ACCEPTS {
        listener.accept(op::Accept::new())?;
    }
    let ours = port.clone();
    let workers = Workers::start(&port, WORKERS, move |packet| {
        // A connection that fails is dropped with its operation.
        let _ = handle(&ours, packet);
    })?;
    println!("listening on {}", listener.local_addr()?);
    let _ = std::io::stdout().flush();
    let _ = std::io::stdin().read_to_end(&mut Vec::new());
    port.close();
    workers.join();
    Ok(())
}
