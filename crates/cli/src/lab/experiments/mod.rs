//! The experiments, in the order in which they are best read.

mod apc_drain;
mod apc_or_port;
mod blocked_worker;
mod blockers;
mod concurrency_limit;
mod deadlock;
mod enobufs;
mod file_cache;
mod file_offset;
mod locks;
mod mutex_abandoned;
mod one_in_flight;
mod page_lock;
mod pulse;
mod release_order;
mod send_order;
mod skip_on_success;
mod sync_or_pending;
mod thread_count;
mod thread_exit;
mod thread_states;
mod wait_all_atomic;
mod wait_order;
mod zero_byte_receive;
mod zero_copy;

pub use self::mutex_abandoned::own_mutex;
pub use self::zero_byte_receive::hold_idle;
use super::measure::{Effort, Failure};
use super::report::Measured;

/// One idea and the way to try it.
pub struct Experiment {
    pub id: &'static str,
    pub title: &'static str,
    /// What is to be shown, for somebody who learns it.
    pub claim: &'static str,
    /// How it is tried.
    pub done: &'static str,
    pub run: fn(Effort) -> Result<Measured, Failure>,
}

pub const EXPERIMENTS: &[Experiment] = &[
    file_offset::EXPERIMENT,
    file_cache::EXPERIMENT,
    sync_or_pending::EXPERIMENT,
    send_order::EXPERIMENT,
    zero_copy::EXPERIMENT,
    skip_on_success::EXPERIMENT,
    zero_byte_receive::EXPERIMENT,
    one_in_flight::EXPERIMENT,
    concurrency_limit::EXPERIMENT,
    blocked_worker::EXPERIMENT,
    release_order::EXPERIMENT,
    thread_count::EXPERIMENT,
    thread_exit::EXPERIMENT,
    page_lock::EXPERIMENT,
    enobufs::EXPERIMENT,
    apc_or_port::EXPERIMENT,
    apc_drain::EXPERIMENT,
    wait_order::EXPERIMENT,
    wait_all_atomic::EXPERIMENT,
    pulse::EXPERIMENT,
    mutex_abandoned::EXPERIMENT,
    locks::EXPERIMENT,
    deadlock::EXPERIMENT,
    thread_states::EXPERIMENT,
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_experiment_has_its_own_name_and_says_what_it_shows() {
        for (index, one) in EXPERIMENTS.iter().enumerate() {
            assert!(EXPERIMENTS[..index].iter().all(|other| other.id != one.id), "{} twice", one.id);
            assert!(one.id.chars().all(|c| c.is_ascii_lowercase() || c == '-'));
            assert!([one.title, one.claim, one.done].iter().all(|text| text.len() > 10));
        }
    }
}
