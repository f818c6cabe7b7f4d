//! What holds for every backend.

use std::os::fd::OwnedFd;
use std::sync::mpsc::channel;
use std::sync::{Arc, Barrier};

use rustix::io::Errno;

use super::support::{Desk, PATIENCE, backends, file, file_with, length};
use crate::driver::file::{Action, Backend, MAX_SLICES, SECTOR};

fn each(test: impl Fn(&Arc<dyn Backend>, &Desk)) {
    for backend in backends() {
        println!("with {}", backend.name());
        let desk = Desk::new();
        test(&backend, &desk);
        assert_eq!(backend.in_flight(), 0);
        assert!(desk.is_empty());
    }
}

#[test]
fn what_is_written_at_an_offset_is_read_from_there() {
    each(|backend, desk| {
        let file = file();
        desk.write(&**backend, &file, 5000, b"later");
        desk.write(&**backend, &file, 10, b"earlier");
        assert_eq!(length(&file), 5005);
        assert_eq!(desk.read(&**backend, &file, 5000, 5), b"later");
        assert_eq!(desk.read(&**backend, &file, 8, 11), b"\0\0earlier\0\0");
        assert_eq!(rustix::fs::tell(&file), Ok(0), "the file's own position is not used");
    });
}

#[test]
fn a_read_ends_well_at_the_end_of_the_file() {
    each(|backend, desk| {
        let file = file_with(0, b"0123456789");
        assert_eq!(desk.read(&**backend, &file, 6, 100), b"6789");
        assert_eq!(desk.read(&**backend, &file, 10, 100), b"");
        assert_eq!(desk.read(&**backend, &file, 1 << 40, 100), b"");
    });
}

#[test]
fn an_append_goes_to_the_end_whatever_its_offset() {
    each(|backend, desk| {
        let file = file_with(0, b"first");
        for (offset, bytes) in [(0, &b" second"[..]), (1 << 30, b" third"), (u64::MAX, b" fourth")] {
            let ended = desk.run(&**backend, desk.request(&file, Action::Append, offset, &[bytes]));
            assert_eq!((ended.end, ended.moved), (Ok(()), bytes.len()));
        }
        let ended = desk.run(&**backend, desk.request(&file, Action::Append, 0, &[b" of", b" two"]));
        assert_eq!(ended.end, Ok(()));
        assert_eq!(desk.read(&**backend, &file, 0, 100), b"first second third fourth of two");
    });
}

#[test]
fn appends_at_once_neither_overlap_nor_tear() {
    each(|backend, desk| {
        let file = file();
        let lines: Vec<[u8; 16]> = (0..100u8).map(|n| [n; 16]).collect();
        let ids: Vec<u64> = lines
            .iter()
            .map(|line| desk.submit(&**backend, desk.request(&file, Action::Append, 0, &[line])))
            .collect();
        assert!(ids.into_iter().all(|id| desk.wait(id).end == Ok(())));
        let content = desk.read(&**backend, &file, 0, 1600);
        let mut found: Vec<&[u8]> = content.chunks(16).collect();
        found.sort_unstable();
        assert_eq!(found, lines.iter().map(|line| &line[..]).collect::<Vec<_>>());
    });
}

#[test]
fn a_flush_ends_well_and_moves_nothing() {
    each(|backend, desk| {
        let file = file();
        desk.write(&**backend, &file, 0, b"to the device");
        let ended = desk.run(&**backend, desk.request(&file, Action::Flush, u64::MAX, &[]));
        assert_eq!((ended.end, ended.moved), (Ok(()), 0));
    });
}

#[test]
fn more_pieces_than_one_call_takes_are_moved_in_order() {
    each(|backend, desk| {
        for count in [2, MAX_SLICES, MAX_SLICES + 1, 3 * MAX_SLICES + 7] {
            let file = file();
            let pieces: Vec<Vec<u8>> = (0..count).map(|n| vec![n as u8; n % 5 + 1]).collect();
            let pieces: Vec<&[u8]> = pieces.iter().map(|piece| &piece[..]).collect();
            let whole = pieces.concat();
            let ended = desk.run(&**backend, desk.request(&file, Action::Write, 3, &pieces));
            assert_eq!((ended.end, ended.moved), (Ok(()), whole.len()));
            let blank: Vec<Vec<u8>> = pieces.iter().map(|piece| vec![0; piece.len()]).collect();
            let blank: Vec<&[u8]> = blank.iter().map(|piece| &piece[..]).collect();
            let ended = desk.run(&**backend, desk.request(&file, Action::Read, 3, &blank));
            assert_eq!(ended.end, Ok(()));
            assert_eq!(ended.bytes(), whole);
        }
    });
}

#[test]
fn nothing_to_move_ends_well_at_once() {
    each(|backend, desk| {
        let file = file_with(0, b"x");
        for action in [Action::Read, Action::Write, Action::Append] {
            let ended = desk.run(&**backend, desk.request(&file, action, 0, &[]));
            assert_eq!((ended.end, ended.moved), (Ok(()), 0));
        }
        assert_eq!(length(&file), 1);
    });
}

#[test]
fn each_error_is_the_kernels_own() {
    each(|backend, desk| {
        let end = |file: &Arc<OwnedFd>, action, offset| {
            desk.run(&**backend, desk.request(file, action, offset, &[b"some"])).end
        };
        let read_only = Arc::new(OwnedFd::from(std::fs::File::open("/proc/self/exe").unwrap()));
        assert_eq!(end(&read_only, Action::Write, 0), Err(Errno::BADF));
        assert_eq!(end(&read_only, Action::Append, 0), Err(Errno::BADF));
        let directory = Arc::new(OwnedFd::from(std::fs::File::open("/").unwrap()));
        assert_eq!(end(&directory, Action::Read, 0), Err(Errno::ISDIR));
        let full = Arc::new(OwnedFd::from(std::fs::File::options().write(true).open("/dev/full").unwrap()));
        assert_eq!(end(&full, Action::Write, 0), Err(Errno::NOSPC));
        let file = file();
        // -1 would be the file's own position.
        assert_eq!(end(&file, Action::Write, u64::MAX), Err(Errno::INVAL));
        assert_eq!(end(&file, Action::Read, i64::MAX as u64 + 1), Err(Errno::INVAL));
        assert_eq!(length(&file), 0);
    });
}

#[test]
fn an_unbuffered_read_ends_well_inside_the_last_sector() {
    each(|backend, desk| {
        let content: Vec<u8> = (0..5000u32).map(|n| n as u8).collect();
        assert!(!(content.len() as u64).is_multiple_of(SECTOR));
        let file = file_with(libc::O_DIRECT, &content);
        assert_eq!(desk.read(&**backend, &file, 0, 8192), content);
        assert_eq!(desk.read(&**backend, &file, 4096, 4096), content[4096..]);
        let misaligned = desk.run(&**backend, desk.request(&file, Action::Read, 100, &[&[0; 4096]]));
        assert_eq!(
            (misaligned.end, misaligned.moved),
            (Err(Errno::INVAL), 0),
            "a caller's mistake stays one"
        );
    });
}

#[test]
fn an_unbuffered_write_goes_out_and_comes_back() {
    each(|backend, desk| {
        let file = file_with(libc::O_DIRECT, b"");
        let content = [[1u8; 4096], [2; 4096]].concat();
        desk.write(&**backend, &file, 4096, &content);
        assert_eq!(desk.read(&**backend, &file, 4096, 8192), content);
    });
}

#[test]
fn a_thousand_requests_at_once_each_end_once() {
    each(|backend, desk| {
        let file = file();
        let block = |n: u64| [n.to_ne_bytes(); 64].concat();
        let ids: Vec<u64> = (0..1000)
            .map(|n| desk.submit(&**backend, desk.request(&file, Action::Write, n * 512, &[&block(n)])))
            .collect();
        for id in ids {
            assert_eq!(desk.wait(id).end, Ok(()));
        }
        let ids: Vec<u64> = (0..1000)
            .map(|n| desk.submit(&**backend, desk.request(&file, Action::Read, n * 512, &[&[0; 512]])))
            .collect();
        for (n, id) in (0..).zip(ids) {
            let ended = desk.wait(id);
            assert_eq!(ended.end, Ok(()));
            assert_eq!(ended.bytes(), block(n));
        }
    });
}

#[test]
fn many_threads_submit_at_once() {
    const THREADS: u64 = 8;
    const EACH: u64 = 100;
    each(|backend, _| {
        let file = file();
        let together = Barrier::new(THREADS as usize);
        std::thread::scope(|scope| {
            for thread in 0..THREADS {
                let (file, together) = (&file, &together);
                scope.spawn(move || {
                    let (say, ends) = channel();
                    together.wait();
                    for n in 0..EACH {
                        let desk = Desk::new();
                        let at = thread * EACH + n;
                        let mut request = desk.request(file, Action::Write, at * 8, &[&at.to_ne_bytes()]);
                        let say = say.clone();
                        request.on_end = Box::new(move |ended| say.send(ended.end).unwrap());
                        // Ids of different threads must differ, which one desk each would not see to.
                        backend.submit(at, request);
                    }
                    for _ in 0..EACH {
                        assert_eq!(ends.recv_timeout(PATIENCE), Ok(Ok(())));
                    }
                });
            }
        });
        let desk = Desk::new();
        let content = desk.read(&**backend, &file, 0, (THREADS * EACH * 8) as usize);
        let expected: Vec<u8> = (0..THREADS * EACH).flat_map(u64::to_ne_bytes).collect();
        assert_eq!(content, expected);
    });
}

/// Writes `left` blocks, each submitted from inside the end of the one before.
fn chain(backend: Arc<dyn Backend>, file: Arc<OwnedFd>, left: u64, say: std::sync::mpsc::Sender<()>) {
    let desk = Desk::new();
    let mut request = desk.request(&file, Action::Write, left, &[&[1]]);
    let next = Arc::clone(&backend);
    request.on_end = Box::new(move |ended| {
        assert_eq!(ended.end, Ok(()));
        match left {
            0 => say.send(()).unwrap(),
            _ => chain(next, file, left - 1, say),
        }
    });
    backend.submit(left, request);
}

#[test]
fn an_end_may_submit_the_next() {
    each(|backend, _| {
        let file = file();
        let (say, done) = channel();
        chain(Arc::clone(backend), Arc::clone(&file), 999, say);
        done.recv_timeout(PATIENCE).unwrap();
        let desk = Desk::new();
        assert_eq!(desk.read(&**backend, &file, 0, 2000), [1; 1000]);
    });
}

#[test]
fn a_panic_ends_its_own_request_only() {
    each(|backend, desk| {
        let file = file_with(0, b"x");
        let mut request = desk.request(&file, Action::Read, 0, &[&[0]]);
        request.on_end = Box::new(|_| panic!("on purpose, at the end"));
        desk.submit(&**backend, request);
        let mut request = desk.request(&file, Action::Read, 0, &[&[0]]);
        request.on_start = Some(Box::new(|| panic!("on purpose, at the start")));
        assert_eq!(desk.run(&**backend, request).end, Err(Errno::IO));
        assert_eq!(desk.read(&**backend, &file, 0, 1), b"x");
        // The first may still be on its way in another thread.
        for _ in 0..1000 {
            if backend.panics() == 2 {
                break;
            }
            std::thread::sleep(std::time::Duration::from_millis(1));
        }
        assert_eq!(backend.panics(), 2);
    });
}

#[test]
fn what_has_ended_cannot_be_cancelled() {
    each(|backend, desk| {
        let file = file_with(0, b"x");
        let id = desk.submit(&**backend, desk.request(&file, Action::Read, 0, &[&[0]]));
        assert_eq!(desk.wait(id).end, Ok(()));
        assert!(!backend.cancel(id));
        assert!(!backend.cancel(u64::MAX));
    });
}

#[test]
fn a_cancel_at_any_moment_ends_the_request_once() {
    each(|backend, desk| {
        let file = file_with(0, &[7; 4096]);
        for _ in 0..500 {
            let id = desk.submit(&**backend, desk.request(&file, Action::Read, 0, &[&[0; 4096]]));
            backend.cancel(id);
            let ended = desk.wait(id);
            match ended.end {
                Ok(()) => assert_eq!(ended.bytes(), [7; 4096]),
                Err(error) => assert_eq!(error, Errno::CANCELED),
            }
        }
    });
}
