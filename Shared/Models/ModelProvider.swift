/// Something that answers like a language model.
///
/// A call runs in the caller's task: cancelling that task ends it, and it starts no tasks of its own. Wrappers
/// (fallback, recording, breakers that span instances) are providers that hold a provider.
package protocol ModelProvider: Sendable {
    /// Asks the model and waits for the complete answer.
    ///
    /// - Parameters:
    ///   - request: what to ask.
    ///   - onDelta: gets the text piece by piece as it comes, never empty; together the pieces are the answer's `text`.
    ///     The next piece waits until it returns. After an error what it got is void.
    /// - Returns: the answer; only ever a complete one.
    /// - Throws: `ModelError`. A call that has given out a piece is not tried again by itself.
    func complete(
        _ request: ModelRequest,
        onDelta: @Sendable (String) async -> Void
    ) async throws(ModelError) -> ModelResponse
}

extension ModelProvider {
    /// Asks the model and waits for the complete answer, without looking at the pieces.
    package func complete(_ request: ModelRequest) async throws(ModelError) -> ModelResponse {
        try await complete(request, onDelta: { _ in })
    }
}

/// Stands before every try of a provider: the place for a circuit breaker or a limit of calls in flight.
package protocol ModelCallGate: Sendable {
    /// Lets a try begin, or throws why not: then the call fails with that, and `end` is not called.
    func begin() throws(ModelError)
    /// Notes how the try that began has ended; nil: well.
    func end(_ error: ModelError?)
}

/// A gate that is always open.
package struct OpenModelCallGate: ModelCallGate {
    /// Makes the gate.
    package init() {}
    /// Lets every try begin.
    package func begin() throws(ModelError) {}
    /// Notes nothing.
    package func end(_ error: ModelError?) {}
}
