import JSON
import Synchronization
import TestKit

/// What the clients of one session are told while it goes on.
final class SessionRecord: Sendable {
    private struct State {
        var told: SessionTold
        var lastID: String?
        var isDone = false
    }

    private let state: Mutex<State>
    private let clock: RunClock

    /// Begins with nothing told.
    init(_ plan: LoadPlan.Session, clock: RunClock) {
        var told = SessionTold(id: plan.id)
        told.messages = plan.messages.map {
            ToldMessage(number: $0.number, text: $0.text, usesTool: $0.usesTool)
        }
        state = Mutex(State(told: told))
        self.clock = clock
    }

    /// Everything that was told so far.
    var told: SessionTold { state.withLock { $0.told } }
    /// The id of the last event that came, to resume after.
    var lastID: String? { state.withLock { $0.lastID } }
    /// Whether nothing more is to come.
    var isDone: Bool { state.withLock { $0.isDone } }

    /// A message goes out for the first time.
    func sent(_ number: Int) {
        let now = clock.now
        state.withLock { $0.told.messages[number].sentAt = now }
    }

    /// A message was accepted under an id.
    func accepted(_ number: Int, as eventID: String) {
        state.withLock { state in
            if !state.told.messages[number].acceptedIDs.contains(eventID) {
                state.told.messages[number].acceptedIDs.append(eventID)
            }
        }
    }

    /// An event came.
    /// - Returns: Whether a turn is over with it.
    func got(_ event: StreamedEvent) -> Bool {
        let now = clock.now
        let position = event.position
        var told = ToldEvent(
            turn: position.first ?? -1,
            index: position.last ?? -1,
            type: event.type,
            turnID: event.turnID ?? "",
            text: event.json[event.type == "delta" ? "text" : "message"]?.stringValue ?? ""
        )
        told.notice = Self.notice(event)
        return state.withLock { [told] state in
            state.lastID = event.id
            state.told.stream.append(told)
            guard told.isFinal else { return false }
            for number in state.told.messages.indices
            where state.told.messages[number].acceptedIDs.contains(told.turnID) {
                state.told.messages[number].answeredAt = now
            }
            return true
        }
    }

    private static func notice(_ event: StreamedEvent) -> ToolNotice? {
        guard ["tool.request", "tool.result"].contains(event.type) else { return nil }
        let isResult = event.type == "tool.result"
        return ToolNotice(
            eventID: event.json["event_id"]?.stringValue ?? "",
            tool: event.json["tool_name"]?.stringValue ?? "",
            status: isResult ? event.json["status"]?.stringValue ?? "" : nil,
            content: event.json[isResult ? "payload" : "args"] ?? .null
        )
    }

    /// Whether the end of a turn has been told.
    func isAnswered(_ eventID: String) -> Bool {
        state.withLock { state in
            state.told.stream.reversed().contains { $0.turnID == eventID && $0.isFinal }
        }
    }

    /// Nothing more is to come.
    func finish() {
        state.withLock { $0.isDone = true }
    }
}

/// Time since the start of a run.
struct RunClock: Sendable {
    private let start = ContinuousClock.now

    /// The time now.
    var now: Duration { start.duration(to: .now) }
}
