//! Winsock's events: event objects under their second names, and network events of sockets.

use std::ffi::c_int;
use std::sync::Arc;
use std::sync::atomic::Ordering::*;

use proactor::object::{Event, Wait, Waitable, wait_all, wait_any};
use proactor::{Ready, Status};

use super::answer::{self, Answer, Fault};
use super::numbers::*;
use super::socket::{SocketObject, find};
use super::startup;
use crate::error;
use crate::frames::entered;
use crate::objects::EventObject;
use crate::table::{self, Object};
use crate::types::*;

/// `FD_ALL_EVENTS`.
const ALL: i32 = 0x3ff;
const CONNECT_BIT: usize = 4;
const CLOSE_BIT: usize = 5;

/// What a socket tells, and whom.
#[derive(Clone)]
pub struct Selection {
    wanted: Ready,
    event: Event,
}

fn event_of(handle: HANDLE) -> Answer<Event> {
    let object = table::object(handle).map_err(|_| Fault(WSAENOTSOCK))?;
    object.event().cloned().ok_or(Fault(WSAEINVAL))
}

fn select(socket: &SocketObject, selection: Option<Selection>) -> Answer<()> {
    let mut kept = socket.selection.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    match &selection {
        Some(Selection { wanted, event }) => {
            let event = event.clone();
            let bell = move || {
                event.set();
            };
            socket.socket.select_events(*wanted, bell)?;
            socket.nonblocking.store(true, Relaxed);
        }
        None => socket.socket.select_events(Ready::empty(), || ())?,
    }
    *kept = selection;
    Ok(())
}

/// What a listening socket has selected holds for what it accepts.
pub fn inherit(listener: &SocketObject, accepted: &SocketObject) -> Answer<()> {
    if !listener.socket.selects_events() {
        return Ok(());
    }
    let selection = listener.selection.lock().unwrap_or_else(std::sync::PoisonError::into_inner).clone();
    match selection {
        Some(selection) => select(accepted, Some(selection)),
        None => Ok(()),
    }
}

/// `WSAEventSelect`.
#[unsafe(no_mangle)]
pub extern "C" fn WSAEventSelect(socket: SOCKET, event: HANDLE, wanted: i32) -> c_int {
    answer::done(find(socket).and_then(|socket| {
        if wanted == 0 {
            return select(&socket, None);
        }
        if wanted & !ALL != 0 {
            return Err(Fault(WSAEINVAL));
        }
        let event = event_of(event)?;
        select(&socket, Some(Selection { wanted: Ready::from_bits_truncate(wanted as u8 & 0x3f), event }))
    }))
}

/// `WSAEnumNetworkEvents`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn WSAEnumNetworkEvents(
    socket: SOCKET,
    event: HANDLE,
    told: *mut WSANETWORKEVENTS,
) -> c_int {
    answer::done(find(socket).and_then(|socket| {
        if told.is_null() {
            return Err(Fault(WSAEFAULT));
        }
        if event != NULL {
            // Before they are taken: what comes from now on sets it again.
            event_of(event)?.reset();
        }
        let events = socket.socket.events()?;
        let mut codes = [0; 10];
        codes[CONNECT_BIT] = code_of(events.ready, Ready::CONNECT, events.connect);
        codes[CLOSE_BIT] = code_of(events.ready, Ready::CLOSE, events.close);
        // SAFETY: not NULL, and as documented.
        unsafe {
            told.write(WSANETWORKEVENTS { lNetworkEvents: events.ready.bits().into(), iErrorCode: codes });
        }
        Ok(())
    }))
}

fn code_of(ready: Ready, what: Ready, status: Status) -> c_int {
    if ready.contains(what) && status.is_error() { status.to_winsock() as c_int } else { 0 }
}

/// `WSACreateEvent`: one that is reset by hand.
#[unsafe(no_mangle)]
pub extern "C" fn WSACreateEvent() -> HANDLE {
    error::value_or(table::insert(Arc::new(EventObject(Event::manual(false)))), NULL)
}

fn with_event<R>(handle: HANDLE, act: impl FnOnce(&Event) -> R) -> BOOL {
    let object = table::object(handle);
    match object.as_ref().map(|object| object.event()) {
        Ok(Some(event)) => {
            act(event);
            TRUE
        }
        _ => error::failed_with(WSA_INVALID_HANDLE),
    }
}

/// `WSASetEvent`.
#[unsafe(no_mangle)]
pub extern "C" fn WSASetEvent(event: HANDLE) -> BOOL {
    with_event(event, Event::set)
}

/// `WSAResetEvent`.
#[unsafe(no_mangle)]
pub extern "C" fn WSAResetEvent(event: HANDLE) -> BOOL {
    with_event(event, Event::reset)
}

/// `WSACloseEvent`.
#[unsafe(no_mangle)]
pub extern "C" fn WSACloseEvent(event: HANDLE) -> BOOL {
    match table::object(event) {
        Ok(object) if object.event().is_some() => error::succeeded(table::close(event)),
        _ => error::failed_with(WSA_INVALID_HANDLE),
    }
}

/// `WSAWaitForMultipleEvents`.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn WSAWaitForMultipleEvents(
    count: DWORD,
    events: *const HANDLE,
    all: BOOL,
    milliseconds: DWORD,
    alertable: BOOL,
) -> DWORD {
    const MOST: DWORD = 64;
    let wait = || -> Answer<DWORD> {
        startup::check()?;
        if count == 0 || count > MOST || events.is_null() {
            return Err(Fault(WSA_INVALID_PARAMETER));
        }
        // SAFETY: so many handles, as documented.
        let handles = unsafe { std::slice::from_raw_parts(events, count as usize) };
        let objects: Result<Vec<Arc<dyn Object>>, Status> =
            handles.iter().map(|handle| table::object(*handle)).collect();
        let objects = objects.map_err(|_| Fault(WSA_INVALID_HANDLE))?;
        let waitables: Option<Vec<&dyn Waitable>> = objects.iter().map(|object| object.waitable()).collect();
        let waitables = waitables.ok_or(Fault(WSA_INVALID_HANDLE))?;
        Ok(outcome(wait_for(&waitables, all != FALSE, error::wait(milliseconds, alertable)))?)
    };
    match entered(wait) {
        Ok(value) => value,
        Err(Fault(code)) => {
            error::set(code);
            error::code::WAIT_FAILED
        }
    }
}

fn wait_for(objects: &[&dyn Waitable], all: bool, wait: Wait) -> Result<usize, Status> {
    if all { wait_all(objects, wait).map(|_| 0) } else { wait_any(objects, wait).map(|waited| waited.index) }
}

fn outcome(waited: Result<usize, Status>) -> Result<DWORD, Status> {
    match waited {
        Ok(index) => Ok(index as DWORD),
        Err(Status::TIMEOUT) => Ok(error::code::WAIT_TIMEOUT),
        Err(Status::USER_APC) => Ok(error::code::WAIT_IO_COMPLETION),
        Err(status) => Err(status),
    }
}
