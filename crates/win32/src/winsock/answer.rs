//! How a call of Winsock says what became of it: its value and the last error.

use std::ffi::c_int;

use proactor::{Refused, Status};

use super::numbers::Code;
use crate::error;
use crate::frames::entered;
use crate::types::{BOOL, FALSE, INVALID_SOCKET, SOCKET, SOCKET_ERROR, TRUE};

/// Why a call fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fault(pub Code);

impl From<Status> for Fault {
    fn from(status: Status) -> Fault {
        Fault(status.to_winsock())
    }
}

impl<O> From<Refused<O>> for Fault {
    fn from(refused: Refused<O>) -> Fault {
        Fault::from(refused.status)
    }
}

/// What a call comes to.
pub type Answer<T> = Result<T, Fault>;

/// The value with the last error 0 (S327), or what says failure with the last error.
fn value_or<T>(answer: Answer<T>, failure: T) -> T {
    match answer {
        Ok(value) => {
            error::set(0);
            value
        }
        Err(Fault(code)) => {
            error::set(code);
            failure
        }
    }
}

/// The count, or `SOCKET_ERROR`.
pub fn count(answer: Answer<usize>) -> c_int {
    value_or(answer.map(|count| c_int::try_from(count).unwrap_or(c_int::MAX)), SOCKET_ERROR)
}

/// 0, or `SOCKET_ERROR`.
pub fn done(answer: Answer<()>) -> c_int {
    value_or(answer.map(|()| 0), SOCKET_ERROR)
}

/// TRUE or FALSE.
pub fn truth(answer: Answer<()>) -> BOOL {
    value_or(answer.map(|()| TRUE), FALSE)
}

/// A socket, or `INVALID_SOCKET`.
pub fn socket(answer: Answer<SOCKET>) -> SOCKET {
    value_or(answer, INVALID_SOCKET)
}

/// The same as [`count`], [`done`] and [`socket`] for calls that may wait alertably.
pub fn count_of(call: impl FnOnce() -> Answer<usize>) -> c_int {
    entered(|| count(call()))
}

/// See [`count_of`].
pub fn done_by(call: impl FnOnce() -> Answer<()>) -> c_int {
    entered(|| done(call()))
}

/// See [`count_of`].
pub fn socket_of(call: impl FnOnce() -> Answer<SOCKET>) -> SOCKET {
    entered(|| socket(call()))
}
