//! Locks of byte ranges: who may have them with whom, who waits and in which order, and what ends them.

mod common;
#[path = "common/files.rs"]
mod files;

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, Stdio};

use common::Packets;
use files::{TempPath, read, refusal, write};
use proactor::{File, Modes, Started, Status, op};

fn lock(file: &File, lock: op::Lock) -> Result<usize, Status> {
    file.begin(lock.at_once()).map_err(Status::from)?.wait().result()
}

#[test]
fn s303_exclusive_ranges_conflict_even_on_one_handle_and_shared_ones_do_not() {
    let path = TempPath::with(b"0123456789");
    let (one, other) = (path.open(), path.open());
    let taken = Err(Status::LOCK_NOT_GRANTED);
    assert_eq!(lock(&one, op::Lock::exclusive(2, 4)), Ok(0));
    assert_eq!(lock(&one, op::Lock::exclusive(5, 1)), taken);
    assert_eq!(lock(&other, op::Lock::shared(0, 3)), taken);
    assert_eq!(lock(&other, op::Lock::exclusive(6, 2)), Ok(0), "it begins where the other ends");
    assert_eq!(one.unlock(2, 3), Err(Status::RANGE_NOT_LOCKED), "exactly what was locked");
    assert_eq!(other.unlock(2, 4), Err(Status::RANGE_NOT_LOCKED), "and by whom");
    one.unlock(2, 4).unwrap();
    assert_eq!(lock(&one, op::Lock::shared(0, 5)), Ok(0));
    assert_eq!(lock(&other, op::Lock::shared(3, 3)), Ok(0));
    assert_eq!(lock(&one, op::Lock::exclusive(0, 1)), taken);
    assert_eq!(lock(&one, op::Lock::exclusive(0, 0)), Ok(0), "none of it lies inside another");
    assert_eq!(one.unlock(0, 0), Ok(()));
}

#[test]
fn s303_a_clone_is_the_same_file_object_and_a_closed_one_has_no_locks() {
    let path = TempPath::with(b"abc");
    let (one, other) = (path.open(), path.open());
    assert_eq!(lock(&one, op::Lock::exclusive(0, 3)), Ok(0));
    one.clone().unlock(0, 3).unwrap();
    assert_eq!(lock(&one, op::Lock::exclusive(0, 3)), Ok(0));
    one.close().unwrap();
    assert_eq!(lock(&other, op::Lock::exclusive(0, 3)), Ok(0));
    drop(other);
    assert_eq!(lock(&path.open(), op::Lock::exclusive(0, 3)), Ok(0), "nor has one that was dropped");
}

#[test]
fn s303_a_range_reaches_no_further_than_the_largest_offset() {
    let path = TempPath::with(b"abc");
    let (one, other) = (path.open(), path.open());
    assert_eq!(refusal(&one, op::Lock::exclusive(u64::MAX, 2)), Status::INVALID_LOCK_RANGE);
    assert_eq!(one.unlock(u64::MAX, 2), Err(Status::INVALID_LOCK_RANGE));
    assert_eq!(lock(&one, op::Lock::exclusive(u64::MAX, 1)), Ok(0));
    assert_eq!(lock(&other, op::Lock::exclusive(1, u64::MAX)), Err(Status::LOCK_NOT_GRANTED));
    one.unlock(u64::MAX, 1).unwrap();
    assert_eq!(lock(&other, op::Lock::exclusive(0, u64::MAX)), Ok(0));
}

#[test]
fn s304_a_lock_that_is_taken_is_pending_and_completes_by_packet() {
    let path = TempPath::with(b"abc");
    let (holder, file) = (path.open(), path.open());
    let packets = Packets::new();
    file.associate(&packets.port, 7).unwrap();
    assert_eq!(lock(&holder, op::Lock::exclusive(0, 3)), Ok(0));
    assert!(matches!(file.lock(op::Lock::exclusive(1, 1)), Ok(Started::Pending(_))));
    packets.assert_none();
    holder.unlock(0, 3).unwrap();
    let packet = packets.next();
    assert_eq!((packet.key, packet.status(), packet.bytes()), (7, Status::SUCCESS, 0));
    assert!(matches!(file.lock(op::Lock::exclusive(2, 1)), Ok(Started::Queued(_))), "it is free");
    assert_eq!(packets.next().status(), Status::SUCCESS);
    file.set_modes(Modes::SKIP_COMPLETION_PORT_ON_SUCCESS).unwrap();
    assert!(matches!(file.lock(op::Lock::exclusive(0, 1)), Ok(Started::Done(_))));
    packets.assert_none();
}

#[test]
fn s304_one_that_is_refused_at_once_queues_nothing() {
    let path = TempPath::with(b"abc");
    let (holder, file) = (path.open(), path.open());
    let packets = Packets::new();
    file.associate(&packets.port, 7).unwrap();
    assert_eq!(lock(&holder, op::Lock::exclusive(0, 3)), Ok(0));
    let refused = file.lock(op::Lock::exclusive(1, 1).at_once()).unwrap_err();
    assert_eq!(refused.status, Status::LOCK_NOT_GRANTED);
    packets.assert_none();
}

#[test]
fn s304_those_that_wait_are_served_in_the_order_of_their_coming() {
    let path = TempPath::with(b"abc");
    let (holder, file) = (path.open(), path.open());
    assert_eq!(lock(&holder, op::Lock::exclusive(0, 3)), Ok(0));
    let first = file.begin(op::Lock::exclusive(0, 2)).unwrap();
    let second = file.begin(op::Lock::exclusive(1, 1)).unwrap();
    let beside = file.begin(op::Lock::exclusive(2, 1)).unwrap();
    holder.unlock(0, 3).unwrap();
    assert!(first.is_complete() && beside.is_complete() && !second.is_complete());
    file.unlock(0, 2).unwrap();
    assert_eq!(second.wait().result(), Ok(0));
}

#[test]
fn s304_waiting_for_a_lock_can_be_cancelled_and_ends_with_its_handle() {
    let path = TempPath::with(b"abc");
    let (holder, file) = (path.open(), path.open());
    assert_eq!(lock(&holder, op::Lock::exclusive(0, 3)), Ok(0));
    let one = file.begin(op::Lock::exclusive(0, 1)).unwrap();
    one.cancel().unwrap();
    assert_eq!(one.wait().result(), Err(Status::CANCELLED));
    assert_eq!(file.cancel_all(), Err(Status::NOT_FOUND));
    let two = file.begin(op::Lock::exclusive(0, 1)).unwrap();
    file.close().unwrap();
    assert_eq!(two.wait().result(), Err(Status::CANCELLED));
    let dead = path.open();
    let other = dead.clone();
    let overlapped =
        std::thread::spawn(move || other.begin(op::Lock::exclusive(0, 1)).unwrap()).join().unwrap();
    assert_eq!(overlapped.wait().result(), Err(Status::CANCELLED), "S110: its thread has ended");
    holder.unlock(0, 3).unwrap();
    assert_eq!(lock(&dead, op::Lock::exclusive(0, 3)), Ok(0), "none of them has any");
}

#[test]
fn what_is_locked_is_kept_from_other_file_objects() {
    let path = TempPath::with(b"0123456789");
    let (one, other) = (path.open(), path.open());
    assert_eq!(lock(&one, op::Lock::exclusive(2, 4)), Ok(0));
    let conflict = Status::FILE_LOCK_CONFLICT;
    assert_eq!(refusal(&other, op::Read::new(5, vec![0; 1])), conflict);
    assert_eq!(refusal(&other, op::Write::new(0, "abc")), conflict);
    assert_eq!(read(&other, 0, 2), Ok(b"01".to_vec()));
    assert_eq!(write(&one, 2, "xx"), Ok(2));
    one.unlock(2, 4).unwrap();
    assert_eq!(lock(&one, op::Lock::shared(0, 10)), Ok(0));
    assert_eq!(read(&other, 0, 4), Ok(b"01xx".to_vec()));
    assert_eq!(refusal(&one, op::Write::new(9, "9")), conflict, "nobody writes to what is shared");
    assert_eq!(write(&other, 10, "a"), Ok(1));
}

#[test]
fn only_files_have_locks_and_only_for_who_may_read_or_write() {
    let path = TempPath::with(b"abc");
    let looks = File::options().open(&path).unwrap();
    assert_eq!(refusal(&looks, op::Lock::shared(0, 1)), Status::ACCESS_DENIED);
    let reads = File::open(&path).unwrap();
    assert_eq!(lock(&reads, op::Lock::exclusive(0, 1)), Ok(0));
    let (pipe, _writer) = proactor::Pipe::pair().unwrap();
    let refused = pipe.begin(op::Lock::exclusive(0, 1)).unwrap_err();
    assert_eq!(refused.status, Status::INVALID_DEVICE_REQUEST);
}

/// Another process that locks bytes 10 to 19 of a file, and has it open to the exclusion of writers.
struct Other {
    child: Child,
}

const NAME: &str = "LOCKED_BY_ANOTHER";

impl Other {
    fn start(path: &TempPath) -> Other {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["locked_by_another_process", "--exact", "--nocapture"])
            .env(NAME, path.as_ref())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        assert!(
            lines.map(Result::unwrap).any(|line| line.ends_with("locked")),
            "the other process has locked"
        );
        Other { child }
    }
}

impl Drop for Other {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn locked_by_another_process() {
    if let Some(path) = std::env::var_os(NAME) {
        let file = File::options().read(true).share(proactor::Share::READ).open(path).unwrap();
        assert_eq!(lock(&file, op::Lock::exclusive(10, 5)), Ok(0));
        assert_eq!(lock(&file, op::Lock::shared(15, 5)), Ok(0));
        println!("\nlocked");
        std::io::stdout().flush().unwrap();
        // Until it is killed.
        let _ = std::io::stdin().lines().next();
    }
}

#[test]
fn s303_other_processes_are_kept_out_until_the_one_with_the_lock_is_gone() {
    let path = TempPath::with(&[0; 100]);
    let (file, second) = (path.open(), path.open());
    let other = Other::start(&path);
    let taken = Err(Status::LOCK_NOT_GRANTED);
    assert_eq!(lock(&file, op::Lock::exclusive(14, 1)), taken);
    assert_eq!(lock(&file, op::Lock::exclusive(0, 100)), taken);
    assert_eq!(lock(&file, op::Lock::shared(15, 5)), Ok(0));
    assert_eq!(lock(&file, op::Lock::exclusive(0, 10)), Ok(0));
    let waits = second.begin(op::Lock::exclusive(12, 2)).unwrap();
    assert!(!waits.is_complete());
    let cancelled = second.begin(op::Lock::exclusive(12, 2)).unwrap();
    cancelled.cancel().unwrap();
    assert_eq!(cancelled.wait().result(), Err(Status::CANCELLED));
    drop(other);
    assert_eq!(waits.wait().result(), Ok(0));
}

#[test]
fn share_modes_hold_between_processes() {
    let path = TempPath::with(b"abc");
    let other = Other::start(&path);
    let open = |write: bool, share| File::options().read(true).write(write).share(share).open(&path);
    let all = proactor::Share::all();
    assert_eq!(open(true, all).err(), Some(Status::SHARING_VIOLATION));
    assert_eq!(
        open(false, proactor::Share::WRITE).err(),
        Some(Status::SHARING_VIOLATION),
        "it is read there"
    );
    assert!(open(false, all).is_ok());
    drop(other);
    assert!(open(true, all).is_ok());
}
