//! The dispatcher objects as what handles stand for.

use proactor::object::{Event, Waitable};

use crate::table::Object;

/// An event as a handle's object.
pub struct EventObject(pub Event);

impl Object for EventObject {
    fn kind(&self) -> &'static str {
        "event"
    }

    fn waitable(&self) -> Option<&dyn Waitable> {
        Some(&self.0)
    }

    fn event(&self) -> Option<&Event> {
        Some(&self.0)
    }
}
