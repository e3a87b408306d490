//! Asking for a PUBLISH or a delivery allocates nothing. Alone in its program, as it replaces the allocator.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::sync::Arc;

use midge_auth::{Access, Acl, Rights};

#[test]
fn a_question_allocates_nothing() {
    let text =
        b"topic read a/+\nuser ada\ntopic write a\ntopic deny a/+/c\ntopic read b/#\npattern readwrite up/%c/%u/#\n";
    let acl = Arc::new(Acl::parse("acl", text).expect("no error").content);
    for rights in [Rights::UNLIMITED, Rights::new(&acl, None, "c"), Rights::new(&acl, Some("ada"), "c")] {
        let before = ALLOCATIONS.get();
        for topic in ["a", "a/b", "a/b/c", "b/x/y", "up/c/ada/x", "nothing", "$SYS/x"] {
            std::hint::black_box(rights.check(Access::Publish, topic));
            std::hint::black_box(rights.check(Access::Receive, topic));
        }
        assert_eq!(ALLOCATIONS.get(), before);
    }
    let before = ALLOCATIONS.get();
    drop(std::hint::black_box(Box::new(1)));
    assert_eq!(ALLOCATIONS.get(), before + 1, "they are counted");
}

#[global_allocator]
static COUNTING: Counting = Counting;

thread_local! {
    static ALLOCATIONS: Cell<usize> = const { Cell::new(0) };
}

struct Counting;

// SAFETY: every call is handed on to the system's allocator; the counter is a constant of its thread and allocates nothing.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.set(ALLOCATIONS.get() + 1);
        // SAFETY: the caller keeps the rules of `alloc`.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        // SAFETY: the caller keeps the rules of `dealloc`, and the memory came from `System`.
        unsafe { System.dealloc(memory, layout) }
    }
}
