//! A plot as an SVG image that takes its colours from the page it stands in.
//!
//! The colours drawn here are names, so to speak: the page's style sheet maps each to one that suits light or dark.

use plotters::coord::ranged1d::{Ranged, ValueFormatter};
use plotters::prelude::*;

use super::report::{Plot, Series, Shape, shown};

type Drawn = Result<(), Box<dyn std::error::Error>>;

/// The colours of series, by their place. `html` says what they look like.
pub const SERIES: [RGBColor; 6] = [
    RGBColor(0x25, 0x63, 0xEB),
    RGBColor(0xD9, 0x77, 0x06),
    RGBColor(0x05, 0x96, 0x69),
    RGBColor(0x7C, 0x3A, 0xED),
    RGBColor(0xDC, 0x26, 0x26),
    RGBColor(0x08, 0x91, 0xB2),
];
pub const TEXT: RGBColor = RGBColor(0x47, 0x55, 0x69);
pub const LINE: RGBColor = RGBColor(0xE2, 0xE8, 0xF0);

/// Small, so that the text is still readable when the image is as wide as a phone.
const SIZE: (u32, u32) = (560, 310);
const FONT: (&str, u32) = ("sans-serif", 18);

/// The colour as SVG writes it.
pub fn name(color: RGBColor) -> String {
    format!("#{:02X}{:02X}{:02X}", color.0, color.1, color.2)
}

/// The image, as an element to be put into a page.
pub fn svg(plot: &Plot) -> String {
    let mut image = String::new();
    // Only a plot without a point cannot be drawn, and then there is nothing to see.
    if draw(plot, &mut image).is_err() {
        image.clear();
    }
    image
}

fn draw(plot: &Plot, image: &mut String) -> Drawn {
    let points = || plot.series.iter().flat_map(|series| &series.points);
    let most = points().map(|point| point.1).fold(0.0, f64::max);
    if most <= 0.0 {
        return Err("nothing to draw".into());
    }
    let area = SVGBackend::with_string(image, SIZE).into_drawing_area();
    let top = most * 1.08;
    match &plot.shape {
        Shape::Histogram => {
            let from = points().map(|point| point.0).fold(f64::MAX, f64::min);
            let to = points().map(|point| point.0).fold(0.0, f64::max);
            let mut builder = ChartBuilder::on(&area);
            let mut chart = frame(&mut builder).build_cartesian_2d((from..to).log_scale(), 0.0..top)?;
            mesh(&mut chart, plot, 8, &|x| shown(*x))?;
            for (index, series) in plot.series.iter().enumerate() {
                let color = SERIES[index % SERIES.len()];
                let points = || series.points.iter().copied();
                let bins = series.points.chunks_exact(2);
                let bar =
                    |bin: &[(f64, f64)]| Rectangle::new([(bin[0].0, 0.0), bin[1]], color.mix(0.2).filled());
                chart.draw_series(bins.map(bar))?;
                chart.draw_series(LineSeries::new(points(), color.stroke_width(2)))?;
            }
        }
        Shape::Bars(names) => {
            let mut builder = ChartBuilder::on(&area);
            let right = names.len() as f64 - 0.5;
            let mut chart = frame(&mut builder).build_cartesian_2d(-0.5..right, 0.0..top)?;
            mesh(&mut chart, plot, names.len(), &|x| name_at(names, *x))?;
            for (index, series) in plot.series.iter().enumerate() {
                chart.draw_series(bars(series, index, plot.series.len()))?;
            }
        }
        Shape::Lines(names) => {
            let mut builder = ChartBuilder::on(&area);
            let right = names.len() as f64 - 0.8;
            let mut chart = frame(&mut builder).build_cartesian_2d(-0.2..right, 0.0..top)?;
            mesh(&mut chart, plot, names.len(), &|x| name_at(names, *x))?;
            for (index, series) in plot.series.iter().enumerate() {
                let color = SERIES[index % SERIES.len()];
                chart.draw_series(LineSeries::new(series.points.iter().copied(), color.stroke_width(2)))?;
                chart
                    .draw_series(series.points.iter().map(|point| Circle::new(*point, 4, color.filled())))?;
            }
        }
    }
    area.present()?;
    Ok(())
}

fn frame<'a, 'b, 'c, 'd>(
    builder: &'c mut ChartBuilder<'a, 'b, SVGBackend<'d>>,
) -> &'c mut ChartBuilder<'a, 'b, SVGBackend<'d>> {
    builder.margin(8).margin_right(18).x_label_area_size(52).y_label_area_size(82)
}

fn mesh<X>(
    chart: &mut ChartContext<'_, SVGBackend<'_>, Cartesian2d<X, plotters::coord::types::RangedCoordf64>>,
    plot: &Plot,
    labels: usize,
    format: &dyn Fn(&f64) -> String,
) -> Drawn
where
    X: Ranged<ValueType = f64> + ValueFormatter<f64>,
{
    chart
        .configure_mesh()
        .disable_x_mesh()
        .light_line_style(TRANSPARENT)
        .bold_line_style(LINE)
        .axis_style(LINE)
        .x_labels(labels)
        .y_labels(5)
        .x_desc(plot.x.as_str())
        .y_desc(plot.y.as_str())
        .label_style(FONT.into_font().color(&TEXT))
        .axis_desc_style(FONT.into_font().color(&TEXT))
        .x_label_formatter(format)
        .y_label_formatter(&|y| shown(*y))
        .draw()?;
    Ok(())
}

/// The name at an index; between two there is none.
fn name_at(names: &[String], x: f64) -> String {
    let near = (x - x.round()).abs() < 0.05 && x > -0.05;
    let name = if near { names.get(x.round() as usize) } else { None };
    name.cloned().unwrap_or_default()
}

/// The bars of a series, beside those of the others.
fn bars(series: &Series, place: usize, of: usize) -> impl Iterator<Item = Rectangle<(f64, f64)>> + '_ {
    let width = 0.7 / of as f64;
    let color = SERIES[place % SERIES.len()];
    series.points.iter().map(move |(x, y)| {
        let left = x - 0.35 + width * place as f64;
        Rectangle::new([(left, 0.0), (left + width * 0.92, *y)], color.filled())
    })
}
