//! A plot with logarithmic axes, as SVG.

use std::fmt::Write;

const WIDTH: f64 = 640.0;
const HEIGHT: f64 = 360.0;
const LEFT: f64 = 80.0;
const RIGHT: f64 = 20.0;
const TOP: f64 = 40.0;
const BOTTOM: f64 = 50.0;
const COLOURS: [&str; 3] = ["#1f77b4", "#d62728", "#2ca02c"];

/// Draws a named line for each list of points.
pub(super) fn log_log(title: &str, across: &str, lines: &[(&str, Vec<(f64, f64)>)]) -> String {
    let all = || lines.iter().flat_map(|(_, points)| points);
    let (left, right) = bounds(all().map(|(x, _)| *x));
    let (low, high) = decades(bounds(all().map(|(_, y)| *y)));
    let x = |value: f64| {
        LEFT + (value.log10() - left.log10()) / (right.log10() - left.log10())
            * (WIDTH - LEFT - RIGHT)
    };
    let y = |value: f64| {
        HEIGHT
            - BOTTOM
            - (value.log10() - low.log10()) / (high.log10() - low.log10()) * (HEIGHT - TOP - BOTTOM)
    };
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" font-family=\"sans-serif\" font-size=\"12\">\n\
         <rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n\
         <text x=\"{LEFT}\" y=\"20\" font-size=\"14\">{title}</text>\n"
    );
    let mut put = |line: String| writeln!(svg, "{line}").expect("a string takes all");
    let mut decade = low;
    while decade <= high * 1.001 {
        let at = y(decade);
        put(format!(
            "<line x1=\"{LEFT}\" y1=\"{at:.1}\" x2=\"{:.1}\" y2=\"{at:.1}\" stroke=\"#ddd\"/>",
            WIDTH - RIGHT
        ));
        put(format!(
            "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{decade}</text>",
            LEFT - 6.0,
            at + 4.0
        ));
        decade *= 10.0;
    }
    if let Some((_, points)) = lines.first() {
        for (value, _) in points {
            put(format!(
                "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{value}</text>",
                x(*value),
                HEIGHT - BOTTOM + 18.0
            ));
        }
    }
    put(format!(
        "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{across}</text>",
        (LEFT + WIDTH - RIGHT) / 2.0,
        HEIGHT - 10.0
    ));
    for (number, (name, points)) in lines.iter().enumerate() {
        let colour = COLOURS[number % COLOURS.len()];
        let path: Vec<_> = points
            .iter()
            .map(|(at, value)| format!("{:.1},{:.1}", x(*at), y(*value)))
            .collect();
        put(format!(
            "<polyline points=\"{}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"2\"/>",
            path.join(" ")
        ));
        let at = TOP + 16.0 * number as f64;
        put(format!(
            "<text x=\"{:.1}\" y=\"{at:.1}\" fill=\"{colour}\">{name}</text>",
            LEFT + 12.0
        ));
    }
    svg.push_str("</svg>\n");
    svg
}

fn bounds(values: impl Iterator<Item = f64>) -> (f64, f64) {
    values.fold((f64::MAX, f64::MIN_POSITIVE), |(low, high), value| {
        (low.min(value), high.max(value))
    })
}

/// Returns the powers of ten that enclose the values.
fn decades((low, high): (f64, f64)) -> (f64, f64) {
    let (low, high) = (low.log10().floor(), high.log10().ceil());
    (10_f64.powf(low), 10_f64.powf(high.max(low + 1.0)))
}
