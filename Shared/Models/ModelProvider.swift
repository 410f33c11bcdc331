/// Something that answers like a language model.
///
/// A call runs in the caller's task: cancelling that task ends it, and it starts no tasks of its own. A provider asks
/// once; ``ModelCaller`` repeats tries and has a fallback. Wrappers (recording) are providers that hold a provider.
package protocol ModelProvider: Sendable {
    /// Asks the model and waits for the complete answer.
    ///
    /// - Parameters:
    ///   - request: what to ask.
    ///   - onDelta: gets the text piece by piece as it comes, never empty; together the pieces are the answer's `text`.
    ///     The next piece waits until it returns. After an error what it got is void.
    /// - Returns: the answer; only ever a complete one.
    /// - Throws: `ModelError`.
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
