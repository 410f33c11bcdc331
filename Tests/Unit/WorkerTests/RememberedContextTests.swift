import Domain
import JSON
import Store
import Testing

@testable import parley_worker

@Suite struct RememberedContextTests {
    private let limits = HistoryLimits(tokensMax: 100)
    private let context = RememberedContext(
        lastTurnSeq: 7,
        messages: [
            HistoryMessage(role: .user, text: "Wer \"bist\" du?\n\u{1F642}"),
            HistoryMessage(role: .assistant, text: ""),
        ]
    )

    private func messages(_ bytes: [Int]) -> [HistoryMessage] {
        bytes.map { HistoryMessage(role: .user, text: String(repeating: "x", count: $0)) }
    }

    @Test func comesBackAsItWasWritten() {
        #expect(RememberedContext(context.serialized(under: limits), under: limits) == context)
    }

    @Test func isNotReadUnderOtherLimits() {
        let bytes = context.serialized(under: limits)
        #expect(RememberedContext(bytes, under: HistoryLimits(tokensMax: 101)) == nil)
        #expect(RememberedContext(bytes, under: HistoryLimits(tokensMax: 100, messagesMax: 199)) == nil)
    }

    @Test(arguments: [
        #"{"last_turn":7,"tokens_max":100,"messages_max":200,"messages":[["user","a"],["assistant",7]]}"#,
        #"{"last_turn":7,"tokens_max":100,"messages_max":200,"messages":[["user","a"],["nobody","b"]]}"#,
        #"{"last_turn":7,"tokens_max":100,"messages_max":200,"messages":[["user","a"],["user"]]}"#,
        #"{"last_turn":7,"tokens_max":100,"messages_max":200,"messages":[["user","a","b"]]}"#,
        #"{"last_turn":7,"tokens_max":100,"messages_max":200,"messages":["user","a"]}"#,
        #"{"last_turn":7,"tokens_max":100,"messages_max":200}"#,
        #"{"last_turn":"7","tokens_max":100,"messages_max":200,"messages":[]}"#,
        #"{"last_turn":7,"messages":[["user","a"]]}"#, #"{"last_turn":7,"tokens_max":100"#, "[]", "7", "",
    ])
    func isNotReadInPart(text: String) {
        #expect(RememberedContext(Array(text.utf8), under: limits) == nil)
    }

    @Test func noBytesThatAreNotTextAreRead() {
        var bytes = context.serialized(under: limits)
        bytes[bytes.count / 2] = 0xFF
        #expect(RememberedContext(bytes, under: limits) == nil)
    }

    @Test func theOldestMessagesGoFirstWhenThereAreTooManyTokens() {
        // Four bytes are a token, and what is begun counts.
        let fits = messages([80, 120, 99, 97])
        #expect(limits.newest(of: fits) == fits)
        let over = messages([80, 120, 99, 101])
        #expect(limits.newest(of: over) == Array(over.dropFirst()))
        #expect(limits.newest(of: messages([4, 400])) == messages([400]))
        #expect(limits.newest(of: messages([4, 401])).isEmpty)
        #expect(limits.newest(of: []).isEmpty)
    }

    @Test func theOldestMessagesGoFirstWhenThereAreTooMany() {
        let limits = HistoryLimits(tokensMax: 1000, messagesMax: 3)
        #expect(limits.newest(of: messages([1, 2, 3])) == messages([1, 2, 3]))
        #expect(limits.newest(of: messages([1, 2, 3, 4])) == messages([2, 3, 4]))
    }

    @Test func whatIsAddedTurnByTurnIsWhatTheWholeHistoryGives() {
        let all = messages((1...40).map { $0 * 13 % 90 })
        var kept: [HistoryMessage] = []
        for end in stride(from: 2, through: all.count, by: 2) {
            kept = limits.newest(of: kept + all[(end - 2)..<end])
            #expect(kept == limits.newest(of: Array(all[..<end])))
        }
    }
}
