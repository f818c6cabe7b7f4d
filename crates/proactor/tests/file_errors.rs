//! What is refused, and by which name: files that are none, rights that are missing, room that is not there.

mod common;
#[path = "common/files.rs"]
mod files;

use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::Command;

use common::Packets;
use files::{TempPath, read, refusal, write};
use proactor::{Buf, File, Pipe, Socket, Status, op};

fn opened(path: impl AsRef<Path>) -> Result<(), Status> {
    File::open(path).map(|_| ())
}

#[test]
fn what_cannot_be_opened_has_a_name() {
    let path = TempPath::with(b"abc");
    assert_eq!(opened(path.as_ref().with_extension("missing")), Err(Status::OBJECT_NAME_NOT_FOUND));
    assert_eq!(opened(env!("CARGO_TARGET_TMPDIR")), Err(Status::FILE_IS_A_DIRECTORY));
    assert_eq!(opened("/dev/null"), Err(Status::OBJECT_TYPE_MISMATCH), "it is no file, and has no offsets");
    let new = File::options().write(true).create_new(true).open(&path);
    assert_eq!(new.map(|_| ()), Err(Status::OBJECT_NAME_COLLISION));
}

#[test]
fn foreign_descriptors_are_taken_only_if_they_are_files() {
    let mismatch = Some(Status::OBJECT_TYPE_MISMATCH);
    let (socket, _peer) = UnixStream::pair().unwrap();
    assert_eq!(File::from_fd(socket).err(), mismatch);
    let (reader, writer) = std::io::pipe().unwrap();
    assert_eq!(File::from_fd(reader).err(), mismatch);
    assert_eq!(File::from_fd(writer).err(), mismatch);
    let directory = std::fs::File::open("/proc/self").unwrap();
    assert_eq!(File::from_fd(directory).err(), Some(Status::FILE_IS_A_DIRECTORY));
    let path = TempPath::with(b"abc");
    let file = std::fs::File::open(&path).unwrap();
    assert_eq!(read(&File::from_fd(file).unwrap(), 1, 2).unwrap(), b"bc");
}

#[test]
fn a_file_is_neither_a_socket_nor_a_pipe() {
    let path = TempPath::with(b"abc");
    let file = path.open();
    assert_eq!(refusal(&file, op::Recv::new(vec![0; 3])), Status::OBJECT_TYPE_MISMATCH);
    assert_eq!(refusal(&file, op::Recv::zero_byte()), Status::OBJECT_TYPE_MISMATCH);
    assert_eq!(refusal(&file, op::Send::new("abc")), Status::OBJECT_TYPE_MISMATCH);
    let fd = || OwnedFd::from(std::fs::File::open(&path).unwrap());
    assert_eq!(Socket::from_fd(fd()).err(), Some(Status::OBJECT_TYPE_MISMATCH));
    assert_eq!(Pipe::from_fd(fd()).err(), Some(Status::OBJECT_TYPE_MISMATCH));
    assert_eq!(file.pending(), 0);
}

#[test]
fn s300_a_flush_needs_the_right_to_write() {
    let path = TempPath::with(b"abc");
    let reader = File::open(&path).unwrap();
    assert_eq!(refusal(&reader, op::Flush::new()), Status::ACCESS_DENIED);
    for file in [path.open(), File::options().append(true).open(&path).unwrap()] {
        assert_eq!(file.begin(op::Flush::new()).unwrap().wait().result(), Ok(0));
    }
}

#[test]
fn a_file_does_only_what_it_was_opened_for() {
    let path = TempPath::with(b"abc");
    let packets = Packets::new();
    let (reader, writer) = (File::open(&path).unwrap(), File::options().write(true).open(&path).unwrap());
    reader.associate(&packets.port, 1).unwrap();
    writer.associate(&packets.port, 2).unwrap();
    let refused = reader.write(op::Write::new(0, "xyz")).unwrap_err();
    assert_eq!((refused.status, refused.op.bufs()[0].len()), (Status::ACCESS_DENIED, 3));
    assert_eq!(reader.write(op::Write::append("xyz")).unwrap_err().status, Status::ACCESS_DENIED);
    let refused = writer.read(op::Read::new(0, vec![0; 3])).unwrap_err();
    assert_eq!((refused.status, refused.op.bufs()[0].len()), (Status::ACCESS_DENIED, 3));
    packets.assert_none();
    assert_eq!(path.content(), b"abc");
}

#[test]
fn s296_memory_that_cannot_be_written_to_is_refused_for_reading() {
    let path = TempPath::with(b"abc");
    let packets = Packets::new();
    let file = path.open();
    file.associate(&packets.port, 7).unwrap();
    let refused = file.read(op::Read::new(0, "static")).unwrap_err();
    assert_eq!(refused.status, Status::INVALID_USER_BUFFER);
    let mixed = vec![Buf::new(1), Buf::from("static")];
    assert_eq!(file.read(op::Read::scatter(0, mixed)).unwrap_err().status, Status::INVALID_USER_BUFFER);
    packets.assert_none();
}

#[test]
fn s297_a_closed_file_refuses_everything() {
    let path = TempPath::with(b"abc");
    let file = path.open();
    file.close().unwrap();
    let closed = Status::INVALID_HANDLE;
    let refused = file.read(op::Read::new(0, vec![0; 3])).unwrap_err();
    assert_eq!((refused.status, refused.op.bytes()), (closed, 0));
    let refused = file.write(op::Write::new(0, "xyz")).unwrap_err();
    assert_eq!((refused.status, refused.op.bytes()), (closed, 0));
    assert_eq!(refusal(&file, op::Flush::new()), closed);
    assert_eq!((file.close(), file.len(), file.set_len(0)), (Err(closed), Err(closed), Err(closed)));
    assert_eq!((file.cancel_all(), file.cancel_mine()), (Err(closed), Err(closed)));
    assert_eq!(path.content(), b"abc");
}

#[test]
fn the_file_may_be_too_large_for_its_place() {
    // The end fits the kernel's offsets, and not many a file system's.
    let path = TempPath::with(b"abc");
    let file = path.open();
    match write(&file, i64::MAX as u64 - 4, "more") {
        Err(status) => assert_eq!((status, path.content()), (Status::FILE_TOO_LARGE, b"abc".to_vec())),
        Ok(count) => println!("not tested: this file system has room there, and took {count} bytes"),
    }
}

/// The limit that a shell sets with `ulimit -f`, in blocks of 512 bytes. The kernel's way to enforce it is a signal
/// that kills.
#[test]
fn the_limit_of_file_sizes_is_an_error_and_not_the_end() {
    const NAME: &str = "the_limit_of_file_sizes_is_an_error_and_not_the_end";
    const INSIDE: &str = "PROACTOR_TEST_FILE_LIMIT";
    if std::env::var_os(INSIDE).is_none() {
        let output = Command::new("sh")
            .args(["-c", "ulimit -f 8 && exec \"$0\" --exact \"$1\" --nocapture"])
            .arg(std::env::current_exe().unwrap())
            .arg(NAME)
            .env(INSIDE, "1")
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success() && text.contains("1 passed"), "{}: {text}", output.status);
        return;
    }
    let path = TempPath::with(b"");
    let file = path.open();
    // As far as the limit, and what crosses it is cut short before it fails.
    assert_eq!(write(&file, 0, vec![1; 4096]), Ok(4096));
    let crossing = file.begin(op::Write::new(4000, vec![2; 200])).unwrap().wait();
    assert_eq!((crossing.status(), crossing.bytes()), (Status::FILE_TOO_LARGE, 96));
    let append = file.begin(op::Write::append("x")).unwrap().wait();
    assert_eq!(append.result(), Err(Status::FILE_TOO_LARGE));
    assert_eq!(file.set_len(5000), Err(Status::FILE_TOO_LARGE));
    assert_eq!(file.set_len(10), Ok(()));
    assert_eq!(path.content(), [1; 10]);
}
