import HTTPServer
import JSON
import Lifecycle
import MemoryStore
import Observability
import ServiceKit
import Synchronization

/// Tells clients of sessions that begin and end, wherever that happens, and ends those that have expired.
final class MemoryEvents: Service, Sendable {
    /// The limits.
    struct Limits: Sendable {
        /// How many clients may listen.
        ///
        /// Default 1,000.
        var listenersMax = 1000
        /// How many events may wait for one client; one that is slower is cut off.
        ///
        /// Default 1,000.
        var queuedEventsMax = 1000
        /// How often news are looked for while someone listens.
        ///
        /// Default 100 ms.
        var pollInterval = Duration.milliseconds(100)
    }

    private struct Listener {
        let tenantID: String
        let continuation: AsyncStream<String>.Continuation
    }

    private struct State {
        var listeners: [Int: Listener] = [:]
        var nextID = 0
        var isClosed = false
        /// Where to go on reading.
        var horizons = NoticeHorizons()
    }

    let name = "memory-events"
    private let upkeep: MemoryUpkeep
    private let sessions: MemorySessions
    private let limits: Limits
    private let readiness: ReadinessGate
    private let logger: Logger
    private let stopped = ShutdownSignal()
    private let state = Mutex(State())

    /// Makes the service.
    init(
        upkeep: MemoryUpkeep,
        sessions: MemorySessions,
        limits: Limits = Limits(),
        readiness: ReadinessGate,
        logger: Logger
    ) {
        self.upkeep = upkeep
        self.sessions = sessions
        self.limits = limits
        self.readiness = readiness
        self.logger = logger
    }

    func run() async throws {
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await self.sweep() }
            group.addTask { await self.poll() }
            await group.waitForAll()
        }
    }

    func shutdown() async {
        stopped.raise()
        let listeners = state.withLock { state in
            state.isClosed = true
            return Array(state.listeners.values)
        }
        for listener in listeners { listener.continuation.finish() }
    }

    /// `WS /ws/events`.
    func listen(_ routed: RoutedRequest) async throws -> HTTPResponse {
        guard routed.request.isWebSocketUpgrade else {
            throw Problem(status: 426, code: "upgrade_required", detail: "Open this path as a WebSocket.")
        }
        let tenantID = routed.tenantID
        return HTTPResponse(status: 101, body: .webSocket { socket in await self.serve(socket, tenantID) })
    }

    private func serve(_ socket: WebSocketConnection, _ tenantID: String) async {
        guard let (id, events) = subscribe(tenantID) else {
            await socket.close(code: 1013, reason: "too many listeners: try again later")
            return
        }
        defer { unsubscribe(id) }
        do {
            // From here on everything that happens is told; what was before is in the snapshot.
            try await beginIfFirst(tenantID)
            let count = try await sessions.count(tenantID: tenantID)
            let now = WallClock.now().iso8601
            let snapshot: JSONValue = [
                "event_type": "state.snapshot", "timestamp": .string(now),
                "data": ["active_sessions": .int(count), "system_status": "healthy"],
            ]
            try await socket.send(text: snapshot.string)
        } catch {
            await socket.close(code: 1011, reason: "the state cannot be read: try again later")
            return
        }
        await socket.onMessage { message in
            guard case .text("ping") = message else { return }
            // Who is no longer there needs no answer.
            try? await socket.send(text: "pong")
        }
        for await event in events {
            guard (try? await socket.send(text: event)) != nil else { return }
        }
        if !Task.isCancelled { await socket.close(code: 1013, reason: "cut off: listen again") }
    }

    private func subscribe(_ tenantID: String) -> (Int, AsyncStream<String>)? {
        let (events, continuation) = AsyncStream.makeStream(
            of: String.self,
            bufferingPolicy: .bufferingOldest(limits.queuedEventsMax)
        )
        return state.withLock { state in
            guard !state.isClosed, state.listeners.count < limits.listenersMax else { return nil }
            state.nextID += 1
            state.listeners[state.nextID] = Listener(tenantID: tenantID, continuation: continuation)
            return (state.nextID, events)
        }
    }

    private func unsubscribe(_ id: Int) {
        state.withLock { $0.listeners.removeValue(forKey: id) }?.continuation.finish()
    }

    private func beginIfFirst(_ tenantID: String) async throws {
        if state.withLock({ $0.horizons.has(tenantID) }) { return }
        let now = try await upkeep.horizon()
        state.withLock { $0.horizons.begin(tenantID, at: now) }
    }

    // MARK: Loops

    private func sweep() async {
        guard (try? await readiness.wait()) != nil else { return }
        while !(await stopped.wait(atMost: upkeep.interval)) {
            do {
                _ = try await upkeep.sweep()
            } catch {
                logger.warning("expired sessions could not be ended", [.error: .error(error)])
                if await stopped.wait(atMost: .seconds(1)) { return }
            }
        }
    }

    private func poll() async {
        while !(await stopped.wait(atMost: limits.pollInterval)) {
            let reading = state.withLock { state in
                state.horizons.reading(for: Set(state.listeners.values.map(\.tenantID)))
            }
            if reading.isEmpty { continue }
            do {
                let (notices, next) = try await upkeep.notices(since: reading)
                if let next { state.withLock { $0.horizons.advance(reading, to: next) } }
                for notice in notices { deliver(notice) }
            } catch {
                logger.warning("news of sessions could not be read", [.error: .error(error)])
            }
        }
    }

    private func deliver(_ notice: MemoryNotice) {
        var writer = JSONWriter()
        writer.beginObject()
        writer.member("event_type", notice.eventType)
        writer.member("timestamp", MemoryAnswers.time(notice.time))
        writer.key("data")
        writer.raw(notice.data)
        writer.endObject()
        let text = writer.string
        state.withLock { state in
            for (id, listener) in state.listeners where listener.tenantID == notice.tenantID {
                if case .dropped = listener.continuation.yield(text) {
                    listener.continuation.finish()
                    state.listeners[id] = nil
                }
            }
        }
    }
}
