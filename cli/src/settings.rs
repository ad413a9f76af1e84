//! A sweep's settings as key and text, by the keys of the sweep file, to set sweeps side by side.

use domain::spec::{
    BatchSizeAxis, Budget, DataSource, FileSource, LearningRateAxis, MicroBatchPolicy, ModelSpec,
    ScalingRule, SweepDraft, Upload,
};
use report::human;

/// Every setting that has a value.
#[must_use]
pub fn settings(sweep: &SweepDraft) -> Vec<(String, String)> {
    let mut all: Vec<(String, String)> = Vec::new();
    let mut add = |key: &str, text: String| all.push((key.to_owned(), text));
    data(sweep, &mut add);
    model(sweep, &mut add);
    grid(sweep, &mut add);
    train(sweep, &mut add);
    if let Some(budget) = sweep.memory.budget {
        add("memory.budget", budget.to_string());
    }
    add(
        "memory.micro_batch",
        match sweep.memory.micro_batch {
            MicroBatchPolicy::Auto => "auto".to_owned(),
            MicroBatchPolicy::Off => "off".to_owned(),
            MicroBatchPolicy::Fixed(examples) => examples.to_string(),
        },
    );
    all
}

fn data(sweep: &SweepDraft, add: &mut impl FnMut(&str, String)) {
    let data = &sweep.data;
    add("data.format", data.source.format().to_owned());
    if let DataSource::Synthetic(made) = &data.source {
        add("data.examples", made.examples.to_string());
        add("data.features", format!("{:?}", made.features));
        add("data.classes", made.classes.to_string());
    }
    if let Some(path) = data.source.path() {
        add("data.path", path.to_owned());
    }
    if let Some(file) = data.source.upload() {
        add("data.upload", sent(file));
    }
    add("data.validation", data.validation.to_string());
    if let Some(limit) = data.limit {
        add("data.limit", limit.to_string());
    }
    let normalize = domain::spec::Normalize::ALL.into_iter().find(|(_, value)| *value == data.normalize);
    add("data.normalize", normalize.map_or("", |(word, _)| word).to_owned());
}

/// Two files of one name may differ: what they are is their hash.
fn sent(file: &Upload) -> String {
    format!("{}, SHA-256 {:.8}", file.name, file.hash.to_string())
}

fn model(sweep: &SweepDraft, add: &mut impl FnMut(&str, String)) {
    add("model.kind", sweep.model.kind().to_owned());
    match &sweep.model {
        ModelSpec::Linear => {}
        ModelSpec::Mlp(mlp) => {
            add("model.hidden", format!("{:?}", mlp.hidden));
            add("model.dropout", human::exact(mlp.dropout));
        }
        ModelSpec::Cnn(cnn) => {
            add("model.channels", format!("{:?}", cnn.channels));
            add("model.kernel", cnn.kernel.to_string());
            add("model.pooling", cnn.pooling.to_string());
            add("model.hidden", format!("{:?}", cnn.hidden));
            add("model.dropout", human::exact(cnn.dropout));
            add("model.norm", cnn.norm.word().to_owned());
        }
        ModelSpec::ResNet(resnet) => {
            add("model.depth", resnet.depth.to_string());
            add("model.width", resnet.width.to_string());
            add("model.norm", resnet.norm.word().to_owned());
        }
        ModelSpec::TorchScript(module) => own(&module.file, add),
        ModelSpec::Python(python) => {
            own(&python.file, add);
            add("model.function", python.function.clone());
            for (name, value) in &python.arguments {
                add(&format!("model.arguments.{name}"), value.to_string());
            }
        }
    }
}

fn own(file: &FileSource, add: &mut impl FnMut(&str, String)) {
    match file {
        FileSource::OnWorker(path) => add("model.path", path.clone()),
        FileSource::Upload(file) => add("model.upload", sent(file)),
    }
}

fn grid(sweep: &SweepDraft, add: &mut impl FnMut(&str, String)) {
    let grid = &sweep.grid;
    let sizes = match &grid.batch_size {
        BatchSizeAxis::List(sizes) => format!("{sizes:?}"),
        BatchSizeAxis::Geometric { from, to, factor } => format!("{from} to {to}, times {factor}"),
    };
    add("grid.batch_size", sizes);
    let list = |numbers: &[f64]| {
        format!("[{}]", numbers.iter().map(|number| human::exact(*number)).collect::<Vec<_>>().join(", "))
    };
    let rates = match &grid.learning_rate {
        LearningRateAxis::List(rates) => list(rates),
        LearningRateAxis::LogSpaced { from, to, count } => {
            format!("{count} from {} to {}", human::exact(*from), human::exact(*to))
        }
        LearningRateAxis::Scaled { base, at, rule, times } => {
            let rule =
                ScalingRule::ALL.into_iter().find(|(_, value)| value == rule).map_or("", |(word, _)| word);
            format!("{} at {at}, {rule}, times {}", human::exact(*base), list(times))
        }
    };
    add("grid.learning_rate", rates);
    add("grid.seed", format!("{:?}", grid.seed));
    for axis in grid.others() {
        let values: Vec<String> = axis.values().iter().map(ToString::to_string).collect();
        add(&format!("grid.{}", axis.name()), format!("[{}]", values.join(", ")));
    }
}

fn train(sweep: &SweepDraft, add: &mut impl FnMut(&str, String)) {
    let train = &sweep.train;
    match train.budget {
        Some(Budget::Epochs(amount)) => add("train.epochs", amount.to_string()),
        Some(Budget::Steps(amount)) => add("train.steps", amount.to_string()),
        Some(Budget::Examples(amount)) => add("train.examples", amount.to_string()),
        None => {}
    }
    add("train.optimizer", train.optimizer.word().to_owned());
    add("train.momentum", human::exact(train.momentum));
    add("train.nesterov", train.nesterov.to_string());
    add("train.weight_decay", human::exact(train.weight_decay()));
    add("train.beta1", human::exact(train.beta1));
    add("train.beta2", human::exact(train.beta2()));
    add("train.epsilon", human::exact(train.epsilon));
    add("train.loss", train.loss.word().to_owned());
    add("train.schedule", train.schedule.word().to_owned());
    add("train.warmup_steps", train.warmup_steps.to_string());
    add("train.shuffle", train.shuffle.to_string());
    add("train.precision", train.precision.word().to_owned());
    add("train.drop_last", train.drop_last.to_string());
    if let Some(target) = train.target {
        add("train.target", format!("{} below {}", target.metric.word(), human::exact(target.below)));
    }
    add("train.stop_at_target", train.stop_at_target.to_string());
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec_file::{Paths, Readers, parse};

    fn of(overrides: &[&str]) -> Vec<(String, String)> {
        let text = r#"
            [data]
            format = "synthetic"
            examples = 1000
            features = [10]
            classes = 2
            labels = "random"
            [model]
            kind = "mlp"
            hidden = [64]
            [grid]
            batch_size = [8]
            learning_rate = { from = 0.001, to = 1.0, count = 4 }
            optimizer = ["sgd", "adam"]
            [train]
            epochs = 3
            target = { metric = "train_set_loss", below = 0.5 }
        "#;
        let overrides: Vec<String> = overrides.iter().map(|text| (*text).to_owned()).collect();
        let paths =
            Paths { file_folder: "/".into(), working_folder: "/".into(), readers: Readers::ThisCommand };
        let file = parse("test", text, &overrides, &paths).unwrap_or_else(|mistakes| {
            panic!("{}", mistakes.render(false));
        });
        settings(&file.sweep)
    }

    #[test]
    fn settings_are_named_as_in_the_sweep_file() {
        let settings = of(&[]);
        let get = |key: &str| settings.iter().find(|(own, _)| own == key).map(|(_, text)| text.as_str());
        assert_eq!(get("model.hidden"), Some("[64]"));
        assert_eq!(get("grid.learning_rate"), Some("4 from 0.001 to 1"));
        assert_eq!(get("grid.optimizer"), Some(r#"["sgd", "adam"]"#));
        assert_eq!(get("train.target"), Some("train_set_loss below 0.5"));
        assert_eq!((get("train.epochs"), get("memory.budget")), (Some("3"), None));
    }

    #[test]
    fn one_override_is_one_difference() {
        let (one, other) = (of(&[]), of(&["train.momentum=0.9"]));
        let differing: Vec<_> = one.iter().zip(&other).filter(|(left, right)| left != right).collect();
        assert_eq!(differing.len(), 1);
        assert_eq!(differing[0].1, &("train.momentum".to_owned(), "0.9".to_owned()));
    }
}
