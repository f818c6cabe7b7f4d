//! The chat itself: who is called what, who is in which room, and what each is told. It knows no sockets: those who
//! are here are anything that can be [told](Peer::tell) something.
//!
//! A room has a lock, held while its members are told something; so all of them see the same order, and rooms do not
//! wait for each other. The table of rooms is locked before a room is, never after.

use std::collections::{BTreeMap, HashSet};
use std::fmt::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::time::Instant;

use proactor::sync::{RwLock, WriteGuard};

use super::pace::{A_SECOND, Allowance, BURST, Pace};
use super::words::{self, Command, GUEST};

/// Where everyone begins.
const LOBBY: &str = "lobby";
/// With more than so many in a room nobody is told who comes and goes: a hundred who come would be ten thousand lines.
const CROWD: usize = 50;
/// Names that one answer has at most.
const NAMES: usize = 100;

/// Somebody who is here.
pub trait Peer: Clone {
    /// Words that many can be told without a copy for each.
    type Text;

    fn text(&self, words: &str) -> Self::Text;

    /// Tells it, without waiting; false where it could not be.
    fn tell(&self, text: &Self::Text) -> bool;

    fn say(&self, words: &str) -> bool {
        self.tell(&self.text(words))
    }
}

/// All rooms.
pub struct Hall<P> {
    /// In small letters: names that differ only in their case are the same.
    nicks: RwLock<HashSet<String>>,
    rooms: RwLock<BTreeMap<String, Arc<Room<P>>>>,
    came: AtomicU64,
    /// It is being closed, and nobody needs to know who leaves.
    closing: AtomicBool,
}

struct Room<P> {
    name: String,
    /// In the order they came to the chat.
    members: RwLock<BTreeMap<u64, Member<P>>>,
}

struct Member<P> {
    nick: String,
    peer: P,
    /// Lines it could not be told since it last could be.
    missed: u64,
}

type Members<'a, P> = WriteGuard<'a, BTreeMap<u64, Member<P>>>;

/// What one who is here has of its own.
pub struct Guest<P> {
    number: u64,
    nick: String,
    room: Arc<Room<P>>,
    allowance: Allowance,
    /// What comes is the rest of a line that was too long.
    overlong: bool,
}

/// Whether one stays.
#[derive(Debug, PartialEq, Eq)]
pub enum Goes {
    On,
    Away,
}

impl<P: Peer> Default for Hall<P> {
    fn default() -> Hall<P> {
        Hall {
            nicks: RwLock::default(),
            rooms: RwLock::default(),
            came: AtomicU64::new(0),
            closing: AtomicBool::new(false),
        }
    }
}

impl<P: Peer> Hall<P> {
    /// Somebody comes.
    pub fn enter(&self, peer: &P, now: Instant) -> Guest<P> {
        // Nobody else can take such a name, so it is free.
        let number = self.came.fetch_add(1, Relaxed) + 1;
        let nick = format!("{GUEST}{number}");
        peer.say(&format!(
            "* Welcome. You are {nick}, in the room {LOBBY}. What you type is said to everyone in it.\n\
             * /nick NAME says who you are; /who, who is here; /join ROOM goes elsewhere; /help tells the rest.\n"
        ));
        let room = self.join(peer, number, &nick, LOBBY, "is here");
        Guest { number, nick, room, allowance: Allowance::new(now), overlong: false }
    }

    /// Somebody has gone; `how` is told to those who stay.
    pub fn leave(&self, guest: Guest<P>, how: &str) {
        self.part(&guest, how);
        self.nicks.write().remove(&guest.nick.to_ascii_lowercase());
    }

    /// A line came, with its end; or without, the beginning or more of one that is too long.
    pub fn line(&self, peer: &P, guest: &mut Guest<P>, line: &[u8], now: Instant) -> Goes {
        let whole = line.ends_with(b"\n");
        if guest.overlong {
            guest.overlong = !whole;
            return Goes::On;
        }
        guest.overlong = !whole;
        if !pace(peer, guest, now) {
            // Leaving is never too much.
            let quits = whole && words::parse(&words::clean(line)) == Command::Quit;
            return if quits { Goes::Away } else { Goes::On };
        }
        if !whole {
            peer.say(&format!(
                "* That line was too long: {} bytes are the most. Nobody got it.\n",
                super::LINE
            ));
            return Goes::On;
        }
        let line = words::clean(line);
        match words::parse(&line) {
            Command::Nothing => {}
            Command::Say(words) => self.speak(peer, guest, words),
            Command::Nick(name) => self.nick(peer, guest, name),
            Command::Join(name) => self.go(peer, guest, name),
            Command::Who => drop(peer.say(&who(&guest.room.name, &guest.room.members.write()))),
            Command::Rooms => drop(peer.say(&self.rooms())),
            Command::Help => drop(peer.say(words::HELP)),
            Command::Quit => {
                peer.say(&format!("* Goodbye, {}.\n", guest.nick));
                return Goes::Away;
            }
            Command::Unknown(word) => drop(peer.say(&words::unknown(word))),
        }
        Goes::On
    }

    /// From here on nobody is told who leaves.
    pub fn close(&self) {
        self.closing.store(true, Relaxed);
    }

    fn speak(&self, peer: &P, guest: &Guest<P>, words: &str) {
        let mut members = guest.room.members.write();
        if members.len() == 1 {
            peer.say("* Nobody else is in this room; /rooms tells where others are.\n");
            return;
        }
        let text = peer.text(&format!("{}: {words}\n", guest.nick));
        deliver(&mut members, guest.number, &text);
    }

    fn nick(&self, peer: &P, guest: &mut Guest<P>, name: &str) {
        if name.is_empty() {
            peer.say(&format!("* You are {}; /nick NAME makes you NAME.\n", guest.nick));
            return;
        }
        if let Some(why) = words::refused("nick", name) {
            peer.say(&why);
            return;
        }
        let (low, before) = (name.to_ascii_lowercase(), guest.nick.to_ascii_lowercase());
        if low.starts_with(GUEST) {
            peer.say(&format!("* {GUEST} is what those are called who have no name yet; take another.\n"));
            return;
        }
        if low != before && !self.nicks.write().insert(low.clone()) {
            peer.say(&format!("* {name} is somebody else's name; take another.\n"));
            return;
        }
        if low != before {
            self.nicks.write().remove(&before);
        }
        peer.say(&format!("* You are {name} now.\n"));
        let mut members = guest.room.members.write();
        if let Some(member) = members.get_mut(&guest.number) {
            member.nick = name.to_owned();
        }
        let before = std::mem::replace(&mut guest.nick, name.to_owned());
        if before != name && members.len() <= CROWD {
            let text = peer.text(&format!("* {before} is now {name}.\n"));
            deliver(&mut members, guest.number, &text);
        }
    }

    fn go(&self, peer: &P, guest: &mut Guest<P>, name: &str) {
        if name.is_empty() {
            peer.say(&format!("* You are in the room {}; /join ROOM goes to ROOM.\n", guest.room.name));
            return;
        }
        if let Some(why) = words::refused("room's name", name) {
            peer.say(&why);
            return;
        }
        let name = name.to_ascii_lowercase();
        if name == guest.room.name {
            peer.say(&format!("* You are in {name} already; /who tells who else is.\n"));
            return;
        }
        self.part(guest, &format!("has gone to the room {name}"));
        guest.room = self.join(peer, guest.number, &guest.nick, &name, "has come in");
    }

    /// Into a room, which is made if there is none. Answered with who is there.
    fn join(&self, peer: &P, number: u64, nick: &str, name: &str, how: &str) -> Arc<Room<P>> {
        let mut rooms = self.rooms.write();
        let room = rooms.entry(name.to_owned()).or_insert_with(|| {
            Arc::new(Room { name: name.to_owned(), members: RwLock::new(BTreeMap::new()) })
        });
        let room = room.clone();
        let mut members = room.members.write();
        let member = Member { nick: nick.to_owned(), peer: peer.clone(), missed: 0 };
        members.insert(number, member);
        drop(rooms);
        peer.say(&who(name, &members));
        announce(&mut members, number, peer, nick, how);
        drop(members);
        room
    }

    fn part(&self, guest: &Guest<P>, how: &str) {
        let mut rooms = self.rooms.write();
        let mut members = guest.room.members.write();
        let Some(gone) = members.remove(&guest.number) else { return };
        if members.is_empty() {
            rooms.remove(&guest.room.name);
        }
        drop(rooms);
        if !self.closing.load(Relaxed) {
            announce(&mut members, guest.number, &gone.peer, &guest.nick, how);
        }
    }

    fn rooms(&self) -> String {
        let rooms: Vec<_> = self.rooms.read().values().cloned().collect();
        let mut text = "* Rooms:".to_owned();
        for room in rooms.iter().take(NAMES) {
            let _ = write!(text, " {} ({})", room.name, room.members.read().len());
        }
        if rooms.len() > NAMES {
            let _ = write!(text, " and {} more", rooms.len() - NAMES);
        }
        text.push('\n');
        text
    }
}

/// Whether there is to be an answer to what came now.
fn pace<P: Peer>(peer: &P, guest: &mut Guest<P>, now: Instant) -> bool {
    match guest.allowance.line(now) {
        Pace::Passed(0) => true,
        Pace::Passed(lost) => {
            peer.say(&format!("* You are heard again; {lost} of your lines were not.\n"));
            true
        }
        Pace::Stopped => {
            peer.say(&format!(
                "* Slow down, please: {BURST} lines at once are passed on, then {A_SECOND} a second. Until then \
                 nobody hears you.\n"
            ));
            false
        }
        Pace::Still => false,
    }
}

fn who<P>(name: &str, members: &Members<'_, P>) -> String {
    let mut text = format!("* In {name}:");
    for member in members.values().take(NAMES) {
        text.push(' ');
        text.push_str(&member.nick);
    }
    if members.len() > NAMES {
        let _ = write!(text, " and {} more", members.len() - NAMES);
    }
    text.push('\n');
    text
}

/// Tells all but one that this one came or went.
fn announce<P: Peer>(members: &mut Members<'_, P>, except: u64, peer: &P, nick: &str, how: &str) {
    if members.len() <= CROWD {
        deliver(members, except, &peer.text(&format!("* {nick} {how}.\n")));
    }
}

/// Tells all but one; whoever reads too slowly is told how much was missed, as soon as that can be.
fn deliver<P: Peer>(members: &mut Members<'_, P>, except: u64, text: &P::Text) {
    for (_, member) in members.iter_mut().filter(|(number, _)| **number != except) {
        if member.missed > 0 {
            let notice = format!("* You read too slowly: {} lines did not reach you.\n", member.missed);
            if member.peer.say(&notice) {
                member.missed = 0;
            }
        }
        if !member.peer.tell(text) {
            member.missed += 1;
        }
    }
}

#[cfg(test)]
#[path = "hall_tests.rs"]
mod tests;
