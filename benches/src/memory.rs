//! Memory per instance: the size of the type and what one instance holds on the heap.

use std::mem::size_of;

use crate::heap::HeapReader;
use crate::table::Table;

/// How many are held at once; their mean hides what the first one sets up for all.
const HELD: usize = 8;

/// A policy whose memory is measured.
pub(crate) struct Instance {
    name: &'static str,
    measure: Box<dyn Fn(HeapReader) -> Footprint>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
struct Footprint {
    size_of: usize,
    heap: f64,
}

impl Instance {
    /// `make` builds one instance with everything that it does not share with another.
    pub(crate) fn of<T>(name: &'static str, make: impl Fn() -> T + 'static) -> Self {
        Self { name, measure: Box::new(move |heap| footprint(&make, heap)) }
    }

    pub(crate) fn name(&self) -> &'static str {
        self.name
    }
}

fn footprint<T>(make: impl Fn() -> T, heap: HeapReader) -> Footprint {
    drop(make());
    let mut held = Vec::with_capacity(HELD);
    let before = heap().live();
    for _ in 0..HELD {
        held.push(make());
    }
    let after = heap().live();
    drop(held);
    Footprint { size_of: size_of::<T>(), heap: (after as f64 - before as f64) / HELD as f64 }
}

/// Measures each instance with the allocator of this process.
pub(crate) fn measure(instances: &[Instance], heap: HeapReader) -> Table {
    let mut table =
        Table::new("Memory per instance, bytes", &["instance", "size_of", "heap", "together"]);
    for instance in instances {
        let Footprint { size_of, heap } = (instance.measure)(heap);
        let together = size_of as f64 + heap;
        table.row([
            instance.name.to_owned(),
            size_of.to_string(),
            format!("{heap:.1}"),
            format!("{together:.1}"),
        ]);
    }
    table
}
