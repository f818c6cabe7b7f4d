//! An OVERLAPPED from the start of its operation to its end, and what asks for either.
//!
//! The core owns the operation; what it knows of the OVERLAPPED is the address, which is the operation's number. When
//! the operation is final, and before anybody is told, its end is written there: count first, then the status. From then
//! on nothing here touches the OVERLAPPED, for its owner may free it. It is final when the operation is complete, not
//! only when its packet is taken.

use std::cell::Cell;
use std::ffi::c_void;
use std::ptr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::*};

use proactor::object::{Event, Wait, wait_one};
use proactor::raw::{self, End, Io};
use proactor::{Modes, Operation, Packet, Status};

use crate::access;
use crate::error::{self, code};
use crate::frames::{call, entered};
use crate::table::{self, Object};
use crate::types::*;

/// What else is to be done when an operation ends, before its OVERLAPPED says so; it must not block.
pub type Finish = Box<dyn Fn(&End<'_>) + Send + Sync>;

/// What few operations carry; the others allocate nothing.
struct Luggage {
    event: Option<Event>,
    finish: Option<Finish>,
    /// What the packet brings, if not the address of the OVERLAPPED.
    value: Option<usize>,
}

/// A start that was not refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Began {
    /// `ERROR_IO_PENDING`.
    Pending,
    /// It is over, with success or a warning; its packet, if it has one, is queued.
    Done {
        /// The count.
        bytes: usize,
        /// No error.
        status: Status,
    },
}

/// Where a call says what came of an operation that is over when it returns; each may be NULL. Often they lie beside the
/// OVERLAPPED, and go with it once a packet is queued: so they are written before that, by who ends the operation.
#[derive(Clone, Copy)]
pub struct Places {
    /// The count, unless it failed.
    pub count: *mut DWORD,
    /// 0, if it succeeded.
    pub flags: *mut DWORD,
}

impl Places {
    /// Nobody asks.
    pub const NONE: Places = Places { count: ptr::null_mut(), flags: ptr::null_mut() };

    /// Writes what is asked for.
    ///
    /// # Safety
    /// Each is NULL or may be written to.
    pub unsafe fn tell(self, status: Status, bytes: usize) {
        if !status.is_error() && !self.count.is_null() {
            // SAFETY: not NULL, and by the caller's promise.
            unsafe { self.count.write(bytes as DWORD) };
        }
        if status.is_success() && !self.flags.is_null() {
            // SAFETY: the same.
            unsafe { self.flags.write(0) };
        }
    }
}

/// The operation a thread is starting, and how it ended if it did so at once. Once a packet is queued the OVERLAPPED may
/// be gone, so it can't be asked.
#[derive(Clone, Copy)]
struct Starting {
    address: usize,
    places: Places,
    end: Option<(Status, usize)>,
}

impl Starting {
    const NOTHING: Starting = Starting { address: 0, places: Places::NONE, end: None };
}

thread_local! {
    static STARTING: Cell<Starting> = const { Cell::new(Starting::NOTHING) };
}

/// The status in an OVERLAPPED, with everything that was written before it.
///
/// # Safety
/// `overlapped` points to one that is valid.
pub unsafe fn status_of(overlapped: *mut OVERLAPPED) -> Status {
    // SAFETY: by the caller's promise; it is shared with whoever ends the operation, so it is read as an atomic.
    let internal = unsafe { AtomicUsize::from_ptr(&raw mut (*overlapped).Internal) };
    Status::from_raw(internal.load(Acquire) as u32)
}

/// Marks it as under way (S074).
///
/// # Safety
/// `overlapped` points to one that is valid, and is not in use.
pub unsafe fn preset(overlapped: *mut OVERLAPPED) {
    // SAFETY: by the caller's promise.
    let internal = unsafe { AtomicUsize::from_ptr(&raw mut (*overlapped).Internal) };
    internal.store(Status::PENDING.raw() as usize, Release);
}

/// Writes the end of an operation.
///
/// # Safety
/// `overlapped` points to one that is valid; once this returns it may be gone.
pub unsafe fn write_end(overlapped: *mut OVERLAPPED, status: Status, bytes: usize) {
    // SAFETY: by the caller's promise; the count is written before the status that says it is there.
    unsafe {
        AtomicUsize::from_ptr(&raw mut (*overlapped).InternalHigh).store(bytes, Relaxed);
        AtomicUsize::from_ptr(&raw mut (*overlapped).Internal).store(status.raw() as usize, Release);
    }
}

/// The offset it asks for.
///
/// # Safety
/// `overlapped` points to one that is valid.
pub unsafe fn offset_of(overlapped: *const OVERLAPPED) -> u64 {
    // SAFETY: by the caller's promise.
    unsafe { u64::from((*overlapped).OffsetHigh) << 32 | u64::from((*overlapped).Offset) }
}

/// Sees the end of every operation that was started here.
fn ended(end: &End<'_>) {
    let luggage = end.luggage::<Luggage>();
    if let Some(finish) = luggage.and_then(|luggage| luggage.finish.as_ref()) {
        finish(end);
    }
    let event = luggage.and_then(|luggage| luggage.event.clone());
    let (tag, status, bytes) = (end.tag(), end.status(), end.bytes());
    let _ = STARTING.try_with(|starting| {
        if let Starting { address, places, end: None } = starting.get()
            && address == tag
        {
            starting.set(Starting { address, places, end: Some((status, bytes)) });
            // SAFETY: the call that has them is still on this thread's stack, and nobody knows of the end yet.
            unsafe { places.tell(status, bytes) };
        }
    });
    // SAFETY: the operation's number is the address of its OVERLAPPED, which its caller keeps until this.
    unsafe { write_end(tag as *mut OVERLAPPED, status, bytes) };
    if let Some(event) = event {
        event.set();
    }
}

/// The event in an OVERLAPPED, reset for a new operation (S075), and whether its lowest bit asks for no packet (S021).
///
/// # Safety
/// `overlapped` points to one that is valid.
unsafe fn take_event(overlapped: *mut OVERLAPPED) -> Result<(Option<Event>, bool), Status> {
    // SAFETY: by the caller's promise.
    let handle = unsafe { (*overlapped).hEvent };
    if handle & !1 == 0 {
        return Ok((None, handle & 1 != 0));
    }
    let (object, granted) = table::granted(handle)?;
    let event = object.event().ok_or(Status::OBJECT_TYPE_MISMATCH)?;
    access::check(granted, access::MODIFY_STATE)?;
    event.reset();
    Ok((Some(event.clone()), handle & 1 != 0))
}

/// Starts an operation for an OVERLAPPED: resets its event, marks it as pending, and has its end written there, its
/// event set and its packet queued. The error is that of a refusal, after which none of this happens.
///
/// # Safety
/// `overlapped` points to one that is valid and in no other use until the operation ends; so is the memory of the
/// operation's buffers.
pub unsafe fn start<O: Operation>(
    io: &Io,
    op: O,
    overlapped: *mut OVERLAPPED,
    finish: Option<Finish>,
) -> Result<Began, Status> {
    // SAFETY: by the caller's promise.
    unsafe { start_telling(io, op, overlapped, finish, Places::NONE) }
}

/// The same, which says how it ended if it is over when this returns.
///
/// # Safety
/// As [`start`]; the places may be written to, or are NULL.
pub unsafe fn start_telling<O: Operation>(
    io: &Io,
    op: O,
    overlapped: *mut OVERLAPPED,
    finish: Option<Finish>,
    places: Places,
) -> Result<Began, Status> {
    // SAFETY: by the caller's promise.
    let (event, quietly) = unsafe { take_event(overlapped) }?;
    // SAFETY: by the caller's promise.
    unsafe { preset(overlapped) };
    let op = dressed(op, overlapped, Luggage { event, finish, value: None });
    starting(overlapped, places, || start_dressed(io, op, quietly))
}

/// Starts an operation and waits for its end, on a handle whose operations nobody else is told of.
///
/// # Safety
/// As [`start`].
pub unsafe fn start_and_wait<O: Operation>(
    io: &Io,
    op: O,
    overlapped: *mut OVERLAPPED,
    finish: Option<Finish>,
) -> Result<(Status, usize), Status> {
    // SAFETY: by the caller's promise.
    let (event, _) = unsafe { take_event(overlapped) }?;
    // SAFETY: by the caller's promise.
    unsafe { preset(overlapped) };
    let op = io.perform(dressed(op, overlapped, Luggage { event, finish, value: None }))?;
    Ok((op.status(), op.bytes()))
}

/// Starts an operation for a native call, whose status block is where its end is written; not that it is under way
/// (S028). Its packet brings `context`, and none is queued if that is 0 (S022).
///
/// # Safety
/// As [`start`]; of the OVERLAPPED only the status block, its beginning, has to be there.
pub unsafe fn start_native<O: Operation>(
    io: &Io,
    op: O,
    block: *mut OVERLAPPED,
    event: Option<Event>,
    context: usize,
) -> Result<Began, Status> {
    let value = (context != block as usize).then_some(context);
    let op = dressed(op, block, Luggage { event, finish: None, value });
    starting(block, Places::NONE, || start_dressed(io, op, context == 0))
}

/// What the packet of an operation brings to C.
pub fn value_of<K, M>(packet: &Packet<K, M>) -> usize {
    let luggage = raw::luggage_of::<Luggage, K, M>(packet);
    luggage.and_then(|luggage| luggage.value).unwrap_or(packet.tag())
}

fn start_dressed<O: Operation>(io: &Io, op: O, quietly: bool) -> Result<bool, Status> {
    let started = if quietly { io.start_quietly(op) } else { io.start(op) };
    started.map(|started| started.at_once()).map_err(|refused| refused.status)
}

/// Has the end seen of an operation that `start` starts, which says whether it was over at once if it was not refused.
fn starting(
    overlapped: *mut OVERLAPPED,
    places: Places,
    start: impl FnOnce() -> Result<bool, Status>,
) -> Result<Began, Status> {
    let address = overlapped as usize;
    STARTING.with(|starting| starting.set(Starting { address, places, end: None }));
    let started = start();
    let Starting { end, .. } = STARTING.with(|starting| starting.replace(Starting::NOTHING));
    let at_once = started?;
    Ok(match end {
        Some((status, bytes)) if at_once && !status.is_error() => Began::Done { bytes, status },
        // Another thread ended it, or nobody yet. What failed after its start was accepted is told by its end.
        _ => Began::Pending,
    })
}

/// Calls a completion routine, in which the thread may end.
///
/// # Safety
/// The routine may be called with the OVERLAPPED at this address.
pub unsafe fn call_routine(routine: OverlappedRoutine, status: Status, bytes: usize, address: usize) {
    let arguments = [status.to_win32() as usize, bytes as DWORD as usize, address, 0, 0, 0];
    // SAFETY: by the caller's promise; it is a function of these.
    unsafe { call(routine as usize, arguments) };
}

/// Starts an operation with a completion routine, which runs in this thread's next alertable wait (S145). `hEvent` is
/// the caller's own then.
///
/// # Safety
/// As [`start_telling`]; and `routine` may be called with the OVERLAPPED.
pub unsafe fn start_with_routine<O: Operation>(
    io: &Io,
    op: O,
    overlapped: *mut OVERLAPPED,
    (finish, places): (Option<Finish>, Places),
    routine: impl FnOnce(Status, usize) + Send + 'static,
) -> Result<Began, Status> {
    // SAFETY: by the caller's promise.
    unsafe { preset(overlapped) };
    let op = dressed(op, overlapped, Luggage { event: None, finish, value: None });
    starting(overlapped, places, || {
        let started = io.start_with_routine(op, move |op| routine(op.status(), op.bytes()));
        started.map(|_| true).map_err(|refused| refused.status)
    })
}

/// Performs an operation on a synchronous handle: its end is written to the OVERLAPPED, if there is one, and its event
/// set if `signals`, when this returns.
///
/// # Safety
/// `overlapped` is NULL or points to one that is valid and in no other use; the memory of the operation's buffers is
/// valid.
pub unsafe fn perform<O: Operation>(
    io: &Io,
    op: O,
    overlapped: *mut OVERLAPPED,
    signals: bool,
) -> Result<(Status, usize), Status> {
    let perform = || io.perform(op).map(|op| (op.status(), op.bytes())).map_err(Status::from);
    // SAFETY: by the caller's promise.
    unsafe { in_the_call(overlapped, signals, perform) }
}

/// Does something in this call that is an operation to an OVERLAPPED, or to none. An error is that of a refusal.
///
/// # Safety
/// `overlapped` is NULL or points to one that is valid and in no other use.
pub unsafe fn in_the_call(
    overlapped: *mut OVERLAPPED,
    signals: bool,
    act: impl FnOnce() -> Result<(Status, usize), Status>,
) -> Result<(Status, usize), Status> {
    if overlapped.is_null() {
        return act();
    }
    // SAFETY: by the caller's promise, which lasts until this call returns.
    let (event, _) = if signals { unsafe { take_event(overlapped) }? } else { (None, false) };
    // SAFETY: by the caller's promise.
    unsafe { preset(overlapped) };
    let (status, bytes) = act()?;
    // SAFETY: by the caller's promise.
    unsafe { write_end(overlapped, status, bytes) };
    if let Some(event) = event {
        event.set();
    }
    Ok((status, bytes))
}

/// The same for a native call, also with an event.
///
/// # Safety
/// As [`start_native`].
pub unsafe fn start_native_with_routine<O: Operation>(
    io: &Io,
    op: O,
    block: *mut OVERLAPPED,
    event: Option<Event>,
    routine: impl FnOnce() + Send + 'static,
) -> Result<(), Status> {
    let op = dressed(op, block, Luggage { event, finish: None, value: None });
    let started = io.start_with_routine(op, move |_| routine());
    started.map(|_| ()).map_err(|refused| refused.status)
}

fn dressed<O: Operation>(op: O, overlapped: *mut OVERLAPPED, luggage: Luggage) -> O {
    let mut op = raw::observed(raw::tagged(op, overlapped as usize), ended);
    if luggage.event.is_some() {
        op = raw::with_own_event(op);
    }
    match luggage {
        Luggage { event: None, finish: None, value: None } => op,
        luggage => raw::with_luggage(op, Box::new(luggage)),
    }
}

/// The handle behind a number that must have overlapped operations.
pub fn io_of(handle: HANDLE) -> Result<Arc<dyn Object>, Status> {
    let object = table::object(handle)?;
    if object.io().is_some() { Ok(object) } else { Err(Status::OBJECT_TYPE_MISMATCH) }
}

/// Waits for what an OVERLAPPED is signalled by: its event, or the handle.
///
/// # Safety
/// `overlapped` points to one that is valid.
unsafe fn await_end(handle: HANDLE, overlapped: *mut OVERLAPPED, wait: Wait) -> Result<(), Status> {
    // SAFETY: by the caller's promise.
    let event = unsafe { (*overlapped).hEvent } & !1;
    let object = table::object(if event != 0 { event } else { handle })?;
    let waitable = object.waitable().ok_or(Status::OBJECT_TYPE_MISMATCH)?;
    wait_one(waitable, wait).map(|_| ())
}

/// Waits if it is to, and gives the end: what all forms of `GetOverlappedResult` have in common.
///
/// # Safety
/// `overlapped` points to one that is valid.
pub unsafe fn result(
    handle: HANDLE,
    overlapped: *mut OVERLAPPED,
    wait: bool,
) -> Result<(Status, usize), Status> {
    // SAFETY: by the caller's promise.
    let mut status = unsafe { status_of(overlapped) };
    if status == Status::PENDING {
        if !wait {
            return Err(Status::PENDING);
        }
        // SAFETY: as above. S090: not alertable.
        unsafe { await_end(handle, overlapped, Wait::FOREVER) }?;
        // SAFETY: as above.
        status = unsafe { status_of(overlapped) };
    }
    // SAFETY: as above.
    Ok((status, unsafe { (*overlapped).InternalHigh }))
}

/// Writes the count and says how it ended.
///
/// # Safety
/// `bytes` is NULL or may be written to.
unsafe fn report(status: Status, count: usize, bytes: *mut DWORD) -> BOOL {
    if !bytes.is_null() {
        // SAFETY: by the caller's promise. S084: also for what failed.
        unsafe { bytes.write(count as DWORD) };
    }
    match status {
        // S083: somebody else set the event.
        Status::PENDING => {
            error::set(code::ERROR_IO_PENDING);
            TRUE
        }
        status if status.is_success() => TRUE,
        status => error::failed(status),
    }
}

/// `GetOverlappedResult`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn GetOverlappedResult(
    handle: HANDLE,
    overlapped: *mut OVERLAPPED,
    bytes: *mut DWORD,
    wait: BOOL,
) -> BOOL {
    if overlapped.is_null() {
        return error::failed(Status::INVALID_PARAMETER);
    }
    // SAFETY: not NULL, and an OVERLAPPED as documented; so for the count.
    match unsafe { result(handle, overlapped, wait != FALSE) } {
        // SAFETY: as above.
        Ok((status, count)) => unsafe { report(status, count, bytes) },
        Err(Status::PENDING) => error::failed_with(code::ERROR_IO_INCOMPLETE),
        Err(status) => error::failed(status),
    }
}

/// `GetOverlappedResultEx`.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn GetOverlappedResultEx(
    handle: HANDLE,
    overlapped: *mut OVERLAPPED,
    bytes: *mut DWORD,
    milliseconds: DWORD,
    alertable: BOOL,
) -> BOOL {
    if overlapped.is_null() {
        return error::failed(Status::INVALID_PARAMETER);
    }
    // SAFETY: not NULL, and an OVERLAPPED as documented, here and below.
    let status = unsafe { status_of(overlapped) };
    if milliseconds == 0 && status == Status::PENDING {
        // S088: a look runs no calls.
        return error::failed_with(code::ERROR_IO_INCOMPLETE);
    }
    if milliseconds != 0 {
        // S089: also for what is over.
        let wait = error::wait(milliseconds, alertable);
        // SAFETY: as above.
        match entered(|| unsafe { await_end(handle, overlapped, wait) }) {
            Ok(()) => {}
            Err(Status::TIMEOUT) => return error::failed_with(code::WAIT_TIMEOUT),
            Err(Status::USER_APC) => return error::failed_with(code::WAIT_IO_COMPLETION),
            Err(status) => return error::failed(status),
        }
    }
    // SAFETY: as above.
    unsafe { report(status_of(overlapped), (*overlapped).InternalHigh, bytes) }
}

/// `CancelIo`: what this thread started on the handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn CancelIo(handle: HANDLE) -> BOOL {
    let cancelled = io_of(handle).and_then(|object| match object.io() {
        Some(io) => io.cancel_mine(),
        None => Err(Status::OBJECT_TYPE_MISMATCH),
    });
    error::succeeded(cancelled)
}

/// `CancelIoEx`: one operation, or with NULL all of the handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn CancelIoEx(handle: HANDLE, overlapped: *mut OVERLAPPED) -> BOOL {
    let cancelled = io_of(handle).and_then(|object| match object.io() {
        Some(io) if overlapped.is_null() => io.cancel_all(),
        Some(io) => io.cancel_tagged(overlapped as usize),
        None => Err(Status::OBJECT_TYPE_MISMATCH),
    });
    error::succeeded(cancelled)
}

/// `SetFileCompletionNotificationModes`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn SetFileCompletionNotificationModes(handle: HANDLE, flags: u8) -> BOOL {
    let set = io_of(handle).and_then(|object| match object.io() {
        Some(_) if object.is_synchronous() => Err(Status::INVALID_PARAMETER),
        // S095: unknown bits say nothing.
        Some(io) => io.set_modes(Modes::from_bits_truncate(flags)),
        None => Err(Status::OBJECT_TYPE_MISMATCH),
    });
    error::succeeded(set)
}

/// `HasOverlappedIoCompleted`, for those who call it as a function; the header has it as a macro.
///
/// # Safety
/// `overlapped` points to one that is valid.
pub unsafe fn has_completed(overlapped: *mut c_void) -> bool {
    // SAFETY: by the caller's promise.
    unsafe { status_of(overlapped.cast()) != Status::PENDING }
}
