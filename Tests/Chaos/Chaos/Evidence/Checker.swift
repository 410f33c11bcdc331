/// Holds what clients were told against what the platform keeps, and counts what does not fit.
///
/// It decides and does nothing else: the same history always has the same verdict.
struct Checker {
    private let history: History
    private let turnsByID: [String: StoredTurn]
    private let turnsBySession: [String: [StoredTurn]]
    private let eventsBySession: [String: [StoredEvent]]
    private var verdict = Verdict()

    private init(_ history: History) {
        self.history = history
        turnsByID = Dictionary(history.turns.map { ($0.turnID, $0) }) { first, _ in first }
        turnsBySession = Dictionary(grouping: history.turns, by: \.session)
        eventsBySession = Dictionary(grouping: history.events, by: \.session)
    }

    /// Checks a history.
    static func check(_ history: History) -> Verdict {
        var checker = Checker(history)
        for session in history.sessions {
            checker.checkMessages(of: session)
            checker.checkStream(of: session)
            checker.checkStoredOrder(of: session)
        }
        checker.checkEffects()
        checker.checkCharges()
        NoticeCheck(history).check(into: &checker.verdict)
        return checker.verdict
    }

    // MARK: Nothing lost, nothing twice

    private mutating func checkMessages(of session: SessionTold) {
        let stored = eventsBySession[session.id] ?? []
        let users = Dictionary(grouping: stored.filter { $0.role == "user" }, by: \.message)
        let ends = Dictionary(grouping: stored.filter { $0.role != "user" && $0.role != "tool" }, by: \.turnSeq)
        let told = Dictionary(grouping: session.stream.filter(\.isFinal), by: \.turnID)
        for message in session.messages {
            let copies = users[message.text] ?? []
            let name = "\(session.id)/\(message.number)"
            if copies.count > 1 {
                verdict.note(.duplicated, "\(name): \(copies.count) turns for one message")
            }
            guard let id = message.acceptedIDs.first else { continue }
            verdict.accepted += 1
            if message.acceptedIDs.count > 1 {
                verdict.note(.duplicated, "\(name): accepted under \(message.acceptedIDs.count) ids")
            }
            let finals = told[id] ?? []
            if !finals.isEmpty { verdict.answered += 1 }
            guard let turn = turnsByID[id], copies.contains(where: { $0.eventID == id }) else {
                verdict.note(.lost, "\(name): accepted as \(id) and not in the database")
                continue
            }
            let stored = ends[turn.seq] ?? []
            if stored.isEmpty || turn.finishedAt == nil {
                verdict.note(.lost, "\(name): turn \(id) is \(turn.status) and has \(stored.count) ends")
            } else if finals.isEmpty {
                verdict.note(.lost, "\(name): turn \(id) is \(turn.status), but its end never reached the client")
            }
            if stored.count > 1 { verdict.note(.duplicated, "\(name): turn \(id) has \(stored.count) ends") }
            if finals.count > 1 {
                verdict.note(.duplicated, "\(name): the end of \(id) was told \(finals.count) times")
            }
            check(turn, finals.first, stored.first, of: message, name)
        }
    }

    private mutating func check(
        _ turn: StoredTurn,
        _ told: ToldEvent?,
        _ stored: StoredEvent?,
        of message: ToldMessage,
        _ name: String
    ) {
        if turn.status != "completed" && turn.finishedAt != nil {
            verdict.note(.failed, "\(name): turn \(turn.turnID) is \(turn.status): \(turn.errorCode)")
            return
        }
        let texts = [told?.text, stored?.message].compactMap(\.self)
        for text in texts where !text.hasPrefix(LoadPlan.answer(to: message.text)) {
            verdict.note(.outOfOrder, "\(name): the answer is one to another message: \(text.prefix(80))")
        }
    }

    // MARK: In order

    private mutating func checkStream(of session: SessionTold) {
        for (earlier, later) in zip(session.stream, session.stream.dropFirst()) {
            let places = [(earlier.turn, earlier.index), (later.turn, later.index)]
            if places[0] == places[1] {
                verdict.note(.duplicated, "\(session.id): \(later.type) \(places[1]) was told twice in a row")
            } else if places[1] < places[0] {
                verdict.note(.outOfOrder, "\(session.id): \(later.type) \(places[1]) was told after \(places[0])")
            }
        }
        // What an attempt has said of its answer must be how the answer begins: no gap, no repeat, no other text.
        let answers = session.stream.filter { $0.type == "message" }
        for answer in answers {
            let deltas = session.stream.filter { $0.type == "delta" && $0.turnID == answer.turnID }
            for (attempt, pieces) in Dictionary(grouping: deltas, by: \.attempt) {
                let text = pieces.map(\.text).joined()
                if !answer.text.hasPrefix(text) {
                    let detail = "\(session.id): the pieces of \(answer.turnID), attempt \(attempt), are not its answer"
                    verdict.note(.outOfOrder, detail + ": \(text.prefix(80))")
                }
            }
        }
    }

    private mutating func checkStoredOrder(of session: SessionTold) {
        // Later copies of a message count as duplicated; in what order they came says nothing.
        let accepted = session.messages.compactMap { message in message.acceptedIDs.first }
        let places = accepted.compactMap { turnsByID[$0]?.seq }
        for (earlier, later) in zip(places, places.dropFirst()) where later <= earlier {
            verdict.note(.outOfOrder, "\(session.id): message \(later) was sent after message \(earlier)")
        }
        let turns = (turnsBySession[session.id] ?? []).sorted { $0.seq < $1.seq }
        for (earlier, later) in zip(turns, turns.dropFirst()) {
            guard let end = earlier.finishedAt, let start = later.startedAt, start < end else { continue }
            verdict.note(.outOfOrder, "\(session.id): turn \(later.seq) began before turn \(earlier.seq) ended")
        }
    }

    // MARK: Effects and charges

    private mutating func checkEffects() {
        for (turnID, runs) in Dictionary(grouping: history.toolRuns, by: \.turnID) where runs.count > 1 {
            verdict.note(.effectsDoubled, "turn \(turnID) called for one run and has \(runs.count)")
        }
        guard let effects = history.effects else { return }
        let calls = Dictionary(grouping: effects, by: \.label)
        for (label, calls) in calls {
            // A call that comes again under its key is known by it and has no second effect.
            let keys = Set(calls.map(\.key))
            let count = keys.subtracting([""]).count + calls.count { $0.key.isEmpty }
            if count > 1 { verdict.note(.effectsDoubled, "\(label): \(count) effects of one call") }
        }
        let runs = Dictionary(history.toolRuns.map { ($0.turnID, $0) }) { first, _ in first }
        for session in history.sessions {
            for message in session.messages where message.usesTool {
                guard let id = message.acceptedIDs.first, runs[id]?.status == "success" else { continue }
                let label = "\(session.id)/\(message.number)"
                if calls[label] == nil { verdict.note(.lost, "\(label): the tool answered and had no effect") }
            }
        }
    }

    private mutating func checkCharges() {
        let tools = Set(
            history.sessions.flatMap(\.messages).filter(\.usesTool).flatMap(\.acceptedIDs)
        )
        var recorded = 0
        for turn in history.turns {
            recorded += turn.tokens
            let calls = tools.contains(turn.turnID) ? 2 : 1
            let expected = calls * history.tokensPerCall
            if turn.tokens > expected || (turn.status == "completed" && turn.tokens < expected) {
                verdict.note(.chargedTwice, "turn \(turn.turnID) used \(turn.tokens) tokens in place of \(expected)")
            }
        }
        // A turn that has not ended is charged for its calls so far and records them at its end.
        let open = history.turns.count { $0.finishedAt == nil } * 2 * history.tokensPerCall
        let surplus = history.chargedTokens - recorded
        let difference = surplus < 0 ? -surplus : max(0, surplus - open)
        for _ in stride(from: 0, to: difference, by: max(1, history.tokensPerCall)) {
            verdict.note(.chargedTwice, "\(history.chargedTokens) tokens are charged, \(recorded) were used")
        }
    }
}
