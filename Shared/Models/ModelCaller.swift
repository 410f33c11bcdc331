package import Observability
package import Resilience
import Synchronization

/// Follows a call that may be tried more than once.
package protocol ModelCallListener: Sendable {
    /// The model said something; never empty.
    func receive(_ text: String) async
    /// A new try begins, and what was said so far is void.
    ///
    /// - Throws: What ends the call: the caller may have lost the right to go on.
    func restart() async throws
    /// Whether another profile may answer, because the first cannot.
    func mayUse(_ fallback: ModelProfile) async throws -> Bool
}

/// A model that may be asked.
package struct ModelCandidate: Sendable {
    /// How it is used.
    package let profile: ModelProfile
    /// Asks it, once.
    package let provider: any ModelProvider
    /// Keeps it from being asked while it does not answer.
    package let breaker: CircuitBreaker

    /// Makes a candidate.
    package init(profile: ModelProfile, provider: any ModelProvider, breaker: CircuitBreaker) {
        self.profile = profile
        self.provider = provider
        self.breaker = breaker
    }
}

/// An answer, and whose it is.
package struct ModelAnswer: Sendable, Equatable {
    /// The answer.
    package let response: ModelResponse
    /// The name of the profile that answered.
    package let profile: String
    /// How often it was asked, the failed tries of other profiles among them.
    package let tries: Int
}

/// Asks a model until it answers: repeats tries that failed, then asks the fallback, then says honestly why not.
///
/// Within the request's deadline each profile is tried as often as its retry policy says. While a profile's breaker is
/// open it is not asked: with a fallback that one is asked at once, without one the call waits for the breaker's probe,
/// up to ``Configuration/patience``.
package struct ModelCaller: Sendable {
    /// The limits of a call.
    package struct Configuration: Sendable {
        /// How long a call waits, in all, for a model whose breaker is open and that has no fallback.
        ///
        /// Default 2 minutes: longer than a breaker is open four times on end, so that a model that fails now and then
        /// makes turns late and lets none fail.
        package var patience: Duration = .seconds(120)

        /// The defaults.
        package init() {}
    }

    private let primary: ModelCandidate
    private let fallback: ModelCandidate?
    private let configuration: Configuration
    private let surroundings: Retrier.Surroundings
    private let retries: MetricFamily<Counter>
    private let logger: Logger

    /// Makes a caller.
    /// - Parameters:
    ///   - primary: Is asked first.
    ///   - fallback: Is asked when the first does not answer.
    ///   - configuration: Limits.
    ///   - metrics: Where repeated tries are counted.
    ///   - logger: For failed tries.
    ///   - surroundings: Time and chance.
    package init(
        _ primary: ModelCandidate,
        fallback: ModelCandidate? = nil,
        configuration: Configuration = Configuration(),
        metrics: MetricsRegistry = MetricsRegistry(),
        logger: Logger = .disabled,
        surroundings: Retrier.Surroundings = Retrier.Surroundings()
    ) {
        self.primary = primary
        self.fallback = fallback
        self.configuration = configuration
        self.surroundings = surroundings
        self.logger = logger
        retries = metrics.counter(
            "parley_model_failed_tries_total",
            "Tries of model calls that failed, by profile and reason.",
            labels: ["profile", "code"]
        )
    }

    /// Asks until there is an answer, or no use in asking.
    ///
    /// - Parameters:
    ///   - request: What to ask; its deadline holds for all tries together.
    ///   - listener: Follows what is said.
    /// - Returns: The answer.
    /// - Throws: `ModelError`, the first profile's when both fail; what the listener throws.
    package func complete(_ request: ModelRequest, _ listener: some ModelCallListener) async throws -> ModelAnswer {
        let call = Call(request: request, listener: listener)
        do {
            let response = try await ask(primary, call, patience: fallback == nil ? configuration.patience : .zero)
            return ModelAnswer(response: response, profile: primary.profile.name, tries: call.tries)
        } catch let error as ModelError where error.isForFallback {
            guard let fallback, request.deadline.map({ $0 > surroundings.now() }) ?? true,
                try await listener.mayUse(fallback.profile)
            else { throw error }
            logger.warning(
                "a model did not answer: asking the fallback",
                [.model: .string(primary.profile.name), .error: .error(error)]
            )
            call.isFallback = true
            do {
                let response = try await ask(fallback, call, patience: .zero)
                return ModelAnswer(response: response, profile: fallback.profile.name, tries: call.tries)
            } catch let second as ModelError where second.code != .cancelled && second.code != .shutDown {
                logger.warning(
                    "the fallback did not answer either",
                    [.model: .string(fallback.profile.name), .error: .error(second)]
                )
                throw error
            }
        }
    }

    /// Asks one model as often as its policy says.
    private func ask<Listener: ModelCallListener>(
        _ candidate: ModelCandidate,
        _ call: Call<Listener>,
        patience: Duration
    ) async throws -> ModelResponse {
        let retrier = Retrier(candidate.profile.retries, surroundings: surroundings)
        var retry = 0
        while true {
            let permit = try await admission(to: candidate, call, patience: patience)
            do {
                return try await call.attempt(candidate, permit)
            } catch let error as ModelError {
                retries.labels(candidate.profile.name, error.code.rawValue).increment()
                guard case .again(let retryAfter) = error.verdict,
                    let delay = retrier.delay(retry: retry, retryAfter: retryAfter, deadline: call.request.deadline)
                else { throw error }
                retry += 1
                logger.info(
                    "a model call failed and is tried again",
                    [
                        .model: .string(candidate.profile.name), .attempt: .integer(retry), .error: .error(error),
                        .durationMilliseconds: .milliseconds(delay),
                    ]
                )
                try await pause(delay)
            }
        }
    }

    /// Waits until the breaker lets a try through.
    private func admission(
        to candidate: ModelCandidate,
        _ call: Call<some ModelCallListener>,
        patience: Duration
    ) async throws -> CircuitBreakerStateMachine.Permit {
        let end = min(surroundings.now() + patience, call.request.deadline ?? surroundings.now() + patience)
        while true {
            do {
                return try candidate.breaker.begin()
            } catch {
                guard surroundings.now() + error.retryAfter <= end else {
                    throw ModelError(
                        code: .unavailable,
                        message: "the model has failed repeatedly and is not asked at the moment; try again later",
                        retryAfter: error.retryAfter
                    )
                }
                try await pause(error.retryAfter)
            }
        }
    }

    private func pause(_ delay: Duration) async throws {
        do {
            try await surroundings.sleep(delay)
        } catch {
            throw ModelError(code: .cancelled, message: "the model call was cancelled")
        }
    }
}

/// One call with all of its tries, which come one after another.
private final class Call<Listener: ModelCallListener>: Sendable {
    private struct State {
        var hasText = false
        var tries = 0
        var isFallback = false
    }

    let request: ModelRequest
    private let listener: Listener
    private let state = Mutex(State())

    init(request: ModelRequest, listener: Listener) {
        self.request = request
        self.listener = listener
    }

    var tries: Int { state.withLock(\.tries) }

    var isFallback: Bool {
        get { state.withLock(\.isFallback) }
        set { state.withLock { $0.isFallback = newValue } }
    }

    /// Makes one try and tells the breaker of it.
    func attempt(_ candidate: ModelCandidate, _ permit: CircuitBreakerStateMachine.Permit) async throws -> ModelResponse
    {
        let breaker = candidate.breaker
        let hadText = state.withLock { state in
            state.tries += 1
            defer { state.hasText = false }
            return state.hasText
        }
        do {
            if hadText { try await listener.restart() }
            var request = request
            if isFallback, let key = request.idempotencyKey { request.idempotencyKey = key + "/fallback" }
            let response = try await candidate.provider.complete(request) { [self] text in
                let isFirst = state.withLock { state in
                    defer { state.hasText = true }
                    return !state.hasText
                }
                // The probe has shown that the model answers; the others need not wait until it has said everything.
                if isFirst, breaker.status.state == .halfOpen { breaker.end(permit, .success) }
                await listener.receive(text)
            }
            breaker.end(permit, .success)
            return response
        } catch let error as ModelError {
            breaker.end(permit, error.outcome, error: error)
            throw error
        } catch {
            breaker.end(permit, .unknown)
            throw error
        }
    }
}

extension ModelError: DependencyError {
    /// What the failure says about the provider: a refusal of this one request says that it answers.
    package var outcome: CircuitBreakerStateMachine.Outcome {
        switch code {
        case .connectFailed, .timedOut, .unavailable, .incomplete, .malformedResponse: .failure
        case .unauthorized, .invalidRequest, .contextTooLong, .responseTooLarge: .success
        case .rateLimited, .overloaded, .cancelled, .configuration, .shutDown: .unknown
        }
    }

    /// Whether the same call may be made again: a model call changes nothing but the bill.
    package var verdict: Retrier.Verdict {
        isRetriable ? .again(after: retryAfter) : .giveUp
    }

    /// Whether another model may do better: not when the request itself is at fault, or nobody waits any more.
    fileprivate var isForFallback: Bool {
        switch code {
        case .cancelled, .shutDown, .invalidRequest, .contextTooLong, .responseTooLarge: false
        case .connectFailed, .timedOut, .unauthorized, .rateLimited, .unavailable, .overloaded, .incomplete,
            .malformedResponse, .configuration:
            true
        }
    }
}
