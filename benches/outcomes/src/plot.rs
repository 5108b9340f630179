//! Curves as SVG files, for the documentation.

use std::fs;
use std::path::Path;

use plotters::prelude::*;

use crate::curve::Curve;
use crate::players::OURS;
use crate::scenario::Scenario;
use crate::time::SECOND;
use crate::tournament::Row;

const OURS_COLOUR: RGBColor = RGBColor(0, 90, 160);
const OTHER_COLOUR: RGBColor = RGBColor(200, 90, 0);

/// Draws a file for each scenario: ours beside whoever of the others was best in it.
///
/// # Errors
/// If a file cannot be written.
pub(crate) fn all(folder: &Path, rows: &[Row], scenarios: &[Scenario]) -> Result<(), String> {
    let told = |error: &dyn std::fmt::Display| format!("{}: {error}", folder.display());
    fs::create_dir_all(folder).map_err(|error| told(&error))?;
    for (place, scenario) in scenarios.iter().enumerate() {
        let score = |row: &&Row| row.scores[place].score;
        let policies = rows.iter().filter(|row| row.name != "clairvoyant");
        let others = policies.clone().filter(|row| row.name != OURS.name);
        let best = others.max_by(|one, other| score(one).total_cmp(&score(other)));
        let ours = policies.clone().find(|row| row.name == OURS.name);
        let drawn: Vec<(&Row, RGBColor)> = best
            .map(|row| (row, OTHER_COLOUR))
            .into_iter()
            .chain(ours.map(|row| (row, OURS_COLOUR)))
            .collect();
        let path = folder.join(format!("{}.svg", scenario.id));
        draw(&path, &drawn, place, scenario).map_err(|error| told(&error))?;
    }
    Ok(())
}

fn draw(
    path: &Path,
    rows: &[(&Row, RGBColor)],
    place: usize,
    scenario: &Scenario,
) -> Result<(), Box<dyn std::error::Error>> {
    let root = SVGBackend::new(path, (720, 300)).into_drawing_area();
    root.fill(&WHITE)?;
    let seconds = |at: u64| at as f64 / SECOND as f64;
    let ends = seconds(scenario.measured_until());
    let mut chart = ChartBuilder::on(&root)
        .caption(format!("{} {}", scenario.id, scenario.name), ("sans-serif", 18))
        .margin(10)
        .x_label_area_size(35)
        .y_label_area_size(50)
        .build_cartesian_2d(5.0..ends, 0.0..105.0)?;
    let fault = [(seconds(scenario.from), 0.0), (seconds(scenario.clears), 105.0)];
    chart.draw_series([Rectangle::new(fault, RGBColor(235, 235, 235).filled())])?;
    let mesh = &mut chart.configure_mesh();
    mesh.disable_x_mesh().x_desc("seconds").y_desc("answered in time, %, by weight").draw()?;
    for (row, colour) in rows {
        let points = row.curves[place].shares.iter().enumerate();
        let at = |step: usize| seconds(Curve::STEP) * (step as f64 + 0.5);
        let line = points.map(|(step, share)| (at(step), share * 100.0));
        let line = line.filter(|(at, _)| *at >= 5.0);
        let title = format!("{}: {:.1}", row.name, row.scores[place].score);
        let colour = *colour;
        chart
            .draw_series(LineSeries::new(line, colour.stroke_width(2)))?
            .label(title)
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 18, y)], colour.stroke_width(2)));
    }
    let labels = &mut chart.configure_series_labels();
    labels.position(SeriesLabelPosition::LowerRight).background_style(WHITE.mix(0.8)).draw()?;
    root.present()?;
    Ok(())
}
