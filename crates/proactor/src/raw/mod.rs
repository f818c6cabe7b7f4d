//! What faces of this library in other languages stand on: handles known by a number, memory that belongs to the
//! caller, and operations whose end is written where the caller said.
//!
//! Programs in Rust need none of it. A face gives an operation the caller's [`memory`], a number of the caller's by
//! `with_tag` (the address of its OVERLAPPED), and an [`observed`] function, which is called once when the operation is
//! final and before anybody else can know: before the event is set, the packet queued, the routine called.
//!
//! ```
//! use std::sync::atomic::{AtomicUsize, Ordering};
//! use proactor::{Pipe, op, raw};
//!
//! static BYTES: AtomicUsize = AtomicUsize::new(0);
//!
//! let (reader, writer) = Pipe::pair()?;
//! let recv = op::Recv::new(vec![0; 8]).with_tag(0x1000);
//! let recv = raw::observed(recv, |end| BYTES.store(end.bytes(), Ordering::Relaxed));
//! let recv = reader.begin(recv)?;
//! let _ = writer.begin(op::Send::new("ping"))?.wait();
//! recv.wait();
//! assert_eq!(BYTES.load(Ordering::Relaxed), 4);
//! # Ok::<(), proactor::Status>(())
//! ```
#![allow(unsafe_code)]

use std::any::Any;
use std::ptr::NonNull;
use std::sync::Arc;

pub use crate::io::{Io, Sort};
pub use crate::op::End;

use crate::Packet;
use crate::driver::foreign::Foreign;
use crate::object::Thread;
use crate::op::block::{Block, Flags, Kind};
use crate::op::{Buf, Flush, Operation, sealed::Sealed};

/// The caller's own memory as a buffer to receive or read into. It is not freed with the buffer.
///
/// No bytes are at no address; at NULL there are none.
///
/// # Safety
/// Until the operation that has the buffer is complete, or the buffer is dropped, nobody else reads or writes these
/// bytes, and they stay allocated. An address that is not mapped is answered by the kernel, with
/// [`ACCESS_VIOLATION`](crate::Status::ACCESS_VIOLATION).
pub unsafe fn memory(start: *mut u8, len: usize) -> Buf {
    // SAFETY: by the caller's promise.
    unsafe { foreign(start, len, true) }
}

/// The caller's own memory as a buffer to send or write from.
///
/// # Safety
/// As that of [`memory`], but for others, who may read it.
pub unsafe fn memory_to_send(start: *const u8, len: usize) -> Buf {
    // SAFETY: by the caller's promise; it is only read.
    unsafe { foreign(start.cast_mut(), len, false) }
}

/// # Safety
/// As [`memory`]; what is not writable is only read.
unsafe fn foreign(start: *mut u8, len: usize, writable: bool) -> Buf {
    match NonNull::new(start) {
        // SAFETY: by the caller's promise.
        Some(start) if len > 0 => Buf::foreign(unsafe { Foreign::new(start, len, writable) }),
        _ => Buf::default(),
    }
}

/// The same operation, whose end `observer` sees before anybody else; once, if the start does not refuse it.
///
/// It is called by whichever thread ends the operation, with no lock held, and must not block.
pub fn observed<O: Operation>(op: O, observer: fn(&End<'_>)) -> O {
    with(op, |block| block.observer = Some(observer))
}

/// The same operation with a number of the caller's: `with_tag` of whatever kind it is.
pub fn tagged<O: Operation>(op: O, number: usize) -> O {
    with(op, |block| block.tag = number)
}

/// The same operation with an event of its caller's own, which its observer sets: the end does not signal the handle
/// itself (S076).
pub fn with_own_event<O: Operation>(op: O) -> O {
    with(op, |block| block.flags |= Flags::OWN_EVENT)
}

/// The same operation with something of the face's that its observer needs. It is dropped with the operation.
pub fn with_luggage<O: Operation>(op: O, luggage: Box<dyn Any + Send + Sync>) -> O {
    with(op, |block| block.seldom_mut().luggage = Some(luggage))
}

/// What a face keeps with a thread for as long as anybody knows the thread; made when it is first asked for. A process
/// has one face: `T` is always the same.
///
/// ```
/// use std::sync::atomic::{AtomicU32, Ordering};
/// use proactor::{object::Thread, raw};
///
/// raw::kept_with::<AtomicU32>(&Thread::current()).store(7, Ordering::Relaxed);
/// assert_eq!(raw::kept_with::<AtomicU32>(&Thread::current()).load(Ordering::Relaxed), 7);
/// ```
///
/// # Panics
/// If it was asked for as another type before.
pub fn kept_with<T: Any + Default + Send + Sync>(thread: &Thread) -> Arc<T> {
    let kept = thread.luggage().get_or_init(|| Arc::<T>::default()).clone();
    kept.downcast().unwrap_or_else(|_| panic!("what is kept with a thread is of one type"))
}

/// An operation that does nothing, on any handle that is open: it succeeds when it is started, and is told of as any
/// (`WSAIoctl` and `DeviceIoControl` of what is done at once, S324).
///
/// ```
/// use proactor::{Port, Status, raw};
///
/// let port: Port<&str> = Port::new(1)?;
/// let socket = proactor::Socket::datagram_pair()?.0;
/// socket.associate(&port, "mine")?;
/// let _ = socket.start(raw::nothing())?;
/// assert_eq!(port.get()?.unwrap().status(), Status::SUCCESS);
/// # Ok::<(), Status>(())
/// ```
pub fn nothing() -> Flush {
    let mut block = Block::new(Kind::Flush);
    block.flags |= Flags::NOTHING;
    Flush::from_block(block)
}

/// What the operation of a packet was given with [`with_luggage`], if it is a `T`.
pub fn luggage_of<T: Any, K, M>(packet: &Packet<K, M>) -> Option<&T> {
    packet.op.as_block()?.seldom()?.luggage.as_ref()?.downcast_ref()
}

fn with<O: Operation>(op: O, change: impl FnOnce(&mut Block)) -> O {
    let mut block = op.into_block();
    change(&mut block);
    O::from_block(block)
}
