//! `TP_CALLBACK_ENVIRON`, as it lies in the caller's memory, and what the core makes of it.

use std::ffi::c_void;
use std::sync::Arc;

use proactor::Status;
use proactor::pool::{Environment, Priority};

use super::instance;
use super::pools::{self, Group};
use crate::module::{self, Held};
use crate::types::*;

/// `PTP_CALLBACK_INSTANCE`.
pub type Instance = *mut c_void;
/// `PTP_SIMPLE_CALLBACK`.
pub type SimpleCallback = unsafe extern "C-unwind" fn(Instance, LPVOID);
/// `PTP_CLEANUP_GROUP_CANCEL_CALLBACK`.
pub type CancelCallback = unsafe extern "C-unwind" fn(LPVOID, LPVOID);

/// `TP_CALLBACK_ENVIRON_V3`. What `TP_CALLBACK_ENVIRON_V1` has ends with the flags.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
#[allow(missing_docs, reason = "Windows' own names")]
pub struct TP_CALLBACK_ENVIRON {
    pub Version: DWORD,
    pub Pool: usize,
    pub CleanupGroup: usize,
    pub CleanupGroupCancelCallback: Option<CancelCallback>,
    pub RaceDll: LPVOID,
    pub ActivationContext: LPVOID,
    pub FinalizationCallback: Option<SimpleCallback>,
    pub Flags: DWORD,
    pub CallbackPriority: i32,
    pub Size: DWORD,
}

const _: () = assert!(size_of::<TP_CALLBACK_ENVIRON>() == 72);

/// `TP_CALLBACK_ENVIRON_V1`: the beginning, which every version has.
#[repr(C)]
#[derive(Clone, Copy)]
struct Beginning {
    version: DWORD,
    pool: usize,
    group: usize,
    cancel: Option<CancelCallback>,
    library: LPVOID,
    activation: LPVOID,
    finalization: Option<SimpleCallback>,
    flags: DWORD,
}

const LONG_FUNCTION: DWORD = 1;
const PERSISTENT: DWORD = 2;

/// What an object is to be made with.
pub struct Made {
    /// For the core.
    pub environment: Environment,
    /// The group of which it is to be a member.
    pub group: Option<Arc<Group>>,
    /// Kept by the callback: the library that it is in (`SetThreadpoolCallbackLibrary`).
    pub library: Option<Arc<Held>>,
}

/// Reads an environment for an object with this context.
///
/// Fails with `INVALID_PARAMETER` for a version or priority that there is not (S417), and for a pool or group that is
/// none; with `NOT_SUPPORTED` for an activation context.
///
/// # Safety
/// `environment` is NULL or points to one of the version that it says.
pub unsafe fn read(environment: *const TP_CALLBACK_ENVIRON, context: LPVOID) -> Result<Made, Status> {
    let plain = Environment::new();
    if environment.is_null() {
        return Ok(Made { environment: plain, group: None, library: None });
    }
    // SAFETY: by the caller's promise; of what only version 3 has nothing is read.
    let Beginning { version, pool, group, cancel, library, activation, finalization, flags } =
        unsafe { *environment.cast::<Beginning>() };
    let priority = match version {
        1 => Priority::Normal,
        // SAFETY: by the caller's promise.
        3 => priority_of(unsafe { (*environment).CallbackPriority })?,
        _ => return Err(Status::INVALID_PARAMETER),
    };
    if !activation.is_null() {
        return Err(Status::NOT_SUPPORTED);
    }
    let library = match library.expose_provenance() {
        NULL => None,
        library => Some(Arc::new(module::hold(library).map_err(|_| Status::INVALID_PARAMETER)?)),
    };
    let mut made = plain.with_priority(priority);
    if flags & LONG_FUNCTION != 0 {
        made = made.runs_long();
    }
    if pool != NULL {
        made = made.in_pool(&pools::pool(pool).map_err(|_| Status::INVALID_PARAMETER)?.pool);
    } else if flags & PERSISTENT != 0 {
        made = made.in_one_thread()?;
    }
    let group = match group {
        NULL => None,
        group => Some(pools::group(group).map_err(|_| Status::INVALID_PARAMETER)?),
    };
    let context = context as usize;
    if let Some(group) = &group {
        made = made.in_group(&group.group);
        if let Some(cancel) = cancel {
            // SAFETY: whoever made the environment gave a function to be called so.
            made = made.on_cancel(move |cleanup| unsafe { cancel(context as LPVOID, cleanup as LPVOID) });
        }
    }
    if let Some(call) = finalization {
        made = made.with_finalization(move |instance| {
            // SAFETY: as above.
            instance::during(instance, |instance| unsafe { call(instance, context as LPVOID) });
        });
    }
    Ok(Made { environment: made, group, library })
}

fn priority_of(priority: i32) -> Result<Priority, Status> {
    match priority {
        0 => Ok(Priority::High),
        1 => Ok(Priority::Normal),
        2 => Ok(Priority::Low),
        _ => Err(Status::INVALID_PARAMETER),
    }
}
