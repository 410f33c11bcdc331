import Domain
import JSON

/// Turns the events of one turn into what is shown: text as it comes, notes about tools, and at the end what is left.
///
/// It does no I/O. The final answer is the truth: pieces that were lost on the way (deltas are never stored) show
/// with it, and an answer that differs from what was shown is shown as a whole.
struct AnswerStateMachine {
    /// What to do.
    enum Action: Equatable {
        /// Show text that goes on where the last text ended.
        case text(String)
        /// Show a line about the turn.
        case note(String)
        /// The answer is complete.
        case completed
        /// The turn ended without an answer, for this reason.
        case failed(String)
    }

    /// The most characters of arguments and results in a note.
    static let noteCharactersMax = 120

    /// What was shown of the answer since the last tool call, which is where the final answer begins.
    private var shown = ""
    /// The number of the next delta; nil: any.
    private var nextIndex: Int? = 0
    /// Whether a delta was lost: what follows would not fit to what was shown.
    private var hasHole = false

    /// Takes an event of the turn.
    mutating func receive(_ event: JSONValue) -> [Action] {
        guard let kind = event["type"]?.stringValue.flatMap(StreamEvent.Kind.init) else { return [] }
        switch kind {
        case .turnStarted:
            return []
        case .turnRestarted:
            shown = ""
            nextIndex = nil
            hasHole = false
            return [.note("the answer begins again: it was cut off")]
        case .delta:
            return delta(event)
        case .toolRequest:
            shown = ""
            hasHole = false
            // The model call that follows numbers on, and what is shown next begins with it.
            nextIndex = nil
            return [.note("-> \(tool(event)) \(brief(event["args"]))")]
        case .toolResult:
            let status = event["status"]?.stringValue ?? "?"
            let error = event["error"]?.stringValue.map { " " + $0 } ?? ""
            return [.note("<- \(tool(event)) \(status)\(error) \(brief(event["payload"]))")]
        case .message:
            return rest(of: event["message"]?.stringValue ?? "") + [.completed]
        case .turnFailed, .turnCancelled:
            return [.failed(Self.reason(event, kind))]
        }
    }

    private mutating func delta(_ event: JSONValue) -> [Action] {
        guard let text = event["text"]?.stringValue, let index = event["index"]?.intValue else { return [] }
        if let nextIndex, index < nextIndex { return [] }
        if let nextIndex, index > nextIndex { hasHole = true }
        nextIndex = index + 1
        if hasHole || text.isEmpty { return [] }
        shown += text
        return [.text(text)]
    }

    private mutating func rest(of message: String) -> [Action] {
        if message.utf8.starts(with: shown.utf8) {
            let rest = String(decoding: message.utf8.dropFirst(shown.utf8.count), as: UTF8.self)
            return rest.isEmpty ? [] : [.text(rest)]
        }
        return [.note("the whole answer:"), .text(message)]
    }

    private func tool(_ event: JSONValue) -> String { event["tool_name"]?.stringValue ?? "?" }

    private func brief(_ value: JSONValue?) -> String {
        TerminalText.clipped(value?.string ?? "", max: Self.noteCharactersMax)
    }

    private static func reason(_ event: JSONValue, _ kind: StreamEvent.Kind) -> String {
        let error = event["error"]
        let what = kind == .turnCancelled ? "the turn was cancelled" : "the turn failed"
        let parts = [error?["code"]?.stringValue, error?["message"]?.stringValue].compactMap(\.self)
        return ([what] + parts.filter { !$0.isEmpty }).joined(separator: ": ")
    }
}
