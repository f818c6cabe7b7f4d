//! Those who behave: each says a numbered message, waits for the answer, and says the next, on one thread for all.
//! An answer that is not the one that is due, or none, is a loss.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use rustix::event::epoll;

use crate::lab::measure::Failure;

/// A message with its prefix.
const LENGTH: usize = 64;

/// What happened in one stretch of time.
#[derive(Clone, Copy, Debug)]
pub struct Window {
    pub per_second: f64,
    pub p99: Duration,
}

struct Shared {
    over: AtomicBool,
    lost: AtomicU64,
    /// Nanoseconds of the answers since it was last looked at.
    times: Mutex<Histogram<u64>>,
}

/// Some sessions that behave, from now until this is dropped.
pub struct Load {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

struct Peer {
    stream: TcpStream,
    number: u64,
    said: Instant,
    /// Bytes of the answer so far.
    got: usize,
    answer: [u8; LENGTH],
}

/// A connection that does not wait for what is small.
pub fn connect(address: SocketAddr) -> std::io::Result<TcpStream> {
    let stream = TcpStream::connect(address)?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

fn message(number: u64) -> [u8; LENGTH] {
    let mut message = [b'.'; LENGTH];
    message[..4].copy_from_slice(&((LENGTH - 4) as u32).to_be_bytes());
    message[5..13].copy_from_slice(&number.to_be_bytes());
    message
}

impl Peer {
    fn say(&mut self) -> std::io::Result<()> {
        (self.said, self.got) = (Instant::now(), 0);
        self.number += 1;
        // It has room: what was said before has been answered.
        self.stream.write_all(&message(self.number))
    }

    /// What has come; the time of an answer that is whole.
    fn listen(&mut self) -> std::io::Result<Option<Duration>> {
        match self.stream.read(&mut self.answer[self.got..]) {
            Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
            Ok(count) => self.got += count,
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(None),
            Err(error) => return Err(error),
        }
        if self.got < LENGTH {
            return Ok(None);
        }
        if self.answer != message(self.number) {
            return Err(ErrorKind::InvalidData.into());
        }
        Ok(Some(self.said.elapsed()))
    }
}

impl Load {
    pub fn start(address: SocketAddr, count: usize) -> Result<Load, Failure> {
        let set = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        let mut peers = Vec::new();
        for at in 0..count {
            let stream = connect(address)?;
            stream.set_nonblocking(true)?;
            epoll::add(&set, &stream, epoll::EventData::new_u64(at as u64), epoll::EventFlags::IN)?;
            peers.push(Peer { stream, number: 0, said: Instant::now(), got: 0, answer: [0; LENGTH] });
        }
        let shared = Arc::new(Shared {
            over: AtomicBool::new(false),
            lost: AtomicU64::new(0),
            times: Mutex::new(Histogram::new(3)?),
        });
        let theirs = shared.clone();
        let thread = std::thread::Builder::new().name("behaved".into()).spawn(move || {
            if talk(&set, &mut peers, &theirs).is_err() {
                theirs.lost.fetch_add(1, Relaxed);
            }
        })?;
        Ok(Load { shared, thread: Some(thread) })
    }

    /// What happens in the time from now.
    pub fn window(&self, time: Duration) -> Window {
        let times = || self.shared.times.lock().unwrap_or_else(PoisonError::into_inner);
        times().reset();
        let start = Instant::now();
        std::thread::sleep(time);
        self.since(start)
    }

    /// Begins a stretch of time that [`since`](Load::since) ends.
    pub fn begin(&self) -> Instant {
        self.shared.times.lock().unwrap_or_else(PoisonError::into_inner).reset();
        Instant::now()
    }

    pub fn since(&self, start: Instant) -> Window {
        let times = self.shared.times.lock().unwrap_or_else(PoisonError::into_inner);
        Window {
            per_second: times.len() as f64 / start.elapsed().as_secs_f64(),
            p99: Duration::from_nanos(times.value_at_quantile(0.99)),
        }
    }

    /// Sessions that were not answered as they should have been.
    pub fn lost(&self) -> u64 {
        self.shared.lost.load(Relaxed)
    }

    /// Ends it; how many were lost, those included whose last answer did not come for seconds.
    pub fn end(mut self) -> u64 {
        self.stop();
        self.lost()
    }

    fn stop(&mut self) {
        self.shared.over.store(true, Relaxed);
        if let Some(thread) = self.thread.take() {
            // It counts what goes wrong.
            let _ = thread.join();
        }
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Until the end has come and every message has been answered.
fn talk(set: &impl std::os::fd::AsFd, peers: &mut [Peer], shared: &Shared) -> Result<(), Failure> {
    const EVENTS: usize = 64;
    const LAST: Duration = Duration::from_secs(5);
    let mut waiting = 0;
    for peer in peers.iter_mut() {
        peer.say()?;
        waiting += 1;
    }
    let mut events = Vec::with_capacity(EVENTS);
    let mut ending = None;
    while waiting > 0 {
        if shared.over.load(Relaxed) && ending.get_or_insert_with(Instant::now).elapsed() > LAST {
            shared.lost.fetch_add(waiting, Relaxed);
            return Ok(());
        }
        let pause = rustix::event::Timespec { tv_sec: 0, tv_nsec: 50_000_000 };
        match epoll::wait(set, rustix::buffer::spare_capacity(&mut events), Some(&pause)) {
            Ok(_) => {}
            Err(rustix::io::Errno::INTR) => continue,
            Err(error) => return Err(error.into()),
        }
        let mut times = shared.times.lock().unwrap_or_else(PoisonError::into_inner);
        for event in events.drain(..) {
            let peer = &mut peers[event.data.u64() as usize];
            let went_on = peer.listen().and_then(|answered| match answered {
                None => Ok(true),
                Some(time) => {
                    // It grows as it must.
                    let _ = times.record(time.as_nanos() as u64);
                    let over = shared.over.load(Relaxed);
                    if over { Ok(false) } else { peer.say().map(|()| true) }
                }
            });
            match went_on {
                Ok(true) => {}
                Ok(false) => waiting -= 1,
                Err(_) => {
                    waiting -= 1;
                    shared.lost.fetch_add(1, Relaxed);
                    // It says nothing more; what comes is not looked at.
                    let _ = epoll::delete(set, &peer.stream);
                }
            }
        }
    }
    Ok(())
}
