import JSON
import TestKit
import Testing

/// What a model is told of the conversation before a message.
@Suite(.timeLimit(.minutes(4)), .serviceLogs)
struct ContextTests {
    /// A conversation in which every message is made so that the model says something that is known.
    private struct Conversation {
        let platform: Platform
        let session: String
        let marker: String

        /// Says something of so many bytes, and is answered with so many.
        /// - Returns: The contents of the messages that stood before it in the model's request, the prompt left out.
        @discardableResult
        func say(bytes: Int, answer: Int = 1) async throws -> [String] {
            let head = "\(marker) \(answer) \(session) "
            let text = head + String(repeating: "u", count: bytes - head.utf8.count)
            let sent = try await platform.client.post(text, session: session)
            #expect(try await platform.client.finishedTurn(sent.eventID)["status"] == "completed")
            let request = try #require(
                platform.model.requests(marker).last { $0.lastUserMessage.contains(" \(session) ") }
            )
            #expect(request.lastContent == text)
            return request.messages.dropFirst().dropLast().map { $0["content"]?.stringValue ?? "" }
        }
    }

    /// A model whose answers are as long as the messages ask.
    private static func measured(on platform: Platform) -> String {
        platform.model.answer { request, _ in
            let words = request.lastUserMessage.split(separator: " ")
            return .pieces([String(repeating: "a", count: Int(words[1]) ?? 1)])
        }
    }

    /// Who said what in a model's request, the prompt left out.
    private static func spoken(_ request: ScriptedModelRequest) -> [String] {
        #expect(request.messages.first?["role"] == "system")
        return request.messages.dropFirst().map {
            "\($0["role"]?.stringValue ?? "?"): \($0["content"]?.stringValue ?? "?")"
        }
    }

    @Test("A message's request holds the messages and answers before it, in order, and no tool's business")
    func earlierTurns() async throws {
        try await withPlatform { platform in
            let session = unique("earlier")
            let marker = platform.model.answer { _, _ in .text("Well remembered") }
            let first = try await platform.client.post("Calculate 6 * 7", session: session)
            #expect(try await platform.client.answer(to: first) == "The result is 42.")
            let second = try await platform.client.post("What did I ask? \(marker)", session: session)
            #expect(try await platform.client.answer(to: second) == "Well remembered")
            let request = try #require(platform.model.requests(marker).first)
            #expect(
                Self.spoken(request) == [
                    "user: Calculate 6 * 7", "assistant: The result is 42.", "user: What did I ask? \(marker)",
                ]
            )
            // Nobody else's conversation is in it.
            let other = try await platform.client.post("Hello \(marker)", session: unique("earlier"))
            _ = try await platform.client.finishedTurn(other.eventID)
            #expect(platform.model.requests(marker).last.map(Self.spoken) == ["user: Hello \(marker)"])
        }
    }

    @Test("A message that was sent before the answer to the one before it came is told of that answer")
    func queuedTurns() async throws {
        try await withPlatform { platform in
            let session = unique("queued")
            let gate = Gate()
            defer { gate.open() }
            let marker = platform.model.answer { _, count in
                await gate.wait()
                return .text("answer \(count)")
            }
            var last: SentMessage?
            for number in 0..<3 {
                last = try await platform.client.post("\(number) \(marker)", session: session)
            }
            gate.open()
            _ = try await platform.client.finishedTurn(try #require(last).eventID)
            let request = try #require(platform.model.requests(marker).last)
            #expect(
                Self.spoken(request) == [
                    "user: 0 \(marker)", "assistant: answer 0", "user: 1 \(marker)", "assistant: answer 1",
                    "user: 2 \(marker)",
                ]
            )
        }
    }

    @Test("History up to the limit of tokens is told whole; over it the oldest goes first, wherever it comes from")
    func tokenLimit() async throws {
        var options = PlatformOptions()
        options.worker["PARLEY_CONTEXT_TOKENS_MAX"] = "100"
        try await withOwnPlatform(options) { platform in
            let marker = Self.measured(on: platform)
            func conversations(_ lastAnswer: Int) async throws -> [Conversation] {
                var all: [Conversation] = []
                for _ in 0..<3 {
                    let conversation = Conversation(platform: platform, session: unique("limit"), marker: marker)
                    try await conversation.say(bytes: 80, answer: 120)
                    try await conversation.say(bytes: 100, answer: lastAnswer)
                    all.append(conversation)
                }
                return all
            }
            // Four bytes are a token: 20 + 30 + 25 + 25, and one byte more.
            let at = try await conversations(100)
            let over = try await conversations(101)
            let alone = try await conversations(401)
            func check(_ index: Int) async throws {
                let told = [
                    try await at[index].say(bytes: 60), try await over[index].say(bytes: 60),
                    try await alone[index].say(bytes: 60),
                ]
                #expect(told.map { $0.map(\.utf8.count) } == [[80, 120, 100, 100], [120, 100, 101], []])
            }
            // From the worker's memory, from Redis, from Postgres.
            try await check(0)
            try await platform.worker.restart()
            try await check(1)
            _ = try await platform.worker.terminate()
            try await platform.redis.restart()
            try await platform.worker.start()
            try await check(2)
        }
    }

    /// What happens to a conversation's value in Redis.
    private enum Damage: String, CaseIterable {
        case none, replaced, wiped, stale, cut, notText, wrongMessage, wrongRole, otherLimit, otherType

        /// The commands that do it.
        func commands(_ key: String, _ value: String, turns: (first: String, second: String)) -> [[String]] {
            // Who takes such a value is found out by its words.
            let wrong = value.replacing("of", with: "OF")
            func set(_ value: String) -> [[String]] { [["SET", key, value]] }
            return switch self {
            case .none: []
            case .replaced: set(wrong)
            case .wiped: [["DEL", key]]
            case .stale: set(wrong.replacing("\"last_turn\":\(turns.second)", with: "\"last_turn\":\(turns.first)"))
            case .cut: set(String(wrong.dropLast(9)))
            case .notText: set("\u{1}\u{2}\u{3}")
            case .wrongMessage: set(value.replacing(#"["assistant","You said: first"#, with: #"["assistant",7,"first"#))
            case .wrongRole: set(value.replacing(#"["assistant","#, with: #"["nobody","#))
            case .otherLimit: set(wrong.replacing("\"tokens_max\":8000", with: "\"tokens_max\":7999"))
            case .otherType: [["DEL", key], ["RPUSH", key, value]]
            }
        }
    }

    @Test("What Redis holds of a conversation is used when it is right; wiped, old or garbled, nobody can tell")
    func cache() async throws {
        try await withOwnPlatform { platform in
            let marker = platform.model.answer { request, _ in .text("You said: \(request.lastUserMessage)") }
            let prefix = unique("cache")
            for damage in Damage.allCases {
                let session = "\(prefix).\(damage.rawValue)"
                for word in ["first", "second"] {
                    let sent = try await platform.client.post("\(word) of \(damage) \(marker)", session: session)
                    _ = try await platform.client.finishedTurn(sent.eventID)
                }
            }
            try await damageAll(platform, prefix: prefix)
            // Another worker, which remembers nothing.
            try await platform.worker.restart()
            for damage in Damage.allCases {
                let told = try await ask("third", damage, platform, prefix: prefix, marker: marker)
                let right = ["first", "second"].flatMap { word in
                    let text = "\(word) of \(damage) \(marker)"
                    return ["user: \(text)", "assistant: You said: \(text)"]
                }
                let expected = damage == .replaced ? right.map { $0.replacing("of", with: "OF") } : right
                #expect(told == expected + ["user: third of \(damage) \(marker)"], "\(damage)")
            }
            try await platform.redis.kill9()
            try await platform.worker.restart()
            let told = try await ask("fourth", .wiped, platform, prefix: prefix, marker: marker)
            #expect(told.count == 7 && told.first == "user: first of wiped \(marker)")
            // What Redis made up has come nowhere else.
            let truth = try await ask("fourth", .replaced, platform, prefix: prefix, marker: marker)
            #expect(truth.first == "user: first of replaced \(marker)")
        }
    }

    private func ask(
        _ word: String,
        _ damage: Damage,
        _ platform: Platform,
        prefix: String,
        marker: String
    ) async throws -> [String] {
        let text = "\(word) of \(damage) \(marker)"
        let sent = try await platform.client.post(text, session: "\(prefix).\(damage.rawValue)")
        #expect(try await platform.client.finishedTurn(sent.eventID)["status"] == "completed")
        return Self.spoken(try #require(platform.model.requests(marker).last { $0.lastUserMessage == text }))
    }

    /// Waits until Redis knows all conversations, ends the worker and does to each what is to be done.
    private func damageAll(_ platform: Platform, prefix: String) async throws {
        for damage in Damage.allCases {
            let session = "\(prefix).\(damage.rawValue)"
            let seqs = try await platform.sql("SELECT seq FROM turns WHERE session_id = '\(session)' ORDER BY seq")
                .split(separator: "\n").map(String.init)
            try #require(seqs.count == 2)
            let key = "parley:context:{default}/\(session)"
            let value = try await eventuallyValue("the context of \(session)", timeout: .seconds(60)) {
                let value = try await redis(platform, ["GET", key])
                return value.contains("\"last_turn\":\(seqs[1])") ? value : nil
            }
            let messages = try JSONValue.parse(value)["messages"]?.arrayValue
            #expect(messages?.count == 4)
            for command in damage.commands(key, value, turns: (first: seqs[0], second: seqs[1])) {
                if command[0] == "SET" { #expect(command[2] != value, "\(damage) changes nothing") }
                _ = try await redis(platform, command)
            }
        }
    }

    /// Sends Redis a command.
    /// - Returns: A bulk string's text, or the line that was answered.
    private func redis(_ platform: Platform, _ words: [String]) async throws -> String {
        let socket = try await RawSocket.connect(port: platform.redis.port)
        defer { socket.close() }
        let arguments = words.map { "$\($0.utf8.count)\r\n\($0)\r\n" }.joined()
        try await socket.write("*\(words.count)\r\n" + arguments)
        let line = String(decoding: try await socket.read(until: "\r\n").dropLast(2), as: UTF8.self)
        if line.hasPrefix("-") { throw TestFailure("Redis: \(line)") }
        guard line.hasPrefix("$"), let count = Int(line.dropFirst()), count >= 0 else { return line }
        return String(decoding: try await socket.read(count: count), as: UTF8.self)
    }
}
