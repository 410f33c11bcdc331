import JSON
import Synchronization

/// The model of a ``Platform``: a scripted server that many tests share, each with answers of its own.
///
/// A request goes to the handler whose marker stands in the last message of the user; without one the model calls the
/// calculator for "Calculate …" and repeats anything else.
///
/// ```swift
/// let marker = platform.model.answer { request, count in count == 0 ? .error(500) : .text("at last") }
/// let sent = try await platform.client.post("Hello \(marker)")
/// ```
package final class PlatformModel: Sendable {
    /// Decides on an answer: from the request, and from how many requests this handler had before, from 0.
    package typealias Handler = @Sendable (ScriptedModelRequest, Int) async -> ScriptedModelReply

    private struct Entry {
        let handler: Handler
        var requests: [ScriptedModelRequest] = []
    }

    private struct State {
        var entries: [String: Entry] = [:]
        var nextMarker = 1
    }

    private final class Entries: Sendable {
        let state = Mutex(State())
    }

    /// The server.
    package let server: ScriptedModelServer
    private let entries: Entries

    /// Starts the server.
    init() throws {
        let entries = Entries()
        self.entries = entries
        server = try ScriptedModelServer(
            .handler { request in
                let text = request.lastUserMessage
                let found = entries.state.withLock { state -> (Handler, Int)? in
                    guard let marker = state.entries.keys.first(where: { text.contains($0) }) else { return nil }
                    state.entries[marker]?.requests.append(request)
                    guard let entry = state.entries[marker] else { return nil }
                    return (entry.handler, entry.requests.count - 1)
                }
                guard let (handler, count) = found else { return Self.usual(request) }
                return await handler(request, count)
            }
        )
    }

    /// Answers messages that hold a marker as `handler` says.
    /// - Returns: The marker, which no other test has.
    package func answer(_ handler: @escaping Handler) -> String {
        entries.state.withLock { state in
            // The end mark keeps one marker from standing in another.
            let marker = "[m\(state.nextMarker)]"
            state.nextMarker += 1
            state.entries[marker] = Entry(handler: handler)
            return marker
        }
    }

    /// The requests that a marker's handler had, oldest first.
    package func requests(_ marker: String) -> [ScriptedModelRequest] {
        entries.state.withLock { $0.entries[marker]?.requests ?? [] }
    }

    /// What the model does without a marker.
    package static func usual(_ request: ScriptedModelRequest) -> ScriptedModelReply {
        if request.lastRole == "tool" {
            let result = try? JSONValue.parse(request.lastContent)
            return .text("The result is \(result?["result"]?.string ?? request.lastContent).")
        }
        let words = request.lastUserMessage
        guard words.hasPrefix("Calculate "), request.toolNames.contains("calculator") else {
            return .text("You said: \(words)")
        }
        let arguments: JSONValue = ["expression": .string(String(words.dropFirst(10)))]
        return .toolCalls([.init(name: "calculator", arguments: arguments.string)])
    }
}
