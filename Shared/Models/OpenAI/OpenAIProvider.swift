package import HTTPClient
import JSON

/// Talks to any endpoint that speaks OpenAI's chat completions.
///
/// A try that fails before the first piece of text is repeated as the profile's retry policy says; after that the
/// caller has shown text that a new try would say differently, so it learns of the failure.
package struct OpenAIProvider: ModelProvider {
    /// Where time and chance come from, so that tests decide both.
    package struct Surroundings: Sendable {
        /// The present.
        package var now: @Sendable () -> ContinuousClock.Instant
        /// Waits; throws when the task is cancelled.
        package var sleep: @Sendable (Duration) async throws -> Void
        /// A number in 0..<1.
        package var random: @Sendable () -> Double

        /// The real ones.
        package init() {
            now = { ContinuousClock.now }
            sleep = { try await Task.sleep(for: $0) }
            random = { Double.random(in: 0..<1) }
        }
    }

    private let client: HTTPClientPool
    private let profile: ModelProfile
    private let url: String
    private let gate: any ModelCallGate
    private let surroundings: Surroundings

    /// The longest body of an error that is read.
    private static let errorBodyBytesMax = 64 << 10

    /// Makes a provider for the profile.
    ///
    /// - Parameters:
    ///   - profile: says where the endpoint is and how it is used.
    ///   - client: sends the requests; may be shared.
    ///   - gate: stands before each try.
    ///   - surroundings: time and chance.
    /// - Throws: `configuration` if the profile has no usable base URL.
    package init(
        profile: ModelProfile,
        client: HTTPClientPool,
        gate: any ModelCallGate = OpenModelCallGate(),
        surroundings: Surroundings = Surroundings()
    ) throws(ModelError) {
        guard var base = profile.baseURL, base.hasPrefix("http://") || base.hasPrefix("https://") else {
            throw ModelError(
                code: .configuration,
                message: "model profile \(profile.name) needs a base URL such as https://api.openai.com/v1"
            )
        }
        while base.hasSuffix("/") {
            base.removeLast()
        }
        self.client = client
        self.profile = profile
        self.url = base + "/chat/completions"
        self.gate = gate
        self.surroundings = surroundings
    }

    /// Asks the endpoint, repeating tries that failed before the first piece.
    package func complete(
        _ request: ModelRequest,
        onDelta: @Sendable (String) async -> Void
    ) async throws(ModelError) -> ModelResponse {
        let body = ChatRequestEncoder(profile: profile).encode(request)
        var retry = 0
        while true {
            var hasGivenText = false
            try gate.begin()
            do {
                let response = try await attempt(request, body: body, hasGivenText: &hasGivenText, onDelta: onDelta)
                gate.end(nil)
                return response
            } catch {
                gate.end(error)
                let remaining = request.deadline.map { surroundings.now().duration(to: $0) }
                let random = surroundings.random()
                guard !hasGivenText,
                    let delay = profile.retries.delay(
                        after: error,
                        retry: retry,
                        random: random,
                        remaining: remaining
                    )
                else { throw error }
                retry += 1
                do {
                    try await surroundings.sleep(delay)
                } catch {
                    throw ModelError(code: .cancelled, message: "the model call was cancelled")
                }
            }
        }
    }

    // MARK: One try

    private func attempt(
        _ request: ModelRequest,
        body: [UInt8],
        hasGivenText: inout Bool,
        onDelta: @Sendable (String) async -> Void
    ) async throws(ModelError) -> ModelResponse {
        let stream: HTTPClientStream
        do {
            stream = try await client.stream(httpRequest(request, body: body))
        } catch {
            throw Self.translate(error)
        }
        guard stream.status == 200 else {
            let text = try await collect(stream, bytesMax: Self.errorBodyBytesMax, cutsOff: true)
            throw ChatErrorBody(body: text).modelError(status: stream.status, retryAfter: retryAfter(stream.headers))
        }
        var answer = ChatAnswerStateMachine(request: request, model: profile.model)
        let type = stream.headers["content-type"]?.lowercased() ?? ""
        if type.hasPrefix("text/event-stream") {
            try await readEvents(stream, into: &answer, hasGivenText: &hasGivenText, onDelta: onDelta)
        } else if type.hasPrefix("application/json") {
            let whole = try await collect(stream, bytesMax: profile.responseBytesMax, cutsOff: false)
            if let text = try answer.receiveWhole(whole) {
                hasGivenText = true
                await onDelta(text)
            }
        } else {
            throw ModelError(
                code: .malformedResponse,
                message: "the endpoint answers with neither events nor JSON; check the profile's base URL",
                status: stream.status
            )
        }
        return try answer.finish()
    }

    private func readEvents(
        _ stream: HTTPClientStream,
        into answer: inout ChatAnswerStateMachine,
        hasGivenText: inout Bool,
        onDelta: @Sendable (String) async -> Void
    ) async throws(ModelError) {
        var parser = SSEParser()
        var iterator = stream.body.makeAsyncIterator()
        var byteCount = 0
        while !answer.isDone {
            let bytes: [UInt8]?
            do {
                bytes = try await iterator.next()
            } catch {
                // What was said to be complete is complete, however the connection ended.
                if answer.isComplete, error.code == .connectionLost { return }
                throw Self.translate(error)
            }
            guard let bytes else { return }
            byteCount += bytes.count
            guard byteCount <= profile.responseBytesMax else { throw tooLarge() }
            let events: [SSEEvent]
            do {
                events = try parser.receive(bytes)
            } catch {
                throw tooLarge()
            }
            for event in events {
                if let text = try answer.receiveChunk(event.data) {
                    hasGivenText = true
                    await onDelta(text)
                }
            }
        }
        stream.release()
    }

    private func collect(
        _ stream: HTTPClientStream,
        bytesMax: Int,
        cutsOff: Bool
    ) async throws(ModelError) -> [UInt8] {
        var collected: [UInt8] = []
        do {
            for try await piece in stream.body {
                collected += piece
                guard collected.count > bytesMax else { continue }
                if cutsOff { return Array(collected.prefix(bytesMax)) }
                throw tooLarge()
            }
        } catch let error as HTTPClientError {
            throw Self.translate(error)
        } catch {
            throw tooLarge()
        }
        return collected
    }

    private func httpRequest(_ request: ModelRequest, body: [UInt8]) -> HTTPClientRequest {
        var http = HTTPClientRequest(method: "POST", url: url, body: body)
        http.headers = [
            "Content-Type": "application/json",
            "Accept": profile.isStreaming ? "text/event-stream, application/json" : "application/json",
        ]
        if let key = profile.apiKey {
            http.headers.append("Authorization", "Bearer \(key.reveal())")
        }
        if let key = request.idempotencyKey {
            http.headers.append("Idempotency-Key", key)
        }
        http.timeout = profile.timeout
        http.idleTimeout = profile.idleTimeout
        http.deadline = request.deadline
        return http
    }

    /// `Retry-After` in seconds; the form with a date is not used by providers and counts as absent.
    private func retryAfter(_ headers: HTTPClientHeaders) -> Duration? {
        guard let text = headers["retry-after"], let seconds = Double(text), seconds >= 0, seconds < 1_000_000 else {
            return nil
        }
        return .milliseconds(Int64(seconds * 1000))
    }

    private func tooLarge() -> ModelError {
        ModelError(
            code: .responseTooLarge,
            message: "the provider's answer is longer than \(profile.responseBytesMax) bytes, or a line of it is"
        )
    }

    private static func translate(_ error: HTTPClientError) -> ModelError {
        let code: ModelError.Code
        switch error.code {
        case .connectFailed: code = .connectFailed
        case .timedOut: code = .timedOut
        case .connectionLost: code = .incomplete
        case .bodyTooLarge, .headersTooLarge: code = .responseTooLarge
        case .cancelled: code = .cancelled
        case .tls, .badURL, .badRequest: code = .configuration
        case .protocolError: code = .malformedResponse
        case .overloaded: code = .unavailable
        case .shutDown: code = .shutDown
        }
        return ModelError(code: code, message: error.message)
    }
}
