//! Clients that are nobody's of this library, Python's sockets, asyncio and socat, against an echo server on it:
//! every byte that comes back is the one that was sent.

mod common;
#[path = "common/echo.rs"]
mod echo;

use std::io::Write;
use std::process::{Command, Output, Stdio};

use common::{eventually, pattern};
use echo::Echo;

const LEN: usize = 64 << 20;

fn run(program: &str, command: &mut Command) -> Output {
    match command.output() {
        Ok(output) => output,
        Err(error) => {
            panic!("`{program}` is needed for this test and could not be started ({error}): install it")
        }
    }
}

/// Runs a Python script; it fails the test by any exception.
fn python(script: &str, arguments: &[String]) -> String {
    let output = run("python3", Command::new("python3").arg("-c").arg(script).args(arguments));
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "the Python client failed: {error}");
    String::from_utf8(output.stdout).unwrap()
}

/// The server has nothing left of its clients.
fn assert_all_gone(server: Echo) {
    eventually("every session is over", || server.open.load(std::sync::atomic::Ordering::SeqCst) == 0);
    eventually("all buffers are back", || server.pool.lent() == 0);
    eventually("only the listener is left", || server.port.snapshot().handles == 1);
    server.stop();
}

const SOCKETS: &str = r#"
import hashlib, random, socket, sys, threading
port, length = int(sys.argv[1]), int(sys.argv[2])
data = random.Random(7).randbytes(length)
client = socket.create_connection(("127.0.0.1", port))
def send():
    client.sendall(data)
    client.shutdown(socket.SHUT_WR)
sender = threading.Thread(target=send)
sender.start()
back, count = hashlib.sha256(), 0
while chunk := client.recv(1 << 18):
    back.update(chunk)
    count += len(chunk)
sender.join()
assert count == length, f"{count} of {length} bytes came back"
assert back.digest() == hashlib.sha256(data).digest(), "other bytes came back"
"#;

#[test]
fn pythons_sockets_get_back_64_mib_byte_for_byte() {
    let server = Echo::start(4);
    python(SOCKETS, &[server.address.port().to_string(), LEN.to_string()]);
    assert_all_gone(server);
}

const ASYNCIO: &str = r#"
import asyncio, hashlib, random, sys
port, length = int(sys.argv[1]), int(sys.argv[2])
async def main():
    data = random.Random(8).randbytes(length)
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    async def send():
        for begin in range(0, length, 99991):
            writer.write(data[begin:begin + 99991])
            await writer.drain()
        writer.write_eof()
    sender = asyncio.create_task(send())
    back, count = hashlib.sha256(), 0
    while chunk := await reader.read(1 << 18):
        back.update(chunk)
        count += len(chunk)
    await sender
    assert count == length, f"{count} of {length} bytes came back"
    assert back.digest() == hashlib.sha256(data).digest(), "other bytes came back"
    writer.close()
asyncio.run(main())
"#;

#[test]
fn asyncio_gets_back_64_mib_byte_for_byte() {
    let server = Echo::start(4);
    python(ASYNCIO, &[server.address.port().to_string(), LEN.to_string()]);
    assert_all_gone(server);
}

#[test]
fn socat_gets_back_64_mib_byte_for_byte() {
    let server = Echo::start(4);
    let data = pattern(64, LEN);
    let mut command = Command::new("socat");
    // It waits for the rest of the echo, as long as that keeps coming, after it has sent all.
    command.args(["-t", "30", "-", &format!("TCP:{}", server.address)]);
    let spawned = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    let mut child = match spawned {
        Ok(child) => child,
        Err(error) => {
            panic!("`socat` is needed for this test and could not be started ({error}): install it")
        }
    };
    let mut stdin = child.stdin.take().unwrap();
    let output = std::thread::scope(|scope| {
        let data = &data;
        scope.spawn(move || stdin.write_all(data).unwrap());
        child.wait_with_output().unwrap()
    });
    assert!(output.status.success(), "socat failed: {}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(output.stdout.len(), data.len(), "bytes that came back");
    assert!(output.stdout == data, "other bytes came back");
    assert_all_gone(server);
}

const MANY: &str = r#"
import asyncio, random, sys, time
port, seconds, connections = int(sys.argv[1]), float(sys.argv[2]), int(sys.argv[3])
source = random.Random(9).randbytes(1 << 20)
total = messages = 0
async def client(number, end):
    global total, messages
    choice = random.Random(number)
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    while time.monotonic() < end:
        size = int(2 ** choice.uniform(0, 17))
        begin = choice.randrange(len(source) - size)
        message = source[begin:begin + size]
        writer.write(message)
        back = await reader.readexactly(size)
        assert back == message, f"connection {number}: other bytes came back"
        total += size
        messages += 1
        if choice.random() < 0.005:
            writer.close()
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write_eof()
    assert await reader.read() == b"", f"connection {number}: more came back than was sent"
    writer.close()
async def main():
    end = time.monotonic() + seconds
    await asyncio.gather(*(client(number, end) for number in range(connections)))
asyncio.run(main())
print(total, messages)
"#;

/// `PROACTOR_SOAK_SECONDS` says for how long.
#[test]
fn two_hundred_asyncio_connections_get_back_every_byte() {
    let seconds = std::env::var("PROACTOR_SOAK_SECONDS").unwrap_or("3".into());
    let server = Echo::start(4);
    let text = python(MANY, &[server.address.port().to_string(), seconds.clone(), "200".into()]);
    let counts: Vec<u64> = text.split_whitespace().map(|count| count.parse().unwrap()).collect();
    println!("{} bytes in {} messages in {seconds} s, every byte checked", counts[0], counts[1]);
    assert!(counts[1] >= 200, "each connection should have had a message: {counts:?}");
    assert_all_gone(server);
}
