import Dispatch
package import JSON
package import Observability
import Synchronization

/// The Open Policy Agent engine inside this process.
///
/// An evaluation blocks for some hundred microseconds, so it runs on a few queues of its own. Policies are replaced by
/// building a new engine beside the old one; questions under way finish with the one that they began with.
package final class EmbeddedOPA: PolicyEngine {
    /// Where things are and how much may wait.
    package struct Configuration: Sendable {
        /// The engine's library, `libopabridge.so`.
        package var libraryPath: String
        /// How many evaluations may run at the same time.
        ///
        /// Default 2.
        package var threadCount = 2
        /// How many questions may run or wait; one more is denied at once.
        ///
        /// Default 1024.
        package var waitingMax = 1024

        /// The defaults, with the library's path.
        package init(libraryPath: String) {
            self.libraryPath = libraryPath
        }
    }

    private let library: OPALibrary
    private let configuration: Configuration
    private let logger: Logger
    private let queues: [DispatchQueue]
    private let current: Mutex<OPAInstance>
    private let waiting = Atomic<Int>(0)
    private let next = Atomic<Int>(0)

    /// Loads the library and the policies, and checks that they decide.
    ///
    /// Blocks for some 100 ms. - Throws: ``PolicyError``.
    package init(_ configuration: Configuration, bundle: PolicyBundle, logger: Logger) throws {
        precondition(configuration.threadCount > 0 && configuration.waitingMax > 0, "limits are positive")
        let library = try OPALibrary(path: configuration.libraryPath)
        let instance = try OPAInstance(library: library, bundle: bundle)
        try instance.probe()
        self.library = library
        self.configuration = configuration
        self.logger = logger
        current = Mutex(instance)
        queues = (0..<configuration.threadCount).map { DispatchQueue(label: "parley.policy.\($0)") }
    }

    /// Asks the policies; denies when the engine fails.
    package func decide(_ input: PolicyInput) async throws -> PolicyDecision {
        try Task.checkCancellation()
        do {
            return PolicyDecision(result: try await evaluate(PolicyDecision.documentPath, input.json))
        } catch let error as PolicyError {
            logger.error(
                "the policy engine failed: denied",
                [.error: .error(error), .code: .string(error.code.rawValue)]
            )
            return PolicyDecision(engineFailure: error)
        }
    }

    /// Evaluates any document below `data`; nil when it is undefined.
    /// - Throws: ``PolicyError``.
    package func evaluate(_ path: String, _ input: JSONValue) async throws -> JSONValue? {
        let text = input.string
        let instance = current.withLock { $0 }
        return try await onQueue { try instance.evaluate(path, text) }
    }

    /// Takes on new policies.
    ///
    /// When they are not usable the old ones stay in force. - Throws: ``PolicyError``.
    package func reload(_ bundle: PolicyBundle) async throws {
        let library = library
        let instance = try await onQueue {
            let instance = try OPAInstance(library: library, bundle: bundle)
            try instance.probe()
            return instance
        }
        // The old engine is let go of outside the lock, because destroying it takes time.
        let old = current.withLock { current in
            defer { current = instance }
            return current
        }
        withExtendedLifetime(old) {}
        logger.info("policies reloaded", [.count: .integer(bundle.modules.count)])
    }

    private func onQueue<Result: Sendable>(_ body: @escaping @Sendable () throws -> Result) async throws -> Result {
        let ahead = waiting.wrappingAdd(1, ordering: .relaxed).oldValue
        defer { waiting.wrappingSubtract(1, ordering: .relaxed) }
        guard ahead < configuration.waitingMax else {
            throw PolicyError(.overloaded, "\(configuration.waitingMax) questions wait for the policy engine already")
        }
        let turn = next.wrappingAdd(1, ordering: .relaxed).oldValue
        let queue = queues[Int(UInt(bitPattern: turn) % UInt(queues.count))]
        return try await withCheckedThrowingContinuation { continuation in
            queue.async { continuation.resume(with: Swift.Result { try body() }) }
        }
    }
}
