//! Wait chains: `GetThreadWaitChain` over the core's own.
//!
//! A session is a handle in its own numbers. An asynchronous one tells its chains by a function, in a thread of its own.

use std::cell::Cell;
use std::ffi::c_void;
use std::sync::Arc;

use proactor::Status;
use proactor::diagnose::{ChainNode, ObjectInfo, ObjectOwner, ThreadState, WaitChain, wait_chain};
use proactor::sync::CriticalSection;

use crate::error::{self, code};
use crate::frames;
use crate::table::{self, Object};
use crate::text;
use crate::types::*;

const ASYNC: DWORD = 1;
const ALL_FLAGS: DWORD = 7;
const MOST: usize = 16;
const NAME: usize = 128;

const ERROR_TOO_MANY_THREADS: DWORD = 565;
const ERROR_OBJECT_NOT_FOUND: DWORD = 4312;
const ERROR_MORE_DATA: DWORD = 234;

/// `WAITCHAIN_NODE_INFO`.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Node {
    kind: DWORD,
    status: DWORD,
    what: What,
}

#[repr(C)]
#[derive(Clone, Copy)]
union What {
    object: LockObject,
    thread: ThreadObject,
}

#[repr(C)]
#[derive(Clone, Copy)]
struct LockObject {
    name: [WCHAR; NAME],
    timeout: LARGE_INTEGER,
    alertable: BOOL,
}

#[repr(C)]
#[derive(Clone, Copy)]
struct ThreadObject {
    process: DWORD,
    thread: DWORD,
    wait_time: DWORD,
    context_switches: DWORD,
}

const _: () = assert!(size_of::<Node>() == 280);

/// A session as a handle's object.
struct Session {
    /// The function to tell, of an asynchronous one.
    callback: Option<usize>,
    /// Closed: nobody is told any more. Entered while somebody is, who may close it.
    closed: CriticalSection<Cell<bool>>,
}

impl Object for Session {
    fn kind(&self) -> &'static str {
        "wait chain session"
    }
}

fn kind_of(object: &ObjectInfo) -> DWORD {
    const UNKNOWN: DWORD = 10;
    match &*object.kind {
        "critical section" => 1,
        "mutex" => 3,
        "thread" => 6,
        "process" => 7,
        kind if kind.contains("socket") => 11,
        _ => UNKNOWN,
    }
}

fn object_node(object: &ObjectInfo) -> Node {
    const OWNED: DWORD = 6;
    const NOT_OWNED: DWORD = 7;
    const ABANDONED: DWORD = 8;
    let mut name = [0; NAME];
    let given = text::to_wide(object.name.as_deref().unwrap_or_default());
    let length = given.len().min(NAME - 1);
    name[..length].copy_from_slice(&given[..length]);
    let status = match object.owner {
        Some(ObjectOwner::Unknown) => ABANDONED,
        Some(_) => OWNED,
        None => NOT_OWNED,
    };
    let what = What { object: LockObject { name, timeout: 0, alertable: FALSE } };
    Node { kind: kind_of(object), status, what }
}

/// A thread that waits for what follows it is blocked; the last one of a chain is what the kernel says.
fn thread_node(id: u32, state: Option<ThreadState>, process: u32, waits: bool) -> Node {
    const THREAD: DWORD = 8;
    const RUNNING: DWORD = 2;
    const BLOCKED: DWORD = 3;
    const PID_ONLY: DWORD = 4;
    let status = match state {
        _ if id == 0 => PID_ONLY,
        _ if waits => BLOCKED,
        Some(ThreadState::Running) => RUNNING,
        Some(ThreadState::Blocked) => BLOCKED,
        None => 9,
    };
    let thread = ThreadObject { process, thread: id, wait_time: 0, context_switches: 0 };
    // All of it is written, so that nothing of ours is seen in what is not the thread's.
    let mut what = What { object: LockObject { name: [0; NAME], timeout: 0, alertable: FALSE } };
    what.thread = thread;
    Node { kind: THREAD, status, what }
}

fn nodes_of(chain: &WaitChain) -> Vec<Node> {
    let me = std::process::id();
    let mut nodes: Vec<Node> = Vec::new();
    for (at, node) in chain.nodes.iter().enumerate() {
        let waits = at + 1 < chain.nodes.len();
        nodes.push(match node {
            ChainNode::Thread { id, state, foreign, .. } => {
                thread_node(*id, *state, foreign.unwrap_or(me), waits)
            }
            ChainNode::Object(object) => object_node(object),
            // A link of a kind that this face does not know yet.
            _ => break,
        });
    }
    nodes
}

/// What a look comes to: the error if there is one, the nodes, whether they are a circle.
fn look(thread: DWORD, room: usize) -> (DWORD, Vec<Node>, BOOL, usize) {
    let chain = match wait_chain(thread) {
        Ok(chain) => chain,
        Err(Status::NOT_FOUND) => return (ERROR_OBJECT_NOT_FOUND, Vec::new(), FALSE, 0),
        Err(status) => return (status.to_win32(), Vec::new(), FALSE, 0),
    };
    let mut nodes = nodes_of(&chain);
    let there = nodes.len();
    let error = match there > room {
        true => ERROR_MORE_DATA,
        false if chain.truncated => ERROR_TOO_MANY_THREADS,
        false => code::ERROR_SUCCESS,
    };
    nodes.truncate(room);
    (error, nodes, chain.is_cycle.into(), there)
}

/// `OpenThreadWaitChainSession`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn OpenThreadWaitChainSession(flags: DWORD, callback: *const c_void) -> HANDLE {
    let opened = match (flags, callback.is_null()) {
        (0, true) => Ok(None),
        (ASYNC, false) => Ok(Some(callback.addr())),
        _ => Err(Status::INVALID_PARAMETER),
    };
    let opened = opened.and_then(|callback| {
        table::insert(Arc::new(Session { callback, closed: CriticalSection::default() }))
    });
    error::value_or(opened, NULL)
}

/// `CloseThreadWaitChainSession`: once it returns, no function of the session is called any more.
#[unsafe(no_mangle)]
pub extern "C" fn CloseThreadWaitChainSession(session: HANDLE) {
    if let Ok(found) = table::get::<Session>(session) {
        found.closed.enter().set(true);
        let _ = table::close(session);
    }
}

/// Where the nodes of an asynchronous look are to go, in the caller's memory.
#[derive(Clone, Copy)]
struct Places {
    count: *mut DWORD,
    nodes: *mut Node,
    cycle: *mut BOOL,
}

// SAFETY: whoever asks for an asynchronous look leaves them alone until it is told.
unsafe impl Send for Places {}

impl Places {
    /// # Safety
    /// The places are as documented.
    unsafe fn fill(self, thread: DWORD) -> DWORD {
        // SAFETY: by the caller's promise.
        unsafe {
            let (error, nodes, cycle, there) = look(thread, *self.count as usize);
            std::ptr::copy_nonoverlapping(nodes.as_ptr(), self.nodes, nodes.len());
            self.count.write(there as DWORD);
            self.cycle.write(cycle);
            error
        }
    }
}

/// Looks in a thread of its own, and tells the function.
fn look_later(
    session: Arc<Session>,
    handle: HANDLE,
    context: usize,
    thread: DWORD,
    places: Places,
) -> Result<(), Status> {
    let run = move || {
        let places = places;
        let closed = session.closed.enter();
        if closed.get() {
            return;
        }
        // SAFETY: as documented, until the function is called.
        let error = unsafe { places.fill(thread) };
        let Places { count, nodes, cycle } = places;
        let arguments = [handle, context, error as usize, count.addr(), nodes.addr(), cycle.addr()];
        if let Some(callback) = session.callback {
            // SAFETY: a function of these arguments, as it was given.
            let _ = unsafe { frames::try_call(callback, arguments) };
        }
    };
    std::thread::Builder::new().name("wait chains".into()).spawn(run)?;
    Ok(())
}

/// `GetThreadWaitChain`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn GetThreadWaitChain(
    session: HANDLE,
    context: usize,
    flags: DWORD,
    thread: DWORD,
    count: *mut DWORD,
    nodes: *mut Node,
    cycle: *mut BOOL,
) -> BOOL {
    let found = match table::get::<Session>(session) {
        Ok(found) => found,
        Err(status) => return error::failed(status),
    };
    if count.is_null() || nodes.is_null() || cycle.is_null() || flags & !ALL_FLAGS != 0 {
        return error::failed(Status::INVALID_PARAMETER);
    }
    // SAFETY: not NULL, and as documented.
    if !(1..=MOST).contains(&(unsafe { *count } as usize)) {
        return error::failed(Status::INVALID_PARAMETER);
    }
    let places = Places { count, nodes, cycle };
    if found.callback.is_some() {
        return match look_later(found, session, context, thread, places) {
            Ok(()) => error::failed_with(code::ERROR_IO_PENDING),
            Err(status) => error::failed(status),
        };
    }
    // SAFETY: not NULL, and as documented.
    match unsafe { places.fill(thread) } {
        code::ERROR_SUCCESS => TRUE,
        error => error::failed_with(error),
    }
}
