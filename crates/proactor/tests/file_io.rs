//! Reads and writes of files at offsets: where they go, what they count, what the end of a file is to them.

mod common;
#[path = "common/files.rs"]
mod files;

use std::thread;

use common::{Packets, pattern};
use files::{TempPath, read, refusal, write};
use proactor::{Buf, File, Modes, Started, Status, op};

#[test]
fn s284_each_operation_brings_its_offset() {
    let path = TempPath::with(b"");
    let file = path.open();
    assert_eq!(write(&file, 6, "world"), Ok(5));
    assert_eq!(write(&file, 0, "hello "), Ok(6));
    assert_eq!(read(&file, 0, 11).unwrap(), b"hello world");
    // Nothing moved on: the same place gives the same bytes.
    assert_eq!(read(&file, 6, 5).unwrap(), b"world");
    assert_eq!(read(&file, 6, 5).unwrap(), b"world");
    assert_eq!(path.content(), b"hello world");
}

#[test]
fn s284_two_writes_at_offset_0_overwrite_each_other() {
    let path = TempPath::with(b"");
    let packets = Packets::new();
    let file = path.open();
    file.associate(&packets.port, 7).unwrap();
    let _ = file.write(op::Write::new(0, "first")).unwrap();
    assert_eq!(packets.next().bytes(), 5);
    let _ = file.write(op::Write::new(0, "2nd")).unwrap();
    assert_eq!(packets.next().bytes(), 3);
    assert_eq!(path.content(), b"2ndst", "a program that wants them one after the other says where");
}

#[test]
fn s286_the_largest_offset_appends_and_is_no_place_to_read() {
    let path = TempPath::with(b"abc");
    let file = path.open();
    assert_eq!(write(&file, u64::MAX, "def"), Ok(3));
    assert_eq!(file.begin(op::Write::append("ghi")).unwrap().wait().result(), Ok(3));
    assert_eq!(path.content(), b"abcdefghi");
    assert_eq!(refusal(&file, op::Read::new(u64::MAX, vec![0; 4])), Status::INVALID_PARAMETER);
}

#[test]
fn s286_appends_from_many_threads_lose_nothing() {
    const THREADS: usize = 4;
    const EACH: usize = 200;
    let path = TempPath::with(b"");
    let file = path.open();
    thread::scope(|scope| {
        for thread in 0..THREADS {
            let file = &file;
            scope.spawn(move || {
                for number in 0..EACH {
                    let record = vec![thread as u8; number + 1];
                    let count = file.begin(op::Write::append(record)).unwrap().wait().result();
                    assert_eq!(count, Ok(number + 1));
                }
            });
        }
    });
    let content = path.content();
    for thread in 0..THREADS {
        let bytes = content.iter().filter(|byte| **byte == thread as u8).count();
        assert_eq!(bytes, EACH * (EACH + 1) / 2);
    }
}

#[test]
fn s287_offsets_that_would_be_negative_are_refused() {
    let path = TempPath::with(b"abc");
    let packets = Packets::new();
    let file = path.open();
    file.associate(&packets.port, 7).unwrap();
    for offset in [u64::MAX - 1, u64::MAX / 2 + 1, i64::MAX as u64] {
        let refused = file.read(op::Read::new(offset, vec![0; 4])).unwrap_err();
        assert_eq!(refused.status, Status::INVALID_PARAMETER, "reading at {offset}");
        assert_eq!((refused.op.offset(), refused.op.bufs()[0].len()), (offset, 4), "it comes back whole");
        let refused = file.write(op::Write::new(offset, "more")).unwrap_err();
        assert_eq!(refused.status, Status::INVALID_PARAMETER, "writing at {offset}");
    }
    packets.assert_none();
    assert_eq!(path.content(), b"abc");
}

#[test]
fn s288_a_file_opened_to_append_ignores_offsets() {
    let path = TempPath::with(b"abc");
    let file = File::options().append(true).open(&path).unwrap();
    assert_eq!(write(&file, 0, "def"), Ok(3));
    assert_eq!(write(&file, 1000, "ghi"), Ok(3));
    assert_eq!(path.content(), b"abcdefghi");
    assert_eq!(refusal(&file, op::Read::new(0, vec![0; 3])), Status::ACCESS_DENIED);
}

#[test]
fn s289_s306_a_read_at_the_end_gives_a_packet_that_says_so() {
    let path = TempPath::with(b"abc");
    let packets = Packets::new();
    let file = path.open();
    file.associate(&packets.port, 7).unwrap();
    for offset in [3, 4, 1 << 40] {
        let started = file.read(op::Read::new(offset, vec![0; 4])).unwrap();
        assert!(matches!(started, Started::Pending(_)), "{started:?}");
        let packet = packets.next();
        assert_eq!((packet.key, packet.status(), packet.bytes()), (7, Status::END_OF_FILE, 0));
        let read = expect!(Read, packet);
        assert_eq!((read.offset(), read.result()), (offset, Err(Status::END_OF_FILE)));
    }
    packets.assert_none();
    assert_eq!(read(&file, 3, 4), Err(Status::END_OF_FILE), "and to one who waits for it");
}

#[test]
fn s290_a_read_of_nothing_at_the_end_succeeds() {
    let path = TempPath::with(b"abc");
    let packets = Packets::new();
    let file = path.open();
    file.associate(&packets.port, 7).unwrap();
    for offset in [0, 3, 1 << 40] {
        let _ = file.read(op::Read::new(offset, vec![])).unwrap();
        let packet = packets.next();
        assert_eq!((packet.status(), packet.bytes()), (Status::SUCCESS, 0), "at {offset}");
    }
    assert_eq!(write(&file, 0, ""), Ok(0));
    assert_eq!(path.content(), b"abc");
}

#[test]
fn s291_a_read_that_crosses_the_end_is_a_short_success() {
    let path = TempPath::with(b"abcdef");
    let file = path.open();
    assert_eq!(read(&file, 4, 100).unwrap(), b"ef");
    let bufs = vec![Buf::new(3), Buf::new(3), Buf::new(3)];
    let read = file.begin(op::Read::scatter(2, bufs)).unwrap().wait();
    assert_eq!(read.result(), Ok(4));
    assert_eq!((&read.bufs()[0][..], &read.bufs()[1][..1]), (&b"cde"[..], &b"f"[..]));
}

#[test]
fn s292_what_the_cache_can_do_is_done_at_once_and_gives_its_packet() {
    let path = TempPath::with(&pattern(1, 8192));
    let packets = Packets::new();
    let file = path.open();
    file.associate(&packets.port, 7).unwrap();
    // Written just now, so it is in the cache, where there is one that can tell.
    let started = file.read(op::Read::new(0, vec![0; 8192])).unwrap();
    match started {
        Started::Queued(_) => {}
        Started::Pending(_) => println!("this file system cannot serve from its cache at once"),
        Started::Done(_) => panic!("nobody asked to skip packets"),
    }
    let packet = packets.next();
    assert_eq!((packet.key, packet.bytes()), (7, 8192));
    assert_eq!(expect!(Read, packet).data(), pattern(1, 8192));
    packets.assert_none();
}

#[test]
fn s292_a_skipping_file_hands_back_what_is_done_at_once() {
    let path = TempPath::with(b"abc");
    let packets = Packets::new();
    let file = path.open();
    file.associate(&packets.port, 7).unwrap();
    file.set_modes(Modes::SKIP_COMPLETION_PORT_ON_SUCCESS).unwrap();
    let read = match file.read(op::Read::new(0, vec![0; 3])).unwrap() {
        Started::Done(read) => read,
        Started::Pending(_) => expect!(Read, packets.next()),
        Started::Queued(_) => panic!("a skipping file queues nothing for what is done at once"),
    };
    assert_eq!(read.data(), b"abc");
    // An end of file is pending, and pending operations have their packets.
    let started = file.read(op::Read::new(3, vec![0; 3])).unwrap();
    assert!(matches!(started, Started::Pending(_)));
    assert_eq!(packets.next().status(), Status::END_OF_FILE);
    packets.assert_none();
}

#[test]
fn s293_a_write_that_extends_the_file_is_an_operation_like_any_other() {
    let path = TempPath::with(b"abc");
    let packets = Packets::new();
    let file = path.open();
    file.associate(&packets.port, 7).unwrap();
    let started = file.write(op::Write::new(10, "end")).unwrap();
    assert!(matches!(started, Started::Queued(_) | Started::Pending(_)), "{started:?}");
    assert_eq!(packets.next().bytes(), 3);
    assert_eq!(path.content(), b"abc\0\0\0\0\0\0\0end", "the gap is filled with zeros");
    assert_eq!(file.len(), Ok(13));
}

#[test]
fn s301_setting_the_length_cuts_and_extends_with_zeros() {
    let path = TempPath::with(b"abcdef");
    let file = path.open();
    file.set_len(3).unwrap();
    assert_eq!(path.content(), b"abc");
    file.set_len(6).unwrap();
    assert_eq!(path.content(), b"abc\0\0\0");
    assert_eq!((file.len(), file.is_empty()), (Ok(6), Ok(false)));
    file.set_len(0).unwrap();
    assert_eq!(file.is_empty(), Ok(true));
    let reader = File::open(&path).unwrap();
    assert_eq!(reader.set_len(3), Err(Status::ACCESS_DENIED));
}

#[test]
fn s302_reading_beyond_the_end_does_not_make_the_file_longer() {
    let path = TempPath::with(b"abc");
    let file = path.open();
    assert_eq!(read(&file, 1000, 10), Err(Status::END_OF_FILE));
    assert_eq!(write(&file, 1000, ""), Ok(0));
    assert_eq!(file.len(), Ok(3));
}

#[test]
fn s305_scatter_and_gather_move_their_buffers_in_order() {
    let path = TempPath::with(b"");
    let file = path.open();
    let data = pattern(2, 3 * 5000);
    let pieces = data.chunks(5000).map(|piece| Buf::from(piece.to_vec())).collect();
    assert_eq!(file.begin(op::Write::gather(7, pieces)).unwrap().wait().result(), Ok(15_000));
    assert_eq!(path.content()[7..], data);
    let sizes = [1, 9_000, 0, 5_999];
    let bufs = sizes.iter().map(|size| Buf::new(*size)).collect();
    let read = file.begin(op::Read::scatter(7, bufs)).unwrap().wait();
    assert_eq!(read.result(), Ok(15_000));
    assert_eq!(read.data(), &data[..1], "data is what came into the first");
    let joined: Vec<u8> = read.into_bufs().into_iter().flat_map(Buf::into_vec).collect();
    assert_eq!(joined, data);
}

#[test]
fn s305_sixty_four_buffers_are_the_most() {
    let path = TempPath::with(&pattern(3, 64));
    let file = path.open();
    let bufs = |count: usize| (0..count).map(|_| Buf::new(1)).collect::<Vec<_>>();
    let read = file.begin(op::Read::scatter(0, bufs(64))).unwrap().wait();
    assert_eq!(read.into_bufs().into_iter().flat_map(Buf::into_vec).collect::<Vec<u8>>(), pattern(3, 64));
    for count in [0, 65] {
        assert_eq!(refusal(&file, op::Read::scatter(0, bufs(count))), Status::INVALID_PARAMETER);
        assert_eq!(refusal(&file, op::Write::gather(0, bufs(count))), Status::INVALID_PARAMETER);
    }
}

#[test]
fn s307_operations_on_one_file_may_complete_in_any_order_and_each_with_its_own() {
    const COUNT: usize = 64;
    const SIZE: usize = 4096;
    let data = pattern(4, COUNT * SIZE);
    let path = TempPath::with(&data);
    let packets = Packets::new();
    let file = path.open();
    file.associate(&packets.port, 7).unwrap();
    for at in 0..COUNT {
        let read = op::Read::new((at * SIZE) as u64, vec![0; SIZE]).with_tag(at);
        let _ = file.read(read).unwrap();
    }
    let mut seen = [false; COUNT];
    for _ in 0..COUNT {
        let read = expect!(Read, packets.next());
        let at = read.tag();
        assert!(!std::mem::replace(&mut seen[at], true), "{at} came twice");
        assert_eq!(read.offset(), (at * SIZE) as u64);
        assert_eq!(read.data(), &data[at * SIZE..][..SIZE]);
    }
    packets.assert_none();
}

#[test]
fn a_buffer_goes_from_read_to_write_and_back() {
    let path = TempPath::with(b"abcdef");
    let file = path.open();
    let read = file.begin(op::Read::new(4, vec![0; 100])).unwrap().wait();
    let write = file.begin(read.into_write(6)).unwrap().wait();
    assert_eq!(write.result(), Ok(2), "only what was read is written");
    let read = file.begin(write.into_read(0)).unwrap().wait();
    assert_eq!(read.data(), b"abcdefef", "and all of the buffer is read into again");
}

#[test]
fn writes_of_64_mib_report_exactly_what_was_asked_for() {
    const SIZE: usize = 64 << 20;
    let path = TempPath::with(b"");
    let file = path.open();
    let data = pattern(5, SIZE);
    let write = file.begin(op::Write::new(1, data)).unwrap().wait();
    assert_eq!(write.result(), Ok(SIZE));
    let data = write.into_buf().into_vec();
    assert_eq!(file.len(), Ok(SIZE as u64 + 1));
    let read = file.begin(op::Read::new(1, vec![0; SIZE])).unwrap().wait();
    assert_eq!(read.result(), Ok(SIZE));
    assert!(read.data() == data);
}
