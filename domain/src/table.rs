//! Rows of any query: named, typed columns, and cells as the database writes them.

/// Rows and their columns. Every row has one cell a column.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Table {
    /// The columns in order.
    pub columns: Vec<Column>,
    /// The rows in order; `None` is NULL.
    pub rows: Vec<Vec<Option<String>>>,
}

/// The name and kind of the cells at one place of every row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    /// As the view or the query calls it.
    pub name: String,
    /// What its cells hold.
    pub kind: ColumnKind,
}

/// What the cells of a column hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ColumnKind {
    /// Text, and everything of a type that is none of the others.
    Text,
    /// A whole number.
    Integer,
    /// A floating-point number, also NaN or an infinity as Postgres writes it.
    Number,
    /// True or false.
    Boolean,
    /// A moment, RFC 3339.
    Timestamp,
}

/// The public views, which a table may be the rows of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum View {
    /// One row a trial, every number.
    Result,
    /// One row a trial, its state.
    Trial,
    /// One row a point.
    Metric,
    /// One row a split.
    Split,
    /// One row an attempt.
    Attempt,
    /// One row a log line.
    Log,
    /// One row a worker.
    Worker,
    /// One row a batch size and optimizer.
    BestLearningRate,
    /// One row a decision of a sweep's search.
    Decision,
}

impl View {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::Result,
        Self::Trial,
        Self::Metric,
        Self::Split,
        Self::Attempt,
        Self::Log,
        Self::Worker,
        Self::BestLearningRate,
        Self::Decision,
    ];

    /// Its name within schema `batchsweep`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Result => "result",
            Self::Trial => "trial",
            Self::Metric => "metric",
            Self::Split => "split",
            Self::Attempt => "attempt",
            Self::Log => "log",
            Self::Worker => "worker",
            Self::BestLearningRate => "best_learning_rate",
            Self::Decision => "decision",
        }
    }
}

impl Table {
    /// The place of a column; `None` when there is none of that name.
    #[must_use]
    pub fn column(&self, name: &str) -> Option<usize> {
        self.columns.iter().position(|column| column.name == name)
    }

    /// One cell; `None` for NULL and for a column or row that is not there.
    #[must_use]
    pub fn text(&self, row: usize, name: &str) -> Option<&str> {
        self.rows.get(row)?.get(self.column(name)?)?.as_deref()
    }

    /// One cell as a whole number.
    #[must_use]
    pub fn whole(&self, row: usize, name: &str) -> Option<u64> {
        self.text(row, name)?.parse().ok()
    }

    /// One cell as a finite number.
    #[must_use]
    pub fn number(&self, row: usize, name: &str) -> Option<f64> {
        self.text(row, name)?.parse().ok().filter(|number: &f64| number.is_finite())
    }
}
