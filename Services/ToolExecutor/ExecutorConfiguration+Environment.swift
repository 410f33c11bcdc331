import Configuration
import ServiceKit

extension ExecutorConfiguration {
    /// Reads every setting of an executor.
    init(environment: inout EnvironmentReader) {
        service = ServiceSettings(name: "parley-executor", httpPort: 8031, environment: &environment)
        group = environment.string(
            "PARLEY_EXECUTOR_GROUP",
            default: "parley-executor",
            help: "group that executors share"
        )
        runsMax = environment.int(
            "PARLEY_EXECUTOR_RUNS_MAX",
            default: 64,
            in: 1...10_000,
            help: "tools that run at once; a full executor pauses its partitions"
        )
        drainTimeout = environment.duration(
            "PARLEY_EXECUTOR_DRAIN",
            default: .seconds(15),
            in: .zero ... .seconds(16),
            help: "how long running tools may go on when the executor stops; then another runs what may be run again"
        )
        tools = ToolSettings(environment: &environment, runsTools: true)
        policy = PolicySettings(environment: &environment)
    }
}
