import TestKit

/// One thing that goes wrong under load, and how well the platform has to take it.
struct Scenario: Sendable {
    /// What must hold afterwards.
    struct Bars: Sendable {
        /// The longest time from the fault, or from the return of what was away, to the answer of a turn that was under
        /// way; nil: no bar.
        var recovery: Duration?
        /// Whether turns may end with an honest failure.
        var mayFail = false
        /// How many requests may fail in another way than 503 or 429 with a time to come back; nil: any number, because
        /// what clients connect to is itself what breaks.
        var clientErrors: Int? = 0

        /// What is not met, in words.
        /// - Parameters:
        ///   - recoveries: How long turns that were under way took, sorted.
        ///   - errors: How many requests failed.
        /// - Returns: A line for each bar.
        func misses(recoveries: [Duration], errors: Int) -> [String] {
            var misses: [String] = []
            if let bar = clientErrors, errors > bar { misses.append("client_errors \(errors)") }
            guard let bar = recovery else { return misses }
            if recoveries.isEmpty { misses.append("recovery: no turn was under way") }
            if let longest = recoveries.last, longest > bar {
                misses.append("recovery \(longest.text), bar \(bar.text)")
            }
            return misses
        }
    }

    /// What a scenario needs besides the platform as it is.
    enum Need: Sendable, Hashable {
        /// A second worker.
        case secondWorker
        /// A second executor.
        case secondExecutor
        /// A second gateway, to which clients go in turn.
        case secondGateway
        /// The policy engine as a server of its own.
        case policyServer
        /// A second model, which is always well and is asked when the first does not answer.
        case fallbackModel
        /// A small disk for Postgres.
        case smallDisk
        /// A wall clock of its own for the gateway, the worker or the executor.
        case jumpingClock(String)
        /// A proxy in front of a part.
        case proxy(Link)
        /// A proxy between a part and the first worker only.
        case proxyOfFirstWorker(Link)
    }

    /// What it is called: a family, and the moment after a point.
    let name: String
    /// What goes wrong.
    let summary: String
    /// What it needs.
    var needs: Set<Need> = []
    /// Settings of all services.
    var environment: [String: String] = [:]
    /// What must hold.
    var bars = Bars()
    /// The longest that a client thinks before it says something: where a fault takes long, the load has to last.
    var pauseMax = Duration.milliseconds(400)
    /// Prepares the platform before the load begins.
    var prepare: @Sendable (Platform) async throws -> Void = { _ in }
    /// Makes it go wrong.
    let faults: @Sendable (ChaosRun) async throws -> Void

    /// Every scenario, family by family.
    static let all: [Scenario] =
        WorkerScenarios.all + ExecutorScenarios.all + GatewayScenarios.all + BrokerScenarios.all
        + DatabaseScenarios.all + CacheScenarios.all + PolicyScenarios.all + ModelScenarios.all
        + NetworkScenarios.all + DeliveryScenarios.all + MachineScenarios.all

    /// The scenarios that a word chooses: one by its name, or a family.
    static func chosen(by word: String) -> [Scenario] {
        all.filter { $0.name == word || $0.name.hasPrefix(word + ".") }
    }
}

/// A part that others connect to.
enum Link: String, Sendable, Hashable, CaseIterable {
    case postgres
    case redis
    case broker
    case model
    case policy
    case gateway
    case tools
}
