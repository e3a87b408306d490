//! Shards as coroutines: each has a stack of its own, all run on one thread, and who goes on is decided here and nowhere
//! else.
//!
//! Before each use of what shards share the broker calls [`interlude`]; there a coroutine may stop in the middle of whatever it
//! does and another one goes on. What must hold: nobody stops while he holds a lock or a borrow that another one needs. The
//! broker's locks live within one operation on what is shared, and interludes come before operations.

use midge_choices::Random;
use std::cell::{Cell, RefCell};
use std::ptr;

use corosensei::{Coroutine, CoroutineResult, Yielder};

/// Why a coroutine stopped.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Pause {
    /// Somebody else goes first; it could go on at once.
    Switch,
    /// It has nothing to do.
    Wait,
}

/// Something that runs until it stops by itself, again and again.
pub(crate) struct Task(Coroutine<(), Pause, ()>);

thread_local! {
    /// The way out of the coroutine that runs; null outside of any.
    static CURRENT: Cell<*const Yielder<(), Pause>> = const { Cell::new(ptr::null()) };
    static CHANCE: RefCell<Chance> = const { RefCell::new(Chance { random: None, switch_per_mille: 0, disk_per_mille: 0 }) };
}

struct Chance {
    random: Option<Random>,
    switch_per_mille: u32,
    disk_per_mille: u32,
}

impl Task {
    pub(crate) fn new(body: impl FnOnce() + 'static) -> Task {
        // Only something small may be handed over to the new stack.
        let body = Box::new(body);
        Task(Coroutine::new(move |yielder: &Yielder<(), Pause>, ()| {
            CURRENT.set(yielder);
            body();
        }))
    }

    /// Lets it run until it stops; `None`: it has ended.
    pub(crate) fn resume(&mut self) -> Option<Pause> {
        let _nobody_runs_afterwards = NobodyRuns;
        match self.0.resume(()) {
            CoroutineResult::Yield(pause) => Some(pause),
            CoroutineResult::Return(()) => None,
        }
    }
}

/// Also where the coroutine panics.
struct NobodyRuns;

impl Drop for NobodyRuns {
    fn drop(&mut self) {
        CURRENT.set(ptr::null());
    }
}

/// How likely an interlude is to let another one go first, from now on, on this thread; and one before a disk does something.
pub(crate) fn set_chance(seed: u64, switch_per_mille: u32, disk_per_mille: u32) {
    CHANCE.set(Chance { random: Some(Random::new(seed)), switch_per_mille, disk_per_mille });
}

/// Another coroutine may go first.
pub(crate) fn interlude() {
    interlude_if(|chance| chance.switch_per_mille);
}

/// The same, before a disk does something.
pub(crate) fn interlude_of_disk() {
    interlude_if(|chance| chance.disk_per_mille);
}

/// Does something before which nobody goes first, and which leaves all chances as they were.
pub(crate) fn undisturbed<T>(act: impl FnOnce() -> T) -> T {
    let way_out = CURRENT.replace(ptr::null());
    let outcome = act();
    CURRENT.set(way_out);
    outcome
}

fn interlude_if(per_mille: impl FnOnce(&Chance) -> u32) {
    if CURRENT.get().is_null() {
        return;
    }
    let switches = CHANCE.with_borrow_mut(|chance| {
        let per_mille = per_mille(chance);
        chance.random.as_mut().is_some_and(|random| random.per_mille(per_mille))
    });
    if switches {
        pause(Pause::Switch);
    }
}

/// Stops the coroutine that runs until it is its turn again. Outside of any it does nothing.
pub(crate) fn pause(why: Pause) {
    let yielder = CURRENT.get();
    if yielder.is_null() {
        return;
    }
    // SAFETY: it was set by the coroutine that runs now, on whose stack the yielder lives until its body has returned;
    // whenever it does not run, the pointer is null.
    let way_out = unsafe { &*yielder };
    way_out.suspend(why);
    CURRENT.set(yielder);
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::rc::Rc;

    #[test]
    fn tasks_take_turns_and_one_that_is_dropped_is_taken_apart() {
        set_chance(1, 1000, 0);
        let log = Rc::new(RefCell::new(Vec::new()));
        let mut tasks = [1, 2].map(|name| {
            let log = log.clone();
            Task::new(move || {
                let held = Rc::clone(&log);
                for step in 0..2 {
                    held.borrow_mut().push((name, step));
                    interlude();
                }
            })
        });
        assert_eq!(tasks[0].resume(), Some(Pause::Switch));
        assert_eq!(tasks[1].resume(), Some(Pause::Switch));
        assert_eq!(tasks[0].resume(), Some(Pause::Switch));
        assert_eq!(tasks[0].resume(), None);
        assert_eq!(*log.borrow(), [(1, 0), (2, 0), (1, 1)]);
        drop(tasks);
        assert_eq!(Rc::strong_count(&log), 1, "what it held is let go");
        interlude();
    }
}
