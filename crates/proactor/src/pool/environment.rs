//! How callbacks are to be run: in which pool, in which group, how urgently.

use std::fmt;
use std::sync::{Arc, OnceLock};

use super::crew::Owner;
use super::{CleanupGroup, Instance, Pool};
use crate::status::Status;
use crate::sync::lock::Lock;

/// Which callbacks of a pool run first (`SetThreadpoolCallbackPriority`). What is less urgent waits as long as there is
/// anything more urgent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Priority {
    /// `TP_CALLBACK_PRIORITY_HIGH`.
    High,
    /// `TP_CALLBACK_PRIORITY_NORMAL`.
    #[default]
    Normal,
    /// `TP_CALLBACK_PRIORITY_LOW`.
    Low,
}

impl Priority {
    pub(super) const COUNT: usize = 3;
}

pub(super) type Finalization = Arc<dyn Fn(&Instance<'_>) + Send + Sync>;
pub(super) type Cancelled = Arc<dyn Fn(usize) + Send + Sync>;

/// What objects of a pool are made with (`TP_CALLBACK_ENVIRON`). It is read when an object is made; what becomes of it
/// later changes nothing.
///
/// ```
/// use proactor::pool::{CleanupGroup, Environment, Pool, Priority};
///
/// let (pool, group) = (Pool::new()?, CleanupGroup::new());
/// let environment = Environment::new().in_pool(&pool).in_group(&group).with_priority(Priority::High);
/// # Ok::<(), proactor::Status>(())
/// ```
#[derive(Clone, Default)]
pub struct Environment {
    pool: Option<Pool>,
    pub(super) group: Option<CleanupGroup>,
    pub(super) cancelled: Option<Cancelled>,
    pub(super) finalization: Option<Finalization>,
    pub(super) priority: Priority,
    pub(super) long: bool,
}

impl Environment {
    /// The pool of the process, no group, normal priority.
    pub fn new() -> Environment {
        Environment::default()
    }

    /// In this pool (`SetThreadpoolCallbackPool`).
    pub fn in_pool(self, pool: &Pool) -> Environment {
        Environment { pool: Some(pool.clone()), ..self }
    }

    /// In one thread that the process keeps, and which runs all such callbacks one after the other
    /// (`SetThreadpoolCallbackPersistent`): for what must not happen in a thread that ends.
    ///
    /// Fails as [`Pool::new`] and [`Pool::set_minimum`] do, as long as nobody has asked for it.
    pub fn in_one_thread(self) -> Result<Environment, Status> {
        Ok(self.in_pool(&one_thread()?))
    }

    /// As a member of this group (`SetThreadpoolCallbackCleanupGroup`).
    pub fn in_group(self, group: &CleanupGroup) -> Environment {
        Environment { group: Some(group.clone()), ..self }
    }

    /// What is called when the group [cancels](CleanupGroup::close_members) the member, with the number that its
    /// closer gave.
    pub fn on_cancel(self, cancelled: impl Fn(usize) + Send + Sync + 'static) -> Environment {
        Environment { cancelled: Some(Arc::new(cancelled)), ..self }
    }

    /// What is called in the same thread after each callback, before what the callback wants done at its return.
    pub fn with_finalization(self, call: impl Fn(&Instance<'_>) + Send + Sync + 'static) -> Environment {
        Environment { finalization: Some(Arc::new(call)), ..self }
    }

    /// Before or after others.
    pub fn with_priority(self, priority: Priority) -> Environment {
        Environment { priority, ..self }
    }

    /// Callbacks that run long (`SetThreadpoolCallbackRunsLong`): each leaves its processor's place to another from the
    /// beginning, as after [`Instance::may_run_long`].
    pub fn runs_long(self) -> Environment {
        Environment { long: true, ..self }
    }

    pub(super) fn owner(&self) -> Result<Arc<Owner>, Status> {
        match &self.pool {
            Some(pool) => Ok(pool.owner.clone()),
            None => Ok(Pool::of_process()?.owner),
        }
    }
}

/// The pool of one thread.
fn one_thread() -> Result<Pool, Status> {
    static POOL: OnceLock<Pool> = OnceLock::new();
    static MAKING: Lock<()> = Lock::new(());
    let _one_at_a_time = MAKING.lock();
    if let Some(pool) = POOL.get() {
        return Ok(pool.clone());
    }
    let pool = Pool::new()?;
    pool.set_maximum(1)?;
    pool.set_minimum(1)?;
    Ok(POOL.get_or_init(|| pool).clone())
}

impl fmt::Debug for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Environment")
            .field("pool", &self.pool)
            .field("in a group", &self.group.is_some())
            .field("priority", &self.priority)
            .field("long", &self.long)
            .finish_non_exhaustive()
    }
}
