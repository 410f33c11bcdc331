/// Messages in the order they came; taking the first costs the same however many wait.
struct MessageQueue<Message> {
    private var messages: [Message?] = []
    private var first = 0

    /// How many wait.
    var count: Int { messages.count - first }
    /// Whether none waits.
    var isEmpty: Bool { messages.count == first }

    /// Adds one at the end.
    mutating func append(_ message: Message) {
        messages.append(message)
    }

    /// Takes the first; nil when none waits.
    mutating func popFirst() -> Message? {
        guard first < messages.count else { return nil }
        let message = messages[first]
        messages[first] = nil
        first += 1
        if first == messages.count {
            messages = []
            first = 0
        } else if first >= 64, first > messages.count / 2 {
            messages.removeFirst(first)
            first = 0
        }
        return message
    }
}
