use domain::spec::{Target, TargetMetric, TrainSpec};
use report::plot::Ink;
use report::plot::chart::Shape;

use super::fixture::{aimed, drawn, facts, grid, report, results, trained};
use super::{assert_self_contained, assert_well_formed};

/// Five batch sizes with their learning rates, three seeds, a target that all but the largest meet.
fn full() -> report::page::Report {
    let mut trials = grid(&[8, 32, 128, 512, 2048], &[0.004, 0.016, 0.064, 0.256, 1.024], 3);
    trials.iter_mut().for_each(|trial| trial.has_target = true);
    drawn(aimed(facts(), &trials, Some(0.5)), &trials, 40)
}

/// What a reader who does not see the drawings gets: headings, captions, the names of the drawings and of their parts.
fn outline(page: &str) -> String {
    let mut lines = Vec::new();
    for (tag, mark) in [("h1", "#"), ("h2", "##"), ("h3", "###"), ("summary", "+"), ("title", "img")] {
        for (start, _) in page.match_indices(&format!("<{tag}")) {
            let rest = &page[start..];
            let text = &rest[rest.find('>').unwrap() + 1..rest.find(&format!("</{tag}>")).unwrap()];
            // Tips of marks are titles too, but without an id.
            if tag != "title" || rest.starts_with("<title id=") {
                lines.push((start, format!("{mark} {text}")));
            }
        }
    }
    lines.sort();
    lines.into_iter().map(|(_, line)| line).collect::<Vec<_>>().join("\n")
}

#[test]
fn the_page_has_its_figures_in_order_each_with_its_numbers() {
    let page = full().html();
    assert_well_formed(&page);
    assert_self_contained(&page);
    insta::assert_snapshot!(outline(&page));
}

#[test]
fn the_conclusion_stands_before_any_figure() {
    let page = full().html();
    let advice = page.find("class=\"advice\"").unwrap();
    assert!(advice < page.find("<figure").unwrap());
    assert!(page[advice..].contains("batch size"));
}

#[test]
fn every_drawing_is_named_and_there_for_two_widths() {
    let page = full().html();
    let drawings = page.matches("<svg ").count();
    assert_eq!(page.matches("role=\"img\"").count(), drawings);
    assert_eq!(page.matches("<desc id=").count(), drawings);
    assert_eq!(page.matches("plot wide").count(), page.matches("plot narrow").count());
    assert_eq!(page.matches("plot wide").count() + page.matches("plot narrow").count(), drawings);
}

#[test]
fn diverged_cells_are_hatched_and_each_batch_size_has_its_star() {
    let sections = full().sections();
    let heatmap = &sections[0].figures[0].views[0].chart;
    let cells = |test: fn(&Shape, Ink) -> bool| {
        heatmap.layers.iter().filter(|layer| test(&layer.shape, layer.ink)).count()
    };
    // Of 25 cells those diverge whose learning rate is too large for their batch: 1.024 at 8.
    assert_eq!(cells(|_, ink| ink == Ink::Hatched), 1);
    assert_eq!(cells(|_, ink| matches!(ink, Ink::Fill(_))), 24);
    assert_eq!(cells(|shape, _| matches!(shape, Shape::Cell { star: Some(_), .. })), 5);
    // 512 does best at the largest rate tried, 2048 would at a larger one.
    let alarmed = |shape: &Shape, _| matches!(shape, Shape::Cell { star: Some(Ink::Alarm), .. });
    assert_eq!(cells(alarmed), 2);
}

#[test]
fn trials_that_end_at_their_target_are_coloured_within_their_batch_size() {
    let mut trials = grid(&[8, 2048], &[0.004, 0.016, 0.064, 0.256, 1.024], 3);
    trials.iter_mut().for_each(|trial| trial.has_target = true);
    let target = Some(Target { metric: TargetMetric::TrainSetLoss, below: 0.5 });
    let train = TrainSpec { target, stop_at_target: true, ..TrainSpec::default() };
    let report = trained(facts(), &trials, train);
    assert_well_formed(&report.html());
    let heatmap = report.sections()[0].figures[0].views[0].chart.clone();
    // Thousands of steps at 8 and none at 2048, which is given ten: its cells are grey.
    assert_eq!(heatmap.layers.iter().filter(|layer| layer.ink == Ink::Unknown).count(), 5);
    assert_eq!(heatmap.ramp.unwrap().low, "fewest");
    assert!(heatmap.keys.iter().any(|key| key.label == "missed the target"));
}

#[test]
fn another_axis_makes_sections_and_narrows_their_sql() {
    let mut trials = grid(&[8, 32], &[0.016, 0.064], 1);
    let mut others = trials.clone();
    trials.iter_mut().for_each(|trial| trial.axis = Some(("optimizer", "\"sgd\"".to_owned())));
    others.iter_mut().for_each(|trial| trial.axis = Some(("optimizer", "\"adam\"".to_owned())));
    trials.extend(others);
    let report = report(facts(), &trials);
    let sections = report.sections();
    assert_eq!(
        sections.iter().map(|section| section.label.as_str()).collect::<Vec<_>>(),
        ["optimizer sgd", "optimizer adam"]
    );
    let sql = &sections[1].figures[0].sql;
    assert!(
        sql.contains(
            r#"and parameters::jsonb - array['batch_size', 'learning_rate', 'seed'] = '{"optimizer":"adam"}'"#
        ),
        "{sql}"
    );
    assert_well_formed(&report.html());
}

#[test]
fn a_table_holds_what_its_drawing_shows() {
    let sections = full().sections();
    let figure =
        |id: &str| sections[0].figures.iter().find(|figure| figure.id == id).expect(id).table.clone();
    assert_eq!(figure("heatmap").rows.len(), 25);
    assert_eq!(figure("best-rate").rows.len(), 5);
    assert_eq!(figure("curves").rows.len(), 5 * 3 * 40);
    let memory = figure("memory");
    let parts = |row: usize| {
        let part = |name: &str| memory.whole(row, name).unwrap();
        part("parameter_and_gradient_bytes")
            + part("optimizer_state_bytes")
            + part("batch_bytes")
            + part("activation_bytes")
            + part("resident_data_bytes")
    };
    for row in 0..memory.rows.len() {
        assert_eq!(Some(parts(row)), memory.whole(row, "peak_memory_bytes"));
    }
}

#[test]
fn pictures_stand_on_their_own() {
    let report = full();
    let pictures = report.pictures();
    let names: Vec<&str> = pictures.iter().map(|picture| picture.name.as_str()).collect();
    insta::assert_debug_snapshot!(names);
    for picture in &pictures {
        assert!(!picture.svg.contains("var("), "{}: a colour is not written in", picture.name);
        let drawing = roxmltree::Document::parse(&picture.svg).unwrap();
        let shapes = ["path", "rect", "circle", "polygon"];
        let shapes = drawing.descendants().filter(|node| shapes.contains(&node.tag_name().name())).count();
        assert!(shapes > 5, "{} is a blank sheet: {shapes} shapes", picture.name);
    }
}

#[test]
fn the_same_rows_make_the_same_page() {
    let trials = grid(&[8, 32], &[0.016, 0.064], 2);
    assert_eq!(report(facts(), &trials).html(), report(facts(), &trials).html());
    assert!(results(&trials).rows.len() == 8);
}
