//! The one error type of this crate: variants by what the caller can do about them.

/// Why a computation was refused or failed.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A parameter outside its domain: give another value.
    #[error("{name} = {value} is outside its domain: expected {expected}")]
    Parameter {
        /// The parameter's name.
        name: &'static str,
        /// The value that was given.
        value: f64,
        /// What would have been accepted.
        expected: &'static str,
    },
    /// Two inputs that must agree in length do not: a programming error of the caller.
    #[error("{what} has length {found}, expected {expected}")]
    Shape {
        /// Which input.
        what: &'static str,
        /// The length it must have.
        expected: usize,
        /// The length it has.
        found: usize,
    },
    /// A NaN or an infinity where only finite numbers make sense.
    #[error("{what} holds a value that is not finite at row {row}, column {column}")]
    NotFinite {
        /// Which input.
        what: &'static str,
        /// Zero-based row.
        row: usize,
        /// Zero-based column.
        column: usize,
    },
    /// A row that cannot be: correct it or leave it out.
    #[error("{what}, row {row}: {reason}")]
    Row {
        /// Which input.
        what: &'static str,
        /// Zero-based row.
        row: usize,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// Too little data for the question: bring more.
    #[error("{what} needs at least {needed} rows, found {found}")]
    TooFew {
        /// Which computation.
        what: &'static str,
        /// The least number of rows.
        needed: usize,
        /// The number of rows there are.
        found: usize,
    },
    /// The data cannot answer the question (one class only, a constant target).
    #[error("{what} cannot be computed: {reason}")]
    Degenerate {
        /// Which computation.
        what: &'static str,
        /// Why the data cannot answer.
        reason: &'static str,
    },
    /// An iteration that did not reach its tolerance.
    #[error("{what} did not converge in {iterations} iterations")]
    NotConverged {
        /// Which computation.
        what: &'static str,
        /// The iterations that were spent.
        iterations: usize,
    },
    /// Constraints that cannot all hold.
    #[error("the constraints cannot be met together: {reason}")]
    Infeasible {
        /// Which of them conflict.
        reason: String,
    },
    /// The boosting engine refused the input or failed.
    #[error("{engine}: {message}")]
    Engine {
        /// The engine's name.
        engine: &'static str,
        /// What it said.
        message: String,
    },
}

/// The result of a computation of this crate.
pub type Result<T> = std::result::Result<T, Error>;
