//! What a policy shows of itself to whoever watches over the program.

use crate::Name;

/// One figure read from a sensor.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Reading {
    /// What it is, such as `failure_rate`; the same words in every room.
    pub name: &'static str,
    /// Its value now.
    pub value: f64,
    /// What the value counts.
    pub unit: Unit,
}

/// What a reading counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Unit {
    /// Things at this moment, or since the start where the name ends in `_total`.
    Count,
    /// A share from 0 to 1.
    Ratio,
    /// Seconds.
    Seconds,
    /// 1 for yes, 0 for no.
    Flag,
}

/// Something that can be read at any time, cheaply and without side effects on what it watches.
pub trait Sensor: Send + Sync {
    /// Who it is.
    fn name(&self) -> &Name;

    /// Reports every figure it has now.
    fn read(&self, report: &mut dyn FnMut(Reading));
}
