import HTTPClient
import JSON
import TestKit

/// One client: it holds a conversation, follows its stream, and comes back whatever happens to a connection.
struct LoadSession: Sendable {
    /// What it says.
    let plan: LoadPlan.Session
    /// The gateways that it may go to; it changes when one does not answer.
    let gateways: [PlatformClient]
    /// What it is told.
    let record: SessionRecord
    /// What all clients count.
    let counters: LoadCounters
    /// The time of the run.
    let clock: RunClock
    /// How long it waits for one answer before it gives up.
    let patience: Duration
    /// When the run is given up: nothing more is sent.
    let limit: Duration

    private static let pauses = (first: Duration.milliseconds(50), longest: Duration.milliseconds(500))

    /// Holds the conversation to its end.
    func run() async {
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await follow() }
            await converse()
            record.finish()
            group.cancelAll()
        }
    }

    // MARK: Talking

    private func converse() async {
        var open: [String] = []
        do {
            for message in plan.messages where clock.now <= limit {
                try await Task.sleep(for: message.pause)
                guard let eventID = try await send(message) else { continue }
                open.append(eventID)
                if message.waits { try await answers(to: &open) }
            }
            try await answers(to: &open)
        } catch {
            // Cancelled, which nobody does before the end of the run.
        }
    }

    /// Waits for the answers to messages; one that never comes is given up, and the checker finds it.
    private func answers(to open: inout [String]) async throws {
        let awaited = open
        open = []
        for eventID in awaited {
            do {
                try await eventually("the answer", timeout: patience, interval: .milliseconds(20)) {
                    record.isAnswered(eventID)
                }
            } catch is CancellationError {
                throw CancellationError()
            } catch {
                counters.gaveUp()
                return
            }
        }
    }

    /// Sends a message until it is accepted.
    /// - Returns: Its event id; nil when it was refused for good, or the client lost patience.
    private func send(_ message: LoadPlan.Message) async throws -> String? {
        record.sent(message.number)
        let body: JSONValue = ["session_id": .string(plan.id), "message": .string(message.text)]
        let deadline = clock.now + patience
        var attempt = 0
        var pause = Self.pauses.first
        while clock.now < deadline {
            let gateway = gateways[(message.number + attempt) % gateways.count]
            attempt += 1
            do {
                let response = try await gateway.post(
                    "/v1/session/message",
                    json: body,
                    headers: ["Idempotency-Key": "\(plan.id).\(message.number)"]
                )
                if response.status == 200, let eventID = response.json["event_id"]?.stringValue {
                    record.accepted(message.number, as: eventID)
                    return eventID
                }
                if [429, 503].contains(response.status), let seconds = response.headers["Retry-After"] {
                    counters.refused()
                    pause = min(.seconds(Int(seconds) ?? 1), .seconds(1))
                } else if response.code == "idempotency_in_progress" {
                    // The first request with this key is still at work: its answer comes with the next try.
                    counters.refused()
                } else {
                    counters.failed("\(response.status) \(response.code ?? "")")
                    if response.status < 500 && response.status != 429 { return nil }
                }
            } catch let error as HTTPClientError {
                if Task.isCancelled { throw CancellationError() }
                counters.failed(error.code.rawValue)
            }
            try await Task.sleep(for: pause)
            pause = min(pause * 2, Self.pauses.longest)
        }
        counters.gaveUp()
        return nil
    }

    // MARK: Listening

    private func follow() async {
        var attempt = 0
        var pause = Self.pauses.first
        while !record.isDone, !Task.isCancelled {
            let gateway = gateways[attempt % gateways.count]
            attempt += 1
            let before = record.lastID
            do {
                if plan.usesWebSocket {
                    try await followWebSocket(gateway)
                } else {
                    try await followEvents(gateway)
                }
            } catch {
                // Whatever it is, the client resumes after the last event that it has.
            }
            if record.isDone || Task.isCancelled { return }
            counters.reconnected()
            pause = record.lastID == before ? min(pause * 2, Self.pauses.longest) : Self.pauses.first
            try? await Task.sleep(for: pause)
        }
    }

    private func followEvents(_ gateway: PlatformClient) async throws {
        let stream = try await gateway.stream(plan.id, after: record.lastID)
        defer { stream.cancel() }
        var iterator = stream.makeIterator()
        while let event = try await iterator.next() {
            take(event)
        }
    }

    private func followWebSocket(_ gateway: PlatformClient) async throws {
        let socket = try await gateway.webSocket(plan.id, after: record.lastID)
        defer { socket.drop() }
        var quietSince = clock.now
        while !record.isDone, !Task.isCancelled {
            do {
                guard case .message(let json) = try await socket.next(timeout: .seconds(1)) else { return }
                quietSince = clock.now
                if json["id"] != nil { take(StreamedEvent(json: json)) }
            } catch let error as TestKitError where error.code == .timeout {
                if clock.now - quietSince > .seconds(30) { return }
            }
        }
    }

    private func take(_ event: StreamedEvent) {
        if record.got(event) { counters.answered(at: clock.now) }
    }
}
