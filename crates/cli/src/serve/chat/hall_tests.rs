//! The hall without a socket: who is told what.

use std::sync::{Mutex, PoisonError};

use super::*;

/// One who is told things, and may be too slow for a while.
#[derive(Clone, Default)]
struct Ear(Arc<Mutex<(Vec<String>, bool)>>);

impl Peer for Ear {
    type Text = String;

    fn text(&self, words: &str) -> String {
        words.to_owned()
    }

    fn tell(&self, text: &String) -> bool {
        let mut heard = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !heard.1 {
            heard.0.push(text.clone());
        }
        !heard.1
    }
}

/// Somebody in the hall.
struct One {
    ear: Ear,
    guest: Option<Guest<Ear>>,
}

impl One {
    fn new(hall: &Hall<Ear>) -> One {
        let ear = Ear::default();
        let guest = Some(hall.enter(&ear, Instant::now()));
        One { ear, guest }
    }

    /// Of that name, with nothing to be heard yet.
    fn named(hall: &Hall<Ear>, nick: &str) -> One {
        let mut one = One::new(hall);
        one.types(hall, &format!("/nick {nick}"));
        one.heard();
        one
    }

    fn types(&mut self, hall: &Hall<Ear>, line: &str) -> Goes {
        self.types_bytes(hall, format!("{line}\n").as_bytes())
    }

    fn types_bytes(&mut self, hall: &Hall<Ear>, line: &[u8]) -> Goes {
        hall.line(&self.ear, self.guest.as_mut().unwrap(), line, Instant::now())
    }

    /// What was heard since this was last asked.
    fn heard(&self) -> String {
        let mut heard = self.ear.0.lock().unwrap();
        std::mem::take(&mut heard.0).concat()
    }

    fn deaf(&self, deaf: bool) {
        self.ear.0.lock().unwrap().1 = deaf;
    }

    fn leaves(&mut self, hall: &Hall<Ear>) {
        hall.leave(self.guest.take().unwrap(), "has left");
    }
}

#[test]
fn who_comes_is_told_how_it_goes_and_who_is_there() {
    let hall = Hall::default();
    let ann = One::new(&hall);
    let welcome = ann.heard();
    for part in ["You are guest-1", "room lobby", "/nick NAME", "/help", "* In lobby: guest-1\n"] {
        assert!(welcome.contains(part), "{welcome}");
    }
    let bob = One::new(&hall);
    assert_eq!(ann.heard(), "* guest-2 is here.\n");
    assert!(bob.heard().ends_with("* In lobby: guest-1 guest-2\n"));
}

#[test]
fn a_line_goes_to_all_others_in_the_room_and_nowhere_else() {
    let hall = Hall::default();
    let [mut ann, bob, mut cid] = ["ann", "bob", "cid"].map(|nick| One::named(&hall, nick));
    cid.types(&hall, "/join Tea");
    let _ = [&ann, &bob, &cid].map(One::heard);
    ann.types(&hall, "hello");
    assert_eq!(
        (ann.heard(), bob.heard(), cid.heard()),
        (String::new(), "ann: hello\n".into(), String::new())
    );
    cid.types(&hall, "anyone?");
    assert!(cid.heard().contains("Nobody else is in this room"));
}

#[test]
fn rooms_are_made_when_entered_and_gone_when_left() {
    let hall = Hall::default();
    let [mut ann, bob] = ["ann", "bob"].map(|nick| One::named(&hall, nick));
    ann.heard();
    ann.types(&hall, "/join tea");
    assert_eq!(ann.heard(), "* In tea: ann\n");
    assert_eq!(bob.heard(), "* ann has gone to the room tea.\n");
    ann.types(&hall, "/rooms");
    assert_eq!(ann.heard(), "* Rooms: lobby (1) tea (1)\n");
    ann.types(&hall, "/join LOBBY");
    ann.types(&hall, "/rooms");
    assert_eq!(ann.heard(), "* In lobby: ann bob\n* Rooms: lobby (2)\n");
    assert_eq!(bob.heard(), "* ann has come in.\n");
}

#[test]
fn nobody_has_anothers_name_in_any_case() {
    let hall = Hall::default();
    let [mut ann, mut bob] = ["ann", "bob"].map(|nick| One::named(&hall, nick));
    bob.heard();
    bob.types(&hall, "/nick ANN");
    assert_eq!(bob.heard(), "* ANN is somebody else's name; take another.\n");
    bob.types(&hall, "/nick guest-1");
    assert!(bob.heard().contains("take another"));
    ann.heard();
    ann.types(&hall, "/nick Ann");
    assert_eq!(ann.heard(), "* You are Ann now.\n");
    // A name is free again when it is changed, and when its owner leaves.
    ann.types(&hall, "/nick eve");
    bob.types(&hall, "/nick ann");
    assert!(bob.heard().ends_with("* You are ann now.\n"));
    ann.leaves(&hall);
    bob.types(&hall, "/nick eve");
    assert!(bob.heard().ends_with("* You are eve now.\n"));
}

#[test]
fn what_is_wrong_is_told_in_words() {
    let hall = Hall::default();
    let mut ann = One::named(&hall, "ann");
    for (line, answer) in [
        ("/nick", "You are ann"),
        ("/nick a b", "1 to 20 letters"),
        ("/join", "in the room lobby"),
        ("/join lobby", "in lobby already"),
        ("/join ../etc", "1 to 20 letters"),
        ("/dance", "There is no /dance"),
        ("/help", "/who         who is in this room"),
    ] {
        assert_eq!(ann.types(&hall, line), Goes::On);
        let heard = ann.heard();
        assert!(heard.contains(answer) && heard.ends_with('\n'), "{line}: {heard}");
    }
    assert_eq!(ann.types(&hall, "/quit"), Goes::Away);
    assert_eq!(ann.heard(), "* Goodbye, ann.\n");
}

#[test]
fn a_line_that_is_too_long_is_told_once_and_reaches_nobody() {
    let hall = Hall::default();
    let [mut ann, bob] = ["ann", "bob"].map(|nick| One::named(&hall, nick));
    ann.heard();
    for piece in [&b"xxxx"[..], b"yyyy", b"zzzz\n"] {
        ann.types_bytes(&hall, piece);
    }
    assert_eq!(ann.heard(), "* That line was too long: 1000 bytes are the most. Nobody got it.\n");
    ann.types(&hall, "short");
    assert_eq!(bob.heard(), "ann: short\n");
}

#[test]
fn a_flood_is_cut_and_its_author_told_once() {
    let hall = Hall::default();
    let [mut ann, bob] = ["ann", "bob"].map(|nick| One::named(&hall, nick));
    ann.heard();
    for _ in 0..10_000 {
        ann.types(&hall, "spam");
    }
    let lines = bob.heard().lines().count();
    // Some more than a burst, for it took some time.
    assert!(lines < 1000, "{lines}");
    assert!(ann.heard().matches("Slow down").count() < 100);
    assert_eq!(ann.types(&hall, "/quit"), Goes::Away);
}

#[test]
fn who_reads_too_slowly_is_told_what_was_missed() {
    let hall = Hall::default();
    let [mut ann, bob] = ["ann", "bob"].map(|nick| One::named(&hall, nick));
    bob.deaf(true);
    for _ in 0..3 {
        ann.types(&hall, "hello?");
    }
    bob.deaf(false);
    ann.types(&hall, "again");
    assert_eq!(bob.heard(), "* You read too slowly: 3 lines did not reach you.\nann: again\n");
}

#[test]
fn in_a_crowd_nobody_is_told_who_comes_and_goes() {
    let hall = Hall::default();
    let mut all: Vec<One> = (0..=CROWD).map(|_| One::new(&hall)).collect();
    all[0].heard();
    let mut late = One::new(&hall);
    late.leaves(&hall);
    assert_eq!(all[0].heard(), "");
    all[1].types(&hall, "still heard");
    assert_eq!(all[0].heard(), "guest-2: still heard\n");
    all.truncate(1);
    all[0].types(&hall, "/who");
    assert_eq!(all[0].heard().split_whitespace().count(), 3 + CROWD + 1);
}

#[test]
fn once_the_hall_closes_nobody_is_told_who_leaves() {
    let hall = Hall::default();
    let [mut ann, bob] = ["ann", "bob"].map(|nick| One::named(&hall, nick));
    hall.close();
    ann.leaves(&hall);
    assert_eq!(bob.heard(), "");
}
