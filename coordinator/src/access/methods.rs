//! Which scope each method needs. The one place that says so: a method that is not listed here is refused, and a test
//! asks a running server for all of its methods.

use domain::access::Scope;

/// Who may call a method.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Everybody, without a token: load balancers and container health checks have none.
    Open,
    /// Every holder of a valid token.
    AnyToken,
    /// Holders of a token with this scope.
    Scope(Scope),
}

const SUBMIT: Access = Access::Scope(Scope::Submit);
const WORK: Access = Access::Scope(Scope::Work);
const READ: Access = Access::Scope(Scope::Read);
const ADMIN: Access = Access::Scope(Scope::Admin);

/// Every method, by its path.
const METHODS: [(&str, Access); 37] = [
    ("/grpc.health.v1.Health/Check", Access::Open),
    ("/grpc.health.v1.Health/Watch", Access::Open),
    ("/grpc.reflection.v1.ServerReflection/ServerReflectionInfo", Access::AnyToken),
    // What a coordinator is: the first call of every client, whatever it wants next.
    ("/batchsweep.v1.SweepService/GetServerInfo", Access::AnyToken),
    ("/batchsweep.v1.SweepService/FindUpload", SUBMIT),
    ("/batchsweep.v1.SweepService/UploadFile", SUBMIT),
    ("/batchsweep.v1.SweepService/CreateSweep", SUBMIT),
    ("/batchsweep.v1.SweepService/PauseSweep", SUBMIT),
    ("/batchsweep.v1.SweepService/ResumeSweep", SUBMIT),
    ("/batchsweep.v1.SweepService/CancelSweep", SUBMIT),
    ("/batchsweep.v1.SweepService/RetrySweep", SUBMIT),
    ("/batchsweep.v1.SweepService/ExtendSweep", SUBMIT),
    ("/batchsweep.v1.SweepService/WeighSweep", SUBMIT),
    ("/batchsweep.v1.SweepService/RenameSweep", SUBMIT),
    ("/batchsweep.v1.SweepService/TagSweep", SUBMIT),
    ("/batchsweep.v1.SweepService/RemoveSweeps", SUBMIT),
    ("/batchsweep.v1.SweepService/GetSweep", READ),
    ("/batchsweep.v1.SweepService/ListSweeps", READ),
    ("/batchsweep.v1.SweepService/WatchSweep", READ),
    ("/batchsweep.v1.SweepService/ListRows", READ),
    ("/batchsweep.v1.SweepService/ListKnownMemory", READ),
    ("/batchsweep.v1.SweepService/Query", READ),
    ("/batchsweep.v1.WorkerService/RegisterWorker", WORK),
    ("/batchsweep.v1.WorkerService/ClaimTrials", WORK),
    ("/batchsweep.v1.WorkerService/FetchUpload", WORK),
    ("/batchsweep.v1.WorkerService/Heartbeat", WORK),
    ("/batchsweep.v1.WorkerService/ReportMetrics", WORK),
    ("/batchsweep.v1.WorkerService/ReportFindings", WORK),
    ("/batchsweep.v1.WorkerService/ReportCheckpoint", WORK),
    ("/batchsweep.v1.WorkerService/CompleteTrial", WORK),
    ("/batchsweep.v1.WorkerService/FailTrial", WORK),
    ("/batchsweep.v1.WorkerService/ReleaseTrial", WORK),
    ("/batchsweep.v1.FleetService/DrainWorker", ADMIN),
    ("/batchsweep.v1.FleetService/ResumeWorker", ADMIN),
    ("/batchsweep.v1.TokenService/CreateToken", ADMIN),
    ("/batchsweep.v1.TokenService/ListTokens", ADMIN),
    ("/batchsweep.v1.TokenService/RevokeTokens", ADMIN),
];

/// Who may call the method at this path; `None` for one that is not listed.
#[must_use]
pub fn access(path: &str) -> Option<Access> {
    METHODS.iter().find(|(listed, _)| *listed == path).map(|(_, access)| *access)
}

/// Whether a call of the method at this path is more than one message.
#[must_use]
pub fn is_streamed(path: &str) -> bool {
    ["/batchsweep.v1.SweepService/UploadFile", "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo"]
        .contains(&path)
}

/// The paths of all listed methods.
pub fn listed() -> impl Iterator<Item = &'static str> {
    METHODS.iter().map(|(path, _)| *path)
}
