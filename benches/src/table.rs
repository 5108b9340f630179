//! Tables on standard output: aligned for a terminal, or Markdown ready to paste.

/// A table under construction. The first column is text, the others are figures.
#[derive(Debug)]
pub(crate) struct Table {
    title: String,
    head: Vec<String>,
    rows: Vec<Vec<String>>,
}

impl Table {
    pub(crate) fn new(title: &str, head: &[&str]) -> Self {
        Self {
            title: title.to_owned(),
            head: head.iter().map(|&cell| cell.to_owned()).collect(),
            rows: Vec::new(),
        }
    }

    pub(crate) fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        self.rows.push(cells.into_iter().collect());
    }

    /// The text of the table, its title first.
    pub(crate) fn render(&self, markdown: bool) -> String {
        let mut widths = self.head.iter().map(|cell| cell.chars().count()).collect::<Vec<_>>();
        for row in &self.rows {
            for (width, cell) in widths.iter_mut().zip(row) {
                *width = (*width).max(cell.chars().count());
            }
        }
        let line = |cells: &[String]| {
            let padded = cells.iter().zip(&widths).enumerate().map(|(column, (cell, &width))| {
                if column == 0 { format!("{cell:<width$}") } else { format!("{cell:>width$}") }
            });
            let joined = padded.collect::<Vec<_>>().join(if markdown { " | " } else { "  " });
            if markdown { format!("| {joined} |\n") } else { format!("{}\n", joined.trim_end()) }
        };
        let mut text =
            if markdown { format!("### {}\n\n", self.title) } else { format!("{}\n", self.title) };
        text.push_str(&line(&self.head));
        if markdown {
            let rules = widths.iter().enumerate().map(|(column, &width)| {
                if column == 0 { "-".repeat(width + 2) } else { "-".repeat(width + 1) + ":" }
            });
            text.push_str(&format!("|{}|\n", rules.collect::<Vec<_>>().join("|")));
        }
        for row in &self.rows {
            text.push_str(&line(row));
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> Table {
        let mut table = Table::new("Fruit", &["name", "ns"]);
        table.row(["apple".to_owned(), "7".to_owned()]);
        table.row(["fig".to_owned(), "120".to_owned()]);
        table
    }

    #[test]
    fn a_terminal_gets_aligned_columns() {
        assert_eq!(table().render(false), "Fruit\nname    ns\napple    7\nfig    120\n");
    }

    #[test]
    fn a_page_gets_markdown_with_figures_to_the_right() {
        let expected =
            "### Fruit\n\n| name  |  ns |\n|-------|----:|\n| apple |   7 |\n| fig   | 120 |\n";
        assert_eq!(table().render(true), expected);
    }
}
