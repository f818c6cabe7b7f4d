//! Pools and cleanup groups.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use proactor::Status;
use proactor::pool::{CleanupGroup, Pool};

use super::numbers::{self, Numbers};
use super::{done, pending};
use crate::error;
use crate::types::*;

/// What a `PTP_POOL` stands for.
pub struct PoolEntry {
    /// The core's.
    pub pool: Pool,
    stack: Mutex<TP_POOL_STACK_INFORMATION>,
}

static POOLS: Numbers<PoolEntry> = Numbers::new();

/// Says that a member has gone with its group.
type Forget = fn(usize);

/// What a `PTP_CLEANUP_GROUP` stands for.
#[derive(Default)]
pub struct Group {
    /// The core's.
    pub group: CleanupGroup,
    /// The numbers of its members, and what forgets them.
    members: Mutex<HashMap<usize, Forget>>,
}

static GROUPS: Numbers<Group> = Numbers::new();

/// `TP_POOL_STACK_INFORMATION`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
#[allow(missing_docs, reason = "Windows' own names")]
pub struct TP_POOL_STACK_INFORMATION {
    pub StackReserve: usize,
    pub StackCommit: usize,
}

/// The pool that a `PTP_POOL` stands for.
pub fn pool(pool: usize) -> Result<Arc<PoolEntry>, Status> {
    POOLS.get(pool)
}

/// The group that a `PTP_CLEANUP_GROUP` stands for.
pub fn group(group: usize) -> Result<Arc<Group>, Status> {
    GROUPS.get(group)
}

impl Group {
    fn members(&self) -> MutexGuard<'_, HashMap<usize, Forget>> {
        self.members.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A member has this number.
    pub fn add(&self, number: usize, forget: Forget) {
        self.members().insert(number, forget);
    }

    /// A member was closed by itself.
    pub fn remove(&self, number: usize) {
        self.members().remove(&number);
    }
}

pub(super) fn create() -> Result<usize, Status> {
    let number = numbers::next();
    POOLS.insert(number, PoolEntry { pool: Pool::new()?, stack: Mutex::default() });
    Ok(number)
}

/// `CreateThreadpool`.
#[unsafe(no_mangle)]
pub extern "C" fn CreateThreadpool(reserved: LPVOID) -> usize {
    if !reserved.is_null() {
        error::failed(Status::INVALID_PARAMETER);
        return NULL;
    }
    error::value_or(create(), NULL)
}

/// `CloseThreadpool`: its threads end with its last object.
#[unsafe(no_mangle)]
pub extern "C" fn CloseThreadpool(pool: usize) {
    done(POOLS.remove(pool).map(drop));
}

/// `SetThreadpoolThreadMaximum`. More threads than there can be are as many as there can be.
#[unsafe(no_mangle)]
pub extern "C" fn SetThreadpoolThreadMaximum(pool: usize, most: DWORD) {
    done(self::pool(pool).and_then(|entry| entry.pool.set_maximum((most as usize).min(Pool::MOST_THREADS))));
}

pub(super) fn set_minimum(pool: usize, least: DWORD) -> Result<(), Status> {
    self::pool(pool)?.pool.set_minimum(least as usize)
}

/// `SetThreadpoolThreadMinimum`.
#[unsafe(no_mangle)]
pub extern "C" fn SetThreadpoolThreadMinimum(pool: usize, least: DWORD) -> BOOL {
    error::succeeded(set_minimum(pool, least))
}

/// `SetThreadpoolStackInformation`, for threads that are started from then on.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn SetThreadpoolStackInformation(
    pool: usize,
    information: *const TP_POOL_STACK_INFORMATION,
) -> BOOL {
    if information.is_null() {
        return error::failed(Status::INVALID_PARAMETER);
    }
    // SAFETY: not NULL, and may be read, as documented.
    let information = unsafe { *information };
    error::succeeded(self::pool(pool).map(|entry| {
        let bytes = information.StackReserve.max(information.StackCommit);
        entry.pool.set_stack_size(Some(bytes).filter(|bytes| *bytes > 0));
        *entry.stack.lock().unwrap_or_else(PoisonError::into_inner) = information;
    }))
}

/// `QueryThreadpoolStackInformation`: what was set, or zeros for what any thread has.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn QueryThreadpoolStackInformation(
    pool: usize,
    information: *mut TP_POOL_STACK_INFORMATION,
) -> BOOL {
    if information.is_null() {
        return error::failed(Status::INVALID_PARAMETER);
    }
    error::succeeded(self::pool(pool).map(|entry| {
        let set = *entry.stack.lock().unwrap_or_else(PoisonError::into_inner);
        // SAFETY: not NULL, and may be written to, as documented.
        unsafe { information.write(set) };
    }))
}

pub(super) fn create_group() -> usize {
    let number = numbers::next();
    GROUPS.insert(number, Group::default());
    number
}

/// `CreateThreadpoolCleanupGroup`.
#[unsafe(no_mangle)]
pub extern "C" fn CreateThreadpoolCleanupGroup() -> usize {
    create_group()
}

/// `CloseThreadpoolCleanupGroupMembers`. The members stand for nothing afterwards.
#[unsafe(no_mangle)]
pub extern "C" fn CloseThreadpoolCleanupGroupMembers(group: usize, cancel: BOOL, context: LPVOID) {
    done(self::group(group).map(|group| {
        let members = std::mem::take(&mut *group.members());
        group.group.close_members(pending(cancel), context as usize);
        // Only now: until then their callbacks may ask for them.
        members.into_iter().for_each(|(number, forget)| forget(number));
    }));
}

/// `CloseThreadpoolCleanupGroup`.
#[unsafe(no_mangle)]
pub extern "C" fn CloseThreadpoolCleanupGroup(group: usize) {
    done(GROUPS.remove(group).map(drop));
}
