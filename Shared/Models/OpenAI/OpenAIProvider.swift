package import HTTPClient
import JSON
import Resilience

/// Talks to any endpoint that speaks OpenAI's chat completions.
///
/// It asks once: whether and when to ask again is ``ModelCaller``'s decision.
package struct OpenAIProvider: ModelProvider {
    private let client: HTTPClientPool
    private let profile: ModelProfile
    private let url: String

    /// The longest body of an error that is read.
    private static let errorBodyBytesMax = 64 << 10

    /// Makes a provider for the profile.
    ///
    /// - Parameters:
    ///   - profile: says where the endpoint is and how it is used.
    ///   - client: sends the requests; may be shared.
    /// - Throws: `configuration` if the profile has no usable base URL.
    package init(profile: ModelProfile, client: HTTPClientPool) throws(ModelError) {
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
    }

    /// Asks the endpoint.
    package func complete(
        _ request: ModelRequest,
        onDelta: @Sendable (String) async -> Void
    ) async throws(ModelError) -> ModelResponse {
        let stream: HTTPClientStream
        do {
            stream = try await client.stream(httpRequest(request))
        } catch {
            throw Self.translate(error)
        }
        guard stream.status == 200 else {
            let text = try await collect(stream, bytesMax: Self.errorBodyBytesMax, cutsOff: true)
            let retryAfter = RetryAfter.duration(stream.headers["retry-after"])
            throw ChatErrorBody(body: text).modelError(status: stream.status, retryAfter: retryAfter)
        }
        var answer = ChatAnswerStateMachine(request: request, model: profile.model)
        let type = stream.headers["content-type"]?.lowercased() ?? ""
        if type.hasPrefix("text/event-stream") {
            try await readEvents(stream, into: &answer, onDelta: onDelta)
        } else if type.hasPrefix("application/json") {
            let whole = try await collect(stream, bytesMax: profile.responseBytesMax, cutsOff: false)
            if let text = try answer.receiveWhole(whole) {
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

    private func httpRequest(_ request: ModelRequest) -> HTTPClientRequest {
        let body = ChatRequestEncoder(profile: profile).encode(request)
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
        case .overloaded: code = .overloaded
        case .shutDown: code = .shutDown
        }
        return ModelError(code: code, message: error.message)
    }
}
