import Resilience

/// Decides when to connect, and whether a command may be sent now.
///
/// No I/O, no clock.
///
/// `idle` → `connecting` → `ready` → (lost) `idle`; `connecting` → (failed) `pausing` → `connecting`; each → `closed`.
/// Commands are taken in `ready`, and in `connecting` unless the attempt before failed: then Redis counts as absent and
/// they fail at once.
struct RedisConnectionStateMachine: Sendable {
    typealias Instant = ContinuousClock.Instant

    /// What happens to a command.
    enum Submission: Equatable {
        /// It goes into the connection that is there or being made.
        case send
        /// Connect first; it goes out when the connection stands.
        case connect
        /// Redis is absent.
        case unavailable
        /// The client is closed.
        case closed
    }

    private enum Phase: Equatable {
        case idle
        case connecting(since: Instant)
        case ready
        case pausing(until: Instant)
        case closed
    }

    private let configuration: RedisConfiguration
    private var phase: Phase = .idle
    private var failedAttempts = 0

    init(configuration: RedisConfiguration) {
        self.configuration = configuration
    }

    /// Whether commands are answered.
    var isReady: Bool { phase == .ready }

    /// Whether a command would be refused at once.
    var isAbsent: Bool {
        switch phase {
        case .idle, .ready: false
        case .connecting: failedAttempts > 0
        case .pausing, .closed: true
        }
    }

    /// A caller has a command.
    mutating func submit(now: Instant) -> Submission {
        switch phase {
        case .closed: return .closed
        case .ready: return .send
        case .connecting: return failedAttempts > 0 ? .unavailable : .send
        case .pausing: return .unavailable
        case .idle:
            phase = .connecting(since: now)
            return .connect
        }
    }

    /// The connection stands, the login included.
    mutating func connected() {
        guard case .connecting = phase else { return }
        phase = .ready
        failedAttempts = 0
    }

    /// The attempt failed.
    /// - Parameters:
    ///   - now: The time.
    ///   - random: A random number in 0..<1, which the pause is drawn with.
    /// - Returns: Whether it is the first failure, which is worth a line in the log.
    mutating func failed(now: Instant, random: Double) -> Bool {
        guard case .connecting = phase else { return false }
        let policy = RetryPolicy.endless(from: configuration.reconnectDelayMin, to: configuration.reconnectDelayMax)
        phase = .pausing(until: now + policy.pause(retry: failedAttempts, random: random))
        failedAttempts += 1
        return failedAttempts == 1
    }

    /// A connection that stood is gone.
    ///
    /// It is made again with the next tick or command.
    mutating func lost() {
        guard phase == .ready else { return }
        phase = .idle
    }

    /// Time has passed.
    /// - Returns: Whether to connect now.
    mutating func shouldConnect(now: Instant) -> Bool {
        switch phase {
        case .idle: break
        case .pausing(let until): guard until <= now else { return false }
        case .connecting, .ready, .closed: return false
        }
        phase = .connecting(since: now)
        return true
    }

    /// Whether the attempt takes too long.
    func isConnectOverdue(now: Instant) -> Bool {
        guard case .connecting(let since) = phase else { return false }
        return since + configuration.connectTimeout <= now
    }

    /// The client is no longer used.
    mutating func close() {
        phase = .closed
    }
}
