//! Both backends against real files: the same tests for both, then what only one of them does.

mod common;
mod ring;
mod support;
mod threads;
