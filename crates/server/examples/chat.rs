//! A chat for `nc`: `/nick NAME`, `/join ROOM`, `/who`, `/quit`; every other line goes to all others in the room.
//!
//! `cargo run --release -p proactor-server --example chat`, then `nc 127.0.0.1 7001` from several terminals. Enter
//! ends the server.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use proactor_server::{Framing, Full, Handler, Limits, Reason, Room, Server, Session, SessionId};

/// Lines and names are no longer than this, in bytes.
const LINE: usize = 1000;
const NAME: usize = 32;

#[derive(Default)]
struct Chat {
    rooms: Mutex<HashMap<String, Room>>,
    names: Mutex<HashMap<SessionId, String>>,
}

/// The room a session is in.
struct Place {
    name: String,
    room: Room,
}

impl Chat {
    /// Joins a room, which is made if nobody is in it.
    fn join(&self, session: &Session, name: &str) -> Place {
        let mut rooms = self.rooms.lock().unwrap_or_else(PoisonError::into_inner);
        // Rooms nobody is in any more are nobody's.
        rooms.retain(|_, room| !room.present().is_empty());
        let room = rooms.entry(name.to_owned()).or_default().clone();
        room.join(session);
        Place { name: name.to_owned(), room }
    }

    fn name(&self, session: &Session) -> String {
        let names = self.names.lock().unwrap_or_else(PoisonError::into_inner);
        names.get(&session.id()).cloned().unwrap_or_else(|| format!("guest-{}", session.id()))
    }

    fn rename(&self, session: &Session, name: Option<&str>) {
        let mut names = self.names.lock().unwrap_or_else(PoisonError::into_inner);
        match name {
            Some(name) => names.insert(session.id(), name.to_owned()),
            None => names.remove(&session.id()),
        };
    }

    fn tell(&self, place: &Place, session: &Session, text: &str) {
        // A line that is too long with the name before it is told to nobody.
        if let Ok(frame) = session.sessions().frame(text.as_bytes()) {
            place.room.send_except(&frame, session);
        }
    }

    fn enter(&self, session: &Session, name: &str) -> Place {
        let place = self.join(session, name);
        self.tell(&place, session, &format!("* {} is here", self.name(session)));
        place
    }

    fn leave(&self, session: &Session, place: &Place) {
        place.room.leave(session);
        self.tell(place, session, &format!("* {} has left", self.name(session)));
    }

    fn who(&self, place: &Place) -> String {
        let mut names: Vec<_> = place.room.present().iter().map(|member| self.name(member)).collect();
        names.sort();
        format!("* in {}: {}", place.name, names.join(" "))
    }
}

/// Lets a session know something; one that is closing need not.
fn answer(session: &Session, text: &str) {
    let _ = session.send(text.as_bytes());
}

impl Handler for Chat {
    type State = Place;

    fn connected(&self, session: &Session) -> Place {
        answer(session, "* /nick NAME, /join ROOM, /who, /quit; anything else is said to the room");
        self.enter(session, "lobby")
    }

    fn message(&self, session: &Session, place: &mut Place, line: &[u8]) {
        let line = String::from_utf8_lossy(line);
        let (command, rest) = line.split_once(' ').unwrap_or((&line, ""));
        let name = Some(rest.trim()).filter(|name| (1..=NAME).contains(&name.len()) && !name.contains(' '));
        match (command, name) {
            ("/quit", _) => session.close(),
            ("/who", _) => answer(session, &self.who(place)),
            ("/nick", Some(name)) => {
                let before = self.name(session);
                self.rename(session, Some(name));
                answer(session, &format!("* you are {name}"));
                self.tell(place, session, &format!("* {before} is now {name}"));
            }
            ("/join", Some(name)) => {
                self.leave(session, place);
                *place = self.enter(session, name);
                answer(session, &self.who(place));
            }
            ("/nick" | "/join", None) => {
                answer(session, &format!("* {command} takes a name of up to {NAME} bytes"));
            }
            _ if line.starts_with('/') => answer(session, "* there is no such command"),
            _ => self.tell(place, session, &format!("{}: {line}", self.name(session))),
        }
    }

    fn closed(&self, session: &Session, place: Place, reason: Reason) {
        self.leave(session, &place);
        self.rename(session, None);
        if !reason.is_ordinary() {
            eprintln!("session {}: {reason}", session.id());
        }
    }
}

fn main() -> std::io::Result<()> {
    let server = Server::builder(Framing::lines())
        .limits(Limits { message: LINE, sessions: 10_000, ..Limits::default() })
        .full(Full::DropSession)
        .listen("127.0.0.1:7001", Chat::default())?;
    println!("listening on {}; Enter ends it", server.local_addr()?);
    proactor::blocking(|| std::io::stdin().read_line(&mut String::new()))?;
    println!("{:?}", server.shutdown(Duration::from_secs(5)));
    Ok(())
}
