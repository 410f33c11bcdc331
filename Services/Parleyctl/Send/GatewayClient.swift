import Configuration
import HTTPClient
import JSON

/// Talks to a gateway: posts messages, and follows the streams of sessions across connections that are cut.
struct GatewayClient {
    /// The limits.
    struct Configuration: Sendable {
        /// How long a message may take to be accepted.
        ///
        /// 30 s.
        var postTimeout = Duration.seconds(30)
        /// How long one stream may be read before it is resumed on a new connection.
        ///
        /// A day.
        var streamTimeout = Duration.seconds(86_400)
        /// A stream that is silent for this long is dead: the gateway says every 15 s that it lives.
        ///
        /// 45 s.
        var idleTimeout = Duration.seconds(45)
        /// Connections in a row that bring no event before it is given up.
        ///
        /// 10.
        var attemptsMax = 10
        /// The pause before the first attempt to resume; doubles with each.
        ///
        /// 200 ms.
        var backoff = Duration.milliseconds(200)
        /// The longest pause.
        ///
        /// 3 s.
        var backoffMax = Duration.seconds(3)
    }

    /// A message that was accepted.
    struct Accepted: Equatable {
        /// The conversation.
        let sessionID: String
        /// The message's event, which names the turn too.
        let eventID: String
    }

    /// What to do with the rest of a stream.
    enum Verdict {
        /// Read on.
        case next
        /// All that was waited for has come.
        case done
    }

    private let url: String
    private let key: Secret
    private let http: HTTPClientPool
    private let configuration: Configuration

    /// Makes a client of the gateway at `url`.
    init(url: String, key: Secret, configuration: Configuration = Configuration()) throws {
        self.url = url
        self.key = key
        self.configuration = configuration
        http = try HTTPClientPool()
    }

    /// Ends everything that is under way.
    func shutDown() async {
        await http.shutDown()
    }

    /// Sends a message.
    ///
    /// It is sent once: after a lost connection nobody knows whether it was accepted.
    func post(_ message: String, sessionID: String, personaID: String?) async throws -> Accepted {
        var writer = JSONWriter(capacity: message.utf8.count + 256)
        writer.beginObject()
        writer.member("session_id", sessionID)
        writer.member("persona_id", ifPresent: personaID)
        writer.member("message", message)
        writer.endObject()
        var request = HTTPClientRequest(
            method: "POST",
            url: url + "/v1/session/message",
            headers: headers,
            body: writer.bytes,
            timeout: configuration.postTimeout
        )
        request.headers.append("Content-Type", "application/json")
        let response = try await http.send(request)
        guard response.status == 200 else { throw refusal(response.status, response.body) }
        guard let json = try? JSONValue.parse(response.body), let eventID = json["event_id"]?.stringValue else {
            throw OperatorError(.gateway, "\(url) answered a message with something else than its event_id")
        }
        return Accepted(sessionID: json["session_id"]?.stringValue ?? sessionID, eventID: eventID)
    }

    /// Hands over the events of a session, from after `lastEventID` on, until `handle` says that it is done.
    ///
    /// - Parameters:
    ///   - sessionID: The conversation.
    ///   - lastEventID: The last event that was seen; nil before the first. It is moved on with each event.
    ///   - handle: Takes an event.
    /// - Throws: ``OperatorError`` when the gateway refuses, or cannot be reached again and again.
    func follow(
        _ sessionID: String,
        after lastEventID: inout String?,
        handle: (JSONValue) -> Verdict
    ) async throws {
        var attempts = 0
        while true {
            let before = lastEventID
            let reason: String
            var pause = Duration.zero
            do {
                switch try await read(sessionID, &lastEventID, handle) {
                case .done: return
                case .ended: reason = "the stream ended"
                case .busy(let delay):
                    reason = "the gateway is busy or not ready"
                    pause = delay
                }
            } catch let error as HTTPClientError where error.isRetriable {
                reason = error.message
            }
            attempts = lastEventID == before ? attempts + 1 : 1
            guard attempts < configuration.attemptsMax else {
                throw OperatorError(
                    .gateway,
                    "the stream of session \(sessionID) could not be resumed in \(attempts) attempts: \(reason); "
                        + "the answer is not lost: read it with GET \(url)/v1/session/\(sessionID)/stream",
                    isRetriable: true
                )
            }
            let backoff = configuration.backoff * (1 << min(attempts - 1, 10))
            try await Task.sleep(for: max(pause, min(backoff, configuration.backoffMax)))
        }
    }

    private enum Outcome {
        case done
        case ended
        case busy(retryAfter: Duration)
    }

    private func read(
        _ sessionID: String,
        _ lastEventID: inout String?,
        _ handle: (JSONValue) -> Verdict
    ) async throws -> Outcome {
        var request = HTTPClientRequest(
            url: "\(url)/v1/session/\(sessionID)/stream",
            headers: headers,
            timeout: configuration.streamTimeout,
            idleTimeout: configuration.idleTimeout
        )
        request.headers.append("Accept", "text/event-stream")
        if let lastEventID { request.headers.append("Last-Event-ID", lastEventID) }
        let stream = try await http.stream(request)
        guard stream.status == 200 else {
            let seconds = stream.headers["retry-after"].flatMap(Int.init)
            guard stream.status != 503, stream.status != 429 else {
                stream.cancel()
                return .busy(retryAfter: .seconds(min(max(seconds ?? 0, 0), 60)))
            }
            var body: [UInt8] = []
            for try await piece in stream.body where body.count < Self.problemBytesMax { body += piece }
            throw refusal(stream.status, body)
        }
        var parser = EventStreamParser()
        for try await piece in stream.body {
            let events: [ServerEvent]
            do {
                events = try parser.receive(piece)
            } catch {
                throw OperatorError(.gateway, "\(url) sent an event that is longer than any may be")
            }
            for event in events {
                if let id = event.id { lastEventID = id }
                guard let json = try? JSONValue.parse(event.data) else { continue }
                if case .done = handle(json) {
                    stream.cancel()
                    return .done
                }
            }
        }
        return .ended
    }

    private static let problemBytesMax = 64 << 10

    private var headers: HTTPClientHeaders { ["Authorization": "Bearer \(key.revealed)"] }

    /// What a problem document (RFC 9457) says, or the status when there is none.
    private func refusal(_ status: Int, _ body: [UInt8]) -> OperatorError {
        let problem = try? JSONValue.parse(body)
        let detail = problem?["detail"]?.stringValue.map { ": \(TerminalText.clipped($0, max: 500))" } ?? ""
        let advice =
            switch status {
            case 401, 403: "; check PARLEY_API_KEY"
            case 404: "; check PARLEY_URL"
            case 429, 503: "; try again"
            default: ""
            }
        return OperatorError(
            .gateway,
            "\(url) answered \(status)\(detail)\(advice)",
            isRetriable: status == 429 || status >= 500
        )
    }
}
