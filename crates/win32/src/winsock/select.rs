//! `select` and `WSAPoll`.

use std::ffi::{c_int, c_void};
use std::sync::Arc;
use std::time::Duration;

use proactor::{Ready, Socket};

use super::answer::{self, Answer, Fault};
use super::numbers::*;
use super::socket::{SocketObject, find};
use super::startup;
use crate::types::SOCKET;

/// An `fd_set`: a count, and behind it as many sockets; how long its array is only its program knows.
struct Set {
    count: *mut u32,
    sockets: *mut SOCKET,
}

impl Set {
    /// # Safety
    /// `set` is NULL, or an `fd_set`.
    unsafe fn of(set: *mut c_void) -> Option<Set> {
        let sockets = set.cast::<u8>().wrapping_add(8);
        (!set.is_null()).then(|| Set { count: set.cast(), sockets: sockets.cast() })
    }

    fn sockets(&self) -> Vec<SOCKET> {
        // SAFETY: whoever made it promised that it is one.
        unsafe { std::slice::from_raw_parts(self.sockets, self.count.read() as usize).to_vec() }
    }

    /// Leaves those in it.
    fn keep(&self, sockets: &[SOCKET]) {
        for (at, socket) in sockets.iter().enumerate() {
            // SAFETY: no more than were in it.
            unsafe { self.sockets.add(at).write(*socket) };
        }
        // SAFETY: whoever made it promised that it is one.
        unsafe { self.count.write(sockets.len() as u32) };
    }
}

const READABLE: Ready = Ready::READ.union(Ready::ACCEPT).union(Ready::CLOSE);
const EXCEPTIONAL: Ready = Ready::URGENT.union(Ready::FAILED);

fn timeout(of: Option<&TIMEVAL>) -> Answer<Option<Duration>> {
    let Some(timeval) = of else { return Ok(None) };
    let seconds = u64::try_from(timeval.tv_sec).map_err(|_| Fault(WSAEINVAL))?;
    let micros = u64::try_from(timeval.tv_usec).map_err(|_| Fault(WSAEINVAL))?;
    Ok(Some(Duration::from_secs(seconds) + Duration::from_micros(micros)))
}

/// `select`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn proactor_select(
    _count: c_int,
    reading: *mut c_void,
    writing: *mut c_void,
    exceptional: *mut c_void,
    time: *const TIMEVAL,
) -> c_int {
    let select = || -> Answer<usize> {
        startup::check()?;
        // SAFETY: sets and time as documented, here and below.
        let sets = [(reading, READABLE), (writing, Ready::WRITE), (exceptional, EXCEPTIONAL)]
            .map(|(set, wanted)| (unsafe { Set::of(set) }, wanted));
        // SAFETY: the same.
        let time = timeout(unsafe { time.as_ref() })?;
        let mut asked: Vec<(SOCKET, Arc<SocketObject>, Ready)> = Vec::new();
        for (set, wanted) in &sets {
            for socket in set.as_ref().map(Set::sockets).unwrap_or_default() {
                asked.push((socket, find(socket)?, *wanted));
            }
        }
        if asked.is_empty() {
            return Err(Fault(WSAEINVAL));
        }
        let list: Vec<_> = asked.iter().map(|(_, object, wanted)| (&object.socket, *wanted)).collect();
        let found = Socket::wait_ready(&list, time);
        if found.iter().any(|ready| ready.contains(Ready::GONE)) {
            return Err(Fault(WSAENOTSOCK));
        }
        let mut total = 0;
        for (set, wanted) in &sets {
            let of_set = asked.iter().zip(&found).filter(|((.., asked), _)| asked == wanted);
            let kept: Vec<_> =
                of_set.filter(|(_, ready)| !ready.is_empty()).map(|((socket, ..), _)| *socket).collect();
            if let Some(set) = set {
                set.keep(&kept);
            }
            total += kept.len();
        }
        Ok(total)
    };
    answer::count(select())
}

/// `__WSAFDIsSet`, which `FD_ISSET` calls.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn __WSAFDIsSet(socket: SOCKET, set: *mut c_void) -> c_int {
    // SAFETY: a set as documented.
    let set = unsafe { Set::of(set) };
    c_int::from(set.is_some_and(|set| set.sockets().contains(&socket)))
}

const POLLERR: i16 = 1;
const POLLHUP: i16 = 2;
const POLLNVAL: i16 = 4;
const POLLWRNORM: i16 = 0x10;
const POLLWRBAND: i16 = 0x20;
const POLLRDNORM: i16 = 0x100;
const POLLRDBAND: i16 = 0x200;
const POLLPRI: i16 = 0x400;

/// What to ask for; ends and failures are told whether asked for or not.
fn wanted(events: i16) -> Ready {
    let mut wanted = Ready::CLOSE | Ready::FAILED;
    wanted.set(Ready::READ | Ready::ACCEPT, events & POLLRDNORM != 0);
    wanted.set(Ready::URGENT, events & (POLLRDBAND | POLLPRI) != 0);
    wanted.set(Ready::WRITE, events & POLLWRNORM != 0);
    wanted
}

fn told(ready: Ready, events: i16) -> i16 {
    let mut told = 0;
    for (what, flags) in [
        (Ready::READ, POLLRDNORM),
        (Ready::ACCEPT, POLLRDNORM),
        (Ready::WRITE, POLLWRNORM),
        (Ready::URGENT, events & (POLLRDBAND | POLLPRI)),
        (Ready::CLOSE, POLLHUP),
        (Ready::FAILED, POLLHUP | POLLERR),
        (Ready::GONE, POLLNVAL),
    ] {
        if ready.contains(what) {
            told |= flags;
        }
    }
    told
}

/// `WSAPoll`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn WSAPoll(list: *mut WSAPOLLFD, count: u32, milliseconds: c_int) -> c_int {
    const KNOWN: i16 = POLLRDNORM | POLLRDBAND | POLLPRI | POLLWRNORM | POLLWRBAND;
    let poll = || -> Answer<usize> {
        startup::check()?;
        if count == 0 {
            return Err(Fault(WSAEINVAL));
        }
        if list.is_null() {
            return Err(Fault(WSAEFAULT));
        }
        // SAFETY: so many, as documented.
        let list = unsafe { std::slice::from_raw_parts_mut(list, count as usize) };
        if list.iter().any(|entry| entry.events & !KNOWN != 0) {
            return Err(Fault(WSAEINVAL));
        }
        let objects: Vec<_> = list.iter().map(|entry| find(entry.fd).ok()).collect();
        let there: Vec<usize> = (0..list.len()).filter(|at| objects[*at].is_some()).collect();
        if there.is_empty() {
            return Err(Fault(WSAENOTSOCK));
        }
        let asked: Vec<_> = objects
            .iter()
            .zip(list.iter())
            .filter_map(|(object, entry)| Some((&object.as_ref()?.socket, wanted(entry.events))))
            .collect();
        let time = match u64::try_from(milliseconds) {
            _ if there.len() < list.len() => Some(Duration::ZERO),
            Ok(milliseconds) => Some(Duration::from_millis(milliseconds)),
            Err(_) => None,
        };
        let found = Socket::wait_ready(&asked, time);
        for entry in list.iter_mut() {
            entry.revents = POLLNVAL;
        }
        for (at, ready) in there.into_iter().zip(found) {
            list[at].revents = told(ready, list[at].events);
        }
        Ok(list.iter().filter(|entry| entry.revents != 0).count())
    };
    answer::count(poll())
}
