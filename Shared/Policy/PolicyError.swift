import Errors
package import Resilience

/// Why the policy engine could not be made, reloaded or asked.
package struct PolicyError: DependencyError, DescribedError, Sendable, Equatable {
    /// What went wrong.
    package enum Code: String, Sendable, CaseIterable {
        /// The engine's library is not there or is not the one expected.
        case libraryMissing
        /// A policy file or its data cannot be read.
        case unreadable
        /// The engine does not take a policy or its data.
        case badPolicy
        /// The policies load but give no usable decision.
        case badDecision
        /// The engine said that the evaluation failed.
        case evaluationFailed
        /// The engine's answer cannot be read.
        case badAnswer
        /// Too many questions wait already.
        case overloaded
        /// The policy server cannot be reached or answers with an error.
        case unreachable
    }

    /// What went wrong.
    package let code: Code
    /// What went wrong, with which file or address, and what to do.
    package let message: String

    /// Whether asking again later may help.
    package var isRetriable: Bool { code == .overloaded || code == .unreachable }

    /// What it says about the engine.
    package var outcome: CircuitBreakerStateMachine.Outcome {
        switch code {
        case .unreachable, .evaluationFailed, .badAnswer: .failure
        case .overloaded, .libraryMissing, .unreadable, .badPolicy, .badDecision: .unknown
        }
    }

    /// Whether it may be asked again: a question changes nothing.
    package var verdict: Retrier.Verdict { isRetriable ? .again() : .giveUp }

    /// The code and the message.
    package var description: String { "PolicyError.\(code.rawValue): \(message)" }

    /// Makes an error.
    package init(_ code: Code, _ message: String) {
        self.code = code
        self.message = message
    }
}
