//! What an event, mutex or semaphore is a face of: an object of this process, or one that others know by its name.

use std::sync::Arc;

use super::body::Local;
use super::named::Named;
use super::state::State;
use super::wait::Target;

#[derive(Clone)]
pub(super) enum Body {
    Local(Arc<Local>),
    Named(Arc<Named>),
}

impl Body {
    pub(super) fn local(kind: &'static str, state: State) -> Body {
        Body::Local(Local::new(kind, state))
    }

    pub(super) fn target(&self) -> Target<'_> {
        match self {
            Body::Local(local) => Target::Local(local),
            Body::Named(named) => Target::Named(named),
        }
    }
}
