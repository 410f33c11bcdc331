import Errors
package import Observability
import Synchronization

extension LogKey {
    /// A circuit breaker's name.
    static let breaker = LogKey("breaker")
}

/// Stands before the calls of one dependency: lets them through while it works, refuses them at once while it does not.
///
/// Safe to share. ``run(_:)`` is the usual way; ``begin()`` and ``end(_:_:error:)`` are for calls that are no
/// single function.
package final class CircuitBreaker: Sendable {
    /// What operators see of a breaker.
    package struct Status: Sendable, Equatable {
        /// The breaker's name.
        package let name: String
        /// Its state.
        package let state: CircuitBreakerStateMachine.State
        /// Since when it is in that state.
        package let since: WallClock
        /// Failures in a row while calls go through.
        package let consecutiveFailures: Int
        /// The last error that counted; it stays when the dependency has recovered.
        package let lastError: String?
    }

    private struct Guarded {
        var machine: CircuitBreakerStateMachine
        var since: WallClock
        var lastError: String?
    }

    /// The longest error text that is kept, in bytes.
    package static let errorBytesMax = 512

    /// The dependency's name, such as `postgres` or `model:default`.
    package let name: String
    private let guarded: Mutex<Guarded>
    private let logger: Logger
    private let instruments: CircuitBreakerInstruments?
    private let now: @Sendable () -> ContinuousClock.Instant
    private let wallClock: @Sendable () -> WallClock

    /// Makes a closed breaker that stands for itself; those of a process come from a ``CircuitBreakerRegistry``.
    ///
    /// - Parameters:
    ///   - name: The dependency's name; no text of a user.
    ///   - limits: When it opens, and for how long.
    ///   - logger: Is told of each change.
    ///   - now: The clock.
    ///   - wallClock: The clock for operators.
    package convenience init(
        name: String,
        limits: CircuitBreakerStateMachine.Limits = .init(),
        logger: Logger = .disabled,
        now: @escaping @Sendable () -> ContinuousClock.Instant = { .now },
        wallClock: @escaping @Sendable () -> WallClock = WallClock.now
    ) {
        self.init(name: name, limits: limits, logger: logger, instruments: nil, now: now, wallClock: wallClock)
    }

    init(
        name: String,
        limits: CircuitBreakerStateMachine.Limits,
        logger: Logger,
        instruments: CircuitBreakerInstruments?,
        now: @escaping @Sendable () -> ContinuousClock.Instant,
        wallClock: @escaping @Sendable () -> WallClock
    ) {
        self.name = name
        self.logger = logger
        self.instruments = instruments
        self.now = now
        self.wallClock = wallClock
        guarded = Mutex(Guarded(machine: CircuitBreakerStateMachine(limits: limits), since: wallClock()))
        instruments?.state.set(CircuitBreakerInstruments.number(of: .closed))
    }

    /// How it is.
    package var status: Status {
        guarded.withLock { guarded in
            Status(
                name: name,
                state: guarded.machine.state,
                since: guarded.since,
                consecutiveFailures: guarded.machine.consecutiveFailures,
                lastError: guarded.lastError
            )
        }
    }

    /// Whether it holds nothing that a new breaker would not know.
    var isPristine: Bool { guarded.withLock(\.machine.isPristine) }

    /// Makes a call, unless the dependency has failed too often.
    ///
    /// - Parameter call: The call; its errors say by ``DependencyError`` whether they count.
    /// - Returns: What the call returns.
    /// - Throws: ``CircuitBreakerError`` without calling, or what the call throws.
    package func run<Value>(_ call: () async throws -> Value) async throws -> Value {
        let permit = try begin()
        do {
            let value = try await call()
            end(permit, .success)
            return value
        } catch {
            end(permit, CircuitBreakerStateMachine.Outcome(of: error), error: error)
            throw error
        }
    }

    /// Asks for the right to make a call; each permit goes back with ``end(_:_:error:)``.
    /// - Throws: ``CircuitBreakerError`` when the dependency is not to be called now.
    package func begin() throws(CircuitBreakerError) -> CircuitBreakerStateMachine.Permit {
        switch change({ machine, now in machine.begin(now: now) }) {
        case .admitted(let permit):
            return permit
        case .refused(let retryAfter):
            instruments?.refused.increment()
            throw CircuitBreakerError(breaker: name, retryAfter: retryAfter)
        }
    }

    /// Notes how a call ended; `error` is kept when it counts as a failure.
    package func end(
        _ permit: CircuitBreakerStateMachine.Permit,
        _ outcome: CircuitBreakerStateMachine.Outcome,
        error: (any Error)? = nil
    ) {
        // The text is only made for what counts: descriptions of errors cost more than a call of Redis.
        let text = outcome == .failure ? error.map(\.loggable) : nil
        change(error: text) { machine, now in machine.end(permit, outcome, now: now) }
    }

    /// Whether a call would be refused now.
    package var isRefusing: Bool {
        let instant = now()
        return guarded.withLock { $0.machine.refuses(now: instant) }
    }

    /// Notes that the dependency failed, seen outside of a call: the client could not connect.
    package func fail(_ error: any Error) {
        change(error: error.loggable) { machine, now in machine.fail(now: now) }
    }

    /// Notes that the dependency is there again, seen outside of a call: the client has connected.
    package func recover() {
        if isPristine { return }
        change { machine, _ in machine.recover() }
    }

    @discardableResult
    private func change<Answer>(
        error: String? = nil,
        _ event: (inout CircuitBreakerStateMachine, ContinuousClock.Instant) -> Answer
    ) -> Answer {
        let instant = now()
        let (answer, new) = guarded.withLock { guarded in
            let before = guarded.machine.state
            let answer = event(&guarded.machine, instant)
            if let error { guarded.lastError = String(decoding: error.utf8.prefix(Self.errorBytesMax), as: UTF8.self) }
            let after = guarded.machine.state
            guard before != after else { return (answer, CircuitBreakerStateMachine.State?.none) }
            guarded.since = wallClock()
            // Within the lock, so that the last state is the one that is seen; it is one atomic store.
            instruments?.state.set(CircuitBreakerInstruments.number(of: after))
            return (answer, after)
        }
        if let new { report(new, error: error) }
        return answer
    }

    private func report(_ state: CircuitBreakerStateMachine.State, error: String?) {
        var fields: LogMetadata = [.breaker: .string(name), .status: .string(state.rawValue)]
        if let error { fields[.error] = .string(error) }
        switch state {
        case .open:
            instruments?.opened.increment()
            logger.warning("a circuit breaker opened: the dependency is not called for a while", fields)
        case .halfOpen:
            logger.info("a circuit breaker lets one call through to try", fields)
        case .closed:
            logger.info("a circuit breaker closed: the dependency works again", fields)
        }
    }
}
