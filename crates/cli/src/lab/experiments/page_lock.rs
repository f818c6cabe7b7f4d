//! What a pending operation locks: whole pages, as many as its buffer touches.

use proactor::{Buf, BufPool, Port, Socket, budget, op};

use super::Experiment;
use crate::lab::measure::{Effort, Failure};
use crate::lab::report::{Measured, Plot, Row, Series, Shape, Verdict};
use crate::say;

pub const EXPERIMENT: Experiment = Experiment {
    id: "page-lock",
    title: "A pending buffer locks whole pages",
    claim: "Memory is locked in pages of 4 KiB. A pending operation with a buffer of one byte costs a whole page, one \
            of 1 KiB as well, or two if a page border lies in it. So the same buffers cost less when they are aligned \
            to pages and a multiple of them long, and small ones cost as much as a page each.",
    done: "A socket was filled until sends had to wait. Behind them sends of 1 B to 64 KiB were started, from every \
           offset into a page that was tried, and the bytes that the port had locked were read from its snapshot \
           before and after each. Then the same with buffers of the library's pool.",
    run,
};

const PAGE: usize = 4096;
const SIZES: [usize; 9] = [1, 512, 1024, 2048, 4096, 8192, 16_384, 32_768, 65_536];
const MOST: usize = SIZES[SIZES.len() - 1];

/// Memory to send from; never written, so it costs an address range and no more.
static MEMORY: [u8; MOST + 2 * PAGE] = [0; MOST + 2 * PAGE];

/// What one window was charged, and how many pages its bytes lie in when they are counted one by one.
#[derive(Clone, Copy)]
struct Point {
    size: usize,
    offset: usize,
    charged: usize,
    counted: usize,
}

fn run(effort: Effort) -> Result<Measured, Failure> {
    let waiting = Waiting::new()?;
    let step = effort.of(16, 128);
    let mut offsets: Vec<usize> = (0..PAGE).step_by(step).collect();
    // The places next to a border.
    offsets.extend([1, PAGE - 1024, PAGE - 1023, PAGE - 1]);
    let mut points = Vec::new();
    for size in SIZES {
        for &offset in &offsets {
            points.push(Point {
                size,
                offset,
                charged: waiting.pages_of(window(offset, size).into())?,
                counted: counted(window(offset, size)),
            });
        }
    }
    let mut pooled = Vec::new();
    for size in SIZES {
        let buf = BufPool::new(size, 1).take().ok_or("a pool of one gives one")?;
        pooled.push(waiting.pages_of(buf)?);
    }
    let rows = rows(&points, &pooled);
    let lines = |name: &str, value: fn(&[Point]) -> f64| {
        let values = SIZES.map(|size| value(&of_size(&points, size)));
        Series::over_names(name, values)
    };
    let small = SIZES.iter().position(|size| *size > 16_384).unwrap_or(SIZES.len());
    let mut series = vec![
        lines("aligned", |of_size| charged_at(of_size, 0)),
        lines("on average", mean),
        lines("at worst", |of_size| of_size.iter().map(|point| point.charged as f64).fold(0.0, f64::max)),
    ];
    series.iter_mut().for_each(|series| series.points.truncate(small));
    let plot = Plot {
        title: "Pages that a pending buffer locks".into(),
        x: "bytes".into(),
        y: "pages".into(),
        shape: Shape::Lines(SIZES[..small].iter().map(ToString::to_string).collect()),
        series,
    };
    let notes = vec![
        "Buffers of the pool are aligned when their size is a multiple of 4 KiB. A receive from a pool, or one without \
         a buffer, locks nothing while it waits."
            .into(),
    ];
    Ok(Measured { verdict: verdict(&points, &pooled), rows, plots: vec![plot], notes })
}

/// A socket on which every send has to wait.
struct Waiting {
    port: Port,
    socket: Socket,
    _peer: Socket,
}

impl Waiting {
    fn new() -> Result<Waiting, Failure> {
        let port = Port::new(1)?;
        let (socket, peer) = Socket::pair()?;
        socket.associate(&port, 0)?;
        // More than the kernel takes.
        socket.send(op::Send::new(vec![0; 8 << 20]))?;
        Ok(Waiting { port, socket, _peer: peer })
    }

    fn locked(&self) -> usize {
        self.port.snapshot().locked_bytes
    }

    fn pages_of(&self, buf: Buf) -> Result<usize, Failure> {
        let before = self.locked();
        let id = self.socket.send(op::Send::new(buf))?.id().ok_or("it was sent at once")?;
        let pages = (self.locked() - before) / PAGE;
        self.socket.cancel(id)?;
        if self.locked() != before {
            return Err("what was cancelled is locked still".into());
        }
        drop(self.port.get()?);
        Ok(pages)
    }
}

/// So many bytes, so far into a page.
fn window(offset: usize, size: usize) -> &'static [u8] {
    let aligned = MEMORY.as_ptr().align_offset(PAGE);
    &MEMORY[aligned + offset..][..size]
}

fn counted(window: &[u8]) -> usize {
    let mut pages: Vec<usize> = window.iter().map(|byte| std::ptr::from_ref(byte).addr() / PAGE).collect();
    pages.dedup();
    pages.len()
}

fn of_size(points: &[Point], size: usize) -> Vec<Point> {
    points.iter().filter(|point| point.size == size).copied().collect()
}

fn charged_at(points: &[Point], offset: usize) -> f64 {
    points.iter().find(|point| point.offset == offset).map_or(0.0, |point| point.charged as f64)
}

fn mean(points: &[Point]) -> f64 {
    points.iter().map(|point| point.charged as f64).sum::<f64>() / points.len().max(1) as f64
}

fn rows(points: &[Point], pooled: &[usize]) -> Vec<Row> {
    let mut rows = vec![
        Row::new("1 KiB that ends at a border", charged_at(&of_size(points, 1024), PAGE - 1024), "pages"),
        Row::new(
            "1 KiB that begins one byte later",
            charged_at(&of_size(points, 1024), PAGE - 1023),
            "pages",
        ),
    ];
    for (size, pooled) in SIZES.into_iter().zip(pooled) {
        let (of_size, name) = (of_size(points, size), say::bytes(size as u64));
        rows.push(Row::new(format!("{name}, aligned"), charged_at(&of_size, 0), "pages"));
        rows.push(Row::new(format!("{name}, on average"), mean(&of_size), "pages"));
        rows.push(Row::count(format!("{name}, of the pool"), *pooled, "pages"));
    }
    rows
}

fn verdict(points: &[Point], pooled: &[usize]) -> Verdict {
    let wrong = points.iter().find(|point| point.charged != point.counted);
    let wasted =
        SIZES.iter().zip(pooled).find(|(size, pages)| **size % PAGE == 0 && **pages != **size / PAGE);
    let public = SIZES.iter().any(|size| budget::pages(window(1, *size)) != counted(window(1, *size)));
    Verdict::unless(
        [
            (points.is_empty() || pooled.len() != SIZES.len(), "nothing was measured".to_owned()),
            (
                wrong.is_some(),
                wrong.map_or(String::new(), |point| {
                    format!(
                        "{} bytes at offset {} lie in {} pages and were charged {}",
                        point.size, point.offset, point.counted, point.charged
                    )
                }),
            ),
            (
                wasted.is_some(),
                wasted.map_or(String::new(), |(size, pages)| {
                    format!("a buffer of the pool of {size} bytes touched {pages} pages")
                }),
            ),
            (public, "`budget::pages` counts otherwise".to_owned()),
        ],
        format!(
            "{} windows were charged the pages that their bytes lie in, counted one by one",
            points.len()
        ),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_too_many_or_too_few_is_seen() {
        let point = |charged| Point { size: 1024, offset: 0, charged, counted: 1 };
        let pooled = SIZES.map(|size| size.div_ceil(PAGE));
        assert!(verdict(&[point(1)], &pooled).holds);
        assert!(!verdict(&[point(1), point(2)], &pooled).holds);
        assert!(!verdict(&[point(0)], &pooled).holds);
        assert!(!verdict(&[], &pooled).holds);
        let mut straddles = pooled;
        straddles[4] += 1;
        assert!(!verdict(&[point(1)], &straddles).holds);
    }
}
