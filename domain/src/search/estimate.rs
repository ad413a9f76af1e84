//! What a cell would score on the average of many seeds: its own few, drawn towards what the cells around it say. With three
//! seeds the lowest median of many cells is mostly the luckiest one.

use super::noise::Noise;
use super::ridge::Ridge;
use super::sheet::Sheet;
use super::space::Cell;
use super::surface::rise;

/// How far the cells around one reach, in rates and in factors of two of the batch size.
const REACH: f64 = 5.0;

/// Cells that lie farther above the best say nothing about the surface near it: in standard deviations of a seed, and in rises
/// beside the best.
const NEAR: (f64, f64) = (6.0, 4.0);

/// The share of a cell's own noise that is left in its distance from the surface, which was drawn towards it.
const OWN: f64 = 0.7;

/// How little the slopes and bends of the surface are held back where points are few.
const PRIOR: f64 = 0.01;

struct Mean {
    cell: Cell,
    score: f64,
    seeds: f64,
}

/// The cells of a group that may be its best with what they are estimated to score, the lowest first. Empirical Bayes (Morris
/// 1983): a quadratic around each cell (Cleveland 1979) is where its mean is drawn to, the more so the noisier that is beside
/// the roughness of the surface.
pub(super) fn estimates(sheet: &Sheet<'_>, group: usize, noise: &Noise) -> Vec<(Cell, f64)> {
    let means = near(sheet, group, noise);
    let least = means.iter().map(|mean| mean.score).fold(f64::INFINITY, f64::min);
    let smooth: Vec<f64> = means.iter().map(|mean| smooth(sheet, &means, least, mean)).collect();
    let own = |mean: &Mean| noise.deviation.powi(2) / mean.seeds;
    let excess = means.iter().zip(&smooth).map(|(mean, at)| (mean.score - at).powi(2) - OWN * own(mean));
    let roughness = (excess.sum::<f64>() / means.len().max(1) as f64).max(0.0);
    let drawn = means.iter().zip(&smooth).map(|(mean, at)| {
        let all = roughness + own(mean);
        let share = if all > 0.0 { roughness / all } else { 1.0 };
        (mean.cell, at + share * (mean.score - at))
    });
    let mut estimates: Vec<(Cell, f64)> = drawn.collect();
    estimates.sort_by(|left, right| left.1.total_cmp(&right.1).then(left.0.cmp(&right.0)));
    estimates
}

fn near(sheet: &Sheet<'_>, group: usize, noise: &Noise) -> Vec<Mean> {
    let Some(best) = sheet.best(group) else { return Vec::new() };
    let all = sheet.scored(group).map(|(cell, median)| {
        let scores = sheet.scores(cell);
        let seeds = scores.len() as f64;
        // Where seeds diverged, the median counts them.
        let is_whole = sheet.tally(cell).is_some_and(|tally| tally.begun == scores.len());
        let mean = scores.iter().sum::<f64>() / seeds;
        Mean { cell, score: if is_whole { mean } else { median }, seeds }
    });
    let all: Vec<Mean> = all.collect();
    let least = all.iter().map(|mean| mean.score).fold(f64::INFINITY, f64::min);
    let above: Vec<(Cell, f64)> = all.iter().map(|mean| (mean.cell, mean.score - least)).collect();
    let limit = NEAR.0 * noise.deviation + NEAR.1 * rise(&above, best);
    all.into_iter().filter(|mean| mean.score - least <= limit).collect()
}

/// The height of a quadratic through the cells around one, those nearer and those with more seeds weighing more.
fn smooth(sheet: &Sheet<'_>, means: &[Mean], least: f64, at: &Mean) -> f64 {
    let points = means.iter().filter_map(|mean| {
        let rate = f64::from(mean.cell.rate - at.cell.rate) / REACH;
        let size = (sheet.space.octaves(mean.cell.row) - sheet.space.octaves(at.cell.row)) / REACH;
        let distance = rate.hypot(size);
        // The tricube weight of LOWESS.
        let weight = (1.0 - distance.min(1.0).powi(3)).powi(3) * mean.seeds;
        let terms = [1.0, size, rate, size * size, size * rate, rate * rate];
        let root = weight.sqrt();
        (weight > 0.0).then_some((terms.map(|term| term * root), (mean.score - least) * root))
    });
    let points: Vec<([f64; 6], f64)> = points.collect();
    let weights = [1e-9, PRIOR, PRIOR, PRIOR, PRIOR, PRIOR];
    Ridge::fit(&points, [0.0; 6], weights).map_or(at.score, |shape| least + shape.coefficients[0])
}
