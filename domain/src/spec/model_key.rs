//! Scalar keys of `[model]`, which may be axes of the grid.

use super::{Argument, CnnModel, MlpModel, ModelSpec, Norm, PythonCode, ResNetModel, Value};

/// A key that a model does not have, or a value that the key cannot take.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ModelSetError {
    /// There is no such key.
    #[error("`{key}` is no scalar key of kind = \"{kind}\"{}", Self::others(keys))]
    NoSuchKey {
        /// The key.
        key: String,
        /// The kind of the model.
        kind: &'static str,
        /// Those that it has.
        keys: &'static [&'static str],
    },
    /// The value is not of the key's type, or none of its words.
    #[error("`{key}` takes {expected}, not {found}")]
    WrongValue {
        /// The key.
        key: String,
        /// What it takes, in words.
        expected: &'static str,
        /// The value as typed.
        found: String,
    },
}

impl ModelSetError {
    fn others(keys: &[&str]) -> String {
        if keys.is_empty() { "; it has none".to_owned() } else { format!("; it has {}", keys.join(", ")) }
    }
}

impl ModelSpec {
    /// The scalar keys of its kind; arguments of the user's own function have names of their own.
    #[must_use]
    pub fn scalar_keys(&self) -> &'static [&'static str] {
        match self {
            Self::Mlp(_) => &["dropout"],
            Self::Cnn(_) => &["kernel", "pooling", "dropout", "norm"],
            Self::ResNet(_) => &["depth", "width", "norm"],
            Self::Linear | Self::TorchScript(_) | Self::Python(_) => &[],
        }
    }

    /// Sets one scalar key, or one argument of the function that builds it, as an axis of the grid does.
    ///
    /// # Errors
    /// [`ModelSetError`] when it has no such key, or the key cannot take the value.
    pub fn set(&mut self, key: &str, value: &Value) -> Result<(), ModelSetError> {
        let no_such_key =
            ModelSetError::NoSuchKey { key: key.to_owned(), kind: self.kind(), keys: self.scalar_keys() };
        let wrong =
            |expected| ModelSetError::WrongValue { key: key.to_owned(), expected, found: value.to_string() };
        let whole = || match value {
            Value::Integer(number) => u64::try_from(*number).map_err(|_| wrong("a whole number")),
            _ => Err(wrong("a whole number")),
        };
        let number = || match value {
            Value::Integer(number) => Ok(*number as f64),
            Value::Number(number) => Ok(*number),
            _ => Err(wrong("a number")),
        };
        let norm = || match value {
            Value::Word(word) => Norm::ALL.iter().find(|(known, _)| known == word).map(|&(_, norm)| norm),
            _ => None,
        };
        let norm = || norm().ok_or_else(|| wrong("\"batch\", \"group\" or \"none\""));
        match (self, key) {
            (Self::Mlp(MlpModel { dropout, .. }) | Self::Cnn(CnnModel { dropout, .. }), "dropout") => {
                *dropout = number()?;
            }
            (Self::Cnn(CnnModel { kernel, .. }), "kernel") => *kernel = whole()?,
            (Self::Cnn(CnnModel { pooling, .. }), "pooling") => *pooling = whole()?,
            (Self::Cnn(CnnModel { norm: to, .. }) | Self::ResNet(ResNetModel { norm: to, .. }), "norm") => {
                *to = norm()?;
            }
            (Self::ResNet(ResNetModel { depth, .. }), "depth") => *depth = whole()?,
            (Self::ResNet(ResNetModel { width, .. }), "width") => *width = whole()?,
            (Self::Python(code), key) => code.set(key, value),
            _ => return Err(no_such_key),
        }
        Ok(())
    }

    /// The model with these keys set. What was checked cannot fail.
    #[must_use]
    pub fn with(mut self, settings: &[(String, Value)]) -> Self {
        for (key, value) in settings {
            let _ = self.set(key, value);
        }
        self
    }
}

impl PythonCode {
    fn set(&mut self, name: &str, value: &Value) {
        let value = Argument::One(value.clone());
        match self.arguments.iter_mut().find(|(known, _)| known == name) {
            Some((_, argument)) => *argument = value,
            None => self.arguments.push((name.to_owned(), value)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::FileSource;

    #[test]
    fn each_kind_has_scalars_of_its_own() {
        let mut resnet = ModelSpec::ResNet(ResNetModel::default());
        resnet.set("width", &Value::Integer(32)).unwrap();
        resnet.set("norm", &Value::Word("group".to_owned())).unwrap();
        assert_eq!(resnet, ModelSpec::ResNet(ResNetModel { depth: 20, width: 32, norm: Norm::Group }));
        let error = resnet.set("dropout", &Value::Number(0.5)).unwrap_err().to_string();
        assert_eq!(error, "`dropout` is no scalar key of kind = \"resnet\"; it has depth, width, norm");
        let error = resnet.set("width", &Value::Word("wide".to_owned())).unwrap_err().to_string();
        assert_eq!(error, "`width` takes a whole number, not \"wide\"");
        assert!(ModelSpec::Linear.set("width", &Value::Integer(1)).is_err());
    }

    #[test]
    fn arguments_of_a_users_function_are_set_or_added() {
        let code = PythonCode {
            file: FileSource::OnWorker("net.py".to_owned()),
            function: "build".to_owned(),
            arguments: vec![("width".to_owned(), Argument::One(Value::Integer(16)))],
        };
        let settings =
            [("width", 64), ("depth", 2)].map(|(key, value)| (key.to_owned(), Value::Integer(value)));
        let ModelSpec::Python(code) = ModelSpec::Python(code).with(&settings) else { unreachable!() };
        let one = |value| Argument::One(Value::Integer(value));
        assert_eq!(code.arguments, [("width".to_owned(), one(64)), ("depth".to_owned(), one(2))]);
    }
}
