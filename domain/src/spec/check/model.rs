//! The rules of `[model]`.

use super::{Issues, code};
use crate::spec::{CnnModel, MlpModel, ModelSpec, ResNetModel, ScriptModel};

const LARGEST_LAYER: u64 = 1 << 20;

pub(super) fn check(model: &ModelSpec, found: &mut Issues) {
    match model {
        ModelSpec::Linear => {}
        ModelSpec::Mlp(MlpModel { hidden, dropout }) => {
            check_sizes("hidden", hidden, false, found);
            check_dropout(*dropout, found);
        }
        ModelSpec::Cnn(cnn) => check_cnn(cnn, found),
        ModelSpec::ResNet(resnet) => check_resnet(resnet, found),
        ModelSpec::TorchScript(ScriptModel { file }) => {
            super::check_upload("model.upload", file.upload(), found);
            if file.path() == Some("") {
                found.add("model.path", "the path is empty", Some("name the file of the scripted module"));
            }
        }
        ModelSpec::Python(code) => code::check("model", code, found),
    }
}

fn check_cnn(cnn: &CnnModel, found: &mut Issues) {
    let CnnModel { channels, kernel, pooling, hidden, dropout, norm: _ } = cnn;
    check_sizes("channels", channels, false, found);
    check_sizes("hidden", hidden, true, found);
    check_dropout(*dropout, found);
    if kernel % 2 == 0 || *kernel > 31 {
        found.add(
            "model.kernel",
            format!("a kernel of {kernel} cannot be centred on a pixel of a small image"),
            Some("use an odd number from 1 to 31, such as 3"),
        );
    }
    if !(1..=31).contains(pooling) {
        found.add(
            "model.pooling",
            format!("{pooling} is not the side of a square to pool"),
            Some("use 2 to 31, or 1 for no pooling"),
        );
    }
}

fn check_resnet(resnet: &ResNetModel, found: &mut Issues) {
    let ResNetModel { depth, width, norm: _ } = *resnet;
    if depth < 8 || depth % 6 != 2 || depth > 1202 {
        let below = (depth.clamp(8, 1202) - 2) / 6 * 6 + 2;
        let nearest = if depth.saturating_sub(below) > 3 { (below + 6).min(1202) } else { below };
        found.add(
            "model.depth",
            format!("{depth} is not the depth of a residual network with three equal stages"),
            Some(&format!("use 8, 14, 20, ... (6 n + 2), at most 1202; the nearest is {nearest}")),
        );
    }
    if !(1..=4096).contains(&width) {
        found.add(
            "model.width",
            format!("{width} is not a number of channels"),
            Some("use 1 to 4096, such as 16"),
        );
    }
}

fn check_sizes(key: &str, sizes: &[u64], may_be_empty: bool, found: &mut Issues) {
    let path = format!("model.{key}");
    if sizes.is_empty() && !may_be_empty {
        found.add(path.as_str(), format!("`{key}` is empty"), Some("list at least one size, such as [64]"));
    }
    if sizes.len() > 64 {
        found.add(path.as_str(), format!("{} layers are too many", sizes.len()), Some("at most 64"));
    }
    for (index, size) in sizes.iter().enumerate() {
        if !(1..=LARGEST_LAYER).contains(size) {
            found.add(
                format!("{path}[{index}]"),
                format!("{size} is not a layer size"),
                Some("use 1 to 1048576"),
            );
        }
    }
}

fn check_dropout(dropout: f64, found: &mut Issues) {
    if !(0.0..1.0).contains(&dropout) {
        found.add(
            "model.dropout",
            format!("{dropout} is not the share of outputs to drop"),
            Some("use at least 0 and less than 1, such as 0.5"),
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::Norm;

    fn paths(model: &ModelSpec) -> Vec<String> {
        let mut found = Issues::default();
        check(model, &mut found);
        found.0.into_iter().map(|issue| issue.path).collect()
    }

    #[test]
    fn every_wrong_key_of_a_cnn_is_told() {
        let cnn = CnnModel {
            channels: vec![],
            kernel: 4,
            pooling: 0,
            hidden: vec![0],
            dropout: 1.0,
            norm: Norm::Batch,
        };
        let expected =
            ["model.channels", "model.hidden[0]", "model.dropout", "model.kernel", "model.pooling"];
        assert_eq!(paths(&ModelSpec::Cnn(cnn)), expected);
        let not_a_number = MlpModel { hidden: vec![8], dropout: f64::NAN };
        assert_eq!(paths(&ModelSpec::Mlp(not_a_number)), ["model.dropout"]);
    }

    #[test]
    fn a_residual_network_has_a_depth_of_6_n_plus_2() {
        for depth in [8, 14, 20, 110, 1202] {
            assert!(paths(&ModelSpec::ResNet(ResNetModel { depth, ..ResNetModel::default() })).is_empty());
        }
        for (depth, nearest) in [(0, 8), (18, 20), (21, 20), (24, 26), (5000, 1202)] {
            let mut found = Issues::default();
            check(&ModelSpec::ResNet(ResNetModel { depth, ..ResNetModel::default() }), &mut found);
            let help = found.0[0].help.clone().unwrap();
            assert!(help.ends_with(&format!("the nearest is {nearest}")), "{depth}: {help}");
        }
    }
}
