//! Synchronous file objects: their position, one operation at a time, and how a wait in one ends before its time.

mod common;
#[path = "common/files.rs"]
mod files;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::thread;

use common::{Packets, asleep, eventually};
use files::{TempPath, read, refusal};
use proactor::object::{Thread, Wait, sleep};
use proactor::{File, Modes, Port, Status, op};

fn synchronous(path: &TempPath) -> File {
    path.options().synchronous(true).open(path).unwrap()
}

fn at_position(file: &File, len: usize) -> (Result<usize, Status>, Vec<u8>) {
    let read = file.perform(op::Read::at_position(vec![0; len])).unwrap();
    (read.result(), read.data().to_vec())
}

#[test]
fn s006_a_synchronous_file_object_has_no_port_s097_nor_modes() {
    let path = TempPath::with(b"abc");
    let file = synchronous(&path);
    let port: Port = Port::new(1).unwrap();
    assert_eq!(file.associate(&port, 1), Err(Status::INVALID_PARAMETER));
    assert_eq!(file.set_modes(Modes::SKIP_SET_EVENT_ON_HANDLE), Err(Status::INVALID_PARAMETER));
    assert_eq!(
        refusal(&file, op::Read::new(0, vec![0; 3])),
        Status::INVALID_PARAMETER,
        "it is performed, not started"
    );
    assert_eq!(at_position(&file, 3), (Ok(3), b"abc".to_vec()));
}

#[test]
fn s285_an_offset_is_used_and_moves_the_position_behind_the_transfer() {
    let path = TempPath::with(b"0123456789");
    let file = synchronous(&path);
    assert_eq!(at_position(&file, 3), (Ok(3), b"012".to_vec()));
    assert_eq!(file.position(), 3);
    let read = file.perform(op::Read::new(5, vec![0; 2])).unwrap();
    assert_eq!((read.data(), file.position()), (&b"56"[..], 7));
    let write = file.perform(op::Write::new(1, "xy")).unwrap();
    assert_eq!((write.result(), file.position()), (Ok(2), 3));
    let write = file.perform(op::Write::at_position("z")).unwrap();
    assert_eq!((write.result(), file.position()), (Ok(1), 4));
    assert_eq!(path.content(), b"0xyz456789");
}

#[test]
fn s286_an_append_moves_the_position_to_the_end_s288_and_so_does_a_file_opened_to_append() {
    let path = TempPath::with(b"abc");
    let file = synchronous(&path);
    file.perform(op::Write::append("de")).unwrap().result().unwrap();
    assert_eq!(file.position(), 5);
    let log = File::options().append(true).synchronous(true).open(&path).unwrap();
    log.perform(op::Write::new(0, "f")).unwrap().result().unwrap();
    assert_eq!((log.position(), path.content()), (6, b"abcdef".to_vec()));
}

#[test]
fn s287_the_position_is_an_offset_on_synchronous_files_only() {
    let path = TempPath::with(b"abc");
    let overlapped = path.open();
    overlapped.set_position(1).unwrap();
    assert_eq!(refusal(&overlapped, op::Read::at_position(vec![0; 1])), Status::INVALID_PARAMETER);
    // S284: what operations do to it is nothing.
    assert_eq!(read(&overlapped, 0, 3), Ok(b"abc".to_vec()));
    assert_eq!(overlapped.position(), 1);
}

#[test]
fn s289_a_read_at_the_end_says_so_and_leaves_the_position() {
    let path = TempPath::with(b"abc");
    let file = synchronous(&path);
    file.set_position(3).unwrap();
    assert_eq!(at_position(&file, 1).0, Err(Status::END_OF_FILE));
    let beyond = file.perform(op::Read::new(10, vec![0; 1])).unwrap();
    assert_eq!((beyond.result(), file.position()), (Err(Status::END_OF_FILE), 3));
    // S290
    assert_eq!(at_position(&file, 0).0, Ok(0));
}

#[test]
fn s302_a_position_beyond_the_end_changes_no_size_until_something_is_written_there() {
    let path = TempPath::with(b"abc");
    let file = synchronous(&path);
    file.set_position(5).unwrap();
    assert_eq!(file.len(), Ok(3));
    assert_eq!(file.set_position(u64::MAX), Err(Status::INVALID_PARAMETER));
    file.perform(op::Write::at_position("f")).unwrap().result().unwrap();
    assert_eq!(path.content(), b"abc\0\0f");
}

/// Has a thread wait in a synchronous call, for a lock that `holder` has, and tells its kernel id.
fn waiting(file: &File) -> (Thread, thread::JoinHandle<Result<usize, Status>>) {
    let (told, learnt) = std::sync::mpsc::channel();
    let file = file.clone();
    let caller = thread::spawn(move || {
        told.send((Thread::current(), rustix::thread::gettid())).unwrap();
        file.perform(op::Lock::exclusive(0, 1)).unwrap().result()
    });
    let (thread, id) = learnt.recv().unwrap();
    asleep(id);
    (thread, caller)
}

fn held(path: &TempPath) -> File {
    let holder = path.open();
    holder.begin(op::Lock::exclusive(0, 1)).unwrap().wait().result().unwrap();
    holder
}

#[test]
fn s298_operations_on_it_are_performed_one_at_a_time() {
    let path = TempPath::with(b"abc");
    let (holder, file) = (held(&path), synchronous(&path));
    let (_, first) = waiting(&file);
    let done = Arc::new(AtomicBool::new(false));
    let (told, learnt) = std::sync::mpsc::channel();
    let second = thread::spawn({
        let (file, done) = (file.clone(), done.clone());
        move || {
            told.send(rustix::thread::gettid()).unwrap();
            let read = file.perform(op::Read::new(1, vec![0; 1])).unwrap();
            (read.result(), done.load(SeqCst))
        }
    });
    asleep(learnt.recv().unwrap());
    done.store(true, SeqCst);
    holder.unlock(0, 1).unwrap();
    assert_eq!(first.join().unwrap(), Ok(0));
    assert_eq!(second.join().unwrap(), (Ok(1), true), "its turn came when the first was over");
}

#[test]
fn s107_a_synchronous_call_is_ended_from_another_thread() {
    let path = TempPath::with(b"abc");
    let (_holder, file) = (held(&path), synchronous(&path));
    assert_eq!(Thread::current().cancel_synchronous_io(), Err(Status::NOT_FOUND));
    let (thread, caller) = waiting(&file);
    eventually("the call can be ended", || thread.cancel_synchronous_io().is_ok());
    assert_eq!(caller.join().unwrap(), Err(Status::CANCELLED));
    assert_eq!(thread.cancel_synchronous_io(), Err(Status::NOT_FOUND));
}

#[test]
fn s107_waiting_for_an_overlapped_operation_is_no_synchronous_call() {
    let path = TempPath::with(b"abc");
    let (holder, file) = (held(&path), path.open());
    let (told, learnt) = std::sync::mpsc::channel();
    let caller = thread::spawn(move || {
        let lock = file.begin(op::Lock::exclusive(0, 1)).unwrap();
        told.send((Thread::current(), rustix::thread::gettid())).unwrap();
        lock.wait().result()
    });
    let (thread, id) = learnt.recv().unwrap();
    asleep(id);
    assert_eq!(thread.cancel_synchronous_io(), Err(Status::NOT_FOUND));
    holder.unlock(0, 1).unwrap();
    assert_eq!(caller.join().unwrap(), Ok(0));
}

#[test]
fn s108_ending_a_call_on_a_handle_with_a_port_queues_no_packet() {
    let path = TempPath::with(b"abc");
    let (_holder, file, packets) = (held(&path), path.open(), Packets::new());
    file.associate(&packets.port, 1).unwrap();
    let (thread, caller) = waiting(&file);
    eventually("the call can be ended", || thread.cancel_synchronous_io().is_ok());
    assert_eq!(caller.join().unwrap(), Err(Status::CANCELLED));
    packets.assert_none();
}

#[test]
fn s123_only_an_alertable_synchronous_file_lets_calls_run_and_ends_with_them() {
    let path = TempPath::with(b"abc");
    for alertable in [true, false] {
        let holder = held(&path);
        let file = path.options().synchronous(true).alertable(alertable).open(&path).unwrap();
        let (thread, caller) = waiting(&file);
        let ran = Arc::new(AtomicBool::new(false));
        let runs = ran.clone();
        thread.queue_apc(move || runs.store(true, SeqCst)).unwrap();
        if alertable {
            assert_eq!(caller.join().unwrap(), Err(Status::CANCELLED));
        } else {
            holder.unlock(0, 1).unwrap();
            assert_eq!(caller.join().unwrap(), Ok(0));
        }
        assert_eq!(ran.load(SeqCst), alertable);
    }
    assert_eq!(sleep(Wait::NOW.alertably()), Ok(()));
}

#[test]
fn an_overlapped_handle_performs_too_without_waiting_for_a_turn() {
    let path = TempPath::with(b"abc");
    let file = path.open();
    let read = file.perform(op::Read::new(1, vec![0; 2])).unwrap();
    assert_eq!((read.data(), file.position()), (&b"bc"[..], 0));
    assert_eq!(file.perform(op::Flush::new()).unwrap().result(), Ok(0));
}

#[test]
fn a_file_that_is_closed_refuses_to_perform() {
    let path = TempPath::with(b"abc");
    let (_holder, file) = (held(&path), synchronous(&path));
    let (_, caller) = waiting(&file);
    file.close().unwrap();
    assert_eq!(caller.join().unwrap(), Err(Status::CANCELLED));
    let refused = file.perform(op::Read::at_position(vec![0; 1])).unwrap_err();
    assert_eq!(refused.status, Status::INVALID_HANDLE);
}
