/// Decides whether a dependency may be called, out of how the calls before went.
///
/// No I/O, no clock: the caller gives the time.
///
/// `closed` → (``Limits/failuresMax`` failures in a row) `open` → (``Limits/openDuration`` later, with the next call)
/// `half_open` → `closed` when that call, the probe, goes well, `open` again when it fails. M. Nygard, "Release It!",
/// "Circuit Breaker". What a call says counts only while the state in which it began lasts: an answer that comes late
/// says nothing about the present.
package struct CircuitBreakerStateMachine: Sendable {
    /// A moment of the monotonic clock.
    package typealias Instant = ContinuousClock.Instant

    /// The state, as operators see it.
    package enum State: String, Sendable, CaseIterable {
        /// Calls go through.
        case closed
        /// One call goes through, the others are refused.
        case halfOpen = "half_open"
        /// Calls are refused.
        case open
    }

    /// How a call ended, for the breaker.
    package enum Outcome: Sendable, Equatable {
        /// The dependency answered, be it with a refusal that is the caller's own fault (bad input, any 4xx but 408).
        case success
        /// The dependency failed: no connection, a cut connection, a time that passed, a 5xx.
        case failure
        /// The call says nothing about the dependency: it was cancelled, or asked to slow down (429).
        case unknown
    }

    /// When the breaker opens, and for how long.
    package struct Limits: Sendable, Equatable {
        /// This many failures in a row open it.
        ///
        /// Default 5.
        package var failuresMax: Int
        /// How long calls are refused before one is let through to try.
        ///
        /// Default 30 s.
        package var openDuration: Duration

        /// Limits; the defaults are those of every dependency of the platform.
        package init(failuresMax: Int = 5, openDuration: Duration = .seconds(30)) {
            precondition(failuresMax > 0, "a breaker needs at least one failure to open")
            precondition(openDuration > .zero, "a breaker must be open for some time")
            self.failuresMax = failuresMax
            self.openDuration = openDuration
        }
    }

    /// The right to make one call; goes back with its outcome.
    package struct Permit: Sendable, Equatable {
        /// Which period of the breaker the call belongs to.
        fileprivate let generation: UInt64
    }

    /// The answer to who wants to call.
    package enum Admission: Sendable, Equatable {
        /// Call, then give the permit back.
        case admitted(Permit)
        /// Do not call; it may be worth trying again after this time.
        case refused(retryAfter: Duration)
    }

    private enum Phase {
        case closed(failures: Int)
        case open(until: Instant)
        /// Without a probe the next call is it.
        case halfOpen(probeSince: Instant?)
    }

    /// After how long a call is worth trying again that was refused because the probe still runs.
    package static let probePause = Duration.seconds(1)

    private let limits: Limits
    private var phase: Phase = .closed(failures: 0)
    private var generation: UInt64 = 0

    /// Makes a closed breaker.
    package init(limits: Limits = Limits()) {
        self.limits = limits
    }

    /// The state.
    package var state: State {
        switch phase {
        case .closed: .closed
        case .halfOpen: .halfOpen
        case .open: .open
        }
    }

    /// Failures in a row while calls go through; 0 once they do not.
    package var consecutiveFailures: Int {
        if case .closed(let failures) = phase { failures } else { 0 }
    }

    /// Whether it holds nothing that a new breaker would not know.
    package var isPristine: Bool { state == .closed && consecutiveFailures == 0 }

    /// A caller wants to call the dependency.
    package mutating func begin(now: Instant) -> Admission {
        switch phase {
        case .closed:
            return .admitted(Permit(generation: generation))
        case .open(let until):
            guard until <= now else { return .refused(retryAfter: now.duration(to: until)) }
            return .admitted(beginProbe(now: now))
        case .halfOpen(.some(let since)) where since.duration(to: now) < limits.openDuration:
            return .refused(retryAfter: Self.probePause)
        case .halfOpen:
            // There is no probe, or it has been away so long that it may never come back.
            return .admitted(beginProbe(now: now))
        }
    }

    /// A call that was admitted has ended.
    package mutating func end(_ permit: Permit, _ outcome: Outcome, now: Instant) {
        guard permit.generation == generation else { return }
        switch (phase, outcome) {
        case (.closed, .success):
            phase = .closed(failures: 0)
        case (.closed(let failures), .failure):
            phase = .closed(failures: failures + 1)
            if failures + 1 >= limits.failuresMax { enter(.open(until: now + limits.openDuration)) }
        case (.halfOpen, .success):
            enter(.closed(failures: 0))
        case (.halfOpen, .failure):
            enter(.open(until: now + limits.openDuration))
        case (.halfOpen, .unknown):
            phase = .halfOpen(probeSince: nil)
        case (.closed, .unknown), (.open, _):
            break
        }
    }

    /// Whether a call would be refused now.
    package func refuses(now: Instant) -> Bool {
        switch phase {
        case .closed, .halfOpen(nil): false
        case .open(let until): now < until
        case .halfOpen(.some(let since)): since.duration(to: now) < limits.openDuration
        }
    }

    /// The dependency has failed outside of a call: the client could not connect.
    package mutating func fail(now: Instant) {
        guard case .closed = phase else { return }
        end(Permit(generation: generation), .failure, now: now)
    }

    /// The dependency has shown outside of a call that it is there: the client has connected again.
    package mutating func recover() {
        enter(.closed(failures: 0))
    }

    private mutating func beginProbe(now: Instant) -> Permit {
        enter(.halfOpen(probeSince: now))
        return Permit(generation: generation)
    }

    private mutating func enter(_ phase: Phase) {
        self.phase = phase
        generation += 1
    }
}
