//! A call queued to a thread that waits alertably and one queued back, beside events.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use proactor::object::{Thread, Wait, sleep};

use super::Measurement;
use super::event_handoff::Events;
use super::handoff::{Handoff, compare};
use crate::bench::report::Target;

pub const MEASUREMENT: Measurement = Measurement {
    id: "apc-handoff",
    meaning: "A thread queues a call (APC) to another that sleeps alertably; the call runs there, and the other \
              queues one back. Beside it the same with auto-reset events. A call costs its memory and its queue \
              besides the sleep and the waking.",
    target: Target::AtMost(1.2),
    run: |measurement, effort| {
        compare(
            measurement,
            effort,
            ("a queued call there and one back", "an event there and one back"),
            Calls::new,
            Events::default,
        )
    },
};

/// How many calls have run on either thread.
struct Calls {
    caller: Thread,
    partner: OnceLock<Thread>,
    there: Arc<AtomicUsize>,
    back: Arc<AtomicUsize>,
}

impl Calls {
    /// For the thread that asks to be the one that begins.
    fn new() -> Calls {
        Calls {
            caller: Thread::current(),
            partner: OnceLock::new(),
            there: Arc::default(),
            back: Arc::default(),
        }
    }
}

fn queue(thread: &Thread, ran: &Arc<AtomicUsize>) {
    let ran = ran.clone();
    let call = move || {
        ran.fetch_add(1, Ordering::Relaxed);
    };
    thread.queue_apc(call).expect("the thread has not ended, and has no other calls");
}

fn wait(ran: &AtomicUsize, round: usize) {
    while ran.load(Ordering::Relaxed) <= round {
        // Ends whenever calls ran, and these are the only ones.
        let _ = sleep(Wait::FOREVER.alertably());
    }
}

impl Handoff for Calls {
    fn meet(&self, partner: &Thread) {
        self.partner.get_or_init(|| partner.clone());
    }

    fn call(&self, _: usize) {
        queue(self.partner.get().expect("the two have met"), &self.there);
    }

    fn be_called(&self, round: usize) {
        wait(&self.there, round);
    }

    fn answer(&self, _: usize) {
        queue(&self.caller, &self.back);
    }

    fn be_answered(&self, round: usize) {
        wait(&self.back, round);
    }
}
