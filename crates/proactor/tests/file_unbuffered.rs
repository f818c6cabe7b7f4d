//! Files past the page cache, and what must reach the device: alignment, pending operations, flushes.

mod common;
#[path = "common/files.rs"]
mod files;

use std::os::unix::fs::OpenOptionsExt;

use common::{Packets, pattern};
use files::{TempPath, read, refusal};
use proactor::{Buf, File, Modes, Started, Status, op};

/// Suits every device.
const PAGE: usize = 4096;

fn page_of(bytes: &[u8]) -> Buf {
    let mut buf = Buf::aligned(bytes.len(), PAGE);
    buf.as_mut().unwrap().copy_from_slice(bytes);
    buf
}

#[test]
fn s294_an_unbuffered_read_is_pending() {
    let path = TempPath::with(&pattern(1, 2 * PAGE));
    let Some(file) = path.unbuffered() else { return };
    let packets = Packets::new();
    file.associate(&packets.port, 7).unwrap();
    // Though the cache may have it, and though packets of what is done at once are skipped.
    file.set_modes(Modes::SKIP_COMPLETION_PORT_ON_SUCCESS).unwrap();
    let started = file.read(op::Read::new(PAGE as u64, Buf::aligned(PAGE, PAGE))).unwrap();
    assert!(matches!(started, Started::Pending(_)), "{started:?}");
    let packet = packets.next();
    assert_eq!((packet.key, packet.bytes()), (7, PAGE));
    assert_eq!(expect!(Read, packet).data(), &pattern(1, 2 * PAGE)[PAGE..]);
    packets.assert_none();
}

#[test]
fn s295_unbuffered_operations_are_aligned_or_refused() {
    let path = TempPath::with(&pattern(2, 4 * PAGE));
    assert_eq!(path.open().alignment(), None);
    let Some(file) = path.unbuffered() else { return };
    let packets = Packets::new();
    file.associate(&packets.port, 7).unwrap();
    let (block, address) = file.alignment().unwrap();
    assert!(block.is_power_of_two() && address.is_power_of_two() && (PAGE as u64).is_multiple_of(block));

    let wrong = Status::INVALID_PARAMETER;
    assert_eq!(file.read(op::Read::new(1, Buf::aligned(PAGE, PAGE))).unwrap_err().status, wrong);
    assert_eq!(file.read(op::Read::new(0, Buf::aligned(PAGE + 1, PAGE))).unwrap_err().status, wrong);
    assert_eq!(file.write(op::Write::new(1, page_of(&[1; PAGE]))).unwrap_err().status, wrong);
    assert_eq!(file.write(op::Write::append(page_of(&[1; 100]))).unwrap_err().status, wrong);
    let pieces = vec![page_of(&[1; PAGE]), page_of(&[1; 100])];
    assert_eq!(file.write(op::Write::gather(0, pieces)).unwrap_err().status, wrong);
    let anywhere = Buf::new(64 * PAGE);
    match (anywhere.as_ptr() as usize).is_multiple_of(address) {
        true => println!("not tested: a vector's address is good enough for this device"),
        false => assert_eq!(file.read(op::Read::new(0, anywhere)).unwrap_err().status, wrong),
    }
    packets.assert_none();
    assert_eq!(path.content(), pattern(2, 4 * PAGE));

    // The smallest unit that the device has is good.
    let read = file.begin(op::Read::new(block, Buf::aligned(block as usize, address))).unwrap().wait();
    assert_eq!(read.data(), &pattern(2, 4 * PAGE)[block as usize..][..block as usize]);
}

#[test]
fn s291_an_unbuffered_read_that_crosses_the_end_is_a_short_success() {
    let path = TempPath::with(&pattern(3, 5000));
    let Some(file) = path.unbuffered() else { return };
    let read = file.begin(op::Read::new(0, Buf::aligned(4 * PAGE, PAGE))).unwrap().wait();
    assert_eq!((read.result(), read.data()), (Ok(5000), &pattern(3, 5000)[..]));
    let read = file.begin(op::Read::new(PAGE as u64, Buf::aligned(PAGE, PAGE))).unwrap().wait();
    assert_eq!((read.result(), read.data()), (Ok(904), &pattern(3, 5000)[PAGE..]));
}

#[test]
fn s289_an_unbuffered_read_at_the_end_gives_a_packet_that_says_so() {
    let path = TempPath::with(&pattern(4, PAGE));
    let Some(file) = path.unbuffered() else { return };
    let packets = Packets::new();
    file.associate(&packets.port, 7).unwrap();
    for offset in [PAGE, 100 * PAGE] {
        let started = file.read(op::Read::new(offset as u64, Buf::aligned(PAGE, PAGE))).unwrap();
        assert!(matches!(started, Started::Pending(_)), "{started:?}");
        let packet = packets.next();
        assert_eq!((packet.key, packet.status(), packet.bytes()), (7, Status::END_OF_FILE, 0));
    }
}

#[test]
fn s290_an_unbuffered_read_of_nothing_at_the_end_succeeds() {
    let path = TempPath::with(&pattern(5, PAGE));
    let Some(file) = path.unbuffered() else { return };
    assert_eq!(file.begin(op::Read::new(PAGE as u64, vec![])).unwrap().wait().result(), Ok(0));
}

#[test]
fn s305_pages_are_scattered_and_gathered_past_the_cache() {
    let path = TempPath::with(b"");
    let Some(file) = path.unbuffered() else { return };
    let data = pattern(6, 8 * PAGE);
    let pages = data.chunks(PAGE).map(page_of).collect();
    assert_eq!(file.begin(op::Write::gather(0, pages)).unwrap().wait().result(), Ok(8 * PAGE));
    let pages = (0..8).map(|_| Buf::aligned(PAGE, PAGE)).collect();
    let read = file.begin(op::Read::scatter(0, pages)).unwrap().wait();
    assert_eq!(read.result(), Ok(8 * PAGE));
    assert!(read.bufs().iter().flat_map(|page| page.iter()).eq(&data));
    assert_eq!(path.content(), data);
}

#[test]
fn s286_an_unbuffered_append_goes_to_the_end() {
    let path = TempPath::with(&pattern(7, PAGE));
    let Some(file) = path.unbuffered() else { return };
    let append = file.begin(op::Write::append(page_of(&pattern(8, PAGE)))).unwrap().wait();
    assert_eq!(append.result(), Ok(PAGE));
    assert_eq!(path.content()[PAGE..], pattern(8, PAGE));
}

#[test]
fn an_unbuffered_descriptor_of_anyones_is_recognised() {
    let path = TempPath::with(&pattern(9, PAGE));
    let opened = std::fs::OpenOptions::new().read(true).custom_flags(libc::O_DIRECT).open(&path);
    let Ok(opened) = opened else { return println!("not tested: this file system has no O_DIRECT") };
    let file = File::from_fd(opened).unwrap();
    assert!(file.alignment().is_some());
    assert_eq!(refusal(&file, op::Read::new(1, Buf::aligned(PAGE, PAGE))), Status::INVALID_PARAMETER);
}

#[test]
fn a_flush_is_pending_and_brings_its_packet() {
    let path = TempPath::with(b"");
    let packets = Packets::new();
    let file = path.open();
    file.associate(&packets.port, 7).unwrap();
    let _ = file.write(op::Write::new(0, "to the device")).unwrap();
    assert_eq!(packets.next().bytes(), 13);
    let started = file.flush(op::Flush::new().with_tag(9)).unwrap();
    assert!(matches!(started, Started::Pending(_)), "{started:?}");
    let packet = packets.next();
    assert_eq!((packet.key, packet.status(), packet.bytes()), (7, Status::SUCCESS, 0));
    assert_eq!(expect!(Flush, packet).tag(), 9);
    packets.assert_none();
    assert_eq!(read(&file, 0, 13).unwrap(), b"to the device");
}
