//! Objects against a plain model of them: one thread does a sequence of things at random and looks in between.

use proactor::Status;
use proactor::object::{Event, Mutex, Semaphore, Thread, Wait, Waitable, Waited, wait_all, wait_any};
use proptest::prelude::*;

const OBJECTS: usize = 6;
const MOST: u32 = 4;

/// What one object is by the statements about it, in the order of groups 13 to 15.
#[derive(Clone, Debug)]
enum Plain {
    Event {
        manual: bool,
        set: bool,
    },
    Semaphore(u32),
    /// How often this thread holds it; whether its last owner left it so.
    Mutex {
        held: u32,
        abandoned: bool,
    },
}

#[derive(Clone, Debug)]
enum Act {
    Set(usize),
    Reset(usize),
    Pulse(usize),
    Release(usize, u32),
    /// Another thread takes it, and ends; it can't if this one holds it.
    Abandon(usize),
    /// Another thread asks for it at once and gives it back.
    Ask(usize),
    Wait {
        objects: Vec<usize>,
        all: bool,
    },
}

impl Plain {
    fn signalled(&self) -> bool {
        match *self {
            Plain::Event { set, .. } => set,
            Plain::Semaphore(count) => count > 0,
            Plain::Mutex { .. } => true,
        }
    }

    /// Taken; whether it was abandoned.
    fn take(&mut self) -> bool {
        match self {
            Plain::Event { manual, set } => *set &= *manual,
            Plain::Semaphore(count) => *count -= 1,
            Plain::Mutex { held, abandoned } => {
                *held += 1;
                return std::mem::take(abandoned);
            }
        }
        false
    }
}

fn wait(model: &mut [Plain; OBJECTS], objects: &[usize], all: bool) -> Result<Waited, Status> {
    let twice = objects.iter().enumerate().any(|(at, object)| objects[..at].contains(object));
    if objects.is_empty() || (all && twice) {
        return Err(Status::INVALID_PARAMETER);
    }
    if all {
        if !objects.iter().all(|object| model[*object].signalled()) {
            return Err(Status::TIMEOUT);
        }
        let abandoned = objects.iter().filter(|object| model[**object].take()).count() > 0;
        return Ok(Waited { index: 0, abandoned });
    }
    let index = objects.iter().position(|object| model[*object].signalled()).ok_or(Status::TIMEOUT)?;
    Ok(Waited { index, abandoned: model[objects[index]].take() })
}

struct Real {
    events: [Event; 2],
    semaphores: [Semaphore; 2],
    mutexes: [Mutex; 2],
}

impl Real {
    fn object(&self, at: usize) -> &dyn Waitable {
        match at {
            0 | 1 => &self.events[at],
            2 | 3 => &self.semaphores[at - 2],
            _ => &self.mutexes[at - 4],
        }
    }

    /// Waits as this thread or, to have its end behind it, as another.
    fn wait(&self, objects: &[usize], all: bool) -> Result<Waited, Status> {
        let objects: Vec<_> = objects.iter().map(|at| self.object(*at)).collect();
        if all { wait_all(&objects, Wait::NOW) } else { wait_any(&objects, Wait::NOW) }
    }
}

fn act() -> impl Strategy<Value = Act> {
    let objects = prop::collection::vec(0..OBJECTS, 0..5);
    prop_oneof![
        3 => (0..2usize).prop_map(Act::Set),
        1 => (0..2usize).prop_map(Act::Reset),
        1 => (0..2usize).prop_map(Act::Pulse),
        4 => (2..OBJECTS, 0..4u32).prop_map(|(at, by)| Act::Release(at, by)),
        1 => (4..OBJECTS).prop_map(Act::Abandon),
        1 => (0..OBJECTS).prop_map(Act::Ask),
        8 => (objects, any::<bool>()).prop_map(|(objects, all)| Act::Wait { objects, all }),
    ]
}

fn event(model: &mut Plain, becomes: bool) -> bool {
    let Plain::Event { set, .. } = model else { unreachable!("the first two are events") };
    std::mem::replace(set, becomes)
}

fn release(model: &mut Plain, by: u32) -> Result<u32, Status> {
    match model {
        Plain::Semaphore(_) if by == 0 => Err(Status::INVALID_PARAMETER),
        Plain::Semaphore(count) if *count + by > MOST => Err(Status::SEMAPHORE_LIMIT_EXCEEDED),
        Plain::Semaphore(count) => Ok(std::mem::replace(count, *count + by)),
        Plain::Mutex { held: 0, .. } => Err(Status::MUTANT_NOT_OWNED),
        Plain::Mutex { held, .. } => Ok(std::mem::replace(held, *held - 1)),
        Plain::Event { .. } => unreachable!("the last four are semaphores and mutexes"),
    }
}

/// What another thread would get that asks for one object at once.
fn ask(model: &mut Plain) -> Result<Waited, Status> {
    let free = !matches!(model, Plain::Mutex { held: 1.., .. });
    if !free || !model.signalled() {
        return Err(Status::TIMEOUT);
    }
    let abandoned = model.take();
    match model {
        Plain::Event { set, .. } => *set = true,
        Plain::Semaphore(count) => *count += 1,
        Plain::Mutex { held, .. } => *held = 0,
    }
    Ok(Waited { index: 0, abandoned })
}

fn step(model: &mut [Plain; OBJECTS], real: &Real, act: &Act) -> Result<(), TestCaseError> {
    match act {
        Act::Set(at) => prop_assert_eq!(real.events[*at].set(), event(&mut model[*at], true)),
        Act::Reset(at) => prop_assert_eq!(real.events[*at].reset(), event(&mut model[*at], false)),
        Act::Pulse(at) => prop_assert_eq!(real.events[*at].pulse(), event(&mut model[*at], false)),
        Act::Release(at @ 2..4, by) => {
            prop_assert_eq!(real.semaphores[at - 2].release(*by), release(&mut model[*at], *by));
        }
        Act::Release(at, _) => prop_assert_eq!(real.mutexes[at - 4].release(), release(&mut model[*at], 1)),
        Act::Abandon(at) => {
            let mutex = real.mutexes[at - 4].clone();
            let taker = Thread::spawn(move || u32::from(wait_any(&[&mutex], Wait::NOW).is_ok())).unwrap();
            wait_any(&[&taker], Wait::FOREVER).unwrap();
            let Plain::Mutex { held, abandoned } = &mut model[*at] else { unreachable!("these are mutexes") };
            prop_assert_eq!(taker.exit_code(), Some(u32::from(*held == 0)));
            *abandoned |= *held == 0;
        }
        Act::Ask(at) => {
            let asks = || {
                let waited = real.wait(&[*at], false);
                match at {
                    0 | 1 if waited.is_ok() => assert!(real.events[*at].set() == (*at == 1)),
                    2 | 3 if waited.is_ok() => assert!(real.semaphores[at - 2].release(1).is_ok()),
                    4.. if waited.is_ok() => assert!(real.mutexes[at - 4].release().is_ok()),
                    _ => {}
                }
                waited
            };
            let asked = std::thread::scope(|scope| scope.spawn(asks).join().unwrap());
            prop_assert_eq!(asked, ask(&mut model[*at]));
        }
        Act::Wait { objects, all } => {
            prop_assert_eq!(real.wait(objects, *all), wait(model, objects, *all));
        }
    }
    Ok(())
}

/// What can be seen of an object without changing it.
fn looks(model: &[Plain; OBJECTS], real: &Real) -> Result<(), TestCaseError> {
    for (at, plain) in model.iter().enumerate() {
        match *plain {
            Plain::Event { set, .. } => prop_assert_eq!(real.events[at].is_set(), set),
            Plain::Semaphore(count) => prop_assert_eq!(real.semaphores[at - 2].count(), count),
            Plain::Mutex { held, .. } => prop_assert_eq!(real.mutexes[at - 4].is_mine(), held > 0),
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn objects_do_what_is_said_of_them(acts in prop::collection::vec(act(), 1..60)) {
        let mut model = [
            Plain::Event { manual: false, set: false },
            Plain::Event { manual: true, set: false },
            Plain::Semaphore(0),
            Plain::Semaphore(2),
            Plain::Mutex { held: 0, abandoned: false },
            Plain::Mutex { held: 1, abandoned: false },
        ];
        let real = Real {
            events: [Event::auto(false), Event::manual(false)],
            semaphores: [Semaphore::new(0, MOST).unwrap(), Semaphore::new(2, MOST).unwrap()],
            mutexes: [Mutex::new(false), Mutex::new(true)],
        };
        for act in &acts {
            step(&mut model, &real, act)?;
            looks(&model, &real)?;
        }
    }
}
