//! Network events: what becomes possible with a socket is noted once, until it was tried again (`WSAEventSelect`).
//!
//! Each event that is selected is armed. When it can be had it is recorded, disarmed, and its bell rung. The call that
//! makes use of it arms it again; what can be had still, or again, is then recorded at once. What is recorded is kept
//! until it is taken.

use std::fmt;
use std::sync::Arc;

use super::handle::Handle;
use super::ready::Ready;
use super::socket::Socket;
use crate::op::block::Kind;
use crate::status::Status;

type Bell = Arc<dyn Fn() + Send + Sync>;

/// The events selected for a handle.
pub(super) struct Selection {
    wanted: Ready,
    armed: Ready,
    recorded: Ready,
    connect: Status,
    close: Status,
    bell: Bell,
}

/// Network events that were recorded (`WSANETWORKEVENTS`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Events {
    /// Which.
    pub ready: Ready,
    /// How the connect ended, if it did.
    pub connect: Status,
    /// How the connection ended, if it did.
    pub close: Status,
}

/// What can be selected.
const ALL: Ready = Ready::READ
    .union(Ready::WRITE)
    .union(Ready::URGENT)
    .union(Ready::ACCEPT)
    .union(Ready::CONNECT)
    .union(Ready::CLOSE);

/// What follows from the state of things. That a connect has ended is told when it does.
const LEVEL: Ready = ALL.difference(Ready::CONNECT);

impl Selection {
    /// Records what is armed of `ready`; the bell, if there is something new.
    fn record(&mut self, ready: Ready, close: Status) -> Option<Bell> {
        let new = ready & self.armed & self.wanted;
        if new.contains(Ready::CLOSE) {
            self.close = close;
        }
        self.armed -= new;
        self.recorded |= new;
        (!new.is_empty()).then(|| self.bell.clone())
    }
}

impl fmt::Debug for Selection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Selection({:?}, recorded {:?})", self.wanted, self.recorded)
    }
}

impl Handle {
    /// Records what can be had now.
    pub(super) fn note(self: &Arc<Self>) {
        let (ready, close) = self.level();
        let bell = {
            let mut state = self.state.lock();
            let Some(selection) = state.selection() else { return };
            selection.record(ready & LEVEL, close)
        };
        if let Some(bell) = bell {
            bell();
        }
    }

    /// A connect has ended.
    #[cold]
    pub(super) fn note_connect(&self, status: Status) {
        let bell = {
            let mut state = self.state.lock();
            let Some(selection) = state.selection() else { return };
            selection.connect = status;
            selection.armed |= Ready::CONNECT | Ready::CLOSE | Ready::WRITE;
            let room = if status.is_success() { Ready::WRITE } else { Ready::empty() };
            selection.record(Ready::CONNECT | room, Status::SUCCESS)
        };
        if let Some(bell) = bell {
            bell();
        }
    }

    /// An operation of this kind was tried: what it makes use of is armed again.
    #[cold]
    pub(super) fn note_use(self: &Arc<Self>, kind: Kind, refused: Option<Status>) {
        let used = match kind {
            Kind::Recv | Kind::RecvFrom => Ready::READ | Ready::URGENT,
            Kind::Accept => Ready::ACCEPT,
            Kind::Send | Kind::SendTo | Kind::Transmit if refused == Some(Status::DEVICE_NOT_READY) => {
                Ready::WRITE
            }
            _ => return,
        };
        if let Some(selection) = self.state.lock().selection() {
            selection.armed |= used;
        }
        self.note();
    }
}

impl Socket {
    /// Has `bell` rung when something of `wanted` becomes possible that was not told since it was last made use of
    /// (`WSAEventSelect`); [`events`](Socket::events) says what. What is possible now is told at once. Takes the place of
    /// what was selected before, and drops what was recorded; with nothing wanted it merely ends that.
    ///
    /// A receive arms `READ` and `URGENT` again, an accept `ACCEPT`, a send that is refused with `DEVICE_NOT_READY`
    /// `WRITE`. `bell` is called by any thread, the caller's included, and must not block.
    ///
    /// ```
    /// use std::sync::mpsc::channel;
    /// use proactor::{Ready, Socket, op};
    ///
    /// let (ours, theirs) = Socket::pair()?;
    /// let (tell, told) = channel();
    /// ours.select_events(Ready::READ, move || drop(tell.send(())))?;
    /// theirs.attempt(op::Send::new("ping"))?;
    /// told.recv().unwrap();
    /// assert_eq!(ours.events()?.ready, Ready::READ);
    /// assert_eq!(ours.events()?.ready, Ready::empty(), "it is told once until it is received");
    /// # Ok::<(), proactor::Status>(())
    /// ```
    pub fn select_events(
        &self,
        wanted: Ready,
        bell: impl Fn() + Send + Sync + 'static,
    ) -> Result<(), Status> {
        let wanted = wanted & ALL;
        // The bell before is dropped where nothing is locked: what it has captured is the caller's.
        let before = {
            let mut state = self.0.state.lock();
            if state.fd.is_none() {
                return Err(Status::INVALID_HANDLE);
            }
            if wanted.is_empty() {
                self.0.set_selected(false);
                state.selection().is_some().then(|| state.seldom_mut().selection.take())
            } else {
                // Workers of a port may never come.
                self.0.ensure_watched(&mut state, true)?;
                let selection = Box::new(Selection {
                    wanted,
                    armed: ALL,
                    recorded: Ready::empty(),
                    connect: Status::SUCCESS,
                    close: Status::SUCCESS,
                    bell: Arc::new(bell),
                });
                self.0.set_selected(true);
                Some(state.seldom_mut().selection.replace(selection))
            }
        };
        drop(before);
        if wanted.is_empty() {
            self.0.unwatch_if_unneeded();
        } else {
            self.0.note();
        }
        Ok(())
    }

    /// Takes the events that were recorded (`WSAEnumNetworkEvents`).
    pub fn events(&self) -> Result<Events, Status> {
        let mut state = self.0.state.lock();
        if state.fd.is_none() {
            return Err(Status::INVALID_HANDLE);
        }
        let none = Events { ready: Ready::empty(), connect: Status::SUCCESS, close: Status::SUCCESS };
        Ok(state.selection().map_or(none, |selection| Events {
            ready: std::mem::take(&mut selection.recorded),
            connect: selection.connect,
            close: selection.close,
        }))
    }

    /// Whether events are selected.
    pub fn selects_events(&self) -> bool {
        self.0.is_selected()
    }
}
