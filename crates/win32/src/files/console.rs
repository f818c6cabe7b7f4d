//! Standard input, output and error as handles.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::atomic::{AtomicUsize, Ordering::*};
use std::sync::{Arc, Mutex, PoisonError};

use proactor::{Device, Status};

use super::DeviceObject;
use crate::types::*;
use crate::{error, table};

/// `STD_INPUT_HANDLE`, and `STD_OUTPUT_HANDLE` and `STD_ERROR_HANDLE` below it.
const STD_INPUT_HANDLE: DWORD = -10i32 as DWORD;

/// Not asked for yet; no handle is odd.
const UNKNOWN: HANDLE = 1;

static STANDARD: [AtomicUsize; 3] = [const { AtomicUsize::new(UNKNOWN) }; 3];

/// Which of the three it is, in the order of their descriptors.
fn index(which: DWORD) -> Result<usize, Status> {
    match STD_INPUT_HANDLE.wrapping_sub(which) {
        index @ 0..=2 => Ok(index as usize),
        _ => Err(Status::INVALID_HANDLE),
    }
}

/// A descriptor of its own, so that closing the handle does not close what the C library writes to. `None` if the
/// program was started without.
fn descriptor(index: usize) -> Option<OwnedFd> {
    let (stdin, stdout, stderr) = (std::io::stdin(), std::io::stdout(), std::io::stderr());
    let fd: BorrowedFd<'_> = [stdin.as_fd(), stdout.as_fd(), stderr.as_fd()][index];
    fd.try_clone_to_owned().ok()
}

fn standard(index: usize) -> Result<HANDLE, Status> {
    static FIRST: Mutex<()> = Mutex::new(());
    match STANDARD[index].load(Acquire) {
        UNKNOWN => {}
        handle => return Ok(handle),
    }
    let _one_at_a_time = FIRST.lock().unwrap_or_else(PoisonError::into_inner);
    match STANDARD[index].load(Acquire) {
        UNKNOWN => {}
        handle => return Ok(handle),
    }
    let handle = match descriptor(index) {
        Some(fd) => table::insert(Arc::new(DeviceObject(Device::from_fd(fd))))?,
        None => NULL,
    };
    STANDARD[index].store(handle, Release);
    Ok(handle)
}

/// `GetStdHandle`. The same value each time; NULL if the program has none.
#[unsafe(no_mangle)]
pub extern "C" fn GetStdHandle(which: DWORD) -> HANDLE {
    error::value_or(index(which).and_then(standard), INVALID_HANDLE_VALUE)
}

/// `SetStdHandle`: what [`GetStdHandle`] gives from now on, whatever it is.
#[unsafe(no_mangle)]
pub extern "C" fn SetStdHandle(which: DWORD, handle: HANDLE) -> BOOL {
    error::succeeded(index(which).map(|index| STANDARD[index].store(handle, Release)))
}
