//! The messages in TensorBoard's event files, as far as scalars and hyperparameters need them: `tensorflow.Event`,
//! `tensorflow.Summary` and the hparams plugin's data, with their field numbers.

use std::collections::BTreeMap;

use prost::Message;

/// One entry of an event file.
#[derive(Clone, PartialEq, Message)]
pub struct Event {
    /// Seconds since 1970.
    #[prost(double, tag = "1")]
    pub wall_time: f64,
    /// Optimizer steps done.
    #[prost(int64, tag = "2")]
    pub step: i64,
    /// In the first event of a file alone: `brain.Event:2`.
    #[prost(string, optional, tag = "3")]
    pub file_version: Option<String>,
    /// What is told.
    #[prost(message, optional, tag = "5")]
    pub summary: Option<Summary>,
}

/// What an event tells.
#[derive(Clone, PartialEq, Message)]
pub struct Summary {
    /// Any number of values.
    #[prost(message, repeated, tag = "1")]
    pub value: Vec<Value>,
}

/// A value under a tag.
#[derive(Clone, PartialEq, Message)]
pub struct Value {
    /// The name of the curve.
    #[prost(string, tag = "1")]
    pub tag: String,
    /// The height of the curve at the event's step.
    #[prost(float, optional, tag = "2")]
    pub simple_value: Option<f32>,
    /// For a plugin's value: its data.
    #[prost(message, optional, tag = "9")]
    pub metadata: Option<Metadata>,
}

/// What a value is.
#[derive(Clone, PartialEq, Message)]
pub struct Metadata {
    /// Set for the values that only a plugin reads.
    #[prost(message, optional, tag = "1")]
    pub plugin_data: Option<PluginData>,
}

/// A plugin's own data.
#[derive(Clone, PartialEq, Message)]
pub struct PluginData {
    /// The plugin that reads the content: `hparams` in every event of ours.
    #[prost(string, tag = "1")]
    pub plugin_name: String,
    /// An encoded [`HParams`].
    #[prost(bytes = "vec", tag = "2")]
    pub content: Vec<u8>,
}

/// The hparams plugin's data: either of the two.
#[derive(Clone, PartialEq, Message)]
pub struct HParams {
    /// With what a run began.
    #[prost(message, optional, tag = "3")]
    pub session_start_info: Option<SessionStart>,
    /// How it ended.
    #[prost(message, optional, tag = "4")]
    pub session_end_info: Option<SessionEnd>,
}

/// With what a run began.
#[derive(Clone, PartialEq, Message)]
pub struct SessionStart {
    /// The value of every axis, by the keys of the sweep file.
    #[prost(btree_map = "string, message", tag = "1")]
    pub hparams: BTreeMap<String, prost_types::Value>,
    /// Seconds since 1970.
    #[prost(double, tag = "5")]
    pub start_time_secs: f64,
}

/// How a run ended.
#[derive(Clone, PartialEq, Message)]
pub struct SessionEnd {
    /// 0 unknown, 1 success, 2 failure, 3 running.
    #[prost(int32, tag = "1")]
    pub status: i32,
    /// Seconds since 1970.
    #[prost(double, tag = "2")]
    pub end_time_secs: f64,
}

impl Event {
    /// The first event of a file.
    #[must_use]
    pub fn first(wall_time: f64) -> Self {
        Self { wall_time, file_version: Some("brain.Event:2".to_owned()), ..Self::default() }
    }

    /// A point of a curve.
    #[must_use]
    pub fn scalar(wall_time: f64, step: i64, tag: &str, value: f64) -> Self {
        let value = Value { tag: tag.to_owned(), simple_value: Some(value as f32), metadata: None };
        Self { wall_time, step, file_version: None, summary: Some(Summary { value: vec![value] }) }
    }

    /// The hyperparameters of a run.
    #[must_use]
    pub fn start(start: SessionStart) -> Self {
        let wall_time = start.start_time_secs;
        let data = HParams { session_start_info: Some(start), session_end_info: None };
        Self::hparams(wall_time, "_hparams_/session_start_info", &data)
    }

    /// The end of a run.
    #[must_use]
    pub fn end(end: SessionEnd) -> Self {
        let (wall_time, session_end_info) = (end.end_time_secs, Some(end));
        let data = HParams { session_start_info: None, session_end_info };
        Self::hparams(wall_time, "_hparams_/session_end_info", &data)
    }

    fn hparams(wall_time: f64, tag: &str, data: &HParams) -> Self {
        let plugin_data = PluginData { plugin_name: "hparams".to_owned(), content: data.encode_to_vec() };
        let metadata = Some(Metadata { plugin_data: Some(plugin_data) });
        let value = Value { tag: tag.to_owned(), simple_value: None, metadata };
        Self { wall_time, summary: Some(Summary { value: vec![value] }), ..Self::default() }
    }
}
