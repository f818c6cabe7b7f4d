//! A pool of threads on a port: the loop that every server would write, with its two pitfalls taken care of. A
//! handler that panics loses its packet and nothing else, and the pool ends when the port is closed.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::thread::{self, JoinHandle};

use super::{Packet, Port};
use crate::status::Status;

/// Threads that take packets from a port until it is closed.
///
/// ```
/// use std::sync::mpsc;
/// use proactor::{Op, Port, Workers};
///
/// let port: Port = Port::new(2)?;
/// let (tell, told) = mpsc::channel();
/// let workers = Workers::start(&port, 4, move |packet| {
///     if let Op::Posted(n) = packet.op {
///         tell.send(packet.key + n).unwrap();
///     }
/// })?;
/// port.post(40, 2)?;
/// assert_eq!(told.recv().unwrap(), 42);
/// port.close();
/// workers.join();
/// # Ok::<(), proactor::Status>(())
/// ```
pub struct Workers {
    threads: Vec<JoinHandle<()>>,
    panics: Arc<AtomicU64>,
}

impl Workers {
    /// Starts `count` threads that call `handler` with each packet. More threads than the port's concurrency
    /// are what stands in for those that block.
    ///
    /// Fails with `TOO_MANY_THREADS` beyond the port's limit, or when the system gives no more; then none
    /// is left running, and the port is closed.
    pub fn start<K, M, F>(port: &Port<K, M>, count: usize, handler: F) -> Result<Workers, Status>
    where
        K: Clone + Send + 'static,
        M: Send + 'static,
        F: Fn(Packet<K, M>) + Send + Sync + 'static,
    {
        if count == 0 {
            return Err(Status::INVALID_PARAMETER);
        }
        if count > port.core().limits.workers {
            return Err(Status::TOO_MANY_THREADS);
        }
        let handler = Arc::new(handler);
        let panics = Arc::new(AtomicU64::new(0));
        let mut threads = Vec::with_capacity(count);
        for number in 0..count {
            // The workers hold the core, not the port: the last handle of the user's still closes it.
            let (core, handler, panicked) = (port.core().clone(), handler.clone(), panics.clone());
            let spawned = thread::Builder::new().name(format!("worker-{number}")).spawn(move || {
                while let Some(packet) =
                    core.quick().or_else(|| core.next(&*core.enter().ok()?, super::Until::Forever).ok())
                {
                    if catch_unwind(AssertUnwindSafe(|| handler(packet))).is_err() {
                        panicked.fetch_add(1, Relaxed);
                    }
                }
            });
            match spawned {
                Ok(thread) => threads.push(thread),
                Err(_) => {
                    port.close();
                    Workers { threads, panics }.join();
                    return Err(Status::TOO_MANY_THREADS);
                }
            }
        }
        Ok(Workers { threads, panics })
    }

    /// Handlers that have panicked so far.
    pub fn panics(&self) -> u64 {
        self.panics.load(Relaxed)
    }

    /// Waits until all have ended, which they do when the port is closed. Returns the number of panics.
    pub fn join(self) -> u64 {
        for thread in self.threads {
            super::blocking(|| thread.join()).ok();
        }
        self.panics.load(Relaxed)
    }
}
