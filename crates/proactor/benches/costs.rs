//! What single steps cost, uncontended: criterion's view, to see what a change did.
//!
//! `cargo bench -p proactor --bench costs`
#![allow(missing_docs, reason = "criterion's macro makes a public function")]

use criterion::{Criterion, criterion_group, criterion_main};
use proactor::{Op, Port, Socket, op};

fn post_and_get(c: &mut Criterion) {
    let port: Port = Port::new(1).unwrap();
    c.bench_function("post and get", |b| {
        b.iter(|| {
            port.post(1, 2).unwrap();
            port.get().unwrap()
        });
    });
}

fn blocking(c: &mut Criterion) {
    let port: Port = Port::new(1).unwrap();
    port.post(1, 2).unwrap();
    port.get().unwrap();
    c.bench_function("blocking, nothing waits", |b| {
        b.iter(|| proactor::blocking(|| std::hint::black_box(1)))
    });
}

/// One message there and back on a Unix pair, both ends on one port: two sends and two receives.
fn echo_round(c: &mut Criterion) {
    let port: Port<bool> = Port::new(1).unwrap();
    let (client, server) = Socket::pair().unwrap();
    client.associate(&port, true).unwrap();
    server.associate(&port, false).unwrap();
    server.recv(op::Recv::new(vec![0; 64])).unwrap();
    let mut first = Some(op::Send::new(vec![7; 64]));
    let mut back = None;
    c.bench_function("64 bytes there and back, Unix pair", |b| {
        b.iter(|| {
            let send = first.take().or_else(|| back.take().map(op::Recv::into_send)).unwrap();
            client.send(send).unwrap();
            while back.is_none() {
                let packet = port.get().unwrap().unwrap();
                match (packet.key, packet.op) {
                    (true, Op::Send(send)) => drop(client.recv(send.into_recv()).unwrap()),
                    (true, Op::Recv(recv)) => back = Some(recv),
                    (false, Op::Recv(recv)) => drop(server.send(recv.into_send()).unwrap()),
                    (false, Op::Send(send)) => drop(server.recv(send.into_recv()).unwrap()),
                    _ => unreachable!(),
                }
            }
        });
    });
}

criterion_group!(benches, post_and_get, blocking, echo_round);
criterion_main!(benches);
