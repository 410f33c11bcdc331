import Domain
import JSON

/// `parleyctl send`: a conversation with the platform, as any client would have it.
enum SendCommand: Command {
    static let name = "send"
    static let summary = "send messages through the gateway and show the answers"
    static let usage = "parleyctl send [--session ID] [--persona P] [MESSAGE]"
    static let details = """
        The answer shows as it comes; tool calls show as lines of their own. A connection that is cut is resumed where
        it was. Without MESSAGE each line of standard input is a message, all in one session, until its end (Ctrl-D).
        A MESSAGE that begins with a dash goes behind --. Exit code 1 when a turn ends without an answer.
        Reads PARLEY_URL and PARLEY_API_KEY.
        """

    static func run(_ arguments: inout Arguments) async throws {
        let session = try arguments.option("--session").map { try OperatorInput.identifier($0, "--session") }
        let persona = try arguments.option("--persona").map { try OperatorInput.identifier($0, "--persona") }
        let message = arguments.next()
        try arguments.finish()
        if message?.isEmpty ?? false { throw UsageError(reason: "MESSAGE is empty") }
        let (url, key) = try OperatorSettings.gateway()
        let client = try GatewayClient(url: url, key: key)
        var conversation = Conversation(client: client, sessionID: session ?? Identifier.make(), personaID: persona)
        if session == nil { Console.note("session \(conversation.sessionID)") }
        do {
            if let message {
                try await conversation.say(message)
            } else {
                try await converse(&conversation)
            }
            await client.shutDown()
        } catch {
            await client.shutDown()
            throw error
        }
    }

    private static func converse(_ conversation: inout Conversation) async throws {
        var hasFailed = false
        while true {
            if Console.isInputTerminal { Console.write("> ") }
            // Blocks this thread, which has nothing else to do; the HTTP client has its own.
            guard let line = readLine() else { break }
            if line.allSatisfy(\.isWhitespace) { continue }
            do {
                try await conversation.say(line)
            } catch let error as OperatorError where error.code == .turn {
                // The next message may have better luck.
                Console.complain(ErrorText.line(for: error))
                hasFailed = true
            }
        }
        if Console.isInputTerminal { Console.write("\n") }
        if hasFailed { throw SilentFailure() }
    }
}

/// A session that messages go to, one after another.
private struct Conversation {
    let client: GatewayClient
    let sessionID: String
    let personaID: String?
    /// The last event that was seen: the next answer is read from there.
    private var lastEventID: String?

    init(client: GatewayClient, sessionID: String, personaID: String?) {
        self.client = client
        self.sessionID = sessionID
        self.personaID = personaID
    }

    /// Sends a message and shows its answer.
    ///
    /// - Throws: ``OperatorError`` with the code `turn` when the turn ends without an answer.
    mutating func say(_ message: String) async throws {
        let accepted = try await client.post(message, sessionID: sessionID, personaID: personaID)
        var answer = AnswerStateMachine()
        var printer = AnswerPrinter()
        var failure: String?
        try await client.follow(sessionID, after: &lastEventID) { event in
            guard event["turn_id"]?.stringValue == accepted.eventID else { return .next }
            for action in answer.receive(event) {
                switch action {
                case .text(let text): printer.show(text)
                case .note(let note): printer.note(note)
                case .completed:
                    printer.endLine()
                    return .done
                case .failed(let reason):
                    printer.endLine()
                    failure = reason
                    return .done
                }
            }
            return .next
        }
        if let failure { throw OperatorError(.turn, "\(failure) (turn \(accepted.eventID))") }
    }
}

/// Writes an answer to standard output.
private struct AnswerPrinter {
    private let isTerminal = Console.isOutputTerminal
    private var isInLine = false

    /// Shows a piece of the answer.
    mutating func show(_ text: String) {
        // A model must not move the cursor or change the title; into a file its text goes as it is.
        Console.write(isTerminal ? TerminalText.clean(text, keeping: ["\n", "\t"]) : text)
        isInLine = !text.hasSuffix("\n")
    }

    /// Shows a line about the turn.
    mutating func note(_ text: String) {
        endLine()
        let line = TerminalText.clean(text)
        Console.print(isTerminal ? "\u{1B}[2m\(line)\u{1B}[0m" : line)
    }

    /// Ends a line that was begun.
    mutating func endLine() {
        if isInLine { Console.write("\n") }
        isInLine = false
    }
}
