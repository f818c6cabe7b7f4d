//! Copies a file with several reads and writes under way at once.
//!
//! `cargo run --release -p proactor --example copy -- FROM TO`

use std::env;

use proactor::{Buf, File, Op, Port, Status, op};

const CHUNK: u64 = 256 * 1024;
const AT_ONCE: u64 = 8;

#[derive(Clone, Copy)]
enum Side {
    From,
    To,
}

fn main() -> Result<(), Status> {
    let (Some(from), Some(to)) = (env::args().nth(1), env::args().nth(2)) else {
        eprintln!("usage: copy FROM TO");
        std::process::exit(2);
    };
    let port: Port<Side> = Port::new(1)?;
    let from = File::open(from)?;
    let to = File::options().write(true).create(true).truncate(true).open(to)?;
    from.associate(&port, Side::From)?;
    to.associate(&port, Side::To)?;

    // Each of the chains reads a chunk, writes it, and takes the next chunk that nobody has.
    let chunks = from.len()?.div_ceil(CHUNK);
    let mut next = AT_ONCE.min(chunks);
    for chunk in 0..next {
        from.read(op::Read::new(chunk * CHUNK, Buf::new(CHUNK as usize)))?;
    }
    let mut written = 0;
    while written < chunks {
        let Some(packet) = port.get()? else { break };
        match (packet.key, packet.op) {
            (Side::From, Op::Read(read)) => {
                read.result()?;
                let offset = read.offset();
                to.write(read.into_write(offset))?;
            }
            (Side::To, Op::Write(write)) => {
                write.result()?;
                written += 1;
                if next < chunks {
                    from.read(write.into_read(next * CHUNK))?;
                    next += 1;
                }
            }
            _ => {}
        }
    }
    to.begin(op::Flush::new())?.wait().result().map(drop)
}
