//! What a driver says when it cannot.

/// A driver could not look or act. The message names the target and the remedy.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DriverError {
    /// The target does not exist, or does not match its selector.
    #[error("{0}")]
    NotFound(String),
    /// The target is not the one that was meant: a pid with another start time, a rule that is not ours.
    #[error("{0}")]
    Identity(String),
    /// This user or machine may not, or cannot, do that.
    #[error("{0}")]
    Refused(String),
    /// It did not finish in its time.
    #[error("{0}")]
    Timeout(String),
    /// Anything else.
    #[error("{0}")]
    Failed(String),
}
