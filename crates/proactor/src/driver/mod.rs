//! What asks the operating system. Nothing above it makes a system call that moves data or waits for it.

pub(crate) mod alarm;
pub mod cgroup;
pub(crate) mod control;
pub(crate) mod descriptor;
pub(crate) mod epoll;
pub mod file;
pub(crate) mod foreign;
pub(crate) mod memory;
pub(crate) mod pages;
pub(crate) mod proc_stat;
pub(crate) mod process;
pub(crate) mod range;
pub(crate) mod sendfile;
pub(crate) mod socket;
pub(crate) mod zero_copy;
