//! The figures of both databases beside their goals.

/// A figure of one database.
pub struct Line {
    what: String,
    figure: f64,
    unit: &'static str,
    /// The most that it may be.
    goal: Option<f64>,
}

/// The figures of one database, in the order of the table.
#[derive(Default)]
pub struct Column(Vec<Line>);

impl Column {
    /// A figure that is only shown.
    pub fn show(&mut self, what: impl Into<String>, figure: f64, unit: &'static str) {
        self.add(what.into(), figure, unit, None);
    }

    /// A figure that may be `goal` at most.
    pub fn judge(&mut self, what: impl Into<String>, figure: f64, unit: &'static str, goal: f64) {
        self.add(what.into(), figure, unit, Some(goal));
    }

    fn add(&mut self, what: String, figure: f64, unit: &'static str, goal: Option<f64>) {
        self.0.push(Line {
            what,
            figure,
            unit,
            goal,
        });
    }
}

/// The table as text; every column has the same lines.
pub fn text(columns: &[(&str, Column)]) -> String {
    let mut all = format!("{:<58} {:>10}", "", "goal");
    for (name, _) in columns {
        all.push_str(&format!("  {name:<22}"));
    }
    let lines = columns.first().map_or(0, |(_, column)| column.0.len());
    for index in 0..lines {
        let first = &columns[0].1.0[index];
        let goal = first
            .goal
            .map(|goal| format!("<= {goal} {}", first.unit))
            .unwrap_or_default();
        all.push_str(&format!("\n{:<58} {:>10}", first.what, goal.trim()));
        for (_, column) in columns {
            let line = &column.0[index];
            let verdict = match line.goal {
                Some(goal) if line.figure <= goal => "met",
                Some(_) => "MISSED",
                None => "",
            };
            let figure = format!("{:.3}", line.figure);
            let figure = figure.trim_end_matches('0').trim_end_matches('.');
            all.push_str(&format!("  {:<22}", format!("{figure} {} {verdict}", line.unit)));
        }
    }
    all
}
