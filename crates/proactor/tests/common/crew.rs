//! Workers on a lead: each does one thing at a time, when it is told to, and *runs* in between (it spins), so that
//! a test decides who waits, who runs and who blocks.

#![allow(dead_code, reason = "each test program uses a part of it")]

use std::sync::mpsc::{Receiver, Sender, TryRecvError, channel};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use proactor::Port;

use super::common::{PATIENCE, eventually};

type Task = Box<dyn FnOnce() + Send>;

/// What a worker got: its number, and the key of its packet or `None` from a closed port.
pub type Took = (usize, Option<usize>);

struct Hand {
    kernel_id: i32,
    tasks: Sender<Task>,
    thread: JoinHandle<()>,
}

pub struct Crew {
    pub port: Port,
    hands: Vec<Option<Hand>>,
    tell: Sender<Took>,
    told: Receiver<Took>,
}

impl Crew {
    /// So many workers, none of which has come to the port yet.
    pub fn new(port: &Port, workers: usize) -> Crew {
        let (tell, told) = channel();
        let hands = (0..workers).map(|_| Some(Hand::new())).collect();
        Crew { port: port.clone(), hands, tell, told }
    }

    /// Has a worker do something; does not wait for it.
    pub fn run(&self, worker: usize, task: impl FnOnce() + Send + 'static) {
        self.hand(worker).tasks.send(Box::new(task)).unwrap();
    }

    /// Sends a worker to the port for one packet.
    pub fn take(&self, worker: usize) {
        let (port, tell) = (self.port.clone(), self.tell.clone());
        self.run(worker, move || {
            let key = port.get().unwrap().map(|packet| packet.key);
            // The test may have ended by then.
            let _ = tell.send((worker, key));
        });
    }

    /// The same, for a worker that finds nothing: returns once it sleeps.
    pub fn park(&self, worker: usize) {
        let parked = self.port.snapshot().parked;
        self.take(worker);
        eventually("the worker is parked", || {
            self.port.snapshot().parked == parked + 1 && is_asleep(self.hand(worker).kernel_id)
        });
    }

    /// What the next worker got that came back from the port.
    pub fn took(&self) -> Took {
        self.told.recv_timeout(PATIENCE).expect("a worker should have got a packet")
    }

    /// Sees to it that no worker has come back from the port.
    pub fn assert_nobody_took(&self) {
        if let Ok(took) = self.told.try_recv() {
            panic!("nobody should have come back, but {took:?} did");
        }
    }

    /// Waits until a worker has done all it was told.
    pub fn finish(&self, worker: usize) {
        let (tell, told) = channel();
        self.run(worker, move || tell.send(()).unwrap());
        told.recv_timeout(PATIENCE).expect("the worker should have finished");
    }

    /// Ends a worker's thread.
    pub fn end(&mut self, worker: usize) {
        let hand = self.hands[worker].take().unwrap();
        drop(hand.tasks);
        hand.thread.join().unwrap();
    }

    fn hand(&self, worker: usize) -> &Hand {
        self.hands[worker].as_ref().unwrap()
    }
}

impl Drop for Crew {
    fn drop(&mut self) {
        self.port.close();
        if thread::panicking() {
            // A worker that blocks in something of the test's would keep it from being reported.
            return;
        }
        for hand in self.hands.drain(..).flatten() {
            drop(hand.tasks);
            hand.thread.join().unwrap();
        }
    }
}

impl Hand {
    fn new() -> Hand {
        let (tasks, todo) = channel::<Task>();
        let (tell, told) = channel();
        let thread = thread::spawn(move || {
            tell.send(kernel_id()).unwrap();
            loop {
                match todo.try_recv() {
                    Ok(task) => task(),
                    // Not a wait: a worker between two tasks counts as running.
                    Err(TryRecvError::Empty) => thread::yield_now(),
                    Err(TryRecvError::Disconnected) => return,
                }
            }
        });
        Hand { kernel_id: told.recv().unwrap(), tasks, thread }
    }
}

/// The kernel's id of the calling thread.
pub fn kernel_id() -> i32 {
    rustix::thread::gettid().as_raw_nonzero().get()
}

/// The letter the kernel gives a thread's state: `R` runs, `S` sleeps, `D` can't be interrupted.
pub fn state_of(kernel_id: i32) -> char {
    let line = std::fs::read_to_string(format!("/proc/self/task/{kernel_id}/stat")).unwrap_or_default();
    line.rsplit_once(") ").and_then(|(_, rest)| rest.chars().next()).unwrap_or('X')
}

pub fn is_asleep(kernel_id: i32) -> bool {
    state_of(kernel_id) == 'S'
}

/// Has the monitor look at a port some more times: what it would do, it has done by then.
pub fn let_the_monitor_look(port: &Port) {
    let before = port.snapshot().monitor_ticks;
    eventually("the monitor looks", || port.snapshot().monitor_ticks >= before + 5);
}

/// Closes a port when a scope ends, also by a failed assertion: nobody is left waiting.
pub struct Closes<'a>(pub &'a Port);

impl Drop for Closes<'_> {
    fn drop(&mut self) {
        self.0.close();
    }
}

/// Uses a processor for so long, without a system call that could block.
pub fn burn(duration: Duration) {
    let begin = std::time::Instant::now();
    while begin.elapsed() < duration {
        std::hint::spin_loop();
    }
}
