//! Pipes: bytes in order, ends that close, and what each end can't do.

mod common;

use std::process::{Command, Stdio};
use std::thread;

use common::*;
use proactor::{Buf, Pipe, Status, op};

fn associated(packets: &Packets) -> (Pipe, Pipe) {
    let (reader, writer) = Pipe::pair().unwrap();
    reader.associate(&packets.port, 1).unwrap();
    writer.associate(&packets.port, 2).unwrap();
    (reader, writer)
}

#[test]
fn s308_a_zero_byte_read_waits_for_data_and_leaves_them() {
    let packets = Packets::new();
    let (reader, writer) = associated(&packets);
    pending(reader.recv(op::Recv::zero_byte()));
    packets.assert_none();
    let _ = writer.begin(op::Send::new("data")).unwrap().wait();
    assert_eq!(expect!(Recv, packets.next()).result(), Ok(0));
    queued(reader.recv(op::Recv::zero_byte()));
    assert_eq!(expect!(Recv, packets.next()).result(), Ok(0));
    queued(reader.recv(op::Recv::new(vec![0; 8])));
    assert_eq!(expect!(Recv, packets.next()).data(), b"data");
}

#[test]
fn a_pending_read_breaks_when_the_other_end_is_closed() {
    let packets = Packets::new();
    let (reader, writer) = associated(&packets);
    pending(reader.recv(op::Recv::new(vec![0; 8])));
    pending(reader.recv(op::Recv::new(vec![0; 8])));
    drop(writer);
    for _ in 0..2 {
        let packet = packets.next();
        assert_eq!((packet.key, packet.status(), packet.bytes()), (1, Status::PIPE_BROKEN, 0));
    }
    assert_eq!(refused(reader.recv(op::Recv::new(vec![0; 8]))).0, Status::PIPE_BROKEN);
    packets.assert_none();
}

#[test]
fn what_was_written_before_the_end_is_read_before_it() {
    let packets = Packets::new();
    let (reader, writer) = associated(&packets);
    queued(writer.send(op::Send::new("the last")));
    assert_eq!(expect!(Send, packets.next()).result(), Ok(8));
    writer.close().unwrap();
    queued(reader.recv(op::Recv::new(vec![0; 3])));
    assert_eq!(expect!(Recv, packets.next()).data(), b"the");
    queued(reader.recv(op::Recv::new(vec![0; 9]).wait_all()));
    assert_eq!(expect!(Recv, packets.next()).data(), b" last");
    assert_eq!(refused(reader.recv(op::Recv::new(vec![0; 3]))).0, Status::PIPE_BROKEN);
}

#[test]
fn s120_closing_an_end_breaks_what_is_pending_on_it() {
    let packets = Packets::new();
    let (reader, writer) = associated(&packets);
    pending(reader.recv(op::Recv::new(vec![0; 8]).with_tag(3)));
    reader.close().unwrap();
    let packet = packets.next();
    assert_eq!((packet.key, packet.status()), (1, Status::PIPE_BROKEN));
    assert_eq!(expect!(Recv, packet).tag(), 3);
    let (status, send) = refused(writer.send(op::Send::new("to nobody")));
    assert_eq!((status, &send.into_buf()[..]), (Status::PIPE_CLOSING, &b"to nobody"[..]));
    packets.assert_none();
}

#[test]
fn a_pending_write_breaks_when_the_reader_goes_and_says_how_much_went() {
    const BIG: usize = 1 << 20;
    let packets = Packets::new();
    let (reader, writer) = associated(&packets);
    pending(writer.send(op::Send::new(vec![1; BIG])));
    let read = reader.begin(op::Recv::new(vec![0; 1000])).unwrap().wait();
    assert_eq!(read.result(), Ok(1000));
    packets.assert_none();
    drop(read);
    drop(reader);
    let send = expect!(Send, packets.next());
    assert_eq!(send.status(), Status::PIPE_BROKEN);
    assert!((1000..BIG).contains(&send.bytes()));
}

#[test]
fn long_writes_go_through_whole_and_in_order() {
    let packets = Packets::new();
    let (reader, writer) = associated(&packets);
    let sent = pattern(1, 1 << 20);
    let cuts = [0, 5000, 5001, 300_000, 300_002, 1 << 20];
    for cut in cuts.windows(2) {
        let part = sent[cut[0]..cut[1]].chunks(16 << 10).map(|chunk| Buf::from(chunk.to_vec())).collect();
        let _ = writer.send(op::Send::gather(part)).unwrap();
    }
    let reading = thread::spawn(move || {
        let bufs = vec![Buf::new(1), Buf::new(70_000), Buf::new((1 << 20) - 70_001)];
        reader.begin(op::Recv::scatter(bufs).wait_all()).unwrap().wait()
    });
    for cut in cuts.windows(2) {
        assert_eq!(expect!(Send, packets.next()).result(), Ok(cut[1] - cut[0]));
    }
    let got: Vec<u8> = reading.join().unwrap().into_bufs().iter().flat_map(|buf| buf.to_vec()).collect();
    assert!(got == sent);
}

#[test]
fn the_output_of_a_child_is_read_to_its_end() {
    let packets = Packets::new();
    let mut child = Command::new("echo").arg("hello").stdout(Stdio::piped()).spawn().unwrap();
    let pipe = Pipe::from_fd(child.stdout.take().unwrap()).unwrap();
    pipe.associate(&packets.port, 1).unwrap();
    let _ = pipe.recv(op::Recv::new(vec![0; 64])).unwrap();
    assert_eq!(expect!(Recv, packets.next()).data(), b"hello\n");
    match pipe.recv(op::Recv::new(vec![0; 64])) {
        Ok(_) => assert_eq!(packets.next().status(), Status::PIPE_BROKEN),
        Err(refused) => assert_eq!(refused.status, Status::PIPE_BROKEN),
    }
    assert!(child.wait().unwrap().success());
}

#[test]
fn an_end_refuses_what_it_is_not_for() {
    let (reader, writer) = Pipe::pair().unwrap();
    assert_eq!(refused(writer.recv(op::Recv::new(vec![0; 4]))).0, Status::ACCESS_DENIED);
    assert_eq!(refused(writer.recv(op::Recv::zero_byte())).0, Status::ACCESS_DENIED);
    assert_eq!(refused(reader.send(op::Send::new("x"))).0, Status::ACCESS_DENIED);
    assert_eq!(refused(reader.recv(op::Recv::new(vec![0; 4]).peek())).0, Status::NOT_SUPPORTED);
}
