import TestKit

/// A worker that is lost, or that stands still.
enum WorkerScenarios {
    static let all: [Scenario] = [
        Scenario(
            name: "worker_kill.mid_stream",
            summary: "one of two workers is killed while the model's answers stream",
            needs: [.secondWorker],
            bars: .init(recovery: .seconds(5)),
            faults: { run in
                try await run.reach(0.3)
                try await run.model.nextCall()
                try await Task.sleep(for: .milliseconds(100))
                run.markFault()
                try await run.platform.worker.kill9()
            }
        )
    ]
}
