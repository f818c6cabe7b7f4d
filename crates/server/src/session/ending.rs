//! The end of a session: asked for, forced, or because its time is over.

use std::time::Duration;

use super::busy::Entry;
use super::{Phase, Session, State};
use crate::end::{Reason, Timeout, add, one};

/// What a peer must read in the time of a slow reader.
const SLOW_BYTES: usize = 64 << 10;

impl Session {
    pub(super) fn close_as(&self, reason: Reason) {
        let mut layer = self.layer();
        if self.0.state().phase != Phase::Open {
            return;
        }
        let words = Session::last_words(layer.as_mut().map(|layer| &mut ***layer));
        let mut state = self.0.state();
        if state.phase != Phase::Open {
            return;
        }
        self.closing(&mut state, reason);
        if words.is_empty() {
            self.all_sent(&mut state);
        } else {
            self.enqueue(state, Entry::Own(words.into()));
        }
    }

    /// Nothing more is accepted or handled.
    pub(super) fn closing(&self, state: &mut State, reason: Reason) {
        state.phase = Phase::Closing;
        self.settle_newcomer(state);
        state.reason(reason);
        state.tell_waiting();
    }

    /// As [`close`](Session::close), but what the running handler sends still goes out.
    pub(crate) fn leave(&self) {
        {
            let mut state = self.0.state();
            if state.handling && state.phase == Phase::Open {
                state.leaving = true;
                return;
            }
        }
        self.close_as(Reason::Shutdown);
    }

    /// A shutdown has no more time.
    pub(crate) fn evict(&self) {
        let undone = self.0.state().queued().0 > 0;
        self.fail(if undone { Reason::Timeout(Timeout::Drain) } else { Reason::Shutdown });
    }

    /// Breaks the session: the tokens come back and end it.
    pub(crate) fn fail(&self, reason: Reason) {
        let mut state = self.0.state();
        if matches!(state.phase, Phase::Broken | Phase::Over) {
            return;
        }
        state.phase = Phase::Broken;
        self.settle_newcomer(&mut state);
        state.reason(reason);
        state.tell_waiting();
        if self.peer().is_some() {
            return self.break_peer(&mut state);
        }
        drop(state);
        if !reason.lets_arrive() {
            let _ = self.0.socket.set_linger(Some(Duration::ZERO));
        }
        // It is ours, and closed twice at worst.
        let _ = self.0.socket.close();
    }

    /// Tells the end. Called with the receive token, and that is the end of the token.
    pub(crate) fn finish(&self) {
        let shared = &self.0.shared;
        let (reason, lost) = {
            let mut state = self.0.state();
            assert_ne!(state.phase, Phase::Over, "a session ends once");
            state.phase = Phase::Over;
            state.tell_waiting();
            let busy = state.busy();
            let lost = busy.messages();
            busy.queue.clear();
            busy.rest.clear();
            busy.inbox.clear();
            (busy.reason.unwrap_or(Reason::PeerEnded), lost)
        };
        match self.peer() {
            Some(peer) => shared.datagrams.forget(&peer.address, self.0.id),
            None => drop(self.0.socket.close()),
        }
        add(&shared.counters.messages_lost, lost);
        if !self.face().closed(self, reason) {
            one(&shared.counters.panics);
        }
        shared.counters.ended(reason);
        shared.gone(self.0.id);
    }

    /// Ends it if its time is over. Milliseconds until the next look.
    pub(crate) fn look(&self) -> u32 {
        let shared = &self.0.shared;
        let (periods, now) = (&shared.periods, shared.wheel.now());
        let state = self.0.state();
        // Since when something is going on, how long it may, and what it is then.
        let open = state.phase == Phase::Open && !state.handling;
        let quiet = open && !state.sending;
        let flight = state.busy.as_ref().map(|busy| busy.flight).unwrap_or_default();
        let slow = flight.length.div_ceil(SLOW_BYTES).max(1) as u32;
        // A session that is closing does not wait for ever, also where slow readers have all the time they want.
        let closing = (state.phase == Phase::Closing).then_some(periods.linger);
        let times = [
            (open && !state.opened, state.since, periods.half_open, Some(Timeout::HalfOpen)),
            (quiet, state.last, periods.idle, Some(Timeout::Idle)),
            (
                state.sending,
                flight.since,
                periods.slow_reader.or(closing).map(|time| time.saturating_mul(slow).min(1 << 30)),
                Some(Timeout::SlowReader),
            ),
            (state.shut && state.phase == Phase::Closing, state.since, Some(periods.linger), None),
        ];
        drop(state);
        let mut next = periods.shortest;
        for (is, since, time, over) in times {
            let (true, Some(time)) = (is, time) else { continue };
            let gone = now.wrapping_sub(since);
            if gone > time && gone < 1 << 31 {
                // One that lingers keeps the reason it was closed for.
                self.fail(over.map_or(Reason::Closed, Reason::Timeout));
                return next;
            }
            next = next.min(time.saturating_sub(gone) + 1);
        }
        next
    }
}
