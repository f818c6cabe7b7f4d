//! The peer: an echo server of messages behind four bytes of length, on tokio, as one writes it there.
//!
//! It prints where it listens and serves until its standard input ends. Each connection has a buffer of 4 KiB, in
//! which its messages have to fit. With `--block` the handler of a message whose first byte is `b` sleeps for 10 ms
//! on the thread it runs on, as a call of a database driver would; whoever sends decides how many do.

use std::io::{Read, Write};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

const BUFFER: usize = 4096;
const PREFIX: usize = 4;
const BLOCK: Duration = Duration::from_millis(10);

async fn serve(mut stream: TcpStream, block: bool) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let (mut buffer, mut filled) = (vec![0; BUFFER], 0);
    loop {
        let count = stream.read(&mut buffer[filled..]).await?;
        if count == 0 {
            return Ok(());
        }
        filled += count;
        let mut whole = 0;
        while let Some(prefix) = buffer[whole..filled].first_chunk::<PREFIX>() {
            let length = u32::from_be_bytes(*prefix) as usize;
            if length > BUFFER - PREFIX {
                return Ok(());
            }
            if filled - whole < PREFIX + length {
                break;
            }
            if block && length > 0 && buffer[whole + PREFIX] == b'b' {
                std::thread::sleep(BLOCK);
            }
            whole += PREFIX + length;
        }
        stream.write_all(&buffer[..whole]).await?;
        buffer.copy_within(whole..filled, 0);
        filled -= whole;
    }
}

async fn accept(block: bool) -> std::io::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    println!("listening {}", listener.local_addr()?);
    std::io::stdout().flush()?;
    loop {
        let (stream, _) = listener.accept().await?;
        tokio::spawn(serve(stream, block));
    }
}

fn main() -> std::io::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let block = arguments.iter().any(|argument| argument == "--block");
    let threads = arguments.iter().find_map(|argument| argument.strip_prefix("--threads=")?.parse().ok());
    std::thread::spawn(|| {
        // Whoever started this has ended, or wants the end.
        let _ = std::io::stdin().read_to_end(&mut Vec::new());
        std::process::exit(0);
    });
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    runtime.worker_threads(threads.unwrap_or(2)).enable_io().build()?.block_on(accept(block))
}
