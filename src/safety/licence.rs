//! The permission to harm.

use std::marker::PhantomData;

use crate::model::Name;

/// The permission to harm, for the length of one call: only an armed fault can make one, so no driver can be asked to
/// hurt anything before its undo is on disk.
#[derive(Debug, Clone, Copy)]
pub struct Licence<'a> {
    fault: &'a str,
    armed: PhantomData<&'a ()>,
}

impl<'a> Licence<'a> {
    /// Made by the journal's armed token, and nowhere else.
    pub(super) fn new(fault: &'a Name) -> Self {
        Licence { fault: fault.as_str(), armed: PhantomData }
    }

    /// A licence for a driver's own unit tests.
    #[cfg(test)]
    pub fn for_tests() -> Licence<'static> {
        Licence { fault: "test", armed: PhantomData }
    }

    /// The fault that holds it.
    pub fn fault(&self) -> &str {
        self.fault
    }
}
