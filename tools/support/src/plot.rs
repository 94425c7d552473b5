//! Charts as SVG.

use std::ops::Range;

use anyhow::{Result, anyhow};
use plotters::{
    chart::{ChartBuilder, SeriesLabelPosition},
    element::{Circle, PathElement},
    prelude::{IntoDrawingArea, IntoLogRange, SVGBackend},
    series::LineSeries,
    style::{BLACK, Color, Palette, Palette99, WHITE},
};

const SIZE: (u32, u32) = (720, 480);

/// The height of a name in the legend.
const NAME: u32 = 16;

/// The names of a chart and of its axes.
#[derive(Clone, Copy, Debug)]
pub struct Titles<'a> {
    /// Above the chart.
    pub chart: &'a str,
    /// Below the horizontal axis.
    pub across: &'a str,
    /// Beside the vertical axis.
    pub up: &'a str,
}

/// A named line of a chart: its points, from left to right.
pub type Line<'a> = (&'a str, Vec<(f64, f64)>);

/// Draws lines on logarithmic axes. Returns an SVG.
///
/// # Errors
/// If there is no point, or one is not above zero.
pub fn log_log(titles: Titles<'_>, lines: &[Line<'_>]) -> Result<String> {
    let points = || lines.iter().flat_map(|(_, points)| points);
    if points().next().is_none() || points().any(|(x, y)| *x <= 0.0 || *y <= 0.0) {
        return Err(anyhow!(
            "a chart with logarithmic axes needs points above zero"
        ));
    }
    let x = decades(points().map(|(x, _)| *x));
    let mut y = decades(points().map(|(_, y)| *y));
    // Room for the legend above the lines.
    let share = f64::from(NAME * (lines.len() as u32 + 1)) / f64::from(SIZE.1 - 100);
    let height = (y.end / y.start).log10() / (1.0 - share.min(0.6));
    y.end = y.start * 10_f64.powf(height);
    let mut svg = String::new();
    // The errors of plotters borrow from the picture.
    draw(&mut svg, titles, lines, x, y).map_err(|error| anyhow!("{error}"))?;
    Ok(svg)
}

fn draw(
    svg: &mut String,
    titles: Titles<'_>,
    lines: &[Line<'_>],
    x: Range<f64>,
    y: Range<f64>,
) -> Result<(), Box<dyn std::error::Error>> {
    let root = SVGBackend::with_string(svg, SIZE).into_drawing_area();
    root.fill(&WHITE)?;
    let mut chart = ChartBuilder::on(&root)
        .caption(titles.chart, ("sans-serif", 16))
        .margin(12)
        .margin_right(40)
        .x_label_area_size(40)
        .y_label_area_size(70)
        .build_cartesian_2d(x.log_scale(), y.log_scale())?;
    chart
        .configure_mesh()
        .light_line_style(BLACK.mix(0.04))
        .x_desc(titles.across)
        .y_desc(titles.up)
        .x_label_formatter(&whole)
        .y_label_formatter(&whole)
        .draw()?;
    for (number, (name, points)) in lines.iter().enumerate() {
        let colour = Palette99::pick(number).to_rgba();
        chart
            .draw_series(LineSeries::new(points.iter().copied(), colour))?
            .label(*name)
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 18, y)], colour));
        let dots = points
            .iter()
            .map(|point| Circle::new(*point, 3, colour.filled()));
        chart.draw_series(dots)?;
    }
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::UpperLeft)
        .background_style(WHITE.mix(0.8))
        .border_style(BLACK.mix(0.2))
        .draw()?;
    root.present()?;
    Ok(())
}

/// Writes a value of an axis.
fn whole(value: &f64) -> String {
    match value {
        value if *value < 1.0 => format!("{value}"),
        value => format!("{value:.0}"),
    }
}

/// Returns the powers of ten around the values.
fn decades(values: impl Iterator<Item = f64> + Clone) -> Range<f64> {
    let low = values.clone().fold(f64::INFINITY, f64::min);
    let high = values.fold(0.0, f64::max);
    let least = 10_f64.powf(low.log10().floor());
    let most = 10_f64.powf(high.log10().ceil());
    least..most.max(least * 10.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TITLES: Titles<'_> = Titles {
        chart: "bytes by nodes",
        across: "nodes",
        up: "bytes",
    };

    #[test]
    fn a_chart_has_its_titles_and_lines() {
        let lines = [
            ("idle", vec![(3.0, 70.0), (200.0, 6000.0)]),
            ("busy", vec![(3.0, 9000.0), (200.0, 20_000.0)]),
        ];
        let svg = log_log(TITLES, &lines).unwrap();
        for text in [
            "<svg",
            "bytes by nodes",
            "nodes",
            "idle",
            "busy",
            "polyline",
        ] {
            assert!(svg.contains(text), "{text}");
        }
    }

    #[test]
    fn zero_has_no_place_on_a_logarithmic_axis() {
        for lines in [vec![], vec![("idle", vec![(3.0, 0.0)])]] {
            assert!(log_log(TITLES, &lines).is_err());
        }
    }
}
