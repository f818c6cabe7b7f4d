//! Work of a pool: what runs, in which order, in how many threads, and what a panic does.

mod common;

use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering::SeqCst};
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use common::{PATIENCE, eventually};
use proactor::object::{Event, Wait, wait_one};
use proactor::pool::{Environment, Pending, Pool, Priority, Work, queue_work, submit};
use proactor::{Status, processors};

fn single() -> (Pool, Environment) {
    let pool = Pool::new().unwrap();
    pool.set_maximum(1).unwrap();
    let environment = Environment::new().in_pool(&pool);
    (pool, environment)
}

/// Occupies the only thread of a pool until the event is set.
fn occupy(environment: &Environment) -> Event {
    let (begun, go) = (Event::manual(false), Event::manual(false));
    let (tell, wait) = (begun.clone(), go.clone());
    let run = move |_: &proactor::pool::Instance<'_>| {
        tell.set();
        wait_one(&wait, Wait::FOREVER).unwrap();
    };
    submit(environment, run).unwrap();
    wait_one(&begun, Wait::at_most(PATIENCE)).unwrap();
    go
}

#[test]
fn s405_each_submission_is_one_callback() {
    let count = Arc::new(AtomicU32::new(0));
    let counted = count.clone();
    let work = Work::new(&Environment::new(), move |_| {
        counted.fetch_add(1, SeqCst);
    });
    let work = work.unwrap();
    assert_eq!(work.wait_for_callbacks(Pending::Run), 0, "nothing was submitted");
    (0..1000).for_each(|_| work.submit().unwrap());
    work.wait_for_callbacks(Pending::Run);
    assert_eq!(count.load(SeqCst), 1000);
}

#[test]
fn s405_a_wait_that_cancels_drops_what_has_not_begun_and_waits_for_what_has() {
    let (_pool, environment) = single();
    let (tell, begun) = channel();
    let (ended, go) = (Arc::new(AtomicU32::new(0)), Event::manual(false));
    let (counted, wait) = (ended.clone(), go.clone());
    let work = Work::new(&environment, move |_| {
        let _ = tell.send(());
        wait_one(&wait, Wait::FOREVER).unwrap();
        counted.fetch_add(1, SeqCst);
    });
    let work = work.unwrap();
    (0..10).for_each(|_| work.submit().unwrap());
    begun.recv_timeout(PATIENCE).unwrap();
    std::thread::scope(|scope| {
        let waiter = scope.spawn(|| work.wait_for_callbacks(Pending::Drop));
        go.set();
        let dropped = waiter.join().unwrap();
        let ran = u64::from(ended.load(SeqCst));
        assert!(ran >= 1 && dropped + ran == 10, "{ran} ran, {dropped} were dropped");
        assert_eq!(work.wait_for_callbacks(Pending::Drop), 0);
    });
    let before = ended.load(SeqCst);
    work.submit().unwrap();
    work.wait_for_callbacks(Pending::Run);
    assert_eq!(ended.load(SeqCst), before + 1, "it can be used again");
}

#[test]
fn s405_a_wait_that_cancels_does_not_wait_for_what_it_drops() {
    let (_pool, environment) = single();
    let go = occupy(&environment);
    let work = Work::new(&environment, |_| panic!("it has not begun")).unwrap();
    (0..10).for_each(|_| work.submit().unwrap());
    assert_eq!(work.wait_for_callbacks(Pending::Drop), 10);
    go.set();
}

#[test]
fn s406_objects_of_one_thread_take_turns() {
    let (_pool, environment) = single();
    let go = occupy(&environment);
    let order = Arc::new(Mutex::new(String::new()));
    let make = |name: char| {
        let order = order.clone();
        Work::new(&environment, move |_| order.lock().unwrap().push(name)).unwrap()
    };
    let (left, right) = (make('l'), make('r'));
    (0..5).for_each(|_| left.submit().unwrap());
    (0..5).for_each(|_| right.submit().unwrap());
    go.set();
    left.wait_for_callbacks(Pending::Run);
    right.wait_for_callbacks(Pending::Run);
    assert_eq!(*order.lock().unwrap(), "lrlrlrlrlr");
}

#[test]
fn the_more_urgent_goes_first() {
    let (_pool, environment) = single();
    let go = occupy(&environment);
    let order = Arc::new(Mutex::new(String::new()));
    let add = |name: char, priority| {
        let order = order.clone();
        let environment = environment.clone().with_priority(priority);
        let work = Work::new(&environment, move |_| order.lock().unwrap().push(name)).unwrap();
        work.submit().unwrap();
        work
    };
    let all = [
        add('l', Priority::Low),
        add('n', Priority::Normal),
        add('h', Priority::High),
        add('m', Priority::Normal),
    ];
    go.set();
    all.iter().for_each(|work| _ = work.wait_for_callbacks(Pending::Run));
    assert_eq!(*order.lock().unwrap(), "hnml");
}

#[test]
fn s418_a_thread_is_added_for_each_callback_that_blocks() {
    let pool = Pool::new().unwrap();
    let environment = Environment::new().in_pool(&pool);
    let many = processors() * 3 + 5;
    let (arrived, go) = (Arc::new(AtomicUsize::new(0)), Event::manual(false));
    for _ in 0..many {
        let (arrived, go) = (arrived.clone(), go.clone());
        let run = move |_: &proactor::pool::Instance<'_>| {
            arrived.fetch_add(1, SeqCst);
            wait_one(&go, Wait::FOREVER).unwrap();
        };
        submit(&environment, run).unwrap();
    }
    eventually("all of them block at the same time", || arrived.load(SeqCst) == many);
    assert!(pool.threads() >= many);
    go.set();
}

#[test]
fn s418_a_pool_has_at_most_500_threads_unless_it_is_told_otherwise() {
    assert_eq!(Pool::DEFAULT_MAXIMUM, 500);
    let pool = Pool::new().unwrap();
    assert_eq!(pool.set_maximum(Pool::MOST_THREADS + 1), Err(Status::TOO_MANY_THREADS));
    assert_eq!(pool.set_minimum(Pool::MOST_THREADS + 1), Err(Status::TOO_MANY_THREADS));
    pool.set_maximum(2).unwrap();
    let environment = Environment::new().in_pool(&pool);
    let (arrived, go) = (Arc::new(AtomicUsize::new(0)), Event::manual(false));
    let (counted, wait) = (arrived.clone(), go.clone());
    let work = Work::new(&environment, move |instance| {
        counted.fetch_add(1, SeqCst);
        wait_one(&wait, Wait::FOREVER).unwrap();
        let _ = instance.may_run_long();
    });
    let work = work.unwrap();
    (0..4).for_each(|_| work.submit().unwrap());
    eventually("both threads are busy", || arrived.load(SeqCst) == 2);
    assert_eq!(pool.threads(), 2);
    pool.set_maximum(4).unwrap();
    eventually("two more have come", || arrived.load(SeqCst) == 4);
    go.set();
    work.wait_for_callbacks(Pending::Run);
}

#[test]
fn a_minimum_is_there_at_once_and_stays_and_others_end_when_idle() {
    let pool = Pool::new().unwrap();
    assert_eq!(pool.threads(), 0);
    pool.set_idle_time(Duration::from_millis(5));
    pool.set_minimum(3).unwrap();
    assert_eq!(pool.threads(), 3);
    let environment = Environment::new().in_pool(&pool);
    let (arrived, go) = (Arc::new(AtomicUsize::new(0)), Event::manual(false));
    for _ in 0..8 {
        let (arrived, go) = (arrived.clone(), go.clone());
        let run = move |_: &proactor::pool::Instance<'_>| {
            arrived.fetch_add(1, SeqCst);
            wait_one(&go, Wait::FOREVER).unwrap();
        };
        submit(&environment, run).unwrap();
    }
    eventually("all run", || arrived.load(SeqCst) == 8);
    go.set();
    eventually("those beyond the minimum have ended", || pool.threads() == 3);
    pool.set_minimum(0).unwrap();
    eventually("all have ended", || pool.threads() == 0);
    let done = Event::auto(false);
    let tell = done.clone();
    submit(&environment, move |_| _ = tell.set()).unwrap();
    wait_one(&done, Wait::at_most(PATIENCE)).expect("a thread is started for it");
}

#[test]
fn a_callback_that_runs_long_leaves_its_place() {
    let pool = Pool::new().unwrap();
    let environment = Environment::new().in_pool(&pool);
    let (stop, running) = (Arc::new(AtomicU32::new(0)), Arc::new(AtomicUsize::new(0)));
    // They never block: without leaving their places nobody else would get in.
    for _ in 0..processors() {
        let (stop, running) = (stop.clone(), running.clone());
        let run = move |instance: &proactor::pool::Instance<'_>| {
            instance.may_run_long().unwrap();
            running.fetch_add(1, SeqCst);
            while stop.load(SeqCst) == 0 {
                std::hint::spin_loop();
            }
        };
        submit(&environment, run).unwrap();
    }
    eventually("all spin", || running.load(SeqCst) == processors());
    let done = Event::auto(false);
    let tell = done.clone();
    submit(&environment, move |_| _ = tell.set()).unwrap();
    let waited = wait_one(&done, Wait::at_most(PATIENCE));
    stop.store(1, SeqCst);
    waited.expect("another has its turn");
}

#[test]
fn running_long_is_refused_where_there_can_be_no_other_thread() {
    let (_pool, environment) = single();
    let (tell, hear) = channel();
    submit(&environment, move |instance| _ = tell.send(instance.may_run_long())).unwrap();
    assert_eq!(hear.recv_timeout(PATIENCE), Ok(Err(Status::TOO_MANY_THREADS)));
}

#[test]
fn a_panic_ends_one_callback_and_nothing_else() {
    let (pool, environment) = single();
    let released = Event::manual(false);
    let release = released.clone();
    let work = Work::new(&environment, move |instance| {
        instance.set_event_at_return(&release).unwrap();
        std::panic::resume_unwind(Box::new("a panic of the test's own"));
    });
    let work = work.unwrap();
    work.submit().unwrap();
    work.wait_for_callbacks(Pending::Run);
    assert_eq!(pool.panics(), 1);
    assert!(released.is_set(), "what it wanted done at its return is done");
    let done = Event::auto(false);
    let tell = done.clone();
    submit(&environment, move |_| _ = tell.set()).unwrap();
    wait_one(&done, Wait::at_most(PATIENCE)).unwrap();
    assert_eq!(pool.threads(), 1, "the thread goes on");
}

/// What a callback has captured, and which panics when it is dropped.
struct Grenade;

impl Drop for Grenade {
    fn drop(&mut self) {
        std::panic::resume_unwind(Box::new("a panic of the test's own"));
    }
}

#[test]
fn a_panic_in_what_a_callback_has_captured_ends_no_thread() {
    let (pool, environment) = single();
    let grenade = std::mem::ManuallyDrop::new(Grenade);
    submit(&environment, move |_| drop(std::mem::ManuallyDrop::into_inner(grenade))).unwrap();
    eventually("the panic is counted", || pool.panics() == 1);
    let done = Event::auto(false);
    let tell = done.clone();
    submit(&environment, move |_| _ = tell.set()).unwrap();
    wait_one(&done, Wait::at_most(PATIENCE)).unwrap();
}

#[test]
fn dropped_work_still_does_what_was_submitted() {
    let (pool, environment) = single();
    let go = occupy(&environment);
    let count = Arc::new(AtomicU32::new(0));
    let counted = count.clone();
    let work = Work::new(&environment, move |_| {
        counted.fetch_add(1, SeqCst);
    });
    let work = work.unwrap();
    (0..3).for_each(|_| work.submit().unwrap());
    drop((work, pool, environment));
    go.set();
    eventually("all three have run", || count.load(SeqCst) == 3);
}

#[test]
fn s421_each_item_runs_once() {
    let counts: Arc<Vec<AtomicU32>> = Arc::new((0..200).map(|_| AtomicU32::new(0)).collect());
    for item in 0..counts.len() {
        let counts = counts.clone();
        let call = move || {
            counts[item].fetch_add(1, SeqCst);
        };
        queue_work(item % 2 == 0, call).unwrap();
    }
    eventually("all have run", || counts.iter().all(|count| count.load(SeqCst) > 0));
    assert!(counts.iter().all(|count| count.load(SeqCst) == 1));
}

#[test]
fn a_pool_ends_with_its_last_object() {
    let threads = || std::fs::read_dir("/proc/self/task").unwrap().count();
    let pool = Pool::new().unwrap();
    let environment = Environment::new().in_pool(&pool);
    let work = Work::new(&environment, |_| ()).unwrap();
    drop((pool, environment));
    work.submit().unwrap();
    work.wait_for_callbacks(Pending::Run);
    let named = || {
        let tasks = std::fs::read_dir("/proc/self/task").unwrap().flatten();
        tasks.filter_map(|task| std::fs::read_to_string(task.path().join("comm")).ok()).collect::<Vec<_>>()
    };
    assert!(threads() > 1 && named().iter().any(|name| name.starts_with("pool")));
}
